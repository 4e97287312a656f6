"""Arrow lists, maps and structs to JSON text, by way of the text of what is inside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames import spec
from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.kinds import is_text
from cio_frames.arrow.python_cells import python_cells
from cio_frames.encoding.cells import cells_as_text
from cio_frames.encoding.encode_error import EncodeError, errors_where
from cio_frames.encoding.json_values import dict_key
from cio_frames.encoding.members import item_field, member_field
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.scalars import NULL_TEXT, unwritable, write_as_text
from cio_frames.encoding.text import BRACES, BRACKETS, NULL, JsonPieces, JsonText, join, object_pieces

# Writes what is inside a list or an object, in the type of the field.
WriteMember: TypeAlias = Callable[[pa.Array, spec.Field, EncodeOptions], JsonText]


def write_lists(array: pa.Array, field: spec.Field, options: EncodeOptions, write_member: WriteMember) -> JsonText:
    """Return lists; a missing item is ``null``, since the others keep their places."""
    offsets = _item_offsets(array)
    items = write_member(pc.list_flatten(array), item_field(field), options)
    inside = _join_items(pc.fill_null(join(items.pieces), NULL), offsets)
    return JsonText(
        _null_where_null(array, inside), ends=BRACKETS, encode_errors=_errors_of_rows(items.encode_errors, offsets)
    )


def write_maps(array: pa.Array, field: spec.Field, options: EncodeOptions, write_member: WriteMember) -> JsonText:
    """Return maps as objects, without the members that are null."""
    # Not by a cast: of an array that does not begin where its buffers begin, pyarrow makes an invalid one.
    entries = array.values
    pairs = pa.Array.from_buffers(
        pa.list_(entries.type), len(array), array.buffers()[:2], offset=array.offset, children=[entries]
    )
    offsets = _item_offsets(pairs)
    names, cells = pc.list_flatten(pairs).flatten()
    keys = _write_keys(names)
    values = write_member(cells, field.additional or spec.Field(), options)
    for name, member in field.properties.items():
        has_name = np.asarray(pc.fill_null(pc.equal(keys.values, orjson.dumps(name).decode()[1:-1]), False))
        if has_name.any():
            known = write_member(cells, member, options)
            values = values._replace(
                values=pc.if_else(pa.array(has_name), join(known.pieces), join(values.pieces)), ends=("", "")
            )
    members = member_pieces(values, send_null=options.send_nulls)
    texts = join([*keys.pieces, ":", *members.pieces])
    count_before = np.concatenate([[0], np.cumsum(np.asarray(texts.is_valid()))])
    inside = _join_items(texts.drop_null(), count_before[offsets])
    encode_errors = (
        *keys.encode_errors,
        *values.encode_errors,
        *errors_where(_repeated_keys(keys.values, offsets), "duplicate_key"),
    )
    return JsonText(_null_where_null(array, inside), ends=BRACES, encode_errors=_errors_of_rows(encode_errors, offsets))


def write_structs(
    array: pa.StructArray, field: spec.Field, options: EncodeOptions, write_member: WriteMember
) -> JsonText:
    """Return structs as objects."""
    names = [child.name for child in array.type]
    if len(set(names)) < len(names):
        return unwritable(array, "duplicate_key")
    children = zip(names, array.flatten(), strict=True)
    texts = [write_member(child, member_field(field, name), options) for name, child in children]
    members = [
        (name, member_pieces(text, send_null=options.send_nulls)) for name, text in zip(names, texts, strict=True)
    ]
    pieces = object_pieces(members, keep_empty=True).pieces
    if all(isinstance(piece, str) for piece in pieces):
        values = pa.repeat(pa.scalar("".join(map(str, pieces)), TEXT), len(array))
    else:
        values = join(pieces, skip_nulls=True)
    return JsonText(
        _null_where_null(array, values),
        encode_errors=tuple(encode_error for text in texts for encode_error in text.encode_errors),
    )


def member_pieces(text: JsonText, *, send_null: bool) -> JsonPieces:
    """Return a column's text as a member of an object; a missing value is omitted, or sent as ``null``."""
    if text.optional and send_null:
        return JsonPieces([pc.fill_null(join(text.pieces), NULL)], optional=False)
    return JsonPieces(text.pieces, optional=text.optional)


def _write_keys(names: pa.Array) -> JsonText:
    if is_text(names.type) or pa_types.is_integer(names.type):
        return write_as_text(names, EncodeOptions())
    return cells_as_text(python_cells(names), dict_key)


def _repeated_keys(keys: pa.Array, offsets: Ints) -> Bools:
    """Return which keys occur before in the same map."""
    codes = np.asarray(pc.fill_null(keys.dictionary_encode().indices.cast(pa.int64()), -1))
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    _, first = np.unique(np.stack([owners, codes]), axis=1, return_index=True)
    repeated = np.ones(len(keys), dtype=bool)
    repeated[first] = False
    # A key that cannot be written has an error of its own.
    return repeated & (codes >= 0)


def _item_offsets(lists: pa.Array) -> Ints:
    """Return where the items of each list start among those of all lists, without items behind nulls."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), dtype=np.int64)
    return np.concatenate([[0], np.cumsum(lengths)])


def _join_items(texts: pa.Array, offsets: Ints) -> pa.Array:
    """Join the items of each list, with commas between them."""
    return pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), texts), pa.scalar(",", TEXT))


def _errors_of_rows(encode_errors: tuple[EncodeError, ...], offsets: Ints) -> tuple[EncodeError, ...]:
    """Return the errors of items as errors of the rows that hold them."""
    return tuple(
        error._replace(rows=np.unique(np.searchsorted(offsets, error.rows, side="right") - 1))
        for error in encode_errors
    )


def _null_where_null(array: pa.Array, text: pa.Array) -> pa.Array:
    return pc.if_else(array.is_valid(), text, NULL_TEXT) if array.null_count else text
