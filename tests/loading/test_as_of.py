"""The message ids of a load's calls without a timestamp: repeated by a resume, others on another day."""

import datetime as dt

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from cio_frames.loading.ledger import Ledger
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def digests_due():
    """Three events without a time, in a file; the same ones are due every week."""
    pd.DataFrame({"user_id": ["u1", "u2", "u3"]}).to_csv("due.csv", index=False)
    return "due.csv"


def events(result):
    return result.frame()["message_id"].tolist()


def send(source, client, **options):
    return load(source, client, call="track", event="Weekly Digest Due", **{"allow_campaigns": True, **options})


def test_a_load_that_starts_over_sends_other_calls(sandbox, digests_due):
    first = send(digests_due, sandbox.client)
    ids = events(first)
    again = send(digests_due, sandbox.client, fresh=True)
    assert not set(ids) & set(events(again))
    assert first.as_of != again.as_of
    assert len(sandbox.calls()) == 6


def test_a_given_moment_is_kept_when_a_load_starts_over(sandbox, digests_due):
    ids = events(send(digests_due, sandbox.client, as_of="2026-11-27"))
    again = send(digests_due, sandbox.client, as_of=dt.date(2026, 11, 27), fresh=True)
    assert events(again) == ids
    assert again.as_of == "2026-11-27T00:00:00.000Z"


def test_a_load_that_is_done_is_done_at_the_same_moment_and_a_new_run_at_another(sandbox, digests_due):
    first = send(digests_due, sandbox.client, as_of="2026-11-27")
    ids = events(first)
    same = send(digests_due, sandbox.client, as_of="2026-11-27T00:00Z")
    assert "was done before" in same.why
    assert same.as_of == first.as_of
    assert "was done before" in send(digests_due, sandbox.client).why
    assert len(sandbox.calls()) == 3
    other = send(digests_due, sandbox.client, as_of="2026-11-28")
    assert other.statuses == {"delivered": 3}
    assert not set(ids) & set(events(other))
    assert len(sandbox.calls()) == 6


def test_a_new_run_at_another_moment_may_have_another_file_and_asks_about_campaigns_again(sandbox, digests_due):
    send(digests_due, sandbox.client, as_of="2026-11-27")
    pd.DataFrame({"user_id": ["u1", "u4"]}).to_csv("due.csv", index=False)
    with pytest.raises(cio.CampaignsError):
        send(digests_due, sandbox.client, as_of="2026-11-28", allow_campaigns=False)
    assert send(digests_due, sandbox.client, as_of="2026-11-28").statuses == {"delivered": 2}
    pd.DataFrame({"user_id": ["u5"]}).to_csv("due.csv", index=False)
    with pytest.raises(cio.ConfigurationError, match=r"due\.csv has changed"):
        send(digests_due, sandbox.client, as_of="2026-11-28")


@pytest.mark.parametrize("as_of", [None, "2026-11-27"])
def test_a_load_that_stopped_is_resumed_with_the_ids_that_it_began_with(digests_due, as_of):
    pd.DataFrame({"user_id": [f"u{row}" for row in range(25)]}).to_csv("due.csv", index=False)
    with FaultServer([Answer(), Answer(503), Answer(503), Answer(503)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1, attempts=1)
        stopped = send(digests_due, client, as_of=as_of)
    assert stopped.phase == "stopped"
    began = {call["userId"]: call["messageId"] for request in server.received for call in request.calls}
    with FaultServer([Answer()], port=server.port) as server:
        done = send(digests_due, client)
    assert (done.phase, done.as_of) == ("done", stopped.as_of)
    resumed = {call["userId"]: call["messageId"] for request in server.received for call in request.calls}
    assert resumed
    assert {**began, **resumed} == {**resumed, **began}
    assert len(set(events(done))) == 25
    assert loads_in(done.ledger)["as_of"].tolist() == [done.as_of]


def test_a_load_that_stopped_is_not_resumed_at_another_moment(digests_due):
    with FaultServer([Answer(503)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1)
        assert send(digests_due, client, as_of="2026-11-27").phase == "stopped"
        with pytest.raises(cio.ConfigurationError, match=r"as_of '2026-11-27T00:00:00\.000Z' -> '2026-11-28T00"):
            send(digests_due, client, as_of="2026-11-28")


def test_frames_of_a_load_that_is_done_are_compared_with_the_ids_that_it_had(sandbox):
    frames = [pd.DataFrame({"user_id": ["u1", "u2"]}), pd.DataFrame({"user_id": ["u1"]})]
    assert send(frames, sandbox.client).statuses == {"delivered": 3}
    assert "was done before" in send(frames, sandbox.client).why


def test_a_retry_of_a_load_elsewhere_repeats_its_ids(sandbox, digests_due):
    first = send(digests_due, sandbox.client)
    again = send(digests_due, sandbox.client, as_of=first.as_of, output="elsewhere")
    assert events(again) == events(first)


def test_ids_of_calls_with_a_timestamp_do_not_depend_on_the_run(sandbox):
    pd.DataFrame({"user_id": ["u1", "u2"], "timestamp": ["2020-01-01", "1960-01-01"]}).to_csv("past.csv", index=False)
    ids = events(send("past.csv", sandbox.client))
    assert events(send("past.csv", sandbox.client, fresh=True, as_of="2026-11-27")) == ids


def test_a_moment_does_not_move_the_edge_of_campaigns_nor_set_a_timestamp(sandbox, digests_due):
    with pytest.raises(cio.CampaignsError):
        send(digests_due, sandbox.client, as_of="2020-01-01", allow_campaigns=False)
    send(digests_due, sandbox.client, as_of="2020-01-01")
    assert sandbox.calls()["timestamp"].isna().all()


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_not_a_moment_is_refused_before_a_file_is_written(sandbox, digests_due, folder, dry_run):
    with pytest.raises(cio.FrameError, match=r"as_of= must be a date or time"):
        send(digests_due, sandbox.client, as_of="last week", dry_run=dry_run)
    assert sorted(path.name for path in folder.iterdir()) == ["due.csv"]


def test_a_dry_run_has_no_moment(digests_due):
    assert send(digests_due, dry_run=True, client=None).as_of is None


def test_a_ledger_of_another_version_of_message_ids_is_not_resumed(digests_due, folder):
    with FaultServer([Answer(503)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1)
        send(digests_due, client)
    with Ledger(folder / "out" / "ledger.sqlite") as ledger:
        (source,) = ledger.sources()
        record = ledger.find_load(source, "track", "Weekly Digest Due")
        ledger.set_fingerprint(record.load, {**record.fingerprint, "message_id_version": 0})
    with pytest.raises(cio.ConfigurationError, match="message_id_version 0 -> 1"):
        send(digests_due, client)
