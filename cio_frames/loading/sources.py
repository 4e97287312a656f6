"""A source of rows, some at a time: files of any size, or frames as they come.

A chunk is the unit of a load: read, checked, sent and answered for as a whole. Cut the same way every time, so that a
load that was stopped finds the rows it had.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from cio_frames.errors import FrameError
from cio_frames.loading.csv import TypesOf, csv_frames, csv_labels, typed_where_plain, words_of_broken
from cio_frames.loading.files import DataFile, found_files, partition_types, with_partition, words_of

CHUNK_ROWS = 200_000

# What is known about a column that a load has added to its rejects; never sent.
RESERVED_PREFIX = "_cio_"

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
    piece : int
        Which chunk of that file, from 0.
    """

    number: int
    frame: pd.DataFrame
    file: str | None
    first_row: int
    piece: int = 0

    @property
    def where(self) -> str:
        """What an error calls the place of its rows."""
        return self.file or f"frame {self.number}"


class Source(Protocol):
    """What a load reads.

    Attributes
    ----------
    name : str
        What it is called.
    repeatable : bool
        Whether its rows can be read more than once.
    """

    name: str
    repeatable: bool

    def stamps(self) -> list[dict[str, Any]] | None:
        """Return what tells whether the source is still the same; None where nothing can."""

    def rows(self) -> int | None:
        """Return how many rows there are, where that is known before they are read."""

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the columns of each file."""

    def chunks(
        self, *, done: frozenset[int] = frozenset(), types_of: TypesOf = ..., wanted: Wanted = ...
    ) -> Iterator[Chunk]:
        """Yield the rows, but for chunks that are done."""

    def whole(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns, also where not all were read."""


def source_of(given: Any, *, but: Path | None = None) -> Source:
    """Return a source of rows.

    Parameters
    ----------
    given : path, address, frame, dataset, or iterable of frames
        A file, folder or pattern; an address such as ``s3://bucket/orders/``; a pandas DataFrame; a pyarrow Table or
        Dataset; or whatever yields DataFrames or Arrow's batches, such as ``pandas.read_sql(..., chunksize=50_000)``.

    but : Path, optional
        A folder whose files are left out.

    Raises
    ------
    FrameError
        It is none of these, or there is nothing there.
    """
    if isinstance(given, (str, Path)):
        return Files(str(given), found_files(given, but=but))
    if isinstance(given, ds.Dataset):
        files = _plain_files(given)
        return Dataset(given) if files is None else Files("dataset", files)
    if isinstance(given, pa.Table):
        return Frames("table", [given])
    if isinstance(given, pd.DataFrame):
        return Frames("frame", [given])
    if isinstance(given, Iterable):
        return Frames("frames", given)
    raise FrameError(
        f"A load takes a path, an address, a DataFrame, a pyarrow Table or Dataset, or an iterable of DataFrames, "
        f"not {type(given).__name__}."
    )


