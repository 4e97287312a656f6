"""How many distinct values columns have, counted up to a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Cells
from cio_frames.arrow.kinds import value_type

_MAX_DISTINCT = 100_000
# Of all columns together.
_MAX_VALUES = 1_000_000
# Rows that are looked at before it is known whether a column has too many values.
_PIECE_ROWS = 1 << 17


class DistinctCounts:
    """Counts distinct values of columns, part by part, up to a limit, after which it looks at no more cells.

    Parameters
    ----------
    columns : int
        How many columns share the room.
    limit : int
        How many values are counted of one column; of many columns fewer.

    Examples
    --------
    >>> counts = DistinctCounts(columns=1)
    >>> counts.add("city", pa.chunked_array([["Oslo", "Rome", None]]))
    >>> counts.add("city", pa.chunked_array([["Rome", "Kyiv"]]))
    >>> counts.count("city")
    (3, False)
    """

    def __init__(self, columns: int, limit: int = _MAX_DISTINCT) -> None:
        self._limit = min(limit, max(_MAX_VALUES // max(columns, 1), 1))
        self._values: dict[Any, pa.Array | Cells] = {}
        # Columns with more values than that, or with cells that are not comparable.
        self._cut: set[Any] = set()
        self._unknown: set[Any] = set()

    def add(self, key: Any, column: pa.ChunkedArray | Cells) -> None:
        """Add the cells of one part of a column."""
        if not isinstance(column, np.ndarray) and pa_types.is_dictionary(column.type):
            column = column.cast(value_type(column.type))
        for start in range(0, len(column), _PIECE_ROWS):
            if key in self._cut or key in self._unknown:
                return
            self._add_values(key, column[start : start + _PIECE_ROWS])

    def _add_values(self, key: Any, found: pa.ChunkedArray | pa.Array | Cells) -> None:
        known = self._values.get(key)
        try:
            values = _find_distinct(found) if known is None else _merge_values(known, _find_distinct(found))
        except (pa.ArrowException, TypeError, ValueError, ArithmeticError):
            # Cells that cannot be compared: nested ones, types of other parts, signalling decimals.
            self._unknown.add(key)
            self._values.pop(key, None)
            return
        if len(values) > self._limit:
            self._cut.add(key)
            values = values[:0]
        self._values[key] = values

    def extend(self, other: DistinctCounts) -> None:
        """Add what another one, of other rows, has counted."""
        self._unknown |= other._unknown
        self._cut |= other._cut
        self._values = {key: _hash_values(values) for key, values in self._values.items()}
        for key, values in other._values.items():
            if key not in self._cut and key not in self._unknown:
                self._add_values(key, _hash_values(values))

    def __getstate__(self) -> dict[str, Any]:
        # Values of people do not leave the process that has read them.
        return {**vars(self), "_values": {key: _hash_values(values) for key, values in self._values.items()}}

    def count(self, key: Any) -> tuple[int | None, bool]:
        """Return how many distinct values a column has, None if that is not known, and whether there are more."""
        if key in self._cut:
            return self._limit, True
        return (None if key in self._unknown or key not in self._values else len(self._values[key])), False


def _find_distinct(column: pa.ChunkedArray | pa.Array | Cells) -> pa.Array | Cells:
    """Return the distinct cells of a column, nulls left out."""
    if isinstance(column, np.ndarray):
        return np.asarray(pd.unique(pd.Series(column, dtype=object).dropna()), dtype=object)
    if pa_types.is_nested(column.type):
        raise TypeError("Nested cells are not compared.")
    # Floats have a value that is not one.
    return pc.drop_null(pc.unique(pc.if_else(pc.is_nan(column), None, column) if _has_nan(column) else column))


def _has_nan(column: pa.ChunkedArray | pa.Array) -> bool:
    return bool(pa_types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py())


def _merge_values(known: pa.Array | Cells, found: pa.Array | Cells) -> pa.Array | Cells:
    if isinstance(known, np.ndarray) or isinstance(found, np.ndarray):
        both = [
            each if isinstance(each, np.ndarray) else each.to_numpy(zero_copy_only=False) for each in (known, found)
        ]
        return np.asarray(pd.unique(np.concatenate([each.astype(object) for each in both])), dtype=object)
    return pc.unique(pa.chunked_array([known, found]))


def _as_cells(values: pa.Array | Cells) -> Cells:
    return values if isinstance(values, np.ndarray) else np.asarray(values.to_numpy(zero_copy_only=False))


def _hash_values(values: pa.Array | Cells) -> pa.Array:
    """Return hashes of values; hashes stay as they are."""
    if not isinstance(values, np.ndarray) and values.type == pa.uint64():
        return values
    cells = _as_cells(values)
    if cells.dtype == object:
        cells = np.array([str(cell) for cell in cells], dtype=object)
    return pa.array(pd.util.hash_array(cells, categorize=False), pa.uint64())
