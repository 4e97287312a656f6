"""A load: what it reads, what it writes, and how it is resumed."""

import dataclasses
import gzip
import json
import pickle
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading import file_systems, loads_in
from cio_frames.loading.ledger import Ledger
from cio_frames.loading.open_source import source_of
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
    loaded = load("people.parquet", sandbox.client)
    assert (loaded.phase, loaded.statuses, loaded.ok, loaded.undelivered) == ("done", {"delivered": 25}, True, None)
    assert ids(sandbox) == sorted(people(25)["user_id"])
    answers = loaded.frame()
    assert answers["row"].tolist() == list(range(25))
    assert set(answers["file"]) == {"people.parquet"}
    assert list(answers.columns) == [
        "file", "row", "status", "reason", "message_id", "bytes", "batch", "http_status", "attempts", "resent",
    ]  # fmt: skip
    assert answers["batch"].nunique() == loaded.requests == 3
    assert loaded.bytes == answers["bytes"].sum()


def test_the_rate_limit_holds_across_chunks(sandbox):
    people(50).to_parquet("people.parquet")
    slow = dataclasses.replace(sandbox.client, requests_per_second=20)
    loaded = load("people.parquet", slow)
    assert loaded.requests == 5
    assert loaded.seconds >= 4 / 20


@pytest.mark.parametrize("groups", [3, 10, 7, 100])
def test_rows_are_the_same_however_a_file_is_cut_into_row_groups(sandbox, groups):
    people(35).to_parquet("people.parquet", row_group_size=groups)
    answers = load("people.parquet", sandbox.client).frame()
    assert answers["row"].tolist() == list(range(35))
    assert ids(sandbox) == sorted(people(35)["user_id"])


def test_a_folder_is_loaded_with_what_its_folders_say(sandbox, folder):
    for country, year, first in (("de", 2025, 0), ("fr", 2026, 5)):
        path = folder / f"in/country={country}/year={year}"
        path.mkdir(parents=True)
        people(5, first).to_parquet(path / "part.parquet")
    (folder / "in/_SUCCESS").touch()
    (folder / "in/.hidden.parquet").touch()
    (folder / "in/notes.txt").touch()
    loaded = load(folder / "in", sandbox.client)
    assert loaded.statuses == {"delivered": 10}
    traits = {call["userId"]: call["traits"] for call in sandbox.calls().to_dict("records")}
    assert traits["u0"] == {"plan": "free", "n": 0, "country": "de", "year": 2025}
    assert traits["u5"]["country"] == "fr"


@pytest.mark.parametrize("ledger", [None, "elsewhere.sqlite"])
def test_answers_of_an_earlier_load_inside_a_source_are_no_data(sandbox, folder, ledger):
    (folder / "in").mkdir()
    people(3).to_parquet("in/people.parquet")
    cio.load("in/people.parquet", "identify", client=sandbox.client, output="in/answers", ledger=ledger)
    if ledger is None:
        (folder / "in/answers/undelivered.parquet").write_bytes(b"")
    else:
        (folder / "in/answers/undelivered.parquet").mkdir()
        (folder / "in/answers/undelivered.parquet/part-00000.parquet").write_bytes(b"")
    people(2, first=3).to_parquet("in/answers/more.parquet")
    assert cio.load("in", "identify", dry_run=True).rows == 5
    assert cio.load("in/**/*.parquet", "identify", dry_run=True).rows == 5
    assert cio.load("in/*/results/part-00000.parquet", "identify", user_id="message_id", dry_run=True).rows == 3


def test_a_folder_of_a_name_like_ours_is_data(folder):
    (folder / "in/results").mkdir(parents=True)
    people(3).to_parquet("in/results/part-00000.parquet")
    assert cio.load("in", "identify", dry_run=True).rows == 3


