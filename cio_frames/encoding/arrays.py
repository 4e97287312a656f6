"""Arrow arrays to JSON text, whole columns at a time, by recursion over their types."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames import spec
from cio_frames._util.arrays import Bools
from cio_frames.arrow import times
from cio_frames.arrow.normalize import Column
from cio_frames.encoding.cells import (
    DIGITS,
    NO_TIMEDELTA,
    NO_YEAR,
    NOT_EXACT,
    NOT_WHOLE,
    SAME_KEY,
    cells_as_json,
    cells_as_text,
    digits_as_integers,
    key_of,
    whole_as_integers,
)
from cio_frames.encoding.members import of_list, of_name
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.text import (
    BRACES,
    BRACKETS,
    NULL,
    QUOTES,
    TEXT,
    EncodeError,
    Members,
    Text,
    escaped,
    join,
    object_value,
)

_ABSENT = pa.scalar(None, TEXT)
_NO_NUMBER = "a number is no time; say what it counts, for example with pd.to_datetime(column, unit='s')"
_NO_ISO_8601 = "not a time in ISO 8601 form, such as 2026-11-24T09:30:00Z"
# Whole numbers up to these are all told apart.
_EXACT_FLOAT, _EXACT_NARROW = 2.0**53, 2.0**24


def json_text(column: Column, field: spec.Field, options: EncodeOptions) -> Text:
    """Return one column as JSON text, in the type that the spec asks for.

    A field that is text gets whole numbers as their digits; a field that is a time gets ISO 8601 in UTC; a field
    that is an integer gets whole floats without their ``.0``. So do the members of lists and objects that the spec
    knows; what cannot be in the type asked for is left as it is there. Elsewhere the column's own type decides.

    >>> json_text(pa.array([7.0, None]), spec.Field(type="string"), EncodeOptions()).values.to_pylist()
    ['7', None]
    """
    if field.format == "date-time":
        return _as_time(column, options)
    if isinstance(column, np.ndarray):
        return _cells(column, field, options)
    if kinds.is_dictionary(column.type):
        return _dictionary(column, partial(json_text, field=field, options=options))
    if field.type == "string":
        return _as_text(column, options)
    if field.format == "digits" and _is_text(column.type):
        return _digits_as_integers(column, options)
    if field.type == "integer" and kinds.is_floating(column.type):
        return _integers_where_whole(column)
    return _as_it_is(column, field, options)


def _cells(cells: npt.NDArray[np.object_], field: spec.Field, options: EncodeOptions) -> Text:
    match field.type:
        case "string":
            return cells_as_text(cells)
        case "integer":
            whole = whole_as_integers(cells)
            return cells_as_json(digits_as_integers(whole) if field.format == "digits" else whole, options)
        case _:
            return cells_as_json(cells, options, field)


def _as_it_is(array: pa.Array, field: spec.Field, options: EncodeOptions) -> Text:
    """Write an array in the form its own type has in JSON; the field says what is inside."""
    for applies, write_nested in _NESTED_WRITERS:
        if applies(array.type):
            return write_nested(array, field, options)
    for applies, write in _WRITERS:
        if applies(array.type):
            return write(array, options)
    # Views, extension types: rare, and their Python objects say it all.
    return cells_as_json(_objects(array), options, field)


def _member(array: pa.Array, field: spec.Field, options: EncodeOptions) -> Text:
    """Write what is inside lists and objects; numbers that cannot be in the type asked for are left as they are."""
    kind = array.type
    if kinds.is_dictionary(kind):
        return _dictionary(array, partial(_member, field=field, options=options))
    if field.type not in ("string", "integer") or not _is_number(kind):
        return _as_it_is(array, field, options)
    exact = _EXACT_FLOAT if not kinds.is_floating(kind) or kinds.is_float64(kind) else _EXACT_NARROW
    text = _integers_where_whole(array, exact) if kinds.is_floating(kind) else _as_it_is(array, field, options)
    if field.type == "integer":
        return text
    if kinds.is_integer(kind):
        return text._replace(ends=QUOTES)
    whole = pc.match_substring_regex(text.values, r"^-?[0-9]+$")
    return text._replace(values=pc.if_else(whole, join(text._replace(ends=QUOTES).pieces), text.values))


def _as_text(array: pa.Array, options: EncodeOptions) -> Text:
    kind = array.type
    if _is_text(kind) or kinds.is_null(kind):
        return _as_it_is(array, spec.Field(), options)
    if kinds.is_integer(kind):
        return _integers(array, options)._replace(ends=QUOTES)
    if kinds.is_floating(kind):
        return _floats_as_text(array)
    if kinds.is_decimal(kind):
        return _decimals_as_text(array, options)
    if kinds.is_temporal(kind) or kinds.is_nested(kind):
        return _never(array, f"text is needed, and this is of type {kind}; convert it with .astype(str)")
    return cells_as_text(_objects(array))


def _as_time(column: Column, options: EncodeOptions) -> Text:
    instants, encode_errors = instants_of(column, options)
    lost = instants.unreadable | instants.ambiguous
    return Text(times.time_text(instants.ms, instants.missing | lost), ends=QUOTES, encode_errors=encode_errors)


def instants_of(column: Column, options: EncodeOptions) -> tuple[times.Instants, tuple[EncodeError, ...]]:
    """Return the instants in a column of any type, and what is wrong with those that cannot be read."""
    if isinstance(column, np.ndarray):
        return _instants_of_cells(column, options)
    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    instants, why = _instants_of_array(column, options.timezone)
    return instants, (*_faults(instants.unreadable, why), *_faults(instants.ambiguous, options.ambiguous))


def _instants_of_array(array: pa.Array, timezone: str) -> tuple[times.Instants, str]:
    kind = array.type
    if kinds.is_timestamp(kind):
        return times.from_timestamps(array, timezone), NO_YEAR
    if kinds.is_date(kind):
        return times.from_dates(array, timezone), NO_YEAR
    if _is_text(kind):
        return times.from_text(array, timezone), _NO_ISO_8601
    numbers = kinds.is_floating(kind)
    missing = np.isnan(array.to_numpy(zero_copy_only=False)) if numbers else np.asarray(array.is_null())
    nothing = np.zeros(len(array), dtype=bool)
    return times.Instants(np.zeros(len(array), dtype=np.int64), missing, ~missing, nothing), _NO_NUMBER


def _instants_of_cells(
    cells: npt.NDArray[np.object_], options: EncodeOptions
) -> tuple[times.Instants, tuple[EncodeError, ...]]:
    """Read times from Python objects: dates, datetimes with and without zone, text."""
    written = cells_as_json(cells, options)
    quoted = pc.fill_null(pc.starts_with(written.values, '"'), False)
    text = pc.if_else(quoted, pc.utf8_slice_codeunits(written.values, 1, -1), _ABSENT)
    instants = times.from_text(text, options.timezone)
    told = np.zeros(len(cells), dtype=bool)
    for encode_error in written.encode_errors:
        told[encode_error.rows] = True
    other = ~np.asarray(quoted) & np.asarray(written.values.is_valid())
    encode_errors = (
        *written.encode_errors,
        *_faults(instants.unreadable, _NO_ISO_8601),
        *_faults(other, "not a time; send datetimes, or text in ISO 8601 form"),
        *_faults(instants.ambiguous, options.ambiguous),
    )
    unreadable = instants.unreadable | other | told
    return instants._replace(missing=instants.missing & ~unreadable, unreadable=unreadable), encode_errors


def _text(array: pa.Array, options: EncodeOptions) -> Text:
    return Text(escaped(array.cast(TEXT)), ends=QUOTES)


def _integers(array: pa.Array, options: EncodeOptions) -> Text:
    absent = np.asarray(array.is_null())
    return Text(_written(pc.fill_null(array, 0).to_numpy(), absent))


def _booleans(array: pa.Array, options: EncodeOptions) -> Text:
    return Text(pc.if_else(array, pa.scalar("true", TEXT), pa.scalar("false", TEXT)))


def _nothing(array: pa.Array, options: EncodeOptions) -> Text:
    return Text(pa.nulls(len(array), TEXT))


def _durations(array: pa.Array, options: EncodeOptions) -> Text:
    return _never(array, NO_TIMEDELTA)


def _never(array: pa.Array, reason: str) -> Text:
    """Write nothing, since no value of this type can be written."""
    return Text(pa.nulls(len(array), TEXT), encode_errors=_faults(np.asarray(array.is_valid()), reason))


def _floats(array: pa.Array, options: EncodeOptions) -> Text:
    if kinds.is_float16(array.type):
        array = array.cast(pa.float32())
    numbers = array.to_numpy(zero_copy_only=False)
    infinite = np.isinf(numbers)
    values = _written(numbers, np.isnan(numbers) | infinite)
    return Text(values, encode_errors=_faults(infinite, "infinity is not a number in JSON"))


def _written(numbers: npt.NDArray[np.number[Any]], absent: Bools) -> pa.Array:
    """Write numbers, null where they are absent: orjson writes all at once, and they are cut apart at the commas."""
    written = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)
    offsets = np.zeros(len(numbers) + 1, dtype=np.int64)
    if len(numbers):
        offsets[1:-1] = np.flatnonzero(np.frombuffer(written, dtype=np.uint8) == ord(","))
        offsets[-1] = len(written) - 1
        # Before each end there are the bracket and a comma for each number but the first.
        offsets[1:] -= np.arange(1, len(numbers) + 1)
    validity = pa.array(~absent).buffers()[1] if absent.any() else None
    digits = pa.py_buffer(written.translate(None, b"[],"))
    return pa.LargeStringArray.from_buffers(len(numbers), pa.py_buffer(offsets), digits, validity)


def _floats_as_text(array: pa.Array) -> Text:
    narrow = array.to_numpy(zero_copy_only=False)
    # Whole numbers up to this are all told apart: 2**53, and 2**24 for a float32.
    exact = 2.0 ** (np.finfo(narrow.dtype).nmant + 1)
    numbers = np.nan_to_num(narrow.astype(np.float64), nan=np.nan, posinf=0.5, neginf=0.5)
    missing = np.isnan(numbers)
    fraction = ~missing & (np.floor(numbers) != numbers)
    inexact = ~missing & (np.abs(numbers) >= exact)
    lost = missing | fraction | inexact
    whole = pa.array(np.where(lost, 0, numbers).astype(np.int64), mask=lost)
    return Text(
        whole.cast(TEXT), ends=QUOTES, encode_errors=(*_faults(fraction, NOT_WHOLE), *_faults(inexact, NOT_EXACT))
    )


def _digits_as_integers(array: pa.Array, options: EncodeOptions) -> Text:
    """Write digits as the integer that they spell, and leave other text for validation to tell."""
    text = _text(array, options)
    spelled = pc.match_substring_regex(array, DIGITS)
    return Text(pc.if_else(spelled, array.cast(TEXT), join(text.pieces)), encode_errors=text.encode_errors)


def _integers_where_whole(array: pa.Array, exact: float = _EXACT_FLOAT) -> Text:
    numbers = array.to_numpy(zero_copy_only=False).astype(np.float64)
    whole = np.isfinite(numbers) & (np.floor(numbers) == numbers) & (np.abs(numbers) < exact)
    digits = pa.array(np.where(whole, numbers, 0).astype(np.int64)).cast(TEXT)
    written = _floats(array, EncodeOptions())
    return Text(pc.if_else(pa.array(whole), digits, written.values), encode_errors=written.encode_errors)


def _decimals(array: pa.Array, options: EncodeOptions) -> Text:
    scale = array.type.scale
    if scale <= 0:
        return Text(array.cast(pa.decimal256(76, 0)).cast(TEXT))
    # Arrow's own text has exponents. So: the digits without their point, and the point back in its place.
    wide = array.cast(pa.decimal256(76, scale))
    digits = pa.Array.from_buffers(pa.decimal256(76, 0), len(wide), wide.buffers(), offset=wide.offset).cast(TEXT)
    sign = pc.if_else(pc.starts_with(digits, "-"), pa.scalar("-", TEXT), pa.scalar("", TEXT))
    digits = pc.utf8_lpad(pc.utf8_ltrim(digits, "-"), scale + 1, "0")
    whole, fraction = pc.utf8_slice_codeunits(digits, 0, -scale), pc.utf8_slice_codeunits(digits, -scale)
    # 12.50 and 12.5 are one number, and which is written must not hang on the column's scale.
    return Text(pc.utf8_rtrim(join([sign, whole, ".", pc.utf8_rtrim(fraction, "0")]), "."))


def _decimals_as_text(array: pa.Array, options: EncodeOptions) -> Text:
    values = _decimals(array, options).values
    fraction = pc.fill_null(pc.match_substring(values, "."), False)
    encode_errors = _faults(np.asarray(fraction), NOT_WHOLE)
    return Text(pc.if_else(fraction, _ABSENT, values), ends=QUOTES, encode_errors=encode_errors)


def _timestamps(array: pa.Array, options: EncodeOptions) -> Text:
    return _as_time(array, options)


def _dates(array: pa.Array, options: EncodeOptions) -> Text:
    instants = times.from_dates(array, "UTC")
    text = times.day_text(instants.ms // 86_400_000, instants.missing | instants.unreadable)
    return Text(text, ends=QUOTES, encode_errors=_faults(instants.unreadable, NO_YEAR))


def _times_of_day(array: pa.Array, options: EncodeOptions) -> Text:
    return Text(array.cast(pa.time32("ms"), safe=False).cast(TEXT), ends=QUOTES)


def _dictionary(array: pa.DictionaryArray, write: Callable[[pa.Array], Text]) -> Text:
    """Write each distinct value once."""
    if len(array.dictionary) > len(array):
        return write(array.dictionary_decode())
    distinct = write(array.dictionary)
    codes = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), -1))
    encode_errors = tuple(
        EncodeError(np.flatnonzero(np.isin(codes, encode_error.rows)), encode_error.reason)
        for encode_error in distinct.encode_errors
    )
    return Text(pc.take(distinct.values, array.indices), distinct.ends, encode_errors)


def _list(array: pa.Array, field: spec.Field, options: EncodeOptions) -> Text:
    offsets = _offsets(array)
    members = _member(pc.list_flatten(array), of_list(field), options)
    # A place in a list is kept, so what is missing there is null.
    inside = _side_by_side(pc.fill_null(join(members.pieces), NULL), offsets)
    return Text(_where_valid(array, inside), ends=BRACKETS, encode_errors=_faults_above(members.encode_errors, offsets))


def _map(array: pa.Array, field: spec.Field, options: EncodeOptions) -> Text:
    """Write a map as an object, whose members are left out where they are null."""
    # Not by a cast: for an array that begins further on in its buffers, pyarrow makes an invalid one.
    entries = array.values
    pairs = pa.Array.from_buffers(
        pa.list_(entries.type), len(array), array.buffers()[:2], offset=array.offset, children=[entries]
    )
    offsets = _offsets(pairs)
    names, cells = pc.list_flatten(pairs).flatten()
    keys = _keys(names)
    values = _member(cells, field.additional or spec.Field(), options)
    for name, member in field.properties.items():
        here = np.asarray(pc.fill_null(pc.equal(keys.values, orjson.dumps(name).decode()[1:-1]), False))
        if here.any():
            known = _member(cells, member, options)
            values = values._replace(
                values=pc.if_else(pa.array(here), join(known.pieces), join(values.pieces)), ends=("", "")
            )
    members = members_of(values, send_null=options.send_nulls)
    texts = join([*keys.pieces, ":", *members.pieces])
    there = np.concatenate([[0], np.cumsum(np.asarray(texts.is_valid()))])
    inside = _side_by_side(texts.drop_null(), there[offsets])
    encode_errors = (*keys.encode_errors, *values.encode_errors, *_faults(_repeated(keys.values, offsets), SAME_KEY))
    return Text(_where_valid(array, inside), ends=BRACES, encode_errors=_faults_above(encode_errors, offsets))


def _keys(names: pa.Array) -> Text:
    if _is_text(names.type) or kinds.is_integer(names.type):
        return _as_text(names, EncodeOptions())
    return cells_as_text(_objects(names), key_of)


def _repeated(keys: pa.Array, offsets: npt.NDArray[np.int64]) -> Bools:
    """Return which keys stood before in the same map."""
    codes = np.asarray(pc.fill_null(keys.dictionary_encode().indices.cast(pa.int64()), -1))
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    _, first = np.unique(np.stack([owners, codes]), axis=1, return_index=True)
    repeated = np.ones(len(keys), dtype=bool)
    repeated[first] = False
    # What is no key at all is told by its own fault.
    return repeated & (codes >= 0)


def _offsets(lists: pa.Array) -> npt.NDArray[np.int64]:
    """Return where the members of each list start among those of all lists, without what nulls hide."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), dtype=np.int64)
    return np.concatenate([[0], np.cumsum(lengths)])


