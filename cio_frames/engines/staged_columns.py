"""Columns of a frame as columns of a staged file, of which a load makes the same calls.

Python objects that have no single Arrow type, such as dicts with different keys, become JSON text as it will be sent,
with the name of Arrow's extension type for JSON, by which a load reads the values again. Arrow's own conversion would
give all dicts of a column the keys of all others. Where a column has different types in different partitions, the
types are widened if no value changes, and become JSON if not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as kinds
from pandas.api.types import infer_dtype

from cio_frames.arrow.extensions import extension_name, storage_of
from cio_frames.arrow.normalize import column_of
from cio_frames.arrow.python_cells import python_cells
from cio_frames.encoding import EncodeOptions
from cio_frames.encoding.cells import cells_as_json
from cio_frames.errors import FrameError

_JSON_NAME = "arrow.json"
_JSON_METADATA = {"ARROW:extension:name": _JSON_NAME, "ARROW:extension:metadata": ""}
# Kinds of Python objects, as pandas infers them, that have one Arrow type.
_ONE_TYPE = {"time", "timedelta", "timedelta64", "decimal", "bytes"}
_TIMES = {"datetime", "datetime64"}
_MAX_WIDE_DIGITS = 76


def staged_column(series: pd.Series[Any], options: EncodeOptions) -> tuple[pa.Array | pa.ChunkedArray, pa.Field]:
    """Return a column and its field; the field of Python objects of several types says that they are JSON.

    >>> cells, field = staged_column(pd.Series([{"a": 1}, {"b": [2]}, None], name="v"), EncodeOptions())
    >>> cells.to_pylist(), is_json_field(field)
    (['{"a":1}', '{"b":[2]}', None], True)

    Raises
    ------
    FrameError
        Cells have no JSON form.
    """
    name = str(series.name)
    cells: Any = series
    if isinstance(series.dtype, pd.SparseDtype) or series.dtype == np.dtype(object):
        cells = column_of(series)
        if isinstance(cells, np.ndarray) and not _has_one_type(cells):
            text = cells_as_json(cells, options)
            if not text.encode_errors:
                return text.values, _json_field(name)
    try:
        found = cells if isinstance(cells, pa.ChunkedArray) else pa.array(cells, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise FrameError(
            f"Column {name!r} has cells that have no JSON form, and is not staged: complex numbers, infinity, or text "
            "that is not valid Unicode, for example. Repair them, or leave the column out: it is read although it may "
            "not be sent."
        ) from error
    found = found.cast(found.type.value_type) if kinds.is_dictionary(found.type) else found
    if _is_without_form(found.type):
        return cells_as_json(python_cells(found), options).values, _json_field(name)
    return found, pa.field(name, found.type)


def _json_field(name: str) -> pa.Field:
    return pa.field(name, pa.large_string(), metadata=_JSON_METADATA)


def is_json_field(field: pa.Field) -> bool:
    """Return whether a field of a staged file holds JSON."""
    return extension_name(field.type, field) == _JSON_NAME


def _has_one_type(cells: Any) -> bool:
    kind = infer_dtype(cells, skipna=True)
    if kind == "date":
        # A datetime is a date too, and would lose its time.
        return not any(isinstance(cell, dt.datetime) for cell in cells[~pd.isna(cells)])
    if kind in _TIMES:
        # Times with and without a zone are not of one type: the zone of the settings is for the latter only.
        filled = cells[~pd.isna(cells)]
        return len({getattr(cell, "tzinfo", None) is None for cell in filled}) == 1
    return kind in _ONE_TYPE


def _is_without_form(kind: pa.DataType) -> bool:
    """Return whether Parquet has no form of a nested type: objects without members, lists of nothing."""
    if not kinds.is_nested(kind):
        return False
    inner = [kind.field(each) for each in range(kind.num_fields)]
    is_empty = not inner or any(kinds.is_null(field.type) and not field.nullable for field in inner)
    return is_empty or any(_is_without_form(field.type) for field in inner)


def concat_staged(tables: Sequence[pa.Table], options: EncodeOptions) -> pa.Table:
    """Return the rows of tables whose columns may have other types, or be missing, in some of them.

    >>> tables = [pa.table({"n": [1]}), pa.table({"n": [2.5]}), pa.table({"n": [None]})]
    >>> concat_staged(tables, EncodeOptions()).to_pydict()
    {'n': [1.0, 2.5, None]}
    """
    fields: list[pa.Field] = []
    columns: list[pa.ChunkedArray] = []
    for name in dict.fromkeys(name for table in tables for name in table.column_names):
        parts = [_column_or_nulls(table, name) for table in tables]
        field, column = _concat_column(name, parts, options)
        fields.append(field)
        columns.append(column)
    return pa.table(columns, schema=pa.schema(fields))


def _column_or_nulls(table: pa.Table, name: str) -> tuple[pa.Field, pa.ChunkedArray]:
    if name in table.column_names:
        return table.schema.field(name), table[name]
    return pa.field(name, pa.null()), pa.chunked_array([pa.nulls(len(table))])


def _concat_column(
    name: str, parts: Sequence[tuple[pa.Field, pa.ChunkedArray]], options: EncodeOptions
) -> tuple[pa.Field, pa.ChunkedArray]:
    # A column that is all null in one partition takes the type that it has in others.
    typed = [field for field, _ in parts if not kinds.is_null(field.type)] or [parts[0][0]]
    if all(field.equals(typed[0], check_metadata=True) for field in typed):
        return typed[0], _chunked([column.cast(typed[0].type) for _, column in parts], typed[0].type)
    kind = None if any(map(is_json_field, typed)) else _common_type([field.type for field in typed])
    if kind is not None:
        try:
            return pa.field(name, kind), _chunked([column.cast(kind) for _, column in parts], kind)
        except pa.ArrowException:
            # Values would change.
            pass
    texts = [_as_json(field, column, options) for field, column in parts]
    return _json_field(name), _chunked(texts, pa.large_string())


def _chunked(columns: Sequence[pa.ChunkedArray], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], kind)


def _common_type(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """Return a type that holds the values of others and is sent as these are; None if there is none.

    >>> _common_type([pa.timestamp("s"), pa.timestamp("us")]), _common_type([pa.int64(), pa.string()])
    (TimestampType(timestamp[us]), None)
    """
    if all(map(kinds.is_integer, types)):
        return pa.int64()
    if all(kinds.is_integer(kind) or kinds.is_float64(kind) for kind in types):
        return pa.float64()
    if all(kinds.is_string(kind) or kinds.is_large_string(kind) for kind in types):
        return pa.large_string()
    if all(map(kinds.is_timestamp, types)) and len({kind.tz is None for kind in types}) == 1:
        unit = max((kind.unit for kind in types), key=("s", "ms", "us", "ns").index)
        return pa.timestamp(unit, None if types[0].tz is None else "UTC")
    if all(map(kinds.is_decimal, types)):
        scale = max(kind.scale for kind in types)
        digits = scale + max(kind.precision - kind.scale for kind in types)
        return pa.decimal256(digits, scale) if digits <= _MAX_WIDE_DIGITS else None
    return None


def _as_json(field: pa.Field, column: pa.ChunkedArray, options: EncodeOptions) -> pa.ChunkedArray:
    if is_json_field(field):
        chunks = [storage_of(chunk).cast(pa.large_string()) for chunk in column.chunks]
        return pa.chunked_array(chunks, pa.large_string())
    text = cells_as_json(python_cells(column, field), options)
    if text.encode_errors:
        raise FrameError(
            f"Column {field.name!r} has different types in different partitions, and cells that have no JSON form. "
            "Convert it to one type. Nothing was sent."
        )
    return pa.chunked_array([text.values])
