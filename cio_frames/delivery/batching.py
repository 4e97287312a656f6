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

    def halves(self) -> tuple[Batch, Batch]:
        """Return the first and the second half as batches of their own."""
        middle = len(self) // 2
        return (
            Batch(self.rows[:middle], self.offsets[: middle + 1], self.buffer),
            Batch(self.rows[middle:], self.offsets[middle:], self.buffer),
        )


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