def _side_by_side(texts: pa.Array, offsets: npt.NDArray[np.int64]) -> pa.Array:
    """Join the members of each list, with commas between them."""
    return pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), texts), pa.scalar(",", TEXT))


def _faults_above(encode_errors: tuple[EncodeError, ...], offsets: npt.NDArray[np.int64]) -> tuple[EncodeError, ...]:
    """Return the faults of members as faults of the rows that hold them."""
    return tuple(
        EncodeError(np.unique(np.searchsorted(offsets, encode_error.rows, side="right") - 1), encode_error.reason)
        for encode_error in encode_errors
    )


def _struct(array: pa.StructArray, field: spec.Field, options: EncodeOptions) -> Text:
    names = [field.name for field in array.type]
    if len(set(names)) < len(names):
        return _never(array, SAME_KEY)
    children = zip(names, array.flatten(), strict=True)
    texts = [_member(child, of_name(field, name), options) for name, child in children]
    members = [(name, members_of(text, send_null=options.send_nulls)) for name, text in zip(names, texts, strict=True)]
    pieces = object_value(members, keep_empty=True).pieces
    if all(isinstance(piece, str) for piece in pieces):
        values = pa.repeat(pa.scalar("".join(map(str, pieces)), TEXT), len(array))
    else:
        values = join(pieces, skip_nulls=True)
    return Text(
        _where_valid(array, values),
        encode_errors=tuple(encode_error for text in texts for encode_error in text.encode_errors),
    )


