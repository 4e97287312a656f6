"""What the columns of a CSV file hold, decided by all cells of the whole file, and text turned into that.

A number is written as a spreadsheet would not change it: ``007`` and ``+49 30`` are text.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools
from cio_frames.loading.csv.options import csv_option, csv_type_option

ColumnKind: TypeAlias = Literal["integer", "number", "exact", "boolean", "text"]

_INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$"
_BOOLEAN = r"^([Tt]rue|TRUE|[Ff]alse|FALSE)$"
# What pandas writes for a whole number in a column with missing values.
_FLOAT_ID = r"^(0|[1-9][0-9]{0,15})\.0$"
# Digits that are not a number: the zeros or the sign in front are part of them, or there are too many.
_CODE = r"^(\+|-?0)?[0-9]+$"
# From so many characters on, a float may have fewer digits than the text.
_LONG = 17
# A column of mostly numbers or truth values is said to be mixed; one with more text is text.
_MOSTLY = 0.75
# Cells that are shown in messages, since nobody is called so; others may be people's data.
_STRAY_WORDS = {
    "n/a", "na", "#n/a", "nan", "null", "none", "nil", "<na>", r"\n", "inf", "-inf", "+inf", "infinity", "-infinity",
    "unknown", "undefined", "missing", "tbd", "-", "--", ".", "..", "?", "#ref!", "#div/0!", "#value!",
}  # fmt: skip


@dataclass(slots=True)
class ColumnTally:
    """How many cells of a column are what, so far.

    Attributes
    ----------
    cells, numbers, integers, booleans : int
        How many are filled, and how many of these are numbers, whole numbers, and true or false.
    exact : bool
        Whether there are numbers with more digits than a float has.
    has_codes : bool
        Whether there are digits that are not numbers, such as ``007``.
    stray, stray_line : str or None, int or None
        The first filled cell that is not what most are, and its line.
    """

    cells: int = 0
    numbers: int = 0
    integers: int = 0
    booleans: int = 0
    exact: bool = False
    has_codes: bool = False
    is_text: bool = False
    stray: str | None = None
    stray_line: int | None = None

    def add(self, text: pa.Array, mark: str, line: Callable[[int], int]) -> None:
        """Count the cells of some rows; ``line`` says in which line of the file a row is, for the first stray one."""
        filled = len(text) - text.null_count
        if self.is_text or not filled:
            return
        numbers = _match_cells(text, number_pattern(mark))
        count = _count(numbers)
        booleans = _match_cells(text, _BOOLEAN) if count < filled else None
        truths = _count(booleans) if booleans is not None else 0
        if max(count, truths) * 2 < filled:
            # Nothing that comes later makes numbers of these.
            self.is_text = True
            return
        self.cells += filled
        self.numbers += count
        self.booleans += truths
        if count:
            self.integers += count if self.integers + count > self.numbers else _count(_match_cells(text, _INTEGER))
            self.exact |= bool(inexact_cells(text, numbers, mark).any())
        plain = numbers if count >= truths or booleans is None else booleans
        if self.stray is None and _count(plain) < filled:
            row = int(np.flatnonzero(~_as_mask(plain, missing=True))[0])
            self.stray, self.stray_line = text[row].as_py(), line(row)
        self.has_codes |= count < filled and _count(_match_cells(text, _CODE)) > _count(_match_cells(text, _INTEGER))

    def kind(self) -> ColumnKind:
        """Return what all cells are.

        >>> tally = ColumnTally()
        >>> tally.add(pa.array(["1", "2.5", None]), ".", lambda row: row + 2)
        >>> tally.kind()
        'number'
        """
        if self.is_text or not self.cells:
            return "text"
        if self.numbers == self.cells:
            return "integer" if self.integers == self.cells else "exact" if self.exact else "number"
        return "boolean" if self.booleans == self.cells else "text"

    def warning(self, column: str) -> str | None:
        """Return a sentence about a column most of which are numbers, or true and false; None where there is nothing.

        >>> tally = ColumnTally(cells=1_001, numbers=1_000, stray="n/a", stray_line=1_002)
        >>> from cio_frames.errors import render
        >>> print(render(tally.warning("logins")))
        logins: 1,000 of 1,001 cells are numbers, 1 is text ('n/a' in line 1002), so all are sent as text. If these \
