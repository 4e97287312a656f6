"""Everything that was received, in SQLite: the log of requests and calls, and the workspace that follows from it.

The calls of one request are one row, a line each, since one row per call would make a sandbox slow. The workspace is
derived from the log, in its order, and records its progress: so it can follow later than the response, and is complete
again after a process was killed.
"""

from __future__ import annotations

import os
import re
import sqlite3
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import orjson

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.parsing import BAD_JSON, CALL_SIZE_PREFIX, AcceptedCalls, Problem
from cio_frames.sandbox.people import PERSON_CACHE_SIZE
from cio_frames.sandbox.workspace import REPEATED_MESSAGE_ID, IgnoredCall, Workspace, add_totals

_FORMAT_VERSION = 4
_NEXT_REQUEST = "SELECT coalesce(max(number) + 1, 0) FROM requests"
_LOG_TABLES = f"""
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
CREATE TABLE IF NOT EXISTS call_counts (
    request INTEGER NOT NULL REFERENCES requests,
    type TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (request, type)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problems (
    number INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests,
    item INTEGER,
    message_id TEXT,
    reason TEXT NOT NULL,
    call TEXT,
    summary TEXT NOT NULL,
    is_repeat INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS problems_message_id ON problems (message_id);
CREATE INDEX IF NOT EXISTS problems_request ON problems (request);
CREATE INDEX IF NOT EXISTS problems_summary ON problems (summary) WHERE NOT is_repeat;
CREATE TABLE IF NOT EXISTS totals (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
PRAGMA user_version = {_FORMAT_VERSION};
"""
_INSERT_PROBLEM = (
    "INSERT INTO problems (request, item, message_id, reason, call, summary, is_repeat) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_RECEIVED_TABLES = ("requests", "calls", "call_counts", "problems", "totals")
_CALL_SIZE = re.compile(rf"{CALL_SIZE_PREFIX} [\d,]+ bytes")
_SELECT_CALLS = "SELECT request, received_at, payloads, items FROM calls JOIN requests ON number = request"
# A row of calls holds one body, of half a megabyte at most.
_REQUESTS_PER_PAGE = 20
# The timeout for another sandbox that writes to the same file.
_LOCK_TIMEOUT_SECONDS = 30.0


class RequestLine(NamedTuple):
    """One request and the status of its response."""

    received_at: str
    path: str
    status: int
    bytes: int
    calls: int
    strict: bool


class LogEntry(NamedTuple):
    """A request with its accepted calls and its problems."""

    request: RequestLine
    accepted: AcceptedCalls
    problems: Sequence[Problem]


class StoredCalls(NamedTuple):
    """The accepted calls of one request."""

    request: int
    received_at: str
    payloads: list[bytes]
    items: Sequence[int | None]


class Store:
    """The requests, calls and problems of a sandbox, and the workspace that follows from them.

    Parameters
    ----------
    file
        The SQLite file; None for a temporary database that ends with the store.
    assumptions
        How undocumented behavior is decided.
    keeps_state
        Whether calls are applied, or only logged.
    person_cache_size
        How many people are found without a query.
    """

    def __init__(
        self,
        file: str | Path | None = None,
        assumptions: Assumptions | None = None,
        *,
        keeps_state: bool = True,
        person_cache_size: int = PERSON_CACHE_SIZE,
    ) -> None:
        # One connection for all threads, since a temporary database has only one.
        self._lock = Lock()
        path = "" if file is None else file
        if file is not None:
            _create_private_file(file)
        self._connection = sqlite3.connect(path, _LOCK_TIMEOUT_SECONDS, check_same_thread=False)
        self._last_data_version = 0
        # The log can be read after the server has stopped: until nothing refers to the store.
        self.close = weakref.finalize(self, self._connection.close)
        try:
            self._prepare_file()
            self.workspace = (
                Workspace(self._connection, assumptions or Assumptions(), person_cache_size=person_cache_size)
                if keeps_state
                else None
            )
        except sqlite3.Error:
            self.close()
            raise

    def _prepare_file(self) -> None:
        version = self.read("PRAGMA user_version")[0][0]
        tables = {name for (name,) in self.read("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if tables and not {"requests", "calls", "problems"} <= tables:
            raise sqlite3.DatabaseError("it is a SQLite database, but not a sandbox's")
        if tables and version != _FORMAT_VERSION:
            raise sqlite3.DatabaseError(
                f"it has the unsupported format {version} of another version of cio_frames; this version has "
                f"{_FORMAT_VERSION}"
            )
        # A killed process loses no request that was answered; a power failure may, which a sandbox can afford.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -64000")
        self._connection.executescript(_LOG_TABLES)

    @property
    def next_number(self) -> int:
        """The number of the next request."""
        return int(self.read(_NEXT_REQUEST)[0][0])

    @property
    def call_count(self) -> int:
        """The number of accepted calls."""
        return int(self.read("SELECT coalesce(sum(count), 0) FROM totals WHERE kind = 'call'")[0][0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Lock the file for one transaction."""
        with self._lock, self._connection as connection:
            # Immediate, since reads decide the writes: another sandbox may use the same file.
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._last_data_version and self.workspace is not None:
                self.workspace.clear_cache()
            self._last_data_version = version
            yield connection

    def add(self, entries: Sequence[LogEntry]) -> None:
        """Store requests with their calls and problems, all or none."""
        with self._transaction() as connection:
            numbered = list(enumerate(entries, connection.execute(_NEXT_REQUEST).fetchone()[0]))
            connection.executemany(
                "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((number, *entry.request) for number, entry in numbered),
            )
            connection.executemany(
                "INSERT INTO calls VALUES (?, ?, ?)",
                (
                    (number, _dump_items(entry.accepted.items), b"\n".join(entry.accepted.payloads))
                    for number, entry in numbered
                    if entry.accepted.payloads
                ),
            )
            connection.executemany(
                "INSERT INTO call_counts VALUES (?, ?, ?)",
                ((number, *count) for number, entry in numbered for count in entry.accepted.types.items()),
            )
            call_totals = Counter[str]()
            for entry in entries:
                call_totals.update(entry.accepted.types)
            add_totals(connection, "call", call_totals)
            add_totals(connection, "bytes", {"": sum(entry.request.bytes for entry in entries)})
            _insert_problems(
                connection,
                [
                    IgnoredCall(number, problem.item, problem.message_id, problem.reason, problem.call)
                    for number, entry in numbered
                    for problem in entry.problems
                ],
            )

    def apply_next(self) -> bool:
        """Apply the calls of one more request to the workspace; return whether there was one."""
        if self.workspace is None:
            return False
        # Most of the work is Python, so that readers and the server get their turns in between.
        with self._transaction() as connection:
            row = connection.execute(
                f"{_SELECT_CALLS} WHERE request >= ? ORDER BY request LIMIT 1", (self.workspace.next_request(),)
            ).fetchone()
            if row is None:
                return False
            try:
                ignored = self.workspace.apply(_read_stored_calls(row))
            except BaseException:
                self.workspace.clear_cache()
                raise
            _insert_problems(connection, ignored)
        return True

    def next_unapplied(self) -> int:
        """Return the number of the first request that was not applied yet."""
        with self._lock:
            return self.workspace.next_request() if self.workspace is not None else 0

    def catch_up(self) -> None:
        """Apply all stored calls to the workspace."""
        while self.apply_next():
            pass

    def calls(self, first: int = 0) -> Iterator[StoredCalls]:
        """Yield the calls by request, a page at a time, so that the server need not wait."""
        query = f"{_SELECT_CALLS} WHERE request >= ? ORDER BY request LIMIT ?"
        while rows := self.read(query, (first, _REQUESTS_PER_PAGE)):
            first = rows[-1][0] + 1
            yield from map(_read_stored_calls, rows)

    def requests(self) -> list[tuple[Any, ...]]:
        """Return number, path, status, bytes, calls and strict of every request."""
        return self.read("SELECT number, path, status, bytes, calls, strict FROM requests ORDER BY number")

    def problems(self) -> list[tuple[Any, ...]]:
        """Return request, item, message id and reason of every problem."""
        return self.read("SELECT request, item, message_id, reason FROM problems ORDER BY request, item, number")

    def clear(self) -> None:
        """Delete everything that was received."""
        with self._transaction() as connection:
            for table in _RECEIVED_TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- names of this module
            if self.workspace is not None:
                self.workspace.clear()

    def checkpoint(self) -> None:
        """Write everything into the one file, so that it can be copied."""
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def read(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _insert_problems(connection: sqlite3.Connection, problems: Sequence[IgnoredCall]) -> None:
    rows = [
        (*problem, _summarize_reason(problem.reason), problem.reason == REPEATED_MESSAGE_ID) for problem in problems
    ]
    connection.executemany(_INSERT_PROBLEM, rows)
    add_totals(connection, "problem", Counter(summary for *_, summary, is_repeat in rows if not is_repeat))


def _summarize_reason(reason: str) -> str:
    """Return a reason without what differs from call to call, so that equal problems are counted together.

    >>> _summarize_reason("call is 40,235 bytes; the limit is 32,768")
    'call is … bytes; the limit is 32,768'
    """
    if reason.startswith(BAD_JSON):
        return BAD_JSON
    return _CALL_SIZE.sub(f"{CALL_SIZE_PREFIX} … bytes", reason)


def _create_private_file(file: str | Path) -> None:
    """Create the file with access for its owner alone, since calls contain people's data."""
    # Where this fails, SQLite opens the existing file or states the reason.
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _dump_items(items: Sequence[int] | None) -> str | None:
    return None if items is None else orjson.dumps(list(items)).decode()


def _read_stored_calls(row: Sequence[Any]) -> StoredCalls:
    request, received_at, payloads, items = row
    lines = payloads.split(b"\n")
    return StoredCalls(request, received_at, lines, orjson.loads(items) if items else range(len(lines)))


def open_store(file: str | Path | None, assumptions: Assumptions | None = None, *, keeps_state: bool = True) -> Store:
    """Open a store; raise ConfigurationError if its file is not usable."""
    try:
        return Store(file, assumptions, keeps_state=keeps_state)
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"Cannot use {parameter('db', str(file))}: {error}. Pass the path of a new file, or omit it for a "
            "temporary database."
        ) from error
