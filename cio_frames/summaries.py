"""What a call or a load did, in a few lines: rows by status and reason, and warnings."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from cio_frames._util.engine_frames import driver_of
from cio_frames.errors import FrameError
from cio_frames.results import GOOD, RESULT_ATTRS
from cio_frames.validation import WarningCount, count_of, from_records, warning_lines, warning_summary

_MAX_LINES = 10


class CountedResult(Protocol):
    """What a summary needs of the result of a load."""

    @property
    def reasons(self) -> Mapping[tuple[str, str | None], int]:
        """How many rows have each status and reason."""

    @property
    def statuses(self) -> Mapping[str, int]:
        """How many rows have each status."""

    @property
    def warnings(self) -> tuple[WarningCount, ...]:
        """The warnings."""


class Summary:
    """How many rows have each status and reason, and which warnings there are.

    Attributes
    ----------
    counts : pandas.DataFrame
        Columns status, reason, rows; what was not delivered comes first.
    warnings : pandas.DataFrame
        Columns check, column, scope, rows, at_least, reason. The scope is ``row`` for what the result's ``warning``
        column has too, ``column`` for what one line says of a whole column, ``source`` for what shows only over all
        rows.
    rows : int
        How many rows there are.
    ok : bool
        Whether every row was delivered, or in a dry run would be sent.

    Examples
    --------
    >>> import cio_frames as cio
    >>> orders = pd.DataFrame({"user_id": ["ada", None], "store": ["Leeds", "York"]})
    >>> found = cio.summary(orders.cio.track("Order Completed", dry_run=True))
    >>> found.line, found.rows, found.ok
    ('1 ready, 1 invalid; 1 warning', 2, False)
    >>> found.counts["status"].tolist(), found.warnings["check"].tolist()
    (['invalid', 'ready'], ['unknown_property'])
    >>> found.warning_lines()
    ['store: not a known property of Order Completed (2 rows)']
    >>> found.as_dict()["counts"][1]
    {'status': 'ready', 'reason': None, 'rows': 1}
    """

    def __init__(self, counts: Mapping[tuple[str, str | None], int], warnings: tuple[WarningCount, ...]) -> None:
        ordered = sorted(counts.items(), key=lambda count: (count[0][0] in GOOD, -count[1]))
        self.counts = pd.DataFrame(
            [(status, reason, rows) for (status, reason), rows in ordered], columns=["status", "reason", "rows"]
        ).astype({"status": "string", "reason": "string", "rows": "int64"})
        self.warnings = warning_summary(warnings)
        self.rows = sum(counts.values())
        self.ok = all(status in GOOD for status, _ in counts)
        self._warning_lines = warning_lines(warnings)

    @property
    def line(self) -> str:
        """All in one line: ``4,826 delivered, 324 invalid; 2 warnings``."""
        by_status = self.counts.groupby("status", sort=False)["rows"].sum().iloc[::-1]
        statuses = ", ".join(f"{rows:,} {status}" for status, rows in by_status.items()) or "no rows"
        warnings = f"; {count_of(self._warning_lines, 'warning')}" if self._warning_lines else ""
        return f"{statuses}{warnings}"

    def warning_lines(self) -> list[str]:
        """Return the warnings as text, one line each; columns with the same warning share one."""
        return list(self._warning_lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON-compatible values."""
        counts = self.counts.astype(object).where(self.counts.notna(), None)
        return {
            "rows": self.rows,
            "ok": self.ok,
            "counts": counts.to_dict("records"),
            "warnings": self.warnings.astype(object).where(self.warnings.notna(), None).to_dict("records"),
        }

    def _lines(self) -> list[str]:
        counted = zip(self.counts["status"], self.counts["reason"].fillna(""), self.counts["rows"], strict=True)
        lines = [f"{rows:>12,} {status}  {reason}".rstrip() for status, reason, rows in counted]
        found = [*_shorten(lines, "reason"), *_shorten([f"warning: {line}" for line in self._warning_lines], "warning")]
        return found or ["no rows"]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def _shorten(lines: list[str], noun: str) -> list[str]:
    more = len(lines) - _MAX_LINES
    return lines if more <= 0 else [*lines[:_MAX_LINES], f"and {more:,} more {noun}{'' if more == 1 else 's'}"]


def summary(result: pd.DataFrame | CountedResult) -> Summary:
    """Count the rows of a result by status and reason, and list the warnings.

    Parameters
    ----------
    result : pandas.DataFrame or LoadResult
        A result frame, or the result of a load. Warnings about columns are those of the whole call, also if the frame
        has only some of its rows.

    Returns
    -------
    Summary

    Raises
    ------
    FrameError
        The frame is not a result frame.

    Examples
    --------
    >>> import cio_frames as cio
    >>> people = pd.DataFrame({"user_id": ["ada ", None, "bob"], "_margin": [0.2, 0.3, 0.1]})
    >>> summary(people.cio.identify(dry_run=True))
               1 invalid  user_id: required value is missing
               2 ready
    warning: user_id: id begins or ends with white space, and is another id than without; remove it (1 row)
    warning: _margin: name begins with an underscore, and the column is sent; leave it out if it is internal (3 rows)
    """
    if (driver := driver_of(result)) is not None:
        result = driver.count_answers(result)
    if not isinstance(result, pd.DataFrame):
        if not hasattr(result, "reasons"):
            raise FrameError(f"A result frame or a LoadResult is required, got {type(result).__name__}.")
        counts = Counter(result.reasons)
        unread = result.statuses.get("unsent", 0) - sum(
            rows for (status, _), rows in counts.items() if status == "unsent"
        )
        if unread > 0:
            counts["unsent", "not read yet"] += unread
        return Summary(counts, result.warnings)
    if not {"status", "reason"} <= set(result.columns):
        raise FrameError("The frame is not a result frame: it has no columns 'status' and 'reason'.")
    return Summary(_count_frame(result), _warnings_of_frame(result))


def _count_frame(result: pd.DataFrame) -> dict[tuple[str, str | None], int]:
    sizes = result.groupby([result["status"].astype("string"), result["reason"]], dropna=False, sort=False).size()
    keys: list[Any] = sizes.index.tolist()
    return {
        (str(status), None if pd.isna(reason) else str(reason)): int(rows)
        for (status, reason), rows in zip(keys, sizes.tolist(), strict=True)
    }


def _warnings_of_frame(result: pd.DataFrame) -> tuple[WarningCount, ...]:
    """Return the warnings that a result frame carries; of some of its rows, those of rows are counted anew."""
    kept = result.attrs.get(RESULT_ATTRS, {})
    warnings = from_records(kept.get("warnings", ()))
    if kept.get("rows") == len(result):
        return tuple(warnings)
    of_rows = result["warning"].value_counts() if "warning" in result.columns else pd.Series(dtype="int64")
    found = [WarningCount("", None, "row", int(rows), str(text)) for text, rows in of_rows.items()]
    return (*found, *(each for each in warnings if each.scope != "row"))
