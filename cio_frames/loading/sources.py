"""Whatever a user passes as a source: files and folders, frames, tables and datasets."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.errors import FrameError
from cio_frames.loading.csv import csv_error_message, read_csv_chunks, read_csv_header
from cio_frames.loading.files import DataFile, find_files
from cio_frames.loading.frames import Dataset, Frames
from cio_frames.loading.io_errors import START_OVER, system_message, translate_io_errors
from cio_frames.loading.parquet import open_parquet, parquet_columns, read_parquet_chunks
from cio_frames.loading.partitions import add_partition, partition_types
from cio_frames.loading.source import Chunk, Source, TypesOf, Wanted
from cio_frames.loading.tuning import CHUNK_ROWS


def source_of(given: Any, *, exclude: Path | None = None, chunk_rows: int = CHUNK_ROWS) -> Source:
    """Return a source of rows.

    Parameters
    ----------
    given : path, address, frame, dataset, or iterable of frames
        A file, folder or pattern; an address such as ``s3://bucket/orders/``; a pandas DataFrame; a pyarrow Table or
        Dataset; or whatever yields DataFrames or Arrow's batches, such as ``pandas.read_sql(..., chunksize=50_000)``.
    exclude : Path, optional
        A folder whose files are not data.
    chunk_rows : int
        The most rows of a chunk. A frame is a chunk of its own, whatever its size.

    Raises
    ------
    FrameError
        It is none of these, or nothing is found.
    """
    if isinstance(given, (str, Path)):
        return Files(str(given), find_files(given, exclude=exclude), chunk_rows)
    if isinstance(given, ds.Dataset):
        files = _plain_files(given)
        return Dataset(given, chunk_rows) if files is None else Files("dataset", files, chunk_rows)
    if isinstance(given, pa.Table):
        return Frames("table", [given], chunk_rows)
    if isinstance(given, pd.DataFrame):
        return Frames("frame", [given], chunk_rows)
    if isinstance(given, Iterable):
        return Frames("frames", given, chunk_rows)
    raise FrameError(
        "source must be a path, an address, a DataFrame, a pyarrow Table or Dataset, or an iterable of DataFrames, "
        f"got {type(given).__name__}."
    )


class Files:
    """Parquet and CSV files."""

    repeatable = True

    def __init__(self, name: str, files: Sequence[DataFile], chunk_rows: int) -> None:
        self.name = name
        self.chunk_rows = chunk_rows
        self._files = files
        self._types = partition_types(file.partition for file in files)
        self._parquet = {}
        for file in files:
            if file.is_parquet:
                with translate_io_errors(file.path, _unreadable, *_READ_ERRORS):
                    self._parquet[file.path] = open_parquet(file)
        self._stamps = {file.path: file.stamp() for file in files}

    def stamps(self) -> list[dict[str, Any]]:
        """Return path, size, time of change and rows of each file."""
        stamps = []
        for file in self._files:
            size, changed = self._stamps[file.path]
            parquet = self._parquet.get(file.path)
            rows = parquet.metadata.num_rows if parquet else None
            stamps.append({"path": file.path, "bytes": size, "changed": changed, "rows": rows})
        return stamps

    def rows(self) -> int | None:
        """Return the rows of all files; None if some are CSV files."""
        if len(self._parquet) < len(self._files):
            return None
        return sum(int(parquet.metadata.num_rows) for parquet in self._parquet.values())

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the path and the columns of each file."""
        for file in self._files:
            yield file.path, self._columns_of(file)

    def _columns_of(self, file: DataFile) -> list[Hashable]:
        parquet = self._parquet.get(file.path)
        if parquet is None:
            with translate_io_errors(file.path, _unreadable, *_READ_ERRORS):
                own: list[Hashable] = list(read_csv_header(file.open_bytes, file.path))
        else:
            own = parquet_columns(parquet)
        return [*own, *(name for name in file.partition if name not in own)]

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield the rows of one file after the other; of Parquet only the wanted columns are read."""
        number = 0
        for file in self._files:
            first_row, first_number = 0, number
            self._refuse_changed(file)
            try:
                for chunk in self.read_file(file, number, done, types_of, wanted):
                    rows = chunk if isinstance(chunk, int) else len(chunk)
                    if not isinstance(chunk, int) and number not in done:
                        frame = add_partition(chunk, file.partition, self._types)
                        yield Chunk(number, frame, file.path, first_row, number - first_number)
                    first_row += rows
                    number += 1
            except FrameError:
                # A file that could be opened and cannot be read has most likely changed.
                self._refuse_changed(file)
                raise
            self._refuse_changed(file)

    def _refuse_changed(self, file: DataFile) -> None:
        if file.stamp() != self._stamps[file.path]:
            raise FrameError(
                f"{file.path} has changed since this load started. Wait until the file is complete, and {START_OVER}."
            )

    def read_file(
        self, file: DataFile, number: int, done: frozenset[int], types_of: TypesOf, wanted: Wanted
    ) -> Iterator[pd.DataFrame | int]:
        """Yield chunks of one file; of those that are done, the number of rows may do."""
        parquet = self._parquet.get(file.path)
        with translate_io_errors(file.path, _unreadable, *_READ_ERRORS):
            if parquet is None:
                yield from read_csv_chunks(file.open_bytes, file.path, types_of, self.chunk_rows)
            else:
                yield from read_parquet_chunks(
                    parquet,
                    first_number=number,
                    done=done,
                    types_of=types_of,
                    wanted=wanted(self._columns_of(file)),
                    chunk_rows=self.chunk_rows,
                )

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        file = next(file for file in self._files if file.path == chunk.file)
        if not file.is_parquet:
            return chunk.frame
        alone = Files(self.name, [file], self.chunk_rows)
        return next(found.frame for found in alone.chunks(done=frozenset(range(chunk.number_in_file))))


def _plain_files(dataset: ds.Dataset) -> list[DataFile] | None:
    """Return a dataset's Parquet files, if its rows are all rows of these files and nothing else."""
    if not isinstance(dataset, ds.FileSystemDataset) or dataset.format.default_extname != "parquet":
        return None
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:
        # A filtered dataset does not show its filter, but refuses this.
        return None
    for fragment in fragments:
        if ds.get_partition_keys(fragment.partition_expression) or not fragment.physical_schema.equals(dataset.schema):
            return None
    return [DataFile(path, dataset.filesystem) for path in dataset.files]


_READ_ERRORS = (pa.ArrowException, ValueError, EOFError, zlib.error)


def _unreadable(path: str | Path, error: Exception) -> FrameError:
    if isinstance(error, UnicodeDecodeError):
        return FrameError(f"{path} is not UTF-8 text. Save it as UTF-8, and load it again.")
    # Messages of pyarrow and pandas may hold the file's cells.
    is_compressed = isinstance(error, gzip.BadGzipFile)
    cause = system_message(error) if isinstance(error, OSError) and not is_compressed else csv_error_message(error)
    return FrameError(f"Cannot read {path}: {cause}. The file may be incomplete, or its extension may be wrong.")
