"""Ten million rows through ``cio.load``, from one Parquet file: a load to nginx, and a dry run.

``python -m tests.benchmarks.load dry|sent FRAME.parquet ADDRESS`` measures one and prints JSON.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

import cio_frames as cio

from . import datasets, measure

GROUP_ROWS = 100_000
# Rows that are generated at once. Beyond these, ids continue and the other cells repeat.
MADE_ROWS = 500_000


def write(path: Path, rows: int) -> None:
    """Write a file of people, each of them once."""
    with pq.ParquetWriter(path, datasets.people(1).schema) as writer:
        for start in range(0, rows, MADE_ROWS):
            writer.write_table(datasets.people(min(MADE_ROWS, rows - start), start=start), row_group_size=GROUP_ROWS)


def dry(path: str, address: str, folder: str) -> int:
    """Run a dry run, and return its rows."""
    found = cio.load(path, "identify", dry_run=True, progress=False)
    assert found.phase == "dry run"
    assert set(found.statuses) == {"ready"}
    return found.rows


def sent(path: str, address: str, folder: str) -> int:
    """Load a file, check that every row is delivered once and in order, and return the rows."""
    client = cio.Client(write_key="k", endpoint=address, requests_per_second=1e9)
    loaded = cio.load(path, "identify", client=client, output=Path(folder) / "out", progress=False)
    assert (loaded.phase, set(loaded.statuses), loaded.undelivered) == ("done", {"delivered"}, None)
    first = 0
    for part in sorted(loaded.results.glob("*.parquet")):
        results = pd.read_parquet(part, columns=["row", "status", "attempts"])
        assert results["row"].tolist() == list(range(first, first + len(results)))
        assert results["status"].eq("delivered").all()
        assert results["attempts"].eq(1).all()
        first += len(results)
    assert first == loaded.rows
    return loaded.rows


Kinds = Mapping[str, Callable[[str, str, str], int]]
KINDS: Kinds = {"dry": dry, "sent": sent}


def measure_one(kind: str, path: str, address: str, kinds: Kinds = KINDS) -> dict[str, float]:
    """Measure one kind of load, and fail if rows are missing."""
    expected = pq.ParquetFile(path).metadata.num_rows
    # Imports and their caches take memory at any length.
    cio.load(datasets.to_frame(datasets.people(1_000), "people"), "identify", dry_run=True, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        rows, figures = measure.measure(lambda: kinds[kind](path, address, folder))
    if rows != expected:
        raise SystemExit(f"{kind}: {rows:,} rows came out of {expected:,}")
    return {
        "rows": rows,
        "seconds": figures["seconds"],
        "rows_per_second": rows / figures["seconds"],
        "peak_mb": figures["peak_bytes"] / 1e6,
        "resident_mb": measure.peak_resident_bytes() / 1e6,
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


def format_table(found: dict[str, dict[str, float]]) -> str:
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
    return measure.markdown_table(
        ["cio.load from Parquet", "seconds", "rows per second", "grew by MB", "resident MB"], rows
    )


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
