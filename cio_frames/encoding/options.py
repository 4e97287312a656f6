"""How values are written, where the caller has a say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cio_frames.arrow import times


class AmbiguousTime(Exception):  # noqa: N818 -- a finding about a cell, caught where cells are written
    """A naive time that the zone has twice, or not at all."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """What naive times mean, and whether nulls are sent.

    Attributes
    ----------
    timezone : str
        The zone in which times without one are read.
    send_nulls : bool
        Whether missing traits and properties go out as ``null``; left out otherwise, since ``null`` may erase.
    """

    timezone: str = "UTC"
    send_nulls: bool = False

    @property
    def ambiguous(self) -> str:
        """What is wrong with naive times when clocks are turned."""
        return f"the time zone {self.timezone} has this time twice, or not at all; send it with a zone or an offset"

    def time_of(self, moment: dt.datetime | np.datetime64) -> str:
        """Return one moment as ISO 8601 in UTC.

        Raises
        ------
        UnclearTime
            The zone has this time twice, or not at all.
        ValueError, OverflowError
            The year is not between 1 and 9999.

        >>> EncodeOptions(timezone="Europe/Berlin").time_of(dt.datetime(2026, 7, 1, 14))
        '2026-07-01T12:00:00.000Z'
        """
        if isinstance(moment, np.datetime64):
            moment = pd.Timestamp(moment)
        if isinstance(moment, pd.Timestamp):
            moment = moment.to_pydatetime(warn=False)
        if moment.utcoffset() is None:
            moment = self._localized(moment)
        text = moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return f"{text}Z"

    def _localized(self, moment: dt.datetime) -> dt.datetime:
        zone = times.zone_of(self.timezone)
        first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
        # The offsets before and after clocks are turned differ only for what is there twice, or not at all.
        if first.utcoffset() != second.utcoffset():
            raise AmbiguousTime
        return first
