"""A load: its results, how it is resumed, what it refuses, and its dry run."""

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading.tuning import LoadTuning
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


def ids(sandbox):
    return sorted(sandbox.calls()["userId"])


def test_a_file_is_loaded_and_every_row_is_answered(sandbox):
    people(25).to_parquet("people.parquet")
    result = load("people.parquet", sandbox.client)
    assert (result.phase, result.statuses, result.ok, result.undelivered) == ("done", {"delivered": 25}, True, None)
    assert ids(sandbox) == sorted(people(25)["user_id"])
    answers = result.frame()
    assert answers["row"].tolist() == list(range(25))
    assert set(answers["file"]) == {"people.parquet"}
    assert list(answers.columns) == [
        "file", "row", "status", "reason", "warning", "message_id", "bytes", "batch", "http_status", "attempts",
        "resent",
    ]  # fmt: skip
    assert answers["batch"].nunique() == result.requests == 3
    assert result.bytes == answers["bytes"].sum()


def test_the_rate_limit_holds_across_chunks(sandbox):
    people(50).to_parquet("people.parquet")
    slow = dataclasses.replace(sandbox.client, requests_per_second=20)
    result = load("people.parquet", slow)
    assert result.requests == 5
    assert result.seconds >= 4 / 20


def bad_people():
    frame = people(25)
    frame["email"] = "ada@example.com"
    frame.loc[[3, 17], "email"] = "nobody"
    frame.loc[20, "user_id"] = None
    return frame


def test_undelivered_rows_have_all_columns_and_can_be_corrected_and_loaded_again(sandbox):
    bad_people().assign(notes="not sent").to_parquet("people.parquet")
    result = load("people.parquet", sandbox.client, traits=["email", "plan"])
    assert result.statuses == {"delivered": 22, "invalid": 3}
    assert not result.ok
    assert not (result.undelivered.parent / ".undelivered").exists()
    undelivered = pd.read_parquet(result.undelivered)
    assert undelivered["_cio_row"].tolist() == [3, 17, 20]
    assert undelivered["_cio_reason"].tolist()[0] == "email: must be an email address"
    assert set(undelivered["notes"]) == {"not sent"}
    undelivered.loc[:, "email"] = "bob@example.com"
    undelivered.loc[2, "user_id"] = "u20"
    undelivered.to_parquet("mended.parquet")
    again = cio.load("mended.parquet", "identify", client=sandbox.client, output="again")
    assert again.statuses == {"delivered": 3}
    assert ids(sandbox) == sorted(people(25)["user_id"])
    assert not any(key.startswith("_cio") for traits in sandbox.calls()["traits"] for key in traits)


def test_a_csv_files_undelivered_rows_can_be_corrected_and_loaded_again(sandbox, folder):
    (folder / "orders.csv").write_text("user_id,total,timestamp\na,1.5,2020-01-01\nb,free,2020-01-02\n")
    options = {"client": sandbox.client, "event": "Order Completed"}
    result = cio.load("orders.csv", "track", output="out", **options)
    assert result.statuses == {"delivered": 1, "invalid": 1}
    undelivered = pd.read_parquet(result.undelivered)
    undelivered["total"] = "2.5"
    undelivered.to_parquet("mended.parquet")
    assert cio.load("mended.parquet", "track", output="again", **options).statuses == {"delivered": 1}
    assert sandbox.calls()["properties"].tolist() == [{"total": 1.5}, {"total": 2.5}]


