"""Failure cases counted for a page: per column, and per check with its first findings.

A report can have millions of failure cases. They are counted as whole columns; only the ones on the page are read one
by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cio_frames._util.arrays import Ints
from cio_frames.report.tallies import CaseTallies
from cio_frames.validation import CHECKS

MAX_FINDINGS = 1_000
MAX_CHECKS = 200
_MAX_FINDINGS_OF_ALL_CHECKS = 10_000
_MAX_CHARACTERS = 200
_MAX_REASONS = 50


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows are good, have warnings and are held back because of one column, or of any."""

    label: str | None
    good: int
    with_warnings: int
    held_back: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.good + self.with_warnings + self.held_back


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken check of one cell, as text."""

    position: int
    index: str
    column: str
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class CheckFindings:
    """The findings of one check.

    Attributes
    ----------
    title : str
        The reason that all findings have, else the sentence of the check.
    holds_back : bool
        Whether rows are held back, or have a warning.
    columns : list of str
        The columns with findings.
    rows, count : int
        How many rows have findings, and how many findings there are: a row can have one in several columns.
    findings : list of Finding
        The first of them.
    reasons_differ : bool
        Whether the reasons differ from the title.
    """

    title: str
    holds_back: bool
    columns: list[str]
    rows: int
    count: int
    findings: list[Finding]
    reasons_differ: bool


def short_text(thing: Any) -> str:
    r"""Return a value of a frame as short text that can be written to a file.

    >>> short_text("half \ud83d"), short_text(None), len(short_text("x" * 1_000))
    ('half ?', 'null', 201)
    """
    if pd.api.types.is_scalar(thing) and pd.isna(thing):
        return "null"
    try:
        text = str(thing)
    except Exception:  # a cell whose str() fails must not fail the page
        text = f"<{type(thing).__name__}>"
    text = text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "\u2026"
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
    ...         "reason": "total: must be even",
    ...     }
    ... )
    >>> findings = Findings(cases, rows=3)
    >>> findings.total
    Tally(label=None, good=1, with_warnings=1, held_back=1)
    >>> findings.tallies(["city"])[1]
    Tally(label='city', good=2, with_warnings=1, held_back=0)
    """

    def __init__(self, cases: pd.DataFrame, rows: int, tallies: CaseTallies | None = None) -> None:
        self._cases = cases
        # Counts of all cases, if not all of them are here.
        self._tallies = tallies
        self._rows = max(rows, 1)
        self._positions: Ints = cases["position"].to_numpy(dtype=np.int64)
        self._is_error = cases["severity"].eq("error").to_numpy(dtype=bool)
        # The last label is for findings without a column.
        self._columns, labels = _codes_and_texts(cases["column"])
        self._labels: list[str | None] = [*labels, None]
        self._columns[self._columns < 0] = len(labels)
        held_back, with_warnings = self._count_rows(np.zeros(len(cases), dtype=np.int64), 1)
        total = held_back[0], with_warnings[0]
        if tallies is not None:
            total = np.int64(tallies.rows_held_back), np.int64(tallies.rows_with_warnings)
        self.total = self._make_tally(None, *total, rows)
        self._all_rows = rows

    @property
    def index_differs(self) -> bool:
        """Whether the labels of the index differ from positions."""
        labels = self._cases["index"].infer_objects()
        return not (pd.api.types.is_integer_dtype(labels) and np.array_equal(labels.to_numpy(), self._positions))

    def tallies(self, labels: Iterable[str]) -> list[Tally]:
        """Return a tally for each of a frame's columns and any other with findings; those with findings first."""
        held_back, with_warnings = self._count_rows(self._columns, len(self._labels))
        if self._tallies is not None:
            held_back, with_warnings = self._counts_by_label(self._tallies)
        found = {
            label: self._make_tally(label, held_back[code], with_warnings[code], self._all_rows)
            for code, label in enumerate(self._labels)
            if held_back[code] or with_warnings[code]
        }
        untouched = [
            Tally(label, self._all_rows, 0, 0) for label in dict.fromkeys(map(short_text, labels)) if label not in found
        ]
        worst_first = sorted(found.values(), key=lambda tally: (-tally.held_back, -tally.with_warnings))
        return worst_first + untouched

    def checks(self, *, show_values: bool, show_index: bool = False) -> tuple[list[CheckFindings], int]:
        """Return the checks with findings, those that hold rows back first, and how many more there are."""
        codes, found_names = pd.factorize(self._cases["check"].astype(object))
        names = pd.Index(found_names)
        keys = codes.astype(np.int64) * 2 + ~self._is_error
        rows = self._count_distinct_rows(keys, 2 * len(names))
        counts = np.bincount(keys, minlength=2 * len(names))
        totals = counts.copy()
        if self._tallies is not None:
            for (check, severity), tally in self._tallies.by_check.items():
                key = names.get_loc(check) * 2 + (severity != "error")
                rows[key] = tally[0]
                totals[key] = tally[1]
        found = sorted(np.flatnonzero(counts).tolist(), key=lambda key: (key % 2, -rows[key]))
        order = np.argsort(keys, kind="stable")
        starts = np.cumsum(counts) - counts
        reasons, wordings = pd.factorize(self._cases["reason"].astype(object))
        variants = np.sort(pd.unique((keys * len(self._labels) + self._columns) * len(wordings) + reasons))
        variants_from = np.searchsorted(variants, np.arange(2 * len(names) + 1) * len(self._labels) * len(wordings))
        shown = found[:MAX_CHECKS]
        limit = min(MAX_FINDINGS, _MAX_FINDINGS_OF_ALL_CHECKS // max(len(shown), 1))
        checks = []
        for key in shown:
            pairs = variants[variants_from[key] : variants_from[key + 1]]
            columns, reason_codes = pairs // len(wordings) % len(self._labels), pairs % len(wordings)
            labels = [self._labels[column] for column in pd.unique(columns)]
            first = zip(columns[:_MAX_REASONS], reason_codes[:_MAX_REASONS], strict=True)
            texts = {_without_label(self._labels[column], wordings[reason]) for column, reason in first}
            reasons_differ = len(texts) > 1 or len(reason_codes) > _MAX_REASONS
            name = short_text(names[key // 2])
            checks.append(
                CheckFindings(
                    title=CHECKS.get(name, name) if reasons_differ else texts.pop(),
                    holds_back=key % 2 == 0,
                    columns=[label for label in labels if label is not None],
                    rows=int(rows[key]),
                    count=int(totals[key]),
                    findings=self._first_findings(
                        order[starts[key] : starts[key] + min(limit, counts[key])], show_values, show_index
                    ),
                    reasons_differ=reasons_differ,
                )
            )
        return checks, len(found) - len(shown)

    def _counts_by_label(self, tallies: CaseTallies) -> tuple[Ints, Ints]:
        """Return how many rows are held back because of each label, and how many others have warnings."""
        counts = np.zeros((2, len(self._labels)), dtype=np.int64)
        places = {label: place for place, label in enumerate(self._labels)}
        for column, tally in tallies.by_column.items():
            counts[:, places[None if column is None else short_text(column)]] += tally
        return counts[0], counts[1]

    def _first_findings(self, places: Ints, show_values: bool, show_index: bool) -> list[Finding]:
        cases = self._cases.iloc[places]
        blank = [""] * len(cases)
        values = cases["value"] if show_values else blank
        labels = map(_index_text, cases["index"]) if show_index else blank
        columns = [self._labels[code] or "" for code in self._columns[places]]
        rows = zip(cases["position"], labels, columns, cases["reason"], values, strict=True)
        return [
            Finding(int(position), label, column, short_text(reason), short_text(value))
            for position, label, column, reason, value in rows
        ]

    def _count_rows(self, groups: Ints, count: int) -> tuple[Ints, Ints]:
        """Return how many rows of each group are held back, and how many of the others have warnings."""
        # Here pandas' unique takes a tenth of the time of numpy's.
        pairs = groups * self._rows + self._positions
        held_back, with_warnings = pd.unique(pairs[self._is_error]), pd.unique(pairs[~self._is_error])
        with_warnings = with_warnings[~pd.Series(with_warnings).isin(held_back).to_numpy()]
        return (
            np.bincount(held_back // self._rows, minlength=count),
            np.bincount(with_warnings // self._rows, minlength=count),
        )

    def _count_distinct_rows(self, groups: Ints, count: int) -> Ints:
        return np.bincount(pd.unique(groups * self._rows + self._positions) // self._rows, minlength=count)

    @staticmethod
    def _make_tally(label: str | None, held_back: np.int64, with_warnings: np.int64, rows: int) -> Tally:
        return Tally(label, int(rows - held_back - with_warnings), int(with_warnings), int(held_back))


def _codes_and_texts(column: pd.Series[Any]) -> tuple[Ints, list[str]]:
    """Return a code for each cell, -1 for null, and the texts of the codes."""
    codes, cells = pd.factorize(column.astype(object))
    if not len(cells):
        return codes.astype(np.int64), []
    numbers, texts = pd.factorize(np.array([short_text(cell) for cell in cells], dtype=object))
    return np.append(numbers, -1)[codes].astype(np.int64), [str(text) for text in texts]


def _index_text(label: Any) -> str:
    return short_text(", ".join(map(short_text, label)) if isinstance(label, tuple) else label)


def _without_label(label: str | None, reason: str) -> str:
    return short_text(reason).removeprefix(f"{label}: ")
