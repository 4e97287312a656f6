"""What loads have done so far: one SQLite file, written before a batch leaves and after it is answered.

So a load that was killed knows which rows were answered, which were on their way, and which never left. No cell of any
row is in it, and of the write key no more than a few digits of a hash, which tell it from another one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames._util.arrays import Ints
from cio_frames.delivery.dispatcher import Outcome
from cio_frames.errors import ConfigurationError
from cio_frames.loading.lock import exclusive_lock, is_locked
from cio_frames.results import GOOD, Status

_TABLES = """
CREATE TABLE IF NOT EXISTS loads (
    load INTEGER PRIMARY KEY, source TEXT NOT NULL, call TEXT NOT NULL, event TEXT, asked TEXT NOT NULL,
    state TEXT NOT NULL, why TEXT, rows INTEGER, output TEXT NOT NULL, begun_at TEXT NOT NULL, ended_at TEXT,
    next_batch INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS chunks (
    load INTEGER, chunk INTEGER, file TEXT, first_row INTEGER, rows INTEGER, state TEXT NOT NULL, counts TEXT,
    bytes INTEGER, requests INTEGER, resent INTEGER, calls BLOB, content TEXT, PRIMARY KEY (load, chunk));
CREATE TABLE IF NOT EXISTS sent (load INTEGER, chunk INTEGER, positions BLOB NOT NULL, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    load INTEGER, chunk INTEGER, positions BLOB NOT NULL, status TEXT NOT NULL, reason TEXT, batch INTEGER,
    http_status INTEGER, attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sent_by_chunk ON sent (load, chunk);
CREATE INDEX IF NOT EXISTS outcomes_by_chunk ON outcomes (load, chunk);
"""

# Of the tables above; a ledger of other tables cannot be gone on with.
_VERSION = 2

_NAME_ONE = "Name the ledger.sqlite of a load; it is in the load's output, or where its ledger= (--ledger) said."
_BRING_BACK = "Bring back a copy of it, or name another ledger and output, and all is sent again."
_MAKE_ROOM = "Make room for it, or mend the permissions of file and folder, and run the same again."

# Statuses that a later run does not change.
SETTLED: frozenset[Status] = frozenset(("delivered", "acknowledged", "rejected", "invalid", "too_large"))


@dataclass(frozen=True, slots=True)
class Begun:
    """A load as the ledger knows it.

    Attributes
    ----------
    load : int
        Its number.
    asked : dict
        What it was asked to do: source, columns, endpoint, limits.
    state : str
        ``running``, ``stopped`` or ``done``. One that is running and not at work was killed.
    output : str
        Where its answers are.
    rows : int or None
        How many rows the source has, where that is known.
    """

    load: int
    asked: Mapping[str, Any]
    state: str
    output: str
    rows: int | None


class Ledger:
    """An open ledger file, which nobody else may write meanwhile.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
    ...     number = ledger.begin("orders.parquet", "track", "Order Completed", {}, 10, "out")
    ...     ledger.leaving(number, 0, np.array([0, 1]), "a3")
    ...     times, attempts = ledger.tries(number, 0, 3)
    >>> times.tolist()
    [1, 1, 0]

    Raises
    ------
    ConfigurationError
        The file cannot be written, is no ledger, or is at work in another process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Lanes write as they send.
        self._lock = threading.Lock()
        with _told(path):
            _refuse_other_database(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._guard = exclusive_lock(
                _lock_of(path),
                f"Another load is at work on the ledger {path}. Wait for it to end, or give this one a ledger of its "
                "own.",
            )
            # What was about to leave must be known also after the power is cut. An answer that is lost then means no
            # more than that its rows are sent again, with the same ids; so that need not wait for the disk.
            self._database = _opened(path, synchronous="FULL")
            self._answers = _opened(path, synchronous="NORMAL")
            _make_tables(self._database, path)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and let others at it."""
        with self._lock:
            self._answers.close()
            self._database.close()
            self._guard.close()

    def find(self, source: str, call: str, event: str | None) -> Begun | None:
        """Return the latest load of this source and call."""
        found = self._rows(
            "SELECT load, asked, state, output, rows FROM loads WHERE source = ? AND call = ? AND event IS ? "
            "ORDER BY load DESC LIMIT 1",
            (source, call, event),
        )
        return next((Begun(load, json.loads(asked), state, out, rows) for load, asked, state, out, rows in found), None)

    def sources(self) -> list[str]:
        """Return what was loaded so far, each once."""
        return [source for (source,) in self._rows("SELECT DISTINCT source FROM loads ORDER BY source", ())]

    def begin(
        self, source: str, call: str, event: str | None, asked: Mapping[str, Any], rows: int | None, output: str
    ) -> int:
        """Note a new load, forget those of the same source and call before it, and return its number."""
        with self._writing() as database:
            same = "SELECT load FROM loads WHERE source = ? AND call = ? AND event IS ?"
            for (earlier,) in database.execute(same, (source, call, event)).fetchall():
                for table in ("outcomes", "sent", "chunks", "loads"):
                    database.execute(f"DELETE FROM {table} WHERE load = ?", (earlier,))  # noqa: S608 -- names of ours
            cursor = database.execute(
                "INSERT INTO loads (source, call, event, asked, state, rows, output, begun_at) "
                "VALUES (?,?,?,?,?,?,?,?)",
                (source, call, event, _json(asked), "running", rows, output, _now()),
            )
            return int(cursor.lastrowid or 0)

    def go_on(self, load: int, asked: Mapping[str, Any], output: str) -> None:
        """Note that a load is at work again, what it is asked now, and where its answers are."""
        with self._writing() as database:
            database.execute(
                "UPDATE loads SET state = 'running', why = NULL, ended_at = NULL, asked = ?, output = ? WHERE load = ?",
                (_json(asked), output, load),
            )

    def ask(self, load: int, asked: Mapping[str, Any]) -> None:
        """Note what a load is tied to from now on."""
        with self._writing() as database:
            database.execute("UPDATE loads SET asked = ? WHERE load = ?", (_json(asked), load))

    def end(self, load: int, state: str, why: str = "") -> None:
        """Note that a load is done, or why it was stopped."""
        with self._writing() as database:
            database.execute(
                "UPDATE loads SET state = ?, why = ?, ended_at = ? WHERE load = ?", (state, why or None, _now(), load)
            )

    def leaving(self, load: int, chunk: int, positions: Ints, content: str) -> None:
        """Note a batch that is about to leave: its rows, by position in the chunk, and a hash of its payloads."""
        with self._writing() as database:
            database.execute("INSERT INTO sent VALUES (?,?,?,?)", (load, chunk, _packed(positions), content))

    def answered(self, load: int, chunk: int, outcome: Outcome) -> None:
        """Note what became of some rows."""
        values = (outcome.status, outcome.reason, outcome.batch, outcome.http_status, outcome.attempts)
        with self._writing(self._answers) as database:
            database.execute(
                "INSERT INTO outcomes VALUES (?,?,?,?,?,?,?,?)", (load, chunk, _packed(outcome.rows), *values)
            )

    def outcomes(self, load: int, chunk: int) -> Iterator[Outcome]:
        """Yield what is known of a chunk's rows, the latest last."""
        for positions, *values in self._rows(
            "SELECT positions, status, batch, attempts, http_status, reason FROM outcomes "
            "WHERE load = ? AND chunk = ? ORDER BY rowid",
            (load, chunk),
        ):
            yield Outcome(_unpacked(positions), *values)

    def sent(self, load: int, chunk: int) -> Iterator[tuple[Ints, str]]:
        """Yield the batches of a chunk that left, each with the hash of its payloads."""
        for positions, content in self._rows(
            "SELECT positions, content FROM sent WHERE load = ? AND chunk = ? ORDER BY rowid", (load, chunk)
        ):
            yield _unpacked(positions), content

    def tries(self, load: int, chunk: int, rows: int) -> tuple[Ints, Ints]:
        """Return how many runs have sent each row of a chunk, and how many requests have carried it at least.

        Of a run that was killed before the answer came no more is known than that a row left.
        """
        left, answered, attempts = (np.zeros(rows, dtype=np.int64) for _ in range(3))
        for positions, _ in self.sent(load, chunk):
            left[positions] += 1
        times = left.copy()
        for outcome in self.outcomes(load, chunk):
            attempts[outcome.rows] += outcome.attempts
            answered[outcome.rows] += outcome.attempts > 0
            # It was about to leave, and did not.
            times[outcome.rows] -= outcome.status == "unsent" and outcome.attempts > 0
        return times, attempts + np.maximum(left - answered, 0)

    def finish_chunk(
        self, load: int, chunk: int, *, file: str | None, first_row: int, rows: int, done: bool,
        counts: Sequence[tuple[str, str | None, int]], sizes: tuple[int, int], calls: npt.NDArray[np.uint64],
        resent: int, next_batch: int, content: str,
    ) -> None:  # fmt: skip
        """Note that a chunk has been gone through; where it is done, its batches are forgotten.

        ``counts`` are rows by status and reason, ``sizes`` the bytes and the requests that carried it; ``calls`` tell
        its calls from those of later chunks, and ``content`` is a hash of all of its payloads.
        """
        size, requests = sizes
        state, told = "done" if done else "open", json.dumps(counts)
        key = (load, chunk)
        with self._writing() as database:
            for (before,) in database.execute(
                "SELECT requests FROM chunks WHERE load = ? AND chunk = ?", key
            ).fetchall():
                requests += before
            database.execute(
                "INSERT OR REPLACE INTO chunks VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    *key,
                    file,
                    first_row,
                    rows,
                    state,
                    told,
                    size,
                    requests,
                    resent,
                    calls.astype("<u8").tobytes(),
                    content,
                ),
            )
            database.execute("UPDATE loads SET next_batch = ? WHERE load = ?", (next_batch, load))
            if done:
                database.execute("DELETE FROM sent WHERE load = ? AND chunk = ?", (load, chunk))
                database.execute("DELETE FROM outcomes WHERE load = ? AND chunk = ?", (load, chunk))

    def calls_of(self, load: int, chunk: int) -> npt.NDArray[np.uint64]:
        """Return what tells a done chunk's calls from those of later ones."""
        found = self._rows("SELECT calls FROM chunks WHERE load = ? AND chunk = ?", (load, chunk))
        return np.frombuffer(next(found)[0], dtype="<u8").astype(np.uint64)

    def content_of(self, load: int, chunk: int) -> str:
        """Return the hash of a done chunk's payloads."""
        return str(next(self._rows("SELECT content FROM chunks WHERE load = ? AND chunk = ?", (load, chunk)))[0])

    def done_chunks(self, load: int) -> dict[int, int]:
        """Return the chunks that are done, each with its number of rows."""
        found = self._rows("SELECT chunk, rows FROM chunks WHERE load = ? AND state = 'done' ORDER BY chunk", (load,))
        return dict(found)

    def rejecting_chunks(self, load: int) -> set[int]:
        """Return the done chunks that have rows which were not delivered."""
        found = self._rows("SELECT chunk, counts FROM chunks WHERE load = ? AND state = 'done'", (load,))
        return {chunk for chunk, counts in found if any(status not in GOOD for status, *_ in json.loads(counts))}

    def totals(self, load: int) -> tuple[dict[tuple[str, str | None], int], int, int, int]:
        """Return the rows of each status and reason, and bytes, requests and rows sent again of all chunks so far."""
        counts: dict[tuple[str, str | None], int] = {}
        bytes_ = requests = resent = 0
        for text, size, tried, again in self._rows(
            "SELECT counts, bytes, requests, resent FROM chunks WHERE load = ?", (load,)
        ):
            for status, reason, count in json.loads(text):
                counts[status, reason] = counts.get((status, reason), 0) + count
            bytes_, requests, resent = bytes_ + size, requests + tried, resent + again
        return counts, bytes_, requests, resent

    def next_batch(self, load: int) -> int:
        """Return a number that no request of a load has had."""
        highest = next(self._rows("SELECT max(batch) FROM outcomes WHERE load = ?", (load,)))[0]
        noted = next(self._rows("SELECT next_batch FROM loads WHERE load = ?", (load,)))[0]
        return max(int(noted), -1 if highest is None else int(highest) + 1)

    def _rows(self, statement: str, values: tuple[Any, ...]) -> Iterator[Any]:
        with _told(self.path), self._lock:
            return iter(self._database.execute(statement, values).fetchall())

    @contextmanager
    def _writing(self, database: sqlite3.Connection | None = None) -> Iterator[sqlite3.Connection]:
        database = database or self._database
        with _told(self.path), self._lock:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise


def loads_in(path: Path) -> pd.DataFrame:
    """Return the loads of a ledger, also while one of them is at work.

    Returns
    -------
    pandas.DataFrame
        Columns load, source, call, event, state, why, rows (of the source, where known), rows_done, delivered,
        begun_at, ended_at, output. The state is running, stopped, killed or done.

    Raises
    ------
    ConfigurationError
        There is no such file, or it is no ledger.
    """
    if not path.exists():
        raise ConfigurationError(f"There is no ledger {path}. {_NAME_ONE}")
    with _told(path):
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            loads = pd.read_sql_query(
                "SELECT load, source, call, event, state, why, rows, begun_at, ended_at, output FROM loads", database
            )
            chunks = database.execute("SELECT load, rows, counts FROM chunks").fetchall()
        except pd.errors.DatabaseError as error:
            raise sqlite3.DatabaseError from error
        finally:
            database.close()
    if not is_locked(_lock_of(path)):
        loads["state"] = loads["state"].replace("running", "killed")
    done: dict[int, list[int]] = {}
    for load, rows, counts in chunks:
        some = done.setdefault(load, [0, 0])
        some[0] += rows
        some[1] += sum(count for status, _, count in json.loads(counts) if status == "delivered")
    loads.insert(7, "rows_done", [done.get(load, [0, 0])[0] for load in loads["load"]])
    loads.insert(8, "delivered", [done.get(load, [0, 0])[1] for load in loads["load"]])
    return loads


def _opened(path: Path, synchronous: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    return database


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _refuse_other_database(path: Path) -> None:
    """Refuse a database of something else before anything is written to it, or beside it."""
    if not path.exists():
        return
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "loads" not in tables:
        raise ConfigurationError(
            f"{path} is a database of something else, and no ledger. Name another file with ledger= (--ledger)."
        )


def _make_tables(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and version != _VERSION:
        raise ConfigurationError(
            f"The ledger {path} is of another version of cio_frames. Go on with that version, or name another ledger."
        )
    database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what is wrong with the ledger's file in words of ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        words = str(error)
        broken = "not a database" in words or "malformed" in words
        remedy = _BRING_BACK if broken else _MAKE_ROOM if words else _NAME_ONE
        raise ConfigurationError(f"The ledger {path} cannot be used: {words or 'it is no ledger'}. {remedy}") from error
    except OSError as error:
        raise ConfigurationError(f"The ledger {path} cannot be used: {error.strerror}. {_MAKE_ROOM}") from error


def _json(asked: Mapping[str, Any]) -> str:
    return json.dumps(asked, default=str)


def _packed(positions: Ints) -> bytes:
    return positions.astype("<u4").tobytes()


def _unpacked(positions: bytes) -> Ints:
    return np.frombuffer(positions, dtype="<u4").astype(np.int64)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
