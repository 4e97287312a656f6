"""The result of a load."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from cio_frames._util.own_files import write_own_text
from cio_frames.errors import Door, render
from cio_frames.loading.held_back import HeldBack, read_first_undelivered
from cio_frames.loading.notes import SourceNotes
from cio_frames.report.load_page import load_page
from cio_frames.report.run_facts import RunFacts
from cio_frames.results import GOOD
from cio_frames.validation import WarningCount, count_of, warning_lines


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The counts of a load, and where the result of every row is.

    Examples
    --------
    >>> import tempfile
    >>> import cio_frames as cio
    >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
    >>> with cio.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     result = cio.load(people, "identify", client=sandbox.client, output=folder)
    ...     results = result.frame()
    ...     result.to_report(f"{folder}/report.html")
    >>> result
    <LoadResult of identify, done: 1 delivered, 1 invalid>
    >>> result.statuses, result.ok, result.rows, result.rows_held_back, result.undelivered_rows
    ({'delivered': 1, 'invalid': 1}, False, 2, 1, 1)
    >>> results[["row", "status", "reason"]].to_numpy().tolist()[1]
    [1, 'invalid', 'user_id: required value is missing']
    >>> result.why, result.why_text("command line")
    ('', '')
    >>> result.as_dict()["reasons"]
    [{'status': 'invalid', 'reason': 'user_id: required value is missing', 'rows': 1}]

    Attributes
    ----------
    what : str
        The call and event.
    phase : {"done", "stopped", "dry run"}
        A load that is ``stopped`` is resumed by the same call.
    unrendered_why : str
        Why it stopped, or another remark, in words that differ by door; ``why`` has Python's.
    reasons : dict of (status, reason) to int
        How many rows have each status and reason; the reason is None for rows that were delivered.
    source_rows : int or None
        How many rows the source has, if known.
    resent : int
        Rows that more than one run has sent, with the same message ids, since no answer to an earlier run is known.
    bytes, requests : int
        Size of all calls, and number of all requests that were made (dry run: would be made).
    seconds : float
        How long this run took.
    rows_now : int
        How many rows this run has finished; the others were finished by earlier runs.
    results : Path, str or None
        The folder with the results: file, row (its position there, from 0), and the columns of a result frame, with
        ``resent``. Of a Dask or Spark frame, partition and row, the columns of ``keep``, and the same; an address as
        text, without its secrets, if ``output`` is one. :meth:`frame` reads either.
    undelivered : Path, str or None
        The undelivered rows with their reason; None if there are none. It is a file, or a folder of files if a column
        has types in the source that no single type can stand for; of a Dask or Spark frame, also an address.
    ledger : Path or None
        The record of what was done.
    as_of : str or None
        What stands for the time in the message ids of calls without a timestamp; None in a dry run. Pass it to send the
        rows again with the same ids.
    least_seconds : float
        Dry run: how long the requests take at least, at the client's rate limit.
    earliest, latest : pandas.Timestamp or None
        Dry run: the range of timestamps, in UTC.
    recent : dict of str to int
        Dry run: rows younger than 72 hours, or without a timestamp, by event; they can start campaigns.
    first_held_back : tuple of (file, row, status, reason)
        Dry run: the first five rows of each reason, and of those that are too large; of at most fifty reasons.
    notes : SourceNotes
        What was left out of the source, and what is not sent as it stands there; see its ``sentences()``.
    warnings : tuple of WarningCount
        What was sent, and is probably not what was meant: about rows, columns, or the source as a whole.
    run : RunFacts or None
        What this run was: source, destination, start, version, mapping, and how it went over time. None if nothing was
        read.
    reader : callable or None
        What :meth:`frame` calls, if the results are not the files of one folder on a disk.
    """

    what: str
    phase: str
    reasons: Mapping[tuple[str, str | None], int]
    source_rows: int | None = None
    unrendered_why: str = ""
    resent: int = 0
    bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    rows_now: int = 0
    results: Path | str | None = None
    undelivered: Path | str | None = None
    ledger: Path | None = None
    as_of: str | None = None
    least_seconds: float = 0.0
    earliest: pd.Timestamp | None = None
    latest: pd.Timestamp | None = None
    recent: Mapping[str, int] = field(default_factory=dict)
    first_held_back: tuple[HeldBack, ...] = ()
    notes: SourceNotes = field(default_factory=SourceNotes)
    warnings: tuple[WarningCount, ...] = ()
    run: RunFacts | None = None
    reader: Callable[[], pd.DataFrame] | None = field(default=None, compare=False)

    @property
    def why(self) -> str:
        """Why it stopped, or another remark."""
        return self.why_text()

    def why_text(self, door: Door = "python") -> str:
        """Return why it stopped, or another remark, in the words of one door."""
        return render(self.unrendered_why, door)

    @property
    def statuses(self) -> dict[str, int]:
        """How many rows have each status; rows that were not read yet are ``unsent``."""
        found: dict[str, int] = {}
        for (status, _), rows in self.reasons.items():
            found[status] = found.get(status, 0) + rows
        unread = (self.source_rows or 0) - sum(found.values())
        if unread > 0:
            found["unsent"] = found.get("unsent", 0) + unread
        return found

    @property
    def rows(self) -> int:
        """How many rows there are, as far as known."""
        return sum(self.statuses.values())

    @property
    def ok(self) -> bool:
        """Whether every row was delivered, or in a dry run would be sent."""
        return self.phase != "stopped" and set(self.statuses) <= GOOD

    @property
    def undelivered_rows(self) -> int:
        """How many rows were not delivered, or in a dry run would not be sent."""
        return sum(rows for status, rows in self.statuses.items() if status not in GOOD)

    @property
    def rows_held_back(self) -> int:
        """How many rows cannot be sent: invalid, or too large."""
        return self.statuses.get("invalid", 0) + self.statuses.get("too_large", 0)

    def frame(self) -> pd.DataFrame:
        """Return the results of all rows as one frame."""
        if self.reader is not None:
            return self.reader()
        if self.results is None:
            return pd.DataFrame()
        parts = sorted(Path(self.results).glob("*.parquet"))
        return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True) if parts else pd.DataFrame()

    def to_report(self, path: str | PathLike[str]) -> None:
        """Write a summary: HTML if the path ends in .html, JSON if not.

        The page has the first undelivered rows by their position, and no cell of any row.

        Raises
        ------
        ConfigurationError
            The path is one of a file that cio_frames did not write.
        """
        as_page = str(path).lower().endswith((".html", ".htm"))
        if as_page:
            undelivered = self.undelivered
            first = read_first_undelivered(undelivered) if isinstance(undelivered, Path) else self.first_held_back
            text = load_page(self, first_undelivered=first, undelivered_link=_link(self.undelivered, Path(path)))
        else:
            text = json.dumps(self.as_dict(), indent=2)
        write_own_text(path, text)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON-compatible values."""
        return {
            "what": self.what,
            "phase": self.phase,
            **_run_as_dict(self.run),
            "why": self.why,
            "rows": self.rows,
            "statuses": self.statuses,
            "reasons": [
                {"status": status, "reason": reason, "rows": rows}
                for (status, reason), rows in self.reasons.items()
                if reason is not None
            ],
            "warnings": [warning.as_dict() for warning in self.warnings],
            "resent": self.resent,
            "bytes": self.bytes,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "least_seconds": round(self.least_seconds, 3),
            "earliest": self.earliest and self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "recent": dict(self.recent),
            "first_held_back": [row._asdict() for row in self.first_held_back],
            **self.notes.as_dict(),
            "results": self.results and str(self.results),
            "undelivered": self.undelivered and str(self.undelivered),
            "ledger": self.ledger and str(self.ledger),
            "as_of": self.as_of,
        }

    def _repr_html_(self) -> str:
        """Return the result as a notebook shows it."""
        from cio_frames.report.notebook import load_output

        return load_output(self)

    def __repr__(self) -> str:
        counted = ", ".join(f"{rows:,} {status}" for status, rows in self.statuses.items())
        warnings = f"; {count_of(warning_lines(self.warnings), 'warning')}" if self.warnings else ""
        return f"<LoadResult of {self.what}, {self.phase}: {counted or 'no rows'}{warnings}>"


def _link(file: Path | str | None, page: Path) -> str | None:
    """Return a link from a page to a file, relative if possible; None if there is none, or it is at an address."""
    if not isinstance(file, Path):
        return None
    try:
        relative = os.path.relpath(file.resolve(), page.resolve().parent)
    except ValueError:  # another drive of Windows
        return file.resolve().as_uri()
    return quote(f"./{Path(relative).as_posix()}")


def _run_as_dict(run: RunFacts | None) -> dict[str, Any]:
    if run is None:
        return {}
    return {
        "source": run.source,
        "destination": run.destination,
        "started_at": run.started_at.isoformat(),
        "version": run.version,
        "mapping": [{"column": column, "field": field} for column, field in run.mapping],
    }
