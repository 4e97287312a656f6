"""What the command line prints, and what happens where nothing can be printed."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app
from tests.faults import OK, FaultServer
from tests.loading.helpers import environment_for

CLEAR_SCREEN = "\x1b[2J\x1b]0;title\x07"


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"user_id": [f"u{row}" for row in range(240)]}).to_csv("people.csv", index=False)


def load_in_a_shell(sandbox, redirection, options=""):
    command = f"{sys.executable} -m cio_frames load people.csv --call identify {options} {redirection}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env=environment_for(sandbox), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("options", ["", "--json", "--fresh"])
@pytest.mark.parametrize("redirection", ["| true", "> /dev/full", "2> /dev/full", "2>&-", ">&-"])
def test_output_that_cannot_be_printed_does_not_change_the_exit_status_of_a_finished_load(
    sandbox, redirection, options
):
    done = load_in_a_shell(sandbox, redirection, options)
    assert done.returncode == 0, done.stderr
    assert len(sandbox.calls()) == 240
    assert "Traceback" not in done.stderr
    if redirection == "> /dev/full":
        assert "cannot print the output: No space left on device" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("redirection", ["2> /dev/full", "> /dev/full", "> /dev/full 2> /dev/full"])
def test_what_others_printed_and_could_not_does_not_change_the_exit_status(redirection):
    # Warnings of libraries, for example, stay in the buffer of stderr.
    program = (
        "import sys, warnings; from cio_frames.cli.app import main; "
        "warnings.warn('old', DeprecationWarning, stacklevel=1); sys.stdout.write('text'); main(['--version'])"
    )
    command = f'{sys.executable} -W always -c "{program}" {redirection}'
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(["bash", "-c", command], env=buffered, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_load_with_undelivered_rows_ends_with_1_also_where_nothing_can_be_printed(sandbox):
    pd.DataFrame({"user_id": ["ada", None]}).to_csv("people.csv", index=False)
    assert load_in_a_shell(sandbox, "> /dev/full").returncode == 1


def test_a_summary_that_cannot_be_written_is_told_and_does_not_change_the_exit_status(sandbox, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    done = CliRunner().invoke(app, ["load", "people.csv", "--call", "identify", "--report", "/dev/full"])
    assert done.exit_code == 0
    assert "cannot write the summary to /dev/full: No space left on device" in done.stderr


@pytest.mark.parametrize("stream", [None, "closed"])
def test_frames_are_sent_by_programs_without_a_console(sandbox, monkeypatch, tmp_path, stream):
    if stream == "closed":
        stream = (tmp_path / "closed").open("w")
        stream.close()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    people = pd.DataFrame({"user_id": ["ada"]})
    for progress in (None, True):
        assert people.cio.identify(client=sandbox.client, progress=progress)["status"].tolist() == ["delivered"]
        assert cio.load(people, "identify", client=sandbox.client, output="out", fresh=True, progress=progress).ok


@pytest.mark.parametrize("command", ["validate", "load --dry-run"])
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (f"u{CLEAR_SCREEN}id", "u\\x1b[2J\\x1b]0;title\\x07id"),
        ("u:id:k", "u:id:k"),
        ("[bold]id[/bold]", "[bold]id[/bold]"),
        ("id\u202egnorw", "id\\u202egnorw"),
    ],
)
def test_names_of_columns_are_printed_as_they_are_and_without_control_characters(monkeypatch, command, name, printed):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    pd.DataFrame({"user_id": ["ada", "bob"], name: [float("inf"), 1.0]}).to_parquet("people.parquet")
    output = CliRunner().invoke(app, [*command.split(), "people.parquet", "--call", "identify"]).output
    assert printed in output
    assert "\x1b" not in output
    assert "\u202e" not in output


def test_paths_and_events_are_printed_as_they_are(sandbox, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    done = CliRunner().invoke(app, ["load", "people.csv", "--call", "identify", "--output", "ns:key:load"])
    assert done.exit_code == 0, done.output
    assert "Results: ns:key:load/results" in done.stdout


def test_a_file_that_appears_where_the_summary_goes_stays_and_the_account_is_printed(monkeypatch):
    theirs = Path("summary.json")

    def write_theirs(received):
        theirs.write_text("theirs", encoding="utf-8")
        return OK

    with FaultServer(write_theirs) as server:
        monkeypatch.setenv("CIO_WRITE_KEY", "k")
        monkeypatch.setenv("CIO_ENDPOINT", server.url)
        command = ["load", "people.csv", "--call", "identify", "--report", str(theirs)]
        done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert "240 delivered" in " ".join(done.stdout.split())
    assert "cio_frames did not write it: it is not replaced" in done.stderr
    assert theirs.read_text(encoding="utf-8") == "theirs"
