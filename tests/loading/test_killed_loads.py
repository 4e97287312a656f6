"""A load whose process is killed, or asked to end, is resumed where it stopped."""

import random
import signal
import sqlite3
import subprocess
import sys
import time

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from tests.loading.helpers import environment_for

ROWS = 6_000
PROGRAM = """
import sys
import cio_frames as cio
from cio_frames.loading.tuning import LoadTuning
from tests.loading.helpers import load_rows
try:
    load_rows("people.parquet", cio.Client.from_env(), tuning=LoadTuning(chunk_rows=int(sys.argv[1])))
except cio.CioFramesError as error:
    sys.exit(str(error))
"""


def program(sandbox, tmp_path, chunk_rows=1_500):
    """Start a load in a process of its own, with chunks small enough for it to have several."""
    command = [sys.executable, "-c", PROGRAM, str(chunk_rows)]
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment_for(sandbox), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture
def people(tmp_path):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(ROWS)], "bio": "x" * 500})
    frame.to_parquet(tmp_path / "people.parquet")
    return frame


def received(sandbox):
    return len(sandbox.requests())


def wait_for_requests(sandbox, running, count):
    until = time.monotonic() + 30
    while received(sandbox) < count and running.poll() is None and time.monotonic() < until:
        time.sleep(0.005)


def on_their_way(ledger):
    """Return how many rows left and were not answered, as the ledger has it after a kill."""
    database = sqlite3.connect(ledger)
    statements = ("SELECT positions FROM sent_batches", "SELECT positions FROM outcomes")
    sent, answered = (sum(len(blob) // 4 for (blob,) in database.execute(each)) for each in statements)
    database.close()
    return sent - answered


def test_a_load_that_is_killed_25_times_ends_with_every_row_delivered(tmp_path):
    rows, kills, at_the_kills = 200_000, 25, 0
    frame = pd.DataFrame({"user_id": [f"u{row % 150_000}" for row in range(rows)], "bio": "x" * 300})
    frame.to_parquet(tmp_path / "people.parquet")
    chance = random.Random(7)
    with cio.Sandbox(latency_seconds=0.1) as sandbox:
        for _ in range(kills):
            running = program(sandbox, tmp_path, chunk_rows=40_000)
            wait_for_requests(sandbox, running, received(sandbox) + chance.randint(1, 3))
            time.sleep(chance.random() * 0.1)
            assert running.poll() is None
            running.send_signal(signal.SIGKILL)
            running.communicate()
            at_the_kills += on_their_way(tmp_path / "out/ledger.sqlite")
        running = program(sandbox, tmp_path, chunk_rows=40_000)
        running.communicate(timeout=120)
        assert running.returncode == 0
        ids = sandbox.calls()["messageId"]
    answers = pd.read_parquet(tmp_path / "out/results")
    assert answers["status"].tolist() == ["delivered"] * rows
    (known,) = loads_in(tmp_path / "out/ledger.sqlite")[["phase", "rows_done", "delivered"]].to_numpy().tolist()
    assert known == ["done", rows, rows]
    assert answers["row"].tolist() == list(range(rows))
    assert set(ids) == set(answers["message_id"])
    assert answers["message_id"].is_unique
    # What came twice was on its way at a kill, and is said to have been sent again.
    twice = set(ids[ids.duplicated()])
    assert 0 < len(twice) <= at_the_kills
    assert twice <= set(answers.loc[answers["resent"], "message_id"])
    assert answers["attempts"].ge(1 + answers["resent"]).all()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can handle")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_load_that_is_asked_to_end_finishes_requests_in_flight_and_says_how_to_resume(people, tmp_path, number):
    with cio.Sandbox(latency_seconds=0.1) as sandbox:
        running = program(sandbox, tmp_path)
        wait_for_requests(sandbox, running, 1)
        running.send_signal(number)
        _, said = running.communicate(timeout=30)
        assert running.returncode == 1
        assert b"Call it again with the same arguments to resume." in said
        running = program(sandbox, tmp_path)
        running.communicate(timeout=60)
        assert running.returncode == 0
        calls = sandbox.calls()
    assert len(calls) == ROWS
    assert calls["messageId"].is_unique