class Files:
    """Parquet and CSV files."""

    repeatable = True

    def __init__(self, name: str, files: Sequence[DataFile]) -> None:
        self.name = name
        self._files = files
        self._types = partition_types(files)
        self._parquet = {file.path: _opened(file) for file in files if file.is_parquet}
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
        """Return the rows of all files; unknown among CSV files."""
        if len(self._parquet) < len(self._files):
            return None
        return sum(int(parquet.metadata.num_rows) for parquet in self._parquet.values())

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the columns of each file."""
        for file in self._files:
            yield file.path, self._labels(file)

    def _labels(self, file: DataFile) -> list[Hashable]:
        parquet = self._parquet.get(file.path)
        if parquet is None:
            with _told(file):
                own: list[Hashable] = list(csv_labels(file.opened, file.path))
        else:
            own = list(_frame(parquet.schema_arrow.empty_table()).columns)
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
                for frame in self._frames(file, number, done, types_of, wanted):
                    rows = frame if isinstance(frame, int) else len(frame)
                    if not isinstance(frame, int) and number not in done:
                        whole = with_partition(frame, file, self._types)
                        yield Chunk(number, whole, file.path, first_row, number - first_number)
                    first_row += rows
                    number += 1
            except FrameError:
                # What cannot be read any more most likely could be when it was opened.
                self._refuse_changed(file)
                raise
            self._refuse_changed(file)

    def _refuse_changed(self, file: DataFile) -> None:
        if file.stamp() != self._stamps[file.path]:
            raise FrameError(
                f"{file.path} has changed since this load has begun. Wait until it is whole, and start over with "
                "fresh=True (--fresh)."
            )

    def _frames(
        self, file: DataFile, number: int, done: frozenset[int], types_of: TypesOf, wanted: Wanted
    ) -> Iterator[pd.DataFrame | int]:
        """Yield chunks of one file; of those that are done, their number of rows may do."""
        parquet = self._parquet.get(file.path)
        with _told(file):
            if parquet is None:
                yield from csv_frames(file.opened, file.path, types_of, CHUNK_ROWS)
                return
            columns = _projection(parquet, wanted(self._labels(file)))
            for groups, rows in _groups(parquet):
                count = -(-rows // CHUNK_ROWS)
                if done.issuperset(range(number, number + count)):
                    yield from (min(CHUNK_ROWS, rows - start) for start in range(0, rows, CHUNK_ROWS))
                else:
                    yield from (_as_from_csv(frame, types_of) for frame in _tables(parquet, groups, columns))
                number += count

    def whole(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        only = next(file for file in self._files if file.path == chunk.file)
        if not only.is_parquet:
            return chunk.frame
        one = Files(self.name, [only])
        return next(every.frame for every in one.chunks(done=frozenset(range(chunk.piece))))


class Frames:
    """Frames as they come; one is a chunk."""

    def __init__(self, name: str, frames: Iterable[Any]) -> None:
        self.name = name
        self.repeatable = isinstance(frames, Sequence)
        self._frames = frames

    def stamps(self) -> None:
        """Return nothing: what will come is not known."""

    def rows(self) -> int | None:
        """Return the rows of all frames, where they are at hand."""
        return sum(map(len, self._frames)) if isinstance(self._frames, Sequence) else None

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the columns of each frame, where they are at hand."""
        if isinstance(self._frames, Sequence):
            for number, frame in enumerate(self._frames):
                none = frame.slice(0, 0) if isinstance(frame, (pa.Table, pa.RecordBatch)) else frame
                yield f"frame {number}", list(_as_frame(none, number).columns)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield each frame as one chunk; those that are done are taken all the same, since they come in order."""
        first_row = 0
        for number, given in enumerate(self._frames):
            frame = _as_frame(given, number)
            yield Chunk(number, frame, None, first_row)
            first_row += len(frame)

    def whole(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        return chunk.frame


class Dataset:
    """An Arrow dataset whose rows are not simply those of its files: filtered, partitioned, or of no files."""

    name = "dataset"
    repeatable = True

    def __init__(self, dataset: ds.Dataset) -> None:
        self._dataset = dataset

    def stamps(self) -> None:
        """Return nothing: what a dataset is made of need not be files."""

    def rows(self) -> int | None:
        """Return how many rows there are."""
        return int(self._dataset.count_rows())

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield its columns."""
        yield self.name, list(_frame(self._dataset.schema.empty_table()).columns)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield the rows with all columns, since a few of them could not be read again without all before them."""
        first_row = 0
        for number, frame in enumerate(_recut(self._dataset.to_batches(batch_size=CHUNK_ROWS // 4))):
            yield Chunk(number, frame, None, first_row)
            first_row += len(frame)

    def whole(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        return chunk.frame


def _plain_files(dataset: ds.Dataset) -> list[DataFile] | None:
    """Return a dataset's Parquet files, where its rows are all of theirs and no more is said of them."""
    if not isinstance(dataset, ds.FileSystemDataset) or dataset.format.default_extname != "parquet":
        return None
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:
        # One that is filtered does not tell its filter, but refuses this.
        return None
    for fragment in fragments:
        if ds.get_partition_keys(fragment.partition_expression) or not fragment.physical_schema.equals(dataset.schema):
            return None
    return [DataFile(path, dataset.filesystem) for path in dataset.files]


