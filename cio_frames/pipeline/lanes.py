"""Which lane carries which row of a frame, and of the chunks of a load, which follow each other without a pause."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from cio_frames._util.arrays import Ints
from cio_frames.pipeline import ordering
from cio_frames.pipeline.prepared import Prepared

# Of chunks that are small, so many may be on their way at once.
_MAX_CHUNKS = 32


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """The lanes of a frame's rows.

    Attributes
    ----------
    person : numpy array of int64
        A number for the person of each row, -1 for rows without one.
    lane : numpy array of int, or None
        The lane of each row; None if any lane will do for any row, since everybody has one.
    first_lane : int
        The lane to begin with if any will do.
    chunks_before : int
        How many of the chunks before it may still be on their way.
    may_overlap : bool
        Whether they may: if not, all answers to them have to be awaited first.
    """

    person: Ints
    lane: Ints | None
    first_lane: int = 0
    chunks_before: int = 0
    may_overlap: bool = True


def choose_lanes(prepared: Prepared, count: int) -> LaneChoice:
    """Return the lanes of a frame that is sent alone."""
    person = prepared.person_keys()
    return LaneChoice(person, lanes_of(person, count) if ordering.has_duplicates(person) else None)


def lanes_of(person: Ints, count: int) -> Ints:
    """Return the lane of each person's rows.

    >>> lanes_of(np.array([7, 4, 7]), 4).tolist()
    [3, 0, 3]
    """
    # Few bits sort fast.
    return (person % count).astype(np.min_scalar_type(count))


class LoadLanes:
    """Chooses lanes for one chunk of a load after the other, so that people stay on theirs.

    As long as nobody comes back among the chunks that are on their way, any lane will do for any row, which makes the
    fewest requests. If somebody moves to another lane, since two ids turn out to be one person or since lanes depend on
    people from now on, the chunk has to wait for the answers to those before.

    Parameters
    ----------
    count : int
        The number of lanes.
    max_rows : int
        How many rows may be on their way, unless a single chunk has more.
    joined : JoinedIds, optional
        The ids that are one person.

    Examples
    --------
    >>> import pandas as pd
    >>> from cio_frames.pipeline import build_call_spec
    >>> lanes = LoadLanes(4, max_rows=10)
    >>> for ids in (["ada", "bob"], ["eve"], ["ada"], ["ada", "bob"]):
    ...     chosen = lanes.choose(Prepared(pd.DataFrame({"user_id": ids}), build_call_spec("identify")))
    ...     print(chosen.lane is None, chosen.chunks_before, chosen.may_overlap)
    True 0 True
    True 1 True
    False 2 False
    False 1 True
    """

    def __init__(self, count: int, *, max_rows: int, joined: ordering.JoinedIds | None = None) -> None:
        self._count = count
        self._max_rows = max_rows
        self._joined = joined or ordering.JoinedIds()
        self._is_by_person = False
        self._chunks = 0
        # The people of the chunks that may be on their way.
        self._before: deque[Ints] = deque()

    def skip(self, prepared: Prepared) -> None:
        """Take note of the ids that a chunk joins which is not sent again."""
        prepared.person_keys(self._joined)

    def choose(self, prepared: Prepared) -> LaneChoice:
        """Return the lanes of the next chunk."""
        self._drop_old(prepared.rows)
        are_hashes = not self._joined.has_joins
        person = prepared.person_keys(self._joined)
        moved = self._renumber(are_hashes=are_hashes)
        first_lane = self._chunks % self._count
        may_overlap = not self._before or not moved
        if not self._is_by_person:
            self._is_by_person = ordering.has_duplicates(np.concatenate([*self._before, person]))
            # Until now, lanes did not depend on people.
            may_overlap = not self._before or not self._is_by_person
        lane = lanes_of(person, self._count) if self._is_by_person else None
        chosen = LaneChoice(person, lane, first_lane, len(self._before), may_overlap)
        self._chunks += 1
        if not may_overlap:
            self._before.clear()
        self._before.append(person)
        return chosen

    def _drop_old(self, rows: int) -> None:
        while self._before and (
            rows + sum(map(len, self._before)) > self._max_rows or len(self._before) >= _MAX_CHUNKS
        ):
            self._before.popleft()

    def _renumber(self, *, are_hashes: bool) -> bool:
        """Give the people of earlier chunks their numbers of now; return whether the lane of any has changed."""
        if not self._joined.has_joins:
            return False
        moved = False
        for place, person in enumerate(self._before):
            now = self._joined.renumber(person, are_hashes=are_hashes)
            moved |= not np.array_equal(lanes_of(person, self._count), lanes_of(now, self._count))
            self._before[place] = now
        return moved
