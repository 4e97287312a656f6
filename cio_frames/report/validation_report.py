"""The result of validation, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames import spec
from cio_frames._util.own_files import is_own_text, refuse_to_replace, write_own_text
from cio_frames._util.private_files import make_private
from cio_frames._util.version import package_version
from cio_frames.errors import FrameError
from cio_frames.report.facts import Facts
from cio_frames.report.failure_cases import FailureCasesFile, encodable_text
from cio_frames.report.lines import SourcePart
from cio_frames.report.tallies import CaseTallies
from cio_frames.validation import MAX_FIRST_POSITIONS, WarningCount, count_of, warning_lines


class ValidationReport:
    """Which rows of a frame are invalid, and why; which have warnings; and facts about the rows.

    ``len(report)`` is the number of rows held back.

    Attributes
    ----------
    what : str
        The call and event that rows were checked for.
    rows : int
        How many rows were checked.
    failure_cases : pandas.DataFrame
        One row per broken check: position (from 0), index (the frame's label), column, check (a stable name), severity,
        value, reason. A row with an ``error`` is held back, one with a ``warning`` is sent. Of files, and of frames of
        engines, the first thousand of each column and check; all of them are counted.
    tallies : CaseTallies or None
        The counts of all cases, if not all of them are in ``failure_cases``.
    warnings : tuple of WarningCount
        All warnings, counted: of rows, and those about columns or all rows together, which no row is counted for.
    facts : Facts
        Sizes, requests, times and columns.
    spec_edition : str
        The edition of the vendor's API description that the checks are based on.
    against : str
        What rows were checked against: the spec, alone or with a tracking plan on top, or a schema.
    source : str or None
        The file, folder or address of the rows; ``"a DataFrame"`` for a frame.
    destination : str or None
        Where the client that was passed would send them, such as ``"Customer.io EU"``.
    parts : tuple of SourcePart
        Of files: which rows are in which.
    version : str
        The version of this package.

    Examples
    --------
    >>> import cio_frames as cio
    >>> orders = pd.DataFrame({"user_id": ["ada ", None], "total": [12.5, 3.0], "Total": [1, 2]})
    >>> report = cio.validate(orders, "track", "Order Completed")
    >>> report.ok, report.rows_held_back, report.rows_with_warnings
    (False, 1, 1)
    >>> report.failure_cases[["position", "severity", "check"]]
       position severity           check
    0         0  warning  id_white_space
    1         1    error    not_nullable
    >>> report.warning_lines()[1]
    "Total: not a known property of Order Completed; did you mean 'total'? (2 rows)"
    """

    def __init__(
        self,
        what: str,
        index: pd.Index[Any],
        failures: pd.DataFrame,
        facts: Facts,
        *,
        against: str,
        warnings: Sequence[WarningCount] = (),
        tallies: CaseTallies | None = None,
        source: str | None = None,
        source_changed: pd.Timestamp | None = None,
        destination: str | None = None,
        parts: Sequence[SourcePart] = (),
    ) -> None:
        self.what = what
        self.against = against
        self.source = source
        self.source_changed = source_changed
        self.destination = destination
        self.parts = tuple(parts)
        self.version = package_version()
        self.rows = len(index)
        self.facts = facts
        self.warnings = tuple(warnings)
        self.tallies = None if tallies is None or tallies.is_complete else tallies
        self.spec_edition = spec.read_api().edition
        labels = index.take(failures["position"].to_numpy(dtype=np.int64)).to_numpy(dtype=object)
        self.failure_cases = failures.copy()
        self.failure_cases.insert(1, "index", pd.Series(labels, dtype=object))

    @property
    def ok(self) -> bool:
        """Whether every row can be sent."""
        return self.rows_held_back == 0

    @property
    def rows_held_back(self) -> int:
        """How many rows cannot be sent."""
        if self.tallies is not None:
            return self.tallies.rows_held_back
        return len(self._positions_with("error"))

    @property
    def rows_with_warnings(self) -> int:
        """How many of the other rows have a warning."""
        if self.tallies is not None:
            return self.tallies.rows_with_warnings
        return len(np.setdiff1d(self._positions_with("warning"), self._positions_with("error"), assume_unique=True))

    def warning_lines(self) -> list[str]:
        """Return the warnings as text, one line each; columns with the same warning share one."""
        return warning_lines(self.warnings)

    def _positions_with(self, severity: str) -> npt.NDArray[np.int64]:
        has_severity = self.failure_cases["severity"].eq(severity).to_numpy(dtype=bool)
        return np.unique(self.failure_cases["position"].to_numpy(dtype=np.int64)[has_severity])

    def __len__(self) -> int:
        return self.rows_held_back

    def __bool__(self) -> bool:
        raise TypeError(
            "The truth value of a report is ambiguous. Use report.ok, or len(report) for the number of rows held back."
        )

    def invalid(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the invalid rows of a frame, unchanged.

        Raises
        ------
        FrameError
            The frame does not have as many rows as the one that was checked.

        Examples
        --------
        >>> import cio_frames as cio
        >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
        >>> cio.validate(people, "identify").invalid(people)["plan"].tolist()
        ['free']
        """
        if len(frame) != self.rows:
            raise FrameError(
                f"The frame has {len(frame):,} rows, but {self.rows:,} were checked. Pass the frame that was checked."
            )
        if self.tallies is not None:
            raise FrameError(
                "This report holds the first thousand failure cases of each column and check only, and so not all "
                "invalid rows. Find them with a dry run: the rows whose status is invalid."
            )
        return frame.iloc[self._positions_with("error")]

    def summary(self) -> pd.DataFrame:
        """Return one row per column, check and severity: failing rows, their share, first positions and first reason.

        Examples
        --------
        >>> import cio_frames as cio
        >>> orders = pd.DataFrame({"user_id": ["ada", "bob"], "total": ["much", 3]})
        >>> cio.validate(orders, "track", "Order Completed").summary()[["column", "check", "rows", "first_reason"]]
          column   check  rows             first_reason
        0  total  number     1  total: must be a number
        """
        keys = ["column", "check", "severity"]
        if self.tallies is None:
            grouped = self.failure_cases.groupby(keys, dropna=False, sort=False)
            found = grouped.agg(
                rows=("position", "nunique"),
                first_positions=("position", _first_positions),
                first_reason=("reason", "first"),
            ).reset_index()
        else:
            tallied = [
                (*kind, tally.rows, tally.first_positions, tally.first_reason)
                for kind, tally in self.tallies.by_kind.items()
            ]
            columns = [*keys, "rows", "first_positions", "first_reason"]
            found = pd.DataFrame(tallied, columns=columns).astype({"column": object, "first_reason": object})
        found["rows"] = found["rows"].astype("int64")
        found = _with_column_warnings(found, self.warnings)
        found.insert(4, "share", found["rows"] / max(self.rows, 1))
        return found.sort_values(["severity", "rows"], ascending=[True, False], kind="stable", ignore_index=True)

    def to_html(self, path: str | PathLike[str], *, show_values: bool = False) -> None:
        """Write the report as one HTML page that loads nothing else.

        Parameters
        ----------
        path : path-like
            Where to write it.
        show_values : bool
            Whether to include failing cells and the index labels of their rows. Default is False, since they may be
            people's data; positions are always included. With them, only the owner may read the file.

        Examples
        --------
        >>> import tempfile
        >>> import cio_frames as cio
        >>> report = cio.validate(pd.DataFrame({"user_id": [None]}), "identify")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report.to_html(f"{folder}/report.html")
        ...     "The one row is held back" in Path(folder, "report.html").read_text(encoding="utf-8")
        True

        Raises
        ------
        ConfigurationError
            The path is one of a file that cio_frames did not write.
        """
        from cio_frames.report.validation_page import validation_page

        refuse_to_replace(path, is_own_text)
        if show_values:
            make_private(Path(path))
        write_own_text(path, validation_page(self, show_values=show_values))

    def to_parquet(self, path: str | PathLike[str], *, show_values: bool = False) -> None:
        """Write the failure cases as Parquet, with columns, index labels and values as text.

        Parameters
        ----------
        path : path-like
            Where to write them.
        show_values : bool
            Whether to include failing cells and the index labels of their rows. Default is to write null, since they
            may be people's data.

        Examples
        --------
        >>> import tempfile
        >>> import cio_frames as cio
        >>> report = cio.validate(pd.DataFrame({"user_id": ["ada"], "email": ["nobody"]}), "identify")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report.to_parquet(f"{folder}/cases.parquet")
        ...     pd.read_parquet(f"{folder}/cases.parquet")[["position", "column", "reason"]].to_numpy().tolist()
        [[0, 'email', 'email: must be an email address']]

        Raises
        ------
        ConfigurationError
            The path is one of a file that is no table of failure cases.
        """
        with FailureCasesFile(path, show_values=show_values) as file:
            file.add(self.failure_cases)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as JSON for programs, without values of cells, and write it to a path if one is given.

        Parameters
        ----------
        path : path-like, optional
            Where to write it.

        Returns
        -------
        str
            An object with what was checked and against what, ok, rows, rows_held_back, rows_with_warnings, warnings,
            the summary as checks, and the facts: requests, body_bytes, largest_body_bytes, largest_call_bytes,
            earliest, latest, untimed, recent, columns.

        Examples
        --------
        >>> import json
        >>> import cio_frames as cio
        >>> report = cio.validate(pd.DataFrame({"user_id": ["ada"]}), "identify")
        >>> json.loads(report.to_json())["ok"]
        True
        """
        text = encodable_text(json.dumps(self._as_dict(), indent=2, ensure_ascii=False, default=str))
        if path is not None:
            write_own_text(path, text)
        return text

    def _as_dict(self) -> dict[str, Any]:
        facts = self.facts
        summary = self.summary()
        summary["column"] = summary["column"].map(str, na_action="ignore")
        return {
            "what": self.what,
            "spec_edition": self.spec_edition,
            "against": self.against,
            "source": self.source,
            "source_changed": self.source_changed and self.source_changed.isoformat(),
            "destination": self.destination,
            "version": self.version,
            "checked_at": facts.checked_at.isoformat(),
            "ok": self.ok,
            "rows": self.rows,
            "rows_held_back": self.rows_held_back,
            "rows_with_warnings": self.rows_with_warnings,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "checks": json.loads(summary.to_json(orient="records")),
            "requests": facts.requests,
            "body_bytes": facts.body_bytes,
            "largest_body_bytes": _largest_size(facts.bodies),
            "largest_call_bytes": _largest_size(facts.call_bytes),
            "earliest": facts.earliest and facts.earliest.isoformat(),
            "latest": facts.latest and facts.latest.isoformat(),
            "untimed": facts.untimed,
            "repeated_rows": facts.repeated_rows,
            "recent": facts.recent,
            "columns": [
                {
                    "label": column.label,
                    "field": column.field,
                    "dtype": column.dtype,
                    "wire_type": column.wire_type,
                    "filled": column.filled,
                    "distinct": column.distinct,
                    "distinct_is_cut": column.distinct_is_cut,
                    "losses": dict(column.losses),
                }
                for column in facts.column_facts
            ],
        }

    def __repr__(self) -> str:
        warnings = f", {self.rows_with_warnings:,} with warnings" if self.rows_with_warnings else ""
        about_columns = [each for each in self.warnings if each.scope != "row"]
        warnings += f"; {count_of(about_columns, 'warning')} about columns or all rows" if about_columns else ""
        if self.ok:
            return f"<ValidationReport of {self.what}: all {self.rows:,} rows can be sent{warnings}>"
        return f"<ValidationReport of {self.what}: {len(self):,} of {self.rows:,} rows cannot be sent{warnings}>"

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it, without values of cells."""
        from cio_frames.report.notebook import validation_output

        return validation_output(self)


def _with_column_warnings(summary: pd.DataFrame, warnings: Sequence[WarningCount]) -> pd.DataFrame:
    """Return a summary with the warnings that are about no single rows."""
    more = [
        {
            "column": each.column,
            "check": each.check,
            "severity": "warning",
            "rows": each.rows,
            "first_positions": list(each.first_positions),
            "first_reason": each.reason,
        }
        for each in warnings
        if each.scope != "row"
    ]
    if not more:
        return summary
    added = pd.DataFrame(more, columns=summary.columns).astype({"rows": "int64", "column": object})
    return pd.concat([summary, added], ignore_index=True) if len(summary) else added


def _largest_size(sizes: npt.NDArray[np.int64]) -> int | None:
    return int(sizes.max()) if len(sizes) else None


def _first_positions(positions: pd.Series[int]) -> list[int]:
    # People need the first few, which are in order; programs have failure_cases.
    return positions.drop_duplicates().head(MAX_FIRST_POSITIONS).tolist()
