"""A load stops with a clear error if the disk is full, and is resumed once there is space."""

import subprocess
import sys

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading.outputs import OutputFolder
from tests.loading.helpers import environment_for

ROWS = 8_000

PROGRAM = """
import resource, signal, sys
from pathlib import Path
import cio_frames as cio
from tests.loading.helpers import environment_for
from cio_frames.loading.tuning import LoadTuning
from tests.loading.helpers import load_rows
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = int(sys.argv[1])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    load_rows("people.parquet", cio.Client.from_env(), tuning=LoadTuning(chunk_rows=2_000))
except cio.CioFramesError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of a process's files")
def test_a_full_disk_stops_a_load_and_loses_nothing(tmp_path):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(ROWS)], "bio": "x" * 300})
    frame.to_parquet(tmp_path / "people.parquet")
    with cio.Sandbox() as sandbox:
        environment = environment_for(sandbox)

        def load(most_bytes):
            command = [sys.executable, "-c", PROGRAM, str(most_bytes)]
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

        # The ledger's own files are the first to be too large, or the answers.
        for most_bytes in (100_000, 40_000):
            stopped = load(most_bytes)
            assert stopped.returncode == 1
            assert "Cannot use the ledger" in stopped.stderr or "Cannot write results" in stopped.stderr
            assert "Traceback" not in stopped.stderr
        assert load(0).returncode == 0
        ids = sandbox.calls()["messageId"]
    answers = pd.read_parquet(tmp_path / "out/results")
    assert answers["status"].tolist() == ["delivered"] * ROWS
    assert set(ids) == set(answers["message_id"])
    assert set(ids[ids.duplicated()]) <= set(answers.loc[answers["resent"], "message_id"])


def test_the_account_of_rows_whose_results_cannot_be_written_has_their_requests(tmp_path, sandbox, monkeypatch):
    def fail(*args, **options):
        raise cio.ConfigurationError("Cannot write results: No space left on device.")

    monkeypatch.setattr(OutputFolder, "write_chunk", fail)
    with pytest.raises(cio.ConfigurationError) as caught:
        cio.load(pd.DataFrame({"user_id": ["ada"]}), "identify", client=sandbox.client, output=tmp_path / "out")
    assert (caught.value.result.statuses, caught.value.result.requests) == ({"delivered": 1}, 1)
