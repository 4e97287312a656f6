"""Cost and memory from ten thousand rows to ten million, streamed from a Parquet file a batch at a time.

``python -m tests.benchmarks.length FRAME.parquet ROWS BATCH_ROWS`` measures one length and prints JSON.
"""

import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

import cio_frames as cio
from cio_frames.pipeline.prepared import SLICE_ROWS

from . import datasets, measure

# Batches of one size show whether cost grows with length. The long ones are a slice each, so that in the shortest run,
# which is shorter than one, what every frame costs weighs most.
BATCHES = (10_000, SLICE_ROWS)
FILE_ROWS = 500_000
WARM_ROWS = 500_000
# Machines are slower now and then, for a second: shorter runs would tell of that.
SHORTEST_RUN = 2_000_000


def streamed(path: str, rows: int, batch_rows: int) -> int:
    """Take a file's rows through a dry run, batch by batch, again from the start where it ends; return bytes."""
    left, size = rows, 0
    while left:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(min(batch_rows, left), use_threads=False):
                frame = batch.slice(0, left).to_pandas(types_mapper=pd.ArrowDtype)
                result = cio.identify(frame, dry_run=True, schema=None)
                # Every row is in a batch, and none is invalid.
                assert result["batch"].notna().all()
                size += int(result["bytes"].sum())
                left -= len(frame)
                if not left:
                    break
    return size


def measure_one(
    path: str, rows: str, batch_rows: str, *, shortest_run: int = SHORTEST_RUN, warm_rows: int = WARM_ROWS
) -> dict[str, float]:
    """Measure one length, several times over where it is short; each after as many rows to get warm."""
    count, batch = int(rows), int(batch_rows)
    times = max(1, shortest_run // count)
    for _ in range(max(1, warm_rows // count)):
        streamed(path, min(count, warm_rows), batch)
    size, figures = measure.measure(lambda: sum(streamed(path, count, batch) for _ in range(times)))
    return {
        "us": figures["seconds"] / times / count * 1e6,
        "processor_us": figures["processor_seconds"] / times / count * 1e6,
        "peak_mb": figures["peak_bytes"] / 1e6,
        "bytes": size / times / count,
    }


def tasks(folder: Path, lengths: list[int], batch_rows: int) -> dict[str, list[str]]:
    """Make a file for each length, those that are longer than half a million rows by reading it again."""
    found = {}
    for rows in lengths:
        path = folder / f"{min(rows, FILE_ROWS)}.parquet"
        pq.write_table(datasets.people(min(rows, FILE_ROWS)), path, row_group_size=100_000)
        found[f"{rows:,} rows"] = [__name__, str(path), str(rows), str(batch_rows)]
    return found


def format_table(found: dict[str, dict[str, float]], batch_rows: int) -> str:
    """Return the figures as a table; ratios are to the cheapest length."""
    least = min(run["us"] for run in found.values())
    rows = [
        [length, f"{run['us'] / least:.2f}", f"{run['processor_us']:.2f}", f"{run['peak_mb']:,.0f}"]
        for length, run in found.items()
    ]
    head = f"from Parquet, {batch_rows:,} rows a batch"
    return measure.markdown_table([head, "time a row / least", "processor us/row", "peak MB"], rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
