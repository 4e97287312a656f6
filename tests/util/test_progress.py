"""Progress of a load: a bar on a terminal, a line a minute elsewhere."""

import os
import re
import subprocess
import sys

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames._util.progress import LoadProgress, bar, print_counts
from tests.loading.helpers import environment_for


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_without_a_bar_there_is_a_line_a_minute_with_all_figures(caplog):
    caplog.set_level("INFO", logger="cio_frames")
    clock = Clock()
    with LoadProgress(400_000, False, "track 'Seen'", clock=clock) as progress:
        for _ in range(300):
            clock.seconds += 0.5
            progress.update(500, 100_000, 1)
    assert caplog.messages == [
        "track 'Seen': 60,000 of 400,000 rows, 12,000,000 bytes, 120 requests, 1,000 rows per second, 6 minutes left",
        "track 'Seen': 120,000 of 400,000 rows, 24,000,000 bytes, 240 requests, 1,000 rows per second, 5 minutes left",
    ]


def test_rows_of_an_earlier_run_do_not_enter_the_rate(caplog):
    caplog.set_level("INFO", logger="cio_frames")
    clock = Clock()
    with LoadProgress(1_000_000, False, "identify", clock=clock) as progress:
        progress.add_earlier_rows(940_000)
        clock.seconds = 60.0
        progress.update(6_000, 600_000, 10)
    (line,) = caplog.messages
    assert line.startswith("identify: 946,000 of 1,000,000 rows")
    assert line.endswith("100 rows per second, 9 minutes left")


PROGRAM = """
import logging
import cio_frames as cio
from cio_frames.loading.tuning import LoadTuning
from tests.loading.helpers import load_rows
logging.basicConfig(level=logging.INFO)
tuning = LoadTuning(chunk_rows=500, log_seconds=0.05)
print(load_rows("people.parquet", cio.Client.from_env(), tuning=tuning, progress=None).statuses)
"""


@pytest.fixture
def load(tmp_path):
    pd.DataFrame({"user_id": [f"u{row}" for row in range(3_000)], "bio": "x" * 300}).to_parquet(
        tmp_path / "people.parquet"
    )
    with cio.Sandbox(latency_seconds=0.1) as sandbox:
        environment = environment_for(sandbox) | {"COLUMNS": "160"}
        yield lambda **options: subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, **options
        )


def test_without_a_terminal_a_load_logs_lines_and_shows_no_bar(load):
    _, said = load(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).communicate(timeout=60)
    lines = [line for line in said.splitlines() if "rows per second" in line]
    assert lines
    assert re.search(
        r"identify: [\d,]+ of 3,000 rows, [\d,]{6,} bytes, \d+ requests, [\d,]+ rows per second", lines[-1]
    )
    assert "\r" not in said
    assert "u1" not in said


def output_on_a_terminal(start):
    """Return the exit status and the output of a program on a terminal of 160 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    running = start(stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65_536):
            said += piece
    except OSError:
        # Linux says so that the other end is closed.
        pass
    finally:
        os.close(ours)
    return running.wait(timeout=60), said.decode()


GREEN, YELLOW, RED = "\x1b[32m", "\x1b[33m", "\x1b[31m"
on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")


@on_terminals
def test_on_a_terminal_there_is_a_bar_with_rows_bytes_requests_rate_and_time_left(load):
    status, text = output_on_a_terminal(load)
    assert status == 0
    bars = [part for part in text.split("\r") if part.startswith("identify:")]
    assert re.search(r"1\.\d MB, [1-9]\d* requests", bars[-1]), bars[-1]
    assert "100%" in bars[-1]
    assert re.search(r"3,000 of 3,000 rows, [\d,]+ rows/s, in \d+:\d+, ", bars[-1]), bars[-1]
    assert GREEN in bars[-1]
    middle = [bar for bar in bars if re.search(r"[\d,]+ of 3,000 rows, [\d,]+ rows/s, \d+:\d+ left, ", bar)]
    assert middle, bars
    assert "{'delivered': 3000}" in text
    assert "rows per second left" not in text


CALL = """
import sys
import pandas as pd
import cio_frames as cio
people = pd.DataFrame({"user_id": eval(sys.argv[1])})
people.cio.identify(client=cio.Client.from_env())
print("then")
"""


@on_terminals
@pytest.mark.parametrize(
    ("ids", "color", "line"),
    [
        (["a", "b"], GREEN, "identify: 2 delivered\r\n"),
        (["a", None], YELLOW, "identify: 1 delivered, 1 invalid; see result['reason']\r\n"),
        ([None, None], RED, "identify: 2 invalid; see result['reason']\r\n"),
    ],
)
@pytest.mark.parametrize("no_color", [False, True])
def test_on_a_terminal_a_call_ends_in_the_color_of_the_outcome_and_with_one_line_of_counts(ids, color, line, no_color):
    with cio.Sandbox() as sandbox:
        environment = environment_for(sandbox) | ({"NO_COLOR": "1"} if no_color else {})
        command = [sys.executable, "-c", CALL, repr(ids)]
        status, text = output_on_a_terminal(lambda **options: subprocess.Popen(command, env=environment, **options))
    assert status == 0, text
    assert (color in text) is not no_color
    assert text.endswith(f"{line}then\r\n")


def test_without_a_terminal_a_call_prints_nothing(capfd, shared_sandbox):
    pd.DataFrame({"user_id": ["a", None]}).cio.identify(client=shared_sandbox.client)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("wanted", "printed"), [(True, "3 ready; 1 warning; 2 can start"), (False, ""), (None, "")])
def test_the_closing_line_is_wanted_as_the_bar_is(capsys, wanted, printed):
    print_counts("track 'Seen'", {"ready": 3, "invalid": 0}, wanted, remarks=["1 warning", "2 can start"])
    assert capsys.readouterr().err == (f"track 'Seen': {printed}\n" if printed else "")


def test_a_program_without_stderr_prints_no_line_and_does_not_fail(monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(sys, "stderr", None)
        print_counts("identify", {"delivered": 1}, True)
        result = pd.DataFrame({"user_id": ["a"]}).cio.identify(dry_run=True, progress=True)
    assert result["status"].tolist() == ["ready"]


def test_a_dry_run_ends_with_how_many_rows_can_start_campaigns(capsys):
    pd.DataFrame({"user_id": ["a", "b"], "seen": ["2020-01-01", None]}).cio.page(dry_run=True, progress=True)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("page: 2 ready")
    assert last.endswith("2 can start campaigns (2 without a timestamp)")


def test_a_load_ends_with_its_undelivered_rows(capsys, shared_sandbox, tmp_path):
    people = pd.DataFrame({"user_id": ["a", None]})
    result = cio.load(people, "identify", client=shared_sandbox.client, output=tmp_path / "out", progress=True)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"identify: 1 delivered, 1 invalid; see {result.undelivered}"


@pytest.mark.parametrize(("columns", "text"), [(-1, "3 of 3"), (0, "3 of 3"), (1, ""), (5, ""), (200, "3 of 3")])
def test_a_bar_in_a_terminal_of_any_width_can_have_a_color(columns, text):
    with bar(3, True, "identify") as shown:
        shown.dynamic_ncols = lambda stream: (columns, -1)
        shown.update(3)
        for color in (None, "green"):
            shown.colour = color
            assert text in str(shown)
