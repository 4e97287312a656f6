"""Subjects that a source has more than once, found with eight bytes a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cio_frames._util.arrays import Bools, Ints, UInts


def repeated_keys(chunks: Sequence[UInts]) -> UInts:
    """Return the key hashes that come more than once; 0 stands for rows without a key.

    >>> repeated_keys([np.array([7, 5], dtype=np.uint64), np.array([7, 0, 0], dtype=np.uint64)]).tolist()
    [7]
    """
    keys = np.sort(np.concatenate([*chunks, np.empty(0, dtype=np.uint64)]))
    again = keys[1:][keys[1:] == keys[:-1]]
    return np.unique(again[again != 0])


def rows_of(keys: UInts, repeated: UInts) -> Ints:
    """Return the rows whose key hash is repeated."""
    found: Bools = np.isin(keys, repeated)
    return np.flatnonzero(found)


def groups_of(keys: Sequence[str], places: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return the places of each key that really comes more than once, in order.

    >>> groups_of(["a", "b", "a"], [(0, 1), (0, 4), (1, 0)])
    [[(0, 1), (1, 0)]]
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for key, place in zip(keys, places, strict=True):
        found.setdefault(key, []).append(place)
    return [group for group in found.values() if len(group) > 1]
