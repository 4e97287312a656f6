"""What may happen between the runs of a load, and in the middle of one."""

import dataclasses
import errno
import json
import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.cli.job_file import read_job
from cio_frames.loading import loads_in
from cio_frames.loading.ledger import Ledger
from cio_frames.loading.ledger_file import LEDGER_VERSION
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


@pytest.fixture
def stopped():
    """A load of 35 rows of which a key that is refused left 15 unsent, and a client of a server that takes the rest."""
    people(35).assign(email=["x"] + [None] * 34).to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1)
        with pytest.raises(cio.AuthenticationError):
            load("people.parquet", client)
    with FaultServer([Answer()], port=server.port) as server:
        yield client, server


def test_missing_results_are_reported_and_nothing_is_sent(stopped):
    client, server = stopped
    shutil.rmtree("out/results")
    with pytest.raises(cio.ConfigurationError, match=r"Results not found: 2 of 2 parts of this load are not in out"):
        load("people.parquet", client)
    assert not server.received


def test_missing_undelivered_rows_are_reported(stopped):
    client, _ = stopped
    shutil.rmtree("out/.undelivered")
    with pytest.raises(cio.ConfigurationError, match=r"Results not found: 1 of 2 parts"):
        load("people.parquet", client)


def test_missing_results_of_a_done_load_are_reported(sandbox):
    people(3).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    shutil.rmtree("out/results")
    with pytest.raises(cio.ConfigurationError, match=r"Results not found: 1 of 1 parts"):
        load("people.parquet", sandbox.client)
    assert len(load("people.parquet", sandbox.client, fresh=True).frame()) == 3


def test_a_missing_ledger_is_reported_and_nothing_is_sent(stopped):
    client, server = stopped
    Path("out/ledger.sqlite").unlink()
    with pytest.raises(cio.ConfigurationError, match="or of one whose ledger is missing"):
        load("people.parquet", client)
    assert not server.received
    fresh = load("people.parquet", client, fresh=True)
    assert fresh.statuses == {"invalid": 1, "delivered": 34}


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_truncated_ledger_is_reported_and_nothing_is_sent(stopped, kept):
    client, server = stopped
    path = Path("out/ledger.sqlite")
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(cio.ConfigurationError, match=r"Cannot use the ledger|whose ledger is missing"):
        load("people.parquet", client)
    assert not server.received


def test_a_ledger_that_is_not_a_database_is_reported_with_the_remedy(stopped):
    client, server = stopped
    Path("out/ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(
        cio.ConfigurationError, match=r"Cannot use the ledger .*: file is not a database\. Restore a copy"
    ):
        load("people.parquet", client)
    assert not server.received


def test_a_ledger_of_another_version_is_refused_with_the_remedy(stopped):
    client, server = stopped
    with sqlite3.connect("out/ledger.sqlite") as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    remedy = (
        f"has version 2, of another version of cio_frames; this one supports {LEDGER_VERSION} only. To resume its loads"
    )
    for fresh in (False, True):
        with pytest.raises(cio.ConfigurationError, match=remedy) as error:
            load("people.parquet", client, fresh=fresh)
        assert "name a new ledger and a new output folder with ledger= and output=" in str(error.value)
    with pytest.raises(cio.ConfigurationError, match=remedy):
        loads_in(Path("out/ledger.sqlite"))
    assert not server.received


def test_the_undelivered_rows_of_an_earlier_version_are_loaded_as_any_file(sandbox):
    reserved = {"_cio_status": "invalid", "_cio_message_id": ["m1", None], "_cio_row": [3, 4]}
    people(2).assign(**reserved).to_parquet("rejects.parquet")
    result = load("rejects.parquet", sandbox.client)
    assert result.statuses == {"delivered": 2}
    assert result.frame()["message_id"].tolist()[0] == "m1"
    assert [set(traits) for traits in sandbox.calls()["traits"]] == [{"plan", "n"}] * 2


