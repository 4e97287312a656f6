"""A source of rows in chunks: files of any size, or frames as they come.

A chunk is the unit of a load: read, checked, sent and answered for as a whole. A source is cut the same way every time,
so that a load that is resumed finds the same chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.errors import FrameError
from cio_frames.loading.csv.file import TypesOf
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.parquet import frame_of_table, recut_batches

Wanted: TypeAlias = Callable[[Sequence[Hashable]], Sequence[Hashable] | None]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a source.

    Attributes
    ----------
    number : int
        Which chunk of the source, from 0.
    frame : pandas.DataFrame
        Its rows.
    file : str or None
        The file they are from.
    first_row : int
        The position of its first row in that file, or among all frames.
    number_in_file : int
        Which chunk of that file, from 0.
    """

    number: int
    frame: pd.DataFrame
    file: str | None
    first_row: int
    number_in_file: int = 0

    @property
    def where(self) -> str:
        """The place of its rows in errors."""
        return self.file or f"frame {self.number}"


class Source(Protocol):
    """What a load reads.

    Attributes
    ----------
    name : str
        Its name in the ledger.
    repeatable : bool
        Whether its rows can be read more than once.
    resumable : bool
        Whether its rows can be read by a later run.
    chunk_rows : int
        The most rows of a chunk that it cuts.
    """

    name: str
    repeatable: bool
    resumable: bool
    chunk_rows: int

    def stamps(self) -> list[dict[str, Any]] | None:
        """Return what tells whether the source has changed; None if nothing can."""

    def settings(self) -> dict[str, Any]:
        """Return how it is read, where that decides what is in its rows; ready for JSON."""

    def notes(self) -> SourceNotes:
        """Return what a user should know of it, as far as it has been read."""

    def rows(self) -> int | None:
        """Return the number of rows, if that is known before they are read."""

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the name and the columns of each file."""

    def chunks(
        self, *, done: frozenset[int] = frozenset(), types_of: TypesOf = ..., wanted: Wanted = ...
    ) -> Iterator[Chunk]:
        """Yield the rows, except chunks that are done."""

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns, also if not all were read."""


class Frames:
    """Frames as they come; each is a chunk."""

    resumable = True

    def __init__(self, name: str, frames: Iterable[Any], chunk_rows: int) -> None:
        self.name = name
        self.chunk_rows = chunk_rows
        self.repeatable = isinstance(frames, Sequence)
        self._frames = frames

    def stamps(self) -> None:
        """Return None: what will come is not known."""

    def settings(self) -> dict[str, Any]:
        """Return nothing: there is one way to read it."""
        return {}

    def notes(self) -> SourceNotes:
        """Return nothing to note."""
        return SourceNotes()

    def rows(self) -> int | None:
        """Return the rows of all frames, if they are at hand."""
        return sum(map(len, self._frames)) if isinstance(self._frames, Sequence) else None

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the columns of each frame, if they are at hand."""
        if isinstance(self._frames, Sequence):
            for number, frame in enumerate(self._frames):
                empty = frame.slice(0, 0) if isinstance(frame, (pa.Table, pa.RecordBatch)) else frame
                yield f"frame {number}", list(_as_frame(empty, number).columns)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield each frame as one chunk, those that are done too, since frames come in order."""
        first_row = 0
        for number, given in enumerate(self._frames):
            frame = _as_frame(given, number)
            yield Chunk(number, frame, None, first_row)
            first_row += len(frame)

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        return chunk.frame


class Dataset:
    """An Arrow dataset whose rows are not simply those of its files: filtered, partitioned, or without files."""

    name = "dataset"
    repeatable = True
    resumable = True

    def __init__(self, dataset: ds.Dataset, chunk_rows: int) -> None:
        self.chunk_rows = chunk_rows
        self._dataset = dataset

    def stamps(self) -> None:
        """Return None: a dataset need not consist of files."""

    def settings(self) -> dict[str, Any]:
        """Return nothing: there is one way to read it."""
        return {}

    def notes(self) -> SourceNotes:
        """Return nothing to note."""
        return SourceNotes()

    def rows(self) -> int | None:
        """Return the number of rows."""
        return int(self._dataset.count_rows())

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield its columns."""
        yield self.name, list(frame_of_table(self._dataset.schema.empty_table()).columns)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield the rows with all columns, since a few of them cannot be read again without all before them."""
        first_row = 0
        batches = self._dataset.to_batches(batch_size=max(self.chunk_rows // 4, 1))
        for number, frame in enumerate(recut_batches(batches, self.chunk_rows)):
            yield Chunk(number, frame, None, first_row)
            first_row += len(frame)

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        return chunk.frame


def _as_frame(given: Any, number: int) -> pd.DataFrame:
    if isinstance(given, pa.RecordBatch):
        return frame_of_table(pa.Table.from_batches([given]))
    if isinstance(given, pa.Table):
        return frame_of_table(given)
    if not isinstance(given, pd.DataFrame):
        raise FrameError(f"source must yield DataFrames, got {type(given).__name__} as number {number}.")
    return given
