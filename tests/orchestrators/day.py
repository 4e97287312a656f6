"""A day's export and a sandbox that breaks connections: the first try of a load stops halfway, and the next resumes."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

import cio_frames as cio

EXAMPLES = Path(__file__).resolve().parents[2] / "notebooks" / "guides" / "examples"
DAY = "2026-06-02"
ROWS = 20_000
# The first requests arrive, and then the connection breaks more often than one load tries again.
FAULT = "reset@2-30"


@contextmanager
def broken_day():
    """Yield a sandbox; the environment has what the examples read."""
    with tempfile.TemporaryDirectory() as folder, cio.Sandbox(faults=[FAULT]) as sandbox:
        people = pd.DataFrame({"customer_id": [f"p{row}" for row in range(ROWS)], "note": "x" * 100})
        people.to_parquet(Path(folder) / f"people-{DAY}.parquet")
        os.environ |= {
            "CIO_WRITE_KEY": sandbox.client.write_key,
            "CIO_ENDPOINT": sandbox.url,
            "EXPORTS": folder,
            "RESULTS": f"{folder}/results",
        }
        yield sandbox


def check_example(name, run):
    """Run an example twice, and exit with a message unless it retries, sends each row once, and then nothing.

    ``run`` runs it as its orchestrator does, and returns the number of tries.
    """
    with broken_day() as sandbox:
        tries = run()
        calls = sandbox.calls()
        if tries < 2:
            raise SystemExit(f"{name}: {tries} try; the first one was expected to fail")
        if len(calls) != ROWS or not calls["messageId"].is_unique or len(sandbox.people()) != ROWS:
            raise SystemExit(f"{name}: {len(calls):,} calls arrived; expected each of {ROWS:,} once")
        before = len(sandbox.requests())
        run()
        again = len(sandbox.requests()) - before
        if again:
            raise SystemExit(f"{name}: a second run of the same day sent {again} requests; expected none")
        print(f"{name}: {tries} tries, each of {ROWS:,} rows sent once; nothing sent by a second run of the day.")
