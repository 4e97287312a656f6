"""Syncing on the command line and in job files: plans, guards, exit statuses."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.cli.app import main
from tests.syncing.helpers import people_frame


@pytest.fixture
def folder(tmp_path, monkeypatch, sandbox):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    people_frame(40).to_parquet(tmp_path / "people.parquet")
    return tmp_path


def run(*arguments):
    """Return the exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code or 0


SYNC = ("sync", "people.parquet", "--call", "identify", "--state", "people.sqlite", "--output", "out")


def test_a_sync_ends_with_0_and_a_second_one_makes_no_request(folder, sandbox, capsys):
    assert run(*SYNC) == 0
    assert "40 delivered" in capsys.readouterr().out
    requests = len(sandbox.requests())

    assert run(*SYNC, "--json") == 0

    facts = json.loads(capsys.readouterr().out)
    assert facts["statuses"] == {"unchanged": 40}
    assert len(sandbox.requests()) == requests


def test_a_guard_that_trips_ends_with_3_in_the_words_of_the_command_line(folder, sandbox, capsys):
    run(*SYNC)
    people_frame(20).to_parquet(folder / "people.parquet")
    requests = len(sandbox.requests())

    assert run(*SYNC, "--removed", "delete", "--complete") == 3

    said = capsys.readouterr().err
    assert "20 subjects are missing" in said
    assert "--max-removed" in said
    assert len(sandbox.requests()) == requests


def test_a_plan_is_printed_written_and_applied(folder, sandbox, capsys):
    common = SYNC[1:6]
    assert run("plan", *common, "--out", "people.plan.parquet", "--page", "plan.html") == 0
    assert "40 new" in capsys.readouterr().out
    assert "40 of 40 rows would be sent" in (folder / "plan.html").read_text()

    assert run("apply", "people.plan.parquet", "--max-age", "1h", "--output", "out") == 0

    assert len(sandbox.calls()) == 40
    assert run("apply", "people.plan.parquet", "--output", "out") == 2
    assert "another run has moved" in capsys.readouterr().err


def test_a_plan_that_a_guard_would_stop_ends_with_3(folder, capsys):
    run(*SYNC)
    people_frame(10).to_parquet(folder / "people.parquet")
    capsys.readouterr()

    assert run("plan", *SYNC[1:6], "--removed", "delete", "--complete", "--json") == 3

    assert "missing" in json.loads(capsys.readouterr().out)["guards"][0]


def test_who_left_is_marked_with_a_trait(folder, sandbox):
    mark = ("--removed", "active=false", "--returned", "active=true", "--complete", "--grace-runs", "1")
    run(*SYNC, *mark)
    people_frame(39).to_parquet(folder / "people.parquet")

    assert run(*SYNC, *mark) == 0

    assert sandbox.calls()["traits"].iloc[-1] == {"active": False}
    assert pd.read_parquet(folder / "out/removed.parquet")["status"].tolist() == ["delivered"]


def test_a_baseline_requires_the_number_of_rows(folder, sandbox, capsys):
    baseline = ("baseline", *SYNC[1:6])
    assert run(*baseline) == 2
    assert "--confirm 40" in capsys.readouterr().err

    assert run(*baseline, "--confirm", 40) == 0
    assert run(*SYNC) == 0

    assert len(sandbox.requests()) == 0


def test_a_state_is_described_exported_and_forgets(folder, capsys):
    run(*SYNC)
    capsys.readouterr()

    assert run("state", "show", "people.sqlite", "--json") == 0
    assert json.loads(capsys.readouterr().out)["subjects"] == {"delivered": 40}
    assert run("state", "export", "people.sqlite", "people.csv") == 0
    assert len(pd.read_csv(folder / "people.csv")) == 40
    assert run("state", "forget", "people.sqlite", "u:u0") == 0
    assert run("state", "forget", "people.sqlite", "u:u0") == 1
    assert run("state", "show", "nothing.sqlite") == 2


def test_a_state_is_required(folder, capsys):
    assert run(*SYNC[:4]) == 2
    assert "--state is missing" in capsys.readouterr().err


JOB = """
source: people.parquet
call: identify
state:
  path: people.sqlite
  removed: delete
  complete: true
  cleared: "null"
output: out
"""


def test_a_job_file_with_a_state_is_a_sync(folder, sandbox, capsys):
    (folder / "people.yaml").write_text(JOB)
    assert run("run", "people.yaml") == 0
    people_frame(20).to_parquet(folder / "people.parquet")
    requests = len(sandbox.requests())

    assert run("run", "people.yaml") == 3

    assert "max_removed:" in capsys.readouterr().err
    assert len(sandbox.requests()) == requests