@pytest.mark.parametrize("output", ["in", "."])
def test_a_source_that_is_all_where_the_answers_go_is_refused_with_the_cause(sandbox, folder, output):
    (folder / "in").mkdir()
    people(3).to_parquet("in/people.parquet")
    with pytest.raises(cio.FrameError, match=r"in .*the folder for the results of this load.*output="):
        cio.load("in", "identify", client=sandbox.client, output=output)


def test_a_folder_with_nothing_but_answers_is_refused_with_the_cause(sandbox, folder):
    people(3).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    with pytest.raises(cio.FrameError, match="except the results of an earlier load"):
        cio.load("out", "identify", dry_run=True)


def test_a_pattern_is_loaded(sandbox, folder):
    (folder / "in/deep").mkdir(parents=True)
    people(2).to_parquet("in/a.parquet")
    people(2, 2).to_csv("in/deep/b.csv", index=False)
    people(2, 4).to_csv("in/deep/c.csv.gz", index=False)
    assert load("in/*.parquet", sandbox.client).rows == 2
    loaded = cio.load("in/**/*.csv*", "identify", client=sandbox.client, output="other")
    assert loaded.statuses == {"delivered": 4}
    assert set(loaded.frame()["file"]) == {"in/deep/b.csv", "in/deep/c.csv.gz"}


def test_a_csv_column_is_one_kind_in_all_chunks(sandbox):
    rows = [f"u{row},{row},{row}.5,true" for row in range(15)] + ["u15,007,x,maybe"]
    with gzip.open("people.csv.gz", "wt") as file:
        file.write("\n".join(["user_id,code,size,flag", *rows]))
    load("people.csv.gz", sandbox.client)
    traits = {call["userId"]: call["traits"] for call in sandbox.calls().to_dict("records")}
    assert traits["u0"] == {"code": "0", "size": "0.5", "flag": "true"}


def test_an_address_of_another_file_system_is_loaded(sandbox):
    import fsspec

    with fsspec.open("memory://bucket/in/people.parquet", "wb") as file:
        people(3).to_parquet(file)
    assert load("memory://bucket/in/", sandbox.client).statuses == {"delivered": 3}


def test_an_unsupported_url_scheme_is_refused_with_the_remedy(sandbox):
    with pytest.raises(cio.ConfigurationError, match=r"Unsupported URL scheme 'xyz://'\. Install fsspec"):
        load("xyz://bucket/in/", sandbox.client)


@pytest.mark.parametrize(
    ("scheme", "module", "words"),
    [("abfs", "adlfs", "Install adlfs"), ("sftp", "paramiko", 'requires "paramiko" to be installed')],
)
def test_what_is_missing_for_an_address_is_named(sandbox, monkeypatch, scheme, module, words):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(cio.ConfigurationError, match=f"Unsupported URL scheme '{scheme}://'.*{words}"):
        load(f"{scheme}://bucket/in/", sandbox.client)


