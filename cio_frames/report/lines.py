"""Where a row is: its file, its position there, and its line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

_PACKED_ENDINGS = {".gz", ".zst", ".bz2", ".xz"}
# What stands before the first row.
_LINES_BEFORE = {".csv": 1, ".tsv": 1, ".txt": 1, ".jsonl": 0, ".json": 0, ".ndjson": 0}


def line_number(file: str | None, row: int) -> int | None:
    """Return the line of a row, given by its position from 0, in a file of text; None for other files.

    It is exact if no cell before it holds a line break, and no line was skipped.

    >>> line_number("orders.csv", 0), line_number("orders.jsonl.gz", 0), line_number("orders.parquet", 0)
    (2, 1, None)
    """
    if file is None:
        return None
    endings = [ending for ending in PurePath(file).suffixes if ending.lower() not in _PACKED_ENDINGS]
    before = _LINES_BEFORE.get(endings[-1].lower()) if endings else None
    return None if before is None else row + before + 1


@dataclass(frozen=True, slots=True)
class SourcePart:
    """Rows of a source that follow each other in one file.

    Attributes
    ----------
    position : int
        The position of the first of them among all rows, from 0.
    file : str or None
        The file.
    first_row : int
        The position of the first of them in the file.
    """

    position: int
    file: str | None
    first_row: int


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a row: its file, its position there from 0, and its line if the file is text."""

    file: str | None
    row: int
    line: int | None


def place_of(parts: Sequence[SourcePart], position: int) -> Place:
    """Return the place of a row, given by its position among all rows.

    >>> parts = [SourcePart(0, "a.csv", 0), SourcePart(10, "b.csv", 0)]
    >>> place_of(parts, 12)
    Place(file='b.csv', row=2, line=4)
    """
    at = bisect_right(parts, position, key=lambda part: part.position) - 1
    if at < 0:
        return Place(None, position, None)
    row = parts[at].first_row + position - parts[at].position
    return Place(parts[at].file, row, line_number(parts[at].file, row))
