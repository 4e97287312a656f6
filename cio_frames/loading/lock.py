"""Keeps other processes away from what a load writes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cio_frames.errors import ConfigurationError


def exclusive_lock(path: Path, otherwise: str) -> sqlite3.Connection:
    """Lock a file for as long as what is returned is open, or this process lives: SQLite's own lock ends with it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = guarded(Path(folder) / "lock", "Somebody is at work here.")
    ...     try:
    ...         guarded(Path(folder) / "lock", "Somebody is at work here.")
    ...     except ConfigurationError as error:
    ...         print(error)
    ...     lock.close()
    Somebody is at work here.

    Raises
    ------
    ConfigurationError
        Another process has it, or another load of this one; its text is ``otherwise``.
    """
    # A moment of patience, since who only looks whether it is held holds it meanwhile.
    guard = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    try:
        guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        guard.close()
        if "locked" not in str(error):
            raise
        raise ConfigurationError(otherwise) from error
    return guard


def is_locked(path: Path) -> bool:
    """Return whether somebody holds the lock of a file."""
    if not path.exists():
        return False
    look = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=0)
    try:
        look.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return True
    finally:
        look.close()
    return False
