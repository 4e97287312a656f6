"""Parquet files as frames: small row groups together up to a chunk, large ones a chunk at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.arrow.tables import frame_of_table
from cio_frames.loading.csv.kinds import mixed_column
from cio_frames.loading.files import DataFile
from cio_frames.loading.int96 import utc_schema
from cio_frames.loading.source import TypesOf

# Starts the names of columns that a load adds to its undelivered rows. They are never sent.
RESERVED_PREFIX = "_cio_"


@contextmanager
def open_parquet(file: DataFile) -> Iterator[pq.ParquetFile]:
    """Open a file, read what is in it from its footer, and close it at the end."""
    with file.system.open_input_file(file.path) as opened:
        # Times of the years 1 to 9999 are microseconds that 64 bits can hold, and not all of them are nanoseconds.
        yield pq.ParquetFile(opened, pre_buffer=False, coerce_int96_timestamp_unit="us")


def parquet_columns(parquet: pq.ParquetFile) -> list[Hashable]:
    """Return the columns of a file's frames."""
    return list(frame_of_table(parquet.schema_arrow.empty_table()).columns)


def read_parquet_chunks(
    parquet: pq.ParquetFile,
    *,
    first_number: int,
    done: frozenset[int],
    types_of: TypesOf,
    columns: Sequence[str] | None,
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
    columns : list of str, optional
        The columns to read. Default is all.
    chunk_rows : int
        The most rows of a chunk.
    """
    number = first_number
    for groups, rows in _groups_of_chunks(parquet, chunk_rows):
        count = -(-rows // chunk_rows)
        if done.issuperset(range(number, number + count)):
            yield from (min(chunk_rows, rows - start) for start in range(0, rows, chunk_rows))
        else:
            batches = _read_batches(parquet, groups, columns, max(chunk_rows // 4, 1))
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


def _read_batches(
    parquet: pq.ParquetFile, groups: list[int], columns: Sequence[str] | None, rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some row groups, with the zones of their times."""
    schema, changed = utc_schema(parquet)
    for batch in _plain_batches(parquet, groups, columns, rows):
        if changed:
            wanted = pa.schema([schema.field(name) for name in batch.schema.names], metadata=batch.schema.metadata)
            yield from pa.Table.from_batches([batch]).cast(wanted).to_batches()
        else:
            yield batch


def _plain_batches(
    parquet: pq.ParquetFile, groups: list[int], columns: Sequence[str] | None, rows: int
) -> Iterator[pa.RecordBatch]:
    batches = parquet.iter_batches(batch_size=rows, row_groups=groups, columns=columns)
    try:
        first = next(batches, None)
    except pa.ArrowNotImplementedError:
        # Lists of dictionaries can be read one row group at a time only.
        for group in groups:
            yield from parquet.read_row_group(group, columns=columns).to_batches(max_chunksize=rows)
        return
    if first is not None:
        yield first
        yield from batches


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
        column: mixed_column(
            pa.chunked_array([pa.array(frame[column], pa.string(), from_pandas=True)]),
            "boolean" if types[column] == "boolean" else "number",
            ".",
        )
        for column in columns
        if types.get(column) in ("number", "integer", "boolean") and pd.api.types.is_string_dtype(frame[column].dtype)
    }
    return frame.assign(**converted) if converted else frame
