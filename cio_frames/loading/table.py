"""Rows of any dtype as a table that Parquet can hold, for rejects: what was in a frame must be there to be mended."""

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

# Of Arrow's widest decimals; of those half as wide there are half as many.
_MOST_DIGITS = 76
_DEEPEST = 100


def table_of(frame: pd.DataFrame) -> pa.Table:
    """Return rows as a table; columns that Parquet has no type for, such as those of mixed cells, become JSON text.

    >>> table_of(pd.DataFrame({"n": [1, 2], "x": [1j, None]})).to_pylist()
    [{'n': 1, 'x': '1j'}, {'n': 2, 'x': None}]
    """
    frame = frame.set_axis(_names(frame.columns), axis=1)
    # A signalling NaN would refuse to be asked.
    with decimal.localcontext(decimal.Context(traps=[])):
        mixed = {
            label: frame[label].astype(object).map(_as_text, na_action="ignore").astype("string")
            for label in frame.columns
            if not _fits(frame[[label]])
        }
        return _kept(frame.assign(**mixed))


def _names(labels: Iterable[Hashable]) -> list[str]:
    """Return labels as names for a file, where each may stand once only.

    >>> _names(["note", "note", 7, "7", "note (2)"])
    ['note', 'note (3)', '7', '7 (2)', 'note (2)']
    """
    names: list[str] = []
    texts = list(map(str, labels))
    for text in texts:
        others = (f"{text} ({number})" for number in count(2))
        names.append(text if text not in names else next(name for name in others if name not in {*names, *texts}))
    return names


def _fits(column: pd.DataFrame) -> bool:
    """Return whether Parquet can hold a column: it is asked, since what it lacks hangs on its version."""
    if is_object_dtype(column.dtypes.iloc[0]) and column.iloc[:, 0].map(_is_dangerous).any():
        return False
    try:
        pq.write_table(_kept(column), pa.BufferOutputStream())
    # An OSError is about a type too: nothing is written to a disk here.
    except (pa.ArrowException, TypeError, ValueError, OverflowError, OSError):
        return False
    return True


def _is_dangerous(cell: object, depth: int = 0) -> bool:
    """Return whether pyarrow could take the whole process down over a cell: deep ones, and numpy's times beside NaN."""
    if depth > _DEEPEST:
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


def _kept(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for place, each in enumerate(table.schema):
        if _kept_as(each.type) != each.type:
            table = table.set_column(place, each.name, table[place].cast(_kept_as(each.type)))
    return table


def _kept_as(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column is kept: Parquet knows no decimals that count in hundreds, as 1E+2 does.

    >>> _kept_as(pa.decimal128(5, -2)), _kept_as(pa.int8())
    (Decimal128Type(decimal128(7, 0)), DataType(int8))
    """
    if not kinds.is_decimal(kind) or kind.scale >= 0 or kind.precision - kind.scale > _MOST_DIGITS:
        return kind
    digits = kind.precision - kind.scale
    return pa.decimal128(digits, 0) if digits <= _MOST_DIGITS // 2 else pa.decimal256(digits, 0)


def _as_text(cell: object) -> str:
    r"""Return a cell as JSON text, whatever it is.

    >>> print(_as_text({np.int64(7): [np.nan, np.int8(1), {1j}]}))
    {"7": [null, 1, ["1j"]]}
    """
    if isinstance(cell, str):
        text = cell
    else:
        try:
            plain = _plain(cell)
            text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
        except (RecursionError, ValueError):
            text = f"a {type(cell).__name__} nested too deep for JSON"
    return text.encode("utf-8", "replace").decode()


def _plain(cell: object) -> object:
    match cell:
        case Mapping():
            return {str(name): _plain(member) for name, member in cell.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(member) for member in cell]
        case np.ndarray():
            return _plain(list(cell) if cell.ndim else cell.item())
        case np.datetime64() | np.timedelta64():
            return None if np.isnat(cell) else str(cell)
        case np.integer() | np.floating() | np.bool_():
            return _plain(cell.item())
        case float():
            return cell if math.isfinite(cell) else None if math.isnan(cell) else str(cell)
        case None | bool() | int() | str():
            return cell
        case _:
            return None if cell is pd.NA or cell is pd.NaT else str(cell)
