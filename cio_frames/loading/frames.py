"""Frames and Arrow datasets as sources."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.arrow.tables import as_frame, describe_other, engine_of, frame_of_table, open_table
from cio_frames.errors import FrameError
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.parquet import recut_batches
from cio_frames.loading.recut import recut_frames
from cio_frames.loading.source import Chunk, TypesOf, Wanted

_CSV_DATASET = "This dataset reads CSV files, where Arrow takes ids such as 007 for numbers. Pass the path of the files"


class Frames:
    """Frames as they come, cut to chunks of one size."""

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
                empty = frame[:0] if isinstance(frame, (pa.Table, pa.RecordBatch, pd.DataFrame)) else frame
                yield f"frame {number}", list(_as_frame(empty, number).columns)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield the rows, also those of chunks that are done, since frames come in order."""
        frames = (_as_frame(given, number) for number, given in enumerate(self._frames))
        yield from recut_frames(frames, self.chunk_rows)

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


def foreign_source(given: Any, chunk_rows: int) -> Frames | Dataset | None:
    """Return a source of what hands out Arrow: other libraries' frames, cursors and tables; None for anything else."""
    found = open_table(given)
    if isinstance(found, pa.Table):
        slices = [found.slice(start, chunk_rows) for start in range(0, max(len(found), 1), chunk_rows)]
        return Frames("table", slices, chunk_rows)
    if isinstance(found, ds.Dataset):
        return Dataset(found, chunk_rows)
    return None if found is None else Frames("frames", recut_batches(found, chunk_rows), chunk_rows)


def refuse_other_source(given: Any) -> None:
    """Raise FrameError if a source is not one, with what it is and how to convert it.

    Some of these can be iterated over, but not by rows.
    """
    is_rows = isinstance(given, Iterable) and not isinstance(given, (dict, str, bytes, np.ndarray, pd.Series, pd.Index))
    if not is_rows or engine_of(given) is not None or hasattr(type(given), "columns"):
        raise FrameError(
            "source must be a path, an address, a DataFrame, a table of polars, DuckDB or pyarrow, a dataset, or an "
            f"iterable of these; got {describe_other(given)}"
        )


def _as_frame(given: Any, number: int) -> pd.DataFrame:
    try:
        return as_frame(given)
    except FrameError as error:
        raise FrameError(
            f"source must yield DataFrames or tables; number {number} is {describe_other(given)}"
        ) from error
