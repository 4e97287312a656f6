"""How many distinct values columns have, counted up to a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Cells
from cio_frames.arrow.kinds import value_type

# Of all columns together, at eight bytes each.
_MAX_HASHES = 4_000_000
_MIN_HASHES_OF_COLUMN = 10_000


class DistinctCounts:
    """Counts distinct values of columns, part by part, of which it keeps hashes.

    A column with more values than there is room for is cut: it has at least as many.

    Parameters
    ----------
    columns : int
        How many columns share the room.
    max_hashes : int
        The room.

    Examples
    --------
    >>> counts = DistinctCounts(columns=1)
    >>> counts.add("city", pa.chunked_array([["Oslo", "Rome", None]]))
    >>> counts.add("city", pa.chunked_array([["Rome", "Kyiv"]]))
    >>> counts.count("city")
    (3, False)
    """

    def __init__(self, columns: int, max_hashes: int = _MAX_HASHES) -> None:
        self._limit = max(max_hashes // max(columns, 1), min(_MIN_HASHES_OF_COLUMN, max_hashes))
        self._hashes: dict[Any, npt.NDArray[np.uint64]] = {}
        # Columns with more values than that, or with cells that are not comparable.
        self._cut: set[Any] = set()
        self._unknown: set[Any] = set()

    def add(self, key: Any, column: pa.ChunkedArray | Cells) -> None:
        """Add the cells of one part of a column."""
        if key in self._cut or key in self._unknown:
            return
        found = _hash_distinct(column)
        if found is None:
            self._unknown.add(key)
            self._hashes.pop(key, None)
            return
        self._add_hashes(key, found)

    def _add_hashes(self, key: Any, found: npt.NDArray[np.uint64]) -> None:
        known = self._hashes.get(key)
        known = np.unique(found) if known is None else np.union1d(known, found)
        if len(known) > self._limit:
            self._cut.add(key)
            known = known[:0]
        self._hashes[key] = known

    def extend(self, other: DistinctCounts) -> None:
        """Add what another one, of other rows, has counted."""
        self._unknown |= other._unknown
        self._cut |= other._cut
        for key, hashes in other._hashes.items():
            if key not in self._cut and key not in self._unknown:
                self._add_hashes(key, hashes)

    def count(self, key: Any) -> tuple[int | None, bool]:
        """Return how many distinct values a column has, None if that is not known, and whether it has more."""
        if key in self._unknown or key not in self._hashes:
            return None, False
        return (self._limit, True) if key in self._cut else (len(self._hashes[key]), False)


def _hash_distinct(column: pa.ChunkedArray | Cells) -> npt.NDArray[np.uint64] | None:
    """Return hashes of the distinct cells of a column, nulls left out; None if they are not comparable."""
    if isinstance(column, np.ndarray):
        try:
            cells = pd.unique(pd.Series(column, dtype=object).dropna())
            return pd.util.hash_array(np.asarray([str(cell) for cell in cells], dtype=object), categorize=False)
        except (TypeError, ValueError):
            return None
    column = column.cast(value_type(column.type)) if pa_types.is_dictionary(column.type) else column
    if pa_types.is_nested(column.type):
        return None
    try:
        distinct = pc.drop_null(pc.unique(column))
        if pa_types.is_temporal(distinct.type):
            distinct = distinct.cast(pa.int64() if distinct.type.bit_width == 64 else pa.int32())
        return pd.util.hash_array(np.asarray(distinct.to_numpy(zero_copy_only=False)), categorize=False)
    except (pa.ArrowException, TypeError, ValueError):
        # A type that Arrow does not compare.
        return None
