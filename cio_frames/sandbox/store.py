"""What was received, in SQLite: the log of requests and calls, and what came of them.

The calls of one request lie in one row, a line each, since a row for every call is what would make a sandbox
slow. State is derived from the log, in its order, and remembers how far it has come: so it can follow later
than the answer, and is whole again after a process was killed.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import orjson

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.intake import Kept, Problem
from cio_frames.sandbox.state import State

_VERSION = 2
_NEXT = "SELECT coalesce(max(number) + 1, 0) FROM requests"
_TABLES = f"""
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
    request INTEGER PRIMARY KEY REFERENCES requests,
    items TEXT,
    payloads BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS problems (
    position INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests,
    item INTEGER,
    message_id TEXT,
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS problems_message_id ON problems (message_id);
PRAGMA user_version = {_VERSION};
"""
# For how long it is remembered how much came in each second.
RECENT_SECONDS = 60
# A row of calls holds one body at most, half a megabyte.
_PAGE_ROWS = 20
# How long to wait for another sandbox that writes to the same file.
_WAIT_SECONDS = 30.0


class Request(NamedTuple):
    """One request and how it was answered."""

    received_at: str
    path: str
    status: int
    bytes: int
    calls: int
    strict: bool


class Receipt(NamedTuple):
    """A request with what came of it."""

    request: Request
    kept: Kept
    problems: Sequence[Problem]


class Stored(NamedTuple):
    """The calls of one request, as they were taken."""

    request: int
    received_at: str
    payloads: list[bytes]
    items: Sequence[int | None]


class Second(NamedTuple):
    """What came within one second of the clock."""

    at: int
    requests: int
    bytes: int


class Store:
    """The requests, calls and problems of a sandbox, and the state that follows from them.

    Parameters
    ----------
    file
        Where to keep them; None for a temporary database that ends with the store.
    assumed
        How the undocumented is decided.
    keeps_state
        Whether calls are applied, or only logged.
    """

    def __init__(
        self, file: str | Path | None = None, assumed: Assumed | None = None, *, keeps_state: bool = True
    ) -> None:
        # One connection for all threads, since a temporary database has only one.
        self._lock = Lock()
        self._connection = sqlite3.connect("" if file is None else file, _WAIT_SECONDS, check_same_thread=False)
        self._seen_version = 0
        # What was received can be read after the server has stopped: until nobody holds the store.
        self.close = weakref.finalize(self, self._connection.close)
        try:
            self._prepare()
            self.state = State(self._connection, assumed or Assumed()) if keeps_state else None
        except sqlite3.Error:
            self.close()
            raise
        # Of what another sandbox on the same file receives from now on, these two know nothing.
        counted = self.read("SELECT coalesce(sum(calls), 0), coalesce(sum(bytes), 0) FROM requests")
        self.calls_received, self.bytes_received = counted[0]
        self.recent: deque[Second] = deque([Second(0, 0, 0)], maxlen=RECENT_SECONDS)

    def _prepare(self) -> None:
        version, tables = self.read("SELECT * FROM pragma_user_version, (SELECT count(*) FROM sqlite_schema)")[0]
        if version != _VERSION and tables:
            raise sqlite3.DatabaseError("it holds something else, or comes from another version of this sandbox")
        # A killed process loses nothing that was answered; a power cut may, which a sandbox can afford.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -64000")
        self._connection.executescript(_TABLES)

    @property
    def next(self) -> int:
        """The number of the next request."""
        return int(self.read(_NEXT)[0][0])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Have the file alone for one transaction, all of it or nothing."""
        with self._lock, self._connection as connection:
            # At once, since what is read first decides what is written: another sandbox may be on the same file.
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._seen_version and self.state is not None:
                self.state.forget()
            self._seen_version = version
            yield connection

    def add(self, receipts: Sequence[Receipt]) -> None:
        """Store requests with what came of them, all or nothing."""
        with self._writing() as connection:
            numbered = list(enumerate(receipts, connection.execute(_NEXT).fetchone()[0]))
            connection.executemany(
                "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((number, *receipt.request) for number, receipt in numbered),
            )
            connection.executemany(
                "INSERT INTO calls VALUES (?, ?, ?)",
                (
                    (number, _text(receipt.kept.items), b"\n".join(receipt.kept.payloads))
                    for number, receipt in numbered
                    if receipt.kept.payloads
                ),
            )
            connection.executemany(
                "INSERT INTO problems (request, item, message_id, reason) VALUES (?, ?, ?, ?)",
                (
                    (number, problem.item, problem.message_id, problem.reason)
                    for number, receipt in numbered
                    for problem in receipt.problems
                ),
            )
        self._count([receipt.request for receipt in receipts])

    def _count(self, requests: Sequence[Request]) -> None:
        bytes_ = sum(request.bytes for request in requests)
        self.calls_received += sum(request.calls for request in requests)
        self.bytes_received += bytes_
        now, last = int(time.time()), self.recent[-1]
        if now != last.at:
            self.recent.append(last := Second(now, 0, 0))
        self.recent[-1] = Second(now, last.requests + len(requests), last.bytes + bytes_)

    def apply_some(self) -> bool:
        """Apply the calls of one more request to the state; return whether there was one."""
        if self.state is None:
            return False
        # Most of what it does it does in Python, so that a reader and the server get their turns in between.
        with self._writing() as connection:
            row = connection.execute(
                "SELECT request, received_at, payloads, items FROM calls JOIN requests ON number = request "
                "WHERE request >= ? ORDER BY request LIMIT 1",
                (self.state.next_request(),),
            ).fetchone()
            if row is None:
                return False
            try:
                ignored = self.state.apply(_stored(row))
            except BaseException:
                self.state.forget()
                raise
            connection.executemany(
                "INSERT INTO problems (request, item, message_id, reason) VALUES (?, ?, ?, ?)", ignored
            )
        return True

    def applied(self) -> int:
        """Return the number of the first request that was not applied yet."""
        with self._lock:
            return self.state.next_request() if self.state is not None else 0

    def catch_up(self) -> None:
        """Apply everything that was stored to the state."""
        while self.apply_some():
            pass

    def calls(self, first: int = 0) -> Iterator[Stored]:
        """Yield the calls by request, a page at a time, so that the server is not kept waiting."""
        while rows := self.read(
            "SELECT request, received_at, payloads, items FROM calls JOIN requests ON number = request "
            "WHERE request >= ? ORDER BY request LIMIT ?",
            (first, _PAGE_ROWS),
        ):
            first = rows[-1][0] + 1
            yield from map(_stored, rows)

    def requests(self) -> list[tuple[Any, ...]]:
        """Return number, path, status, bytes, calls and strict of every request."""
        return self.read("SELECT number, path, status, bytes, calls, strict FROM requests ORDER BY number")

    def problems(self) -> list[tuple[Any, ...]]:
        """Return request, item, message id and reason of every problem."""
        return self.read("SELECT request, item, message_id, reason FROM problems ORDER BY request, item, position")

    def settle(self) -> None:
        """Bring everything into the one file, so that it can be copied."""
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def read(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _text(items: Sequence[int] | None) -> str | None:
    return None if items is None else orjson.dumps(list(items)).decode()


def _stored(row: Sequence[Any]) -> Stored:
    request, received_at, payloads, items = row
    lines = payloads.split(b"\n")
    return Stored(request, received_at, lines, orjson.loads(items) if items else range(len(lines)))


def opened(file: str | Path | None, assumed: Assumed | None = None, *, keeps_state: bool = True) -> Store:
    """Open a store, or say why its file cannot be used."""
    try:
        return Store(file, assumed, keeps_state=keeps_state)
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"db={str(file)!r} cannot keep a sandbox: {error}. Pass a file of its own, or none."
        ) from error
