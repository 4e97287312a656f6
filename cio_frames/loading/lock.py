"""Locks files against other processes, and against other loads of this one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cio_frames._util.private_files import make_private_file
from cio_frames.errors import ConfigurationError

# What a lock raises if its file is not one, or the disk fails.
LockError = sqlite3.DatabaseError


def exclusive_lock(path: Path, message: str) -> sqlite3.Connection:
    """Lock a file until the returned connection is closed or this process ends; the lock is SQLite's own.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = exclusive_lock(Path(folder) / "lock", "The folder is locked.")
    ...     try:
    ...         exclusive_lock(Path(folder) / "lock", "The folder is locked.")
    ...     except ConfigurationError as error:
    ...         print(error)
    ...     lock.close()
    The folder is locked.

    Raises
    ------
    ConfigurationError
        Another process has the lock, or another load of this one; its text is ``message``.
    """
    make_private_file(path)
    # A short timeout, since a check whether it is locked holds the lock meanwhile.
    lock = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise ConfigurationError(message) from error
    return lock


def is_locked(path: Path) -> bool:
    """Return whether a file is locked.

    >>> is_locked(Path("missing.lock"))
    False
    """
    if not path.exists():
        return False
    probe = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=0)
    try:
        probe.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return True
    finally:
        probe.close()
    return False
