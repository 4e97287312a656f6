"""The state of a sync: one SQLite file that knows, by row, what the other end holds.

It is the ledger of the runs too: that a call left and what the API answered to it are written to the row of its
subject, in one transaction. No value of a row is in it: a digest of the row, and a hash of each field.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.lock import exclusive_lock
from cio_frames.syncing.digests import DIGEST_VERSION
from cio_frames.syncing.records import Evidence, SubjectRecords, as_cells

# "cios" in the header of the file: a state, and not another database.
APPLICATION_ID = 0x63696F73
FORMAT_VERSION = 1
_TABLES = """
CREATE TABLE subjects (
    key TEXT PRIMARY KEY, digest BLOB, field_set INTEGER, hashes BLOB, revision INTEGER NOT NULL,
    delivered_at INTEGER, evidence INTEGER NOT NULL, pending BLOB, rejections INTEGER, rejected_digest BLOB
    ) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE field_sets (field_set INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE missing (key TEXT PRIMARY KEY, runs INTEGER NOT NULL, last_as_of TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
    run INTEGER PRIMARY KEY, kind TEXT NOT NULL, source TEXT, as_of TEXT, phase TEXT NOT NULL, counts TEXT, why TEXT,
    started_at TEXT NOT NULL, ended_at TEXT);
"""
_FETCHED_ROWS = 1_000
# A file up to this size is checked whole each time it is opened.
_CHECKED_BYTES = 32_000_000
# A quarter of a page must hold a row: longer ones take a page each.
_PAGE_BYTES = ((100, 4_096), (450, 16_384))
_LARGEST_PAGE = 65_536
_COMPACT_ABOVE_BYTES = 80
_LOCKED = "Another process is working on the state {path}. Wait until it ends; only one may use a state at a time."


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the state knows it."""

    number: int
    kind: str
    phase: str
    as_of: str | None
    counts: Mapping[str, int]


class State:
    """An open state file, which no other process can change meanwhile.

    Parameters
    ----------
    path : Path
        The file.
    create : bool
        Whether to make the file if it is missing. Without it, a missing file reads as an empty state.
    fields : int
        How many fields a row has; it decides the page size of a new file.
    read_only : bool
        Whether it is only looked at, also while another process works on it; nothing is locked or written then.

    Raises
    ------
    ConfigurationError
        The file is not a state, is damaged, of a newer version, locked, not readable or not writable.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, State(Path(folder) / "people.sqlite", create=True) as state:
    ...     run = state.begin("sync", source="people.parquet", as_of="2026-11-28")
    ...     state.end(run, "done", {"new": 3})
    ...     state.runs()
    [Run(number=1, kind='sync', phase='done', as_of='2026-11-28', counts={'new': 3})]
    """

    def __init__(self, path: Path, *, create: bool, fields: int = 12, read_only: bool = False) -> None:
        self.path = path
        # A process that was killed while it made the file may have left an empty one.
        self.exists = path.exists() and path.stat().st_size > 0
        self._lock = threading.Lock()
        self._guard: sqlite3.Connection | None = None
        with translate_state_errors(path):
            if self.exists:
                self.exists = _is_state(path)
            if not self.exists and not create:
                self._database = self._answers = _connect(":memory:")
            elif read_only:
                self._database = self._answers = _connect_read_only(path)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._guard = exclusive_lock(lock_path_of(path), _LOCKED.format(path=path))
                # That a call is about to leave must be known also after a power cut; an answer that is lost then
                # means no more than that the call is sent again, under the same id.
                if not path.exists():
                    # Its keys are people's ids: nobody else may read them. What SQLite puts beside it is as private.
                    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
                self._database = _connect(path, synchronous="FULL", fields=0 if self.exists else fields)
                self._answers = _connect(path, synchronous="NORMAL")
            if not self.exists:
                self._make()
            self.facts: dict[str, Any] = {
                name: json.loads(value) for name, value in self._database.execute("SELECT name, value FROM facts")
            }
            _refuse_other_versions(path, self.facts)
            self.field_sets: dict[int, tuple[str, ...]] = {
                number: tuple(json.loads(names))
                for number, names in self._database.execute("SELECT field_set, names FROM field_sets")
            }

    def _make(self) -> None:
        facts = {"state_id": secrets.token_hex(16), "digest_version": DIGEST_VERSION, "created_at": _now()}
        values = ", ".join(f"('{name}', '{json.dumps(value)}')" for name, value in facts.items())
        # In one transaction, so that a process that is killed leaves a whole state or none.
        self._database.executescript(
            f"BEGIN IMMEDIATE; {_TABLES} INSERT INTO facts VALUES {values}; "  # noqa: S608 -- no value of a user's
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
        )

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and let other processes use it."""
        with self._lock:
            self._answers.close()
            self._database.close()
            if self._guard is not None:
                self._guard.close()

    @property
    def state_id(self) -> str:
        """The random id of this state."""
        return str(self.facts["state_id"])

    @property
    def stamp(self) -> str:
        """What changes with every run, for plans: a plan holds only for the state that it was made from."""
        (last,) = self._database.execute("SELECT coalesce(max(run), 0) FROM runs").fetchone()
        # A run that was refused has made the file, and nothing else.
        return f"{self.state_id}/{last}" if last else "new"

    def note(self, **facts: Any) -> None:
        """Keep facts about the state."""
        with self._transaction(self._database) as database:
            rows = [(name, json.dumps(value)) for name, value in facts.items()]
            database.executemany("INSERT OR REPLACE INTO facts VALUES (?,?)", rows)
        self.facts |= facts

    def field_set(self, names: Sequence[str]) -> int:
        """Return the number of a set of fields; each set is kept once."""
        known = next((number for number, each in self.field_sets.items() if each == tuple(names)), None)
        if known is not None:
            return known
        with self._transaction(self._database) as database:
            cursor = database.execute("INSERT INTO field_sets (names) VALUES (?)", (json.dumps(list(names)),))
            number = int(cursor.lastrowid or 0)
        self.field_sets[number] = tuple(names)
        return number

    def begin(self, kind: str, *, source: str, as_of: str | None) -> int:
        """Note that a run starts, and return its number."""
        with self._transaction(self._database) as database:
            cursor = database.execute(
                "INSERT INTO runs (kind, source, as_of, phase, started_at) VALUES (?,?,?,'running',?)",
                (kind, source, as_of, _now()),
            )
            return int(cursor.lastrowid or 0)

    def end(self, run: int, phase: str, counts: Mapping[str, int], why: str = "") -> None:
        """Note what a run came to: ``done``, or ``stopped`` and why."""
        with self._transaction(self._database) as database:
            database.execute(
                "UPDATE runs SET phase = ?, counts = ?, why = ?, ended_at = ? WHERE run = ?",
                (phase, json.dumps(dict(counts)), why or None, _now(), run),
            )

    def runs(self) -> list[Run]:
        """Return all runs, the first one first."""
        runs = self._rows("SELECT run, kind, phase, as_of, counts FROM runs ORDER BY run")
        return [
            Run(number, kind, phase, as_of, json.loads(counts or "{}")) for number, kind, phase, as_of, counts in runs
        ]

    def scan(self, columns: str, where: str = "") -> Iterator[list[tuple[Any, ...]]]:
        """Yield columns of all subjects, some rows at a time, in the order of their keys."""
        # Few rows at a time, so that their objects find room where the last ones were.
        with translate_state_errors(self.path):
            cursor = self._database.execute(f"SELECT {columns} FROM subjects {where} ORDER BY key")  # noqa: S608 -- no value of a user's
            while rows := cursor.fetchmany(_FETCHED_ROWS):
                yield rows

    def count(self, where: str = "") -> int:
        """Return how many subjects there are."""
        return int(self._rows(f"SELECT count(*) FROM subjects {where}")[0][0])  # noqa: S608 -- no value of a user's

    def look_up(self, keys: Sequence[str]) -> SubjectRecords:
        """Return what is known of some subjects, in order."""
        records = SubjectRecords.empty(len(keys))
        places = {key: place for place, key in enumerate(keys)}
        # In the order of the table, so that each of its pages is read once.
        ordered = sorted(places)
        for start in range(0, len(ordered), _FETCHED_ROWS):
            wanted = json.dumps(ordered[start : start + _FETCHED_ROWS])
            found = self._rows(
                "SELECT key, digest, field_set, hashes, revision, evidence, pending, rejections, rejected_digest "
                "FROM subjects WHERE key IN (SELECT value FROM json_each(?))",
                (wanted,),
            )
            if found:
                named, *columns = zip(*found, strict=True)
                rows = np.array([places[key] for key in named])
                for name, column in zip(SubjectRecords.__slots__, columns, strict=True):
                    values = as_cells(column)
                    values[[each is None and getattr(records, name).dtype != object for each in column]] = 0
                    getattr(records, name)[rows] = values
        return records

    def before_send(self, keys: Sequence[str], pending: Sequence[bytes]) -> None:
        """Note calls that are about to leave, so that they keep their ids if the process is killed."""
        with self._transaction(self._database) as database:
            database.executemany(
                "INSERT INTO subjects (key, revision, evidence, pending) VALUES (?,0,0,?) "
                "ON CONFLICT (key) DO UPDATE SET pending = excluded.pending",
                zip(keys, pending, strict=True),
            )

    def deliver(
        self,
        keys: Sequence[str],
        digests: Iterable[bytes | None],
        field_set: int,
        hashes: Iterable[bytes],
        evidence: Evidence,
    ) -> None:
        """Note that the other end holds these subjects now."""
        now = int(datetime.now(UTC).timestamp())
        rows = zip(keys, digests, hashes, strict=True)
        with self._transaction(self._answers) as database:
            database.executemany(
                "INSERT INTO subjects VALUES (?,?,?,?,1,?,?,NULL,NULL,NULL) ON CONFLICT (key) DO UPDATE SET "
                "digest = excluded.digest, field_set = excluded.field_set, hashes = excluded.hashes, "
                "revision = revision + 1, delivered_at = excluded.delivered_at, evidence = excluded.evidence, "
                "pending = NULL, rejections = NULL, rejected_digest = NULL",
                ((key, digest, field_set, packed, now, int(evidence)) for key, digest, packed in rows),
            )

    def mark(self, keys: Sequence[str], evidence: Evidence, *, forget_content: bool) -> None:
        """Note that these subjects are deleted, suppressed, marked as removed, or back."""
        content = "digest = NULL, field_set = NULL, hashes = NULL, " if forget_content else ""
        with self._transaction(self._answers) as database:
            database.executemany(
                f"UPDATE subjects SET {content} evidence = ?, revision = revision + 1, pending = NULL WHERE key = ?",  # noqa: S608
                ((int(evidence), key) for key in keys),
            )
            database.executemany("DELETE FROM missing WHERE key = ?", ((key,) for key in keys))

    def reject(self, keys: Sequence[str], digests: Iterable[bytes], pending: Iterable[bytes | None]) -> None:
        """Note that the API refused these calls; the same content again is counted."""
        with self._transaction(self._answers) as database:
            database.executemany(
                "UPDATE subjects SET rejections = CASE WHEN rejected_digest = ?2 THEN rejections + 1 ELSE 1 END, "
                "rejected_digest = ?2, pending = ?3 WHERE key = ?1",
                zip(keys, digests, pending, strict=True),
            )

    def restore(self, keys: Sequence[str], pending: Iterable[bytes | None]) -> None:
        """Note that nothing of these calls was accepted: what was pending before is pending again."""
        with self._transaction(self._answers) as database:
            database.executemany("UPDATE subjects SET pending = ?2 WHERE key = ?1", zip(keys, pending, strict=True))

    def adopt(self, keys: Sequence[str], digests: Iterable[bytes], field_set: int, hashes: Iterable[bytes]) -> None:
        """Note the form that the same content has under another set of fields."""
        rows = zip(digests, hashes, keys, strict=True)
        with self._transaction(self._answers) as database:
            database.executemany(
                f"UPDATE subjects SET digest = ?, field_set = {field_set}, hashes = ? WHERE key = ?",  # noqa: S608
                rows,
            )

    def missing(self) -> dict[str, tuple[int, str]]:
        """Return the subjects that completed runs have missed: how many runs, and the last one's date."""
        return {key: (runs, last) for key, runs, last in self._rows("SELECT key, runs, last_as_of FROM missing")}

    def keep_missing(self, missing: Mapping[str, tuple[int, str]]) -> None:
        """Replace what is known of subjects that runs have missed."""
        with self._transaction(self._answers) as database:
            database.execute("DELETE FROM missing")
            rows = ((key, runs, last) for key, (runs, last) in missing.items())
            database.executemany("INSERT INTO missing VALUES (?,?,?)", rows)

    def forget(self, keys: Iterable[str]) -> int:
        """Remove subjects from the state, and return how many there were; the next sync sends them as new."""
        with self._transaction(self._database) as database:
            before = database.total_changes
            database.executemany("DELETE FROM subjects WHERE key = ?", [(key,) for key in keys])
            gone = database.total_changes - before
            database.execute("DELETE FROM missing WHERE key NOT IN (SELECT key FROM subjects)")
        return gone

    def forget_before(self, moment: datetime) -> None:
        """Remove subjects that were delivered before a moment."""
        with self._transaction(self._database) as database:
            database.execute("DELETE FROM subjects WHERE delivered_at < ?", (int(moment.timestamp()),))

    def compact(self) -> None:
        """Write the file anew where random inserts have left too much room in it."""
        with translate_state_errors(self.path), self._lock:
            if self._database is self._answers:
                return
            (pages,) = self._database.execute("PRAGMA page_count").fetchone()
            (size,) = self._database.execute("PRAGMA page_size").fetchone()
            rows, content = self._database.execute(
                "SELECT count(*), total(length(CAST(key AS BLOB))) + total(length(hashes)) FROM subjects"
            ).fetchone()
            if pages * size > 20 * size + content + _COMPACT_ABOVE_BYTES * rows:
                self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with translate_state_errors(self.path), self._lock:
            return self._database.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self, database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with translate_state_errors(self.path), self._lock:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise


def lock_path_of(path: Path) -> Path:
    """Return the file that is locked while a process works on a state."""
    return path.with_name(f"{path.name}.lock")


def _connect(path: Path | str, *, synchronous: str = "OFF", fields: int = 0) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if fields:
        page = next((size for most, size in _PAGE_BYTES if fields <= most), _LARGEST_PAGE)
        database.execute(f"PRAGMA page_size = {page}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    # Kilobytes, as negative numbers are.
    database.execute("PRAGMA cache_size = -16000")
    return database


def _connect_read_only(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _is_state(path: Path) -> bool:
    """Return whether a file is a state, or has nothing in it; refuse what is neither, before anything is written."""
    other = f"Name another file with {parameter('state')}."
    with closing(_connect_read_only(path)) as database:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                return False
            raise ConfigurationError(f"{path} is a SQLite database, but not a cio_frames sync state. {other}")
        if version > FORMAT_VERSION:
            raise ConfigurationError(
                f"{path} is a sync state of a newer version of cio_frames (format {version}; this one reads up to "
                f"{FORMAT_VERSION}). Upgrade cio_frames: pip install --upgrade cio-frames."
            )
        # Every page of a large file is read when its subjects are; a run that did not end asks for more.
        if path.stat().st_size <= _CHECKED_BYTES or _was_interrupted(database):
            (check,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if check != "ok":
                raise sqlite3.DatabaseError("database disk image is malformed")
    return True


def _was_interrupted(database: sqlite3.Connection) -> bool:
    (running,) = database.execute("SELECT count(*) FROM runs WHERE phase = 'running'").fetchone()
    return bool(running)


def _refuse_other_versions(path: Path, facts: Mapping[str, Any]) -> None:
    if facts.get("digest_version") != DIGEST_VERSION:
        raise ConfigurationError(
            f"{path} has digests of version {facts.get('digest_version')}; this version of cio_frames makes version "
            f"{DIGEST_VERSION}, and cannot compare them. Use the version of cio_frames that wrote it, or make a new "
            "state with baseline."
        )


@contextmanager
def translate_state_errors(path: Path) -> Iterator[None]:
    """Raise what SQLite and the system say about the file as an error with a remedy."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if "locked" in reason:
            raise ConfigurationError(_LOCKED.format(path=path)) from error
        if "not a database" in reason or "malformed" in reason:
            remedy = "The file is damaged, or not a sync state. Restore a copy of it; or make a new one with baseline."
        else:
            remedy = "Make room for it, or mend the permissions of file and folder, and run the same command again."
        raise ConfigurationError(f"cannot use the state {path}: {reason}. {remedy}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
