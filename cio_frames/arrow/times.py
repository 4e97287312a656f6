"""Times: text and dtypes to milliseconds since 1970, and milliseconds to ISO 8601 text.

A time is an instant. Naive times mean what ``timezone=`` says. Finer parts than milliseconds are cut, not rounded.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools, Ints

_DISTRUSTED = int(pa.__version__.split(".")[0]) < 24
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_MS_PER_DAY = 86_400_000
# 0001-01-01 and 9999-12-31 in seconds: the years that four digits can write.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
# 1900 to 2099 in days since 1970: what most frames have, written once.
_USUAL_DAYS = range(-25_567, 47_482)
# The calendar repeats itself after 400 years, to the day of the week.
_CALENDAR_MS = 146_097 * _MS_PER_DAY
_WITH_ZONE = r"\d[Tt ]\d\d.*([Zz]|[+-]\d\d(:?\d\d)?)$"
_ISO_8601 = (
    r"^(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r" ?(?:[Zz]|(?P<sign>[+-])(?P<zone_hour>\d\d)(?::?(?P<zone_minute>\d\d))?)?)?$"
)
# Times are written by look-up and not by division: two digits, the minutes of a day, the milliseconds of a minute.
# Parts are as wide as numbers, which are copied at once; the clock begins with two bytes for the day to overwrite.
_TWO = np.frombuffer("".join(f"{n:02}" for n in range(100)).encode(), dtype=np.uint8).reshape(100, 2)
_CLOCKS = np.frombuffer("".join(f"  T{n // 60:02}:{n % 60:02}" for n in range(1_440)).encode(), dtype=np.uint64)
_RESTS = np.frombuffer("".join(f":{n // 1_000:02}.{n % 1_000:03}Z" for n in range(60_000)).encode(), dtype=np.uint64)
_DATE = np.dtype([("month", np.uint64), ("day", np.uint16)])
_TIME = np.dtype(
    {
        "names": ["month", "day", "clock", "rest"],
        "formats": [np.uint64, np.uint16, np.uint64, np.uint64],
        "offsets": [0, 8, 8, 16],
    }
)


class Instants(NamedTuple):
    """Milliseconds since 1970 in UTC, and which rows have none and why.

    Attributes
    ----------
    ms : numpy array of int64, shape (n,)
    missing : numpy array of bool, shape (n,)
        Rows with nothing in them.
    unreadable : numpy array of bool, shape (n,)
        Rows whose text is not ISO 8601, or whose year, in UTC, is not between 1 and 9999.
    unclear : numpy array of bool, shape (n,)
        Naive times that the time zone has twice, or not at all, when clocks are turned.
    """

    ms: Ints
    missing: Bools
    unreadable: Bools
    ambiguous: Bools


def from_timestamps(array: pa.Array, timezone: str) -> Instants:
    """Return the instants of an Arrow timestamp array; naive ones are read in ``timezone``.

    >>> times = pa.array([0, None], pa.timestamp("ns", "UTC"))
    >>> from_timestamps(times, "UTC").missing.tolist()
    [False, True]
    """
    missing = np.asarray(pc.is_null(array))
    counts = np.asarray(pc.fill_null(array.cast(pa.int64()), 0))
    per_second = _PER_SECOND[array.type.unit]
    # 64 bits of nanoseconds end long before the calendar does.
    first, last = max(_FIRST_SECOND * per_second, -(2**63)), min((_LAST_SECOND + 1) * per_second, 2**63) - 1
    unreadable = (counts < first) | (counts > last)
    if unreadable.any():
        counts = np.where(unreadable, 0, counts)
    ms = counts * 1_000 if per_second == 1 else counts // (per_second // 1_000)
    return _instants(ms, missing, unreadable, timezone if array.type.tz is None else "UTC")


def from_dates(array: pa.Array, timezone: str) -> Instants:
    """Return the instants at which days begin in ``timezone``."""
    return from_timestamps(array.cast(pa.date32(), safe=False).cast(pa.timestamp("s")), timezone)


def unsliced(array: pa.Array) -> pa.Array:
    """Return an array that begins where its buffers begin, where pyarrow cannot be trusted with others.

    Before version 24, ``if_else`` writes wrong bytes into text that is a slice of a longer array, without a word.

    >>> unsliced(pa.array(["a", "b"]).slice(1)).to_pylist()
    ['b']
    """
    return pa.concat_arrays([array]) if array.offset and _DISTRUSTED else array


def from_text(array: pa.Array, timezone: str) -> Instants:
    """Return the instants of ISO 8601 text; without an offset it is read in ``timezone``.

    >>> from_text(pa.array(["1997-01-01", "1997-01-01T00:00:00+01:00", "soon"]), "UTC").unreadable.tolist()
    [False, False, True]
    """
    array = unsliced(array)
    zoned = np.asarray(pc.fill_null(pc.match_substring_regex(array, _WITH_ZONE), False))
    naive = _parsed(array, ~zoned, pa.timestamp("us"), timezone)
    if not zoned.any():
        return naive
    fixed = _parsed(array, zoned, pa.timestamp("us", "UTC"), timezone)
    return Instants(
        np.where(zoned, fixed.ms, naive.ms),
        naive.missing & fixed.missing,
        naive.unreadable | fixed.unreadable,
        naive.ambiguous,
    )


def _parsed(array: pa.Array, wanted: Bools, kind: pa.DataType, timezone: str) -> Instants:
    """Read the wanted rows; the others are missing."""
    text = pc.if_else(pa.array(wanted), array, None) if not wanted.all() else array
    try:
        return from_timestamps(text.cast(kind), timezone)
    except pa.ArrowInvalid:
        # Arrow says only that a cell is not a time, not which; and it knows fewer forms.
        return _read(text, timezone if kind.tz is None else "UTC")


def _read(text: pa.Array, timezone: str) -> Instants:
    """Read ISO 8601 text part by part; what has an offset is naive no longer, whatever the zone."""
    missing = np.asarray(pc.is_null(text))
    parts = pc.extract_regex(text, _ISO_8601)
    named = {field.name: part for field, part in zip(parts.type, parts.flatten(), strict=True)}
    thousandths = pc.utf8_slice_codeunits(pc.utf8_rpad(named.pop("fraction"), 3, "0"), 0, 3)
    west = np.asarray(pc.fill_null(pc.equal(named.pop("sign"), "-"), False))
    number = {name: _whole(part) for name, part in (named | {"thousandths": thousandths}).items()}
    month = ((number["year"] - 1970) * 12 + number["month"] - 1).astype("datetime64[M]")
    first_day = month.astype("datetime64[D]")
    days_of_month = ((month + 1).astype("datetime64[D]") - first_day).astype(np.int64)
    sound = np.asarray(parts.is_valid()) & (number["month"] >= 1) & (number["month"] <= 12)
    sound &= (number["day"] >= 1) & (number["day"] <= days_of_month)
    for name in ("hour", "minute", "second", "zone_hour", "zone_minute"):
        sound &= number[name] < (24 if name.endswith("hour") else 60)
    days = first_day.astype(np.int64) + number["day"] - 1
    seconds = ((days * 24 + number["hour"]) * 60 + number["minute"]) * 60 + number["second"]
    offset = (number["zone_hour"] * 60 + number["zone_minute"]) * 60
    seconds += np.where(west, offset, -offset)
    sound &= ~_outside(seconds)
    return _instants(seconds * 1_000 + number["thousandths"], missing, ~sound, timezone)


def _whole(digits: pa.Array) -> Ints:
    """Return digits as numbers, 0 where there are none."""
    known = pc.if_else(pc.equal(digits, ""), "0", digits)
    return np.asarray(pc.fill_null(known, "0").cast(pa.int64()))


def _instants(ms: Ints, missing: Bools, unreadable: Bools, timezone: str) -> Instants:
    """Put local milliseconds into UTC; those that have no year of four digits there cannot be read."""
    known = ~(missing | unreadable)
    ambiguous = np.zeros(len(ms), dtype=bool)
    if timezone != "UTC":
        ms, ambiguous = _localized(np.where(known, ms, 0), timezone)
        ambiguous &= known
        unreadable = unreadable | (~ambiguous & _outside(ms // 1_000))
        known &= ~(ambiguous | unreadable)
    return Instants(np.where(known, ms, 0), missing, unreadable & ~missing, ambiguous)


def _outside(seconds: Ints) -> Bools:
    return (seconds < _FIRST_SECOND) | (seconds > _LAST_SECOND)


def _localized(ms: Ints, timezone: str) -> tuple[Ints, Bools]:
    """Return naive milliseconds as instants, and which of them the zone has twice or not at all.

    pandas 2 takes microseconds for each. So it is asked about days: most have the offset of their neighbours, and no
    zone has ever turned its clocks forth and back within six.
    """
    days, day_of = np.unique(ms // _MS_PER_DAY, return_inverse=True)
    if 8 * len(days) > len(ms):
        return _asked(ms, timezone)
    midnights = (days[:, None] + np.arange(-1, 3)) * _MS_PER_DAY
    instants, ambiguous = (found.reshape(midnights.shape) for found in _asked(midnights.ravel(), timezone))
    offsets = midnights - instants
    steady = (~ambiguous.any(axis=1) & (offsets == offsets[:, :1]).all(axis=1))[day_of]
    utc, lost = ms - offsets[day_of, 0], np.zeros(len(ms), dtype=bool)
    utc[~steady], lost[~steady] = _asked(ms[~steady], timezone)
    return utc, lost


def _asked(ms: Ints, timezone: str) -> tuple[Ints, Bools]:
    """Ask pandas for the instants of naive milliseconds."""
    # On the last days of the calendar pandas refuses to count on into UTC.
    too_early, too_late = ms < (_FIRST_SECOND + 172_800) * 1_000, ms > (_LAST_SECOND - 172_800) * 1_000
    shift = _CALENDAR_MS * (too_early.astype(np.int64) - too_late.astype(np.int64))
    local = pd.DatetimeIndex((ms + shift).astype("datetime64[ms]"))
    utc = local.tz_localize(zone_of(timezone), ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    return np.asarray(utc.tz_localize(None).as_unit("ms").asi8) - shift, np.asarray(utc.isna())


@cache
def zone_of(timezone: str) -> dt.tzinfo:
    """Return the zone of a name.

    >>> str(zone_of("Europe/Berlin"))
    'Europe/Berlin'
    """
    found = pd.Timestamp(0, tz=timezone).tzinfo
    try:
        # pandas 2 has zones that end in 2037 and round what was before 1900.
        return ZoneInfo(str(found))
    except (LookupError, ValueError, OSError):
        # Offsets such as +01:00 have no name.
        return found or dt.UTC


def day_text(days: Ints, missing: Bools) -> pa.Array:
    """Return days since 1970 as ``YYYY-MM-DD``.

    >>> day_text(np.array([0, 1]), np.array([False, True])).to_pylist()
    ['1970-01-01', None]
    """
    months, days_of_month, which = _calendar(days)
    text = np.empty(len(days), dtype=_DATE)
    text["month"] = months[which]
    text["day"] = days_of_month[which]
    return _fixed_width(text, missing)


def time_text(ms: Ints, missing: Bools) -> pa.Array:
    """Return milliseconds since 1970 as ``YYYY-MM-DDThh:mm:ss.mmmZ``.

    >>> time_text(np.array([-1]), np.array([False])).to_pylist()
    ['1969-12-31T23:59:59.999Z']
    """
    days = ms // _MS_PER_DAY
    since_midnight = (ms - days * _MS_PER_DAY).astype(np.int32)
    minutes = since_midnight // 60_000
    months, days_of_month, which = _calendar(days)
    text = np.empty(len(ms), dtype=_TIME)
    text["clock"] = _CLOCKS[minutes]
    text["month"] = months[which]
    text["day"] = days_of_month[which]
    text["rest"] = _RESTS[since_midnight - minutes * 60_000]
    return _fixed_width(text, missing)


def _calendar(days: Ints) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16], Ints]:
    """Return dates in their two parts, each once where they are near each other, and which of them each day is."""
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    if first >= _USUAL_DAYS.start and last < _USUAL_DAYS.stop:
        return *_usual_dates(), days - _USUAL_DAYS.start
    if last - first < 100_000:
        return *_dates(np.arange(first, last + 1)), days - first
    return *_dates(days), np.arange(len(days))


@cache
def _usual_dates() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
    return _dates(np.arange(_USUAL_DAYS.start, _USUAL_DAYS.stop))


def _dates(days: Ints) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
    """Return days since 1970 as ``YYYY-MM-`` and ``DD``, each as the number that its bytes make."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    year, month = np.divmod(months + 1970 * 12, 12)
    day = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    text = np.empty((len(days), 8), dtype=np.uint8)
    text[:, 0:2] = _TWO[year // 100]
    text[:, 2:4] = _TWO[year % 100]
    text[:, 4] = text[:, 7] = ord("-")
    text[:, 5:7] = _TWO[month + 1]
    return text.view(np.uint64).reshape(-1), _TWO[day].view(np.uint16).reshape(-1)


def _fixed_width(text: npt.NDArray[np.void], missing: Bools) -> pa.Array:
    """Return texts of equally many bytes as an Arrow array."""
    count, width = len(text), text.itemsize
    offsets = pa.py_buffer(np.arange(0, (count + 1) * width, width, dtype=np.int64)[: count + 1])
    validity = pa.array(~missing).buffers()[1] if missing.any() else None
    return pa.LargeStringArray.from_buffers(count, offsets, pa.py_buffer(text), validity)
