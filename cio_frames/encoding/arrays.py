"""Columns to JSON text in the types of the spec, by recursion over Arrow types."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames import spec
from cio_frames._util.arrays import Bools, Cells
from cio_frames.arrow import times
from cio_frames.arrow.kinds import exact_below, is_list, is_number, is_text
from cio_frames.arrow.normalize import ColumnSlice
from cio_frames.arrow.python_cells import python_cells
from cio_frames.arrow.time_text import time_text
from cio_frames.encoding import nested, scalars
from cio_frames.encoding.cells import cells_as_json, cells_as_text, digits_as_integers
from cio_frames.encoding.encode_error import DAY_OR_MONTH_FIRST, NUMBER_AS_TIME, EncodeError, errors_where
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.text import QUOTES, JsonText, join

_Write: TypeAlias = Callable[[pa.Array, EncodeOptions], JsonText]
_WriteNested: TypeAlias = Callable[[pa.Array, spec.Field, EncodeOptions, nested.WriteMember], JsonText]


def json_text(column: ColumnSlice, field: spec.Field, options: EncodeOptions) -> JsonText:
    """Return one column as JSON text, in the type of its field.

    A text field gets whole numbers as their digits; a time field gets ISO 8601 in UTC. So do the members of lists and
    objects that the spec knows; what does not fit there stays as it is. Elsewhere the column's own type decides.

    >>> json_text(pa.array([7.0, None]), spec.Field(type="string"), EncodeOptions()).values.to_pylist()
    ['7', None]
    """
    if field.format == "date-time":
        return _write_times(column, options)
    if isinstance(column, np.ndarray):
        return _write_cells(column, field, options)
    if pa_types.is_dictionary(column.type):
        return _write_dictionary(column, partial(json_text, field=field, options=options))
    if field.type == "string":
        return scalars.write_as_text(column, options)
    if field.format == "digits" and is_text(column.type):
        return scalars.write_digits_as_integers(column, options)
    return _write_by_type(column, field, options)


def _write_cells(cells: Cells, field: spec.Field, options: EncodeOptions) -> JsonText:
    match field.type:
        case "string":
            return cells_as_text(cells)
        case "integer":
            return cells_as_json(digits_as_integers(cells) if field.format == "digits" else cells, options)
        case _:
            return cells_as_json(cells, options, field)


def _write_by_type(array: pa.Array, field: spec.Field, options: EncodeOptions) -> JsonText:
    """Write an array in the JSON form of its own type; the field describes what is inside."""
    for applies, write_nested in _NESTED_WRITERS:
        if applies(array.type):
            return write_nested(array, field, options, _write_member)
    for applies, write in _WRITERS:
        if applies(array.type):
            return write(array, options)
    # Bytes, of which every one has an error.
    return cells_as_json(python_cells(array), options, field)


def _write_member(array: pa.Array, field: spec.Field, options: EncodeOptions) -> JsonText:
    """Write what is inside lists and objects; numbers that do not fit the field stay as they are."""
    kind = array.type
    if pa_types.is_dictionary(kind):
        return _write_dictionary(array, partial(_write_member, field=field, options=options))
    text = _write_by_type(array, field, options)
    if field.type != "string" or not is_number(kind):
        return text
    if pa_types.is_integer(kind):
        return text._replace(ends=QUOTES)
    whole = pc.match_substring_regex(text.values, r"^-?[0-9]+$")
    if pa_types.is_floating(kind):
        numbers = array.to_numpy(zero_copy_only=False)
        whole = pc.and_(whole, pa.array(np.abs(numbers) < exact_below(numbers.dtype)))
    return text._replace(values=pc.if_else(whole, join(text._replace(ends=QUOTES).pieces), text.values))


def _write_dictionary(array: pa.DictionaryArray, write: Callable[[pa.Array], JsonText]) -> JsonText:
    """Write each distinct value once."""
    if len(array.dictionary) > len(array):
        return write(array.dictionary_decode())
    distinct = write(array.dictionary)
    codes = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), -1))
    encode_errors = tuple(
        error._replace(rows=np.flatnonzero(np.isin(codes, error.rows))) for error in distinct.encode_errors
    )
    return JsonText(pc.take(distinct.values, array.indices), distinct.ends, encode_errors)


def _write_times(column: ColumnSlice, options: EncodeOptions) -> JsonText:
    instants, encode_errors = instants_of(column, options)
    invalid = instants.unreadable | instants.ambiguous
    return JsonText(time_text(instants.ms, instants.missing | invalid), ends=QUOTES, encode_errors=encode_errors)


def instants_of(column: ColumnSlice, options: EncodeOptions) -> tuple[times.Instants, tuple[EncodeError, ...]]:
    """Return the instants in a column of any type, and the errors of those that cannot be read."""
    if isinstance(column, np.ndarray):
        return _instants_of_cells(column, options)
    if pa_types.is_dictionary(column.type):
        column = column.dictionary_decode()
    instants, check, reason = _instants_of_array(column, options.timezone)
    if is_text(column.type) and instants.unreadable.any():
        errors = _unreadable_text(column, instants.unreadable)
    else:
        errors = errors_where(instants.unreadable, check, reason)
    return instants, (
        *errors,
        *errors_where(instants.ambiguous, "ambiguous_time", options.ambiguous),
    )


def _unreadable_text(text: pa.Array, unreadable: Bools) -> tuple[EncodeError, ...]:
    """Return the errors of text that is not a time, with the remedy for dates in an order that is not known."""
    ambiguous = unreadable & times.has_ambiguous_date(text)
    return (
        *errors_where(unreadable & ~ambiguous, "date_time"),
        *errors_where(ambiguous, "date_time", DAY_OR_MONTH_FIRST),
    )


def _instants_of_array(array: pa.Array, timezone: str) -> tuple[times.Instants, str, str | None]:
    """Return the instants of an array, and the check and the reason of those that are unreadable."""
    kind = array.type
    if pa_types.is_timestamp(kind):
        return times.from_timestamps(array, timezone), "year_range", None
    if pa_types.is_date(kind):
        return times.from_dates(array, timezone), "year_range", None
    if is_text(kind):
        return times.from_text(array, timezone), "date_time", None
    is_float = pa_types.is_floating(kind)
    missing = np.isnan(array.to_numpy(zero_copy_only=False)) if is_float else np.asarray(array.is_null())
    none = np.zeros(len(array), dtype=bool)
    instants = times.Instants(np.zeros(len(array), dtype=np.int64), missing, ~missing, none)
    return instants, "date_time", NUMBER_AS_TIME if is_number(kind) else None


def _instants_of_cells(cells: Cells, options: EncodeOptions) -> tuple[times.Instants, tuple[EncodeError, ...]]:
    """Return the instants of Python objects: dates, datetimes with and without zone, text."""
    written = cells_as_json(cells, options)
    quoted = pc.fill_null(pc.starts_with(written.values, '"'), False)
    text = pc.if_else(quoted, pc.utf8_slice_codeunits(written.values, 1, -1), scalars.NULL_TEXT)
    instants = times.from_text(text, options.timezone)
    has_error = np.zeros(len(cells), dtype=bool)
    for encode_error in written.encode_errors:
        has_error[encode_error.rows] = True
    no_time = ~np.asarray(quoted) & np.asarray(written.values.is_valid())
    encode_errors = (
        *written.encode_errors,
        *_unreadable_text(text, instants.unreadable),
        *errors_where(no_time, "date_time"),
        *errors_where(instants.ambiguous, "ambiguous_time", options.ambiguous),
    )
    unreadable = instants.unreadable | no_time | has_error
    return instants._replace(missing=instants.missing & ~unreadable, unreadable=unreadable), encode_errors


_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], _Write], ...] = (
    (is_text, scalars.write_text),
    (pa_types.is_integer, scalars.write_integers),
    (pa_types.is_floating, scalars.write_floats),
    (pa_types.is_boolean, scalars.write_booleans),
    (pa_types.is_timestamp, _write_times),
    (pa_types.is_date, scalars.write_dates),
    (pa_types.is_time, scalars.write_times_of_day),
    (lambda kind: pa_types.is_duration(kind) or pa_types.is_interval(kind), scalars.write_durations),
    (pa_types.is_decimal, scalars.write_decimals),
    (pa_types.is_null, scalars.write_nulls),
)
_NESTED_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], _WriteNested], ...] = (
    (is_list, nested.write_lists),
    (pa_types.is_struct, nested.write_structs),
    (pa_types.is_map, nested.write_maps),
)