def test_where_arrow_was_built_without_s3_what_is_missing_is_named(sandbox, monkeypatch):
    def without_s3(address):
        raise pa.ArrowNotImplementedError("Got S3 URI but Arrow compiled without S3 support")

    monkeypatch.setattr(file_systems.pafs, "FileSystem", SimpleNamespace(from_uri=without_s3))
    for scheme, package in (("s3", "s3fs"), ("gs", "gcsfs")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(
            cio.ConfigurationError, match=rf"Unsupported URL scheme '{scheme}://'\. .*[iI]nstall {package}"
        ):
            load(f"{scheme}://bucket/in/", sandbox.client)


def test_googles_storage_is_not_tried_for_a_quarter_of_an_hour(sandbox, monkeypatch):
    asked = []

    def from_uri(address):
        asked.append(address)
        raise OSError("google::cloud::Status(UNAVAILABLE: no credentials.)")

    monkeypatch.setattr(file_systems.pafs, "FileSystem", SimpleNamespace(from_uri=from_uri))
    with pytest.raises(cio.FrameError, match=r"Cannot reach gs://bucket/in/: google.*no credentials.*Check"):
        load("gs://bucket/in/", sandbox.client)
    assert asked == ["gs://bucket/in/?retry_limit_seconds=60"]


@pytest.mark.parametrize("kind", ["dataset", "table", "frame", "frames", "generator"])
def test_frames_and_tables_are_loaded(sandbox, kind):
    people(6).to_parquet("people.parquet")
    source = {
        "dataset": lambda: ds.dataset("people.parquet"),
        "table": lambda: pq.read_table("people.parquet"),
        "frame": lambda: people(6),
        "frames": lambda: [people(3), people(3, 3)],
        "generator": lambda: (people(3, first) for first in (0, 3)),
    }[kind]()
    loaded = load(source, sandbox.client)
    assert loaded.statuses == {"delivered": 6}
    assert loaded.frame()["row"].tolist() == list(range(6))


def test_only_the_columns_that_are_sent_are_read(sandbox, monkeypatch):
    people(5).assign(notes="long").to_parquet("people.parquet")
    read = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(self, **options):
        read.append(options["columns"])
        return original(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    load("people.parquet", sandbox.client, traits=["plan"])
    assert read == [["user_id", "plan"]]


def bad_people():
    frame = people(25)
    frame["email"] = "ada@example.com"
    frame.loc[[3, 17], "email"] = "nobody"
    frame.loc[20, "user_id"] = None
    return frame


def test_undelivered_rows_have_all_columns_and_can_be_corrected_and_loaded_again(sandbox):
    bad_people().assign(notes="not sent").to_parquet("people.parquet")
    loaded = load("people.parquet", sandbox.client, traits=["email", "plan"])
    assert loaded.statuses == {"delivered": 22, "invalid": 3}
    assert not loaded.ok
    assert not (loaded.undelivered.parent / ".undelivered").exists()
    rejects = pd.read_parquet(loaded.undelivered)
    assert rejects["_cio_row"].tolist() == [3, 17, 20]
    assert rejects["_cio_reason"].tolist()[0] == "email: not an email address"
    assert set(rejects["notes"]) == {"not sent"}
    rejects.loc[:, "email"] = "bob@example.com"
    rejects.loc[2, "user_id"] = "u20"
    rejects.to_parquet("mended.parquet")
    again = cio.load("mended.parquet", "identify", client=sandbox.client, output="again")
    assert again.statuses == {"delivered": 3}
    assert ids(sandbox) == sorted(people(25)["user_id"])
    assert not any(key.startswith("_cio") for traits in sandbox.calls()["traits"] for key in traits)


def test_a_csv_files_undelivered_rows_can_be_corrected_and_loaded_again(sandbox, folder):
    (folder / "orders.csv").write_text("user_id,total,timestamp\na,1.5,2020-01-01\nb,free,2020-01-02\n")
    options = {"client": sandbox.client, "event": "Order Completed"}
    loaded = cio.load("orders.csv", "track", output="out", **options)
    assert loaded.statuses == {"delivered": 1, "invalid": 1}
    rejects = pd.read_parquet(loaded.undelivered)
    rejects["total"] = "2.5"
    rejects.to_parquet("mended.parquet")
    assert cio.load("mended.parquet", "track", output="again", **options).statuses == {"delivered": 1}
    assert sandbox.calls()["properties"].tolist() == [{"total": 1.5}, {"total": 2.5}]


def test_an_undelivered_row_keeps_its_message_id_when_it_is_loaded_again(sandbox):
    frame = pd.concat([people(2), people(2)])
    frame.to_parquet("people.parquet")
    with FaultServer([Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, retry_budget_seconds=1)
        loaded = load("people.parquet", client)
    assert loaded.statuses == {"unknown": 4}
    again = cio.load(loaded.undelivered, "identify", client=sandbox.client, output="again")
    assert again.frame()["message_id"].tolist() == loaded.frame()["message_id"].tolist()
    assert again.frame()["message_id"].nunique() == 4


def test_undelivered_rows_of_files_with_different_columns_are_in_one_file(sandbox, folder):
    (folder / "in").mkdir()
    bad_people().to_parquet("in/a.parquet")
    bad_people().drop(columns="n").assign(m=[[1]] * 25).to_parquet("in/b.parquet")
    rejects = pd.read_parquet(load("in", sandbox.client).undelivered)
    assert len(rejects) == 6
    assert rejects["n"].notna().sum() == rejects["m"].notna().sum() == 3


def test_equal_rows_of_different_chunks_have_ids_of_their_own(sandbox):
    frame = pd.concat([people(10), people(10), people(3)])
    frame.to_parquet("people.parquet")
    in_one = frame.cio.identify(dry_run=True)["message_id"].tolist()
    assert load("people.parquet", sandbox.client).frame()["message_id"].tolist() == in_one
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
        loaded = load("people.parquet", client)
        rest = [call["userId"] for request in server.received for call in request.calls]
    assert loaded.statuses == {"delivered": 35}
    assert sorted([*sent, *rest]) == sorted(people(35)["user_id"])
    assert loaded.frame()["row"].tolist() == list(range(35))


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
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1)
        assert load("people.parquet", client).statuses == {"delivered": 20, "unknown": 10}
    with FaultServer([Answer()], port=server.port):
        loaded = load("people.parquet", client)
    assert loaded.statuses == {"delivered": 30}
    assert loaded.frame()["message_id"].tolist() == frame.cio.identify(dry_run=True)["message_id"].tolist()


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
        old = cio.Client(write_key="revoked", endpoint=server.url, workers=1)
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
        first = load([wide], client)
        assert first.statuses["unknown"] > 0
        with pytest.raises(cio.ConfigurationError, match="other content now"):
            load([wide.assign(plan="team")], client)


def test_the_write_key_and_the_cells_are_not_in_the_ledger():
    people(25).to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(500)]) as server:
        load("people.parquet", cio.Client(write_key="s3cr3t-key", endpoint=server.url, attempts=1))
    kept = b"".join(path.read_bytes() for path in (Path("out")).glob("ledger*"))
    assert b"s3cr3t-key" not in kept
    assert b"u24" not in kept


