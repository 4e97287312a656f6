"""Which cells of a column have a type or a format of the spec: whole columns in, one boolean a row out.

A cell has a type if it can be sent as that type: whole numbers and whole floats as text, whole floats as integers,
Decimals as numbers. Booleans are not numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames import spec
from cio_frames._util.arrays import Bools, Cells
from cio_frames.arrow.buffers import TEXT, content_bytes, offsets_of
from cio_frames.arrow.kinds import is_list, is_number, is_object, is_text, value_type
from cio_frames.arrow.normalize import column_of, slice_of
from cio_frames.arrow.python_cells import python_cells
from cio_frames.arrow.unsupported import UnsupportedValue
from cio_frames.encoding import EncodeOptions
from cio_frames.encoding.arrays import instants_of, json_text
from cio_frames.encoding.cells import DIGITS, cells_as_text
from cio_frames.validation import cells

ColumnCheck: TypeAlias = Callable[["pd.Series[Any]"], "pd.Series[bool]"]


def fits_text(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells can be sent as text.

    >>> fits_text(pd.Series(["007", 7, 7.0, 7.5, True], dtype=object)).tolist()
    [True, True, True, False, False]
    """
    column = column_of(series)
    if not isinstance(column, np.ndarray) and is_text(column.type):
        return _as_series(np.ones(len(series), dtype=bool), series)
    return _can_be_encoded(series, spec.Field(type="string"))


def text_reasons(values: Cells) -> list[str | None]:
    """Return why cells cannot be sent as text, with the remedy.

    >>> text_reasons(np.array(["007", 7.5], dtype=object))
    [None, 'must be text, found a number with a fraction; convert it to text']
    """
    reasons: list[str | None] = [None] * len(values)
    for encode_error in cells_as_text(values).encode_errors:
        for row in encode_error.rows.tolist():
            reasons[row] = encode_error.reason
    return reasons


def time_reasons(values: Cells) -> list[str | None]:
    """Return why cells are not times, with the remedy.

    >>> time_reasons(np.array(["2026-11-24", "soon"], dtype=object))
    [None, 'must be a time: a datetime, or ISO 8601 text such as 2026-11-24T09:30:00Z']
    """
    reasons: list[str | None] = [None] * len(values)
    for encode_error in instants_of(values, EncodeOptions())[1]:
        # What is inside of a list or an object is not the reason.
        for row in encode_error.rows.tolist() if encode_error.check == "date_time" else ():
            reasons[row] = encode_error.reason
    return reasons


def json_text_reasons(values: Cells, sentence: str) -> list[str]:
    """Return why cells are not lists or objects, with the remedy for those that are the JSON text of one.

    >>> json_text_reasons(np.array(['["a"]', 7], dtype=object), "must be a list")
    ['must be a list, found JSON text; convert it with json.loads, or store it as a list in the file', 'must be a list']
    """
    kind = sentence.removeprefix("must be ")
    remedy = f"{sentence}, found JSON text; convert it with json.loads, or store it as {kind} in the file"
    return [remedy if cells.is_json_text(cell) else sentence for cell in values]


