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

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from cio_frames._util.arrays import Bools, Ints, UInts

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Ten bits at a time: two characters are half as many steps as one.
_PAIRS = np.frombuffer("".join(one + two for one in _ALPHABET for two in _ALPHABET).encode(), dtype=np.uint16)
ID_CHARACTERS = 26
_LATEST_MS = 2**48
# So few Python objects find room where the last ones were; more take memory from the system each time.
_BLOCK_ROWS = 1_000


class MessageIds:
    """Gives each call of one run its id.

    >>> calls = digests(pa.array(['{"a":1}', '{"a":1}'], pa.large_string()))
    >>> first, second = MessageIds().of(calls, np.array([0, 0]), may_repeat=np.array([True, True])).to_pylist()
    >>> first[:10], first == second
    ('0000000000', False)
    """

    def __init__(self, seen: Seen | None = None) -> None:
        self._seen = Seen() if seen is None else seen
        self._numbers: list[UInts] = []

    def of(self, calls: UInts, ms: Ints, *, may_repeat: Bools) -> pa.Array:
        """Return the ids of some calls, in order.

        Parameters
        ----------
        calls : numpy array of uint64, shape (n, 2)
            The calls' digests.
        ms : numpy array of int64, shape (n,)
            Timestamps in milliseconds; below zero where there is none.
        may_repeat : numpy array of bool, shape (n,)
            Rows that could be like another row; only these are remembered.
        """
        rows = np.flatnonzero(may_repeat)
        # 64 bits tell calls apart here; they are in every id.
        numbers = calls[rows, 1]
        self._numbers.append(numbers)
        before = self._seen.before(numbers)
        again = np.flatnonzero(before)
        if len(again):
            calls = calls.copy()
            for row, count in zip(rows[again].tolist(), before[again].tolist(), strict=True):
                calls[row] = _halves(_hash(calls[row].astype(">u8").tobytes() + count.to_bytes(8, "big")))
        return _base32(_with_time(calls[:, 0], ms), calls[:, 1])

    @property
    def numbers(self) -> UInts:
        """What the calls that were remembered here are told apart by."""
        return np.concatenate([*self._numbers, np.empty(0, dtype=np.uint64)])


class Seen:
    """How often numbers came before; numbers come a slice at a time.

    They are kept sorted, in few runs, each more than twice as long as the next: short runs are soon merged.

    >>> seen = Seen()
    >>> seen.before(np.array([7, 5, 7])).tolist(), seen.before(np.array([8, 7])).tolist()
    ([0, 0, 1], [0, 2])
    """

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[Any]] = []

    def before(self, numbers: npt.NDArray[Any]) -> Ints:
        """Return how often each number came before, in this slice and earlier ones, and remember them all."""
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        counts = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
        for run in self._runs:
            first = np.searchsorted(run, ordered)
            again = np.flatnonzero(run[np.minimum(first, len(run) - 1)] == ordered)
            counts[again] += np.searchsorted(run, ordered[again], side="right") - first[again]
        self._remember(ordered)
        found = np.empty_like(counts)
        found[order] = counts
        return found

    def add(self, numbers: npt.NDArray[Any]) -> None:
        """Remember numbers without asking after them."""
        self._remember(np.sort(numbers))

    def copy(self) -> Seen:
        """Return what can learn more while this one does not."""
        other = Seen()
        other._runs = self._runs.copy()
        return other

    def _remember(self, run: npt.NDArray[Any]) -> None:
        if len(run) == 0:
            return
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            # A stable sort sees that these are two runs, and merges them; in place, since they may be long.
            run.sort(kind="stable")
        self._runs.append(run)


def digests(calls: pa.Array, *, end_bytes: Ints | int = 0) -> UInts:
    """Return two numbers of 64 bits for each call, which calls that differ do not share.

    Parameters
    ----------
    calls : pyarrow.LargeStringArray
        The calls' JSON; nulls are hashed as nothing.
    end_bytes : int, or numpy array of int64 with shape (n,)
        How many bytes at the end of each do not count, since a message id stands there.

    Returns
    -------
    numpy array of uint64, shape (n, 2)
    """
    if len(calls) == 0:
        return np.empty((0, 2), dtype=np.uint64)
    offsets = np.frombuffer(calls.buffers()[1], dtype=np.int64)[calls.offset : calls.offset + len(calls) + 1]
    content = memoryview(calls.buffers()[2] or b"")
    # What is null has no bytes to leave out.
    starts, stops = offsets[:-1], np.maximum(offsets[1:] - end_bytes, offsets[:-1])
    blocks = (slice(start, start + _BLOCK_ROWS) for start in range(0, len(calls), _BLOCK_ROWS))
    return _halves(b"".join([_hashed(content, starts[block].tolist(), stops[block].tolist()) for block in blocks]))


def _hashed(content: memoryview, starts: list[int], stops: list[int]) -> bytes:
    return b"".join([_hash(content[start:stop]) for start, stop in zip(starts, stops, strict=True)])


_hash = xxhash.xxh3_128_digest


def _halves(hashed: bytes) -> UInts:
    return np.frombuffer(hashed, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def _with_time(high: UInts, ms: Ints) -> UInts:
    """Put the timestamp into the upper 48 of 64 bits, where there is one that fits."""
    known = (ms >= 0) & (ms < _LATEST_MS)
    timed = (np.where(known, ms, 0).astype(np.uint64) << np.uint64(16)) | (high & np.uint64(0xFFFF))
    return np.where(known, timed, high)


def _base32(high: UInts, low: UInts) -> pa.Array:
    """Return 128 bits as 26 characters of five bits each."""
    text = np.empty((len(high), ID_CHARACTERS // 2), dtype=_PAIRS.dtype)
    for pair in range(ID_CHARACTERS // 2):
        shift = 5 * (ID_CHARACTERS - 2 - 2 * pair)
        if shift >= 64:
            bits = high >> np.uint64(shift - 64)
        elif shift > 54:
            bits = (low >> np.uint64(shift)) | (high << np.uint64(64 - shift))
        else:
            bits = low >> np.uint64(shift)
        text[:, pair] = _PAIRS[(bits & np.uint64(1023)).astype(np.intp)]
    offsets = np.arange(0, (len(high) + 1) * ID_CHARACTERS, ID_CHARACTERS, dtype=np.int64)[: len(high) + 1]
    return pa.LargeStringArray.from_buffers(len(high), pa.py_buffer(offsets), pa.py_buffer(text))
