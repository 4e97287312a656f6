"""What loads have done so far: one SQLite file, written before a batch leaves and after it is answered.

So after a kill it is known which rows were answered, which were on their way, and which never left. It holds no cell of
any row, and of the write key only the first digits of a hash, which tell it from another one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames._util.arrays import Ints
from cio_frames.delivery.outcomes import Outcome
from cio_frames.errors import ConfigurationError, Door, parameter, render
from cio_frames.loading.io_errors import RESUME, system_message, translate_io_errors
from cio_frames.loading.lock import exclusive_lock, is_locked
from cio_frames.results import GOOD, Status

# Of the tables below. A ledger of another version is refused.
LEDGER_VERSION = 4
_CREATE_TABLES = """
CREATE TABLE IF NOT EXISTS loads (
    load INTEGER PRIMARY KEY, source TEXT NOT NULL, call TEXT NOT NULL, event TEXT, fingerprint TEXT NOT NULL,
    phase TEXT NOT NULL, why TEXT, rows INTEGER, output TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT,
    next_batch INTEGER NOT NULL DEFAULT 0, as_of TEXT);
CREATE TABLE IF NOT EXISTS chunks (
    load INTEGER, chunk INTEGER, file TEXT, first_row INTEGER, rows INTEGER, is_done INTEGER NOT NULL, counts TEXT,
    bytes INTEGER, requests INTEGER, resent INTEGER, call_numbers BLOB, content_hash TEXT, PRIMARY KEY (load, chunk));