def test_a_job_file_with_the_path_of_a_state_alone_is_a_sync_too(folder, sandbox):
    (folder / "people.yaml").write_text("source: people.parquet\ncall: identify\nstate: people.sqlite\noutput: out\n")

    assert run("run", "people.yaml") == 0
    assert run("run", "people.yaml") == 0

    assert len(sandbox.calls()) == 40
    with pytest.raises(cio.ConfigurationError):
        cio.plan("people.parquet", "group", group_id="user_id", state="people.sqlite")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("state:\n  file: people.sqlite", "unknown key 'file'"),
        ("state:\n  removed: keep", "required key 'path'"),
        ("state:\n  path: people.sqlite\n  removed: delete", "complete: true"),
        ("state: people.sqlite\nnulls: send", "cleared"),
        ("state: people.sqlite\nledger: people.ledger", "ledger"),
    ],
)
def test_a_mistake_in_a_job_file_is_told_with_its_line(folder, capsys, lines, words):
    (folder / "people.yaml").write_text(f"source: people.parquet\ncall: identify\n{lines}\n")

    assert run("run", "people.yaml") == 2

    assert words in capsys.readouterr().err


def test_syncs_are_listed_beside_loads(folder, capsys):
    run("load", "people.parquet", "--call", "identify", "--output", "load")
    run("baseline", *SYNC[1:6], "--confirm", 40)
    people_frame(42).to_parquet(folder / "people.parquet")
    run(*SYNC)
    capsys.readouterr()

    assert run("loads") == 0
    printed = capsys.readouterr().out
    assert run("loads", "people.sqlite", "load/ledger.sqlite", "--json") == 0
    listed = {run["kind"]: run for run in json.loads(capsys.readouterr().out)}

    assert ["baseline identify" in printed, "sync identify" in printed, printed.split().count("done")] == [
        True,
        True,
        3,
    ]
    assert [listed[kind]["rows"] for kind in ("load", "baseline", "sync")] == [40, 40, 42]
    assert (listed["sync"]["rows_done"], listed["sync"]["delivered"], listed["sync"]["phase"]) == (42, 2, "done")


def test_a_sync_that_stopped_says_why_in_the_list(folder, capsys, monkeypatch):
    with cio.Sandbox(faults=["401@0-9"]) as sandbox:
        monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
        assert run(*SYNC) == 1
    capsys.readouterr()
    assert run("loads", "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)

    assert (listed["phase"], listed["rows"], listed["rows_done"]) == ("stopped", 40, 0)
    assert "Run the same command again" in listed["why"]


@pytest.mark.parametrize(("limit", "status"), [("2", 0), ("10%", 0), ("1", 1), ("1%", 1)])
def test_some_rows_may_stay_undelivered(folder, limit, status):
    people = people_frame(40)
    people.loc[[3, 4], "user_id"] = None
    people.to_parquet(folder / "people.parquet")
    (folder / "people.yaml").write_text(
        f"source: people.parquet\ncall: identify\nstate: job.sqlite\noutput: job\nmax_undelivered: {limit}\n"
    )

    assert run(*SYNC, "--max-undelivered", limit) == status
    assert run("run", "people.yaml") == status


def test_invalid_rows_end_with_1_and_are_counted(folder, sandbox, capsys):
    people = people_frame(40)
    people.loc[3, "user_id"] = None
    people.to_parquet(folder / "people.parquet")

    assert run(*SYNC, "--on-invalid", "raise") == 1

    printed = capsys.readouterr()
    assert "39 ready" in printed.out
    assert "1 of 40 rows cannot be sent" in printed.err
    assert "--on-invalid skip" in printed.err
    assert len(sandbox.requests()) == 0


def test_a_summary_that_is_named_like_the_source_is_refused(folder, capsys):
    assert run(*SYNC, "--report", "people.parquet") == 2
    assert "would overwrite a file that is read" in capsys.readouterr().err


def test_a_file_that_is_not_a_state_ends_with_2(folder, sandbox, capsys):
    (folder / "people.sqlite").write_bytes(b"user_id,plan\n" * 99)

    assert run(*SYNC) == 2

    assert "not a sync state" in capsys.readouterr().err
    assert len(sandbox.requests()) == 0


def test_a_dry_run_counts_and_makes_no_state(folder, sandbox, capsys):
    assert run(*SYNC, "--dry-run") == 0

    assert "40 ready" in capsys.readouterr().out
    assert not (folder / "people.sqlite").exists()
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("door", ["sync", "run", "apply"])
@pytest.mark.parametrize(("answer", "status", "calls"), [("y\n", 0, 1), ("n\n", 1, 0), ("", 1, 0)])
def test_on_a_terminal_a_sync_of_young_events_asks(folder, sandbox, monkeypatch, capsys, door, answer, status, calls):
    pd.DataFrame({"user_id": ["ada"], "timestamp": [pd.Timestamp.now("UTC")]}).to_parquet("seen.parquet")
    options = ("seen.parquet", "--call", "page", "--state", "seen.sqlite")
    (folder / "seen.yaml").write_text("source: seen.parquet\ncall: page\nstate: seen.sqlite\n")
    if door == "apply":
        run("plan", *options, "--out", "seen.plan.parquet")
    command = {"sync": ("sync", *options), "run": ("run", "seen.yaml"), "apply": ("apply", "seen.plan.parquet")}[door]
    assert run(*command) == 2
    monkeypatch.setattr("cio_frames.cli.campaign_question.is_terminal", lambda stream: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    assert run(*command) == status

    assert len(sandbox.calls()) == calls
    assert "1 younger than 72 hours" in capsys.readouterr().err
