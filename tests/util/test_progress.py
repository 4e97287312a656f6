"""Progress of a load: a bar on a terminal, a line a minute elsewhere."""

import os
import re
import subprocess
import sys

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames._util.progress import LoadProgress
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
def test_on_a_terminal_there_is_a_bar_with_rows_bytes_requests_rate_and_time_left(load):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    running = load(stdin=theirs, stdout=theirs, stderr=theirs)
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
    assert running.wait(timeout=60) == 0
    text = said.decode()
    bars = [part for part in text.split("\r") if part.startswith("identify:")]
    assert re.search(r"1\.\d MB, [1-9]\d* requests", bars[-1]), bars[-1]
    assert "3.00k/3.00k" in bars[-1]
    middle = [bar for bar in bars if re.search(r"[1-9][\d.]*k?/3\.00k \[\d+:\d+<\d+:\d+, +[\d.]+k? rows/s, ", bar)]
    assert middle, bars
    assert "{'delivered': 3000}" in text
    assert "rows per second left" not in text
