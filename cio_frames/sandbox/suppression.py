"""Whom nobody may know: suppressed ids and emails, and how often they were sent all the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cio_frames.sandbox.people import Key

TABLES = """
CREATE TABLE IF NOT EXISTS suppressed (
    number INTEGER PRIMARY KEY,
    id TEXT UNIQUE,
    email TEXT UNIQUE,
    suppressed_at TEXT NOT NULL,
    ignored INTEGER NOT NULL
);
"""


class Suppression:
    """The suppressed ids of a sandbox; everything within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.forget()

    def forget(self) -> None:
        """Count anew."""
        # Most workspaces have none, and then no call has to be looked up.
        self._any = bool(self._db.execute("SELECT count(*) FROM suppressed").fetchone()[0])

    def add(self, user_id: str | None, email: str | None, at: str) -> None:
        """Suppress an id and the email of the same person."""
        self._db.execute("INSERT OR IGNORE INTO suppressed VALUES (NULL, ?, ?, ?, 0)", (user_id, email, at))
        self._any = True

    def free(self, key: Key) -> bool:
        """Free an id or email, and what was suppressed with it; tell whether it was suppressed."""
        number = self._number(key)
        self._db.execute("DELETE FROM suppressed WHERE number = ?", (number,))
        self.forget()
        return number is not None

    def blocks(self, keys: Iterable[Key]) -> bool:
        """Tell whether a call about one of these is ignored, and count it."""
        number = next((found for key in keys if (found := self._number(key)) is not None), None) if self._any else None
        if number is None:
            return False
        self._db.execute("UPDATE suppressed SET ignored = ignored + 1 WHERE number = ?", (number,))
        return True

    def _number(self, key: Key) -> int | None:
        if key.kind not in ("id", "email"):
            return None
        row = self._db.execute(f"SELECT number FROM suppressed WHERE {key.kind} = ?", (key.value,)).fetchone()  # noqa: S608
        return None if row is None else int(row[0])
