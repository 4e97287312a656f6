"""What may happen to a load while nobody watches: between its runs, and in each phase of one."""

import dataclasses
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app
from cio_frames.cli.job_file import read_job
from cio_frames.loading import loads_in, outputs, sources
from cio_frames.loading import run as flow
from cio_frames.loading.ledger import Ledger
from tests.faults import Answer, FaultServer

if sys.platform != "win32":
    import pty


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "CHUNK_ROWS", 10)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


def load(source, client, **options):
    return cio.load(source, "identify", client=client, **{"output": "out", **options})


@pytest.fixture
def stopped():
    """A load of 35 rows of which a key that is refused left 15 unsent, and a client of a server that takes the rest."""
    people(35).assign(email=["x"] + [None] * 34).to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        with pytest.raises(cio.AuthenticationError):
            load("people.parquet", client)
    with FaultServer([Answer()], port=server.port) as server:
        yield client, server


def test_answers_that_are_gone_are_told_and_nothing_is_sent(stopped):
    client, server = stopped
    shutil.rmtree("out/results")
    with pytest.raises(cio.ConfigurationError, match=r"answers of 2 of 2 parts of this load are not in out"):
        load("people.parquet", client)
    assert not server.received


def test_rejects_that_are_gone_are_told(stopped):
    client, _ = stopped
    shutil.rmtree("out/.rejects")
    with pytest.raises(cio.ConfigurationError, match=r"answers of 1 of 2 parts"):
        load("people.parquet", client)


def test_answers_that_are_gone_after_the_end_are_told(sandbox):
    people(3).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    shutil.rmtree("out/results")
    with pytest.raises(cio.ConfigurationError, match=r"answers of 1 of 1 parts"):
        load("people.parquet", sandbox.client)
    assert len(load("people.parquet", sandbox.client, fresh=True).frame()) == 3


def test_a_ledger_that_is_gone_is_told_and_nothing_is_sent(stopped):
    client, server = stopped
    Path("out/ledger.sqlite").unlink()
    with pytest.raises(cio.ConfigurationError, match="or of one whose ledger is gone"):
        load("people.parquet", client)
    assert not server.received
    before = pd.read_parquet("out/results")["message_id"].tolist()
    fresh = load("people.parquet", client, fresh=True)
    assert fresh.statuses == {"invalid": 1, "delivered": 34}
    assert fresh.frame()["message_id"].tolist()[: len(before)] == before


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_ledger_that_is_cut_off_is_told_and_nothing_is_sent(stopped, kept):
    client, server = stopped
    path = Path("out/ledger.sqlite")
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(cio.ConfigurationError, match=r"The ledger .* cannot be used|whose ledger is gone"):
        load("people.parquet", client)
    assert not server.received


