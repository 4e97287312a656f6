"""Files that hold people's data or ids: readable and writable by their owner only, whatever the umask."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def private_opener(path: str, flags: int) -> int:
    """Open a file as :func:`open` asks for; a new one has mode 0600.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "audit.jsonl"
    ...     with open(path, "ab", opener=private_opener):
    ...         pass
    ...     os.name != "posix" or oct(path.stat().st_mode & 0o777)
    '0o600'
    """
    return os.open(path, flags, 0o600)


def make_private_file(path: Path) -> None:
    """Create an empty file of mode 0600, unless there is one."""
    # An existing file is not opened: closing it would release the locks that this process holds on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def make_private_folder(path: Path) -> None:
    """Create a folder of mode 0700, and the folders above it, unless there is one."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_private(path: Path) -> None:
    """Let only the owner read a file that is about to be written, also if it is there and others may read it."""
    make_private_file(path)
    if path.is_file():
        path.chmod(0o600)
