"""Faults on demand: which requests fail, and what a client sees."""

import socket
import threading
import time

import pandas as pd
import pytest
import requests

import cio_frames as cio
from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.faults import FaultInjector, FaultRule, parse_duration

TRACK = {"userId": "7", "event": "Seen"}


def post(sandbox, *, timeout=5, session=requests):
    return session.post(f"{sandbox.url}/v1/track", json=TRACK, auth=("sandbox", ""), timeout=timeout)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("429", FaultRule(status=429)),
        ("429:0.1", FaultRule(status=429, share=0.1)),
        ("503@0", FaultRule(status=503, first=0, last=0)),
        ("503@2-4", FaultRule(status=503, first=2, last=4)),
        ("reset:.5", FaultRule(connection="reset", share=0.5)),
        ("hang@7", FaultRule(connection="hang", first=7, last=7)),
        ("cut", FaultRule(connection="cut", accepted=True)),
        (" 500:1,accepted , retry-after=2", FaultRule(status=500, accepted=True, retry_after="2")),
        ("429,retry-after=Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_a_fault_is_parsed(text, rule):
    if rule is None:
        with pytest.raises(ConfigurationError):
            FaultRule.parse(text)
    else:
        assert FaultRule.parse(text) == rule


@pytest.mark.parametrize(
    "text", ["", "200", "600", "late", "429:2", "429:", "429@", "429@x", "429,", "429,now", "cut,retry-after="]
)
def test_an_invalid_fault_is_an_error_with_an_example(text):
    with pytest.raises(ConfigurationError, match=r"faults= must be a status.*429:0\.1,retry-after=2"):
        Sandbox(faults=[text])


def test_the_same_seed_hits_the_same_requests_and_another_seed_hits_others():
    hits = [[n for n in range(1000) if FaultInjector(["503:0.1"], seed=seed).fault_for(n)] for seed in (1, 1, 2)]
    assert hits[0] == hits[1] != hits[2]
    assert 60 < len(hits[0]) < 140


def test_each_fault_has_its_own_chance_and_the_first_one_wins():
    faults = FaultInjector(["503:0.5", "reset:0.5"])
    found = pd.Series([faults.fault_for(number) for number in range(1000)])
    assert 430 < found.map(lambda each: each is not None and each.status == 503).sum() < 570
    assert 190 < found.map(lambda each: each is not None and each.connection == "reset").sum() < 310


def test_a_status_fault_hits_requests_by_number_and_accepts_no_call():
    with Sandbox(faults=["429@0,retry-after=2", "503@2"]) as sandbox:
        answers = [post(sandbox) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 200, 503, 200]
    assert answers[0].headers["Retry-After"] == "2"
    assert "Retry-After" not in answers[2].headers
    assert answers[0].json() == {"meta": {"errors": ["fault on demand"]}}
    assert sandbox.requests()["status"].tolist() == [429, 200, 503, 200]
    assert sandbox.calls()["request"].tolist() == [1, 3]


def test_an_accepted_fault_responds_with_an_error_and_accepts_the_call():
    with Sandbox(faults=["522@0,accepted"], error_body="code") as sandbox:
        answer = post(sandbox)
    assert (answer.status_code, answer.json()) == (522, {"code": "522", "message": "fault on demand"})
    assert len(sandbox.calls()) == 1


def test_request_numbers_continue_after_a_restart():
    sandbox = Sandbox(faults=["503@1"])
    with sandbox:
        assert post(sandbox).status_code == 200
    with sandbox:
        assert post(sandbox).status_code == 503


def test_reset_resets_the_connection_and_the_next_request_succeeds(capfd, caplog):
    with Sandbox(faults=["reset@0"]) as sandbox:
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=5) as wire:
            wire.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            with pytest.raises(ConnectionResetError):
                wire.recv(100)
        assert post(sandbox).status_code == 200
    assert sandbox.requests()["status"].tolist() == [0, 200]
    assert len(sandbox.calls()) == 1
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_cut_ends_the_response_early_and_accepts_the_call(capfd, caplog):
    with Sandbox(faults=["cut@0"]) as sandbox, pytest.raises(requests.ConnectionError):
        post(sandbox)
    assert (sandbox.requests()["status"].tolist(), len(sandbox.calls())) == ([200], 1)
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_hang_sends_no_response_until_the_client_disconnects_or_the_sandbox_stops(capfd, caplog):
    sandbox = Sandbox(faults=["hang@0-1"]).start()
    with pytest.raises(requests.Timeout):
        post(sandbox, timeout=0.2)
    errors = []

    def wait():
        with pytest.raises(requests.ConnectionError) as caught:
            post(sandbox, timeout=30)
        errors.append(caught)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while len(sandbox.requests()) < 2:
        time.sleep(0.01)
    sandbox.stop()
    waiting.join(timeout=20)
    assert not waiting.is_alive()
    assert len(errors) == 1
    assert sandbox.calls().empty
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_the_latency_delays_every_response():
    with Sandbox(latency_seconds=0.1) as sandbox:
        started = time.monotonic()
        post(sandbox)
        assert time.monotonic() - started > 0.1


@pytest.mark.parametrize(("text", "value"), [("30ms", 0.03), ("0.5 s", 0.5), ("2s", 2.0)])
def test_a_duration_is_parsed(text, value):
    assert parse_duration(text) == value


@pytest.mark.parametrize("text", ["30", "fast", "-3ms", "ms", "1m"])
def test_an_invalid_duration_is_an_error_with_an_example(text):
    with pytest.raises(ConfigurationError, match="30ms"):
        parse_duration(text)


# With df.cio the result frame and the sandbox agree, whatever the fault.

PEOPLE = pd.DataFrame({"user_id": [f"p{number}" for number in range(60)]})


def identify_people(faults, **client):
    with Sandbox(faults=faults, seed=15) as sandbox:
        settings = {
            "endpoint": sandbox.url,
            "write_key": "sandbox",
            "max_call_bytes": 500,
            "max_body_bytes": 1_500,
            "read_timeout_seconds": 1,
        }
        result = PEOPLE.cio.identify(client=cio.Client(**(settings | client)))
    return result, sandbox


@pytest.mark.parametrize(
    "faults", [["503:0.3"], ["429:0.3,retry-after=0"], ["reset:0.3"], ["cut:0.3"], ["503:0.2,accepted", "reset:0.2"]]
)
def test_delivery_retries_until_everyone_is_delivered(faults):
    result, sandbox = identify_people(faults, attempts=20)
    assert result["status"].unique().tolist() == ["delivered"]
    assert set(sandbox.people()["userId"]) == set(PEOPLE["user_id"])
    assert len(sandbox.requests()) > result["batch"].nunique()


def test_delivery_never_reports_delivered_for_a_cut_response():
    result, sandbox = identify_people(["cut"], attempts=1)
    assert "unknown" in set(result["status"]) <= {"unknown", "unsent"}
    assert len(sandbox.people()) > 0


def test_delivery_reports_unknown_without_a_response():
    result, sandbox = identify_people(["hang@0"], attempts=1, workers=1, read_timeout_seconds=0.3)
    assert set(result["status"]) == {"unknown", "delivered"}
    delivered = set(PEOPLE.loc[result["status"].eq("delivered").to_numpy(), "user_id"])
    assert set(sandbox.people()["userId"]) == delivered
