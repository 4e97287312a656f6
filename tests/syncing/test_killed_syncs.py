"""A sync whose process is killed is resumed by the same command."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import cio_frames as cio
from tests.syncing.helpers import held, people_frame, sync, wanted

PROGRAM = """
import sys
import pandas as pd
import cio_frames as cio
people = pd.read_parquet(sys.argv[1])
cio.sync(people, "identify", state=sys.argv[2], client=cio.Client.from_env(), progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_sync_that_is_killed_20_times_ends_with_what_the_frame_says(tmp_path):
    kills, rows = 20, 30_000
    chance = random.Random(11)
    state = tmp_path / "people.sqlite"
    people = people_frame(rows, bio="x" * 400)
    with cio.Sandbox(latency_seconds=0.05) as sandbox:
        environment = os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url}
        killed = 0
        for number in range(kills):
            people.loc[people.index % kills == number, "plan"] = f"plan {number}"
            people.to_parquet(tmp_path / "people.parquet")
            before = len(sandbox.requests())
            command = [sys.executable, "-c", PROGRAM, str(tmp_path / "people.parquet"), str(state)]
            running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 60
            while len(sandbox.requests()) <= before and running.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.1)
            killed += running.poll() is None
            running.send_signal(signal.SIGKILL)
            running.wait()
        result = sync(people, state, sandbox.client)
        again = sync(people, state, sandbox.client)
        assert held(sandbox) == wanted(people)
        calls = sandbox.calls()
    assert killed >= kills // 2
    assert result["status"].isin(["delivered", "unchanged"]).all()
    assert again["status"].eq("unchanged").all()
    # A call that was in flight at a kill came twice, under the id that it had, and the content that it had.
    texts = calls["traits"].map(str)
    repeated = calls["messageId"].duplicated()
    assert repeated.sum() <= sandbox.client.workers * calls.groupby("request").size().max() * kills
    assert texts.groupby(calls["messageId"]).nunique().eq(1).all()
