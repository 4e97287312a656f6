"""Values that are sent and are probably not what was meant: times, numbers and missing values written as text."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Cells
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.kinds import is_number
from cio_frames.columns import Columns, FieldSource
from cio_frames.encoding.json_values import is_missing
from cio_frames.validation import cells
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.column_reader import ColumnReader, as_bools, matches
from cio_frames.validation.failures import failure_cases
from cio_frames.validation.warning_counts import ColumnWarning

# Journeys' own name of createdAt; it takes seconds.
CREATED_AT = "created_at"
_OBJECT_TYPES = ("object_type_id", "objectTypeId")
# Seconds since 1970 reach this in the year 5138, milliseconds in 1973.
_MILLISECONDS_FROM = 1e11
_UNITS = (
    ("milliseconds", _MILLISECONDS_FROM, 1e14),
    ("microseconds", 1e14, 1e17),
    ("nanoseconds", 1e17, np.inf),
    # Days since 1900: 1954 to 2119.
    ("days of a spreadsheet", 20_000, 80_000),
)
_CLOCK = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2})?)?"
_DAY_MONTH_YEAR = rf"^(?:\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d{{2}})|\d{{1,2}}[.-]\d{{1,2}}[.-]\d{{4}}){_CLOCK}$"
# 1,000 may be a thousand; three digits after the comma count only if points group the others.
_DECIMAL_COMMA = r"^[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+)$"
_LOOKS = {"day_month_year": _DAY_MONTH_YEAR, "decimal_comma": _DECIMAL_COMMA}
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"
_DIGITS_ONLY = r"^\d+$"
# Of databases and pandas; JavaScript's null and Python's None may be meant.
_NULL_TEXTS = ("\\N", "NULL", "<NA>", "nan")
# If none of so many cells, evenly spread, looks like it, the column is not searched.
_SAMPLE = 2_048


def value_warnings(reader: ColumnReader, columns: Columns) -> Iterator[ColumnWarning]:
    """Yield warnings about the values of traits and properties that the spec gives no type.

    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada"], "birthday": ["05/12/1995"], "created_at": [1_700_000_000_000]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(found.check, found.column) for found in value_warnings(ColumnReader(people), columns)]
    [('day_month_year', 'birthday'), ('created_at', 'created_at')]
    """
    for source in columns.sources:
        if source.path[0] != columns.call.bag:
            continue
        if source.path == ("traits", CREATED_AT):
            yield from _created_at(reader, source)
            continue
        texts = reader.texts(source)
        if texts is not None:
            yield from _null_texts(source, texts)
        if texts is not None and source.field.type in (None, "string") and source.field.format is None:
            yield from _looks(source, texts)
        if source.field.type is None:
            yield from _mixed_types(reader, source)


def object_type_cases(reader: ColumnReader, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases for types of objects that are not numbers.

    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> companies = pd.DataFrame({"group_id": ["acme"], "object_type_id": ["company"]})
    >>> columns = resolve(companies.columns, spec.calls()["group"], ColumnMapping())
    >>> [cases["position"].tolist() for cases in object_type_cases(ColumnReader(companies), columns)]
    [[0]]
    """
    for source in columns.sources:
        if columns.call.name != "group" or source.path[0] != "traits" or source.path[1:] not in _TYPE_PATHS:
            continue
        texts = reader.texts(source)
        if texts is None:
            continue
        filled = as_bools(pc.greater(pc.binary_length(texts), 0))
        rows = np.flatnonzero(filled & ~matches(texts, _DIGITS_ONLY, reader.rows))
        if len(rows):
            reason = f"{source.label}: {CHECKS['object_type']}"
            values = reader.values(source, rows)
            yield failure_cases(rows, source.label, "object_type", reason, severity="warning", values=values)


_TYPE_PATHS = tuple((name,) for name in _OBJECT_TYPES)


def _null_texts(source: FieldSource, texts: pa.Array) -> Iterator[ColumnWarning]:
    rows = np.zeros(len(texts), dtype=bool)
    for word in _NULL_TEXTS:
        equal = pc.equal(texts, pa.scalar(word, TEXT))
        if pc.any(equal).as_py():
            rows |= as_bools(equal)
    if rows.any():
        yield ColumnWarning("null_text", source.label, rows, CHECKS["null_text"])


