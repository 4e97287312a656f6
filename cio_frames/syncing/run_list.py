"""The runs of a sync state as a list, in the form of the list of loads, also while one of them is running."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames.errors import Door, render
from cio_frames.loading.lock import is_locked
from cio_frames.results import GOOD
from cio_frames.syncing.state import APPLICATION_ID, lock_path_of, translate_state_errors

_RUNS_LISTED = 10
# Where SQLite has the application id in a file.
_ID_AT, _ID_BYTES = 68, 4
_LISTED_KINDS = ("sync", "baseline")


def is_state_file(path: Path) -> bool:
    """Return whether a file is a sync state, by its first bytes.

    >>> is_state_file(Path("nothing.sqlite"))
    False
    """
    try:
        with path.open("rb") as file:
            start = file.read(_ID_AT + _ID_BYTES)
    except OSError:
        return False
    return start[_ID_AT:] == APPLICATION_ID.to_bytes(_ID_BYTES, "big")


def runs_in(path: Path, *, door: Door = "python") -> pd.DataFrame:
    """Return the last syncs and baselines of a state; nothing is locked or changed.

    Returns
    -------
    pandas.DataFrame
        Columns load (the number of the run), kind, source, call, event, phase, why, rows, rows_done, delivered,
        started_at, ended_at, as_of. The phase is running, stopped, killed or done.

    Raises
    ------
    ConfigurationError
        The file is damaged.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with translate_state_errors(path), closing(sqlite3.connect(uri, uri=True)) as database:
        call = database.execute("SELECT value FROM facts WHERE name = 'call'").fetchone()
        runs = database.execute(
            "SELECT run, kind, source, phase, why, counts, started_at, ended_at, as_of FROM runs "
            "WHERE kind IN (?,?) ORDER BY run DESC LIMIT ?",
            (*_LISTED_KINDS, _RUNS_LISTED),
        ).fetchall()
    name, _, event = ("" if call is None else str(json.loads(call[0]))).partition(" ")
    is_running = is_locked(lock_path_of(path))
    found: list[dict[str, Any]] = []
    for number, kind, source, phase, why, counts, started_at, ended_at, as_of in reversed(runs):
        statuses = json.loads(counts) if counts else {}
        ended = "killed" if phase == "running" and not is_running else phase
        found.append(
            {
                "load": number,
                "kind": kind,
                "source": source,
                "call": name,
                "event": event or None,
                "phase": ended,
                "why": None if why is None else render(why, door),
                "rows": sum(statuses.values()) if statuses else None,
                "rows_done": sum(rows for status, rows in statuses.items() if status not in ("unsent", "unknown")),
                "delivered": sum(rows for status, rows in statuses.items() if status in GOOD - {"unchanged"}),
                "started_at": started_at,
                "ended_at": ended_at,
                "as_of": as_of,
            }
        )
    columns = ("load", "kind", "source", "call", "event", "phase", "why", "rows", "rows_done", "delivered")
    return pd.DataFrame(found, columns=pd.Index([*columns, "started_at", "ended_at", "as_of"]))
