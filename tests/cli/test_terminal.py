"""How output looks on terminals of different widths, with and without colors, and in silence."""

import os
import subprocess
import sys

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.cli import printing, validate
from tests.loading.helpers import environment_for

on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
GREEN, RED = "\x1b[32m", "\x1b[31m"


def on_a_terminal(command, environment, folder, columns):
    """Return the output of a command on a terminal of so many columns, without the ends of its lines."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-m", "cio_frames", *command], cwd=folder, env=environment, stdin=theirs, stdout=theirs,
        stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    try:
        while piece := os.read(ours, 65_536):
            printed += piece
    except OSError:
        # Linux says so that the other end is closed.
        pass
    finally:
        os.close(ours)
    running.wait(timeout=60)
    return printed.decode().splitlines()


@pytest.fixture
def people(tmp_path):
    pd.DataFrame({"user_id": ["ada", "bob", None]}).to_csv(tmp_path / "people.csv", index=False)
    return tmp_path


def environment(sandbox, **variables):
    found = environment_for(sandbox) | {"TERM": "xterm"} | variables
    return {name: value for name, value in found.items() if name not in ("COLUMNS", "CI")}


@on_terminals
@pytest.mark.parametrize("no_color", [False, True])
def test_outcomes_have_colors_on_a_terminal_unless_no_color_is_set(sandbox, people, no_color):
    variables = {"NO_COLOR": "1"} if no_color else {}
    command = ["load", "people.csv", "--call", "identify"]
    text = "\n".join(on_a_terminal(command, environment(sandbox, **variables), people, 80))
    assert (f"{GREEN}delivered" in text, f"{RED}invalid" in text) == ((not no_color,) * 2)
    assert "2 delivered" in text.replace(GREEN, "")


@pytest.mark.parametrize("columns", [60, 80])
def test_findings_of_a_narrow_terminal_are_a_list(monkeypatch, capsys, columns):
    console = printing.SafeConsole(force_terminal=True, no_color=True, width=columns)
    monkeypatch.setattr(validate, "out", console)
    frame = pd.DataFrame({"user_id": [None, "ada", "bob"], "email": ["nobody", "ada@example.com", "nobody"]})
    validate.print_validation_report(cio.validate(frame, "identify"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == [
        "   error  email: must be an email address",
        "          2 rows, 66.7%, first at 0, 2",
        "   error  user_id: required value is missing",
        "          1 row, 33.3%, first at 0",
    ]
    assert max(map(len, lines)) <= columns


@on_terminals
def test_loads_and_schema_fit_60_columns(sandbox, people):
    plain = environment(sandbox, NO_COLOR="1", TERM="dumb")
    on_a_terminal(["load", "people.csv", "--call", "identify", "--output", "results/people"], plain, people, 60)
    lines = on_a_terminal(["loads"], plain, people, 60)
    assert lines[:2] == ["people.csv  identify", "  done: 3 rows done, 2 delivered"]
    assert lines[3] == "  results/people/ledger.sqlite"
    lines = on_a_terminal(["schema", "Order Completed"], plain, people, 60)
    assert max(map(len, lines)) <= 60
    assert any(line.split() == ["products[].product_id", "string"] for line in lines)
    assert "\u2026" not in "".join(lines)


def test_counts_of_loads_are_whole_numbers_also_beside_one_without(run, tmp_path):
    pd.DataFrame({"user_id": ["ada", "bob"]}).to_csv(tmp_path / "people.csv", index=False)
    pd.DataFrame({"user_id": ["ada", "bob"]}).to_parquet(tmp_path / "people.parquet")
    for name in ("people.parquet", "people.csv"):
        assert run("load", name, "--call", "identify", "--output", f"out/{name}").exit_code == 0
    lines = [line.split() for line in run("loads").stdout.splitlines()]
    assert lines[0] == ["source", "call", "event", "phase", "rows", "rows_done", "delivered", "started_at", "ledger"]
    by_source = {line[0]: line for line in lines[1:]}
    assert by_source["people.parquet"][1:6] == ["identify", "done", "2", "2", "2"]
    assert by_source["people.csv"][1:5] == ["identify", "done", "2", "2"]


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_a_quiet_load_prints_nothing_but_what_was_not_delivered(run, people, option):
    command = ["load", "people.csv", "--call", "identify", option]
    done = run(*command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "cio-frames: 1 of 3 rows were not delivered: 1 invalid. See people.identify.load/undelivered.parquet.\n"
    )
    (people / "people.csv").write_text("user_id\nada\nbob\n", encoding="utf-8")
    for _ in range(2):
        done = run(*command, "--output", "other")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_quiet_validates_syncs_and_runs_jobs(run, people):
    done = run("validate", "people.csv", "--call", "identify", "-q")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "")
    (people / "people.csv").write_text("user_id,plan\nada,team\n", encoding="utf-8")
    (people / "job.yaml").write_text("source: people.csv\ncall: identify\nstate: s.sqlite\n", encoding="utf-8")
    for command in (["run", "job.yaml"], ["sync", "people.csv", "--call", "identify", "--state", "t.sqlite"]):
        done = run(*command, "--quiet")
        assert (done.exit_code, done.stdout) == (0, ""), done.output
    # Silence ends with the command.
    assert "1 row" in run("validate", "people.csv", "--call", "identify").stdout


# Commands that no other test runs as a process of their own, in an order in which each finds what it reads.
COMMANDS = [
    ("validate people.csv --call identify", 1, "1 of 3 rows cannot be sent"),
    ("events ecommerce", 0, "Order Completed (ecommerce)"),
    ("plan people.csv --call identify --state people.sqlite --out plan.parquet --show-values", 0, "2 new"),
    ("apply plan.parquet", 1, "2 delivered"),
    ("sync people.csv --call identify --state people.sqlite", 1, "2 unchanged"),
    ("baseline people.csv --call identify --state other.sqlite --confirm 2", 0, "2 claimed"),
    ("state show people.sqlite", 0, "run 1"),
    ("spec check missing.json", 2, "missing.json"),
]


def test_commands_run_as_processes(sandbox, people):
    for command, status, printed in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "cio_frames", *command.split()],
            env=environment(sandbox), cwd=people, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        assert printed in " ".join((done.stdout + done.stderr).split()), f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
