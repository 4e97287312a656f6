"""The same call gets the same ULID, in every run and on every machine.

A ULID is 48 bits of time and 80 bits of chance in 26 characters of Crockford's base 32. Here the time is the call's
own timestamp, and chance is a hash of the call's JSON; a call without a timestamp takes both from the hash. So a
rerun repeats every id, and what Customer.io does with a repeated id it does again: Journeys' event store is
documented to ignore a repeated ULID, and nothing else about repeated ids is promised.

Calls that are alike to the last byte differ by how often they came before, so that two purchases that look the same
are both kept.

The hash is XXH3 with 128 bits, of which 80 are in the id of a call with a timestamp: among a thousand million calls of
one millisecond, the chance that any two share an id is below one in a million. It guards against accidents and not
against people who want two calls to share an id; they could as well give ``message_id=``. A cryptographic hash takes
five times as long, which was half of a dry run.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
ID_CHARACTERS = 26
_LATEST_MS = 2**48


class Occurrences:
    """How often calls came before, among more of them than could be remembered one by one: 8 bytes each.

    >>> before = Occurrences()
    >>> before.add([b"a" * 16, b"b" * 16, b"a" * 16])
    >>> before.of([b"a" * 16, b"c" * 16]).tolist()
    [2, 0]
    """

    def __init__(self) -> None:
        self._sorted = np.empty(0, dtype=np.uint64)

    def add(self, calls: Iterable[bytes]) -> None:
        """Note some calls by their digests."""
        self.add_packed(_first_halves(calls))

    def add_packed(self, calls: npt.NDArray[np.uint64]) -> None:
        """Note some calls by the first halves of their digests."""
        self._sorted = np.concatenate([self._sorted, np.sort(calls)])
        # Two sorted runs: this kind of sort merges them.
        self._sorted.sort(kind="stable")

    def of(self, calls: Iterable[bytes]) -> Ints:
        """Return how often each of some calls came before."""
        wanted = _first_halves(calls)
        ends = np.searchsorted(self._sorted, wanted, side="right")
        return np.asarray(ends - np.searchsorted(self._sorted, wanted, side="left"), dtype=np.int64)


def _first_halves(calls: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(calls), dtype="<u8")[::2].astype(np.uint64)


class MessageIds:
    """Gives each call of one run its id.

    >>> calls = digests(pa.array(['{"a":1}', '{"a":1}'], pa.large_string()))
    >>> first, second = MessageIds().of(calls, np.array([0, 0]), may_repeat=np.array([True, True])).to_pylist()
    >>> first[:10], first == second
    ('0000000000', False)
    """

    def __init__(self, earlier: Occurrences | None = None) -> None:
        self._seen: dict[bytes, int] = {}
        self._earlier = earlier

    def of(self, calls: list[bytes], ms: Ints, *, may_repeat: Bools) -> pa.Array:
        """Return the ids of some calls, in order.

        Parameters
        ----------
        calls : list of bytes, of length n
            The calls' digests.
        ms : numpy array of int64, shape (n,)
            Timestamps in milliseconds; below zero where there is none.
        may_repeat : numpy array of bool, shape (n,)
            Rows that could be like another row; only these are remembered.
        """
        told_apart = self._told_apart(calls, np.flatnonzero(may_repeat).tolist())
        halves = np.frombuffer(b"".join(told_apart), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        return _base32(_with_time(halves[:, 0], ms), halves[:, 1])

    def _told_apart(self, calls: list[bytes], rows: list[int]) -> list[bytes]:
        """Return digests in which calls that were there before have another."""
        some = [calls[row] for row in rows]
        earlier = self._earlier.of(some).tolist() if self._earlier else [0] * len(some)
        fresh = dict.fromkeys(some, 1)
        if len(fresh) == len(some) and not any(earlier) and fresh.keys().isdisjoint(self._seen):
            self._seen.update(fresh)
            return calls
        told_apart = calls.copy()
        for row, digest, long_ago in zip(rows, some, earlier, strict=True):
            lately = self._seen.get(digest, 0)
            self._seen[digest] = lately + 1
            if before := long_ago + lately:
                told_apart[row] = _hash(digest + before.to_bytes(8, "big"))
        return told_apart

    def packed(self) -> npt.NDArray[np.uint64]:
        """Return the first halves of all digests that were remembered, repeated ones as often as they came."""
        return np.repeat(_first_halves(self._seen), np.fromiter(self._seen.values(), np.int64, len(self._seen)))


def digests(calls: pa.Array) -> list[bytes]:
    """Return 16 bytes for each call, which calls that differ do not share.

    Parameters
    ----------
    calls : pyarrow.LargeStringArray
        The calls' JSON without message ids; nulls are hashed as nothing.
    """
    if len(calls) == 0:
        return []
    offsets = np.frombuffer(calls.buffers()[1], dtype=np.int64)[calls.offset : calls.offset + len(calls) + 1]
    content = memoryview(calls.buffers()[2] or b"")
    return [_hash(content[start:stop]) for start, stop in pairwise(offsets.tolist())]


_hash = xxhash.xxh3_128_digest


def _with_time(high: npt.NDArray[np.uint64], ms: Ints) -> npt.NDArray[np.uint64]:
    """Put the timestamp into the upper 48 of 64 bits, where there is one that fits."""
    known = (ms >= 0) & (ms < _LATEST_MS)
    timed = (np.where(known, ms, 0).astype(np.uint64) << np.uint64(16)) | (high & np.uint64(0xFFFF))
    return np.where(known, timed, high)


def _base32(high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> pa.Array:
    """Return 128 bits as 26 characters of five bits each."""
    text = np.empty((len(high), ID_CHARACTERS), dtype=np.uint8)
    for place in range(ID_CHARACTERS):
        shift = 5 * (ID_CHARACTERS - 1 - place)
        if shift >= 64:
            bits = high >> np.uint64(shift - 64)
        elif shift > 59:
            bits = (low >> np.uint64(shift)) | (high << np.uint64(64 - shift))
        else:
            bits = low >> np.uint64(shift)
        text[:, place] = _ALPHABET[(bits & np.uint64(31)).astype(np.intp)]
    offsets = np.arange(0, (len(high) + 1) * ID_CHARACTERS, ID_CHARACTERS, dtype=np.int64)[: len(high) + 1]
    return pa.LargeStringArray.from_buffers(len(high), pa.py_buffer(offsets), pa.py_buffer(text))
