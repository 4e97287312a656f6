"""Official clients, unchanged, against the sandbox: they report no error, and the sandbox keeps what they sent."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cio_frames.sandbox import Sandbox

NODE = Path(__file__).parent.parent / "node"
KINDS = ["identify", "track", "page", "screen", "group", "alias"]
NOT_HERE = "the official Python clients are not installed: pip install 'cio-frames[outside]'"
CLIENTS = {
    "customerio-cdp-analytics": pytest.importorskip("customerio.analytics", reason=NOT_HERE).Client,
    "segment-analytics-python": pytest.importorskip("segment.analytics", reason=NOT_HERE).Client,
}


@pytest.fixture(params=CLIENTS)
def client_of(request):
    """Create a client, with a list of the errors in its thread."""
    made = []

    def make(sandbox, **options):
        errors = []
        client = CLIENTS[request.param](
            "sandbox",
            host=sandbox.url,
            on_error=lambda error, batch: errors.append(error),
            upload_interval=0.05,
            max_retries=2,
            **options,
        )
        made.append(client)
        return client, errors

    yield make
    for client in made:
        client.shutdown()


def send_each(client):
    """Send one call of each kind; return the messages as the client has them."""
    results = [
        client.identify("ada", {"email": "ada@example.test", "name": "Ada ÅÄÖ \u2028", "big": 9007199254740993}),
        client.track("ada", "Order Completed", {"total": 29.5, "items": [1, None, "x"]}),
        client.page(anonymous_id="visitor", name="Pricing"),
        client.screen("ada", name="Start"),
        client.group("ada", "acme", {"seats": 3}),
        client.alias("visitor", "ada"),
    ]
    client.flush()
    return [result[1] if isinstance(result, tuple) else result for result in results]


def kept(sandbox):
    """Return the calls that the sandbox keeps, with the fields that each has."""
    calls = sandbox.calls().drop(columns=["receivedAt", "request"])
    return [{name: value for name, value in call.items() if value is not None} for call in calls.to_dict("records")]


def as_kept(sandbox, messages):
    """Return messages with the fields that the sandbox shows; a client may send others and nulls."""
    shown = set(sandbox.calls().columns)
    return [{name: value for name, value in call.items() if name in shown and value is not None} for call in messages]


@pytest.mark.parametrize("gzip", [False, True])
def test_a_python_client_reports_no_error_and_its_messages_are_kept(client_of, gzip):
    with Sandbox() as sandbox:
        client, errors = client_of(sandbox, gzip=gzip)
        messages = send_each(client)
        client.join()
    assert errors == []
    assert [call["type"] for call in kept(sandbox)] == KINDS
    assert kept(sandbox) == as_kept(sandbox, messages)
    assert sandbox.problems().empty
    assert sandbox.people()[["userId", "email"]].to_numpy().tolist() == [["ada", "ada@example.test"]]
    assert sandbox.events()["event"].tolist() == ["Order Completed", "Pricing", "Start"]
    assert sandbox.objects()["objectId"].tolist() == ["acme"]


@pytest.mark.parametrize("fault", ["503@0,accepted", "cut@0"])
def test_a_python_client_that_retries_repeats_its_message_ids(client_of, fault):
    with Sandbox(faults=[fault]) as sandbox:
        client, errors = client_of(sandbox)
        client.track("ada", "Order Completed")
        client.flush()
        client.join()
    assert errors == []
    assert sandbox.calls()["messageId"].nunique() == 1
    assert len(sandbox.calls()) == 2


def sent_by_node(*arguments, script="send.mjs"):
    """Run an official Node client; return the calls that it sent, and its errors."""
    installed = shutil.which("node") is not None and (NODE / "node_modules").exists()
    if not installed and not os.environ.get("CI"):
        pytest.skip("the official Node client is not installed: install node, then run npm ci --prefix tests/node")
    run = subprocess.run(
        ["node", str(NODE / script), *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    lines = [json.loads(line) for line in run.stdout.strip().split("\n")]
    calls = [call for line in lines if "body" in line for call in json.loads(line["body"])["batch"]]
    return calls, [line["error"] for line in lines if "error" in line]


def test_the_official_node_client_reports_no_error_and_its_messages_are_kept():
    with Sandbox() as sandbox:
        calls, errors = sent_by_node(sandbox.url, "sandbox")
    assert errors == []
    assert [call["type"] for call in calls] == KINDS
    assert kept(sandbox) == as_kept(sandbox, calls)
    assert sandbox.problems().empty
    assert sandbox.people()[["userId", "anonymousId"]].to_numpy().tolist() == [["ada", None]]


def test_the_official_node_client_gets_past_faults():
    with Sandbox(faults=["503@0"]) as sandbox:
        _, errors = sent_by_node(sandbox.url, "sandbox")
    assert errors == []
    assert sandbox.requests()["status"].tolist()[:1] == [503]
    assert sorted(set(sandbox.calls()["type"])) == sorted(KINDS)


@pytest.mark.parametrize("strict", ["strict", ""])
def test_the_pipelines_client_of_customerio_node_reports_no_error_and_what_it_sends_is_kept(strict):
    with Sandbox(faults=["503@0,retry-after=0"]) as sandbox:
        calls, errors = sent_by_node(sandbox.url, "sandbox", strict, script="send_pipelines.mjs")
    assert sandbox.requests()["status"].tolist() == [503, *[200] * 7, 400 if strict else 200]
    sent = as_kept(sandbox, calls)
    assert [{name: call[name] for name in each} for call, each in zip(kept(sandbox), sent, strict=True)] == sent
    assert set(sandbox.requests()["strict"]) == {bool(strict)}
    assert sandbox.people()[["userId", "email"]].to_numpy().tolist()[0] == ["ada", "ada@example.test"]
    assert [reason for reason in sandbox.problems()["reason"] if "timestamp" in reason] == [
        "timestamp: must be an ISO 8601 date-time"
    ]
    assert len(errors) == (1 if strict else 0)
    assert all("400" in error and "timestamp: must be an ISO 8601" in error for error in errors)
