"""A load of frames of several sizes: small ones are sent together, so that size hardly matters.

``python -m tests.benchmarks.batches ADDRESS ROWS BATCH_ROWS`` measures one size and prints JSON.
"""

import json
import sys
import tempfile
from pathlib import Path

import cio_frames as cio

from . import datasets, measure

BATCHES = (200_000, 10_000, 2_048, 1_000)


def measure_one(address: str, rows: str, batch_rows: str) -> dict[str, float]:
    """Measure a load of frames from a generator."""
    count, size = int(rows), int(batch_rows)
    frame = datasets.to_frame(datasets.people(count), "people")
    client = cio.Client(write_key="benchmark", endpoint=address, requests_per_second=1e9)
    # Not measured: what a process does once.
    cio.load(frame.head(100), "identify", dry_run=True, progress=False)
    frames = (frame.iloc[start : start + size] for start in range(0, count, size))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        loaded, figures = measure.measure(
            lambda: cio.load(frames, "identify", client=client, output=output, progress=False)
        )
        assert loaded.statuses == {"delivered": count}
        assert loaded.frame()["row"].tolist() == list(range(count))
    return {"us": figures["seconds"] / count * 1e6, "processor_us": figures["processor_seconds"] / count * 1e6}


def tasks(address: str, rows: int) -> dict[str, list[str]]:
    """Return what to run for each size."""
    return {f"{size:,} rows": [__name__, address, str(rows), str(size)] for size in BATCHES}


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table; ratios are to the largest frames."""
    largest = next(iter(found.values()))["processor_us"]
    rows = [
        [size, f"{run['us']:.2f}", f"{run['processor_us']:.2f}", f"{run['processor_us'] / largest:.2f}"]
        for size, run in found.items()
    ]
    return measure.markdown_table(["cio.load of frames of", "us/row", "processor us/row", "times the largest"], rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
