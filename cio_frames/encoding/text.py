"""JSON text as Arrow arrays: how it is joined, quoted and escaped, whole columns at a time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import reduce
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()
NULL = pa.scalar("null", TEXT)

# What stands around a value.
QUOTES = ('"', '"')
BRACKETS = ("[", "]")
BRACES = ("{", "}")

# What is joined: text that is the same in every row, or an array of text.
Piece: TypeAlias = str | pa.Array


class EncodeError(NamedTuple):
    """Rows of a slice that cannot be sent, and why.

    Attributes
    ----------
    rows : numpy array of int64
        Which, by position in the slice.
    reason : str
        Why, in words.
    label : Hashable or None
        The frame's column that it is about; None where it is about no one column.
    check : str
        The name of the check in reports.
    """

    rows: npt.NDArray[np.int64]
    reason: str
    label: Hashable | None = None
    check: str = "json"


class Text(NamedTuple):
    """One column as JSON text.

    Attributes
    ----------
    values : pyarrow.LargeStringArray
        Null where the row has nothing to say.
    ends : pair of str
        What belongs around each value, such as quotes; it is put there while joining, which saves a copy.
    faults : tuple of Fault
        Rows whose cell has no form in JSON. Their values are null.
    """

    values: pa.Array
    ends: tuple[str, str] = ("", "")
    encode_errors: tuple[EncodeError, ...] = ()

    @property
    def pieces(self) -> list[Piece]:
        """The value with what belongs around it."""
        before, after = self.ends
        return [before, self.values, after] if before else [self.values]

    @property
    def optional(self) -> bool:
        """Whether a row may have nothing to say."""
        return bool(self.values.null_count)


class Members(NamedTuple):
    """The inside of a JSON object: pieces to join, and whether some rows may have nothing there."""

    pieces: list[Piece]
    optional: bool


def join(pieces: Sequence[Piece], *, skip_nulls: bool = False, separator: str = "") -> pa.Array:
    """Join pieces row by row; a null makes the row null, or is skipped.

    >>> join(['"', pa.array(["a", None], TEXT), '"']).to_pylist()
    ['"a"', None]
    """
    merged = _merged(pieces) if not separator else list(pieces)
    if len(merged) == 1 and isinstance(merged[0], pa.Array) and not skip_nulls:
        return merged[0]
    arguments = [pa.scalar(piece, TEXT) if isinstance(piece, str) else piece for piece in merged]
    nulls = "skip" if skip_nulls else "emit_null"
    return pc.binary_join_element_wise(*arguments, pa.scalar(separator, TEXT), null_handling=nulls)


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    """Put constant pieces that stand side by side into one."""
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def object_members(members: Sequence[tuple[str, Members]]) -> Members:
    """Put the members of an object side by side, with keys and commas; members with nothing to say are left out.

    Where one member is always there, the commas hang on it and nothing is joined yet: the caller joins everything
    at once.

    >>> name = Members(['"', pa.array(["Ada", None], TEXT), '"'], optional=True)
    >>> plan = Members(['"free"'], optional=False)
    >>> join(object_members([("name", name), ("plan", plan)]).pieces, skip_nulls=True).to_pylist()
    ['"name":"Ada","plan":"free"', '"plan":"free"']
    """
    anchor = next((index for index, (_, value) in enumerate(members) if not value.optional), None)
    if anchor is None:
        fragments = [_fragment(key_text(name), value) for name, value in members]
        return Members([_joined_fragments(fragments)] if fragments else [""], optional=True)
    pieces: list[Piece] = []
    for index, (name, value) in enumerate(members):
        before = "," if index > anchor else ""
        after = "," if index < anchor else ""
        if value.optional:
            pieces.append(_fragment(before + key_text(name), value, after))
        else:
            pieces += [before + key_text(name), *value.pieces, after]
    return Members(pieces, optional=False)


def object_value(members: Sequence[tuple[str, Members]], *, keep_empty: bool) -> Members:
    """Return an object with its braces; one with nothing in it is kept as ``{}``, or is nothing itself."""
    inside = object_members(members)
    if not inside.optional or keep_empty:
        return Members(["{", *inside.pieces, "}"], optional=False)
    text = inside.pieces[0]
    if isinstance(text, str):
        return Members(["{}"], optional=False)
    empty = pc.equal(pc.binary_length(text), 0)
    return Members(["{", pc.if_else(empty, pa.scalar(None, TEXT), text), "}"], optional=True)


def key_text(name: str) -> str:
    r"""Return a key with its colon.

    >>> print(key_text('a "key"'))
    "a \"key\"":
    """
    return orjson.dumps(name).decode() + ":"


def _joined_fragments(fragments: Sequence[pa.Array]) -> pa.Array:
    """Join members of which any may be missing; empty text where all are."""
    none_there = reduce(pc.and_, (pc.is_null(fragment) for fragment in fragments))
    # Arrow drops a row in which everything is skipped, so such rows get an empty text to keep.
    nothing = pc.if_else(none_there, pa.scalar("", TEXT), pa.scalar(None, TEXT))
    return join([*fragments, nothing], skip_nulls=True, separator=",")


def _fragment(before: str, value: Members, after: str = "") -> pa.Array:
    return join([before, *value.pieces, after])


def escaped(array: pa.Array) -> pa.Array:
    r"""Escape what JSON text must not hold: quotes, backslashes and control characters.

    A look at the whole buffer finds the texts with something to do; almost always there are none, or few.

    >>> print(*escaped(pa.array(['say "hi"', "two\nlines", "plain"], TEXT)).to_pylist())
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
    return pa.concat_arrays([array, _each_escaped(array.take(pa.array(rows)))]).take(pa.array(place))


def _each_escaped(array: pa.Array) -> pa.Array:
    array = pc.replace_substring(array, "\\", "\\\\")
    array = pc.replace_substring(array, '"', '\\"')
    for code in np.flatnonzero(np.bincount(content_bytes(array), minlength=0x20)[:0x20]):
        character = chr(code)
        array = pc.replace_substring(array, character, orjson.dumps(character).decode()[1:-1])
    return array


def unescaped(array: pa.Array) -> pa.Array:
    r"""Return text as it was before it was escaped.

    >>> unescaped(escaped(pa.array(['say "hi"', "C:\\new", None], TEXT))).to_pylist()
    ['say "hi"', 'C:\\new', None]
    """
    if not (content_bytes(array) == ord("\\")).any():
        return array
    found = pc.fill_null(pc.match_substring(array, "\\"), False)
    texts = [orjson.loads(f'"{text}"') for text in array.filter(found).to_pylist()]
    return pc.replace_with_mask(array, found, pa.array(texts, TEXT))


def content_bytes(array: pa.Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of a text array, without a copy."""
    offsets = offsets_of(array)
    content = array.buffers()[2]
    if content is None:
        return np.empty(0, dtype=np.uint8)
    return np.frombuffer(content, dtype=np.uint8)[offsets[0] : offsets[-1]]


def offsets_of(array: pa.Array) -> npt.NDArray[np.int64]:
    """Return where each text of an array starts in its buffer, and where the last one ends."""
    if len(array) == 0:
        return np.zeros(1, dtype=np.int64)
    offsets: npt.NDArray[np.int64] = np.frombuffer(array.buffers()[1], dtype=np.int64)
    return offsets[array.offset : array.offset + len(array) + 1]
