"""Arrow arrays to JSON text, whole columns at a time, by recursion over their types."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames import spec, times
from cio_frames.encoding.cells import NOT_EXACT, NOT_WHOLE, cells_as_json, cells_as_text
from cio_frames.encoding.form import Form
from cio_frames.encoding.series import Column
from cio_frames.encoding.text import NULL, TEXT, Fault, Members, Text, escaped, join, object_value

Bools = npt.NDArray[np.bool_]

_ABSENT = pa.scalar(None, TEXT)
_EXACT_FLOAT = 2.0**53


def json_text(column: Column, field: spec.Field, form: Form) -> Text:
    """Return one column as JSON text, in the type that the spec asks for.

    A field that is text gets whole numbers as their digits; a field that is a time gets ISO 8601 in UTC; a field
    that is an integer gets whole floats without their ``.0``. Elsewhere the column's own type decides.

    >>> json_text(pa.array([7.0, None]), spec.Field(type="string"), Form()).values.to_pylist()
    ['7', None]
    """
    if field.format == "date-time":
        return _as_time(column, form)
    if isinstance(column, np.ndarray):
        return cells_as_text(column) if field.type == "string" else cells_as_json(column, form)
    if kinds.is_dictionary(column.type):
        return _dictionary(column, field, form)
    if field.type == "string":
        return _as_text(column, form)
    if field.type == "integer" and kinds.is_floating(column.type):
        return _integers_where_whole(column)
    return _as_it_is(column, form)


def _as_it_is(array: pa.Array, form: Form) -> Text:
    """Write an array in the form its own type has in JSON."""
    for applies, write in _WRITERS:
        if applies(array.type):
            return write(array, form)
    # Maps, views, extension types: rare, and their Python objects say it all.
    return cells_as_json(_objects(array), form)


def _as_text(array: pa.Array, form: Form) -> Text:
    kind = array.type
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return _text(array, form)
    if kinds.is_integer(kind):
        return Text(array.cast(TEXT), quoted=True)
    if kinds.is_floating(kind):
        return _floats_as_text(array)
    if kinds.is_timestamp(kind) or kinds.is_date(kind) or kinds.is_time(kind) or kinds.is_null(kind):
        return _as_it_is(array, form)
    return cells_as_text(_objects(array))


def _as_time(column: Column, form: Form) -> Text:
    instants, fault = instants_of(column, form.timezone)
    lost = instants.unreadable | instants.unclear
    faults = (
        *_faults(instants.unreadable, fault),
        *_faults(instants.unclear, f"the time zone {form.timezone} has this time twice, or not at all"),
    )
    return Text(times.time_text(instants.ms, instants.missing | lost), quoted=True, faults=faults)


def instants_of(column: Column, timezone: str) -> tuple[times.Instants, str]:
    """Return the instants in a column of any type, and what is wrong with the unreadable ones."""
    if isinstance(column, np.ndarray):
        return _instants_of_cells(column, timezone)
    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if kinds.is_timestamp(kind):
        return times.from_timestamps(column, timezone), "the year is not between 1 and 9999"
    if kinds.is_date(kind):
        return times.from_dates(column, timezone), "the year is not between 1 and 9999"
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return times.from_text(column, timezone), "not a time in ISO 8601 form, such as 2026-11-24T09:30:00Z"
    missing = (
        np.asarray(pc.is_null(column, nan_is_null=True)) if not kinds.is_null(kind) else np.ones(len(column), bool)
    )
    nothing = np.zeros(len(column), dtype=bool)
    why = "a number is no time; say what it counts, for example with pd.to_datetime(column, unit='s')"
    return times.Instants(np.zeros(len(column), dtype=np.int64), missing, ~missing, nothing), why


def _instants_of_cells(cells: npt.NDArray[np.object_], timezone: str) -> tuple[times.Instants, str]:
    """Read times from Python objects: dates, datetimes with and without zone, text."""
    written = cells_as_json(cells, Form(timezone=timezone))
    quoted = pc.fill_null(pc.starts_with(written.values, '"'), False)
    text = pc.if_else(quoted, pc.utf8_slice_codeunits(written.values, 1, -1), _ABSENT)
    instants = times.from_text(text, timezone)
    absent = np.asarray(pc.is_null(written.values))
    for fault in written.faults:
        absent[fault.rows] = False
    unreadable = instants.unreadable | (~np.asarray(quoted) & ~absent)
    why = "not a time; send datetimes, or text in ISO 8601 form"
    return instants._replace(missing=absent, unreadable=unreadable), why


def _text(array: pa.Array, form: Form) -> Text:
    return Text(escaped(array.cast(TEXT)), quoted=True)


def _integers(array: pa.Array, form: Form) -> Text:
    return Text(array.cast(TEXT))


def _booleans(array: pa.Array, form: Form) -> Text:
    return Text(pc.if_else(array, pa.scalar("true", TEXT), pa.scalar("false", TEXT)))


def _nothing(array: pa.Array, form: Form) -> Text:
    return Text(pa.nulls(len(array), TEXT))


def _floats(array: pa.Array, form: Form) -> Text:
    if kinds.is_float16(array.type):
        array = array.cast(pa.float32())
    numbers = array.to_numpy(zero_copy_only=False)
    infinite = np.isinf(numbers)
    absent = np.isnan(numbers) | infinite
    # orjson writes the whole column at once; it is cut apart at its commas.
    written = np.frombuffer(
        orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY), dtype=np.uint8
    )[1:-1]
    commas = written == ord(",")
    ends = np.append(np.flatnonzero(commas), len(written)) if len(numbers) else np.empty(0, dtype=np.int64)
    offsets = np.concatenate([[0], ends - np.arange(len(numbers))]).astype(np.int64)
    validity = pa.array(~absent).buffers()[1] if absent.any() else None
    values = pa.LargeStringArray.from_buffers(
        len(numbers), pa.py_buffer(offsets), pa.py_buffer(written[~commas]), validity
    )
    return Text(values, faults=_faults(infinite, "infinity is not a number in JSON"))


def _floats_as_text(array: pa.Array) -> Text:
    numbers = np.nan_to_num(array.to_numpy(zero_copy_only=False).astype(np.float64), nan=np.nan, posinf=0.5, neginf=0.5)
    missing = np.isnan(numbers)
    fraction = ~missing & (np.floor(numbers) != numbers)
    inexact = ~missing & (np.abs(numbers) >= _EXACT_FLOAT)
    lost = missing | fraction | inexact
    whole = pa.array(np.where(lost, 0, numbers).astype(np.int64), mask=lost)
    return Text(whole.cast(TEXT), quoted=True, faults=(*_faults(fraction, NOT_WHOLE), *_faults(inexact, NOT_EXACT)))


def _integers_where_whole(array: pa.Array) -> Text:
    numbers = array.to_numpy(zero_copy_only=False)
    whole = np.isfinite(numbers) & (np.floor(numbers) == numbers) & (np.abs(numbers) < _EXACT_FLOAT)
    digits = pa.array(np.where(whole, numbers, 0).astype(np.int64)).cast(TEXT)
    written = _floats(array, Form())
    return Text(pc.if_else(pa.array(whole), digits, written.values), faults=written.faults)


def _decimals(array: pa.Array, form: Form) -> Text:
    if array.type.scale <= 0:
        return Text(pc.cast(pc.cast(array, pa.decimal256(76, 0)), TEXT))
    # 12.50 and 12.5 are one number, and which is written must not hang on the column's scale.
    digits = pc.utf8_rtrim(array.cast(TEXT), "0")
    return Text(pc.utf8_rtrim(digits, "."))


def _timestamps(array: pa.Array, form: Form) -> Text:
    return _as_time(array, form)


def _dates(array: pa.Array, form: Form) -> Text:
    instants = times.from_dates(array, "UTC")
    text = times.day_text(instants.ms // 86_400_000, instants.missing | instants.unreadable)
    return Text(text, quoted=True, faults=_faults(instants.unreadable, "the year is not between 1 and 9999"))


def _times_of_day(array: pa.Array, form: Form) -> Text:
    return Text(array.cast(pa.time32("ms"), safe=False).cast(TEXT), quoted=True)


def _dictionary(array: pa.DictionaryArray, field: spec.Field, form: Form) -> Text:
    """Write each distinct value once."""
    if len(array.dictionary) > len(array):
        return json_text(array.dictionary_decode(), field, form)
    distinct = json_text(array.dictionary, field, form)
    codes = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), -1))
    faults = tuple(Fault(np.flatnonzero(np.isin(codes, fault.rows)), fault.reason) for fault in distinct.faults)
    return Text(pc.take(distinct.values, array.indices), distinct.quoted, faults)


def _list(array: pa.Array, form: Form) -> Text:
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), 0), dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    members = json_text(pc.list_flatten(array), spec.Field(), form)
    # A place in a list is kept, so what is missing there is null.
    values = pc.fill_null(join(members.pieces), NULL)
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values)
    text = join(["[", pc.binary_join(lists, pa.scalar(",", TEXT)), "]"])
    faults = tuple(
        Fault(np.unique(np.searchsorted(offsets, fault.rows, side="right") - 1), fault.reason)
        for fault in members.faults
    )
    return Text(_where_valid(array, text), faults=faults)


def _struct(array: pa.StructArray, form: Form) -> Text:
    texts = [json_text(child, spec.Field(), form) for child in array.flatten()]
    names = [field.name for field in array.type]
    members = [(name, members_of(text, send_null=form.send_nulls)) for name, text in zip(names, texts, strict=True)]
    pieces = object_value(members, keep_empty=True).pieces
    if all(isinstance(piece, str) for piece in pieces):
        values = pa.repeat(pa.scalar("".join(map(str, pieces)), TEXT), len(array))
    else:
        values = join(pieces, skip_nulls=True)
    return Text(_where_valid(array, values), faults=tuple(fault for text in texts for fault in text.faults))


def members_of(text: Text, *, send_null: bool) -> Members:
    """Return a column's text as a member of an object; what is missing is left out, or sent as ``null``."""
    if text.optional and send_null:
        return Members([pc.fill_null(join(text.pieces), NULL)], optional=False)
    return Members(text.pieces, optional=text.optional)


def _where_valid(array: pa.Array, text: pa.Array) -> pa.Array:
    return pc.if_else(array.is_valid(), text, _ABSENT) if array.null_count else text


def _objects(array: pa.Array) -> npt.NDArray[np.object_]:
    cells = np.empty(len(array), dtype=object)
    as_dicts = kinds.is_map(array.type)
    for row, cell in enumerate(array.to_pylist()):
        cells[row] = dict(cell) if as_dicts and cell is not None else cell
    return cells


def _faults(rows: Bools, reason: str) -> tuple[Fault, ...]:
    return (Fault(np.flatnonzero(rows), reason),) if rows.any() else ()


def _is_text(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, Form], Text]], ...] = (
    (_is_text, _text),
    (kinds.is_integer, _integers),
    (kinds.is_floating, _floats),
    (kinds.is_boolean, _booleans),
    (kinds.is_timestamp, _timestamps),
    (kinds.is_date, _dates),
    (kinds.is_time, _times_of_day),
    (kinds.is_decimal, _decimals),
    (_is_list, _list),
    (kinds.is_struct, _struct),
    (kinds.is_null, _nothing),
)
