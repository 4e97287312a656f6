"""Suppressed ids and emails, and how many later calls were ignored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cio_frames.sandbox.people import PersonKey

if TYPE_CHECKING:
    import sqlite3

SUPPRESSION_TABLES = """
CREATE TABLE IF NOT EXISTS suppressed (
    number INTEGER PRIMARY KEY,
    id TEXT UNIQUE,
    email TEXT UNIQUE,
    suppressed_at TEXT NOT NULL,
    ignored_calls INTEGER NOT NULL
);
"""


class SuppressionList:
    """The suppressed ids of a sandbox, within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.clear_cache()

    def clear_cache(self) -> None:
        """Count the suppressed people again."""
        # Most workspaces have none, and then no call needs a query.
        self._has_any = bool(self._db.execute("SELECT count(*) FROM suppressed").fetchone()[0])

    def suppress(self, user_id: str | None, email: str | None, suppressed_at: str) -> None:
        """Suppress an id and the email of the same person."""
        self._db.execute("INSERT OR IGNORE INTO suppressed VALUES (NULL, ?, ?, ?, 0)", (user_id, email, suppressed_at))
        self._has_any = True

    def unsuppress(self, key: PersonKey) -> bool:
        """Remove an id or email, and its counterpart, from the list; return whether it was there."""
        number = self._find_entry(key)
        self._db.execute("DELETE FROM suppressed WHERE number = ?", (number,))
        self.clear_cache()
        return number is not None

    def count_if_suppressed(self, keys: Iterable[PersonKey]) -> bool:
        """Return whether a call about one of these people is ignored, and count it if so."""
        if not self._has_any:
            return False
        number = next((entry for key in keys if (entry := self._find_entry(key)) is not None), None)
        if number is None:
            return False
        self._db.execute("UPDATE suppressed SET ignored_calls = ignored_calls + 1 WHERE number = ?", (number,))
        return True

    def _find_entry(self, key: PersonKey) -> int | None:
        if key.kind not in ("id", "email"):
            return None
        row = self._db.execute(f"SELECT number FROM suppressed WHERE {key.kind} = ?", (key.value,)).fetchone()  # noqa: S608
        return None if row is None else int(row[0])