def test_two_loads_on_one_ledger_at_once_are_refused(sandbox):
    people(3).to_parquet("people.parquet")
    with (
        Ledger(Path("out/ledger.sqlite")),
        pytest.raises(cio.ConfigurationError, match="is locked: another load is using it"),
    ):
        load("people.parquet", sandbox.client)
    assert load("people.parquet", sandbox.client).ok


def test_one_ledger_may_know_several_loads(sandbox):
    people(3).to_parquet("people.parquet")
    options = {"client": sandbox.client, "ledger": "all.sqlite"}
    cio.load("people.parquet", "identify", **options)
    cio.load("people.parquet", "page", allow_campaigns=True, **options)
    found = loads_in(Path("all.sqlite"))
    assert found[["call", "phase", "rows", "rows_done", "delivered"]].to_numpy().tolist() == [
        ["identify", "done", 3, 3, 3],
        ["page", "done", 3, 3, 3],
    ]


def test_another_database_is_refused_as_a_ledger_and_left_as_it_is(sandbox, folder):
    people(3).to_parquet("people.parquet")
    with cio.Sandbox(db="calls.db"):
        pass
    before = (folder / "calls.db").read_bytes()
    with pytest.raises(cio.ConfigurationError, match=r"calls.db is a SQLite database, but not a cio_frames ledger"):
        load("people.parquet", sandbox.client, ledger="calls.db")
    assert (folder / "calls.db").read_bytes() == before
    assert not (folder / "calls.db.lock").exists()


