"""One file of a source, whatever its format: what columns it has, and its rows in chunks.

A reader holds no file open while it is not read, so that a source can have more files than a process may open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import Protocol

import pandas as pd

from cio_frames.errors import FrameError, parameter
from cio_frames.loading.csv_file import CsvFile, CsvSurvey, TypesOf
from cio_frames.loading.csv_header import is_invented
from cio_frames.loading.csv_options import CsvOptions
from cio_frames.loading.files import DataFile
from cio_frames.loading.int96 import utc_schema
from cio_frames.loading.json_lines import JsonLinesFile
from cio_frames.loading.parquet import open_parquet, parquet_columns, read_parquet_chunks


class FileReader(Protocol):
    """Reads one file.

    Attributes
    ----------
    file : DataFile
        The file.
    rows : int or None
        How many rows it has; None if that is not known yet.
    """

    file: DataFile
    rows: int | None

    def labels(self) -> list[Hashable]:
        """Return its columns."""

    def check(self, types_of: TypesOf) -> None:
        """Look at all of it, if it can be malformed somewhere in the middle."""

    def chunks(
        self, *, first_number: int, done: frozenset[int], types_of: TypesOf, wanted: Sequence[Hashable] | None,
        chunk_rows: int,
    ) -> Iterator[pd.DataFrame | int]:  # fmt: skip
        """Yield its chunks; of those that are done, the number of rows may do."""

    def notes(self) -> Counter[str]:
        """Return what a user should know of it, in sentences or parts of one that can be counted over files."""


def open_reader(file: DataFile, options: CsvOptions, keep: frozenset[Hashable]) -> FileReader:
    """Return the reader of a file; ``keep`` are columns that are read whatever they are called."""
    match file.format:
        case "Parquet":
            return ParquetReader(file, keep)
        case "JSON Lines":
            return JsonLinesReader(file)
        case _:
            return CsvReader(file, options)
