"""A sync beside a dry run of the same frame: what comparing with a state costs.

``python -m tests.benchmarks.sync dry|plan|first|unchanged|changed FRAME.parquet STATE.sqlite ADDRESS`` measures one and
prints JSON.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import cio_frames as cio

from . import datasets, load, measure

CHANGED_SHARE = 0.01


def write(path: Path, rows: int) -> tuple[Path, Path]:
    """Write a file of people, a state that has them, and the same file with some of them changed."""
    state, changed = path.with_suffix(".sqlite"), path.with_name(f"{path.stem}-changed.parquet")
    load.write(path, rows)
    cio.baseline(path, "identify", state=state, confirm=rows, progress=False)
    source = pq.ParquetFile(path)
    every = round(1 / CHANGED_SHARE)
    with pq.ParquetWriter(changed, source.schema_arrow) as writer:
        for group in range(source.num_row_groups):
            table = source.read_row_group(group)
            column = next(name for name in table.column_names if pa.types.is_floating(table.schema.field(name).type))
            place = table.column_names.index(column)
            values = table[column].to_numpy() + (np.arange(len(table)) % every == 0)
            writer.write_table(table.set_column(place, table.schema.field(column), pa.array(values)))
    return state, changed


def dry(path: str, state: str, address: str, folder: str) -> dict[str, int]:
    """Count a load."""
    return dict(cio.load(path, "identify", dry_run=True, progress=False).statuses)


def plan(path: str, state: str, address: str, folder: str) -> dict[str, int]:
    """Plan a sync."""
    return dict(cio.plan(path, "identify", state=state, progress=False).counts)


def synced(path: str, state: str, address: str, folder: str) -> dict[str, int]:
    """Sync, on a copy of the state."""
    client = cio.Client(write_key="k", endpoint=address, requests_per_second=1e9)
    output = Path(folder) / "out"
    return dict(cio.sync(path, "identify", state=state, client=client, output=output, progress=False).statuses)


KINDS = {"dry": dry, "plan": plan, "first": synced, "unchanged": synced, "changed": synced}


def measure_one(kind: str, path: str, state: str, address: str) -> dict[str, float]:
    """Measure one; counts that are wrong end it."""
    expected = pq.ParquetFile(path).metadata.num_rows
    # What is there whatever the length: imports, and what they cache.
    people = datasets.to_frame(datasets.people(1_000), "people")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "state.sqlite"
        cio.sync(people, "identify", state=own, dry_run=True, progress=False)
        own.unlink(missing_ok=True)
        if kind != "first":
            shutil.copy(state, own)
        counts, figures = measure.measure(lambda: KINDS[kind](path, str(own), address, folder))
        size = own.stat().st_size if own.exists() else 0
    if sum(counts.values()) != expected:
        raise SystemExit(f"{kind}: {sum(counts.values()):,} rows came out of {expected:,}")
    return {
        "rows": expected,
        "seconds": figures["seconds"],
        "processor_seconds": figures["processor_seconds"],
        "resident_mb": measure.peak_resident_bytes() / 1e6,
        "state_bytes_a_subject": size / expected,
    }


def tasks(folder: Path, rows: int, address: str) -> dict[str, list[str]]:
    """Make a file and a state, and name what is measured."""
    path = folder / f"sync-{rows}.parquet"
    state, changed = write(path, rows)
    files = {"dry": changed, "plan": changed, "first": path, "unchanged": path, "changed": changed}
    return {kind: [__name__, kind, str(file), str(state), address] for kind, file in files.items()}


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table, each beside the dry run."""
    dry_run = found["dry"]["processor_seconds"]
    rows = [
        [
            kind,
            f"{run['processor_seconds']:.2f}",
            f"{run['processor_seconds'] - dry_run:+.2f}",
            f"{run['processor_seconds'] / dry_run:.2f}",
            f"{run['resident_mb']:,.0f}",
            f"{run['state_bytes_a_subject']:.0f}",
        ]
        for kind, run in found.items()
    ]
    head = ["cio.sync from Parquet", "processor s", "over a dry run", "ratio", "resident MB", "state bytes a subject"]
    return measure.markdown_table(head, rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
