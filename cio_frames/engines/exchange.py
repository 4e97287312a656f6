"""Which rows belong together: a key for the person of each row that is the same on every worker, and buckets of keys.

The key comes from the id as it goes out, so that ``7.0``, ``7`` and ``"7"`` are one person, and so are email addresses
in any case of letters. Rows with two ids (a user and an anonymous id, an alias) join these ids, directly and through
other rows: workers send pairs of hashes, and one process joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from cio_frames._util.arrays import Ints
from cio_frames.pipeline.ordering import NOBODY, join_ids, person_keys

# An odd 64-bit number whose products are spread evenly. Lanes take the rest of a division of the key, and buckets must
# not do the same: all people of a bucket would share a lane.
_MIXER = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Links:
    """Ids that other ids are joined with.

    Attributes
    ----------
    ids : numpy array of int64
        Hashes of ids, in order.
    persons : numpy array of int64
        The key of the person of each.
    """

    ids: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    persons: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def id_hashes(ids: Sequence[pa.Array], rows: int) -> Ints:
    """Return a hash of each id, one row for each kind of id; -1 for rows without one.

    >>> ada, x = (pa.array([each], pa.large_string()) for each in ("ada", "x"))
    >>> id_hashes([ada, x], 1)[0] == id_hashes([ada], 1)[0]
    array([ True])
    """
    return np.array([person_keys([each]) for each in ids], dtype=np.int64).reshape(len(ids), rows)


def distinct_pairs(hashes: Ints) -> Ints:
    """Return the pairs of ids that share a row, each once.

    >>> distinct_pairs(np.array([[7, 7, 8, NOBODY], [9, 9, NOBODY, 9]])).tolist()
    [[7, 9]]
    """
    first = first_ids(hashes)
    pairs = [np.column_stack([first, each])[(each != NOBODY) & (each != first)] for each in hashes]
    return np.unique(np.concatenate([*pairs, np.empty((0, 2), dtype=np.int64)]), axis=0)


def first_ids(hashes: Ints) -> Ints:
    """Return the first id that each row has, -1 for rows without an id.

    >>> first_ids(np.array([[7, NOBODY, NOBODY], [9, 9, NOBODY]])).tolist()
    [7, 9, -1]
    """
    if not len(hashes):
        return np.full(hashes.shape[1], NOBODY)
    known = hashes != NOBODY
    return np.asarray(hashes[known.argmax(axis=0), np.arange(hashes.shape[1])])


def join_pairs(pairs: Iterable[Ints]) -> Links:
    """Return the person of each id that shares a row with another, directly or through others.

    >>> links = join_pairs([np.array([[7, 9]]), np.array([[8, 9], [1, 2]])])
    >>> links.ids.tolist(), links.persons.tolist()
    ([1, 2, 7, 8, 9], [1, 1, 7, 7, 7])
    """
    found = np.unique(np.concatenate([*pairs, np.empty((0, 2), dtype=np.int64)]), axis=0)
    ids, codes = np.unique(found.ravel(), return_inverse=True)
    if not len(ids):
        return Links()
    codes = codes.reshape(-1, 2).T
    person_of_pair = join_ids(codes, len(ids))
    persons = np.empty(len(ids), dtype=np.int64)
    for each in codes:
        persons[each] = ids[person_of_pair]
    return Links(ids, persons)


def exchange_keys(hashes: Ints, links: Links) -> Ints:
    """Return the key of each row's person, -1 for rows without an id.

    >>> exchange_keys(np.array([[9, 5]]), join_pairs([np.array([[7, 9]])])).tolist()
    [7, 5]
    """
    first = first_ids(hashes)
    if not len(links.ids):
        return first
    place = np.minimum(np.searchsorted(links.ids, first), len(links.ids) - 1)
    return np.where(links.ids[place] == first, links.persons[place], first)


def bucket_numbers(keys: Ints, buckets: int) -> Ints:
    """Return the bucket of each row; all rows of one person are in one.

    >>> numbers = bucket_numbers(np.array([7, 5, 7]), 4)
    >>> bool(numbers[0] == numbers[2]), int(numbers.max()) < 4
    (True, True)
    """
    mixed = keys.astype(np.uint64) * _MIXER
    return ((mixed >> np.uint64(32)) % np.uint64(buckets)).astype(np.int64)