def test_an_undelivered_row_keeps_its_message_id_when_it_is_loaded_again(sandbox):
    frame = pd.concat([people(2), people(2)])
    frame.to_parquet("people.parquet")
    with FaultServer([Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, retry_budget_seconds=1)
        result = load("people.parquet", client)
    assert result.statuses == {"unknown": 4}
    again = cio.load(result.undelivered, "identify", client=sandbox.client, output="again")
    assert again.frame()["message_id"].tolist() == result.frame()["message_id"].tolist()
    assert again.frame()["message_id"].nunique() == 4


def test_undelivered_rows_of_files_with_different_columns_are_in_one_file(sandbox, folder):
    (folder / "in").mkdir()
    bad_people().to_parquet("in/a.parquet")
    bad_people().drop(columns="n").assign(m=[[1]] * 25).to_parquet("in/b.parquet")
    undelivered = pd.read_parquet(load("in", sandbox.client).undelivered)
    assert len(undelivered) == 6
    assert undelivered["n"].notna().sum() == undelivered["m"].notna().sum() == 3


def test_equal_rows_of_different_chunks_have_ids_of_their_own(sandbox):
    frame = pd.concat([people(10), people(10), people(3)])
    frame.to_parquet("people.parquet")
    in_one = frame.cio.identify(client=sandbox.client, as_of="2026-11-27")["message_id"].tolist()
    loaded = load("people.parquet", sandbox.client, as_of="2026-11-27")
    assert loaded.frame()["message_id"].tolist() == in_one
    assert len(set(in_one)) == 23


def test_a_load_that_stopped_is_resumed_and_no_row_is_sent_twice(sandbox):
    people(35).to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        with pytest.raises(cio.AuthenticationError) as caught:
            load("people.parquet", client)
        stopped = caught.value.result
        assert stopped.statuses == {"delivered": 20, "unsent": 15}
        assert "Call it again with the same arguments to resume." in stopped.why
        sent = {call["userId"] for request in server.received[:2] for call in request.calls}
    # The endpoint is part of what a load is tied to, so the rest goes to a server at the same address.
    with FaultServer([Answer()], port=server.port) as server:
        result = load("people.parquet", client)
        rest = [call["userId"] for request in server.received for call in request.calls]
    assert result.statuses == {"delivered": 35}
    assert sorted([*sent, *rest]) == sorted(people(35)["user_id"])
    assert result.frame()["row"].tolist() == list(range(35))


def test_unknown_rows_are_sent_again_with_the_same_ids_by_the_next_run():
    people(10).to_parquet("people.parquet")
    with FaultServer([Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1)
        first = load("people.parquet", client)
    assert (first.phase, first.statuses, first.ok) == ("stopped", {"unknown": 10}, False)
    with FaultServer([Answer()], port=server.port) as server:
        second = load("people.parquet", client)
    assert (second.phase, second.statuses) == ("done", {"delivered": 10})
    assert second.frame()["message_id"].tolist() == first.frame()["message_id"].tolist()
    assert second.frame()["attempts"].tolist() == [2] * 10
    assert (second.resent, second.frame()["resent"].all(), second.requests) == (10, True, 2)
    assert second.undelivered is None
    assert not (second.results.parent / "undelivered.parquet").exists()


def test_a_row_that_never_left_is_not_counted_as_resent():
    people(10).to_parquet("people.parquet")
    with FaultServer() as server:
        pass
    client = cio.Client(write_key="k", endpoint=server.url, attempts=1)
    assert load("people.parquet", client).statuses == {"unsent": 10}
    with FaultServer([Answer()], port=server.port):
        second = load("people.parquet", client)
    assert (second.statuses, second.resent) == ({"delivered": 10}, 0)


def test_ids_do_not_depend_on_which_chunks_were_done_before():
    frame = pd.concat([people(10)] * 3)
    frame.to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(500), Answer()]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, workers=1)
        assert load("people.parquet", client).statuses == {"delivered": 20, "unknown": 10}
    with FaultServer([Answer()], port=server.port):
        result = load("people.parquet", client)
        in_one = frame.cio.identify(client=client, as_of=result.as_of)["message_id"].tolist()
    assert result.statuses == {"delivered": 30}
    assert result.frame()["message_id"].tolist() == in_one


def test_a_load_that_is_done_sends_nothing_again(sandbox):
    people(3).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    again = load("people.parquet", sandbox.client)
    assert (again.phase, again.statuses, len(sandbox.calls())) == ("done", {"delivered": 3}, 3)
    assert "nothing was sent now" in again.why
    assert load("people.parquet", sandbox.client, fresh=True).why == ""
    assert len(sandbox.calls()) == 6


