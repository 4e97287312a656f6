"""JSON text as Arrow arrays: how it is joined, quoted and escape_json, whole columns at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames.arrow.buffers import TEXT, content_bytes, offsets_of
from cio_frames.encoding.encode_error import EncodeError

NULL = pa.scalar("null", TEXT)

# What stands around a value.
QUOTES = ('"', '"')
BRACKETS = ("[", "]")
BRACES = ("{", "}")

# What is joined: text that is the same in every row, or an array of text.
Piece: TypeAlias = str | pa.Array


class JsonText(NamedTuple):
    """One column as JSON text.

    Attributes
    ----------
    values : pyarrow.LargeStringArray
        Null where the row has no value.
    ends : pair of str
        What belongs around each value, such as quotes; it is added while joining, which saves a copy.
    encode_errors : tuple of EncodeError
        Rows whose cell has no JSON form. Their values are null.
    """

    values: pa.Array
    ends: tuple[str, str] = ("", "")
    encode_errors: tuple[EncodeError, ...] = ()

    @property
    def pieces(self) -> list[Piece]:
        """The values with their ends around them."""
        before, after = self.ends
        return [before, self.values, after] if before else [self.values]

    @property
    def optional(self) -> bool:
        """Whether a row may have no value."""
        return bool(self.values.null_count)


class JsonPieces(NamedTuple):
    """JSON of one value in pieces to join, and whether rows may have no value."""

    pieces: list[Piece]
    optional: bool


def join(pieces: Sequence[Piece], *, skip_nulls: bool = False, separator: str = "") -> pa.Array:
    """Join pieces row by row; a null makes the row null, or is skipped.

    >>> join(['"', pa.array(["a", None], TEXT), '"']).to_pylist()
    ['"a"', None]
    """
    merged = _merge_constants(pieces) if not separator else list(pieces)
    if len(merged) == 1 and isinstance(merged[0], pa.Array) and not skip_nulls:
        return merged[0]
    arguments = [pa.scalar(piece, TEXT) if isinstance(piece, str) else piece for piece in merged]
    nulls = "skip" if skip_nulls else "emit_null"
    return pc.binary_join_element_wise(*arguments, pa.scalar(separator, TEXT), null_handling=nulls)


def _merge_constants(pieces: Sequence[Piece]) -> list[Piece]:
    """Join neighboring pieces that are the same in every row."""
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def join_members(members: Sequence[tuple[str, JsonPieces]]) -> JsonPieces:
    """Return the members of an object with keys and commas; members without a value are omitted.

    If one member always has a value, the commas depend on it and nothing is joined yet: the caller joins all pieces
    at once.

    >>> name = JsonPieces(['"', pa.array(["Ada", None], TEXT), '"'], optional=True)
    >>> plan = JsonPieces(['"free"'], optional=False)
    >>> join(join_members([("name", name), ("plan", plan)]).pieces, skip_nulls=True).to_pylist()
    ['"name":"Ada","plan":"free"', '"plan":"free"']
    """
    anchor = next((index for index, (_, value) in enumerate(members) if not value.optional), None)
    if anchor is None:
        fragments = [_join_fragment(key_with_colon(name), value) for name, value in members]
        return JsonPieces([_join_fragments(fragments)] if fragments else [""], optional=True)
    pieces: list[Piece] = []
    for index, (name, value) in enumerate(members):
        before = "," if index > anchor else ""
        after = "," if index < anchor else ""
        if value.optional:
            pieces.append(_join_fragment(before + key_with_colon(name), value, after))
        else:
            pieces += [before + key_with_colon(name), *value.pieces, after]
    return JsonPieces(pieces, optional=False)


def object_pieces(members: Sequence[tuple[str, JsonPieces]], *, keep_empty: bool) -> JsonPieces:
    """Return an object with its braces; an empty one is written as ``{}`` or omitted."""
    inside = join_members(members)
    if not inside.optional or keep_empty:
        return JsonPieces(["{", *inside.pieces, "}"], optional=False)
    text = inside.pieces[0]
    if isinstance(text, str):
        return JsonPieces(["{}"], optional=False)
    empty = pc.equal(pc.binary_length(text), 0)
    return JsonPieces(["{", pc.if_else(empty, pa.scalar(None, TEXT), text), "}"], optional=True)


def key_with_colon(name: str) -> str:
    r"""Return a key with its colon.

    >>> print(key_with_colon('a "key"'))
    "a \"key\"":
    """
    return orjson.dumps(name).decode() + ":"


def _join_fragments(fragments: Sequence[pa.Array]) -> pa.Array:
    """Join members of which any may be missing; empty text if all are."""
    all_missing = reduce(pc.and_, (pc.is_null(fragment) for fragment in fragments))
    # Arrow returns null for a row in which everything is skipped, so such rows get an empty text.
    empty = pc.if_else(all_missing, pa.scalar("", TEXT), pa.scalar(None, TEXT))
    return join([*fragments, empty], skip_nulls=True, separator=",")


def _join_fragment(before: str, value: JsonPieces, after: str = "") -> pa.Array:
    return join([before, *value.pieces, after])


def escape_json(array: pa.Array) -> pa.Array:
    r"""Escape what JSON text must not hold: quotes, backslashes and control characters.

    One scan of the whole buffer finds the texts to escape; mostly there are none, or few.

    >>> print(*escape_json(pa.array(['say "hi"', "two\nlines", "plain"], TEXT)).to_pylist())
    say \"hi\" two\nlines plain
    """
    content = content_bytes(array)
    special = content < 0x20
    special |= content == ord("\\")
    special |= content == ord('"')
    places = np.flatnonzero(special)
    if len(places) == 0:
        return array
    offsets = offsets_of(array)
    rows = np.unique(np.searchsorted(offsets - offsets[0], places, side="right") - 1)
    place = np.arange(len(array))
    place[rows] = len(array) + np.arange(len(rows))
    return pa.concat_arrays([array, _escape_each(array.take(pa.array(rows)))]).take(pa.array(place))


def _escape_each(array: pa.Array) -> pa.Array:
    array = pc.replace_substring(array, "\\", "\\\\")
    array = pc.replace_substring(array, '"', '\\"')
    for code in np.flatnonzero(np.bincount(content_bytes(array), minlength=0x20)[:0x20]):
        character = chr(code)
        array = pc.replace_substring(array, character, orjson.dumps(character).decode()[1:-1])
    return array


def unescape_json(array: pa.Array) -> pa.Array:
    r"""Return text as it was before :func:`escape_json`.

    >>> unescape_json(escape_json(pa.array(['say "hi"', "C:\\new", None], TEXT))).to_pylist()
    ['say "hi"', 'C:\\new', None]
    """
    if not (content_bytes(array) == ord("\\")).any():
        return array
    found = pc.fill_null(pc.match_substring(array, "\\"), False)
    texts = [orjson.loads(f'"{text}"') for text in array.filter(found).to_pylist()]
    return pc.replace_with_mask(array, found, pa.array(texts, TEXT))
