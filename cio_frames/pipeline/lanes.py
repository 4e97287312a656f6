"""Which lane carries which row of a frame, and of the chunks of a load, which follow each other without a pause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cio_frames._util.arrays import Ints
from cio_frames.pipeline import ordering
from cio_frames.pipeline.prepared import Prepared


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """The lanes of a frame's rows.

    Attributes
    ----------
    person : numpy array of int64
        A number for the person of each row, -1 for rows without one.
    lane : numpy array of int, or None
        The lane of each row; None if any lane will do for any row, since everybody has one.
    may_overlap : bool
        Whether these calls can go out while answers to those of the chunk before are awaited.
    """

    person: Ints
    lane: Ints | None
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

    At most two chunks are on their way at once. As long as nobody comes back, any lane will do for any row, which makes
    the fewest requests. If somebody moves to another lane, since two ids turn out to be one person or since lanes
    depend on people from now on, the chunk has to wait for the answers to the one before.

    Parameters
    ----------
    count : int
        The number of lanes.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._joined = ordering.JoinedIds()
        self._is_by_person = False
        self._before: Ints = np.empty(0, dtype=np.int64)

    def skip(self, prepared: Prepared) -> None:
        """Take note of the ids that a chunk joins which is not sent again."""
        prepared.person_keys(self._joined)

    def choose(self, prepared: Prepared) -> LaneChoice:
        """Return the lanes of the next chunk."""
        before, are_hashes = self._before, not self._joined.has_joins
        self._before = person = prepared.person_keys(self._joined)
        now = self._joined.renumber(before, are_hashes=are_hashes) if self._joined.has_joins else before
        if self._is_by_person:
            may_overlap = np.array_equal(lanes_of(before, self._count), lanes_of(now, self._count))
            return LaneChoice(person, lanes_of(person, self._count), may_overlap)
        if not ordering.has_duplicates(np.concatenate([now, person])):
            return LaneChoice(person, None)
        self._is_by_person = True
        return LaneChoice(person, lanes_of(person, self._count), may_overlap=not len(before))
