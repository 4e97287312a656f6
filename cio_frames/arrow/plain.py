"""Arrow arrays of any type as arrays of plain types, for which pandas and pyarrow have everything.

Views become text and lists; run-end-encoded arrays, and dictionaries inside of lists and objects, are decoded;
extension types become what they mean. Columns with values that have no plain type (JSON, unions, intervals of months,
extension types that are not understood) become Python objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Cells, Ints
from cio_frames.arrow.buffers import TEXT, content_bytes
from cio_frames.arrow.extensions import extension_name, is_json_extension, meaning_of, storage_of
from cio_frames.arrow.kinds import is_list, is_text
from cio_frames.arrow.python_cells import dictionary_codes, list_parts, map_entries, python_cells, run_positions

# How much of a column has to change.
_PLAIN, _CONVERTED, _OBJECTS = 0, 1, 2


def plain_column(
    column: pa.ChunkedArray, field: pa.Field | None = None, *, check_text: bool = False
) -> pa.ChunkedArray | Cells:
    """Return a column with a plain type, or its cells as Python objects if only those can hold it.

    The field is that of the column's table: pyarrow leaves the names of extension types there. ``check_text`` looks for
    text that is not UTF-8, which no other part of the package expects.

    >>> plain_column(pa.chunked_array([pa.array(["a"], pa.string_view())])).type
    DataType(large_string)
    >>> plain_column(pa.chunked_array([pa.array([(1, 2, 3)], pa.month_day_nano_interval())]))
    array([<UnsupportedValue: interval of months and days is not supported in JSON; convert it to text or a number, \
such as its days>], dtype=object)
    """
    if check_text and has_invalid_text(column):
        return python_cells(column, field)
    match _change_needed(column.type, field, top=True):
        case 0:
            return column
        case 1:
            chunks = column.chunks or [pa.nulls(0, column.type)]
            return pa.chunked_array([plain_array(chunk, field) for chunk in chunks])
        case _:
            return python_cells(column, field)


def is_plain_type(kind: pa.DataType) -> bool:
    """Return whether a column of a type stays as it is.

    >>> is_plain_type(pa.list_(pa.int64())), is_plain_type(pa.list_(pa.string_view()))
    (True, False)
    """
    return _change_needed(kind, None, top=True) == _PLAIN


def has_invalid_text(column: pa.ChunkedArray) -> bool:
    """Return whether any text in a column, at any depth, is not UTF-8: readers of Parquet do not look.

    >>> has_invalid_text(pa.chunked_array([["Köln", None]]))
    False
    """
    if not _holds_text(column.type):
        return False
    if is_text(column.type) and all(content_bytes(chunk).max(initial=0) < 0x80 for chunk in column.chunks):
        return False
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return True
    return False


def _holds_text(kind: pa.DataType) -> bool:
    if pa_types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    is_flat_text = is_text(kind) or _is_string_view(kind)
    return is_flat_text or any(_holds_text(child.type) for child in _child_types(kind))


def _change_needed(kind: pa.DataType, field: pa.Field | None, *, top: bool = False) -> int:
    name = extension_name(kind, field)
    if name is not None:
        return _CONVERTED if meaning_of(name, kind) is not None and not is_json_extension(name, kind) else _OBJECTS
    if pa_types.is_union(kind) or pa_types.is_interval(kind):
        return _OBJECTS
    if pa_types.is_dictionary(kind):
        inside = _change_needed(kind.value_type, None)
        # Flat values are written once each; only the encoder knows how.
        stays = top and not inside and not pa_types.is_nested(kind.value_type)
        return _PLAIN if stays else max(inside, _CONVERTED)
    inside = max((_change_needed(child.type, child) for child in _child_types(kind)), default=_PLAIN)
    return max(inside, _CONVERTED) if _is_encoded(kind) else inside


def _child_types(kind: pa.DataType) -> Iterator[pa.Field]:
    if pa_types.is_map(kind):
        yield from (kind.key_field, kind.item_field)
    elif pa_types.is_struct(kind):
        yield from kind
    elif pa_types.is_run_end_encoded(kind):
        yield pa.field("values", kind.value_type)
    elif is_list(kind) or _is_list_view(kind):
        yield kind.value_field


def _is_encoded(kind: pa.DataType) -> bool:
    """Return whether a type is another form of a plain type, whatever is inside."""
    return bool(_is_text_view(kind) or _is_list_view(kind) or pa_types.is_run_end_encoded(kind) or _is_narrow(kind))


def _kind_test(name: str) -> Callable[[pa.DataType], bool]:
    """Return a test of pyarrow's for a type, or one that is never true if this version has no such type."""
    return getattr(pa_types, name, lambda kind: False)