def stop_in_the_middle(**options):
    with FaultServer([Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        with pytest.raises(cio.AuthenticationError):
            load("people.parquet", client, **options)
    return client


def test_a_source_that_has_changed_is_refused_with_what_changed():
    people(25).to_parquet("people.parquet")
    client = stop_in_the_middle()
    people(26).to_parquet("people.parquet")
    with pytest.raises(cio.ConfigurationError, match=r"people.parquet has changed.*fresh=True"):
        load("people.parquet", client)


def test_columns_that_have_changed_are_refused_with_what_changed():
    people(25).to_parquet("people.parquet")
    client = stop_in_the_middle()
    with pytest.raises(cio.ConfigurationError, match=r"columns \{\} -> \{'traits': \['plan'\]\}"):
        load("people.parquet", client, traits=["plan"])


def test_a_tracking_plan_that_has_changed_under_its_name_is_refused(sandbox, folder):
    people(3).to_parquet("people.parquet")
    plan = folder / "plan.yaml"
    plan.write_text("properties: {traits: {properties: {plan: {enum: [free, team]}}}}")
    load("people.parquet", sandbox.client, schema=plan)
    assert load("people.parquet", sandbox.client, schema=plan).phase == "done"
    plan.write_text("properties: {traits: {properties: {plan: {enum: [team]}}}}")
    with pytest.raises(cio.ConfigurationError, match=r"'plan\.yaml, content \w{8}' -> 'plan\.yaml, content"):
        load("people.parquet", sandbox.client, schema=plan)


def test_a_load_to_one_workspace_is_not_taken_for_done_in_another():
    people(3).to_parquet("people.parquet")
    with FaultServer([Answer()]) as server:
        one = cio.Client(write_key="one-workspace", endpoint=server.url)
        load("people.parquet", one)
        other = dataclasses.replace(one, write_key="another-workspace")
        with pytest.raises(cio.ConfigurationError, match=r"write key is another one.*workspace.*fresh=True") as error:
            load("people.parquet", other)
        assert "one-workspace" not in str(error.value)
        assert len(server.received) == 1
        assert load("people.parquet", other, fresh=True).statuses == {"delivered": 3}
        with pytest.raises(cio.ConfigurationError, match="the write key is another one"):
            load("people.parquet", one)


def test_a_load_is_resumed_with_another_key_after_the_api_refused_the_first():
    people(25).to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(401), Answer()]) as server:
        old = cio.Client(write_key="revoked", endpoint=server.url, workers=1, attempts=1)
        with pytest.raises(cio.AuthenticationError):
            load("people.parquet", old)
        new = dataclasses.replace(old, write_key="renewed")
        assert load("people.parquet", new).statuses == {"delivered": 25}
        with pytest.raises(cio.ConfigurationError, match="the write key is another one"):
            load("people.parquet", old)


def test_frames_that_have_changed_are_refused():
    with FaultServer([Answer(), Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, max_body_bytes=40_000, workers=1)
        wide = people(30).assign(bio="x" * 2_000)
        in_one = LoadTuning(chunk_rows=30)
        first = load([wide], client, tuning=in_one)
        assert first.statuses["unknown"] > 0
        with pytest.raises(cio.ConfigurationError, match="other content now"):
            load([wide.assign(plan="team")], client, tuning=in_one)


RECENT = pd.Timestamp.now("UTC").floor("s")


def seen(times):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(times))], "timestamp": times})


@pytest.mark.parametrize("through", ["file", "frames", "generator"])
def test_events_that_can_start_campaigns_need_allow_campaigns(sandbox, through):
    frame = seen([pd.Timestamp("2020-01-01", tz="UTC"), RECENT, None])
    frame.to_parquet("seen.parquet")
    source = {"file": "seen.parquet", "frames": [frame], "generator": (each for each in [frame])}[through]
    with pytest.raises(cio.CampaignsError, match=r"1 younger than 72 hours, 1 without.*allow_campaigns=True"):
        cio.load(source, "page", client=sandbox.client, output="out")
    assert len(sandbox.calls()) == 0
    again = "seen.parquet" if through == "file" else [frame]
    done = cio.load(again, "page", client=sandbox.client, output="other", allow_campaigns=True)
    assert done.statuses == {"delivered": 3}


def test_without_a_timestamp_every_event_is_of_now(sandbox):
    people(3).to_parquet("people.parquet")
    with pytest.raises(cio.CampaignsError, match="3 rows"):
        cio.load("people.parquet", "track", "Seen", client=sandbox.client)


def test_old_events_and_people_need_no_permission(sandbox):
    seen(["2020-01-01"] * 2).to_parquet("seen.parquet")
    assert cio.load("seen.parquet", "page", client=sandbox.client).ok
    assert cio.load("seen.parquet", "identify", client=sandbox.client).ok


