"""How values are written, as far as the caller decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cio_frames.arrow.times import zone_of


class AmbiguousTime(Exception):  # noqa: N818 -- a finding about a cell, caught where cells are written
    """A naive time that occurs twice or never in the zone."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """What naive times mean, and whether nulls are sent.

    Attributes
    ----------
    timezone : str
        The zone in which times without one are read.
    send_nulls : bool
        Whether missing traits and properties are sent as ``null``. Default is to omit them, since ``null`` may erase.
    sort_keys : bool
        Whether the keys of objects are in alphabetical order. Default is the order that the frame has them in.
    """

    timezone: str = "UTC"
    send_nulls: bool = False
    sort_keys: bool = False

    @property
    def ambiguous(self) -> str:
        """Why a naive time is not clear when clocks change."""
        return f"time occurs twice or never in {self.timezone} (clock change); send it with a UTC offset"

    def time_of(self, time: dt.datetime | np.datetime64) -> str:
        """Return one time as ISO 8601 in UTC.

        Raises
        ------
        AmbiguousTime
            The time occurs twice or never in the zone.
        ValueError, OverflowError
            The year is not between 1 and 9999.

        >>> EncodeOptions(timezone="Europe/Berlin").time_of(dt.datetime(2026, 7, 1, 14))
        '2026-07-01T12:00:00.000Z'
        """
        if isinstance(time, np.datetime64):
            time = pd.Timestamp(time)
        if isinstance(time, pd.Timestamp):
            time = time.to_pydatetime(warn=False)
        if time.utcoffset() is None:
            time = self._localize(time)
        text = time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return f"{text}Z"

    def _localize(self, time: dt.datetime) -> dt.datetime:
        zone = zone_of(self.timezone)
        first, second = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
        # The offsets before and after a clock change differ only for times that occur twice or never.
        if first.utcoffset() != second.utcoffset():
            raise AmbiguousTime
        return first