CREATE TABLE IF NOT EXISTS sent_batches (
    load INTEGER, chunk INTEGER, positions BLOB NOT NULL, content_hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    load INTEGER, chunk INTEGER, positions BLOB NOT NULL, status TEXT NOT NULL, reason TEXT, batch INTEGER,
    http_status INTEGER, attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sent_batches_by_chunk ON sent_batches (load, chunk);
CREATE INDEX IF NOT EXISTS outcomes_by_chunk ON outcomes (load, chunk);
"""

_NAME_LEDGER = f"Name the ledger.sqlite of a load: it is in the load's output, or where {parameter('ledger')} was set."
_RESTORE = "Restore a copy of the file, or name another ledger and output, and all rows are sent again."
_MAKE_ROOM = f"Free disk space, or fix the permissions of the file and its folder. {RESUME}"

# Statuses that a later run does not change.
FINAL_STATUSES: frozenset[Status] = frozenset(("delivered", "acknowledged", "rejected", "invalid", "too_large"))


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """A load in the ledger.

    Attributes
    ----------
    load : int
        Its number.
    fingerprint : dict
        What it is tied to: source, columns, endpoint, limits.
    phase : str
        ``running``, ``stopped`` or ``done``. One that is running without a lock was killed.
    output : str
        The folder with its results.
    rows : int or None
        The rows of the source, if their number is known.
    as_of : str or None
        What stands for the time in the message ids of calls without a timestamp, with the nonce of the run.
    """

    load: int
    fingerprint: Mapping[str, Any]
    phase: str
    output: str
    rows: int | None
    as_of: str | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """An open ledger file, locked against others.

    Parameters
    ----------
    path : Path
        The file; it is created if it does not exist.
    clock : callable
        Returns the time in UTC.
    connect : callable
        Opens the database, as ``sqlite3.connect`` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
    ...     number = ledger.start_load("orders.parquet", "track", "Order Completed", {}, 10, "out")
    ...     ledger.record_batch(number, 0, np.array([0, 1]), "a3")
    ...     times, attempts = ledger.count_sends(number, 0, 3)
    >>> times.tolist()
    [1, 1, 0]

    Raises
    ------
    ConfigurationError
        The file cannot be written, is not a ledger, is of another version, or is locked.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = _utc_now,
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
    ) -> None:
        self.path = path
        self._clock = clock
        # Lanes write as they send.
        self._mutex = threading.Lock()
        with self._translate_errors():
            _refuse_other_database(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file_lock = exclusive_lock(
                _lock_path(path),
                f"The ledger {path} is locked: another load is using it. Wait until it ends, or name another ledger "
                f"with {parameter('ledger')}.",
            )
            # A batch that is about to leave must be known also after a power cut. If an answer is lost then, its rows
            # are sent again with the same ids; so an answer need not wait for the disk.
            self._database = _open_database(path, connect, synchronous="FULL")
            self._answers = _open_database(path, connect, synchronous="NORMAL")
            _create_tables(self._database, path)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release its lock."""
        with self._mutex:
            self._answers.close()
            self._database.close()
            self._file_lock.close()

    def find_load(self, source: str, call: str, event: str | None) -> LoadRecord | None:
        """Return the latest load of this source and call."""
        found = self._rows(
            "SELECT load, fingerprint, phase, output, rows, as_of FROM loads WHERE source = ? AND call = ? "
            "AND event IS ? ORDER BY load DESC LIMIT 1",
            (source, call, event),
        )
        for load, fingerprint, *facts in found:
            return LoadRecord(load, json.loads(fingerprint), *facts)
        return None

    def sources(self) -> list[str]:
        """Return the sources of all loads, each once."""
        return [source for (source,) in self._rows("SELECT DISTINCT source FROM loads ORDER BY source", ())]

    def start_load(
        self, source: str, call: str, event: str | None, fingerprint: Mapping[str, Any], rows: int | None, output: str,
        *, as_of: str | None = None,
    ) -> int:  # fmt: skip
        """Note a new load, forget those of the same source and call before it, and return its number."""
        with self._transaction() as database:
            same = "SELECT load FROM loads WHERE source = ? AND call = ? AND event IS ?"
            for (earlier,) in database.execute(same, (source, call, event)).fetchall():
                for table in ("outcomes", "sent_batches", "chunks", "loads"):
                    database.execute(f"DELETE FROM {table} WHERE load = ?", (earlier,))  # noqa: S608 -- our own names
            cursor = database.execute(
                "INSERT INTO loads (source, call, event, fingerprint, phase, rows, output, started_at, as_of) "
                "VALUES (?,?,?,?,?,?,?,?,?)",
                (source, call, event, _fingerprint_json(fingerprint), "running", rows, output, self._now(), as_of),
            )
            return int(cursor.lastrowid or 0)

    def resume_load(self, load: int, fingerprint: Mapping[str, Any], output: str) -> None:
        """Note that a load runs again, its fingerprint now, and the folder of its results."""
        with self._transaction() as database:
            database.execute(
                "UPDATE loads SET phase = 'running', why = NULL, ended_at = NULL, fingerprint = ?, output = ? "
                "WHERE load = ?",
                (_fingerprint_json(fingerprint), output, load),
            )

    def set_fingerprint(self, load: int, fingerprint: Mapping[str, Any]) -> None:
        """Note what a load is tied to from now on."""
        with self._transaction() as database:
            database.execute("UPDATE loads SET fingerprint = ? WHERE load = ?", (_fingerprint_json(fingerprint), load))

    def end_load(self, load: int, phase: str, why: str = "") -> None:
        """Note that a load is done, or why it stopped; the text may differ by door."""
        with self._transaction() as database:
            database.execute(
                "UPDATE loads SET phase = ?, why = ?, ended_at = ? WHERE load = ?",
                (phase, why or None, self._now(), load),
            )

    def record_batch(self, load: int, chunk: int, positions: Ints, content_hash: str) -> None:
        """Note a batch that is about to leave: its rows, by position in the chunk, and a hash of its payloads."""
        with self._transaction() as database:
            database.execute("INSERT INTO sent_batches VALUES (?,?,?,?)", (load, chunk, _pack(positions), content_hash))

    def record_outcome(self, load: int, chunk: int, outcome: Outcome) -> None:
        """Note the outcome of some rows."""
        values = (outcome.status, outcome.reason, outcome.batch, outcome.http_status, outcome.attempts)
        with self._transaction(self._answers) as database:
            database.execute(
                "INSERT INTO outcomes VALUES (?,?,?,?,?,?,?,?)", (load, chunk, _pack(outcome.rows), *values)
            )

    def outcomes(self, load: int, chunk: int) -> Iterator[Outcome]:
        """Yield the outcomes of a chunk's rows, the latest last."""
        for positions, *values in self._rows(
            "SELECT positions, status, batch, attempts, http_status, reason FROM outcomes "
            "WHERE load = ? AND chunk = ? ORDER BY rowid",
            (load, chunk),
        ):
            yield Outcome(_unpack(positions), *values)

    def sent_batches(self, load: int, chunk: int) -> Iterator[tuple[Ints, str]]:
        """Yield the batches of a chunk that left, each with the hash of its payloads."""
        for positions, content_hash in self._rows(
            "SELECT positions, content_hash FROM sent_batches WHERE load = ? AND chunk = ? ORDER BY rowid",
            (load, chunk),
        ):
            yield _unpack(positions), content_hash

    def count_sends(self, load: int, chunk: int, rows: int) -> tuple[Ints, Ints]:
        """Return how many runs have sent each row of a chunk, and at least how many requests have carried it.

        Of a run that was killed before the answer came it is only known that a row left.
        """
        left, answered, attempts = (np.zeros(rows, dtype=np.int64) for _ in range(3))
        for positions, _ in self.sent_batches(load, chunk):
            left[positions] += 1
        times = left.copy()
        for outcome in self.outcomes(load, chunk):
            attempts[outcome.rows] += outcome.attempts
            answered[outcome.rows] += outcome.attempts > 0
            # It was about to leave, and did not.
            times[outcome.rows] -= outcome.status == "unsent" and outcome.attempts > 0
        return times, attempts + np.maximum(left - answered, 0)

    def finish_chunk(
        self, load: int, chunk: int, *, file: str | None, first_row: int, rows: int, is_done: bool,
        counts: Sequence[tuple[str, str | None, int]], sizes: tuple[int, int], call_numbers: npt.NDArray[np.uint64],
        resent: int, next_batch: int, content_hash: str,
    ) -> None:  # fmt: skip
        """Note that all batches of a chunk have been tried; of one that is done, they are forgotten.

        ``counts`` are rows by status and reason, ``sizes`` the bytes and the requests that carried it; ``call_numbers``
        tell its calls from those of later chunks, and ``content_hash`` is of all of its payloads.
        """
        size, requests = sizes
        key = (load, chunk)
        with self._transaction() as database:
            earlier = database.execute("SELECT requests FROM chunks WHERE load = ? AND chunk = ?", key).fetchall()
            requests += sum(before for (before,) in earlier)
            values = (
                file, first_row, rows, is_done, json.dumps(counts), size, requests, resent,
                call_numbers.astype("<u8").tobytes(), content_hash,
            )  # fmt: skip
            database.execute("INSERT OR REPLACE INTO chunks VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (*key, *values))
            database.execute("UPDATE loads SET next_batch = ? WHERE load = ?", (next_batch, load))
            if is_done:
                database.execute("DELETE FROM sent_batches WHERE load = ? AND chunk = ?", key)
                database.execute("DELETE FROM outcomes WHERE load = ? AND chunk = ?", key)

    def call_numbers(self, load: int, chunk: int) -> npt.NDArray[np.uint64]:
        """Return the numbers that tell a done chunk's calls from those of later ones."""
        found = self._rows("SELECT call_numbers FROM chunks WHERE load = ? AND chunk = ?", (load, chunk))
        return np.frombuffer(next(found)[0], dtype="<u8").astype(np.uint64)

    def content_hash(self, load: int, chunk: int) -> str:
        """Return the hash of a done chunk's payloads."""
        return str(next(self._rows("SELECT content_hash FROM chunks WHERE load = ? AND chunk = ?", (load, chunk)))[0])

    def done_chunks(self, load: int) -> dict[int, int]:
        """Return the chunks that are done, each with its number of rows."""
        return dict(self._rows("SELECT chunk, rows FROM chunks WHERE load = ? AND is_done ORDER BY chunk", (load,)))

    def chunks_with_undelivered_rows(self, load: int) -> set[int]:
        """Return the done chunks that have undelivered rows."""
        found = self._rows("SELECT chunk, counts FROM chunks WHERE load = ? AND is_done", (load,))
        return {chunk for chunk, counts in found if any(status not in GOOD for status, *_ in json.loads(counts))}

    def totals(self, load: int) -> tuple[dict[tuple[str, str | None], int], int, int, int]:
        """Return the rows of each status and reason, and bytes, requests and resent rows of all chunks so far."""
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

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds").replace("+00:00", "Z")

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_io_errors(self.path, _unusable, sqlite3.DatabaseError)

    def _rows(self, statement: str, values: tuple[Any, ...]) -> Iterator[Any]:
        with self._translate_errors(), self._mutex:
            return iter(self._database.execute(statement, values).fetchall())

    @contextmanager
    def _transaction(self, database: sqlite3.Connection | None = None) -> Iterator[sqlite3.Connection]:
        database = database or self._database
        with self._translate_errors(), self._mutex:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise


def loads_in(path: Path, *, door: Door = "python") -> pd.DataFrame:
    """Return the loads of a ledger, also while one of them is running.

    Parameters
    ----------
    path : Path
        The ledger.
    door : {"python", "command line", "job file"}
        In whose words ``why`` is.

    Returns
    -------
    pandas.DataFrame
        Columns load, source, call, event, phase, why, rows (of the source, if known), rows_done, delivered,
        started_at, ended_at, output, as_of. The phase is running, stopped, killed or done.

    Raises
    ------
    ConfigurationError
        The file does not exist, is not a ledger, or is of another version.
    """
    if not path.exists():
        raise ConfigurationError(f"Ledger not found: {path}. {_NAME_LEDGER}")
    with translate_io_errors(path, _unlistable, sqlite3.DatabaseError):
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "loads" not in tables:
                raise ConfigurationError(f"{path} is not a cio_frames ledger. {_NAME_LEDGER}")
            _refuse_other_version(database, path)
            loads = pd.read_sql_query(
                "SELECT load, source, call, event, phase, why, rows, started_at, ended_at, output, as_of FROM loads",
                database,
            )
            chunks = database.execute("SELECT load, rows, counts FROM chunks").fetchall()
        finally:
            database.close()
    if not is_locked(_lock_path(path)):
        loads["phase"] = loads["phase"].replace("running", "killed")
    loads["why"] = loads["why"].map(lambda why: render(why, door), na_action="ignore")
    done: dict[int, list[int]] = {}
    for load, rows, counts in chunks:
        sums = done.setdefault(load, [0, 0])
        sums[0] += rows
        sums[1] += sum(count for status, _, count in json.loads(counts) if status == "delivered")
    loads.insert(7, "rows_done", [done.get(load, [0, 0])[0] for load in loads["load"]])
    loads.insert(8, "delivered", [done.get(load, [0, 0])[1] for load in loads["load"]])
    return loads


def _open_database(path: Path, connect: Callable[..., sqlite3.Connection], synchronous: str) -> sqlite3.Connection:
    database = connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    return database


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _refuse_other_database(path: Path) -> None:
    """Refuse another application's database, or another version's, before anything is written to it or beside it."""
    if not path.exists():
        return
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "loads" not in tables:
            raise ConfigurationError(
                f"{path} is a SQLite database, but not a cio_frames ledger. "
                f"Name another file with {parameter('ledger')}."
            )
        if tables:
            _refuse_other_version(database, path)


def _refuse_other_version(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != LEDGER_VERSION:
        raise ConfigurationError(
            f"The ledger {path} has version {version}, of another version of cio_frames; this one supports "
            f"{LEDGER_VERSION} only. To resume its loads, use the version that wrote it. To start over, name a new "
            f"ledger and a new output folder with {parameter('ledger')} and {parameter('output')}."
        )


def _create_tables(database: sqlite3.Connection, path: Path) -> None:
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        # Once more, now that nobody else can write it.
        _refuse_other_version(database, path)
    database.executescript(f"BEGIN IMMEDIATE; {_CREATE_TABLES} PRAGMA user_version = {LEDGER_VERSION}; COMMIT;")


def _unusable(path: str | Path, error: Exception) -> ConfigurationError:
    message = system_message(error)
    is_damaged = "not a database" in message or "malformed" in message
    return ConfigurationError(f"Cannot use the ledger {path}: {message}. {_RESTORE if is_damaged else _MAKE_ROOM}")


def _unlistable(path: str | Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"Cannot read the ledger {path}: {system_message(error)}. {_NAME_LEDGER}")


def _fingerprint_json(fingerprint: Mapping[str, Any]) -> str:
    return json.dumps(fingerprint, default=str)


def _pack(positions: Ints) -> bytes:
    return positions.astype("<u4").tobytes()


def _unpack(positions: bytes) -> Ints:
    return np.frombuffer(positions, dtype="<u4").astype(np.int64)
