"""Parquet files as frames: small row groups together up to a chunk, large ones a chunk at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.loading.csv import convert_cells
from cio_frames.loading.files import DataFile
from cio_frames.loading.source import TypesOf

# Starts the names of columns that a load adds to its undelivered rows. They are never sent.
RESERVED_PREFIX = "_cio_"


def open_parquet(file: DataFile) -> pq.ParquetFile:
    """Open a file, and read what is in it from its footer."""
    return pq.ParquetFile(file.system.open_input_file(file.path), pre_buffer=False)


def parquet_columns(parquet: pq.ParquetFile) -> list[Hashable]:
    """Return the columns of a file's frames."""
    return list(frame_of_table(parquet.schema_arrow.empty_table()).columns)


def read_parquet_chunks(
    parquet: pq.ParquetFile,
    *,
    first_number: int,
    done: frozenset[int],
    types_of: TypesOf,
    wanted: Sequence[Hashable] | None,
    chunk_rows: int,
) -> Iterator[pd.DataFrame | int]:
    """Yield a file's chunks; row groups all of whose chunks are done are not read, and their row counts are yielded.

    Parameters
    ----------
    parquet : pyarrow.parquet.ParquetFile
        The file.
    first_number : int
        The number of its first chunk in the source.
    done : frozenset of int
        The numbers of chunks that are done.
    types_of : callable
        Given the columns, returns the types that the spec has for them.
    wanted : list, optional
        The columns to read. Default is all.
    chunk_rows : int
        The most rows of a chunk.
    """
    columns = _projection(parquet, wanted)
    number = first_number
    for groups, rows in _groups_of_chunks(parquet, chunk_rows):
        count = -(-rows // chunk_rows)
        if done.issuperset(range(number, number + count)):
            yield from (min(chunk_rows, rows - start) for start in range(0, rows, chunk_rows))
        else:
            batches = parquet.iter_batches(batch_size=max(chunk_rows // 4, 1), row_groups=groups, columns=columns)
            yield from (_convert_undelivered(frame, types_of) for frame in recut_batches(batches, chunk_rows))
        number += count


def _groups_of_chunks(parquet: pq.ParquetFile, chunk_rows: int) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that are read together, and their rows: small ones up to a chunk, a large one alone."""
    groups: list[int] = []
    rows = 0
    for group in range(parquet.num_row_groups):
        more = parquet.metadata.row_group(group).num_rows
        if groups and rows + more > chunk_rows:
            yield groups, rows
            groups, rows = [], 0
        groups.append(group)
        rows += more
    if groups:
        yield groups, rows


def recut_batches(batches: Iterable[pa.RecordBatch], chunk_rows: int) -> Iterator[pd.DataFrame]:
    """Yield the rows of batches of any size as frames of one size.

    >>> batches = pa.table({"n": range(7)}).to_batches(max_chunksize=2)
    >>> [frame["n"].tolist() for frame in recut_batches(batches, 3)]
    [[0, 1, 2], [3, 4, 5], [6]]
    """
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        rest = batch
        while rows + len(rest) >= chunk_rows:
            count = chunk_rows - rows
            yield frame_of_table(pa.Table.from_batches([*waiting, rest[:count]]))
            waiting, rows, rest = [], 0, rest[count:]
        if len(rest):
            waiting.append(rest)
            rows += len(rest)
    if waiting:
        yield frame_of_table(pa.Table.from_batches(waiting))


def _convert_undelivered(frame: pd.DataFrame, types_of: TypesOf) -> pd.DataFrame:
    """Return the undelivered rows of an earlier load with their text converted as from CSV: it may come from there."""
    columns = list(frame.columns)
    if not any(str(column).startswith(RESERVED_PREFIX) for column in columns):
        return frame
    types = types_of(columns)
    converted = {
        column: convert_cells(frame[column], types[column])
        for column in columns
        if types.get(column) in ("number", "integer", "boolean") and pd.api.types.is_string_dtype(frame[column].dtype)
    }
    return frame.assign(**converted) if converted else frame


def _projection(parquet: pq.ParquetFile, wanted: Sequence[Hashable] | None) -> list[str] | None:
    """Return the columns to read, or None for all: only plain names can be told apart in a file."""
    if wanted is None:
        return None
    names = set(parquet.schema_arrow.names)
    if any(not isinstance(column, str) or column not in names or "." in column for column in wanted):
        return None
    return [str(column) for column in wanted]


def frame_of_table(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame that keeps Arrow's types.

    >>> frame_of_table(pa.table({"n": [1]})).dtypes["n"]
    int64[pyarrow]
    """
    return cast(pd.DataFrame, table.to_pandas(types_mapper=pd.ArrowDtype))
