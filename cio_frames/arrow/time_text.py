"""Times and dates as ISO 8601 text, whole columns at a time."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import fixed_width_text
from cio_frames.arrow.times import MS_PER_DAY

# 1900 to 2099 in days since 1970: what most frames have, written once.
_USUAL_DAYS = range(-25_567, 47_482)
# Times are written by look-up and not by division: two digits, the minutes of a day, the milliseconds of a minute.
# Parts are as wide as numbers, which are copied at once; the clock begins with two bytes for the day to overwrite.
_TWO_DIGITS = np.frombuffer("".join(f"{n:02}" for n in range(100)).encode(), dtype=np.uint8).reshape(100, 2)
_HOURS_AND_MINUTES = np.frombuffer(
    "".join(f"  T{n // 60:02}:{n % 60:02}" for n in range(1_440)).encode(), dtype=np.uint64
)
_SECONDS_AND_MS = np.frombuffer(
    "".join(f":{n // 1_000:02}.{n % 1_000:03}Z" for n in range(60_000)).encode(), dtype=np.uint64
)
_DATE_LAYOUT = np.dtype([("month", np.uint64), ("day", np.uint16)])
_TIME_LAYOUT = np.dtype(
    {
        "names": ["month", "day", "clock", "rest"],
        "formats": [np.uint64, np.uint16, np.uint64, np.uint64],
        "offsets": [0, 8, 8, 16],
    }
)


def day_text(days: Ints, missing: Bools) -> pa.Array:
    """Return days since 1970 as ``YYYY-MM-DD``.

    >>> day_text(np.array([0, 1]), np.array([False, True])).to_pylist()
    ['1970-01-01', None]
    """
    months, days_of_month, which = _dates_by_day(days)
    text = np.empty(len(days), dtype=_DATE_LAYOUT)
    text["month"] = months[which]
    text["day"] = days_of_month[which]
    return fixed_width_text(text, missing)


def time_text(ms: Ints, missing: Bools) -> pa.Array:
    """Return milliseconds since 1970 as ``YYYY-MM-DDThh:mm:ss.mmmZ``.

    >>> time_text(np.array([-1]), np.array([False])).to_pylist()
    ['1969-12-31T23:59:59.999Z']
    """
    days = ms // MS_PER_DAY
    since_midnight = (ms - days * MS_PER_DAY).astype(np.int32)
    minutes = since_midnight // 60_000
    months, days_of_month, which = _dates_by_day(days)
    text = np.empty(len(ms), dtype=_TIME_LAYOUT)
    text["clock"] = _HOURS_AND_MINUTES[minutes]
    text["month"] = months[which]
    text["day"] = days_of_month[which]
    text["rest"] = _SECONDS_AND_MS[since_midnight - minutes * 60_000]
    return fixed_width_text(text, missing)


def _dates_by_day(days: Ints) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16], Ints]:
    """Return distinct dates in their two parts, and the index of each day's date among them."""
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    if first >= _USUAL_DAYS.start and last < _USUAL_DAYS.stop:
        return *_usual_date_parts(), days - _USUAL_DAYS.start
    if last - first < 100_000:
        return *_date_parts(np.arange(first, last + 1)), days - first
    return *_date_parts(days), np.arange(len(days))


@cache
def _usual_date_parts() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
    return _date_parts(np.arange(_USUAL_DAYS.start, _USUAL_DAYS.stop))


def _date_parts(days: Ints) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
    """Return days since 1970 as ``YYYY-MM-`` and ``DD``, each as the number that its bytes make."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    year, month = np.divmod(months + 1970 * 12, 12)
    day = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    text = np.empty((len(days), 8), dtype=np.uint8)
    text[:, 0:2] = _TWO_DIGITS[year // 100]
    text[:, 2:4] = _TWO_DIGITS[year % 100]
    text[:, 4] = text[:, 7] = ord("-")
    text[:, 5:7] = _TWO_DIGITS[month + 1]
    return text.view(np.uint64).reshape(-1), _TWO_DIGITS[day].view(np.uint16).reshape(-1)
