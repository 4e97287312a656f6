"""The moment that stands for the time of calls without a timestamp, in their message ids and nowhere else."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

import numpy as np
import pandas as pd

from cio_frames.errors import FrameError, parameter

# What as_of= takes. A datetime and a pandas Timestamp are dates too.
AsOfValue: TypeAlias = str | date | np.datetime64 | None

_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_UTC = datetime.max.replace(tzinfo=UTC)
_NONCE_BYTES = 16
# The text of a run that was not given a moment: its start, a slash, its nonce.
_WITH_NONCE = re.compile(rf"(?P<moment>[^/]+)/(?P<nonce>[0-9a-f]{{{2 * _NONCE_BYTES}}})")


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment, with a nonce if it is the start of a run and not one that was given.

    Two runs that start in the same millisecond differ by the nonce; two runs with the same given moment do not differ.

    >>> given = read_as_of("2026-11-27")
    >>> str(given), read_as_of(str(given)) == given
    ('2026-11-27T00:00:00.000Z', True)

    Attributes
    ----------
    ms : int
        Milliseconds since 1970.
    nonce : str
        Random digits in base 16; empty if the moment was given.
    """

    ms: int
    nonce: str = ""

    def __str__(self) -> str:
        moment = (
            (_EPOCH_UTC + timedelta(milliseconds=self.ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
        return f"{moment}/{self.nonce}" if self.nonce else moment


def start_as_of(now: datetime) -> AsOf:
    """Return the moment of a run that starts now; no other run has the same.

    >>> now = datetime(2026, 11, 27, tzinfo=UTC)
    >>> start_as_of(now) == start_as_of(now)
    False
    """
    return AsOf(_milliseconds(now), secrets.token_hex(_NONCE_BYTES))


def read_as_of(value: AsOfValue) -> AsOf:
    """Return a given moment; a date is its midnight in UTC, and a time without a zone is in UTC.

    The text of an :class:`AsOf` is accepted too, with its nonce, so that a run can be repeated.

    Raises
    ------
    FrameError
        It is not a time, or not between 1970 and 9999.

    Examples
    --------
    >>> str(read_as_of("2026-11-27T01:00:00+01:00")), str(read_as_of(date(2026, 11, 27)))
    ('2026-11-27T00:00:00.000Z', '2026-11-27T00:00:00.000Z')
    """
    nonce = ""
    moment: datetime | None = None
    with_nonce = _WITH_NONCE.fullmatch(value.strip()) if isinstance(value, str) else None
    if with_nonce is not None:
        value, nonce = with_nonce.group("moment", "nonce")
    if isinstance(value, str):
        moment = _read_text(value)
    elif isinstance(value, (datetime, np.datetime64)):
        # pandas counts nanoseconds, and has a value for no time.
        moment = _read_timestamp(value)
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    if moment is None:
        raise FrameError(
            f"{parameter('as_of')} must be a date or time such as '2026-11-27' or '2026-11-27T06:00:00Z', got "
            f"{value!r}."
        )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < _EPOCH_UTC:
        raise FrameError(f"{parameter('as_of')} must be 1970 or later, got {value!r}.")
    if moment - _EPOCH_UTC > _LATEST_UTC - _EPOCH_UTC:
        raise FrameError(f"{parameter('as_of')} must be before the year 10000 in UTC, got {value!r}.")
    return AsOf(_milliseconds(moment), nonce)


def _read_text(text: str) -> datetime | None:
    text = text.strip()
    # Any character may stand between date and time for Python; a slash comes before a nonce that was cut.
    if "/" in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _read_timestamp(value: datetime | np.datetime64) -> datetime | None:
    try:
        found = pd.Timestamp(value)
        return None if pd.isna(found) else found.to_pydatetime(warn=False)
    except (ValueError, OverflowError):
        # A moment that is out of the range of pandas or of Python.
        return None


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH_UTC) // timedelta(milliseconds=1)
