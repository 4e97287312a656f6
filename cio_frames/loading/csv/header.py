"""The first line of a CSV file: names of columns, and what it says where it has none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cio_frames.errors import FrameError
from cio_frames.loading.csv.options import csv_option

_LIKELY_SEPARATORS = (",", ";", "\t", "|")
_ADDRESS_CELL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DATE_CELL = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?")
_NUMBER_CELL = re.compile(r"[+-]?\d+([.,]\d+)?")
# Made up by pandas for a column without a name, or for the numbers of its rows.
_INVENTED = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


def refuse_likely_separator(header: str, delimiter: str, name: str) -> None:
    """Refuse a file whose first line is one column, and most likely has another separator.

    >>> refuse_likely_separator("user_id;email", ",", "people.csv")
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: people.csv: its columns are probably separated by ';', not ','. Pass \
csv={'delimiter': ';'}. If it has one column with such a name, pass csv={'delimiter': ','}.
    """
    plain = re.sub(r'"[^"]*"', "", header)
    if delimiter in plain:
        return
    counts = {mark: plain.count(mark) for mark in _LIKELY_SEPARATORS}
    likely = max(counts, key=lambda mark: counts[mark])
    if counts[likely]:
        raise FrameError(
            f"{name}: its columns are probably separated by {likely!r}, not {delimiter!r}. Pass "
            f"{csv_option('delimiter', likely)}. If it has one column with such a name, pass "
            f"{csv_option('delimiter', delimiter)}."
        )


def check_names(names: Sequence[str], name: str) -> None:
    """Refuse names that stand twice, and a first line that is not names at all.

    >>> check_names(["ada@example.com", "1815-12-10"], "people.csv")
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: people.csv: its first line looks like data, not column names (2 of 2 look like an \
address, a date or a number). Write a first line with names; Spark does with option("header", True).
    """
    data = sum(bool(_ADDRESS_CELL.fullmatch(each) or _DATE_CELL.fullmatch(each)) for each in names)
    numbers = sum(bool(_NUMBER_CELL.fullmatch(each)) for each in names)
    if data or numbers > len(names) / 2:
        raise FrameError(
            f"{name}: its first line looks like data, not column names ({data + numbers:,} of {len(names):,} look like "
            'an address, a date or a number). Write a first line with names; Spark does with option("header", True).'
        )
    for each in dict.fromkeys(names):
        times = names.count(each)
        # Columns without a name are left out, however many there are.
        if times > 1 and not is_invented(each):
            # pandas would rename the second one, and send what nobody has named.
            raise FrameError(f"{name}: the header has the column {each!r} {times} times. Name each column once.")


def is_invented(label: object) -> bool:
    """Return whether nobody gave a column this name: it is blank, or pandas made it up.

    >>> [is_invented(label) for label in ("", "Unnamed: 0", "__index_level_0__", "plan")]
    [True, True, True, False]
    """
    return isinstance(label, str) and _INVENTED.fullmatch(label.strip()) is not None