def fits_time(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are times, or text in ISO 8601 form.

    >>> fits_time(pd.Series(["2026-11-24", "soon"])).tolist()
    [True, False]
    """
    return _can_be_encoded(series, spec.Field(type="string", format="date-time"))


def _can_be_encoded(series: pd.Series[Any], field: spec.Field) -> pd.Series[bool]:
    text = json_text(slice_of(column_of(series), 0, len(series)), field, EncodeOptions())
    fits = np.ones(len(series), dtype=bool)
    for encode_error in text.encode_errors:
        fits[encode_error.rows] = False
    return _as_series(fits, series)


def _as_series(fits: Bools, series: pd.Series[Any]) -> pd.Series[bool]:
    return pd.Series(fits, index=series.index, dtype=bool)


def _check_by_kind(of_kind: Callable[[pa.DataType], bool], of_cell: Callable[[Any], bool]) -> ColumnCheck:
    """Return a check that tests the type of a typed column, and each cell of a column of Python objects."""
    # Not a function inside this one: a schema has to survive pickling on its way to a worker.
    return partial(_fits_kind, of_kind=of_kind, of_cell=of_cell)


def _fits_kind(
    series: pd.Series[Any], *, of_kind: Callable[[pa.DataType], bool], of_cell: Callable[[Any], bool]
) -> pd.Series[bool]:
    column = column_of(series)
    if isinstance(column, np.ndarray):
        # The encoder says why an unsupported value is one.
        known = (isinstance(cell, UnsupportedValue) or of_cell(cells.unwrap(cell)) for cell in column)
        fits = np.fromiter(known, dtype=bool, count=len(column))
    else:
        kind = value_type(column.type)
        fits = np.full(len(series), of_kind(kind) or pa_types.is_null(kind))
    return _as_series(fits, series)


def fits_integer(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are whole numbers of any type.

    >>> fits_integer(pd.Series([2.0, 2.5])).tolist()
    [True, False]
    """
    column = column_of(series)
    if not isinstance(column, np.ndarray) and pa_types.is_floating(column.type):
        numbers = np.asarray(column.to_numpy())
        return _as_series(np.isfinite(numbers) & (np.floor(numbers) == numbers), series)
    if not isinstance(column, np.ndarray) and pa_types.is_decimal(column.type):
        return _as_series(np.asarray(pc.equal(pc.round(column), column)), series)
    return _check_by_kind(pa_types.is_integer, cells.is_whole_cell)(series)


def fits_integer_or_digits(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are whole numbers, or text that spells one.

    >>> fits_integer_or_digits(pd.Series(["1", "one"])).tolist()
    [True, False]
    """
    digits = [isinstance(cell, str) and re.fullmatch(DIGITS, cell) is not None for cell in _object_cells_of(series)]
    return fits_integer(series) | _as_series(np.array(digits, dtype=bool), series)


def _object_cells_of(series: pd.Series[Any]) -> Cells:
    """Return the cells of a column of any dtype; pandas' own astype(object) fails for years beyond Python's."""
    column = column_of(series)
    return column if isinstance(column, np.ndarray) else python_cells(column)


def fits_enum(allowed: tuple[str, ...]) -> ColumnCheck:
    """Return a check for one of the allowed values."""
    return partial(_is_allowed, allowed=allowed)


def _is_allowed(series: pd.Series[Any], *, allowed: tuple[str, ...]) -> pd.Series[bool]:
    # Not by pandas' isin(), which needs hashes and numpy's types, and not every cell has them.
    column = column_of(series)
    if not isinstance(column, np.ndarray) and is_text(column.type):
        return _as_series(np.asarray(pc.is_in(column, pa.array(allowed, column.type))), series)
    fits = [isinstance(cell, str) and cell in allowed for cell in _object_cells_of(series)]
    return _as_series(np.array(fits, dtype=bool), series)


def fits_bounds(field: spec.Field) -> ColumnCheck:
    """Return a check for the limits of numbers and of the length of text."""
    return partial(_is_within_bounds, field=field)


def _is_within_bounds(series: pd.Series[Any], *, field: spec.Field) -> pd.Series[bool]:
    column = column_of(series)
    if isinstance(column, np.ndarray) or not is_number(column.type):
        fits = [cells.is_within_bounds(cell, field) for cell in _object_cells_of(series)]
        return _as_series(np.array(fits, dtype=bool), series)
    low = True if field.minimum is None else pc.greater_equal(column, field.minimum)
    high = True if field.maximum is None else pc.less_equal(column, field.maximum)
    return _as_series(np.asarray(pc.fill_null(pc.and_(low, high), True)), series)


def _fits_pattern(pattern: str) -> ColumnCheck:
    """Return a check for a form of text; the type check reports what is not text."""
    return partial(_matches, pattern=pattern)


def _fits_email(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are one @ between two parts without white space; nulls are."""
    column = column_of(series)
    if not isinstance(column, np.ndarray) and column.type == TEXT and all(map(_are_emails, column.chunks)):
        return _as_series(np.ones(len(column), dtype=bool), series)
    return _matches(series, pattern=r"^[^@\s]+@[^@\s]+$")


def _are_emails(texts: pa.Array) -> bool:
    """Return whether all texts are emails, without a look at each: some times faster, and mostly they are.

    >>> _are_emails(pa.array(["ada@lovelace.org", "a@b"], TEXT)), _are_emails(pa.array(["@", "a@b@c"], TEXT))
    (True, False)
    """
    content, offsets, valid = content_bytes(texts), offsets_of(texts), np.asarray(texts.is_valid())
    ats = offsets[0] + np.flatnonzero(content == ord("@"))
    if len(ats) != valid.sum() or content.min(initial=ord("!")) < ord("!"):
        return False
    return bool(((offsets[:-1][valid] < ats) & (ats < offsets[1:][valid] - 1)).all())


def _matches(series: pd.Series[Any], *, pattern: str) -> pd.Series[bool]:
    column = column_of(series)
    if isinstance(column, np.ndarray) or not is_text(column.type):
        texts = [cell if isinstance(cell, str) else None for cell in _object_cells_of(series)]
        column = pa.array([text.encode("utf-8", "replace") if text else text for text in texts], pa.binary())
        column = column.cast(pa.string())
    found = pc.fill_null(pc.match_substring_regex(column, pattern), True)
    return _as_series(np.asarray(found), series)


COLUMN_TYPE_CHECKS: Mapping[str, ColumnCheck] = MappingProxyType(
    {
        "string": fits_text,
        "number": _check_by_kind(is_number, cells.is_number_cell),
        "integer": fits_integer,
        "boolean": _check_by_kind(pa_types.is_boolean, cells.is_boolean_cell),
        "object": _check_by_kind(is_object, cells.is_object_cell),
        "array": _check_by_kind(is_list, cells.is_list_cell),
    }
)

# Reserved attributes, https://docs.customer.io: an email is RFC 5322; the check is for one @ between two parts.
FORMAT_CHECKS: Mapping[str, ColumnCheck] = MappingProxyType(
    {
        "email": _fits_email,
        "uri": _fits_pattern(r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+$"),
    }
)
