"""Rows that can be read once, such as those of a generator or a cursor, on disk so that a sync can read them twice.

The file has no name, belongs to this process alone, and ends with it. Frames are pickled: Parquet would give the dicts
of a column the keys of all of them, and refuse cells of different types.
"""

from __future__ import annotations

import pickle
import tempfile
import threading
import weakref
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, cast

import pandas as pd

from cio_frames._util.progress import LoadProgress
from cio_frames.errors import ConfigurationError, by_door
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.source import Chunk, Source, TypesOf, Wanted


class SpooledSource:
    """A source whose rows come once, as one that yields them as often as they are needed.

    All of them are read at once, in the thread of the caller: a cursor may be bound to it.

    Parameters
    ----------
    once : Source
        The rows.
    folder : Path
        Where the file is, if it is a folder; elsewhere it is where the system keeps temporary files.

    Raises
    ------
    ConfigurationError
        There is no room for the rows.

    Examples
    --------
    >>> from cio_frames.loading.frames import Frames
    >>> once = Frames("frames", (pd.DataFrame({"user_id": [name]}) for name in ("ada", "bo")), 10)
    >>> source = SpooledSource(once, Path())
    >>> [[chunk.frame["user_id"].tolist() for chunk in source.chunks()] for _ in range(2)]
    [[['ada', 'bo']], [['ada', 'bo']]]
    """

    repeatable = True
    resumable = True

    def __init__(self, once: Source, folder: Path, *, progress: bool | None = False) -> None:
        self.name = once.name
        self.chunk_rows = once.chunk_rows
        self._once = once
        self._labels: list[tuple[str, list[Hashable]]] = []
        self._places: list[int] = []
        self._rows: list[int] = []
        self._lock = threading.Lock()
        try:
            # For as long as this object.
            self._file = tempfile.TemporaryFile(dir=folder if folder.is_dir() else None)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            with LoadProgress(None, progress, f"read {once.name}") as shown:
                for chunk in once.chunks():
                    self._keep(chunk)
                    shown.update(len(chunk.frame))
            self._file.flush()
        except OSError as error:
            rows = by_door("Give a list of frames, or a file", "Give a file")
            raise ConfigurationError(
                f"cannot keep the rows of {once.name}, which can be read once only, in a temporary file: "
                f"{error.strerror or error}. Make room for it, or mend the permissions of the folder. {rows}, to do "
                "without one."
            ) from error

    def _keep(self, chunk: Chunk) -> None:
        self._places.append(self._file.tell())
        self._rows.append(len(chunk.frame))
        self._labels.append((chunk.where, list(chunk.frame.columns)))
        pickle.dump(chunk.frame, self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def stamps(self) -> list[dict[str, Any]] | None:
        """Return None: nothing tells whether the rows have changed."""
        return self._once.stamps()

    def settings(self) -> dict[str, Any]:
        """Return how the rows were read."""
        return self._once.settings()

    def notes(self) -> SourceNotes:
        """Return what a user should know of the rows."""
        return self._once.notes()

    def rows(self) -> int:
        """Return the number of rows."""
        return sum(self._rows)

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the columns of each frame."""
        yield from self._labels

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield the frames that are not done, with all columns."""
        first_row = 0
        for number, rows in enumerate(self._rows):
            if number not in done:
                yield Chunk(number, self._frame(number), None, first_row)
            first_row += rows

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        return chunk.frame

    def _frame(self, number: int) -> pd.DataFrame:
        with self._lock:
            self._file.seek(self._places[number])
            # Nobody else can have written it.
            return cast(pd.DataFrame, pickle.load(self._file))  # noqa: S301