def _as_frame(given: Any, number: int) -> pd.DataFrame:
    if isinstance(given, pa.RecordBatch):
        return _frame(pa.Table.from_batches([given]))
    if isinstance(given, pa.Table):
        return _frame(given)
    if not isinstance(given, pd.DataFrame):
        raise FrameError(f"A load takes DataFrames, and got {type(given).__name__} as number {number}.")
    return given


class _told:  # noqa: N801 -- read as a word: with _told(file)
    """Names the file where reading it fails."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, UnicodeDecodeError):
            raise FrameError(f"{self._file.path} is not UTF-8 text. Save it as UTF-8, and load it again.") from error
        if isinstance(error, (pa.ArrowException, OSError, ValueError, EOFError, zlib.error)):
            # What pyarrow and pandas say may have the file's cells in it.
            compressed = isinstance(error, gzip.BadGzipFile)
            why = words_of(error) if isinstance(error, OSError) and not compressed else words_of_broken(error)
            raise FrameError(
                f"{self._file.path} cannot be read: {why}. Is it whole, and of the kind it says?"
            ) from error


def _opened(file: DataFile) -> pq.ParquetFile:
    with _told(file):
        return pq.ParquetFile(file.system.open_input_file(file.path), pre_buffer=False)


def _groups(parquet: pq.ParquetFile) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that are read together, and their rows: small ones up to a chunk, a large one alone."""
    groups: list[int] = []
    rows = 0
    for group in range(parquet.num_row_groups):
        more = parquet.metadata.row_group(group).num_rows
        if groups and rows + more > CHUNK_ROWS:
            yield groups, rows
            groups, rows = [], 0
        groups.append(group)
        rows += more
    if groups:
        yield groups, rows


def _tables(parquet: pq.ParquetFile, groups: list[int], columns: list[str] | None) -> Iterator[pd.DataFrame]:
    """Yield the rows of some row groups, a chunk at a time."""
    yield from _recut(parquet.iter_batches(batch_size=CHUNK_ROWS // 4, row_groups=groups, columns=columns))


def _recut(batches: Iterable[pa.RecordBatch]) -> Iterator[pd.DataFrame]:
    """Yield rows a chunk at a time, however they come."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        piece = batch
        while rows + len(piece) >= CHUNK_ROWS:
            taken = CHUNK_ROWS - rows
            yield _frame(pa.Table.from_batches([*waiting, piece[:taken]]))
            waiting, rows, piece = [], 0, piece[taken:]
        if len(piece):
            waiting.append(piece)
            rows += len(piece)
    if waiting:
        yield _frame(pa.Table.from_batches(waiting))


def _as_from_csv(frame: pd.DataFrame, types_of: TypesOf) -> pd.DataFrame:
    """Return the rejects of an earlier load with their text as from a CSV file: that is where such text comes from."""
    labels = list(frame.columns)
    if not any(str(label).startswith(RESERVED_PREFIX) for label in labels):
        return frame
    types = types_of(labels)
    typed = {
        label: typed_where_plain(frame[label], types[label])
        for label in labels
        if types.get(label) in ("number", "integer", "boolean") and pd.api.types.is_string_dtype(frame[label].dtype)
    }
    return frame.assign(**typed) if typed else frame


def _projection(parquet: pq.ParquetFile, wanted: Sequence[Hashable] | None) -> list[str] | None:
    """Return the columns to read, or None for all: only plain names can be told apart in a file."""
    if wanted is None:
        return None
    names = set(parquet.schema_arrow.names)
    if any(not isinstance(label, str) or label not in names or "." in label for label in wanted):
        return None
    return [str(label) for label in wanted]


def _frame(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return cast(pd.DataFrame, frame)
