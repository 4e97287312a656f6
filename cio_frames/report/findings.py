"""What checks found, counted for a page: per column, and per check with its first findings.

A report can have millions of failure cases. They are counted as whole columns; only what is shown is looked at one by
one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cio_frames._util.arrays import Ints

MAX_FINDINGS = 1_000
MAX_CHECKS = 200
_MAX_FINDINGS_IN_ALL = 10_000
_MAX_LETTERS = 200
_MAX_REASONS = 50

# For checks whose reasons have numbers or several wordings.
_TITLES = {
    "json": "has no form in JSON",
    "max_call_bytes": "is larger than a call may be",
    "not_nullable": "is missing, and is needed",
}


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows are good, warned of, and held back, as far as one column is concerned."""

    label: str | None
    good: int
    warned: int
    held_back: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.good + self.warned + self.held_back


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken check of one cell, as text."""

    position: int
    index: str
    column: str
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class Check:
    """All that one check found.

    Attributes
    ----------
    title : str
        What is wrong, in words.
    holds_back : bool
        Whether rows are held back for it; otherwise it is a warning.
    columns : list of str
        Where it was found.
    rows, count : int
        In how many rows, and how often: a row counts once, however many of its columns are concerned.
    findings : list of Finding
        The first of them.
    says_more : bool
        Whether the reasons say more than the title.
    """

    title: str
    holds_back: bool
    columns: list[str]
    rows: int
    count: int
    findings: list[Finding]
    says_more: bool


def plain(thing: Any) -> str:
    r"""Return anything of a frame as text that is short and can be written to a file.

    >>> plain("half \ud83d"), plain(None), len(plain("x" * 1_000))
    ('half ?', 'null', 201)
    """
    if pd.api.types.is_scalar(thing) and pd.isna(thing):
        return "null"
    try:
        text = str(thing)
    except Exception:  # an object of the frame's that cannot be put into words must not cost the page
        text = f"<{type(thing).__name__}>"
    text = text if len(text) <= _MAX_LETTERS else text[:_MAX_LETTERS] + "\u2026"
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


class Findings:
    """The failure cases of a report, counted.

    Examples
    --------
    >>> cases = pd.DataFrame(
    ...     {
    ...         "position": [0, 0, 2],
    ...         "index": [0, 0, 2],
    ...         "column": ["total", "city", "total"],
    ...         "check": "c",
    ...         "severity": ["error", "warning", "warning"],
    ...         "value": None,
    ...         "reason": "total: is odd",
    ...     }
    ... )
    >>> findings = Findings(cases, rows=3)
    >>> findings.total
    Tally(label=None, good=1, warned=1, held_back=1)
    >>> findings.tallies(["city"])[1]
    Tally(label='city', good=2, warned=1, held_back=0)
    """

    def __init__(self, cases: pd.DataFrame, rows: int) -> None:
        self._cases = cases
        self._rows = max(rows, 1)
        self._positions: Ints = cases["position"].to_numpy(dtype=np.int64)
        self._is_error = cases["severity"].eq("error").to_numpy(dtype=bool)
        # The last label is that of findings that belong to no column.
        self._columns, labels = _texts(cases["column"])
        self._labels: list[str | None] = [*labels, None]
        self._columns[self._columns < 0] = len(labels)
        held_back, warned = self._tally(np.zeros(len(cases), dtype=np.int64), 1)
        self.total = self._tallied(None, held_back[0], warned[0], rows)
        self._all_rows = rows

    @property
    def index_tells_more(self) -> bool:
        """Whether the labels of the index are other than positions."""
        labels = self._cases["index"].infer_objects()
        return not (pd.api.types.is_integer_dtype(labels) and np.array_equal(labels.to_numpy(), self._positions))

    def tallies(self, labels: Iterable[str]) -> list[Tally]:
        """Return a tally for each of a frame's columns and any other that was found; those with findings first."""
        held_back, warned = self._tally(self._columns, len(self._labels))
        found = {
            label: self._tallied(label, held_back[code], warned[code], self._all_rows)
            for code, label in enumerate(self._labels)
            if held_back[code] or warned[code]
        }
        untouched = [
            Tally(label, self._all_rows, 0, 0) for label in dict.fromkeys(map(plain, labels)) if label not in found
        ]
        worst_first = sorted(found.values(), key=lambda tally: (-tally.held_back, -tally.warned))
        return worst_first + untouched

    def checks(self, *, show_values: bool, show_index: bool = False) -> tuple[list[Check], int]:
        """Return the checks that found something, those that hold back first, and how many more there are."""
        codes, names = pd.factorize(self._cases["check"].astype(object))
        keys = codes.astype(np.int64) * 2 + ~self._is_error
        rows = self._rows_by(keys, 2 * len(names))
        counts = np.bincount(keys, minlength=2 * len(names))
        found = sorted(np.flatnonzero(counts).tolist(), key=lambda key: (key % 2, -rows[key]))
        order = np.argsort(keys, kind="stable")
        starts = np.cumsum(counts) - counts
        reasons, wordings = pd.factorize(self._cases["reason"].astype(object))
        variants = np.sort(pd.unique((keys * len(self._labels) + self._columns) * len(wordings) + reasons))
        variants_from = np.searchsorted(variants, np.arange(2 * len(names) + 1) * len(self._labels) * len(wordings))
        shown = found[:MAX_CHECKS]
        limit = min(MAX_FINDINGS, _MAX_FINDINGS_IN_ALL // max(len(shown), 1))
        checks = []
        for key in shown:
            pairs = variants[variants_from[key] : variants_from[key + 1]]
            columns, said = pairs // len(wordings) % len(self._labels), pairs % len(wordings)
            labels = [self._labels[column] for column in pd.unique(columns)]
            some = zip(columns[:_MAX_REASONS], said[:_MAX_REASONS], strict=True)
            words = {_without_label(self._labels[column], wordings[reason]) for column, reason in some}
            says_more = len(words) > 1 or len(said) > _MAX_REASONS
            name = plain(names[key // 2])
            checks.append(
                Check(
                    title=_TITLES.get(name, name) if says_more else words.pop(),
                    holds_back=key % 2 == 0,
                    columns=[label for label in labels if label is not None],
                    rows=int(rows[key]),
                    count=int(counts[key]),
                    findings=self._first(
                        order[starts[key] : starts[key] + min(limit, counts[key])], show_values, show_index
                    ),
                    says_more=says_more,
                )
            )
        return checks, len(found) - len(shown)

    def _first(self, places: Ints, show_values: bool, show_index: bool) -> list[Finding]:
        some = self._cases.iloc[places]
        nothing = [""] * len(some)
        values = some["value"] if show_values else nothing
        labels = map(_index_text, some["index"]) if show_index else nothing
        columns = [self._labels[code] or "" for code in self._columns[places]]
        cells = zip(some["position"], labels, columns, some["reason"], values, strict=True)
        return [
            Finding(int(position), label, column, plain(reason), plain(value))
            for position, label, column, reason, value in cells
        ]

    def _tally(self, groups: Ints, count: int) -> tuple[Ints, Ints]:
        """Return how many rows of each group are held back, and how many are warned of and not held back."""
        # Here pandas' unique takes a tenth of the time of numpy's.
        pairs = groups * self._rows + self._positions
        held_back, warned = pd.unique(pairs[self._is_error]), pd.unique(pairs[~self._is_error])
        warned = warned[~pd.Series(warned).isin(held_back).to_numpy()]
        return np.bincount(held_back // self._rows, minlength=count), np.bincount(warned // self._rows, minlength=count)

    def _rows_by(self, groups: Ints, count: int) -> Ints:
        return np.bincount(pd.unique(groups * self._rows + self._positions) // self._rows, minlength=count)

    @staticmethod
    def _tallied(label: str | None, held_back: np.int64, warned: np.int64, rows: int) -> Tally:
        return Tally(label, int(rows - held_back - warned), int(warned), int(held_back))


def _texts(column: pd.Series[Any]) -> tuple[Ints, list[str]]:
    """Return a number for each cell and the texts that they stand for; -1 where there is nothing."""
    codes, cells = pd.factorize(column.astype(object))
    if not len(cells):
        return codes.astype(np.int64), []
    numbers, texts = pd.factorize(np.array([plain(cell) for cell in cells], dtype=object))
    return np.append(numbers, -1)[codes].astype(np.int64), [str(text) for text in texts]


def _index_text(label: Any) -> str:
    return plain(", ".join(map(plain, label)) if isinstance(label, tuple) else label)


def _without_label(label: str | None, reason: str) -> str:
    return plain(reason).removeprefix(f"{label}: ")
