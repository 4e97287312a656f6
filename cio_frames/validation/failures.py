"""Failure cases: which rows break which check, and why, by position."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from cio_frames._util.arrays import Bools, Cells, Ints

Severity = Literal["error", "warning"]

FAILURE_COLUMNS = ["position", "column", "check", "severity", "value", "reason"]


def failure_cases(
    positions: Ints, column: Any, check: str, reasons: Any, *, severity: Severity = "error", values: Any = None
) -> pd.DataFrame:
    """Return one row per row of the frame that breaks a check.

    >>> failure_cases(np.array([3]), "total", "number", "total: must be a number")["position"].tolist()
    [3]
    """
    rows = pd.RangeIndex(len(positions))
    return pd.DataFrame(
        {
            "position": positions,
            "column": pd.Series([column] * len(rows), index=rows, dtype=object),
            "check": pd.Series(check, index=rows, dtype=object),
            "severity": pd.Series(severity, index=rows, dtype=object),
            "value": pd.Series(values, index=rows, dtype=object),
            "reason": pd.Series(reasons, index=rows, dtype=object),
        },
        columns=FAILURE_COLUMNS,
    )


def concat_failures(found: list[pd.DataFrame]) -> pd.DataFrame:
    """Return failure cases of several checks as one frame, by position."""
    nonempty = [cases for cases in found if len(cases)]
    if not nonempty:
        return _no_cases()
    return _sort_by_position(nonempty[0] if len(nonempty) == 1 else pd.concat(nonempty, ignore_index=True))


@cache
def _no_cases() -> pd.DataFrame:
    """Return an empty frame of failure cases, shared and never changed."""
    return failure_cases(np.empty(0, dtype=np.int64), None, "", None)


def _sort_by_position(cases: pd.DataFrame) -> pd.DataFrame:
    """Return failure cases in row order, without a copy if they are in order."""
    if cases["position"].is_monotonic_increasing:
        return cases
    return cases.sort_values("position", kind="stable", ignore_index=True)


def rows_by_reason(failures: pd.DataFrame, rows: int) -> tuple[Bools, Cells]:
    """Return which rows fail, and all reasons of each in one text.

    >>> cases = pd.DataFrame({"position": [1, 1], "reason": ["a: must be text", "b: must be a list"]})
    >>> failed, reasons = rows_by_reason(cases, 2)
    >>> failed.tolist(), reasons[1]
    ([False, True], 'a: must be text; b: must be a list')
    """
    failed = np.zeros(rows, dtype=bool)
    reasons = np.full(rows, None, dtype=object)
    if len(failures) == 0:
        return failed, reasons
    cases = _sort_by_position(failures)
    positions, texts = cases["position"].to_numpy(dtype=np.int64), cases["reason"].to_numpy(dtype=object)
    failed[positions] = True
    # The first reason of every row, then the second of those that have one: few rounds, each over whole columns.
    rounds = np.arange(len(positions)) - np.searchsorted(positions, positions)
    for number in range(rounds.max(initial=-1) + 1):
        current = rounds == number
        at = positions[current]
        reasons[at] = texts[current] if number == 0 else reasons[at] + "; " + texts[current]
    return failed, reasons
