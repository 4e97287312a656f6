"""Paths and addresses to file systems: those of pyarrow, and through fsspec all others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.fs as pafs

from cio_frames.errors import ConfigurationError, FrameError
from cio_frames.loading.io_errors import system_message

_RETRY_LIMIT, _RETRY_LIMIT_SECONDS = "retry_limit_seconds", 60


def open_file_system(source: str) -> tuple[pafs.FileSystem, str]:
    """Return the file system of a path or an address, and the path in it.

    >>> open_file_system("orders.csv")[1]
    'orders.csv'

    Raises
    ------
    ConfigurationError
        The address has an unsupported URL scheme.
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", source):
        return pafs.LocalFileSystem(), Path(source).as_posix()
    scheme = source.partition("://")[0]
    if scheme in ("gs", "gcs") and _RETRY_LIMIT not in source:
        # Google's storage would be tried for a quarter of an hour without a network, or without credentials.
        source += f"{'&' if '?' in source else '?'}{_RETRY_LIMIT}={_RETRY_LIMIT_SECONDS}"
    try:
        return cast(tuple[pafs.FileSystem, str], pafs.FileSystem.from_uri(source))
    # Schemes that pyarrow does not know, and those that it was built without.
    except (pa.ArrowInvalid, NotImplementedError):
        return _open_with_fsspec(source, scheme)


def _open_with_fsspec(source: str, scheme: str) -> tuple[pafs.FileSystem, str]:
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:
        # Of the schemes that it knows, fsspec itself says what is missing.
        is_known = isinstance(error, ImportError) and "install" in str(error).lower()
        remedy = str(error) if is_known else "Install fsspec and its package for this scheme"
        raise ConfigurationError(f"Unsupported URL scheme '{scheme}://'. {remedy}.") from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), path


def unreachable(path: str | Path, error: Exception) -> FrameError:
    """Return the error for a file or an address that cannot be reached."""
    return FrameError(
        f"Cannot reach {path}: {system_message(error)}. Check its name, its permissions or credentials, and the "
        "network, and try again."
    )
