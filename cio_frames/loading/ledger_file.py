"""The SQLite file of a ledger: its tables, the seal of each row, and what is refused when it is opened.

SQLite finds damage to its own structure only. So each row carries a hash of its values, and a ledger in which a bit has
changed is refused rather than believed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xxhash

from cio_frames._util.arrays import Ints
from cio_frames._util.private_files import make_private_file
from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.io_errors import RESUME, system_message

# Of the tables below. A ledger of another version is refused.
LEDGER_VERSION = 5
TABLE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "loads": (
            "load", "source", "call", "event", "fingerprint", "phase", "why", "rows", "output", "started_at",
            "ended_at", "next_batch", "as_of",
        ),
        "chunks": (
            "load", "chunk", "file", "first_row", "rows", "is_done", "counts", "bytes", "requests", "resent",
            "content_hash", "batches", "outcomes",
        ),
        "call_numbers": ("load", "chunk", "numbers"),
        "sent_batches": ("load", "chunk", "positions", "content_hash"),
        "outcomes": ("load", "chunk", "positions", "status", "reason", "batch", "http_status", "attempts"),
    }
)  # fmt: skip
_KEYS = {"loads": ", PRIMARY KEY (load)", "chunks": ", PRIMARY KEY (load, chunk)"}
_INDEXED = ("call_numbers", "sent_batches", "outcomes")
# A database has at least one page; SQLite takes a shorter file for an empty one, and would write over it.
_MIN_DATABASE_BYTES = 512
_RESTORE = "Restore a copy of the file, or name another ledger and output, and all rows are sent again."
_MAKE_ROOM = f"Free disk space, or fix the permissions of the file and its folder. {RESUME}"


class DamagedLedgerError(sqlite3.DatabaseError):
    """A row is not what was written."""


class SealedTables:
    """The tables of a ledger; each row has a hash of its values, which is checked when it is read.

    >>> with closing(sqlite3.connect(":memory:")) as database:
    ...     create_tables(database)
    ...     tables = SealedTables(database)
    ...     tables.insert("sent_batches", 1, 0, b"", "a3")
    ...     list(tables.rows("sent_batches", load=1))
    [{'load': 1, 'chunk': 0, 'positions': b'', 'content_hash': 'a3'}]
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def insert(self, table: str, *values: Any) -> None:
        """Insert a row, or replace the one with its key."""
        places = ",".join("?" * (len(values) + 1))
        self._database.execute(
            f"INSERT OR REPLACE INTO {table} VALUES ({places})",  # noqa: S608 -- our own names
            (*values, _seal(values)),
        )

    def rows(self, table: str, **equal: Any) -> Iterator[dict[str, Any]]:
        """Yield rows whose columns equal the given values, in the order in which they were written."""
        names = TABLE_COLUMNS[table]
        where = " AND ".join(f"{name} IS ?" for name in equal) or "1"
        statement = f"SELECT {', '.join(names)}, seal FROM {table} WHERE {where} ORDER BY rowid"  # noqa: S608
        for *values, seal in self._database.execute(statement, tuple(equal.values())).fetchall():
            if seal != _seal(values):
                raise DamagedLedgerError(f"the file is malformed: a row of {table} is damaged")
            yield dict(zip(names, values, strict=True))

    def update_load(self, load: int, **changes: Any) -> None:
        """Change some values of a load."""
        for row in self.rows("loads", load=load):
            self.insert("loads", *(row | changes).values())

    def delete(self, tables: Iterable[str], **equal: Any) -> None:
        """Delete rows from tables whose columns equal the given values."""
        where = " AND ".join(f"{name} = ?" for name in equal)
        for table in tables:
            self._database.execute(f"DELETE FROM {table} WHERE {where}", tuple(equal.values()))  # noqa: S608


def _seal(values: Iterable[Any]) -> str:
    digest = xxhash.xxh3_64()
    for value in values:
        digest.update(value if isinstance(value, bytes) else repr(value).encode())
        digest.update(b"\0")
    return str(digest.hexdigest())


def pack_positions(positions: Ints) -> bytes:
    """Return positions of rows as they are written."""
    return positions.astype("<u4").tobytes()


