"""Times: text and Arrow types to milliseconds since 1970.

A time is an instant. Naive times mean what ``timezone=`` says. Finer parts than milliseconds are cut, not rounded.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import unsliced

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
MS_PER_DAY = 86_400_000
# 0001-01-01 and 9999-12-31 in seconds: the years that four digits can write.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
# The calendar repeats itself after 400 years, to the day of the week.
_CALENDAR_MS = 146_097 * MS_PER_DAY
# BigQuery ends times with UTC, Go with an offset, the name of the zone and the time since the program's start.
_ZONE_NAME = r"(?: [A-Z]{3,5}(?: m=[+-][0-9.]+)?)?"
_WITH_ZONE = rf"\d[Tt ]\d\d.*([Zz]|UTC|GMT|[+-]\d\d(:?\d\d)?{_ZONE_NAME})$"
_ISO_8601 = (
    r"^(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    rf" ?(?:[Zz]|UTC|GMT|(?P<sign>[+-])(?P<zone_hour>\d\d)(?::?(?P<zone_minute>\d\d))?{_ZONE_NAME})?)?$"
)
_DAY_OR_MONTH_FIRST = r"^\s*\d{1,2}([/.-])\d{1,2}([/.-])(\d{4}|\d\d)(\s|$)"


class Instants(NamedTuple):
    """Milliseconds since 1970 in UTC, and which rows have none and why.

    Attributes
    ----------
    ms : numpy array of int64, shape (n,)
    missing : numpy array of bool, shape (n,)
        Rows without a value.
    unreadable : numpy array of bool, shape (n,)
        Rows whose text is not ISO 8601, or whose year, in UTC, is not between 1 and 9999.
    ambiguous : numpy array of bool, shape (n,)
        Naive times that occur twice, or never, in the time zone when clocks change.
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
    return _to_utc(ms, missing, unreadable, timezone if array.type.tz is None else "UTC")


def from_dates(array: pa.Array, timezone: str) -> Instants:
    """Return the instants at which days begin in ``timezone``."""
    return from_timestamps(array.cast(pa.date32(), safe=False).cast(pa.timestamp("s")), timezone)


def is_outside_day(array: pa.Array) -> Bools:
    """Return which times of day are none: before 00:00, or 24:00 and later, which databases allow.

    >>> is_outside_day(pa.array([-1, 0, 86_400, None], pa.int32()).view(pa.time32("s"))).tolist()
    [True, False, True, False]
    """
    kind = array.type
    counts = np.asarray(pc.fill_null(array.view(pa.int32() if kind.bit_width == 32 else pa.int64()), 0))
    return (counts < 0) | (counts >= 86_400 * _PER_SECOND[kind.unit])


def from_text(array: pa.Array, timezone: str) -> Instants:
    """Return the instants of ISO 8601 text, as BigQuery and Go write it too; without an offset it is in ``timezone``.

    >>> from_text(pa.array(["1997-01-01", "1997-01-01T00:00:00+01:00", "soon"]), "UTC").unreadable.tolist()
    [False, False, True]
    """
    array = unsliced(array)
    zoned = np.asarray(pc.fill_null(pc.match_substring_regex(array, _WITH_ZONE), False))
    naive = _parse_rows(array, ~zoned, pa.timestamp("us"), timezone)
    if not zoned.any():
        return naive
    fixed = _parse_rows(array, zoned, pa.timestamp("us", "UTC"), timezone)
    return Instants(
        np.where(zoned, fixed.ms, naive.ms),
        naive.missing & fixed.missing,
        naive.unreadable | fixed.unreadable,
        naive.ambiguous,
    )


def has_ambiguous_date(array: pa.Array) -> Bools:
    """Return which texts are dates such as 01/02/2024, of which nobody can tell whether the day or the month is first.

    >>> has_ambiguous_date(pa.array(["01/02/2024", "1.2.24 10:00", "2024-01-02", None])).tolist()
    [True, True, False, False]
    """
    return np.asarray(pc.fill_null(pc.match_substring_regex(unsliced(array), _DAY_OR_MONTH_FIRST), False))


