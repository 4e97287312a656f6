"""One file of a source, whatever its format: what columns it has, and its rows in chunks.

A reader holds no file open while it is not read, so that a source can have more files than a process may open.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from cio_frames.errors import CioFramesError, FrameError
from cio_frames.loading.csv import CsvFile, CsvOptions, CsvSurvey
from cio_frames.loading.csv.header import is_invented
from cio_frames.loading.file_kinds import SNIFFED_BYTES, refuse_other_kind
from cio_frames.loading.files import DataFile
from cio_frames.loading.int96 import utc_schema
from cio_frames.loading.io_errors import system_message, translate_io_errors
from cio_frames.loading.json_lines import JsonLinesFile
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.parquet import open_parquet, parquet_columns, read_parquet_chunks
from cio_frames.loading.source import TypesOf

_READ_ERRORS = (pa.ArrowException, ValueError, EOFError, zlib.error)


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
        """Read all of it, if it can be malformed somewhere in the middle."""

    def chunks(
        self, *, first_number: int, done: frozenset[int], types_of: TypesOf, wanted: Sequence[Hashable] | None,
        chunk_rows: int,
    ) -> Iterator[pd.DataFrame | int]:  # fmt: skip
        """Yield its chunks; of those that are done, the number of rows may do."""

    def notes(self) -> SourceNotes:
        """Return what a user should know of it."""


def open_reader(file: DataFile, options: CsvOptions, keep: Collection[Hashable]) -> FileReader:
    """Return the reader of a file; ``keep`` are columns that are read also if nobody seems to have named them."""
    match file.format:
        case "Parquet":
            return ParquetReader(file, keep)
        case "JSON Lines":
            return JsonLinesReader(file)
    return CsvReader(file, options, keep)


class ParquetReader:
    """Reads a Parquet file."""

    def __init__(self, file: DataFile, keep: Collection[Hashable]) -> None:
        self.file = file
        with reading(file), open_parquet(file) as parquet:
            self.rows: int | None = int(parquet.metadata.num_rows)
            found = parquet_columns(parquet)
            self._in_utc = utc_schema(parquet)[1]
        self._labels = [label for label in found if label in keep or not is_invented(label)]
        self._nameless = len(found) - len(self._labels)

    def labels(self) -> list[Hashable]:
        """Return its columns."""
        return list(self._labels)

    def check(self, types_of: TypesOf) -> None:
        """Do nothing: its footer has been read."""

    def chunks(
        self, *, first_number: int, done: frozenset[int], types_of: TypesOf, wanted: Sequence[Hashable] | None,
        chunk_rows: int,
    ) -> Iterator[pd.DataFrame | int]:  # fmt: skip
        """Yield its chunks; only the wanted columns are read."""
        with reading(self.file), open_parquet(self.file) as parquet:
            yield from read_parquet_chunks(
                parquet,
                first_number=first_number,
                done=done,
                types_of=types_of,
                columns=self._projection(wanted),
                chunk_rows=chunk_rows,
            )

    def _projection(self, wanted: Sequence[Hashable] | None) -> list[str] | None:
        """Return the columns to read, or None for all: only plain names can be told apart in a file."""
        columns = self._labels if wanted is None else wanted
        if wanted is None and not self._nameless:
            return None
        if any(not isinstance(label, str) or label not in self._labels or "." in label for label in columns):
            return None
        return [str(label) for label in columns]

    def notes(self) -> SourceNotes:
        """Return how many columns are left out, and which times are taken for UTC."""
        return SourceNotes(nameless_columns=self._nameless, utc_columns=dict.fromkeys(self._in_utc))


class CsvReader:
    """Reads a file of separated values."""

    def __init__(self, file: DataFile, options: CsvOptions, keep: Collection[Hashable]) -> None:
        self.file = file
        self.rows: int | None = None
        self._csv = CsvFile(file.open_bytes, file.path, options, "\t" if file.format == "TSV" else ",", keep)
        self._survey: CsvSurvey | None = None

    def labels(self) -> list[Hashable]:
        """Return its columns."""
        with reading(self.file):
            return list(self._csv.labels())

    def check(self, types_of: TypesOf) -> None:
        """Read all of it, once for these types."""
        with reading(self.file):
            types = self._csv.resolve_types(types_of)
            if self._survey is None or self._survey.types != types:
                self._survey = self._csv.survey(lambda labels: types)
        self.rows = self._survey.rows

    def chunks(
        self, *, first_number: int, done: frozenset[int], types_of: TypesOf, wanted: Sequence[Hashable] | None,
        chunk_rows: int,
    ) -> Iterator[pd.DataFrame | int]:  # fmt: skip
        """Yield its chunks."""
        self.check(types_of)
        if self._survey is None:
            return
        rows = self._survey.rows
        if done.issuperset(range(first_number, first_number - (-rows // chunk_rows))):
            yield from (min(chunk_rows, rows - start) for start in range(0, rows, chunk_rows))
            return
        with reading(self.file):
            yield from self._csv.frames(self._survey, chunk_rows)

    def notes(self) -> SourceNotes:
        """Return what the file has that is not sent, or not sent as it stands."""
        found = SourceNotes(nameless_columns=self._csv.nameless())
        if self._survey is not None:
            found.repeated_headers = self._survey.repeated_headers
            found.float_ids = Counter(self._survey.float_ids)
            found.warnings = dict.fromkeys(self._survey.warnings)
        return found


class JsonLinesReader:
    """Reads a file with one JSON object per line."""

    def __init__(self, file: DataFile) -> None:
        self.file = file
        self.rows: int | None = None
        self._json_lines = JsonLinesFile(file.open_bytes, file.path)

    def labels(self) -> list[Hashable]:
        """Return its columns."""
        with reading(self.file):
            return list(self._json_lines.labels())

    def check(self, types_of: TypesOf) -> None:
        """Do nothing: its names, for which all of it was read, are kept."""
        self.labels()

    def chunks(
        self, *, first_number: int, done: frozenset[int], types_of: TypesOf, wanted: Sequence[Hashable] | None,
        chunk_rows: int,
    ) -> Iterator[pd.DataFrame | int]:  # fmt: skip
        """Yield its chunks."""
        with reading(self.file):
            yield from self._json_lines.frames(chunk_rows)

    def notes(self) -> SourceNotes:
        """Return nothing to note."""
        return SourceNotes()


def reading(file: DataFile) -> AbstractContextManager[None]:
    """Raise errors that name the file, and say what it is if its extension says something else."""

    def unreadable(path: str | Path, error: Exception) -> CioFramesError:
        compression = {".gz": "gzip", ".zst": "zstd", None: None}[file.compression]
        try:
            with file.open_compressed() as opened:
                start = opened.read(SNIFFED_BYTES)
            refuse_other_kind(file.path, compression or ("Parquet" if file.format == "Parquet" else "CSV"), start)
        except FrameError as refusal:
            return refusal
        except OSError:
            pass
        # Messages of Arrow may hold the file's cells.
        cause = type(error).__name__
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            cause = "the compressed data is incomplete"
        elif isinstance(error, (gzip.BadGzipFile, zlib.error)) or compression == "zstd":
            cause = "the compressed data is damaged"
        elif isinstance(error, OSError):
            cause = system_message(error)
        return FrameError(f"Cannot read {path}: {cause}. The file may be incomplete, or its extension may be wrong.")

    return translate_io_errors(file.path, unreadable, *_READ_ERRORS)
