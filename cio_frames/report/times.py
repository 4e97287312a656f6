"""Timestamps counted in buckets, in bounded memory, and as bars with the 72 hours that can start campaigns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cio_frames._util.arrays import Ints

# An event younger than this can start campaigns: https://docs.customer.io/journeys/importing-old-data
CAMPAIGN_HOURS = 72

_HOUR = 3_600_000
_WEEK = 168 * _HOUR
# Each is a multiple of the one before, so that narrow buckets merge into wide ones.
_WIDTHS = {
    _HOUR: "hour", 6 * _HOUR: "6 hours", 24 * _HOUR: "day", _WEEK: "week", 4 * _WEEK: "4 weeks", 52 * _WEEK: "52 weeks",
    520 * _WEEK: "520 weeks", 5_200 * _WEEK: "5,200 weeks",
}  # fmt: skip
_MAX_TIME_BUCKETS = 2_048
# Weeks begin with Monday; the epoch was a Thursday.
_FIRST_MONDAY = 4 * 24 * _HOUR
_MAX_RANGE_COUNTED = 1 << 16


@dataclass(frozen=True, slots=True)
class TimeBuckets:
    """How many rows have a timestamp in each bucket; buckets without rows are left out.

    Attributes
    ----------
    width_ms : int
        How long each bucket is, in milliseconds.
    starts : numpy array of int64
        Where each begins, in milliseconds since 1970.
    counts : numpy array of int64
        How many rows each has.
    """

    width_ms: int
    starts: Ints
    counts: Ints


class TimeCounts:
    """Counts timestamps of any number of rows; buckets become wider when there are too many.

    Examples
    --------
    >>> counts = TimeCounts()
    >>> counts.add(np.array([0, 1, 3_600_000]))
    >>> counts.buckets().width_ms, counts.buckets().counts.tolist()
    (3600000, [2, 1])
    >>> counts.add(np.arange(3_000) * 3_600_000)
    >>> counts.buckets().width_ms // 3_600_000, int(counts.buckets().counts.sum())
    (6, 3003)
    """

    def __init__(self) -> None:
        self._width = _HOUR
        self._counts: dict[int, int] = {}

    def add(self, ms: Ints) -> None:
        """Add timestamps in milliseconds since 1970."""
        if not len(ms):
            return
        keys = (ms - _FIRST_MONDAY) // self._width
        least, most = int(keys.min()), int(keys.max())
        if most - least < _MAX_RANGE_COUNTED:
            counts = np.bincount(keys - least)
            found = np.flatnonzero(counts)
            self._add_counts(found + least, counts[found])
        else:
            self._add_counts(*np.unique(keys, return_counts=True))

    def extend(self, other: TimeCounts) -> None:
        """Add what another one has counted."""
        while self._width < other._width:
            self._widen()
        keys = np.array(list(other._counts), dtype=np.int64) * other._width // self._width
        self._add_counts(keys, np.array(list(other._counts.values()), dtype=np.int64))

    def _add_counts(self, keys: Ints, counts: Ints) -> None:
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self._counts[key] = self._counts.get(key, 0) + count
        while len(self._counts) > _MAX_TIME_BUCKETS and self._width < max(_WIDTHS):
            self._widen()

    def _widen(self) -> None:
        wider = next(width for width in _WIDTHS if width > self._width)
        ratio, counts = wider // self._width, self._counts
        self._width, self._counts = wider, {}
        for key, count in counts.items():
            self._counts[key // ratio] = self._counts.get(key // ratio, 0) + count

    def buckets(self) -> TimeBuckets:
        """Return the buckets so far, in order."""
        keys = np.array(sorted(self._counts), dtype=np.int64)
        counts = np.array([self._counts[key] for key in keys.tolist()], dtype=np.int64)
        return TimeBuckets(self._width, keys * self._width + _FIRST_MONDAY, counts)


@dataclass(frozen=True, slots=True)
class TimeBar:
    """One bar: its place and width in percent, when it begins, its rows, and its height as a share of the highest."""

    place: float
    width: float
    start: pd.Timestamp
    count: int
    height: float


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Timestamps as bars of equal width.

    Attributes
    ----------
    bars : list of TimeBar
        Those that have rows.
    bar_width : str
        How long each is, in words.
    most : int
        The count of the highest bar.
    start, end : pandas.Timestamp
        The range of the chart.
    band_start, band_width : float
        Where the 72 hours before the check begin, in percent, and how wide they are; no width if they are not in the
        chart.
    """

    bars: list[TimeBar]
    bar_width: str
    most: int
    start: pd.Timestamp
    end: pd.Timestamp
    band_start: float
    band_width: float


_MAX_BARS = 100
_MIN_BAR_PERCENT = 0.5
# Up to this share of their range the chart goes on after the last bar, so that it shows the 72 hours.
_MAX_GAP = 0.25


def time_chart(buckets: TimeBuckets, checked_at: pd.Timestamp) -> TimeChart | None:
    """Return the chart of timestamps, or None if there are none.

    >>> counts = TimeCounts()
    >>> counts.add(np.array([0, 1, 86_400_000]))
    >>> chart = time_chart(counts.buckets(), pd.Timestamp("1970-01-04", tz="UTC"))
    >>> [bar.count for bar in chart.bars], chart.bar_width, chart.band_start
    ([2, 1], 'hour', 0.0)
    """
    if not len(buckets.counts):
        return None
    now = int(checked_at.value // 1_000_000)
    first, last = int(buckets.starts[0]), int(buckets.starts[-1]) + buckets.width_ms
    end = now if last < now <= last + _MAX_GAP * (last - first) + CAMPAIGN_HOURS * _HOUR else last
    width = next(
        (each for each in _WIDTHS if each >= buckets.width_ms and (end - first) / each <= _MAX_BARS), max(_WIDTHS)
    )
    keys = (buckets.starts - _FIRST_MONDAY) // width
    start = int(keys[0]) * width + _FIRST_MONDAY
    # A bar may be wider than what is left of the range.
    whole = end - start
    counts = np.bincount(keys - keys[0], weights=buckets.counts).astype(np.int64)
    most = int(counts.max())
    edge = now - CAMPAIGN_HOURS * _HOUR
    band = max(min(now, end) - max(edge, start), 0)
    band_width = max(100 * band / whole, _MIN_BAR_PERCENT) if band else 0.0
    bars = []
    for number in np.flatnonzero(counts).tolist():
        place, bar_width = _percent(number * width, min(width, whole - number * width), whole)
        bars.append(TimeBar(place, bar_width, _utc(start + number * width), int(counts[number]), counts[number] / most))
    return TimeChart(
        bars=bars,
        bar_width=_WIDTHS[width],
        most=most,
        start=_utc(start),
        end=_utc(end),
        band_start=round(min(100 * (max(edge, start) - start) / whole, 100 - band_width), 3) if band else 0.0,
        band_width=round(band_width, 3),
    )


def _percent(start: int, width: int, whole: int) -> tuple[float, float]:
    """Return the place and the width of a bar in percent, wide enough to be seen, with some space after it."""
    wide = max(86 * width / whole, _MIN_BAR_PERCENT)
    return round(min(100 * start / whole, 100 - wide), 3), round(wide, 3)


def _utc(ms: int) -> pd.Timestamp:
    # pandas counts in nanoseconds where it can; a far year needs a coarser unit.
    return pd.Timestamp(np.datetime64(ms, "ms")).tz_localize("UTC")