def test_a_dry_run_reads_everything_and_sends_nothing(sandbox, folder):
    frame = seen([pd.Timestamp("2020-01-01", tz="UTC")] * 20 + [RECENT, None]).assign(bio="x")
    frame.loc[3, "bio"] = "x" * 33_000
    frame.loc[4, "user_id"] = None
    frame.to_parquet("seen.parquet")
    found = load("seen.parquet", call="track", event="Seen", dry_run=True)
    assert found.statuses == {"ready": 20, "too_large": 1, "invalid": 1}
    assert ("invalid", "user_id: required value is missing") in found.reasons
    assert (found.requests, found.least_seconds) == (3, 0.003)
    assert found.recent == {"Seen": 2}
    assert (found.earliest.year, found.latest) == (2020, RECENT)
    assert sorted(path.name for path in folder.iterdir()) == ["seen.parquet"]
    assert len(sandbox.requests()) == 0


def test_a_file_in_place_of_the_output_folder_is_refused_before_anything_is_sent(sandbox, folder):
    people(3).to_parquet("people.parquet")
    (folder / "out").write_text("a file in the way")
    with pytest.raises(
        cio.ConfigurationError, match=r"Cannot use the ledger .*exists\. Free disk space.* Call it again"
    ):
        load("people.parquet", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_on_invalid_raise_sends_nothing(sandbox):
    bad_people().to_parquet("people.parquet")
    with pytest.raises(cio.InvalidRowsError, match="3 of 25 rows cannot be sent, and nothing was"):
        load("people.parquet", sandbox.client, on_invalid="raise")
    assert len(sandbox.calls()) == 0


def test_rows_that_keep_a_load_from_starting_are_named_by_file_and_position(sandbox, folder):
    (folder / "in").mkdir()
    people(3).to_parquet("in/a.parquet")
    frame = people(25).assign(bio="x")
    frame.loc[[1, *range(12, 18)], "user_id"] = None
    frame.loc[[0, 20], "bio"] = ["x" * 33_000, "x" * 33_001]
    frame.to_parquet("in/b.parquet")
    with pytest.raises(cio.InvalidRowsError) as error:
        load("in", sandbox.client, on_invalid="raise")
    missing = "user_id: required value is missing"
    assert str(error.value).startswith(
        "9 of 28 rows cannot be sent, and nothing was. The first, counted from 0, is row 0 of in/b.parquet: call is"
    )
    assert ".report.first_held_back" in str(error.value)
    report = pickle.loads(pickle.dumps(error.value)).report
    assert [row.row for row in report.first_held_back] == [0, 1, 12, 13, 14, 15, 20]
    assert {row.file for row in report.first_held_back} == {"in/b.parquet"}
    assert report.first_held_back[1] == ("in/b.parquet", 1, "invalid", missing)
    assert report.as_dict()["first_held_back"][1] == {
        "file": "in/b.parquet", "row": 1, "status": "invalid", "reason": missing,
    }  # fmt: skip
    assert cio.load("in", "identify", dry_run=True).first_held_back == report.first_held_back
    assert load("in", sandbox.client).first_held_back == ()


def test_of_many_reasons_for_holding_rows_back_only_some_are_listed(sandbox):
    fine, bad = people(2), people(2, 2).assign(user_id=None)
    frames = [fine, bad.assign(user_id=["ada", None], email="no"), bad]
    with pytest.raises(cio.InvalidRowsError, match=r"The first, counted from 0, is row 2: email: ") as error:
        load(frames, sandbox.client, on_invalid="raise", tuning=LoadTuning(reasons_listed=1))
    assert error.value.report.statuses == {"ready": 2, "invalid": 4}
    assert [(row.file, row.row) for row in error.value.report.first_held_back] == [(None, 2)]


def test_reports_are_for_people_and_programs(sandbox):
    bad_people().to_parquet("people<i>.parquet")
    result = load("people<i>.parquet", sandbox.client)
    result.to_report("report.json")
    result.to_report("report.html")
    assert json.loads(Path("report.json").read_text())["statuses"] == {"delivered": 22, "invalid": 3}
    page = Path("report.html").read_text()
    assert "22 of 25 rows were delivered" in page
    assert "nobody" not in page


def test_numpy_and_arrow_columns_are_kept_in_undelivered_rows(sandbox):
    frame = bad_people().assign(tags=[np.array(["a"])] * 25, size=pd.array([1.5] * 25, dtype="Float64"))
    frame["when"] = pd.Timestamp("2026-01-01", tz="Europe/Berlin")
    result = load([frame], sandbox.client)
    schema = pq.read_schema(result.undelivered)
    assert schema.field("when").type == pa.timestamp("us", "Europe/Berlin") or pa.types.is_timestamp(
        schema.field("when").type
    )
    assert pa.types.is_list(schema.field("tags").type)
