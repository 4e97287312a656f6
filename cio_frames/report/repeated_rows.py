"""How many rows equal an earlier one in everything that is sent of them, counted up to a limit of rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from cio_frames._util.arrays import UInts
from cio_frames.arrow.buffers import content_bytes, offsets_of

# Eight bytes are kept of each row.
MAX_ROWS_COMPARED = 5_000_000


class RepeatedRows:
    """Counts rows whose calls are equal, part by part, up to a limit, after which it looks at no more rows.

    Parameters
    ----------
    limit : int
        How many rows are compared.

    Examples
    --------
    >>> repeated = RepeatedRows()
    >>> repeated.add(pa.array(["a", "b", None, "a", None], pa.large_string()))
    >>> repeated.count()
    1
    """

    def __init__(self, limit: int = MAX_ROWS_COMPARED) -> None:
        self._limit = limit
        self._rows = 0
        # Hashes, so that values of people do not leave the process that has read them.
        self._hashes: list[UInts] = []

    def add(self, payloads: pa.Array) -> None:
        """Add the calls of one part; null for rows that are not sent."""
        self._rows += len(payloads) - payloads.null_count
        if self._rows <= self._limit:
            self._hashes.append(_hash_each(payloads.drop_null()))
        else:
            self._hashes = []

    def extend(self, other: RepeatedRows) -> None:
        """Add what another one, of other rows, has counted."""
        self._rows += other._rows
        self._hashes = [*self._hashes, *other._hashes] if self._rows <= self._limit else []

    def count(self) -> int | None:
        """Return how many rows equal an earlier one; None if there were none, or too many to compare."""
        if not self._rows or not self._hashes:
            return None
        return self._rows - int(pc.count_distinct(pa.chunked_array(self._hashes)).as_py())


def _hash_each(payloads: pa.Array) -> UInts:
    offsets = (offsets_of(payloads) - offsets_of(payloads)[0]).tolist()
    content = memoryview(content_bytes(payloads).data)
    hashes = [xxhash.xxh3_64_intdigest(content[start:stop]) for start, stop in pairwise(offsets)]
    return np.array(hashes, dtype=np.uint64)
