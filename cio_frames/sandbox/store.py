"""What was received, in SQLite: one writer, one transaction a request."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox.intake import Kept, Problem

_TABLES = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY,
    received_at TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    strict INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    position INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests,
    type TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS problems (
    position INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests,
    item INTEGER,
    message_id TEXT,
    reason TEXT NOT NULL
);
PRAGMA user_version = 1;
"""
_PAGE_ROWS = 10_000


class Request(NamedTuple):
    """One request and how it was answered."""

    received_at: str
    path: str
    status: int
    bytes: int
    calls: int
    strict: bool


class StoredCall(NamedTuple):
    """One call as it was taken."""

    request: int
    received_at: str
    type: str
    payload: str


class Store:
    """The requests, calls and problems of a sandbox.

    Parameters
    ----------
    file
        Where to keep them; None for a temporary database that ends with the store.
    """

    def __init__(self, file: str | Path | None = None) -> None:
        # One connection for the server's thread and the reader's, since a temporary database has only one.
        self._lock = Lock()
        self._connection = sqlite3.connect("" if file is None else file, check_same_thread=False)
        # What was received can be read after the server has stopped: until nobody holds the store.
        self.close = weakref.finalize(self, self._connection.close)
        try:
            self._prepare()
        except sqlite3.Error:
            self.close()
            raise

    def _prepare(self) -> None:
        version, tables = self._read("SELECT * FROM pragma_user_version, (SELECT count(*) FROM sqlite_schema)")[0]
        if version != 1 and tables:
            raise sqlite3.DatabaseError("it holds something else")
        # A killed process loses nothing that was answered; a power cut may, which a sandbox can afford.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_TABLES)

    def add(self, request: Request, kept: Iterable[Kept], problems: Iterable[Problem]) -> None:
        """Store a request with what came of it, all or nothing."""
        with self._lock, self._connection as connection:
            number = connection.execute(
                "INSERT INTO requests SELECT coalesce(max(number) + 1, 0), ?, ?, ?, ?, ?, ? FROM requests",
                request,
            ).lastrowid
            connection.executemany(
                f"INSERT INTO calls (request, type, payload) VALUES ({number}, ?, ?)",  # noqa: S608 -- an int
                kept,
            )
            connection.executemany(
                "INSERT INTO problems (request, item, message_id, reason) VALUES (?, ?, ?, ?)",
                ((number, problem.item, problem.message_id, problem.reason) for problem in problems),
            )

    def calls(self) -> Iterator[StoredCall]:
        """Yield the calls in order of receipt, a page at a time, so that the server is not kept waiting."""
        after = 0
        while rows := self._read(
            "SELECT position, request, received_at, type, payload "
            "FROM calls JOIN requests ON number = request WHERE position > ? ORDER BY position LIMIT ?",
            (after, _PAGE_ROWS),
        ):
            after = rows[-1][0]
            yield from (StoredCall(*row[1:]) for row in rows)

    def requests(self) -> list[tuple[Any, ...]]:
        """Return number, path, status, bytes, calls and strict of every request."""
        return self._read("SELECT number, path, status, bytes, calls, strict FROM requests ORDER BY number")

    def problems(self) -> list[tuple[Any, ...]]:
        """Return request, item, message id and reason of every problem."""
        return self._read("SELECT request, item, message_id, reason FROM problems ORDER BY position")

    def settle(self) -> None:
        """Bring everything into the one file, so that it can be copied."""
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def opened(file: str | Path | None) -> Store:
    """Open a store, or say why its file cannot be used."""
    try:
        return Store(file)
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"db={str(file)!r} cannot keep a sandbox: {error}. Pass a file of its own, or none."
        ) from error