def unpack_positions(packed: bytes) -> Ints:
    """Return positions of rows as they were before they were written.

    >>> unpack_positions(pack_positions(np.array([3, 7]))).tolist()
    [3, 7]
    """
    return np.frombuffer(packed, dtype="<u4").astype(np.int64)


def create_tables(database: sqlite3.Connection) -> None:
    """Create the tables in an empty database."""
    statements = [
        f"CREATE TABLE {table} ({_declare(table)}, seal TEXT NOT NULL{_KEYS.get(table, '')})" for table in TABLE_COLUMNS
    ]
    statements += [f"CREATE INDEX {table}_by_chunk ON {table} (load, chunk)" for table in _INDEXED]
    database.executescript(f"BEGIN; {'; '.join(statements)}; PRAGMA user_version = {LEDGER_VERSION}; COMMIT;")


def _declare(table: str) -> str:
    # A declared type would change values as they are stored, and break their seals.
    return ", ".join(f"{name} {'INTEGER' if name in ('load', 'chunk') else 'BLOB'}" for name in TABLE_COLUMNS[table])


def create_ledger(path: Path) -> None:
    """Create an empty ledger, unless there is a file; a ledger under its own name is complete."""
    if path.exists() and path.stat().st_size:
        return
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        make_private_file(temporary)
        with closing(sqlite3.connect(temporary, isolation_level=None)) as database:
            create_tables(database)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def open_database(path: Path, connect: Callable[..., sqlite3.Connection], synchronous: str) -> sqlite3.Connection:
    """Return a connection to a ledger."""
    database = connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    return database


def refuse_damage(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a ledger of another version, or a damaged one."""
    refuse_other_version(database, path)
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise DamagedLedgerError(f"the file is malformed: {found}")
    for _ in SealedTables(database).rows("loads"):
        pass


def refuse_no_file(path: Path) -> None:
    """Refuse a path that names no file, before anything is sent."""
    name = parameter("ledger")
    if str(path) == ":memory:":
        raise ConfigurationError(f"{name} must be a file on disk, got ':memory:', in which a load is not resumable.")
    if path.is_dir():
        raise ConfigurationError(f"{name} must be a file, and {path} is a folder. Name a file in it.")


def refuse_other_database(path: Path) -> None:
    """Refuse a file that is not a ledger, or of another version, before anything is written to it or beside it."""
    if not path.exists():
        return
    size = path.stat().st_size
    if size == 0 and lock_path(path).exists():
        raise DamagedLedgerError("the file is malformed: it is empty, and was not when a load used it")
    if 0 < size < _MIN_DATABASE_BYTES:
        raise ConfigurationError(
            f"{path} is not a cio_frames ledger: it has {size:,} bytes. Name another file with {parameter('ledger')}."
        )
    if not size:
        return
    with closing(open_read_only(path)) as database:
        if "loads" not in table_names(database):
            raise ConfigurationError(
                f"{path} is a SQLite database, but not a cio_frames ledger. "
                f"Name another file with {parameter('ledger')}."
            )
        refuse_other_version(database, path)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that writes nothing."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def table_names(database: sqlite3.Connection) -> set[str]:
    """Return the names of all tables of a database."""
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def refuse_other_version(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a ledger of another version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != LEDGER_VERSION:
        raise ConfigurationError(
            f"The ledger {path} has version {version}, of another version of cio_frames; this one supports "
            f"{LEDGER_VERSION} only. To resume its loads, use the version that wrote it. To start over, name a new "
            f"ledger and a new output folder with {parameter('ledger')} and {parameter('output')}."
        )


def lock_path(path: Path) -> Path:
    """Return the file that is locked while a load uses a ledger."""
    return path.with_name(f"{path.name}.lock")


def unusable_ledger(path: str | Path, error: Exception) -> ConfigurationError:
    """Return the error for a ledger that cannot be read or written."""
    message = system_message(error)
    is_damaged = isinstance(error, DamagedLedgerError) or any(
        words in message for words in ("not a database", "malformed", "corrupt", "decode", "no such table")
    )
    return ConfigurationError(f"Cannot use the ledger {path}: {message}. {_RESTORE if is_damaged else _MAKE_ROOM}")