cells are missing values, pass csv={'null_values': ['n/a']}; if they are mistakes, pass \
csv={'types': {'logins': 'number'}}.
        """
        most, what = max((self.numbers, "numbers"), (self.booleans, "true or false"))
        if self.is_text or self.has_codes or most == self.cells or most < _MOSTLY * self.cells:
            return None
        return None if self.stray is None else self._warning(column, most, what)

    def _warning(self, column: str, most: int, what: str) -> str:
        rest = self.cells - most
        shown = self.stray is not None and self.stray.casefold() in _STRAY_WORDS
        cell = f"{self.stray!r} in line {self.stray_line}" if shown else f"the first in line {self.stray_line}"
        nulls = csv_option("null_values", self.stray if shown else None)
        kind = csv_type_option(column, "number" if what == "numbers" else "boolean")
        return (
            f"{column}: {most:,} of {self.cells:,} cells are {what}, {rest:,} {'is' if rest == 1 else 'are'} text "
            f"({cell}), so all are sent as text. If these cells are missing values, pass {nulls}; if they are "
            f"mistakes, pass {kind}."
        )


def number_pattern(mark: str) -> str:
    """Return an expression for numbers with this decimal point."""
    return _NUMBER.replace(r"\.", re.escape(mark))


def inexact_cells(text: pa.Array, numbers: pa.Array, mark: str) -> Bools:
    """Return which numbers have other digits once they are floats.

    >>> inexact_cells(pa.array(["1.5", "1234567890.12345678901"]), pa.array([True, True]), ".").tolist()
    [False, True]
    """
    long = _as_mask(pc.and_(numbers, pc.greater_equal(pc.binary_length(text), _LONG - 1)))
    places = np.flatnonzero(long)
    if len(places):
        # No more than these are looked at one by one; few columns have numbers as long as that.
        written = _with_point(text.take(places), mark)
        floats = written.cast(pa.float64())
        long[places] = _other_digits(written, floats)
    return long


def _other_digits(written: pa.Array, floats: pa.Array) -> Bools:
    found = _as_mask(pc.not_equal(floats.cast(pa.string()), written.cast(pa.string())))
    for place in np.flatnonzero(found).tolist():
        found[place] = decimal.Decimal(written[place].as_py()) != decimal.Decimal(repr(floats[place].as_py()))
    return found


def typed_column(text: pa.ChunkedArray, kind: ColumnKind, mark: str) -> pd.Series[Any]:
    """Return a text column as what all of its cells are.

    >>> typed_column(pa.chunked_array([["1,5", None]]), "number", ",").tolist()
    [1.5, <NA>]
    """
    if kind == "exact":
        return _exact_numbers(text.combine_chunks(), mark)
    match kind:
        case "integer":
            typed = text.cast(pa.int64())
        case "number":
            typed = _with_point(text, mark).cast(pa.float64())
        case "boolean":
            typed = text.cast(pa.bool_())
        case _:
            typed = text
    return pd.Series(pd.arrays.ArrowExtensionArray(typed))


def mixed_column(text: pa.ChunkedArray, wanted: Literal["number", "boolean"], mark: str) -> pd.Series[Any]:
    """Return a text column cell by cell as what it should be; a cell that is not stays text, for validation to find.

    >>> mixed_column(pa.chunked_array([["1", "x", None]]), "number", ".").tolist()
    [1, 'x', None]
    """
    array = text.combine_chunks()
    pattern = _BOOLEAN if wanted == "boolean" else number_pattern(mark)
    plain = _match_cells(array, pattern)
    if wanted == "boolean":
        typed = pc.if_else(plain, array, None).cast(pa.bool_()).to_numpy(zero_copy_only=False)
    else:
        typed = _exact_numbers(pc.if_else(plain, array, None), mark).to_numpy()
    cells = array.to_numpy(zero_copy_only=False)
    return pd.Series(np.where(_as_mask(plain), typed, cells), dtype=object)


def float_ids(text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return which cells are whole numbers written as floats, of which a float knows all digits.

    >>> float_ids(pa.array(["1001.0", "1001", "007.0", None])).to_pylist()
    [True, False, False, None]
    """
    found = pc.match_substring_regex(text, _FLOAT_ID)
    whole = pc.less(pc.if_else(found, text, None).cast(pa.float64()), float(2**53))
    return pc.and_(found, pc.fill_null(whole, True))


def plain_ids(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids without the ``.0`` that pandas has given them.

    >>> plain_ids(pa.chunked_array([["1001.0", "ada"]])).to_pylist()
    ['1001', 'ada']
    """
    return pc.if_else(float_ids(text), pc.utf8_slice_codeunits(text, 0, -2), text)


def _exact_numbers(text: pa.Array, mark: str) -> pd.Series[Any]:
    """Return numbers with all of their digits: whole ones as ints, those that a float cannot say as decimals."""
    numbers = _match_cells(text, number_pattern(mark))
    whole = _as_mask(_match_cells(text, _INTEGER))
    inexact = inexact_cells(text, numbers, mark) & ~whole
    written = _with_point(text, mark)
    cells = written.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(object)
    cells[np.asarray(text.is_null())] = None
    cells[whole] = text.filter(pa.array(whole)).cast(pa.int64()).to_numpy().astype(object)
    for place in np.flatnonzero(inexact).tolist():
        cells[place] = decimal.Decimal(written[place].as_py())
    return pd.Series(cells, dtype=object)


def _with_point(text: pa.Array | pa.ChunkedArray, mark: str) -> pa.Array | pa.ChunkedArray:
    return text if mark == "." else pc.replace_substring(text, mark, ".")


def _match_cells(text: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(text, pattern)


def _count(matches: pa.Array) -> int:
    return int(matches.true_count)


def _as_mask(matches: pa.Array, *, missing: bool = False) -> Bools:
    return np.array(pc.fill_null(matches, missing))
