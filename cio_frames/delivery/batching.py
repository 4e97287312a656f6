"""Payloads to request bodies that fit: bytes in, bytes out.

Payloads lie end to end in one buffer, each with a comma behind it. A batch is a slice of that buffer; its body is the
slice without its last comma, in the envelope. Nothing is encoded twice, also when a refused batch is split.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cio_frames._util.arrays import Ints
from cio_frames.client import BODY_HEAD, BODY_TAIL, ENVELOPE_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Calls that go out in one request.

    Attributes
    ----------
    rows : numpy array of int64, shape (n,)
        The frame's row positions, in the order of the calls.
    offsets : numpy array of int64, shape (n + 1,)
        Where each payload starts in ``buffer``; the last entry is where the last one ends.
    buffer : memoryview
        Payloads end to end, each with its comma.
    """

    rows: Ints
    offsets: Ints
    buffer: memoryview

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def body(self) -> bytes:
        """The request body."""
        return b"".join((BODY_HEAD, self.buffer[self.offsets[0] : self.offsets[-1] - 1], BODY_TAIL))

    @property
    def body_bytes(self) -> int:
        """The size of the request body."""
        return ENVELOPE_BYTES + int(self.offsets[-1] - self.offsets[0]) - 1

    def copy(self) -> Batch:
        """Return the same calls in a buffer of their own."""
        payloads = memoryview(bytes(self.buffer[self.offsets[0] : self.offsets[-1]]))
        return Batch(self.rows, self.offsets - self.offsets[0], payloads)

    def join(self, other: Batch) -> Batch:
        """Return these calls and others after them as one batch."""
        parts = [each.buffer[each.offsets[0] : each.offsets[-1]] for each in (self, other)]
        own = self.offsets - self.offsets[0]
        offsets = np.concatenate([own, own[-1] + other.offsets[1:] - other.offsets[0]])
        return Batch(np.concatenate([self.rows, other.rows]), offsets, memoryview(b"".join(parts)))

    def halves(self) -> tuple[Batch, Batch]:
        """Return the first and the second half as batches of their own."""
        middle = len(self) // 2
        return (
            Batch(self.rows[:middle], self.offsets[: middle + 1], self.buffer),
            Batch(self.rows[middle:], self.offsets[middle:], self.buffer),
        )


class BatchCutter:
    """Cuts the payloads of several lanes into bodies as they come, a slice at a time.

    What does not fill a body waits for the next slice: bodies that are cut off at the end of each slice would be more,
    and with many lanes by far.

    Parameters
    ----------
    lanes : int
        The number of lanes.
    max_body_bytes : int
        As for :func:`batches`.

    Examples
    --------
    >>> cutter = BatchCutter(1, max_body_bytes=22)
    >>> payloads = np.arange(3), np.array([0, 5, 10, 15]), memoryview(b"1111,2222,3333,")
    >>> [batch.body for batch in cutter.add(0, *payloads)], [batch.body for _, batch in cutter.rest()]
    ([b'{"batch":[1111,2222]}'], [b'{"batch":[3333]}'])
    """

    def __init__(self, lanes: int, *, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._waiting: list[Batch | None] = [None] * lanes

    def add(self, lane: int, rows: Ints, offsets: Ints, buffer: memoryview) -> list[Batch]:
        """Return the full batches of a lane, with the next payloads of it."""
        if not len(rows):
            return []
        given = Batch(rows, offsets, buffer)
        waiting, full = self._waiting[lane], []
        if waiting is not None:
            room = self._max_body_bytes - waiting.body_bytes
            # The comma between them counts, the one behind the last is not sent.
            fitting = int(np.searchsorted(offsets, offsets[0] + max(room, 0), side="right")) - 1
            joined = waiting.join(Batch(rows[:fitting], offsets[: fitting + 1], buffer)) if fitting else waiting
            if fitting == len(rows):
                self._waiting[lane] = joined
                return []
            full.append(joined)
            given = Batch(rows[fitting:], offsets[fitting:], buffer)
        *others, last = batches(given.rows, given.offsets, buffer, max_body_bytes=self._max_body_bytes)
        # A copy, since a view would keep the buffer of the whole slice in memory.
        self._waiting[lane] = last.copy()
        return full + others

    def rest(self) -> list[tuple[int, Batch]]:
        """Return what still waits, each with its lane."""
        found = [(lane, batch) for lane, batch in enumerate(self._waiting) if batch is not None]
        self._waiting = [None] * len(self._waiting)
        return found


def batches(rows: Ints, offsets: Ints, buffer: memoryview, *, max_body_bytes: int) -> Iterator[Batch]:
    """Cut payloads, in order, into as few bodies as fit.

    Parameters
    ----------
    rows : numpy array of int64, shape (n,)
        The frame's row positions.
    offsets : numpy array of int64, shape (n + 1,)
        Where each payload, with its comma, starts in the buffer.
    buffer : memoryview
        Payloads end to end.
    max_body_bytes : int
        Envelope and commas count. A single payload that is too large for a body makes a body of its own: keep
        such payloads out before.

    Examples
    --------
    >>> found = list(batches(np.arange(3), np.array([0, 5, 10, 15]), memoryview(b"1111,2222,3333,"), max_body_bytes=22))
    >>> [batch.body for batch in found]
    [b'{"batch":[1111,2222]}', b'{"batch":[3333]}']
    """
    start = 0
    while start < len(rows):
        # The last comma is not sent.
        furthest = offsets[start] + max_body_bytes - ENVELOPE_BYTES + 1
        stop = max(int(np.searchsorted(offsets, furthest, side="right")) - 1, start + 1)
        yield Batch(rows[start:stop], offsets[start : stop + 1], buffer)
        start = stop