def test_the_loads_of_a_file_that_is_not_a_ledger_cannot_be_listed_and_the_remedy_is_named(folder):
    with pytest.raises(cio.ConfigurationError, match=r"Ledger not found: none\. Name the ledger\.sqlite"):
        loads_in(folder.__class__("none"))
    with sqlite3.connect("other.sqlite") as database:
        database.execute("CREATE TABLE orders (id)")
    (folder / "text").write_text("no database at all, but long enough to be looked at as one" * 20)
    for name in ("other.sqlite", "text"):
        with pytest.raises(
            cio.ConfigurationError,
            match=r"(is not a cio_frames ledger|file is not a database)\. Name the ledger\.sqlite of a load",
        ):
            loads_in(folder.__class__(name))


def test_a_load_that_starts_over_is_listed_once(sandbox, folder):
    people(3).to_parquet("people.parquet")
    people(2).to_parquet("other.parquet")
    cio.load("other.parquet", "identify", client=sandbox.client, output="other", ledger="ledger")
    load("people.parquet", sandbox.client, ledger="ledger")
    people(4).to_parquet("people.parquet")
    load("people.parquet", sandbox.client, fresh=True, ledger="ledger")
    listed = loads_in(folder / "ledger")
    assert listed[["source", "rows_done"]].to_numpy().tolist() == [["other.parquet", 2], ["people.parquet", 4]]
    with sqlite3.connect("ledger") as database:
        assert database.execute("SELECT count(*) FROM chunks").fetchone() == (2,)


def test_the_results_of_another_load_are_not_overwritten(sandbox):
    people(3).to_parquet("people.parquet")
    people(2).to_parquet("others.parquet")
    load("people.parquet", sandbox.client)
    with pytest.raises(cio.ConfigurationError, match=r"holds the results of another load, of 'people\.parquet'"):
        load("others.parquet", sandbox.client)
    with pytest.raises(cio.ConfigurationError, match="to resume a load, name the source as it was named before"):
        load("./people.parquet", sandbox.client)


RECENT = pd.Timestamp.now("UTC").floor("s")


def seen(times):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(times))], "timestamp": times})


@pytest.mark.parametrize("through", ["file", "frames", "generator"])
def test_events_that_can_start_campaigns_need_allow_campaigns(sandbox, through):
    frame = seen([pd.Timestamp("2020-01-01", tz="UTC"), RECENT, None])
    frame.to_parquet("seen.parquet")
    source = {"file": "seen.parquet", "frames": [frame], "generator": (each for each in [frame])}[through]
    with pytest.raises(cio.CampaignsError, match=r"2 rows are events younger than 72 hours.*allow_campaigns=True"):
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
    assert ("invalid", "user_id: is missing, and is needed") in found.reasons
    assert (found.requests, found.least_seconds) == (3, 0.003)
    assert found.recent == {"Seen": 2}
    assert (found.earliest.year, found.latest) == (2020, RECENT)
    assert sorted(path.name for path in folder.iterdir()) == ["seen.parquet"]
    assert len(sandbox.requests()) == 0


def test_a_column_missing_in_the_third_file_only_is_reported_before_anything_is_sent(sandbox, folder):
    (folder / "in").mkdir()
    for number in range(3):
        frame = people(3).rename(columns={"user_id": "id"})
        (frame if number < 2 else frame.drop(columns="id")).to_parquet(f"in/{number}.parquet")
    with pytest.raises(cio.FrameError, match=r"in/2.parquet: identify needs column 'id'"):
        load("in", sandbox.client, user_id="id")
    assert len(sandbox.calls()) == 0


def test_files_may_differ_in_columns_and_types(sandbox, folder):
    (folder / "in").mkdir()
    people(1).to_parquet("in/a.parquet")
    people(1, 1).assign(n="many").drop(columns="plan").to_parquet("in/b.parquet")
    assert load("in", sandbox.client).ok
    assert sandbox.calls()["traits"].tolist() == [{"plan": "free", "n": 0}, {"n": "many"}]