def _parse_rows(array: pa.Array, wanted: Bools, kind: pa.DataType, timezone: str) -> Instants:
    """Parse the wanted rows; the others are missing."""
    text = pc.if_else(pa.array(wanted), array, None) if not wanted.all() else array
    try:
        return from_timestamps(text.cast(kind), timezone)
    except pa.ArrowInvalid:
        # Arrow does not say which cell is not a time, and reads fewer forms.
        return _parse_iso_8601(text, timezone if kind.tz is None else "UTC")


def _parse_iso_8601(text: pa.Array, timezone: str) -> Instants:
    """Parse ISO 8601 text part by part; an offset in the text wins over the zone."""
    missing = np.asarray(pc.is_null(text))
    parts = pc.extract_regex(text, _ISO_8601)
    named = {field.name: part for field, part in zip(parts.type, parts.flatten(), strict=True)}
    thousandths = pc.utf8_slice_codeunits(pc.utf8_rpad(named.pop("fraction"), 3, "0"), 0, 3)
    west = np.asarray(pc.fill_null(pc.equal(named.pop("sign"), "-"), False))
    number = {name: _digits_to_integers(part) for name, part in (named | {"thousandths": thousandths}).items()}
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
    sound &= ~_is_outside_calendar(seconds)
    return _to_utc(seconds * 1_000 + number["thousandths"], missing, ~sound, timezone)


def _digits_to_integers(digits: pa.Array) -> Ints:
    """Return digits as numbers, 0 where there are none."""
    known = pc.if_else(pc.equal(digits, ""), "0", digits)
    return np.asarray(pc.fill_null(known, "0").cast(pa.int64()))


def _to_utc(ms: Ints, missing: Bools, unreadable: Bools, timezone: str) -> Instants:
    """Convert local milliseconds to UTC; those without a year of four digits there are unreadable."""
    known = ~(missing | unreadable)
    ambiguous = np.zeros(len(ms), dtype=bool)
    if timezone != "UTC":
        ms, ambiguous = _localize(np.where(known, ms, 0), timezone)
        ambiguous &= known
        unreadable = unreadable | (~ambiguous & _is_outside_calendar(ms // 1_000))
        known &= ~(ambiguous | unreadable)
    return Instants(np.where(known, ms, 0), missing, unreadable & ~missing, ambiguous)


def _is_outside_calendar(seconds: Ints) -> Bools:
    return (seconds < _FIRST_SECOND) | (seconds > _LAST_SECOND)


def _localize(ms: Ints, timezone: str) -> tuple[Ints, Bools]:
    """Return naive milliseconds as instants, and which of them occur twice or never in the zone.

    pandas 2 needs microseconds for each, so it localizes days: most have the offset of their neighbors, and no zone
    has ever changed its clocks forth and back within six.
    """
    days, day_of = np.unique(ms // MS_PER_DAY, return_inverse=True)
    if 8 * len(days) > len(ms):
        return _localize_by_pandas(ms, timezone)
    midnights = (days[:, None] + np.arange(-1, 3)) * MS_PER_DAY
    instants, ambiguous = (found.reshape(midnights.shape) for found in _localize_by_pandas(midnights.ravel(), timezone))
    offsets = midnights - instants
    steady = (~ambiguous.any(axis=1) & (offsets == offsets[:, :1]).all(axis=1))[day_of]
    utc, lost = ms - offsets[day_of, 0], np.zeros(len(ms), dtype=bool)
    utc[~steady], lost[~steady] = _localize_by_pandas(ms[~steady], timezone)
    return utc, lost


def _localize_by_pandas(ms: Ints, timezone: str) -> tuple[Ints, Bools]:
    """Return naive milliseconds as instants by way of pandas."""
    # pandas refuses to convert the last days of the calendar to UTC.
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
