"""Sizes of calls or of bodies as a histogram that always includes the limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Two bars double the size, so that calls of a few hundred bytes and a limit of 32,000 fit one picture.
_RATIO = 2**0.5


@dataclass(frozen=True, slots=True)
class Bar:
    """How many have a size; ``above`` < size <= ``up_to``, in bytes."""

    place: int
    above: int
    up_to: int
    count: int
    over_limit: bool


@dataclass(frozen=True, slots=True)
class Histogram:
    """Sizes on a logarithmic scale, with a bar that ends exactly at the limit.

    Attributes
    ----------
    bars : list of Bar
        Without gaps, from the smallest to the limit or the largest.
    smallest, median, largest : int
        Sizes in bytes.
    over_limit : int
        How many are over the limit.
    """

    bars: list[Bar]
    smallest: int
    median: int
    largest: int
    over_limit: int

    @property
    def most(self) -> int:
        """The count of the highest bar."""
        return max(bar.count for bar in self.bars)


def histogram(sizes: npt.NDArray[np.int64], limit: int) -> Histogram | None:
    """Return the histogram of sizes, or None if there are none.

    >>> found = histogram(np.array([300, 310, 32_000, 32_001]), 32_000)
    >>> found.bars[0].count, found.over_limit
    (2, 1)
    >>> [(bar.above, bar.up_to, bar.count) for bar in found.bars[-2:]]
    [(22627, 32000, 1), (32000, 45254, 1)]
    """
    if not len(sizes):
        return None
    steps = np.ceil(np.log(np.maximum(sizes, 1) / limit) / np.log(_RATIO)).astype(np.int64)
    first, last = min(int(steps.min()), 0), max(int(steps.max()), 0)
    counts = np.bincount(steps - first, minlength=last - first + 1)
    bars = [
        Bar(place, int(limit * _RATIO ** (step - 1)), int(limit * _RATIO**step), int(count), step > 0)
        for place, (step, count) in enumerate(zip(range(first, last + 1), counts, strict=True))
    ]
    return Histogram(
        bars=bars,
        smallest=int(sizes.min()),
        median=int(np.median(sizes)),
        largest=int(sizes.max()),
        over_limit=int((sizes > limit).sum()),
    )