_is_string_view, _is_binary_view = _kind_test("is_string_view"), _kind_test("is_binary_view")
_is_short_list_view, _is_large_list_view = _kind_test("is_list_view"), _kind_test("is_large_list_view")
_is_decimal32, _is_decimal64 = _kind_test("is_decimal32"), _kind_test("is_decimal64")


def _is_text_view(kind: pa.DataType) -> bool:
    return _is_string_view(kind) or _is_binary_view(kind)


def _is_list_view(kind: pa.DataType) -> bool:
    return _is_short_list_view(kind) or _is_large_list_view(kind)


def _is_narrow(kind: pa.DataType) -> bool:
    return _is_decimal32(kind) or _is_decimal64(kind)


def plain_array(array: pa.Array, field: pa.Field | None = None) -> pa.Array:
    """Return an array with a plain type, at every depth; it must have no values that only Python objects can hold.

    >>> runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", None]))
    >>> plain_array(runs).to_pylist()
    ['a', 'a', None]
    """
    kind = array.type
    if not _change_needed(kind, field):
        return array
    name = extension_name(kind, field)
    if name is not None and (convert := meaning_of(name, kind)) is not None:
        return convert(storage_of(array))
    if _is_string_view(kind):
        return _cast_or_copy(array, TEXT)
    if _is_binary_view(kind):
        return _cast_or_copy(array, pa.large_binary())
    if _is_narrow(kind):
        return _cast_or_copy(array, pa.decimal128(kind.precision, kind.scale))
    if pa_types.is_run_end_encoded(kind):
        return plain_array(array.values).take(pa.array(run_positions(array)))
    if pa_types.is_dictionary(kind):
        codes = dictionary_codes(array)
        return plain_array(array.dictionary).take(pa.array(codes, mask=codes < 0))
    if pa_types.is_struct(kind):
        return _plain_struct(array)
    return _plain_map(array) if pa_types.is_map(kind) else _plain_list(array)


def _cast_or_copy(array: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return array.cast(kind)
    # pyarrow 17, the oldest supported, cannot cast views and narrow decimals.
    except pa.ArrowNotImplementedError:
        return pa.array(array.to_pylist(), kind)


def _plain_struct(array: pa.StructArray) -> pa.Array:
    children = [plain_array(array.field(place), member) for place, member in enumerate(array.type)]
    fields = [pa.field(member.name, child.type) for member, child in zip(array.type, children, strict=True)]
    return pa.StructArray.from_arrays(children, fields=fields, mask=pc.is_null(array))


def _plain_list(array: pa.Array) -> pa.Array:
    values, lengths = list_parts(array)
    values = plain_array(values, array.type.value_field)
    return pa.LargeListArray.from_arrays(_offsets_with_nulls(lengths, array), values)


def _plain_map(array: pa.MapArray) -> pa.Array:
    keys, items, lengths = map_entries(array)
    offsets = _offsets_with_nulls(lengths, array).cast(pa.int32())
    kind = array.type
    return pa.MapArray.from_arrays(offsets, plain_array(keys, kind.key_field), plain_array(items, kind.item_field))


def _offsets_with_nulls(lengths: Ints, array: pa.Array) -> pa.Array:
    """Return offsets in which null stands for a null list."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    missing = np.append(np.asarray(array.is_null()), [False])
    return pa.array(offsets, pa.int64(), mask=missing)