def test_a_ledger_that_is_no_ledger_is_told_with_what_to_do(stopped):
    client, server = stopped
    Path("out/ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(cio.ConfigurationError, match=r"cannot be used: file is not a database.*Bring back a copy"):
        load("people.parquet", client)
    assert not server.received


def test_a_ledger_of_another_version_is_told(stopped):
    client, _ = stopped
    with sqlite3.connect("out/ledger.sqlite") as database:
        database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(cio.ConfigurationError, match="another version of cio_frames"):
        load("people.parquet", client)


def test_a_folder_that_was_moved_goes_on_where_it_is(stopped):
    client, _ = stopped
    Path("out").rename("moved")
    loaded = load("people.parquet", client, output="moved")
    assert loaded.statuses == {"invalid": 1, "delivered": 34}
    assert loaded.frame()["row"].tolist() == list(range(35))
    assert len(pd.read_parquet(loaded.rejects)) == 1
    assert not Path("out").exists()


def test_the_rows_of_an_earlier_run_are_not_told_as_those_of_this_one(stopped):
    client, _ = stopped
    loaded = load("people.parquet", client)
    assert (loaded.rows, loaded.rows_now) == (35, 15)
    assert load("people.parquet", client).rows_now == 0


def test_another_output_for_the_same_ledger_is_refused(stopped):
    client, _ = stopped
    with pytest.raises(cio.ConfigurationError, match=r"not in other; they were left in .*out"):
        load("people.parquet", client, output="other", ledger="out/ledger.sqlite")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: people(3, 100).to_parquet("in/c.parquet"), "in/c.parquet is new"),
        (lambda: Path("in/b.parquet").unlink(), "in/b.parquet is gone"),
        (lambda: Path("in/b.parquet").rename("in/d.parquet"), "in/b.parquet is gone; in/d.parquet is new"),
        (lambda: people(16).to_parquet("in/a.parquet"), "in/a.parquet has changed"),
    ],
    ids=["more", "fewer", "renamed", "changed"],
)
def test_files_that_are_others_are_told_by_name(folder, change, words):
    (folder / "in").mkdir()
    people(15).to_parquet("in/a.parquet")
    people(15, 15).to_parquet("in/b.parquet")
    with FaultServer([Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        with pytest.raises(cio.AuthenticationError):
            load("in", client)
        change()
        with pytest.raises(cio.ConfigurationError, match=words):
            load("in", client)
        assert len(server.received) == 2


def test_answers_inside_the_source_are_no_rows(sandbox, folder):
    people(3).to_parquet("people.parquet")
    for output in (None, "answers"):
        for _ in range(2):
            loaded = load(".", sandbox.client, output=output)
            assert loaded.statuses == {"delivered": 3}
    assert len(sandbox.calls()) == 6


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(sandbox):
    people(3).to_parquet("people[1].parquet")
    assert load("people[1].parquet", sandbox.client).statuses == {"delivered": 3}


def rejected_in_vain(frames, folder):
    """Load files whose rows get no answer; return the rejects, and what each row would have said."""
    (folder / "in").mkdir()
    for number, frame in enumerate(frames):
        pq.write_table(pa.table({"user_id": [f"u{number}"], "n": frame}), f"in/{number}.parquet")
    with FaultServer([Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, retry_budget_seconds=1)
        return load("in", client).rejects


def said(sandbox):
    calls = sandbox.calls().sort_values("userId")
    return [traits.get("n") for traits in calls["traits"]]


UTC, BERLIN = pa.timestamp("ms", "UTC"), pa.timestamp("us", "Europe/Berlin")
# Columns of two files, and whether one file can hold the rejects of both.
DIFFERING = {
    "integers and text": (pa.array([2]), pa.array(["many"]), False),
    "integers and floats": (pa.array([2]), pa.array([2.5]), True),
    "integers too long for floats": (pa.array([2**60 + 1]), pa.array([2.5]), False),
    "integers and floats with nothing in them": (pa.array([2**60 + 1]), pa.array([None], pa.float64()), True),
    "short and long integers": (pa.array([0], pa.int8()), pa.array([2**60 + 1]), True),
    "integers that no type holds": (pa.array([-1]), pa.array([2**64 - 1], pa.uint64()), False),
    "decimals and integers": (pa.array([Decimal("1.50")]), pa.array([3]), True),
    "decimals and floats": (pa.array([Decimal("1.50")]), pa.array([1.5]), False),
    "floats of two widths": (pa.array([0.1], pa.float32()), pa.array([0.1]), False),
    "truth values and text": (pa.array([False]), pa.array(["no"]), False),
    "structs and text": (pa.array([{"c": "x"}]), pa.array(["x"]), False),
    "structs of two kinds": (pa.array([{"c": 1}]), pa.array([{"c": "x"}]), False),
    "lists and numbers": (pa.array([[1]]), pa.array([1]), False),
    "maps and structs": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), pa.array([{"k": 1}]), False),
    "times in two zones": (pa.array([0], UTC), pa.array([10**12], BERLIN), True),
    "times with and without a zone": (pa.array([0], UTC), pa.array([0], pa.timestamp("ms")), False),
    "times that nanoseconds do not reach": (
        pa.array([32_503_680_000], pa.timestamp("s")),
        pa.array([0], pa.timestamp("ns")),
        False,
    ),
    "times and days": (pa.array([0], pa.timestamp("ms")), pa.array([0], pa.date32()), False),
    "categories and text": (pa.array(["a"]).dictionary_encode(), pa.array(["b"]), True),
}


@pytest.mark.parametrize("name", DIFFERING)
def test_rejects_of_files_whose_types_differ_say_the_same_when_loaded(sandbox, folder, name):
    *columns, one_file = DIFFERING[name]
    rejects = rejected_in_vain(columns, folder)
    assert rejects.is_file() == one_file
    assert load("in", sandbox.client, output="direct").statuses == {"delivered": 2}
    assert load(rejects, sandbox.client, output="again").statuses == {"delivered": 2}
    expected, found = (said(sandbox)[at::2] for at in (0, 1))
    assert found == expected
    assert [type(cell) for cell in found if not isinstance(cell, int)] == [
        type(cell) for cell, other in zip(expected, found, strict=True) if not isinstance(other, int)
    ] or name == "integers and floats"


def test_rejects_become_one_file_or_several_as_the_load_goes_on(sandbox, folder):
    rejects = rejected_in_vain([pa.array([2]), pa.array(["many"])], folder)
    assert rejects.is_dir()
    assert len(list(rejects.iterdir())) == 2
    with FaultServer([Answer(200), Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, retry_budget_seconds=1)
        assert load("in", client, fresh=True).rejects.is_file()
    assert load("in", sandbox.client, fresh=True).rejects is None
    assert not rejects.exists()


def test_mixed_cells_are_json_text_in_rejects(sandbox):
    frame = pd.DataFrame({"user_id": None, "n": [2, "x", {"k": 1}, True], "z": [1j, 2j, 3j, 4j]})
    rejects = pd.read_parquet(load([frame], sandbox.client).rejects)
    assert rejects["n"].tolist() == ["2", "x", '{"k": 1}', "true"]
    assert rejects["z"].tolist()[0] == "1j"


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
    loaded = load("in", sandbox.client)
    assert loaded.statuses == {"delivered": 18}
    assert loaded.frame()["row"].tolist() == [0, 1, 2, 0, 1, 2, *range(12)]
    traits = {call["userId"]: call["traits"] for call in sandbox.calls().to_dict("records")}
    assert traits["u4"] == {"plan": "free", "n": 4}


def test_a_file_of_no_bytes_is_told_before_anything_is_sent(sandbox, folder):
    (folder / "in").mkdir()
    people(3).to_parquet("in/a.parquet")
    (folder / "in/b.parquet").touch()
    with pytest.raises(cio.FrameError, match=r"in/b.parquet cannot be read: ArrowInvalid"):
        load("in", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_a_clock_that_jumps_back_changes_nothing(stopped, monkeypatch):
    client, _ = stopped
    monkeypatch.setattr("time.time", lambda: 1.0)
    monkeypatch.setattr("cio_frames.loading.ledger._now", lambda: "1970-01-01T00:00:01Z")
    assert load("people.parquet", client).statuses == {"invalid": 1, "delivered": 34}


def test_a_csv_files_young_events_are_told_before_any_of_its_rows_are_sent(sandbox):
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
        loaded = cio.loading.load_request(
            job.source, job.call_spec, sandbox.client, dry_run=False, fresh=False, progress=False, **job.options
        )
        assert loaded.statuses == {"delivered": 3}
    assert len(sandbox.calls()) == 3
    assert (folder / "jobs/people.identify.load/ledger.sqlite").exists()


# Each step of a load; what comes after one is what comes before the next, but for writes that must be whole.
PHASES = [
    "cio_frames.loading.sources.Files._frames",
    "cio_frames.loading.run.deliver",
    "cio_frames.loading.ledger.Ledger.begin",
    "cio_frames.loading.ledger.Ledger.leaving",
    "cio_frames.loading.ledger.Ledger.answered",
    "cio_frames.loading.outputs.Outputs.write",
    "cio_frames.loading.outputs._write",
    "cio_frames.loading.outputs._renamed",
    "cio_frames.loading.ledger.Ledger.finish_chunk",
    "cio_frames.loading.outputs.Outputs.finish",
    "cio_frames.loading.outputs._write_together",
    "cio_frames.loading.ledger.Ledger.end",
    "cio_frames.loading.outputs.Outputs.discard_parts",
]
WRITES = {f"cio_frames.loading.ledger.Ledger.{name}" for name in ("leaving", "answered", "finish_chunk", "end")}
PROGRAM = """
import importlib, os, signal, sys
from cio_frames.cli.app import main
from cio_frames.loading import sources
sources.CHUNK_ROWS = 100
phase, when, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
if phase:
    module, name = phase.rsplit(".", 1)
    try:
        owner = importlib.import_module(module)
    except ModuleNotFoundError:
        module, kind = module.rsplit(".", 1)
        owner = getattr(importlib.import_module(module), kind)
    original, calls = getattr(owner, name), []
    def killed(*given, **named):
        calls.append(name)
        if when == "before" and len(calls) == times:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **named)
        if when == "after" and len(calls) == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, killed)
main(["load", "people.parquet", "--call", "identify", "--output", "out", "--no-progress"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
@pytest.mark.parametrize(
    ("when", "phase"),
    [("before", phase) for phase in PHASES] + [("after", phase) for phase in PHASES if phase in WRITES],
    ids=lambda each: each.removeprefix("cio_frames.loading."),
)
def test_a_load_that_is_killed_in_any_phase_ends_with_every_row_answered_once(tmp_path, when, phase):
    bad = [row % 100 == 7 for row in range(350)]
    people(350).assign(email=["x" if each else None for each in bad]).to_parquet("people.parquet")
    with cio.Sandbox() as sandbox:
        environment = os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url}

        def run(*arguments):
            command = [sys.executable, "-c", PROGRAM, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

        assert run(phase, when, "1").returncode == -signal.SIGKILL
        again = run("", "", "0")
        assert again.returncode == 1, again.stderr
        ids = sandbox.calls()["messageId"]
    answers = pd.read_parquet("out/results")
    assert answers["row"].tolist() == list(range(350))
    assert answers["status"].eq("invalid").tolist() == bad
    assert answers["status"].eq("delivered").sum() == 350 - sum(bad)
    assert set(ids) == set(answers.loc[answers["status"].eq("delivered"), "message_id"])
    assert set(ids[ids.duplicated()]) <= set(answers.loc[answers["resent"], "message_id"])
    rejects = pd.read_parquet("out/rejects.parquet")
    assert rejects["_cio_row"].tolist() == [row for row in range(350) if bad[row]]
    assert loads_in(Path("out/ledger.sqlite"))["state"].tolist() == ["done"]
    assert sorted(path.name for path in Path("out").iterdir() if not path.name.startswith("ledger")) == [
        ".lock",
        "rejects.parquet",
        "results",
    ]
    assert sorted(path.name for path in Path("out/results").iterdir()) == [f"part-{n:05d}.parquet" for n in range(4)]


@pytest.mark.parametrize("shared", ["ledger", "output"])
def test_two_processes_on_one_ledger_or_one_output_do_not_both_load(tmp_path, shared):
    people(5).to_parquet("people.parquet")
    with cio.Sandbox(latency_seconds=1.5) as sandbox:
        environment = os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url}

        def start(number):
            own = {"ledger": "ledger.sqlite", "output": "out"} | {
                name: f"{name}{number}" for name in ("ledger", "output") if name != shared
            }
            command = ["load", "people.parquet", "--call", "identify", "--no-progress"]
            command += ["--ledger", own["ledger"], "--output", own["output"]]
            command = [sys.executable, "-m", "cio_frames", *command]
            return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        both = [start(1), start(2)]
        said = [each.communicate(timeout=60)[1] for each in both]
        assert sorted(each.returncode for each in both) == [0, 2]
        assert len(sandbox.requests()) == 1
    assert "Another load is at work" in "".join(said)


def killed(environment):
    phase = "cio_frames.loading.ledger.Ledger.answered"
    return subprocess.run([sys.executable, "-c", PROGRAM, phase, "before", "1"], env=environment, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_a_load_that_was_killed_is_listed_as_killed_and_one_at_work_as_running(folder):
    people(5).to_parquet("people.parquet")
    with cio.Sandbox() as sandbox:
        killed(os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url})
    ledger = Path("out/ledger.sqlite")
    assert loads_in(ledger)["state"].tolist() == ["killed"]
    with Ledger(ledger):
        assert loads_in(ledger)["state"].tolist() == ["running"]
        listed = CliRunner().invoke(app, ["loads"])
    assert "running" in listed.stdout


@pytest.mark.parametrize("name", ["results", ".rejects"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_sent(sandbox, name, monkeypatch):
    people(3).to_parquet("people.parquet")
    touch = Path.touch

    def read_only(self, *given, **named):
        if self.parent.name == name:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        touch(self, *given, **named)

    monkeypatch.setattr(Path, "touch", read_only)
    with pytest.raises(cio.ConfigurationError, match=r"written to out: Read-only file system\. Make room"):
        load("people.parquet", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_answers_that_cannot_be_written_in_the_middle_stop_a_load_and_it_goes_on(sandbox, monkeypatch):
    people(25).to_parquet("people.parquet")
    written = []

    def full(table, path):
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(table, path)

    write = outputs._write
    monkeypatch.setattr(outputs, "_write", full)
    with pytest.raises(cio.ConfigurationError, match=r"written to out: No space left on device\. Make room"):
        load("people.parquet", sandbox.client)
    loaded = load("people.parquet", sandbox.client)
    assert (loaded.state, loaded.statuses) == ("done", {"delivered": 25})
    assert len(sandbox.calls()) == 25
    assert loaded.frame()["row"].tolist() == list(range(25))


def on_a_terminal(answer, environment):
    """Run a load under a pseudo terminal, answer what it asks, and return what it said and its status."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cio_frames", "load", "seen.csv", "--call", "page", "--output", "out"]
    running = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said, asked = b"", False
    try:
        while piece := os.read(ours, 65_536):
            said += piece
            if b"[y/N]" in said and not asked:
                asked = True
                os.write(ours, answer)
    except OSError:
        # Linux says so that the other end is closed.
        pass
    finally:
        os.close(ours)
    return said.decode(), running.wait(timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
@pytest.mark.parametrize(("answer", "status", "calls"), [(b"y\n", 0, 2), (b"n\n", 1, 0)])
def test_on_a_terminal_a_load_with_young_events_asks(answer, status, calls):
    Path("seen.csv").write_text("user_id,timestamp\na,2020-01-01T00:00:00Z\nb,\n")
    with cio.Sandbox() as sandbox:
        environment = os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url}
        said, ended = on_a_terminal(answer, environment)
        assert (ended, len(sandbox.calls())) == (status, calls), said
    assert "1 rows are events younger than 72 hours" in said
    assert "Send them? [y/N]" in said


def test_a_dry_run_on_the_command_line_says_all_there_is_to_know(folder):
    young = pd.Timestamp.now("UTC").floor("s")
    frame = pd.DataFrame(
        {
            "user_id": [None, *(f"u{row}" for row in range(39))],
            "bio": ["x" * (33_000 + row) if row > 24 else "x" for row in range(40)],
            "timestamp": [pd.Timestamp("2020-01-01", tz="UTC")] * 20 + [young] * 20,
        }
    )
    frame.to_parquet("seen.parquet")
    done = CliRunner().invoke(app, ["load", "seen.parquet", "--call", "page", "--dry-run"])
    assert done.exit_code == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[:3] == [
        "24 ready",
        "15 too_large 33,159 bytes, and a call may have 32,000, and 14 other sizes",
        "1 invalid user_id: is missing, and is needed",
    ]
    facts = cio.load("seen.parquet", "page", dry_run=True)
    assert lines[3].startswith(f"40 rows, {facts.bytes:,} bytes, {facts.requests} requests, ")
    assert lines[4:] == [
        "At the rate limit, the requests take at least 0.00 s.",
        f"Timestamps from 2020-01-01T00:00:00+00:00 to {young.isoformat()}.",
        "5 rows are events younger than 72 hours, or without a time, and can start campaigns.",
        "First rows of each reason that cannot be sent (counted from 0):",
        "row 0 of seen.parquet: user_id: is missing, and is needed",
        *(f"row {row} of seen.parquet: 33,{159 + row - 25} bytes, and a call may have 32,000" for row in range(25, 30)),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["seen.parquet"]


def test_the_ledger_knows_endpoint_and_limits_and_a_load_may_go_on_more_slowly(stopped):
    client, _ = stopped
    with sqlite3.connect("out/ledger.sqlite") as database:
        ((text,),) = database.execute("SELECT asked FROM loads").fetchall()
    database.close()
    asked = json.loads(text)
    assert (asked["endpoint"], asked["max_call_bytes"]) == (client.endpoint, 32_000)
    assert (asked["limits"]["max_body_bytes"], asked["limits"]["requests_per_second"]) == (475_000, 1_000)
    assert "write_key" not in text
    slow = dataclasses.replace(client, requests_per_second=100, workers=1)
    assert load("people.parquet", slow).statuses == {"invalid": 1, "delivered": 34}


def test_a_file_that_changes_while_it_is_loaded_stops_the_load_and_is_told_by_the_next_run():
    people(40).to_parquet("people.parquet", row_group_size=10)

    def answer(request):
        if request.number == 0:
            people(41).to_parquet("people.parquet", row_group_size=10)
        return Answer()

    with FaultServer(answer) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        with pytest.raises(cio.FrameError, match=r"people.parquet has changed since this load has begun"):
            load("people.parquet", client)
        sent = len(server.received)
        assert loads_in(Path("out/ledger.sqlite"))[["state", "rows_done"]].to_numpy().tolist() == [
            ["stopped", 10 * sent]
        ]
        with pytest.raises(cio.ConfigurationError, match=r"people\.parquet has changed"):
            load("people.parquet", client)
        assert len(server.received) == sent


def test_a_load_that_goes_on_reads_only_the_row_groups_that_are_left(stopped, monkeypatch):
    client, _ = stopped
    people(35).assign(email=["x"] + [None] * 34).to_parquet("again.parquet", row_group_size=10)
    with FaultServer([Answer(), Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
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
    people(20).to_parquet("people.parquet")
    read_on = threading.Event()
    prepared = flow.Prepared

    def noted(frame, request):
        if len(frame) and frame["user_id"].iloc[0] == "u10":
            read_on.set()
        return prepared(frame, request)

    monkeypatch.setattr(flow, "Prepared", noted)
    seen = []

    def answer(request):
        seen.append(read_on.wait(5))
        return Answer()

    with FaultServer(answer) as server:
        load("people.parquet", cio.Client(write_key="k", endpoint=server.url))
    assert seen == [True, True]


def test_rows_are_written_as_json_while_others_are_sent(monkeypatch):
    monkeypatch.setattr("cio_frames.pipeline.prepared.SLICE_ROWS", 2)
    encoded = []
    of = flow._Content.of

    def noted(self, slices):
        for written in of(self, slices):
            encoded.append(written.start)
            yield written

    monkeypatch.setattr(flow._Content, "of", noted)
    at_the_first = []

    def answer(request):
        until = time.monotonic() + 5
        while request.number == 0 and len(encoded) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        at_the_first.append(len(encoded))
        return Answer()

    with FaultServer(answer) as server:
        load([people(10)], cio.Client(write_key="k", endpoint=server.url, workers=1))
    # One on its way, two in the lane's queue, one about to be: never far ahead.
    assert at_the_first[0] in (3, 4)


def test_what_leaves_is_on_the_disk_before_and_the_ledger_is_a_write_ahead_log(folder):
    with Ledger(folder / "ledger.sqlite") as ledger:
        asked = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for connection in (ledger._database, ledger._answers)
            for name in ("journal_mode", "synchronous")
        ]
    # 2 is FULL, 1 is NORMAL.
    assert asked == ["wal", 2, "wal", 1]
