"""Loads from the command line, on a terminal and as a dry run."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app
from tests.loading.helpers import environment_for

if sys.platform != "win32":
    import pty


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


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
        environment = environment_for(sandbox)
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
        "15 too_large call is 33,159 bytes; the limit is 32,000, and 14 other sizes",
        "1 invalid user_id: required value is missing",
    ]
    facts = cio.load("seen.parquet", "page", dry_run=True)
    assert lines[3].startswith(f"40 rows, {facts.bytes:,} bytes, {facts.requests} requests, ")
    assert lines[4:] == [
        "At the rate limit, the requests take at least 0.00 s.",
        f"Timestamps from 2020-01-01T00:00:00+00:00 to {young.isoformat()}.",
        "5 rows are events younger than 72 hours, or without a time, and can start campaigns.",
        "First rows of each reason that cannot be sent (counted from 0):",
        "row 0 of seen.parquet: user_id: required value is missing",
        *(f"row {row} of seen.parquet: call is 33,{134 + row} bytes; the limit is 32,000" for row in range(25, 30)),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["seen.parquet"]
