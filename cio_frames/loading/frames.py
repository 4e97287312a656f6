"""Frames and Arrow datasets as sources."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.errors import FrameError
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.parquet import frame_of_table, recut_batches
from cio_frames.loading.source import Chunk, TypesOf, Wanted

_CSV_DATASET = "This dataset reads CSV files, where Arrow takes ids such as 007 for numbers. Pass the path of the files"


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
        """Return a warning if Arrow has read CSV files: ids such as 007 are 7 by then."""
        file_format = getattr(self._dataset, "format", None)
        warnings = dict.fromkeys([_CSV_DATASET] if isinstance(file_format, ds.CsvFileFormat) else [])
        return SourceNotes(warnings=warnings)

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
