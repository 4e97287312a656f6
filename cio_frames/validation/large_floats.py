"""Floats of 2**53 and more, which as integers had more digits: warnings, since they may have been floats all along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pa_types

from cio_frames._util.arrays import Bools
from cio_frames.arrow.kinds import EXACT_BELOW
from cio_frames.arrow.python_cells import python_cells
from cio_frames.columns import Columns
from cio_frames.encoding.encode_error import NESTING_LIMIT
from cio_frames.validation import cells
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.column_reader import Column, ColumnReader
from cio_frames.validation.column_values import CREATED_AT
from cio_frames.validation.warning_counts import ColumnWarning


def large_float_warnings(reader: ColumnReader, columns: Columns) -> Iterator[ColumnWarning]:
    """Yield warnings about floats from 2**53 on, also inside of lists and objects.

    Beside missing values, pandas makes floats of integers. Ids and other text fields hold such rows back.

    >>> import pandas as pd
    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada", "bob"], "account": [2**53 + 1, None]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(found.column, found.rows.tolist()) for found in large_float_warnings(ColumnReader(people), columns)]
    [('account', [True, False])]
    """
    for source in columns.sources:
        is_time = source.field.format == "date-time" or source.path == ("traits", CREATED_AT)
        if is_time or source.field.type == "string":
            continue
        rows = _has_large_float(reader.column(source))
        if rows.any():
            yield ColumnWarning("float_digits", source.label, rows, CHECKS["float_digits"])


def _has_large_float(column: Column) -> Bools:
    if not isinstance(column, np.ndarray):
        if pa_types.is_floating(column.type):
            return _are_large(np.asarray(column.to_numpy()))
        if not _holds_floats(column.type):
            return np.zeros(len(column), dtype=bool)
        column = python_cells(column)
    return np.fromiter(map(_holds_large_float, column), dtype=bool, count=len(column))


def _are_large(numbers: Any) -> Bools:
    # Half floats would overflow beside the limit.
    wide = np.asarray(numbers, dtype=np.float64)
    large: Bools = np.isfinite(wide) & (np.abs(wide) >= EXACT_BELOW)
    return large


def _holds_floats(kind: pa.DataType) -> bool:
    if pa_types.is_dictionary(kind):
        return _holds_floats(kind.value_type)
    inside = [kind.field(place).type for place in range(kind.num_fields)]
    return bool(pa_types.is_floating(kind)) or any(map(_holds_floats, inside))


def _holds_large_float(cell: Any, depth: int = 0) -> bool:
    if type(cell) in (str, int, bool, type(None)) or depth > NESTING_LIMIT:
        return False
    cell = cells.unwrap(cell)
    if isinstance(cell, (float, np.floating)):
        return bool(_are_large(cell))
    if isinstance(cell, np.ndarray) and cell.dtype.kind in "iufb":
        return cell.dtype.kind == "f" and bool(_are_large(np.ma.filled(cell, 0)).any())
    if isinstance(cell, Mapping):
        return any(_holds_large_float(member, depth + 1) for member in cell.values())
    return cells.is_list_cell(cell) and any(_holds_large_float(member, depth + 1) for member in cell)