def test_a_load_whose_folder_was_moved_is_resumed_there(stopped):
    client, _ = stopped
    Path("out").rename("moved")
    result = load("people.parquet", client, output="moved")
    assert result.statuses == {"invalid": 1, "delivered": 34}
    assert result.frame()["row"].tolist() == list(range(35))
    assert len(pd.read_parquet(result.undelivered)) == 1
    assert not Path("out").exists()


def test_the_rows_of_an_earlier_run_are_not_counted_as_those_of_this_one(stopped):
    client, _ = stopped
    result = load("people.parquet", client)
    assert (result.rows, result.rows_now) == (35, 15)
    assert load("people.parquet", client).rows_now == 0


def test_another_output_for_the_same_ledger_is_refused(stopped):
    client, _ = stopped
    with pytest.raises(cio.ConfigurationError, match=r"not in other; they were written to .*out"):
        load("people.parquet", client, output="other", ledger="out/ledger.sqlite")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: people(3, 100).to_parquet("in/c.parquet"), "in/c.parquet was added"),
        (lambda: Path("in/b.parquet").unlink(), "in/b.parquet was removed"),
        (lambda: Path("in/b.parquet").rename("in/d.parquet"), "in/b.parquet was removed; in/d.parquet was added"),
        (lambda: people(16).to_parquet("in/a.parquet"), "in/a.parquet has changed"),
    ],
    ids=["more", "fewer", "renamed", "changed"],
)
def test_changed_files_are_reported_by_name(folder, change, words):
    (folder / "in").mkdir()
    people(15).to_parquet("in/a.parquet")
    people(15, 15).to_parquet("in/b.parquet")
    with FaultServer([Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1, attempts=1)
        with pytest.raises(cio.AuthenticationError):
            load("in", client)
        change()
        with pytest.raises(cio.ConfigurationError, match=words):
            load("in", client)
        assert len(server.received) == 2


def test_results_inside_the_source_are_not_loaded(sandbox, folder):
    people(3).to_parquet("people.parquet")
    for output in (None, "answers"):
        for _ in range(2):
            result = load(".", sandbox.client, output=output)
            assert result.statuses == {"delivered": 3}
    assert len(sandbox.calls()) == 6


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(sandbox):
    people(3).to_parquet("people[1].parquet")
    assert load("people[1].parquet", sandbox.client).statuses == {"delivered": 3}


def test_columns_in_another_order_empty_row_groups_and_files_without_rows_are_loaded(sandbox, folder):
    (folder / "in").mkdir()
    people(3).to_parquet("in/a.parquet")
    people(3, 3)[["n", "plan", "user_id"]].to_parquet("in/b.parquet")
    people(0).to_parquet("in/c.parquet")
    some = pa.Table.from_pandas(people(12, 6))
    with pq.ParquetWriter("in/d.parquet", some.schema) as writer:
        for piece in (some[:0], some[:5], some[:0], some[5:], some[:0]):
            writer.write_table(piece)
    assert pq.ParquetFile("in/d.parquet").num_row_groups == 5
    result = load("in", sandbox.client)
    assert result.statuses == {"delivered": 18}
    assert result.frame()["row"].tolist() == [0, 1, 2, 0, 1, 2, *range(12)]
    traits = {call["userId"]: call["traits"] for call in sandbox.calls().to_dict("records")}
    assert traits["u4"] == {"plan": "free", "n": 4}


def test_a_file_of_no_bytes_is_refused_before_anything_is_sent(sandbox, folder):
    (folder / "in").mkdir()
    people(3).to_parquet("in/a.parquet")
    (folder / "in/b.parquet").touch()
    with pytest.raises(cio.FrameError, match=r"in/b.parquet is empty \(0 bytes\)"):
        load("in", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_a_clock_that_jumps_back_changes_nothing(stopped, monkeypatch):
    client, _ = stopped
    monkeypatch.setattr("time.time", lambda: 1.0)
    resumed = load("people.parquet", client, clock=lambda: pd.Timestamp("1970-01-01T00:00:01", tz="UTC"))
    assert resumed.statuses == {"invalid": 1, "delivered": 34}
    assert loads_in(Path("out/ledger.sqlite"))["ended_at"].tolist() == ["1970-01-01T00:00:01Z"]


def test_a_csv_files_young_events_are_refused_before_any_of_its_rows_are_sent(sandbox):
    times = ["2020-01-01T00:00:00Z"] * 15 + [""]
    pd.DataFrame({"user_id": [f"u{row}" for row in range(16)], "timestamp": times}).to_csv("seen.csv", index=False)
    for _ in range(2):
        with pytest.raises(cio.CampaignsError, match="1 rows are events"):
            cio.load("seen.csv", "page", client=sandbox.client, output="out")
    assert len(sandbox.calls()) == 0


def test_a_file_without_times_among_others_counts_as_of_now(sandbox, folder):
    (folder / "in").mkdir()
    old = pd.DataFrame({"user_id": ["a", "b"], "timestamp": ["2020-01-01T00:00:00Z"] * 2})
    old.to_parquet("in/a.parquet")
    old[["user_id"]].to_parquet("in/b.parquet")
    with pytest.raises(cio.CampaignsError, match="2 rows are events"):
        cio.load("in", "page", client=sandbox.client)


def test_a_job_is_the_same_load_wherever_it_is_run_from(sandbox, folder, monkeypatch):
    (folder / "jobs").mkdir()
    people(3).to_parquet("jobs/people.parquet")
    (folder / "jobs/people.yaml").write_text("source: people.parquet\ncall: identify\n")
    for where, path in ((folder, "jobs/people.yaml"), (folder / "jobs", "people.yaml")):
        monkeypatch.chdir(where)
        job = read_job(Path(path))
        result = cio.loading.load_source(
            job.source, job.call_spec, sandbox.client, dry_run=False, fresh=False, progress=False, **job.options
        )
        assert result.statuses == {"delivered": 3}
    assert len(sandbox.calls()) == 3
    assert (folder / "jobs/people.identify.load/ledger.sqlite").exists()


@pytest.mark.parametrize("name", ["results", ".undelivered"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_sent(sandbox, name, monkeypatch):
    people(3).to_parquet("people.parquet")
    make = tempfile.TemporaryFile

    def read_only(dir):
        if dir.name == name:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return make(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    with pytest.raises(
        cio.ConfigurationError, match=r"Cannot write results to out: Read-only file system\. Free disk space"
    ):
        load("people.parquet", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_results_that_cannot_be_written_in_the_middle_stop_a_load_which_is_then_resumed(sandbox, monkeypatch):
    people(25).to_parquet("people.parquet")
    written = []

    def full(table, path):
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(table, path)

    write = pq.write_table
    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(cio.ConfigurationError, match=r"Cannot write results to out: No space left on device\. Free"):
        load("people.parquet", sandbox.client)
    result = load("people.parquet", sandbox.client)
    assert (result.phase, result.statuses) == ("done", {"delivered": 25})
    assert len(sandbox.calls()) == 25
    assert result.frame()["row"].tolist() == list(range(25))


def test_the_ledger_records_endpoint_and_limits_and_a_load_may_be_resumed_more_slowly(stopped):
    client, _ = stopped
    with sqlite3.connect("out/ledger.sqlite") as database:
        ((text,),) = database.execute("SELECT fingerprint FROM loads").fetchall()
    database.close()
    fingerprint = json.loads(text)
    assert (fingerprint["endpoint"], fingerprint["max_call_bytes"]) == (client.endpoint, 32_000)
    assert (fingerprint["limits"]["max_body_bytes"], fingerprint["limits"]["requests_per_second"]) == (475_000, 1_000)
    assert "write_key" not in text
    slow = dataclasses.replace(client, requests_per_second=100, workers=1)
    assert load("people.parquet", slow).statuses == {"invalid": 1, "delivered": 34}


def test_a_file_that_changes_while_it_is_loaded_stops_the_load_and_the_next_run():
    people(40).to_parquet("people.parquet", row_group_size=10)

    def answer(request):
        if request.number == 0:
            people(41).to_parquet("people.parquet", row_group_size=10)
        return Answer()

    with FaultServer(answer) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        with pytest.raises(cio.FrameError, match=r"people.parquet has changed since this load started"):
            load("people.parquet", client)
        sent = len(server.received)
        assert loads_in(Path("out/ledger.sqlite"))[["phase", "rows_done"]].to_numpy().tolist() == [
            ["stopped", 10 * sent]
        ]
        with pytest.raises(cio.ConfigurationError, match=r"people\.parquet has changed"):
            load("people.parquet", client)
        assert len(server.received) == sent


def test_a_resumed_load_reads_only_the_row_groups_that_are_left(stopped, monkeypatch):
    client, _ = stopped
    people(35).assign(email=["x"] + [None] * 34).to_parquet("again.parquet", row_group_size=10)
    with FaultServer([Answer(), Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1)
        with pytest.raises(cio.AuthenticationError):
            load("again.parquet", client, output="again")
    read = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(self, **options):
        read.append(options["row_groups"])
        return original(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    with FaultServer([Answer()], port=server.port):
        assert load("again.parquet", client, output="again").statuses == {"invalid": 1, "delivered": 34}
    assert read == [[2], [3]]


def test_the_next_chunk_is_read_while_one_is_sent(monkeypatch):
    people(20).to_parquet("people.parquet", row_group_size=10)
    second_is_read = threading.Event()
    original = pq.ParquetFile.iter_batches

    def iter_batches(self, **options):
        if options["row_groups"] == [1]:
            second_is_read.set()
        return original(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    seen = []

    def answer(request):
        seen.append(second_is_read.wait(5))
        return Answer()

    with FaultServer(answer) as server:
        load("people.parquet", cio.Client(write_key="k", endpoint=server.url))
    assert seen == [True, True]


def test_a_batch_is_on_the_disk_before_it_leaves_and_the_ledger_is_a_write_ahead_log(folder):
    connections = []

    def connect(*args, **options):
        connections.append(sqlite3.connect(*args, **options))
        return connections[-1]

    with Ledger(folder / "ledger.sqlite", connect=connect):
        settings = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for connection in connections
            for name in ("journal_mode", "synchronous")
        ]
    # 2 is FULL, 1 is NORMAL.
    assert settings == ["wal", 2, "wal", 1]


def test_why_a_load_stopped_reads_as_the_door_has_it_also_in_the_list_of_loads():
    with FaultServer([Answer(500)]) as server:
        other = cio.Client(write_key="k", endpoint=server.url, attempts=1, retry_budget_seconds=1)
        result = load([people(3)], other, output="other")
    assert result.phase == "stopped"
    assert result.why == "3 rows are unknown or unsent. Call it again with the same arguments to resume."
    assert result.why_text("command line") == "3 rows are unknown or unsent. Run the same command again to resume."
    assert result.as_dict()["why"] == result.why
    listed = [loads_in(result.ledger, door=door)["why"].tolist() for door in ("python", "command line")]
    assert listed == [[result.why], [result.why_text("command line")]]


def test_the_reasons_of_rows_that_were_not_sent_are_plain_text():
    limits = {"workers": 1, "max_call_bytes": 300, "max_body_bytes": 320}
    with FaultServer([Answer(401)]) as server, pytest.raises(cio.AuthenticationError) as error:
        load([people(4)], cio.Client(write_key="k", endpoint=server.url, **limits), output="other")
    reasons = error.value.result.frame()["reason"]
    assert reasons.map(str.isprintable).all()
    assert reasons.iloc[-1].startswith("The API does not accept this write key")
    assert "Check CIO_WRITE_KEY (or write_key=), and that region= is your workspace's." in reasons.iloc[-1]
    assert "write_key=" not in error.value.text("command line")
