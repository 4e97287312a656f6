"""What validation found, for people and for programs."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd

_ROWS_SHOWN = 20


class ValidationReport:
    """Which rows of a frame cannot be sent, and why.

    Attributes
    ----------
    rows : int
        How many rows were checked.
    failure_cases : pandas.DataFrame
        One row per broken check: position (from 0), index (the frame's label), column, check, value, reason.

    Examples
    --------
    >>> import cio_frames as cio
    >>> orders = pd.DataFrame({"user_id": ["ada", None], "total": [12.5, 3.0]})
    >>> report = cio.validate(orders, "track", "Order Completed")
    >>> report.ok, len(report), report.failure_cases["reason"].tolist()
    (False, 1, ['user_id: is missing, and is needed'])
    """

    def __init__(self, what: str, index: pd.Index[Any], failures: pd.DataFrame) -> None:
        self.what = what
        self.rows = len(index)
        labels = index.take(failures["position"].to_numpy(dtype=np.int64))
        self.failure_cases = failures.copy()
        self.failure_cases.insert(1, "index", pd.Series(list(labels), dtype=object))

    @property
    def ok(self) -> bool:
        """Whether every row can be sent."""
        return self.failure_cases.empty

    @property
    def rows_held_back(self) -> int:
        """How many rows cannot be sent."""
        return int(self.failure_cases["position"].nunique())

    def __len__(self) -> int:
        return self.rows_held_back

    def __bool__(self) -> bool:
        raise TypeError("A report is neither true nor false; ask report.ok, or len(report) for the rows held back.")

    def invalid(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a frame that cannot be sent, as they came."""
        return frame.iloc[np.unique(self.failure_cases["position"].to_numpy(dtype=np.int64))]

    def summary(self) -> pd.DataFrame:
        """Return one row per column and check: rows failing, their share, and the first positions."""
        grouped = self.failure_cases.groupby(["column", "check"], dropna=False, sort=False)["position"]
        found = grouped.agg(rows="nunique", first_positions=lambda places: sorted(set(places))[:5]).reset_index()
        found["rows"] = found["rows"].astype("int64")
        found.insert(3, "share", found["rows"] / max(self.rows, 1))
        return found.sort_values("rows", ascending=False, kind="stable", ignore_index=True)

    def __repr__(self) -> str:
        if self.ok:
            return f"<ValidationReport of {self.what}: all {self.rows:,} rows can be sent>"
        return f"<ValidationReport of {self.what}: {len(self):,} of {self.rows:,} rows cannot be sent>"

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it; values of cells stay out."""
        head = f"<p>{html.escape(repr(self)[1:-1])}</p>"
        if self.ok:
            return head
        shown = self.summary().head(_ROWS_SHOWN)
        shown = shown.assign(share=shown["share"].map("{:.1%}".format))
        return head + shown.to_html(index=False, escape=True, border=0)
