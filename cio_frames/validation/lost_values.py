"""Numbers that have lost digits before they came here: warnings, since the rest can be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as pa_types

from cio_frames._util.arrays import Bools
from cio_frames.arrow.kinds import EXACT_BELOW
from cio_frames.arrow.normalize import column_of
from cio_frames.arrow.python_cells import python_cells
from cio_frames.columns import Columns
from cio_frames.encoding.encode_error import NESTING_LIMIT
from cio_frames.validation import cells
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.failures import failure_cases


def large_float_warnings(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning`` for floats from 2**53 on: as integers they had more digits.

    Beside missing values, pandas makes floats of integers. Ids and other text fields hold such rows back.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada", "bob"], "account": [2**53 + 1, None]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(cases["position"].tolist(), cases["check"].tolist()) for cases in large_float_warnings(people, columns)]
    [([0], ['float_digits'])]
    """
    for source in columns.sources:
        if source.field.type == "string" or source.field.format == "date-time":
            continue
        series = frame.iloc[:, source.position]
        rows = np.flatnonzero(_has_large_float(column_of(series)))
        if len(rows):
            reason = f"{source.label}: {CHECKS['float_digits']}"
            yield failure_cases(rows, source.label, "float_digits", reason, severity="warning")


def _has_large_float(column: pa.ChunkedArray | Any) -> Bools:
    if not isinstance(column, np.ndarray):
        if pa_types.is_floating(column.type):
            return _are_large(np.asarray(column.to_numpy()))
        if not _holds_floats(column.type):
            return np.zeros(len(column), dtype=bool)
        column = python_cells(column)
    return np.fromiter(map(_holds_large_float, column), dtype=bool, count=len(column))


def _are_large(numbers: Any) -> Bools:
    large: Bools = np.isfinite(numbers) & (np.abs(numbers) >= EXACT_BELOW)
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