def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent(sandbox, folder):
    (folder / "in").mkdir()
    people(3).to_parquet("in/a.parquet")
    (folder / "in/b.parquet").write_bytes(b"no parquet")
    with pytest.raises(cio.FrameError, match=r"in/b\.parquet is plain text, not Parquet"):
        load("in", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_a_file_that_is_damaged_in_the_middle_stops_the_load(sandbox, folder):
    people(40).to_parquet("people.parquet", row_group_size=10, compression="zstd")
    whole = (folder / "people.parquet").read_bytes()
    start = pq.ParquetFile("people.parquet").metadata.row_group(2).column(0).data_page_offset
    (folder / "people.parquet").write_bytes(whole[:start] + b"\xff" * 40 + whole[start + 40 :])
    with pytest.raises(cio.FrameError, match=r"Cannot read people.parquet"):
        load("people.parquet", sandbox.client)
    assert loads_in(Path("out/ledger.sqlite"))["phase"].tolist() == ["stopped"]
    assert len(sandbox.calls()) == 20


def test_a_file_that_changes_while_it_is_read_is_refused(sandbox, folder):
    people(30).to_parquet("people.parquet", row_group_size=10)
    source = source_of("people.parquet", chunk_rows=10)
    chunks = source.chunks()
    next(chunks)
    people(31).to_parquet("people.parquet")
    with pytest.raises(cio.FrameError, match="has changed since this load started"):
        list(chunks)


def test_a_file_in_place_of_the_output_folder_is_refused_before_anything_is_sent(sandbox, folder):
    people(3).to_parquet("people.parquet")
    (folder / "out").write_text("a file in the way")
    with pytest.raises(
        cio.ConfigurationError, match=r"Cannot use the ledger .*exists\. Free disk space.* Call it again"
    ):
        load("people.parquet", sandbox.client)
    assert len(sandbox.calls()) == 0


@pytest.mark.parametrize("given", [7, None, object()])
def test_an_unsupported_source_is_refused(given):
    with pytest.raises(cio.FrameError, match="source must be a path"):
        cio.load(given, "identify", dry_run=True)


def test_an_iterable_of_something_else_is_refused(sandbox):
    with pytest.raises(cio.FrameError, match="source must yield DataFrames, got dict"):
        load([{"user_id": 1}], sandbox.client)


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
    missing = "user_id: is missing, and is needed"
    assert str(error.value).startswith(
        "9 of 28 rows cannot be sent, and nothing was. The first, counted from 0, is row 0 of in/b.parquet: 33,1"
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
    loaded = load("people<i>.parquet", sandbox.client)
    loaded.to_report("report.json")
    loaded.to_report("report.html")
    assert json.loads(Path("report.json").read_text())["statuses"] == {"delivered": 22, "invalid": 3}
    page = Path("report.html").read_text()
    assert "22 of 25 rows were delivered" in page
    assert "nobody" not in page


def test_empty_sources_come_to_nothing(sandbox):
    people(0).to_parquet("people.parquet")
    assert load("people.parquet", sandbox.client).rows == 0
    Path("none.csv").write_text("user_id,plan\n")
    assert cio.load("none.csv", "identify", client=sandbox.client, output="other").rows == 0


def test_numpy_and_arrow_columns_are_kept_in_undelivered_rows(sandbox):
    frame = bad_people().assign(tags=[np.array(["a"])] * 25, size=pd.array([1.5] * 25, dtype="Float64"))
    frame["when"] = pd.Timestamp("2026-01-01", tz="Europe/Berlin")
    loaded = load([frame], sandbox.client)
    schema = pq.read_schema(loaded.undelivered)
    assert schema.field("when").type == pa.timestamp("us", "Europe/Berlin") or pa.types.is_timestamp(
        schema.field("when").type
    )
    assert pa.types.is_list(schema.field("tags").type)
