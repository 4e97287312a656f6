"""Facts of a frame beside its failure cases: columns, sizes, times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames.report.times import TimeBuckets

_COLUMN_FACTS = ("label", "field", "dtype", "wire_type", "filled", "distinct", "distinct_is_cut")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """How one column of the frame is sent.

    Attributes
    ----------
    label : str
        The column's label.
    field : str
        The field it feeds, as a dotted wire path: ``userId``, ``properties.total``.
    dtype : str
        Its pandas dtype.
    wire_type : str
        Its type in JSON: string, time, number, integer, boolean, object, array; ``mixed`` for Python objects of
        several types, ``nothing`` for a column of nulls.
    filled : int
        How many rows have a value.
    losses : tuple of (str, int)
        What is changed or rounded, and in how many cells: ``("nanoseconds cut to milliseconds", 3)``.
    distinct : int or None
        How many distinct values there are; None if cells are not comparable.
    distinct_is_cut : bool
        Whether there may be more.
    """

    label: str
    field: str
    dtype: str
    wire_type: str
    filled: int
    losses: tuple[tuple[str, int], ...] = ()
    distinct: int | None = None
    distinct_is_cut: bool = False

    @property
    def repeats(self) -> int | None:
        """How many filled rows repeat a value of another row; None if that is not known."""
        return None if self.distinct is None or self.distinct_is_cut else self.filled - self.distinct


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of the rows that can be encoded.

    Attributes
    ----------
    column_facts : tuple of ColumnFacts
        One for each column that feeds a field, in the frame's order; ``columns`` is the same as a frame.
    call_bytes : numpy array of int64
        Sizes of the calls that can be encoded, in UTF-8 bytes of JSON, including those that are too large. Of more
        than a million calls, each size once.
    call_counts : numpy array of int64, or None
        How many calls have each of these sizes; None if each has an entry of its own.
    bodies : numpy array of int64
        Sizes of the bodies of the requests that would carry the rows that can be sent, in bytes.
    max_call_bytes, max_body_bytes : int
        The limits for one call and for one request's body.
    earliest, latest : pandas.Timestamp or None
        The earliest and latest timestamp among rows that have one, in UTC.
    untimed : int
        Rows that can be sent and have no timestamp: Customer.io uses the time of receipt.
    recent : dict of str to int
        Rows that are younger than 72 hours, or have no timestamp, by event (or call): they can start campaigns.
    checked_at : pandas.Timestamp
        The time that "younger" refers to, in UTC.
    repeated_rows : int or None
        How many of the rows that can be sent equal an earlier one in every field; None if that was not counted, as of
        more than five million rows.
    time_buckets : TimeBuckets or None
        How many of the rows that can be sent have their timestamp when; ``times`` is the same as a Series.
    """

    column_facts: tuple[ColumnFacts, ...]
    call_bytes: npt.NDArray[np.int64]
    bodies: npt.NDArray[np.int64]
    max_call_bytes: int
    max_body_bytes: int
    earliest: pd.Timestamp | None
    latest: pd.Timestamp | None
    untimed: int
    recent: dict[str, int]
    checked_at: pd.Timestamp
    call_counts: npt.NDArray[np.int64] | None = None
    repeated_rows: int | None = None
    time_buckets: TimeBuckets | None = None

    @property
    def columns(self) -> pd.DataFrame:
        """How each column is sent, one row each, with the attributes of :class:`ColumnFacts`.

        >>> import cio_frames as cio
        >>> cio.validate(pd.DataFrame({"user_id": [7.0]}), "identify").facts.columns[["label", "field", "losses"]]
             label   field                                  losses
        0  user_id  userId  whole floats sent without their .0 (1)
        """
        rows = [
            {
                **{name: getattr(column, name) for name in _COLUMN_FACTS},
                "losses": "; ".join(f"{what} ({cells:,})" for what, cells in column.losses),
            }
            for column in self.column_facts
        ]
        return pd.DataFrame(rows, columns=[*_COLUMN_FACTS, "losses"]).astype({"distinct": "Int64"})

    @property
    def times(self) -> pd.Series[int]:
        """How many rows that can be sent have their timestamp in each hour, day, week or longer, as there are.

        >>> import cio_frames as cio
        >>> seen = pd.DataFrame({"user_id": ["ada", "bob"], "timestamp": ["2026-01-02T10:05:00Z"] * 2})
        >>> cio.validate(seen, "track", "Seen").facts.times.tolist()
        [2]
        """
        buckets = self.time_buckets
        if buckets is None:
            return pd.Series(dtype="int64", name="rows")
        starts = pd.DatetimeIndex(buckets.starts.astype("datetime64[ms]")).tz_localize("UTC")
        return pd.Series(buckets.counts, index=starts, name="rows")

    @property
    def requests(self) -> int:
        """How many requests would carry the rows that can be sent."""
        return len(self.bodies)

    @property
    def body_bytes(self) -> int:
        """The bytes of their bodies together."""
        return int(self.bodies.sum())
