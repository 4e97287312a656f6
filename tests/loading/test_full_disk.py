"""A load whose disk is full stops with words that say so, and goes on once there is room."""

import os
import subprocess
import sys

import pandas as pd
import pytest

import cio_frames as cio

ROWS = 8_000

PROGRAM = """
import resource, signal, sys
from cio_frames.cli.app import main
from cio_frames.loading import sources
sources.CHUNK_ROWS = 2_000
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = int(sys.argv[1])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
main(["load", "people.parquet", "--call", "identify", "--output", "out", "--no-progress"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of a process's files")
def test_a_full_disk_stops_a_load_and_loses_nothing(tmp_path):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(ROWS)], "bio": "x" * 300})
    frame.to_parquet(tmp_path / "people.parquet")
    with cio.Sandbox() as sandbox:
        environment = os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url}

        def load(most_bytes):
            command = [sys.executable, "-c", PROGRAM, str(most_bytes)]
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

        # The ledger's own files are the first to be too large, or the answers.
        for most_bytes in (100_000, 40_000):
            stopped = load(most_bytes)
            assert stopped.returncode in (1, 2)
            assert "cannot be used" in stopped.stderr or "cannot be written" in stopped.stderr
            assert "Traceback" not in stopped.stderr
        assert load(0).returncode == 0
        ids = sandbox.calls()["messageId"]
    answers = pd.read_parquet(tmp_path / "out/results")
    assert answers["status"].tolist() == ["delivered"] * ROWS
    assert set(ids) == set(answers["message_id"])
    assert set(ids[ids.duplicated()]) <= set(answers.loc[answers["resent"], "message_id"])
