"""Paths that are written must not be read, and not be written twice: checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.io_errors import refuse_undecodable_name
from cio_frames.loading.source import Source

# What SQLite and a load keep beside a ledger.
_LEDGER_SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock")


def refuse_clashes(reads: Iterable[str | Path], writes: Mapping[str, Path | None]) -> None:
    """Refuse to write a file that is read, or that is also written for another purpose.

    Parameters
    ----------
    reads : iterable of path
        Files of the source; those that are not on this machine are passed over.
    writes : mapping of str to Path or None
        Files to write, by the parameter that names each. ``output`` is a folder, in which ``results/`` and
        ``undelivered.parquet`` are written.

    Examples
    --------
    >>> refuse_clashes(["orders.csv"], {"report": Path("orders.csv")})
    Traceback (most recent call last):
    cio_frames.errors.ConfigurationError: report='orders.csv' would overwrite a file that is read. Nothing was sent. \
Name another path.

    Raises
    ------
    ConfigurationError
        Names the parameter and the path.
    """
    for path in filter(None, writes.values()):
        refuse_undecodable_name(path)
    sources = [_identity(path) for path in reads]
    written = [(name, path, _written_paths(name, path)) for name, path in writes.items() if path is not None]
    for place, (name, path, targets) in enumerate(written):
        if any(_is_at_or_below(source, target) for source in sources for target in targets):
            raise _clash(name, path, "would overwrite a file that is read")
        for other, _, others in written[:place]:
            if any(_is_at_or_below(*pair) for one in targets for two in others for pair in ((one, two), (two, one))):
                raise _clash(name, path, f"and {parameter(other)} would write the same file")


def local_files(source: Source) -> list[str]:
    """Return the files of a source that are on this machine."""
    if "://" in source.name and not source.name.startswith("file://"):
        return []
    return [str(stamp["path"]) for stamp in source.stamps() or () if "path" in stamp]


def _clash(name: str, path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"{parameter(name, str(path))} {what}. Nothing was sent. Name another path.")


def _written_paths(name: str, path: Path) -> list[str]:
    """Return the files and folders that are written under a path."""
    if name == "ledger":
        return [_identity(f"{path}{suffix}") for suffix in _LEDGER_SUFFIXES]
    if name == "output":
        return [_identity(path / each) for each in ("results", ".undelivered", "undelivered.parquet", ".lock")]
    return [_identity(path)]


def _is_at_or_below(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}{os.sep}")


def _identity(path: str | Path) -> str:
    """Return what two names of one file have in common."""
    return os.path.normcase(os.path.realpath(path))