def members_of(text: Text, *, send_null: bool) -> Members:
    """Return a column's text as a member of an object; what is missing is left out, or sent as ``null``."""
    if text.optional and send_null:
        return Members([pc.fill_null(join(text.pieces), NULL)], optional=False)
    return Members(text.pieces, optional=text.optional)


def _where_valid(array: pa.Array, text: pa.Array) -> pa.Array:
    return pc.if_else(array.is_valid(), text, _ABSENT) if array.null_count else text


def _objects(array: pa.Array) -> npt.NDArray[np.object_]:
    cells = np.empty(len(array), dtype=object)
    for row, cell in enumerate(array.to_pylist()):
        cells[row] = cell
    return cells


def _faults(rows: Bools, reason: str) -> tuple[EncodeError, ...]:
    return (EncodeError(np.flatnonzero(rows), reason),) if rows.any() else ()


def _is_text(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, EncodeOptions], Text]], ...] = (
    (_is_text, _text),
    (kinds.is_integer, _integers),
    (kinds.is_floating, _floats),
    (kinds.is_boolean, _booleans),
    (kinds.is_timestamp, _timestamps),
    (kinds.is_date, _dates),
    (kinds.is_time, _times_of_day),
    (lambda kind: kinds.is_duration(kind) or kinds.is_interval(kind), _durations),
    (kinds.is_decimal, _decimals),
    (kinds.is_null, _nothing),
)
_NESTED_WRITERS: tuple[
    tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, spec.Field, EncodeOptions], Text]], ...
] = (
    (_is_list, _list),
    (kinds.is_struct, _struct),
    (kinds.is_map, _map),
)
