"""What a load came to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cio_frames.report.load_page import load_page
from cio_frames.results import GOOD


class HeldBack(NamedTuple):
    """A row that cannot be sent: its file, or None among frames, its position there from 0, and why."""

    file: str | None
    row: int
    status: str
    reason: str | None

    def __str__(self) -> str:
        return f"row {self.row}{f' of {self.file}' if self.file else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load came to; the answer for every row is in its files.

    Examples
    --------
    >>> import tempfile
    >>> import cio_frames as cio
    >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
    >>> with cio.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     loaded = cio.load(people, "identify", client=sandbox.client, output=folder)
    ...     answers = loaded.frame()
    ...     loaded.to_report(f"{folder}/report.html")
    >>> loaded
    <LoadResult of identify, done: 1 delivered, 1 invalid>
    >>> loaded.statuses, loaded.ok, loaded.rows, loaded.rows_held_back
    ({'delivered': 1, 'invalid': 1}, False, 2, 1)
    >>> answers[["row", "status", "reason"]].to_numpy().tolist()[1]
    [1, 'invalid', 'user_id: is missing, and is needed']
    >>> loaded.as_dict()["reasons"]
    [{'status': 'invalid', 'reason': 'user_id: is missing, and is needed', 'rows': 1}]

    Attributes
    ----------
    what : str
        The call and event.
    state : {"done", "stopped", "dry run"}
        ``stopped``: the same command goes on where this one ended.
    why : str
        Why it was stopped, or what there is to know.
    reasons : dict of (status, reason) to int
        How many rows each applies to; the reason is None for rows that went well.
    source_rows : int or None
        How many rows the source has, where that is known.
    resent : int
        Rows that more than one run has sent, since the one before was killed or got no answer; with the same message
        ids each time.
    bytes, requests : int
        Of all calls that were written, and of all requests that were made, or would be.
    seconds : float
        How long this run took.
    rows_now : int
        How many rows this run has answered, or counted; the others were settled before.
    results : Path or None
        The folder with the answers: file, row (its position there, from 0), and the columns of a result frame, with
        ``resent``.
    rejects : Path or None
        The rows that were not delivered, with their reason; None where there are none. It is a file, or a folder of
        files where no one type of a column would send what files of the source say in it.
    ledger : Path or None
        Where it is known what was done.
    least_seconds : float
        Dry run: how long the requests take at the client's rate limit.
    earliest, latest : pandas.Timestamp or None
        Dry run: of the timestamps, in UTC.
    recent : dict of str to int
        Dry run: rows younger than 72 hours, or without a timestamp, by event; they can start campaigns.
    first_held_back : tuple of (file, row, status, reason)
        Dry run: the first five rows of each reason, and of those that are too large; of no more than fifty kinds.
    """

    what: str
    state: str
    reasons: Mapping[tuple[str, str | None], int]
    source_rows: int | None = None
    why: str = ""
    resent: int = 0
    bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    rows_now: int = 0
    results: Path | None = None
    rejects: Path | None = None
    ledger: Path | None = None
    least_seconds: float = 0.0
    earliest: pd.Timestamp | None = None
    latest: pd.Timestamp | None = None
    recent: Mapping[str, int] = field(default_factory=dict)
    first_held_back: tuple[HeldBack, ...] = ()

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
        """How many rows there are, as far as is known."""
        return sum(self.statuses.values())

    @property
    def ok(self) -> bool:
        """Whether every row was delivered, or could be."""
        return self.state != "stopped" and set(self.statuses) <= GOOD

    @property
    def undelivered(self) -> Path | None:
        """The rows that were not delivered, with their reason.

        >>> LoadResult("identify", "done", {}).undelivered is None
        True
        """
        return self.rejects

    @property
    def rows_held_back(self) -> int:
        """How many rows cannot be sent: invalid, or too large."""
        return self.statuses.get("invalid", 0) + self.statuses.get("too_large", 0)

    def frame(self) -> pd.DataFrame:
        """Return the answers of all rows as one frame."""
        if self.results is None:
            return pd.DataFrame()
        parts = sorted(self.results.glob("part-*.parquet"))
        return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True) if parts else pd.DataFrame()

    def to_report(self, path: str | PathLike[str]) -> None:
        """Write what the load came to: a page for people where the path ends in .html, JSON for programs elsewhere."""
        as_page = str(path).lower().endswith((".html", ".htm"))
        text = load_page(self) if as_page else json.dumps(self.as_dict(), indent=2)
        Path(path).write_text(text, encoding="utf-8")

    def as_dict(self) -> dict[str, Any]:
        """Return the facts for programs."""
        return {
            "what": self.what,
            "state": self.state,
            "why": self.why,
            "rows": self.rows,
            "statuses": self.statuses,
            "reasons": [
                {"status": status, "reason": reason, "rows": rows}
                for (status, reason), rows in self.reasons.items()
                if reason is not None
            ],
            "resent": self.resent,
            "bytes": self.bytes,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "least_seconds": round(self.least_seconds, 3),
            "earliest": self.earliest and self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "recent": dict(self.recent),
            "first_held_back": [row._asdict() for row in self.first_held_back],
            "results": self.results and str(self.results),
            "rejects": self.rejects and str(self.rejects),
            "ledger": self.ledger and str(self.ledger),
        }

    def __repr__(self) -> str:
        counted = ", ".join(f"{rows:,} {status}" for status, rows in self.statuses.items())
        return f"<LoadResult of {self.what}, {self.state}: {counted or 'no rows'}>"
