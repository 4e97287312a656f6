"""Rows of any dtype as a table that Parquet can hold, so that undelivered rows can be corrected and loaded again."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Hashable, Iterable, Mapping
from itertools import count

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds
from pandas.api.types import is_object_dtype

# Of Arrow's widest decimals; the others have half as many.
_MAX_DECIMAL_DIGITS = 76
_MAX_NESTING = 100


def parquet_table(frame: pd.DataFrame) -> pa.Table:
    """Return rows as a table; columns that Parquet has no type for, such as mixed cells, become JSON text.

    >>> parquet_table(pd.DataFrame({"n": [1, 2], "x": [1j, None]})).to_pylist()
    [{'n': 1, 'x': '1j'}, {'n': 2, 'x': None}]
    """
    frame = frame.set_axis(unique_names(frame.columns), axis=1)
    # A signalling NaN raises when it is compared.
    with decimal.localcontext(decimal.Context(traps=[])):
        mixed = {
            label: frame[label].astype(object).map(_cell_as_text, na_action="ignore").astype("string")
            for label in _columns_as_text(frame)
        }
        return _storable_table(frame.assign(**mixed))


def unique_names(labels: Iterable[Hashable]) -> list[str]:
    """Return labels as names for a file, in which each name occurs once.

    >>> unique_names(["note", "note", 7, "7", "note (2)"])
    ['note', 'note (3)', '7', '7 (2)', 'note (2)']
    """
    names: list[str] = []
    texts = list(map(str, labels))
    seen: set[str] = set()
    taken = set(texts)
    for text in texts:
        name = text
        if text in seen:
            name = next(other for number in count(2) if (other := f"{text} ({number})") not in taken)
        seen.add(text)
        taken.add(name)
        names.append(name)
    return names


def _columns_as_text(frame: pd.DataFrame) -> list[str]:
    """Return the columns that Parquet cannot hold."""
    dangerous = [
        label
        for label, dtype in frame.dtypes.items()
        if is_object_dtype(dtype) and frame[label].map(_is_dangerous).any()
    ]
    return [str(label) for label in dangerous] + _find_unstorable(frame.drop(columns=dangerous))


def _find_unstorable(frame: pd.DataFrame) -> list[str]:
    """Return the columns that Parquet cannot hold, of a frame that pyarrow may look at.

    All are tried at once, then each half of those that fail: mostly there is none, and there may be thousands.
    """
    if _parquet_can_hold(frame):
        return []
    labels = list(frame.columns)
    if len(labels) == 1:
        return labels
    middle = len(labels) // 2
    return _find_unstorable(frame.iloc[:, :middle]) + _find_unstorable(frame.iloc[:, middle:])


def _parquet_can_hold(frame: pd.DataFrame) -> bool:
    """Return whether Parquet can hold some columns. It is tried, since the answer depends on the version."""
    try:
        pq.write_table(_storable_table(frame), pa.BufferOutputStream())
    # An OSError is about a type too: nothing is written to a disk here.
    except (pa.ArrowException, TypeError, ValueError, OverflowError, OSError):
        return False
    return True


def _is_dangerous(cell: object, depth: int = 0) -> bool:
    """Return whether a cell could crash pyarrow: one nested deeply, or numpy's times beside NaN."""
    if depth > _MAX_NESTING:
        return True
    match cell:
        case np.datetime64() | np.timedelta64():
            return True
        case Mapping():
            return any(_is_dangerous(member, depth + 1) for member in cell.values())
        case list() | tuple() | set() | frozenset():
            return any(_is_dangerous(member, depth + 1) for member in cell)
        case np.ndarray() if cell.dtype.kind in "OmM":
            return cell.dtype.kind != "O" or _is_dangerous(cell.tolist(), depth)
        case _:
            return False


def _storable_table(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    types = [_storable_type(each.type) for each in table.schema]
    if types == table.schema.types:
        return table
    columns = [column.cast(kind) for column, kind in zip(table.columns, types, strict=True)]
    return pa.table(columns, names=table.column_names).replace_schema_metadata(table.schema.metadata)


def _storable_type(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column is stored: Parquet has no decimals of a negative scale, such as 1E+2.

    >>> _storable_type(pa.decimal128(5, -2)), _storable_type(pa.int8())
    (Decimal128Type(decimal128(7, 0)), DataType(int8))
    """
    if not kinds.is_decimal(kind) or kind.scale >= 0 or kind.precision - kind.scale > _MAX_DECIMAL_DIGITS:
        return kind
    digits = kind.precision - kind.scale
    return pa.decimal128(digits, 0) if digits <= _MAX_DECIMAL_DIGITS // 2 else pa.decimal256(digits, 0)


def _cell_as_text(cell: object) -> str:
    r"""Return a cell as JSON text, whatever it is.

    >>> print(_cell_as_text({np.int64(7): [np.nan, np.int8(1), {1j}]}))
    {"7": [null, 1, ["1j"]]}
    """
    if isinstance(cell, str):
        text = cell
    else:
        try:
            value = _json_value(cell)
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        except (RecursionError, ValueError):
            text = f"a {type(cell).__name__} nested too deeply for JSON"
    return text.encode("utf-8", "replace").decode()


def _json_value(cell: object) -> object:
    match cell:
        case Mapping():
            return {str(name): _json_value(member) for name, member in cell.items()}
        case list() | tuple() | set() | frozenset():
            return [_json_value(member) for member in cell]
        case np.ndarray():
            return _json_value(list(cell) if cell.ndim else cell.item())
        case np.datetime64() | np.timedelta64():
            return None if np.isnat(cell) else str(cell)
        case np.integer() | np.floating() | np.bool_():
            return _json_value(cell.item())
        case float():
            return cell if math.isfinite(cell) else None if math.isnan(cell) else str(cell)
        case None | bool() | int() | str():
            return cell
        case _:
            return None if cell is pd.NA or cell is pd.NaT else str(cell)
