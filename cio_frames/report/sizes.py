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


def histogram(
    sizes: npt.NDArray[np.int64], limit: int, counts: npt.NDArray[np.int64] | None = None
) -> Histogram | None:
    """Return the histogram of sizes, or None if there are none; counts say how many have each size.

    >>> found = histogram(np.array([300, 310, 32_000, 32_001]), 32_000)
    >>> found.bars[0].count, found.over_limit
    (2, 1)
    >>> histogram(np.array([300, 310]), 32_000, np.array([1, 4])).median
    310
    >>> [(bar.above, bar.up_to, bar.count) for bar in found.bars[-2:]]
    [(22627, 32000, 1), (32000, 45254, 1)]
    """
    if not len(sizes):
        return None
    steps = np.ceil(np.log(np.maximum(sizes, 1) / limit) / np.log(_RATIO)).astype(np.int64)
    first, last = min(int(steps.min()), 0), max(int(steps.max()), 0)
    counts = np.ones(len(sizes), dtype=np.int64) if counts is None else counts
    per_bar = np.bincount(steps - first, weights=counts, minlength=last - first + 1)
    bars = [
        Bar(place, int(limit * _RATIO ** (step - 1)), int(limit * _RATIO**step), int(count), step > 0)
        for place, (step, count) in enumerate(zip(range(first, last + 1), per_bar, strict=True))
    ]
    return Histogram(
        bars=bars,
        smallest=int(sizes.min()),
        median=_median(sizes, counts),
        largest=int(sizes.max()),
        over_limit=int(counts[sizes > limit].sum()),
    )


def _median(sizes: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> int:
    """Return the median of sizes that occur so often."""
    order = np.argsort(sizes, kind="stable")
    below = np.cumsum(counts[order])
    # The middle one, or the mean of both in the middle.
    middle = [np.searchsorted(below, place, side="right") for place in ((below[-1] - 1) // 2, below[-1] // 2)]
    return int(sizes[order][middle].mean())
