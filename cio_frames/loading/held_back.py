"""Rows that were not delivered, named one by one: the first of each reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.loading.outputs import FILE, REASON, ROW, STATUS

_UNDELIVERED_READ = 10_000
_ROWS_PER_REASON = 5
_MAX_REASONS_NAMED = 20


class HeldBack(NamedTuple):
    """A row that cannot be sent: its file (None for frames), its position there from 0, its status and the reason."""

    file: str | None
    row: int
    status: str
    reason: str | None

    def __str__(self) -> str:
        return f"row {self.row}{f' of {self.file}' if self.file else ''}: {self.reason}"


def read_first_undelivered(path: Path) -> list[HeldBack]:
    """Return the first rows of each reason in a file, or folder of files, of undelivered rows.

    Only its first 10,000 rows are read. A file that is not there any more has none.
    """
    file = next(iter(sorted(path.glob("part-*.parquet"))), path) if path.is_dir() else path
    try:
        batches = pq.ParquetFile(file).iter_batches(_UNDELIVERED_READ, columns=[FILE, ROW, STATUS, REASON])
        rows = next(batches, pa.RecordBatch.from_pylist([])).to_pylist()
    except (OSError, pa.ArrowException):
        return []
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        # A size or an answer differs from row to row.
        reason = row[STATUS] if row[STATUS] == "too_large" else str(row[REASON])
        if seen[reason] < _ROWS_PER_REASON and (reason in seen or len(seen) < _MAX_REASONS_NAMED):
            seen[reason] += 1
            found.append(HeldBack(row[FILE], row[ROW], row[STATUS], row[REASON]))
    return found
