"""Loads that are long: 100,000,000 orders through ``cio.load``, and the same files validated.

``python -m tests.benchmarks long --rows 100000000`` makes the files part by part and measures 1, 3 and 10 million rows
and then all of them. ``python -m tests.benchmarks.long sent|validated FOLDER ADDRESS`` measures one and prints JSON.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import cio_frames as cio
from cio_frames.loading.validating import validate_source
from cio_frames.pipeline.call_spec import build_call_spec

from . import datasets, measure

LENGTHS = (1_000_000, 3_000_000, 10_000_000)
# Validation is as long as the spec asks for, at most.
VALIDATED_ROWS = 10_000_000
FILE_ROWS = 1_000_000
GROUP_ROWS = 100_000
# Each customer has about ten orders, over all files.
ORDERS_PER_CUSTOMER = 10
# One order in so many is alike to the last byte to an order of an earlier file.
REPEATS = 1_000
CALL = {"event": "Order Completed", "user_id": "customer_id", "timestamp": "ordered_at"}
KINDS = ("sent", "validated")


def orders(rows: int, *, start: int, total: int) -> pa.Table:
    """Return orders of people who come back; a few are repeated in every part."""
    random = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    customer = random.integers(0, max(total // ORDERS_PER_CUSTOMER, 1), rows)
    minute = random.integers(0, 700 * 24 * 60, rows)
    cents = random.integers(100, 20_000, rows)
    again = number % REPEATS == 0
    number[again], customer[again], minute[again], cents[again] = 0, 0, 0, 100
    moment = datasets.FIRST_DAY + minute.astype("timedelta64[m]")
    return pa.table(
        {
            "customer_id": pc.binary_join_element_wise("customer-", pa.array(customer).cast(pa.string()), ""),
            "ordered_at": pa.array(moment.astype("datetime64[ms]"), pa.timestamp("ms", "UTC")),
            "order_id": pc.binary_join_element_wise("order-", pa.array(number).cast(pa.string()), ""),
            "total": pa.array(cents / 100),
        }
    )


def write(folder: Path, rows: int) -> None:
    """Write the files of a source of any length, one after the other."""
    folder.mkdir(parents=True)
    for start in range(0, rows, FILE_ROWS):
        part = orders(min(FILE_ROWS, rows - start), start=start, total=rows)
        pq.write_table(part, folder / f"orders-{start // FILE_ROWS:05d}.parquet", row_group_size=GROUP_ROWS)


def link_first(folder: Path, whole: Path, rows: int) -> None:
    """Make a folder with the first files of another."""
    folder.mkdir(parents=True)
    for path in sorted(whole.iterdir())[: rows // FILE_ROWS]:
        os.link(path, folder / path.name)


def sent(source: str, address: str, folder: str) -> int:
    """Load a folder, check that every row is delivered, and return the rows."""
    client = cio.Client(write_key="k", endpoint=address, requests_per_second=1e9)
    loaded = cio.load(source, "track", **CALL, client=client, output=Path(folder) / "out", progress=False)
    assert (loaded.phase, set(loaded.statuses), loaded.undelivered) == ("done", {"delivered"}, None)
    assert loaded.source_rows == loaded.rows
    return loaded.rows


def validated(source: str, address: str, folder: str) -> int:
    """Validate a folder, and return the rows."""
    report, _ = validate_source(source, build_call_spec("track", **CALL))
    assert report.rows_held_back == 0
    return report.rows


def measure_one(kind: str, source: str, address: str) -> dict[str, float]:
    """Measure a load or a validation."""
    expected = sum(pq.read_metadata(path).num_rows for path in Path(source).iterdir())
    # Imports and their caches take memory at any length.
    cio.load(orders(1_000, start=0, total=1_000), "track", **CALL, dry_run=True, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        work = {"sent": sent, "validated": validated}[kind]
        rows, figures = measure.measure(lambda: work(source, address, folder))
    if rows != expected:
        raise SystemExit(f"{kind}: {rows:,} rows came out of {expected:,}")
    return {
        "rows": rows,
        "seconds": figures["seconds"],
        "us": figures["seconds"] / rows * 1e6,
        "processor_us": figures["processor_seconds"] / rows * 1e6,
        "resident_mb": measure.peak_resident_bytes() / 1e6,
    }


def tasks(folder: Path, rows: int, address: str) -> dict[str, list[str]]:
    """Make files of all rows, and return what to run for each length."""
    whole = folder / "whole"
    write(whole, rows)
    found = {}
    for count in (*(length for length in LENGTHS if length < rows), rows):
        source = whole if count == rows else folder / str(count)
        if count < rows:
            link_first(source, whole, count)
        for kind in KINDS:
            if kind == "sent" or count <= VALIDATED_ROWS:
                found[f"{kind}, {count:,} rows"] = [__name__, kind, str(source), address]
    return found


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table."""
    rows = [
        [
            name,
            f"{run['rows'] / run['seconds']:,.0f}",
            f"{run['us']:.2f}",
            f"{run['processor_us']:.2f}",
            f"{run['resident_mb']:,.0f}",
        ]
        for name, run in found.items()
    ]
    head = ["a folder of Parquet files", "rows per second", "us/row", "processor us/row", "peak resident MB"]
    return measure.markdown_table(head, rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
