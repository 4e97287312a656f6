"""Ten million rows through ``cio.load``, out of one Parquet file: the load itself, against nginx, and its dry run.

``python -m tests.benchmarks.load dry|sent FRAME.parquet ADDRESS`` measures one and prints JSON.
"""

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

import cio_frames as cio

from . import made, measure

GROUP_ROWS = 100_000
# So many rows are made anew; then ids go on, and the other cells come again.
MADE_ROWS = 500_000


def write(path: Path, rows: int) -> None:
    """Write a file of people, each of them once."""
    with pq.ParquetWriter(path, made.people(1).schema) as writer:
        for start in range(0, rows, MADE_ROWS):
            writer.write_table(made.people(min(MADE_ROWS, rows - start), start=start), row_group_size=GROUP_ROWS)


def dry(path: str, address: str, folder: str) -> int:
    """Count a load, and return its rows."""
    found = cio.load(path, "identify", dry_run=True, progress=False)
    assert found.phase == "dry run"
    assert set(found.statuses) == {"ready"}
    return found.rows


def sent(path: str, address: str, folder: str) -> int:
    """Load a file, and return its rows; every one of them is answered once, in the order of the file."""
    client = cio.Client(write_key="k", endpoint=address, requests_per_second=1e9)
    loaded = cio.load(path, "identify", client=client, output=Path(folder) / "out", progress=False)
    assert (loaded.phase, set(loaded.statuses), loaded.undelivered) == ("done", {"delivered"}, None)
    first = 0
    for part in sorted(loaded.results.glob("*.parquet")):
        answers = pd.read_parquet(part, columns=["row", "status", "attempts"])
        assert answers["row"].tolist() == list(range(first, first + len(answers)))
        assert answers["status"].eq("delivered").all()
        assert answers["attempts"].eq(1).all()
        first += len(answers)
    assert first == loaded.rows
    return loaded.rows


KINDS = {"dry": dry, "sent": sent}


def one(kind: str, path: str, address: str) -> dict[str, float]:
    """Measure one; rows that are missing are wrong output."""
    expected = pq.ParquetFile(path).metadata.num_rows
    # What is there whatever the length: imports, and what they cache.
    cio.load(made.frame_of(made.people(1_000), "people"), "identify", dry_run=True, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        rows, figures = measure.timed(lambda: KINDS[kind](path, address, folder))
    if rows != expected:
        raise SystemExit(f"{kind}: {rows:,} rows came out of {expected:,}")
    return {
        "rows": rows,
        "seconds": figures["seconds"],
        "rows_per_second": rows / figures["seconds"],
        "peak_mb": figures["peak_bytes"] / 1e6,
        "resident_mb": measure.highest_resident_bytes() / 1e6,
    }


def tasks(folder: Path, lengths: list[int], address: str) -> dict[str, list[str]]:
    """Make a file for each length."""
    found = {}
    for rows in lengths:
        path = folder / f"load-{rows}.parquet"
        write(path, rows)
        for kind in KINDS:
            found[f"{kind}, {rows:,} rows"] = [__name__, kind, str(path), address]
    return found


def printed(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table."""
    rows = [
        [
            name,
            f"{run['seconds']:.1f}",
            f"{run['rows_per_second']:,.0f}",
            f"{run['peak_mb']:,.0f}",
            f"{run['resident_mb']:,.0f}",
        ]
        for name, run in found.items()
    ]
    return measure.table(["cio.load from Parquet", "seconds", "rows a second", "grew by MB", "resident MB"], rows)


if __name__ == "__main__":
    print(json.dumps(one(*sys.argv[1:])))
