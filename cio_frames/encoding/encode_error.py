"""Why a cell cannot be written as JSON: stable names of the checks, and their sentences.

Reasons stand beside rows as data, for people who call from Python and people who load a file; so they name what to
change and not how to call it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.unsupported import INVALID_JSON, REPEATED_KEY, TIME_OF_DAY

NESTING_LIMIT = 100
DIGITS_LIMIT = 1_000_000

# What each check says. Reasons of these checks begin like this; some name the type found and a remedy.
ENCODE_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "ambiguous_time": "time occurs twice or never in its time zone; send it with a UTC offset",
        "date_time": "must be a time: a datetime, or ISO 8601 text such as 2026-11-24T09:30:00Z",
        "duplicate_key": REPEATED_KEY,
        "infinity": "infinity is not a valid JSON number; replace it with null or a number",
        "json_text": INVALID_JSON,
        "key_type": "key type is not supported in JSON; keys must be text",
        "lone_surrogate": "text has a lone surrogate, which is not valid Unicode; repair it with "
        ".str.encode('utf-16', 'surrogatepass').str.decode('utf-16', 'replace')",
        "nesting_limit": f"nested deeper than {NESTING_LIMIT} levels; send the inner part as JSON text",
        "not_nullable": "required value is missing",
        "number_digits": f"number has more than {DIGITS_LIMIT:,} digits; send it as a float",
        "string": "must be text",
        "time_of_day": TIME_OF_DAY,
        "unsupported_type": "type is not supported in JSON; convert it to text, numbers, lists or dicts",
        "year_range": "year must be from 1 to 9999; replace it with null if it stands for no time",
    }
)
TIMEDELTA_UNSUPPORTED = "timedelta is not supported in JSON; convert it to a number, such as its seconds"
NUMBER_AS_TIME = "must be a time, found a number; convert it to ISO 8601 text or datetime"
DAY_OR_MONTH_FIRST = (
    "must be a time, found a date such as 01/02/2024, which can be read in two ways; convert it with "
    "pandas.to_datetime(column, format='%d/%m/%Y'), or name the form of a CSV file's times: --time-format '%d/%m/%Y', "
    "csv={'time_format': ...} in Python"
)
FRACTION_AS_TEXT = "must be text, found a number with a fraction; convert it to text"
INEXACT_AS_TEXT = "must be text, found a float too large to keep its last digits; read the column as text or Int64"


class EncodeError(NamedTuple):
    """Rows of a slice that cannot be written, and why.

    Attributes
    ----------
    rows : numpy array of int64
        Their positions in the slice.
    reason : str
        Why, in words.
    label : Hashable or None
        The column of the frame; None for an error of the whole row.
    check : str
        The name of the check in reports, a key of ``ENCODE_CHECKS`` or of ``validation.CHECKS``.
    """

    rows: Ints
    reason: str
    label: Hashable | None
    check: str


class UnencodableCell(Exception):  # noqa: N818 -- a finding about a cell, always caught where cells are written
    """A cell has no JSON form."""

    def __init__(self, check: str, reason: str | None = None) -> None:
        super().__init__(check, reason)
        self.check, self.reason = check, reason or ENCODE_CHECKS[check]


def errors_where(rows: Bools, check: str, reason: str | None = None) -> tuple[EncodeError, ...]:
    """Return one encode error for the rows of a mask, or none for an empty one.

    >>> errors_where(np.array([False, True]), "infinity")[0].reason
    'infinity is not a valid JSON number; replace it with null or a number'
    """
    if not rows.any():
        return ()
    return (EncodeError(np.flatnonzero(rows), reason or ENCODE_CHECKS[check], None, check),)


def found_instead_of_text(kind: str) -> str:
    """Return why a value of a type is not text.

    >>> found_instead_of_text("bool")
    'must be text, found bool; convert it to text'
    """
    return f"must be text, found {kind}; convert it to text"