def _looks(source: FieldSource, texts: pa.Array) -> Iterator[ColumnWarning]:
    sample = texts
    if len(texts) > _SAMPLE:
        sample = texts.take(pa.array(np.linspace(0, len(texts) - 1, _SAMPLE).astype(np.int64)))
    for check, pattern in _LOOKS.items():
        if matches(sample, pattern, len(sample)).any():
            yield ColumnWarning(check, source.label, matches(texts, pattern, len(texts)), CHECKS[check])


_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool, np.bool_), "true/false"),
    ((str,), "text"),
    ((dt.date, dt.time, np.datetime64), "times"),
    ((Mapping,), "objects"),
    ((list, tuple, set, frozenset, np.ndarray), "lists"),
)
_NUMBERS = (int, float, decimal.Decimal, np.number)
# numpy counts these among its numbers.
_NO_NUMBERS = (np.timedelta64, np.complexfloating)


def _mixed_types(reader: ColumnReader, source: FieldSource) -> Iterator[ColumnWarning]:
    column = reader.column(source)
    if not isinstance(column, np.ndarray):
        return
    kinds = sorted({_kind_name(kind) for kind in set(map(type, column))} - {""})
    if len(kinds) > 1:
        sentence = CHECKS["mixed_types"].replace("several types", f"several types ({', '.join(kinds)})")
        yield ColumnWarning("mixed_types", source.label, reader.filled(source), sentence)


def _kind_name(kind: type) -> str:
    if kind in (type(None), type(pd.NA), type(pd.NaT)):
        return ""
    found = next((name for types, name in _KINDS if issubclass(kind, types)), None)
    return found or ("numbers" if issubclass(kind, _NUMBERS) and not issubclass(kind, _NO_NUMBERS) else "others")


def _created_at(reader: ColumnReader, source: FieldSource) -> Iterator[ColumnWarning]:
    """Yield warnings about times that Journeys does not read, or reads as another time."""
    texts, numbers = reader.texts(source), _numbers_of(reader.column(source), reader.texts(source))
    if numbers is not None:
        for unit, least, most in _UNITS:
            rows = (np.abs(numbers) >= least) & (np.abs(numbers) < most)
            if rows.any():
                sentence = f"looks like {unit}, and Customer.io reads seconds since 1970; convert it"
                yield ColumnWarning("created_at", source.label, rows, sentence)
    if texts is not None:
        known = matches(texts, f"{_ISO_DATE}|{_DIGITS_ONLY}", len(texts))
        rows = as_bools(pc.greater(pc.binary_length(texts), 0)) & ~known
        if rows.any():
            yield ColumnWarning("created_at", source.label, rows, CHECKS["created_at"])


def _numbers_of(column: pa.ChunkedArray | Cells, texts: pa.Array | None) -> npt.NDArray[np.float64] | None:
    """Return numbers, and texts of digits, as floats; NaN for every other cell."""
    if isinstance(column, np.ndarray):
        return np.array([_as_float(cell) for cell in column], dtype=np.float64)
    if texts is not None:
        digits = pc.if_else(pa.array(matches(texts, _DIGITS_ONLY, len(texts))), texts, pa.scalar(None, TEXT))
        return np.asarray(pc.fill_null(digits.cast(pa.float64()), np.nan))
    if not is_number(column.type) or pa_types.is_boolean(column.type):
        return None
    return np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan))


def _as_float(cell: Any) -> float:
    if is_missing(cell):
        return np.nan
    if isinstance(cell, str):
        return float(cell) if cell.isdecimal() else np.nan
    return float(cell) if cells.is_number_cell(cell) else np.nan


def is_json_text(cell: Any) -> bool:
    """Return whether a cell is text that looks like a list or an object in JSON.

    >>> is_json_text('[{"price": 1}]'), is_json_text("free")
    (True, False)
    """
    return isinstance(cell, str) and cell.strip()[:1] + cell.strip()[-1:] in ("[]", "{}")
