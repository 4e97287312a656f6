"""Whatever holds rows as a source of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.loading.delta_source import DeltaSource
from cio_frames.loading.file_source import Files
from cio_frames.loading.files import DataFile, find_files
from cio_frames.loading.frames import Dataset, Frames, foreign_source, refuse_other_source
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.source import Source
from cio_frames.loading.standard_input import STANDARD_INPUT_PATH, StandardInput
from cio_frames.loading.tuning import CHUNK_ROWS


def source_of(
    given: Any, options: ReadOptions | None = None, *, exclude: Path | None = None, keep: Collection[Hashable] = (),
    chunk_rows: int = CHUNK_ROWS,
) -> Source:  # fmt: skip
    """Return a source of rows.

    Parameters
    ----------
    given : path, address, frame, dataset, or iterable of frames
        A file, folder or pattern; ``-`` for standard input; an address such as ``s3://bucket/orders/``; a pandas
        DataFrame; a table or dataset of Arrow, polars, DuckDB, Delta or Iceberg; or whatever yields frames or Arrow's
        batches, such as ``pandas.read_sql(..., chunksize=50_000)`` or an ADBC cursor.
    options : ReadOptions, optional
        How files are read.
    exclude : Path, optional
        A folder whose files are not data.
    keep : collection of column labels
        Columns that are read also if nobody seems to have named them.
    chunk_rows : int
        The most rows of a chunk.

    Raises
    ------
    FrameError
        It is none of these, or nothing is found.
    """
    options = options or ReadOptions()
    if isinstance(given, (str, Path)) and str(given) == STANDARD_INPUT_PATH and not Path(given).exists():
        return StandardInput(options, keep, chunk_rows)
    if isinstance(given, (str, Path)):
        found = find_files(given, exclude=exclude, partitions=options.partitions)
        if found.delta_table is not None:
            return DeltaSource(found.delta_table, chunk_rows)
        return Files(str(given), found.files, chunk_rows, options, found.left_out, keep)
    if isinstance(given, ds.Dataset):
        files = _plain_files(given)
        return Dataset(given, chunk_rows) if files is None else Files("dataset", files, chunk_rows, keep=keep)
    if isinstance(given, pa.Table):
        return Frames("table", [given], chunk_rows)
    if isinstance(given, pd.DataFrame):
        return Frames("frame", [given], chunk_rows)
    foreign = foreign_source(given, chunk_rows)
    if foreign is None:
        refuse_other_source(given)
    return foreign or Frames("frames", given, chunk_rows)


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
