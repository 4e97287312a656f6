"""Failure cases of rows that come in parts, counted exactly; of each kind of case only the first are kept."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cio_frames._util.arrays import Bools, Ints
from cio_frames.validation import MAX_FIRST_POSITIONS

# So many cases of one column, check and severity are kept of rows that come in parts.
MAX_CASES_KEPT = 1_000


@dataclass(slots=True)
class KindTally:
    """The cases of one column, check and severity: how many, of how many rows, and the first."""

    rows: int = 0
    count: int = 0
    first_positions: list[int] = field(default_factory=list)
    first_reason: str = ""

    def add(self, other: KindTally) -> None:
        """Add the cases of later rows."""
        self.rows += other.rows
        self.count += other.count
        self.first_positions = [*self.first_positions, *other.first_positions][:MAX_FIRST_POSITIONS]
        self.first_reason = self.first_reason or other.first_reason


class CaseTallies:
    """Counts of failure cases, part by part; no row is in two parts.

    Attributes
    ----------
    rows_held_back, rows_with_warnings : int
        Rows with an error, and other rows with a warning.
    by_kind : dict of (column, check, severity) to KindTally
        The cases of each kind.
    by_check : dict of (check, severity) to [rows, cases]
        The same over all columns: a row can have a case in several of them.
    by_column : dict of column to [rows with an error, other rows with a warning]
        The same over all checks.
    is_complete : bool
        Whether all cases are kept.

    Examples
    --------
    >>> cases = pd.DataFrame(
    ...     {
    ...         "position": [0, 2, 2],
    ...         "column": "n",
    ...         "check": "number",
    ...         "severity": "error",
    ...         "reason": "n: must be a number",
    ...     }
    ... )
    >>> tallies = CaseTallies(max_cases=1)
    >>> tallies.add(cases)
    >>> tallies.add(cases.assign(position=[5, 6, 7]))
    >>> tallies.rows_held_back, tallies.by_kind["n", "number", "error"].first_positions, sum(map(len, tallies.kept()))
    (5, [0, 2, 5, 6, 7], 1)
    """

    def __init__(self, max_cases: int = MAX_CASES_KEPT) -> None:
        self.rows_held_back = 0
        self.rows_with_warnings = 0
        self.by_kind: dict[tuple[Hashable, str, str], KindTally] = {}
        self.by_check: dict[tuple[str, str], list[int]] = {}
        self.by_column: dict[Hashable, list[int]] = {}
        self.is_complete = True
        self._max_cases = max_cases
        self._kept: list[pd.DataFrame] = []

    def add(self, cases: pd.DataFrame) -> None:
        """Add the cases of rows that come after those before; positions count all rows."""
        if not len(cases):
            return
        is_error = cases["severity"].eq("error").to_numpy(dtype=bool)
        positions = cases["position"].to_numpy(dtype=np.int64)
        errors, warned = _count_positions(positions, is_error)
        self.rows_held_back += errors
        self.rows_with_warnings += warned
        for column, places in _groups(cases["column"]):
            found = self.by_column.setdefault(column, [0, 0])
            for at, count in enumerate(_count_positions(positions[places], is_error[places])):
                found[at] += count
        for check, places in _groups(cases["check"], cases["severity"]):
            found = self.by_check.setdefault(check, [0, 0])
            found[0] += len(np.unique(positions[places]))
            found[1] += len(places)
        kept = []
        for kind, places in _groups(cases["column"], cases["check"], cases["severity"]):
            known = self.by_kind.setdefault(kind, KindTally())
            kept.append(places[: max(self._max_cases - known.count, 0)])
            self.is_complete = self.is_complete and len(kept[-1]) == len(places)
            distinct = np.unique(positions[places])
            first = distinct[:MAX_FIRST_POSITIONS].tolist()
            known.add(KindTally(len(distinct), len(places), first, str(cases["reason"].iloc[places[0]])))
        self._keep(cases, kept)

    def _keep(self, cases: pd.DataFrame, places: Iterable[Ints]) -> None:
        chosen = np.sort(np.concatenate(list(places)))
        if len(chosen):
            self._kept.append(cases.iloc[chosen])

    def extend(self, other: CaseTallies, first_row: int) -> None:
        """Add what was counted of rows that come after; their positions begin with 0."""
        self.rows_held_back += other.rows_held_back
        self.rows_with_warnings += other.rows_with_warnings
        _add_counts(self.by_column, other.by_column)
        _add_counts(self.by_check, other.by_check)
        room = {kind: max(self._max_cases - tally.count, 0) for kind, tally in self.by_kind.items()}
        self.is_complete = self.is_complete and other.is_complete
        for kept in other._kept:
            chosen = []
            for kind, places in _groups(kept["column"], kept["check"], kept["severity"]):
                left = room.get(kind, self._max_cases)
                chosen.append(places[:left])
                room[kind] = left - len(chosen[-1])
                self.is_complete = self.is_complete and len(chosen[-1]) == len(places)
            self._keep(kept.assign(position=kept["position"] + first_row), chosen)
        for kind, tally in other.by_kind.items():
            shifted = [position + first_row for position in tally.first_positions]
            self.by_kind.setdefault(kind, KindTally()).add(
                KindTally(tally.rows, tally.count, shifted, tally.first_reason)
            )

    def kept(self) -> list[pd.DataFrame]:
        """Return the cases that are kept, in order."""
        return self._kept


def _add_counts(mine: dict[Any, list[int]], theirs: Mapping[Any, list[int]]) -> None:
    for key, counts in theirs.items():
        found = mine.setdefault(key, [0, 0])
        found[:] = [one + more for one, more in zip(found, counts, strict=True)]


def _count_positions(positions: Ints, is_error: Bools) -> tuple[int, int]:
    """Return how many rows have an error, and how many others a warning."""
    errors = np.unique(positions[is_error])
    return len(errors), len(np.setdiff1d(positions[~is_error], errors))


def _groups(*columns: pd.Series[Any]) -> list[tuple[Any, Ints]]:
    """Return the distinct values of columns, in the order of their first rows, with the places of each."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        of_column, distinct = pd.factorize(column.astype(object), use_na_sentinel=False)
        codes = codes * len(distinct) + of_column
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    groups = np.split(order, bounds)
    found = []
    for places in sorted(groups, key=lambda each: int(each[0])):
        key = tuple(None if pd.isna(cell) else cell for cell in (column.iloc[places[0]] for column in columns))
        found.append((key if len(columns) > 1 else key[0], places))
    return found
