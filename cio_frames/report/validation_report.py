"""What validation found, for people and for programs."""

from __future__ import annotations

import html
import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames import spec
from cio_frames.errors import FrameError
from cio_frames.report.facts import Facts

_ROWS_SHOWN = 20
# A person decides on the first few; programs have failure_cases.
_POSITIONS_SHOWN = 5


class ValidationReport:
    """Which rows of a frame cannot be sent, and why; which can be sent and deserve a look; and what the rows are like.

    ``len(report)`` is the number of rows held back.

    Attributes
    ----------
    what : str
        The call and event that rows were checked for.
    rows : int
        How many rows were checked.
    failure_cases : pandas.DataFrame
        One row per broken check: position (from 0), index (the frame's label), column, check, severity, value, reason.
        An ``error`` holds the row back, a ``warning`` lets it go.
    facts : Facts
        Sizes, requests, times and columns.
    spec_edition : str
        The edition of the vendor's API description that the checks were made from.
    against : str
        What rows were checked against, in words: the spec, with a plan of yours on top, a schema of your own.

    Examples
    --------
    >>> import cio_frames as cio
    >>> orders = pd.DataFrame({"user_id": ["ada", None], "total": [12.5, 3.0], "Total": [1, 2]})
    >>> report = cio.validate(orders, "track", "Order Completed")
    >>> report.ok, report.rows_held_back, report.rows_warned
    (False, 1, 1)
    >>> report.failure_cases[["position", "severity", "reason"]]
       position severity                                             reason
    0         0  warning  Total: is no property of Order Completed; did ...
    1         1    error                 user_id: is missing, and is needed
    2         1  warning  Total: is no property of Order Completed; did ...
    """

    def __init__(self, what: str, index: pd.Index[Any], failures: pd.DataFrame, facts: Facts, *, against: str) -> None:
        self.what = what
        self.against = against
        self.rows = len(index)
        self.facts = facts
        self.spec_edition = spec.read_api().edition
        labels = index.to_numpy(dtype=object)[failures["position"].to_numpy(dtype=np.int64)]
        self.failure_cases = failures.copy()
        self.failure_cases.insert(1, "index", pd.Series(labels, dtype=object))

    @property
    def ok(self) -> bool:
        """Whether every row can be sent."""
        return self.rows_held_back == 0

    @property
    def rows_held_back(self) -> int:
        """How many rows cannot be sent."""
        return len(self._positions("error"))

    @property
    def rows_warned(self) -> int:
        """How many rows can be sent, and have a warning."""
        return len(np.setdiff1d(self._positions("warning"), self._positions("error"), assume_unique=True))

    def _positions(self, severity: str) -> npt.NDArray[np.int64]:
        some = self.failure_cases["severity"].eq(severity).to_numpy(dtype=bool)
        return np.unique(self.failure_cases["position"].to_numpy(dtype=np.int64)[some])

    def __len__(self) -> int:
        return self.rows_held_back

    def __bool__(self) -> bool:
        raise TypeError("A report is neither true nor false; ask report.ok, or len(report) for the rows held back.")

    def invalid(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a frame that cannot be sent, as they came.

        Raises
        ------
        FrameError
            The frame has another number of rows than the one that was checked.

        Examples
        --------
        >>> import cio_frames as cio
        >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
        >>> cio.validate(people, "identify").invalid(people)["plan"].tolist()
        ['free']
        """
        if len(frame) != self.rows:
            raise FrameError(f"This frame has {len(frame):,} rows, and {self.rows:,} were checked; give that frame.")
        return frame.iloc[self._positions("error")]

    def summary(self) -> pd.DataFrame:
        """Return one row per column, check and severity: rows failing, their share, the first of them and why.

        Examples
        --------
        >>> import cio_frames as cio
        >>> orders = pd.DataFrame({"user_id": ["ada", "bob"], "total": ["much", 3]})
        >>> cio.validate(orders, "track", "Order Completed").summary()[["column", "rows", "share", "first_reason"]]
          column  rows  share               first_reason
        0  total     1    0.5  total: a number is needed
        """
        keys = ["column", "check", "severity"]
        grouped = self.failure_cases.groupby(keys, dropna=False, sort=False)
        found = grouped.agg(
            rows=("position", "nunique"), first_positions=("position", _first), first_reason=("reason", "first")
        ).reset_index()
        found["rows"] = found["rows"].astype("int64")
        found.insert(4, "share", found["rows"] / max(self.rows, 1))
        return found.sort_values(["severity", "rows"], ascending=[True, False], kind="stable", ignore_index=True)

    def to_html(self, path: str | PathLike[str], *, show_values: bool = False) -> None:
        """Write the report as one HTML page that needs nothing else, to be read, printed and passed on.

        Parameters
        ----------
        path : path-like
            Where to write it.
        show_values : bool
            Whether cells that fail, and their rows' index labels, are shown. They may be people's data, and stay out
            of the file if left out; positions are there either way.

        Examples
        --------
        >>> import tempfile
        >>> import cio_frames as cio
        >>> report = cio.validate(pd.DataFrame({"user_id": [None]}), "identify")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report.to_html(f"{folder}/report.html")
        ...     "The one row is held back" in Path(folder, "report.html").read_text(encoding="utf-8")
        True
        """
        from cio_frames.report.validation_page import page

        Path(path).write_text(page(self, show_values=show_values), encoding="utf-8")

    def to_parquet(self, path: str | PathLike[str], *, show_values: bool = False) -> None:
        """Write the failure cases as Parquet, with columns, index labels and values as text.

        Parameters
        ----------
        path : path-like
            Where to write them.
        show_values : bool
            Whether cells that fail, and their rows' index labels, are written; null if left out, since they may be
            people's data.

        Examples
        --------
        >>> import tempfile
        >>> import cio_frames as cio
        >>> report = cio.validate(pd.DataFrame({"user_id": ["ada"], "email": ["nobody"]}), "identify")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report.to_parquet(f"{folder}/cases.parquet")
        ...     pd.read_parquet(f"{folder}/cases.parquet")[["position", "column", "reason"]].to_numpy().tolist()
        [[0, 'email', 'email: not an email address']]
        """
        cases = self.failure_cases
        text = {
            name: cases[name].map(_writable, na_action="ignore").astype("string")
            if show_values or name == "column"
            else pd.Series(pd.NA, index=cases.index, dtype="string")
            for name in ("index", "column", "value")
        }
        words = {name: cases[name].map(_writable).astype("string") for name in ("check", "severity", "reason")}
        cases.assign(**text, **words).to_parquet(path, index=False)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as JSON for programs, and write it where a path is given; values of cells stay out.

        Parameters
        ----------
        path : path-like, optional
            Where to write it too.

        Returns
        -------
        str
            An object with what was checked and against what, ok, rows, rows_held_back, rows_warned, the summary as
            checks, and the facts: requests, body_bytes, largest_body_bytes, largest_call_bytes, earliest, latest,
            untimed, recent, columns.

        Examples
        --------
        >>> import json
        >>> import cio_frames as cio
        >>> report = cio.validate(pd.DataFrame({"user_id": ["ada"]}), "identify")
        >>> json.loads(report.to_json())["ok"]
        True
        """
        text = _writable(json.dumps(self._as_dict(), indent=2, ensure_ascii=False, default=str))
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _as_dict(self) -> dict[str, Any]:
        facts = self.facts
        summary = self.summary()
        summary["column"] = summary["column"].map(str, na_action="ignore")
        return {
            "what": self.what,
            "spec_edition": self.spec_edition,
            "against": self.against,
            "checked_at": facts.checked_at.isoformat(),
            "ok": self.ok,
            "rows": self.rows,
            "rows_held_back": self.rows_held_back,
            "rows_warned": self.rows_warned,
            "checks": json.loads(summary.to_json(orient="records")),
            "requests": facts.requests,
            "body_bytes": facts.body_bytes,
            "largest_body_bytes": _largest(facts.bodies),
            "largest_call_bytes": _largest(facts.call_bytes),
            "earliest": facts.earliest and facts.earliest.isoformat(),
            "latest": facts.latest and facts.latest.isoformat(),
            "untimed": facts.untimed,
            "recent": facts.recent,
            "columns": [
                {
                    "label": column.label,
                    "field": column.field,
                    "dtype": column.dtype,
                    "wire_type": column.wire_type,
                    "filled": column.filled,
                    "losses": dict(column.losses),
                }
                for column in facts.columns
            ],
        }

    def __repr__(self) -> str:
        warned = f", {self.rows_warned:,} with warnings" if self.rows_warned else ""
        if self.ok:
            return f"<ValidationReport of {self.what}: all {self.rows:,} rows can be sent{warned}>"
        return f"<ValidationReport of {self.what}: {len(self):,} of {self.rows:,} rows cannot be sent{warned}>"

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it; values of cells stay out."""
        head = f"<p>{html.escape(repr(self)[1:-1])}</p>"
        if self.failure_cases.empty:
            return head
        # The first reason says what a check's name says, and more.
        shown = self.summary().drop(columns="check").head(_ROWS_SHOWN)
        shown = shown.assign(share=shown["share"].map("{:.1%}".format))
        with pd.option_context("display.max_colwidth", None):
            return head + shown.to_html(index=False, escape=True, border=0)


def _largest(sizes: npt.NDArray[np.int64]) -> int | None:
    return int(sizes.max()) if len(sizes) else None


def _writable(thing: Any) -> str:
    """Return anything as text that a file can hold: half surrogates become question marks."""
    return str(thing).encode("utf-8", "replace").decode()


def _first(positions: pd.Series[int]) -> list[int]:
    # They come in order.
    return positions.drop_duplicates().head(_POSITIONS_SHOWN).tolist()
