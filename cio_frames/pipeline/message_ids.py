"""Message ids: ULIDs made from the calls, so that a call that is sent again has the id that it had.

A ULID is 48 bits of time and 80 random bits in 26 characters of Crockford's base 32. Here the random bits are a hash of
the call's JSON, and the time is

- that of the call's timestamp. The id depends on the content alone: every run on every machine makes the same.
- of a call without a timestamp, ``as_of``: the start of the run, or a moment that was given. The hash is mixed with
  ``as_of`` and the run's nonce. So a retry repeats the id, and the same call on another day is another call.
- of a call before 1970, which has no time that fits, 48 more bits of the hash.

Journeys' event store is documented to ignore a repeated ULID; nothing else about repeated ids is promised.

Byte-identical rows get distinct ids: the occurrence number is part of the hash. So two purchases that look the same are
both kept.

The hash is XXH3 with 128 bits, of which 80 are in the id of a call with a time: among 10**9 calls of one millisecond,
the chance that any two share an id is below one in a million. It protects against accidents, not against people who
want two calls to share an id; they could as well pass ``message_id=``. A cryptographic hash takes five times as long,
which was half of a dry run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.encoding import NO_TIME
from cio_frames.pipeline.as_of import AsOf

# Another way to make ids, another number: what was sent before would not be recognized. It is mixed into the ids of
# calls without a timestamp, and ledgers hold it, so that a load is resumed with the ids that it began with.
MESSAGE_ID_VERSION = 1
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Ten bits at a time: two characters are half as many steps as one.
_PAIRS = np.frombuffer("".join(one + two for one in _ALPHABET for two in _ALPHABET).encode(), dtype=np.uint16)
ID_CHARACTERS = 26
_LATEST_MS = 2**48
# So few Python objects reuse the memory of the last ones; more would need memory of the system each time.
_ROWS_AT_ONCE = 1_000


class MessageIds:
    """Makes the ids of the calls of one run.

    Parameters
    ----------
    as_of : AsOf or None
        What stands for the time of calls without a timestamp. None in a run that does not send: these calls have no
        ids there.
    seen : Seen, optional
        Counts calls that look the same; pass one if other frames share it.

    >>> calls = digests(pa.array(['{"a":1}', '{"a":1}'], pa.large_string()))
    >>> first, second = MessageIds(AsOf(0)).of(calls, np.full(2, NO_TIME), may_repeat=np.full(2, True)).to_pylist()
    >>> first[:10], second[:10], first == second
    ('0000000000', '0000000000', False)
    """

    def __init__(self, as_of: AsOf | None, seen: Seen | None = None) -> None:
        self.is_shared = seen is not None
        self._as_of = as_of
        self._seen = Seen() if seen is None else seen
        self._numbers: list[UInts] = []

    def of(self, calls: UInts, ms: Ints, *, may_repeat: Bools) -> pa.Array:
        """Return the ids of calls, in order; null for those without a timestamp if there is no ``as_of``.

        Parameters
        ----------
        calls : numpy array of uint64, shape (n, 2)
            The calls' digests.
        ms : numpy array of int64, shape (n,)
            Timestamps in milliseconds; NO_TIME for calls without one.
        may_repeat : numpy array of bool, shape (n,)
            Rows that could equal another row; only these are remembered.
        """
        rows = np.flatnonzero(may_repeat)
        # 64 bits are enough to tell calls apart here; they are in every id.
        numbers = calls[rows, 1]
        self._numbers.append(numbers)
        before = self._seen.before(numbers)
        repeated = np.flatnonzero(before)
        if len(repeated):
            calls = calls.copy()
            for row, count in zip(rows[repeated].tolist(), before[repeated].tolist(), strict=True):
                calls[row] = _to_halves(_xxh3_digest(calls[row].astype(">u8").tobytes() + count.to_bytes(8, "big")))
        untimed = ms == NO_TIME
        if untimed.any() and self._as_of is not None:
            ms = np.where(untimed, self._as_of.ms, ms)
            salt = _salt(self._as_of)
            calls = calls ^ (salt if untimed.all() else np.where(untimed[:, None], salt, np.uint64(0)))
        ids = _encode_base32(_set_time(calls[:, 0], ms), calls[:, 1])
        return _mask(ids, untimed) if untimed.any() and self._as_of is None else ids

    @property
    def numbers(self) -> UInts:
        """The 64 bits of each remembered call."""
        return np.concatenate([*self._numbers, np.empty(0, dtype=np.uint64)])


class Seen:
    """Counts earlier occurrences of numbers that arrive a slice at a time.

    They are kept in few sorted runs, each more than twice as long as the next: short runs are soon merged.

    >>> seen = Seen()
    >>> seen.before(np.array([7, 5, 7])).tolist(), seen.before(np.array([8, 7])).tolist()
    ([0, 0, 1], [0, 2])
    """

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[Any]] = []

    def before(self, numbers: npt.NDArray[Any]) -> Ints:
        """Return how often each number occurred before, in this slice and earlier ones, and remember them all."""
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        counts = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
        for run in self._runs:
            first = np.searchsorted(run, ordered)
            found = np.flatnonzero(run[np.minimum(first, len(run) - 1)] == ordered)
            counts[found] += np.searchsorted(run, ordered[found], side="right") - first[found]
        self._remember(ordered)
        in_order = np.empty_like(counts)
        in_order[order] = counts
        return in_order

    def add(self, numbers: npt.NDArray[Any]) -> None:
        """Remember numbers without counting them."""
        self._remember(np.sort(numbers))

    def copy(self) -> Seen:
        """Return a copy that can remember more numbers without this one."""
        other = Seen()
        other._runs = self._runs.copy()
        return other

    def _remember(self, run: npt.NDArray[Any]) -> None:
        if len(run) == 0:
            return
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            # A stable sort detects two runs and merges them; in place, since they may be long.
            run.sort(kind="stable")
        self._runs.append(run)


def digests(calls: pa.Array, *, end_bytes: Ints | int = 0) -> UInts:
    """Return two numbers of 64 bits for each call; different calls have different ones.

    Parameters
    ----------
    calls : pyarrow.LargeStringArray
        The JSON of the calls; nulls are hashed as empty text.
    end_bytes : int, or numpy array of int64 with shape (n,)
        How many bytes at the end of each to leave out, since they hold a message id.

    Returns
    -------
    numpy array of uint64, shape (n, 2)
    """
    if len(calls) == 0:
        return np.empty((0, 2), dtype=np.uint64)
    offsets = np.frombuffer(calls.buffers()[1], dtype=np.int64)[calls.offset : calls.offset + len(calls) + 1]
    content = memoryview(calls.buffers()[2] or b"")
    # A null has no bytes to leave out.
    starts, stops = offsets[:-1], np.maximum(offsets[1:] - end_bytes, offsets[:-1])
    blocks = (slice(start, start + _ROWS_AT_ONCE) for start in range(0, len(calls), _ROWS_AT_ONCE))
    hashed = [_hash_calls(content, starts[block].tolist(), stops[block].tolist()) for block in blocks]
    return _to_halves(b"".join(hashed))


def _hash_calls(content: memoryview, starts: list[int], stops: list[int]) -> bytes:
    return b"".join([_xxh3_digest(content[start:stop]) for start, stop in zip(starts, stops, strict=True)])


_xxh3_digest = xxhash.xxh3_128_digest


def _to_halves(hashed: bytes) -> UInts:
    return np.frombuffer(hashed, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def _salt(as_of: AsOf) -> UInts:
    """Return 128 bits in which two runs differ, for the hashes of calls without a timestamp."""
    return _to_halves(_xxh3_digest(f"message id {MESSAGE_ID_VERSION} {as_of.ms} {as_of.nonce}".encode()))


def _mask(ids: pa.Array, where: Bools) -> pa.Array:
    """Return ids with nulls; the bytes below them stay, so that each id takes as many as the others."""
    _, offsets, content = ids.buffers()
    validity = pa.py_buffer(np.packbits(~where, bitorder="little"))
    return pa.LargeStringArray.from_buffers(len(ids), offsets, content, validity)


def _set_time(high: UInts, ms: Ints) -> UInts:
    """Return numbers with the time in the upper 48 of 64 bits, if there is one that fits."""
    known = (ms >= 0) & (ms < _LATEST_MS)
    timed = (np.where(known, ms, 0).astype(np.uint64) << np.uint64(16)) | (high & np.uint64(0xFFFF))
    return np.where(known, timed, high)


def _encode_base32(high: UInts, low: UInts) -> pa.Array:
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
