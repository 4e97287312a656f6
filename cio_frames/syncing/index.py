"""All subjects of a state in memory, seventeen bytes each: which rows are certain to have nothing to send.

A row whose key and digest both hash to what the state has is unchanged: 128 bits say so. Every other row is looked up
in the state by its key, as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.arrow.buffers import TEXT
from cio_frames.pipeline.message_ids import Seen
from cio_frames.syncing.hashing import hash_texts
from cio_frames.syncing.records import BROUGHT, HELD, Evidence
from cio_frames.syncing.state import State

_DAY_SECONDS = 86_400


def _in(kinds: Iterable[Evidence]) -> str:
    return f"evidence IN ({', '.join(str(int(kind)) for kind in kinds)})"


# The second half of the digest, and three flags: settled, brought here, held there.
_INDEX_COLUMNS = (
    "key, coalesce(substr(digest, 9), zeroblob(8)), "
    f"(pending IS NULL AND digest IS NOT NULL AND {_in(set(HELD) - {Evidence.MARKED})}) + 2 * ({_in(BROUGHT)}) "
    f"+ 4 * ({_in(HELD)})"
)


class StateIndex:
    """The subjects of a state, by a hash of their key.

    Parameters
    ----------
    state : State
        Read once, from one end to the other.
    refresh_days : int, optional
        Subjects are due at least so often, spread evenly by key; None means never.
    today : int
        The day since 1970 that counts for it.

    Attributes
    ----------
    subjects : int
        How many subjects the other end holds.
    """

    def __init__(self, state: State, *, refresh_days: int | None = None, today: int = 0) -> None:
        count = state.count()
        keys, digests = np.empty(count, dtype=np.uint64), np.empty(count, dtype=np.uint64)
        settled, brought, held = (np.zeros(count, dtype=bool) for _ in range(3))
        start = 0
        for rows in state.scan(_INDEX_COLUMNS if refresh_days is None else f"{_INDEX_COLUMNS}, delivered_at"):
            names, contents, packed, *delivered = zip(*rows, strict=True)
            stop = start + len(rows)
            keys[start:stop] = hash_texts(pa.array(names, TEXT))
            digests[start:stop] = np.frombuffer(b"".join(contents), dtype=">u8")
            flags = np.frombuffer(bytes(packed), dtype=np.uint8)
            settled[start:stop], brought[start:stop], held[start:stop] = ((flags & bit) > 0 for bit in (1, 2, 4))
            if refresh_days is not None:
                days = np.array([(moment or 0) // _DAY_SECONDS for moment in delivered[0]])
                settled[start:stop] &= days >= _last_due_day(keys[start:stop], refresh_days, today)
            start = stop
        self.subjects = int(held.sum())
        order = np.argsort(keys)
        for values in (digests, settled, brought):
            values[:] = values[order]
        del order
        # In place, since all of a state is here.
        keys.sort()
        self._keys, self._digests, self._settled, self._brought = keys, digests, settled, brought
        self._seen = np.zeros(count, dtype=bool)
        self._new_keys = Seen()
        self._repeated: list[UInts] = []
        self._all_found = False

    def find(self, keys: UInts) -> Ints:
        """Return the place of each key hash, -1 for those that the state does not have.

        Until all rows were found once, each key is noted: those that come again, and those that never come.
        """
        # In order, since that is several times as fast.
        order = np.argsort(keys)
        ordered = keys[order]
        places = np.full(len(keys), -1, dtype=np.int64)
        if len(self._keys):
            found = np.minimum(np.searchsorted(self._keys, ordered), len(self._keys) - 1)
            places[order] = np.where(self._keys[found] == ordered, found, -1)
        if self._all_found:
            return places
        known = places >= 0
        # Seen before: in this chunk or in an earlier one.
        self._repeated.append(ordered[1:][ordered[1:] == ordered[:-1]])
        self._repeated.append(keys[known][self._seen[places[known]]])
        self._seen[places[known]] = True
        new = keys[~known]
        self._repeated.append(new[self._new_keys.before(new) > 0])
        return places

    def note_all_found(self) -> None:
        """Note that all rows were found once: from now on, rows that come are those that are sent."""
        self._all_found = True
        self._repeated = [self.repeated_keys]
        self._new_keys = Seen()

    @property
    def repeated_keys(self) -> UInts:
        """The key hashes that came more than once."""
        return np.unique(np.concatenate([*self._repeated, np.empty(0, dtype=np.uint64)]))

    def are_unchanged(self, places: Ints, digests: UInts) -> Bools:
        """Return which rows are certain to have nothing to send."""
        if len(self._keys) == 0:
            return np.zeros(len(places), dtype=bool)
        same: Bools = (places >= 0) & self._settled[places] & (self._digests[places] == digests[:, 1])
        return same

    def unseen(self, keys: pa.Array) -> Bools:
        """Return which of the state's keys no row had."""
        if len(self._keys) == 0:
            return np.ones(len(keys), dtype=bool)
        places = np.searchsorted(self._keys, hash_texts(keys))
        return ~self._seen[places]

    @property
    def missing_count(self) -> int:
        """How many subjects that this state delivered no row had."""
        return int((self._brought & ~self._seen).sum())

    @property
    def unseen_count(self) -> int:
        """How many subjects of the state no row had."""
        return int(len(self._seen) - self._seen.sum())


def _last_due_day(keys: UInts, refresh_days: int, today: int) -> Ints:
    """Return the last day, up to today, on which each subject was due.

    >>> _last_due_day(np.array([0, 1, 2], dtype=np.uint64), 3, 10).tolist()
    [9, 10, 8]
    """
    slot = (keys % np.uint64(refresh_days)).astype(np.int64)
    return today - (today - slot) % refresh_days


def days_since_1970(moment: datetime) -> int:
    """Return the day of a moment, in UTC."""
    return int(moment.astimezone(UTC).timestamp()) // _DAY_SECONDS
