"""How values are written, where the caller has a say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Form:
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

    def time_of(self, moment: dt.datetime | np.datetime64) -> str:
        """Return one moment as ISO 8601 in UTC.

        >>> Form(timezone="Europe/Berlin").time_of(dt.datetime(2026, 7, 1, 14))
        '2026-07-01T12:00:00.000Z'
        """
        instant = pd.Timestamp(moment).as_unit("us")
        if instant.tzinfo is None:
            instant = instant.tz_localize(self.timezone)
        text = instant.tz_convert("UTC").tz_localize(None).isoformat(timespec="milliseconds")
        return f"{text}Z"
