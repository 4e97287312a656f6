"""Errors of the file system and of SQLite, in words that name the file and the remedy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cio_frames.errors import CioFramesError, FrameError, by_door

# What several texts of a load end with.
RESUME = by_door(
    "Call it again with the same arguments to resume.",
    "Run the same command again to resume.",
    spark_options="Write it again with the same options to resume.",
)
START_OVER = "start over with " + by_door("fresh=True", "--fresh", spark_options='option("fresh", "true")')

_MAX_SYSTEM_MESSAGE = 400


@contextmanager
def translate_io_errors(
    path: str | Path,
    describe: Callable[[str | Path, Exception], CioFramesError],
    *kinds: type[Exception],
) -> Iterator[None]:
    """Raise what ``describe`` makes of an OSError, or of another of these kinds, that occurs inside.

    >>> from cio_frames.errors import FrameError
    >>> def describe(path, error):
    ...     return FrameError(f"Cannot read {path}: {system_message(error)}.")
    >>> with translate_io_errors("orders.csv", describe):
    ...     raise FileNotFoundError(2, "No such file or directory")
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: Cannot read orders.csv: No such file or directory.
    """
    caught: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except caught as error:
        raise describe(path, error) from error


def refuse_undecodable_name(path: str | Path) -> None:
    """Raise for a path with bytes that are not UTF-8, which Arrow cannot open.

    >>> refuse_undecodable_name("orders.csv")

    Raises
    ------
    FrameError
        Names the path, with these bytes escaped.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        raise FrameError(f"File name is not UTF-8: {shown}. Rename it.") from None


def system_message(error: Exception) -> str:
    """Return why a file cannot be read or written, as the operating system or the file system says it.

    >>> system_message(FileNotFoundError(2, "No such file or directory"))
    'No such file or directory'
    """
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return str(text)[:_MAX_SYSTEM_MESSAGE].rstrip(".")
