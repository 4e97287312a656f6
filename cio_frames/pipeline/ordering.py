"""Which lane carries which row, so that one person's calls never overtake each other.

The API does not promise order (https://docs.customer.io/journeys/importing-old-data). So all calls of one person
travel one lane, in row order, one request at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import content_bytes, offsets_of

NOBODY = -1
# Blocks of this size stay in the processor's cache.
_BLOCK_IDS = 50_000
# Ids that agree up to here share a number, and so a lane.
_MAX_HASHED_BYTES = 512
_SAMPLE_ROWS = 4_096
# Masks for the first 0 to 8 bytes of a word.
_BYTE_MASKS = np.array([2 ** (8 * count) - 1 for count in range(9)], dtype=np.uint64)
# Odd 64-bit numbers whose products are spread evenly.
_MIXERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def person_keys(ids: Sequence[pa.Array], *, block_ids: int = _BLOCK_IDS) -> Ints:
    """Return a number for the person of each row, -1 for rows without an id.

    Addresses that differ only in the case of letters are one person, as they are to Customer.io. Two ids in one row are
    one person: an identify with both, an alias. If there is one kind of id, the number is a hash of it, since a table
    of a million people takes several times as long as the rest of finding lanes. Two people with the same number share
    a lane, without further effect.

    Parameters
    ----------
    ids : sequence of pyarrow string arrays, each of shape (n,)
        User ids, anonymous ids, previous ids; null for rows without one.

    Examples
    --------
    >>> from cio_frames.arrow.buffers import TEXT
    >>> person_keys([pa.array(["a", "b", None], TEXT), pa.array([None, "x", "x"], TEXT)]).tolist()
    [0, 1, 1]
    """
    ids = [_fold_addresses(some) for some in ids]
    if len(ids) == 1:
        return _hash_keys(ids[0], block_ids)
    distinct = pa.chunked_array(ids).combine_chunks().dictionary_encode()
    codes: Ints = np.asarray(pc.fill_null(distinct.indices.cast(pa.int64()), NOBODY)).reshape(len(ids), -1)
    if not ((codes != NOBODY).sum(axis=0) > 1).any():
        return np.asarray(codes.max(axis=0))
    return join_ids(codes, len(distinct.dictionary))


def _fold_addresses(ids: pa.Array) -> pa.Array:
    """Return ids with the email addresses among them in small letters."""
    content = content_bytes(ids)
    if not (content == ord("@")).any():
        return ids
    is_address = pc.match_substring(ids, "@")
    if content.max() < 128:
        folded = pc.ascii_lower(ids)
    else:
        folded = pc.utf8_lower(ids)
        # Arrow has no case folding, under which \u00df and ss are the same.
        mask = pc.fill_null(pc.and_(is_address, pc.invert(pc.string_is_ascii(ids))), False)
        others = [each.casefold() for each in ids.filter(mask).to_pylist()]
        folded = pc.replace_with_mask(folded, mask, pa.array(others, ids.type))
    return folded if pc.all(is_address).as_py() else pc.if_else(is_address, folded, ids)


def join_ids(codes: Ints, count: int) -> Ints:
    """Return one number for the ids of each row: the same if they share a row, directly or through others.

    >>> join_ids(np.array([[0, 1, 3], [1, 2, -1]]), 4).tolist()
    [0, 0, 3]
    """
    person = np.arange(count + 1)
    person[NOBODY] = count
    while True:
        numbers = person[codes]
        smallest = numbers.min(axis=0)
        before = person.copy()
        for row_codes, row_numbers in zip(codes, numbers, strict=True):
            known = row_codes != NOBODY
            # All ids with the same number get the new one: long chains of aliases are joined in few rounds.
            np.minimum.at(person, row_numbers[known], smallest[known])
        person = person[person]
        if np.array_equal(person, before):
            return np.where(smallest == count, NOBODY, smallest)


class JoinedIds:
    """Which ids are one person, over all chunks of a load.

    A row with two ids joins them also for later chunks, in which each may stand alone: their calls must travel one lane
    there too. Ids are known by some bits of their hash, so that memory is bounded; two people who share these bits
    share a lane, without further effect. With several millions of joins, more and more people share one.

    Parameters
    ----------
    bits : int
        How many bits of the hash of an id are kept.

    Examples
    --------
    >>> from cio_frames.arrow.buffers import TEXT
    >>> joined = JoinedIds()
    >>> both = joined.person_keys([pa.array(["ada"], TEXT), pa.array(["x"], TEXT)])
    >>> apart = joined.person_keys([pa.array(["ada", None], TEXT), pa.array([None, "x"], TEXT)])
    >>> bool(apart[0] == apart[1] == both[0])
    True
    """

    def __init__(self, bits: int = 24) -> None:
        self._bits = bits
        # The parent of each group of ids in a forest; made when the first ids are joined.
        self._parents: npt.NDArray[np.int32] = np.empty(0, dtype=np.int32)

    def person_keys(self, ids: Sequence[pa.Array], *, block_ids: int = _BLOCK_IDS) -> Ints:
        """Return a number for the person of each row, as the function of this name does, and remember joins."""
        hashes = np.array([_hash_keys(_fold_addresses(some), block_ids) for some in ids])
        joins = (hashes != NOBODY).sum(axis=0) > 1
        if not self.has_joins and not joins.any():
            return np.asarray(hashes.max(axis=0))
        if not self.has_joins:
            self._parents = np.arange(2**self._bits, dtype=np.int32)
        groups = self._group(hashes)
        if joins.any():
            self._join(groups[:, joins])
        return self.renumber(groups.max(axis=0))

    @property
    def has_joins(self) -> bool:
        """Whether any ids are joined. Before, the numbers of people are hashes."""
        return len(self._parents) > 0

    def renumber(self, person: Ints, *, are_hashes: bool = False) -> Ints:
        """Return the numbers that people have now, given those from before some ids were joined."""
        groups = self._group(person) if are_hashes else person
        return np.where(groups == NOBODY, NOBODY, self._find(groups))

    def _group(self, hashes: Ints) -> Ints:
        return np.where(hashes == NOBODY, NOBODY, hashes >> (63 - self._bits))

    def _join(self, groups: Ints) -> None:
        """Join the groups in each row; -1 is none."""
        known = groups != NOBODY
        roots = np.where(known, self._find(groups), NOBODY)
        distinct, codes = np.unique(roots[known], return_inverse=True)
        numbered = np.full(groups.shape, NOBODY)
        numbered[known] = codes.ravel()
        first = join_ids(numbered, len(distinct))
        smallest = np.arange(len(distinct))
        for codes_of_kind in numbered:
            smallest[codes_of_kind[codes_of_kind != NOBODY]] = first[codes_of_kind != NOBODY]
        self._parents[distinct] = distinct[smallest]

    def _find(self, groups: Ints) -> Ints:
        """Return the root of each group."""
        while True:
            above = self._parents[groups].astype(np.int64)
            if np.array_equal(above, groups):
                return above
            groups = above


def _hash_keys(ids: pa.Array, block_ids: int) -> Ints:
    """Return a hash of each id, NOBODY for nulls."""
    blocks = [_hash_ids(ids.slice(start, block_ids)) for start in range(0, len(ids), block_ids)]
    numbers = np.concatenate([*blocks, np.empty(0, dtype=np.int64)])
    return np.where(np.asarray(ids.is_null()), NOBODY, numbers) if ids.null_count else numbers


def _hash_ids(ids: pa.Array) -> Ints:
    offsets = offsets_of(ids)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    content = np.zeros(offsets[-1] - offsets[0] + 8, dtype=np.uint8)
    content[:-8] = content_bytes(ids)
    # The eight bytes at every place in the buffer.
    words = np.ndarray(len(content) - 7, dtype="<u8", buffer=content, strides=(1,))
    mixed = lengths.astype(np.uint64)
    for at in range(0, min(int(lengths.max(initial=0)), _MAX_HASHED_BYTES), 8):
        more = lengths > at
        rows = slice(None) if more.all() else np.flatnonzero(more)
        word = words[starts[rows] + at] & _BYTE_MASKS[np.minimum(lengths[rows] - at, 8)]
        found = (mixed[rows] ^ word) * _MIXERS[0]
        mixed[rows] = found ^ (found >> np.uint64(32))
    # Numbers in ids differ in a few bits; without this, some lanes would get a tenth more people than others.
    mixed *= _MIXERS[1]
    return ((mixed ^ (mixed >> np.uint64(32))) >> np.uint64(1)).astype(np.int64)


def has_duplicates(person: Ints) -> bool:
    """Return whether any person has several rows.

    >>> has_duplicates(np.array([0, 1, -1, -1])), has_duplicates(np.array([0, 1, 0]))
    (False, True)
    """
    known = person[person != NOBODY]
    # If one has, the first rows mostly show it.
    return any(_contains_repeats(known[:rows]) for rows in (_SAMPLE_ROWS, len(known)))


def _contains_repeats(person: Ints) -> bool:
    ordered = np.sort(person[may_collide(person, np.zeros(1, dtype=np.int64))])
    return bool((ordered[1:] == ordered[:-1]).any())


def may_collide(person: Ints, ms: Ints) -> Bools:
    """Return which rows may equal another: all rows of one person at one time, and by chance a few more.

    Only these must be remembered; most frames have hardly any.

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
    # A row that does not find itself shares its place with the row that is there.
    shared: Bools = np.zeros(2**bits, dtype=bool)
    shared[place[last[place] != rows]] = True
    return np.asarray(shared[place])
