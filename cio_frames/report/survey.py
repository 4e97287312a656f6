"""Collects the sizes, requests and times of a frame's calls, slice by slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from cio_frames._util.arrays import Ints
from cio_frames.encoding import NO_TIME
from cio_frames.report.facts import ColumnFacts, Facts
from cio_frames.report.repeated_rows import RepeatedRows
from cio_frames.report.times import CAMPAIGN_HOURS, TimeCounts

# Of more calls, sizes are counted.
MAX_SIZES_KEPT = 1_000_000
_NO_SIZES = np.empty(0, dtype=np.int64)


class Survey:
    """Collects facts of any number of rows: of timestamps it keeps counts and the range only.

    Parameters
    ----------
    checked_at : pandas.Timestamp
        The moment that "younger than 72 hours" refers to.

    Examples
    --------
    >>> survey = Survey(pd.Timestamp("2026-11-24", tz="UTC"), max_call_bytes=32_000, max_body_bytes=475_000)
    >>> survey.add_call_sizes(np.array([120, 80]))
    >>> survey.add_request(body_bytes=215)
    >>> survey.add_timestamps(np.array([0, NO_TIME]), np.array(["Seen", "Seen"], dtype=object))
    >>> facts = survey.facts([])
    >>> facts.requests, facts.call_bytes.tolist(), facts.earliest.year, facts.untimed, facts.recent
    (1, [120, 80], 1970, 1, {'Seen': 1})
    """

    def __init__(self, checked_at: pd.Timestamp, *, max_call_bytes: int, max_body_bytes: int) -> None:
        self._checked_at = checked_at
        self._max_call_bytes = max_call_bytes
        self._max_body_bytes = max_body_bytes
        self._call_sizes: list[Ints] = []
        self._calls_kept = 0
        self._size_counts: tuple[Ints, Ints] | None = None
        self._repeated_rows = RepeatedRows()
        self._bodies: list[int] = []
        self._span: tuple[int, int] | None = None
        self._times = TimeCounts()
        self._untimed = 0
        self._recent: Counter[str] = Counter()

    def add_call_sizes(self, sizes: Ints) -> None:
        """Add the sizes of calls in bytes; each is kept, up to a million of them."""
        self._call_sizes.append(sizes)
        self._calls_kept += len(sizes)
        if self._calls_kept > MAX_SIZES_KEPT:
            self._count_sizes()

    def _count_sizes(self) -> None:
        """Keep each size once, and how many calls have it."""
        known, counts = self._size_counts or (_NO_SIZES, _NO_SIZES)
        more, more_counts = np.unique(np.concatenate([*self._call_sizes, _NO_SIZES]), return_counts=True)
        distinct, places = np.unique(np.concatenate([known, more]), return_inverse=True)
        sums = np.bincount(places, weights=np.concatenate([counts, more_counts]), minlength=len(distinct))
        self._size_counts = distinct, sums.astype(np.int64)
        self._call_sizes, self._calls_kept = [], 0

    def extend(self, other: Survey) -> None:
        """Add what another survey found of later rows."""
        if other._size_counts is not None:
            self._count_sizes()
            distinct, counts = other._size_counts
            known, before = self._size_counts or (_NO_SIZES, _NO_SIZES)
            sizes, places = np.unique(np.concatenate([known, distinct]), return_inverse=True)
            sums = np.bincount(places, weights=np.concatenate([before, counts]), minlength=len(sizes))
            self._size_counts = sizes, sums.astype(np.int64)
        for each in other._call_sizes:
            self.add_call_sizes(each)
        self._repeated_rows.extend(other._repeated_rows)
        self._bodies += other._bodies
        self._times.extend(other._times)
        spans = [span for span in (self._span, other._span) if span is not None]
        if spans:
            self._span = min(first for first, _ in spans), max(last for _, last in spans)
        self._untimed += other._untimed
        self._recent.update(other._recent)

    def add_payloads(self, payloads: pa.Array) -> None:
        """Add the JSON of calls, to count those that are equal; null for rows that are not sent."""
        self._repeated_rows.add(payloads)

    def add_request(self, *, body_bytes: int) -> None:
        """Add a request by the size of its body."""
        self._bodies.append(body_bytes)

    def add_timestamps(self, ms: Ints, names: npt.NDArray[np.object_]) -> None:
        """Add the timestamps of rows that can be sent, in milliseconds, and their events; None for other calls."""
        untimed = ms == NO_TIME
        known = ms[~untimed]
        self._times.add(known)
        if len(known):
            least, most = int(known.min()), int(known.max())
            self._span = (least, most) if self._span is None else (min(self._span[0], least), max(self._span[1], most))
        self._untimed += int(untimed.sum())
        edge = (self._checked_at - pd.Timedelta(hours=CAMPAIGN_HOURS)).value // 1_000_000
        # These can start campaigns; calls without a name are not events.
        counts = pd.Series(names[untimed | (ms > edge)], dtype=object).value_counts()
        self._recent.update({str(name): int(count) for name, count in counts.items()})

    def facts(self, columns: Iterable[ColumnFacts]) -> Facts:
        """Return the facts so far."""
        call_counts = None
        call_bytes = np.concatenate([*self._call_sizes, _NO_SIZES])
        if self._size_counts is not None:
            self._count_sizes()
            call_bytes, call_counts = self._size_counts
        return Facts(
            column_facts=tuple(columns),
            call_bytes=call_bytes,
            call_counts=call_counts,
            repeated_rows=self._repeated_rows.count(),
            bodies=np.array(self._bodies, dtype=np.int64),
            max_call_bytes=self._max_call_bytes,
            max_body_bytes=self._max_body_bytes,
            earliest=None if self._span is None else _utc_timestamp(self._span[0]),
            latest=None if self._span is None else _utc_timestamp(self._span[1]),
            untimed=self._untimed,
            recent=dict(self._recent.most_common()),
            checked_at=self._checked_at,
            time_buckets=None if self._span is None else self._times.buckets(),
        )


def _utc_timestamp(ms: Any) -> pd.Timestamp | None:
    # pandas counts in nanoseconds where it can; a far year needs a coarser unit.
    return pd.Timestamp(np.datetime64(int(ms), "ms")).tz_localize("UTC")
