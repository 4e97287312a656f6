"""What fits a type or a format: whole columns in, one truth value a row out.

A cell fits a type when it can be sent as that type: whole numbers and whole floats as text, whole floats as integers,
Decimals as numbers. Truth values are no numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames import spec
from cio_frames._util.arrays import Bools
from cio_frames.arrow.normalize import column_of, slice_of
from cio_frames.arrow.python_cells import python_cells
from cio_frames.encoding import EncodeOptions
from cio_frames.encoding.arrays import json_text
from cio_frames.encoding.cells import DIGITS, cells_as_text
from cio_frames.validation import cells

Fits = Callable[["pd.Series[Any]"], "pd.Series[bool]"]


def is_text(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells can be sent as text.

    >>> is_text(pd.Series(["007", 7, 7.0, 7.5, True], dtype=object)).tolist()
    [True, True, True, False, False]
    """
    return _can_be_written(series, spec.Field(type="string"))


def why_no_text(values: npt.NDArray[np.object_]) -> list[str | None]:
    """Return why cells cannot be sent as text, in the encoder's words, which have the remedy.

    >>> why_no_text(np.array(["007", 7.5], dtype=object))
    [None, 'text is needed, and this is a number with a fraction; convert it with .astype(str)']
    """
    why: list[str | None] = [None] * len(values)
    for mistake_in in cells_as_text(values).encode_errors:
        for row in mistake_in.rows.tolist():
            why[row] = mistake_in.reason
    return why


def is_time(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are times, or text in ISO 8601 form.

    >>> is_time(pd.Series(["2026-11-24", "soon"])).tolist()
    [True, False]
    """
    return _can_be_written(series, spec.Field(type="string", format="date-time"))


def _can_be_written(series: pd.Series[Any], field: spec.Field) -> pd.Series[bool]:
    """Ask the encoder."""
    text = json_text(slice_of(column_of(series), 0, len(series)), field, EncodeOptions())
    fits = np.ones(len(series), dtype=bool)
    for mistake_in in text.encode_errors:
        fits[mistake_in.rows] = False
    return _answers(fits, series)


def _answers(answers: Bools, series: pd.Series[Any]) -> pd.Series[bool]:
    return pd.Series(answers, index=series.index, dtype=bool)


def _is_text(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _is_object(kind: pa.DataType) -> bool:
    return bool(kinds.is_struct(kind) or kinds.is_map(kind))


def _by_kind(of_kind: Callable[[pa.DataType], bool], of_cell: Callable[[Any], bool]) -> Fits:
    """Return a check that asks a typed column once, and a column of Python objects cell by cell."""

    def fits(series: pd.Series[Any]) -> pd.Series[bool]:
        column = column_of(series)
        if isinstance(column, np.ndarray):
            answers = np.fromiter(map(of_cell, column), dtype=bool, count=len(column))
        else:
            kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
            answers = np.full(len(series), of_kind(kind) or kinds.is_null(kind))
        return _answers(answers, series)

    return fits


def is_whole(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are whole numbers, whatever type holds them.

    >>> is_whole(pd.Series([2.0, 2.5])).tolist()
    [True, False]
    """
    column = column_of(series)
    if isinstance(column, np.ndarray):
        return _by_kind(kinds.is_integer, cells.is_whole)(series)
    if kinds.is_floating(column.type):
        numbers = np.asarray(column.to_numpy())
        return _answers(np.isfinite(numbers) & (np.floor(numbers) == numbers), series)
    if kinds.is_decimal(column.type):
        return _answers(np.asarray(pc.equal(pc.round(column), column)), series)
    return _by_kind(kinds.is_integer, cells.is_whole)(series)


def is_whole_or_digits(series: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells are whole numbers, or text that spells one.

    >>> is_whole_or_digits(pd.Series(["1", "one"])).tolist()
    [True, False]
    """
    return is_whole(series) | _answers(np.array([_spells(cell) for cell in _cells(series)], dtype=bool), series)


def _spells(cell: Any) -> bool:
    return isinstance(cell, str) and re.fullmatch(DIGITS, cell) is not None


def _cells(series: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return the cells of a column of any dtype; pandas' own astype(object) knows no years beyond Python's."""
    column = column_of(series)
    return column if isinstance(column, np.ndarray) else python_cells(column)


def is_one_of(allowed: tuple[str, ...]) -> Fits:
    """Return a check for an enum."""

    def fits(series: pd.Series[Any]) -> pd.Series[bool]:
        # Not by pandas' isin(), which asks for hashes and for numpy's forms, and not every cell has them.
        column = column_of(series)
        if not isinstance(column, np.ndarray) and _is_text(column.type):
            return _answers(np.asarray(pc.is_in(column, pa.array(allowed, column.type))), series)
        answers = [isinstance(cell, str) and cell in allowed for cell in _cells(series)]
        return _answers(np.array(answers, dtype=bool), series)

    return fits


def is_within(field: spec.Field) -> Fits:
    """Return a check for how large numbers and how long texts must be."""

    def fits(series: pd.Series[Any]) -> pd.Series[bool]:
        column = column_of(series)
        if isinstance(column, np.ndarray) or not _is_number(column.type):
            answers = [cells.is_within(cell, field) for cell in _cells(series)]
            return _answers(np.array(answers, dtype=bool), series)
        low = True if field.minimum is None else pc.greater_equal(column, field.minimum)
        high = True if field.maximum is None else pc.less_equal(column, field.maximum)
        return _answers(np.asarray(pc.fill_null(pc.and_(low, high), True)), series)

    return fits


def _matches(pattern: str) -> Fits:
    """Return a check for text of a form; what is not text is for the type check to tell."""

    def fits(series: pd.Series[Any]) -> pd.Series[bool]:
        column = column_of(series)
        if isinstance(column, np.ndarray) or not _is_text(column.type):
            texts = [cell if isinstance(cell, str) else None for cell in _cells(series)]
            column = pa.array([text.encode("utf-8", "replace") if text else text for text in texts], pa.binary())
            column = column.cast(pa.string())
        found = pc.fill_null(pc.match_substring_regex(column, pattern), True)
        return _answers(np.asarray(found), series)

    return fits


IS_OF_TYPE: Mapping[str, Fits] = {
    "string": is_text,
    "number": _by_kind(_is_number, cells.is_number),
    "integer": is_whole,
    "boolean": _by_kind(kinds.is_boolean, cells.is_truth_value),
    "object": _by_kind(_is_object, cells.is_object),
    "array": _by_kind(_is_list, cells.is_list),
}

# Reserved attributes, https://docs.customer.io: an email is RFC 5322; what is checked is one @ between two parts.
FORMATS: Mapping[str, tuple[Fits, str]] = {
    "email": (_matches(r"^[^@\s]+@[^@\s]+$"), "not an email address"),
    "uri": (_matches(r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+$"), "not a URI; it begins with a scheme, such as https://"),
}
