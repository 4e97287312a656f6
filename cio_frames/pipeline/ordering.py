"""Which lane carries which row, so that one person's calls never overtake each other.

The API does not promise order (https://docs.customer.io/journeys/importing-old-data). So all calls of one person
travel one lane, in row order, one request at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import content_bytes, offsets_of

NOBODY = -1
# What is worked on at once stays in the processor's cache.
_BLOCK_ROWS = 50_000
# Ids that are alike up to here share a number, and so a lane.
_LONGEST = 512
_FEW_ROWS = 4_096
# The first so many bytes of eight.
_FIRST_BYTES = np.array([2 ** (8 * count) - 1 for count in range(9)], dtype=np.uint64)
# Odd numbers of 64 bits, to spread others evenly.
_MIXERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def person_keys(ids: Sequence[pa.Array]) -> Ints:
    """Return a number for the person of each row, -1 where a row has no id.

    Two ids in one row are one person: an identify with both, an alias. Where there is one kind of id, the number is a
    hash of it, since a table of a million people takes several times as long as the rest of finding lanes. Should two
    people share a number, they share a lane, and nothing else comes of it.

    Parameters
    ----------
    ids : sequence of pyarrow string arrays, each of shape (n,)
        User ids, anonymous ids, previous ids; null where a row has none.

    Examples
    --------
    >>> person_keys([pa.array(["a", "b", None]), pa.array([None, "x", "x"])]).tolist()
    [0, 1, 1]
    """
    if len(ids) == 1:
        return _numbers(ids[0])
    distinct = pa.chunked_array(ids).combine_chunks().dictionary_encode()
    codes: Ints = np.asarray(pc.fill_null(distinct.indices.cast(pa.int64()), NOBODY)).reshape(len(ids), -1)
    if not ((codes != NOBODY).sum(axis=0) > 1).any():
        return np.asarray(codes.max(axis=0))
    return _joined(codes, len(distinct.dictionary))


def _joined(codes: Ints, count: int) -> Ints:
    """Give ids that share a row, directly or by way of others, one number."""
    person = np.arange(count + 1)
    person[NOBODY] = count
    while True:
        numbers = person[codes]
        smallest = numbers.min(axis=0)
        before = person.copy()
        for row_codes, row_numbers in zip(codes, numbers, strict=True):
            known = row_codes != NOBODY
            # Whoever had the same number takes the new one too: long chains of aliases are joined in few rounds.
            np.minimum.at(person, row_numbers[known], smallest[known])
        person = person[person]
        if np.array_equal(person, before):
            return np.where(smallest == count, NOBODY, smallest)


def _numbers(ids: pa.Array) -> Ints:
    """Return a number for each id, which equal ids share and others hardly ever do."""
    blocks = [_hashed(ids.slice(start, _BLOCK_ROWS)) for start in range(0, len(ids), _BLOCK_ROWS)]
    numbers = np.concatenate([*blocks, np.empty(0, dtype=np.int64)])
    return np.where(np.asarray(ids.is_null()), NOBODY, numbers) if ids.null_count else numbers


def _hashed(ids: pa.Array) -> Ints:
    offsets = offsets_of(ids)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    content = np.zeros(offsets[-1] - offsets[0] + 8, dtype=np.uint8)
    content[:-8] = content_bytes(ids)
    # Every place in the buffer at which eight bytes could begin.
    words = np.ndarray(len(content) - 7, dtype="<u8", buffer=content, strides=(1,))
    mixed = lengths.astype(np.uint64)
    for at in range(0, min(int(lengths.max(initial=0)), _LONGEST), 8):
        more = lengths > at
        rows = slice(None) if more.all() else np.flatnonzero(more)
        word = words[starts[rows] + at] & _FIRST_BYTES[np.minimum(lengths[rows] - at, 8)]
        found = (mixed[rows] ^ word) * _MIXERS[0]
        mixed[rows] = found ^ (found >> np.uint64(32))
    return (mixed >> np.uint64(1)).astype(np.int64)


def has_duplicates(person: Ints) -> bool:
    """Return whether anybody has several rows.

    >>> has_duplicates(np.array([0, 1, -1, -1])), has_duplicates(np.array([0, 1, 0]))
    (False, True)
    """
    known = person[person != NOBODY]
    # Where somebody has, a few rows mostly tell.
    return any(_repeats(known[:rows]) for rows in (_FEW_ROWS, len(known)))


def _repeats(person: Ints) -> bool:
    ordered = np.sort(person[may_collide(person, np.zeros(1, dtype=np.int64))])
    return bool((ordered[1:] == ordered[:-1]).any())


def may_collide(person: Ints, ms: Ints) -> Bools:
    """Return which rows may be like another: all of one person and one moment, and by chance a few more.

    Only these need be remembered, and of most frames that is hardly any.

    >>> may_collide(np.array([0, 1, 0, 0]), np.array([5, 5, 6, 5])).tolist()
    [True, False, False, True]
    """
    bits = max((4 * len(person)).bit_length(), 1)
    mixed = person.astype(np.uint64) * _MIXERS[0] + ms.astype(np.uint64) * _MIXERS[1]
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIXERS[1]
    place = (mixed >> np.uint64(64 - bits)).astype(np.int64)
    rows = np.arange(len(person), dtype=np.int32)
    last = np.zeros(2**bits, dtype=np.int32)
    last[place] = rows
    # Who does not find itself shares its place with who is there.
    shared: Bools = np.zeros(2**bits, dtype=bool)
    shared[place[last[place] != rows]] = True
    return np.asarray(shared[place])
