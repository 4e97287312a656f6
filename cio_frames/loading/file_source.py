"""A source of files, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any

import pandas as pd

from cio_frames._util.did_you_mean import closest_name
from cio_frames.errors import FrameError
from cio_frames.loading.csv.options import csv_option
from cio_frames.loading.file_readers import FileReader, open_reader
from cio_frames.loading.files import DataFile
from cio_frames.loading.io_errors import START_OVER
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.partitions import add_partition, partition_types
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.source import Chunk, TypesOf, Wanted

_MAX_NAMES_LISTED = 5


class Files:
    """Files of rows; all of them are looked at before the first chunk is read.

    Parameters
    ----------
    name : str
        Its name in the ledger.
    files : list of DataFile
        The files.
    chunk_rows : int
        The most rows of a chunk.
    options : ReadOptions
        How they are read.
    left_out : dict of str to int
        How many files beside them are not read, by extension.
    keep : collection of column labels
        Columns that are read also if nobody seems to have named them.
    """

    repeatable = True
    resumable = True

    def __init__(
        self,
        name: str,
        files: Sequence[DataFile],
        chunk_rows: int,
        options: ReadOptions | None = None,
        left_out: Counter[str] | None = None,
        keep: Collection[Hashable] = (),
    ) -> None:
        self.name = name
        self.chunk_rows = chunk_rows
        self._options = options or ReadOptions()
        self._left_out = left_out or Counter()
        self._keep = keep
        self._partition_types = partition_types(file.partition for file in files)
        self._stamps = {file.path: file.stamp() for file in files}
        _refuse_empty([path for path, (size, _) in self._stamps.items() if not size])
        self._readers = [open_reader(file, self._options.csv, keep) for file in files]

    def settings(self) -> dict[str, Any]:
        """Return how the files are read, where it is not by default."""
        return self._options.as_dict()

    def stamps(self) -> list[dict[str, Any]]:
        """Return path, size, time of change and rows of each file; rows only of those whose footer has them."""
        stamps = []
        for reader in self._readers:
            size, changed = self._stamps[reader.file.path]
            rows = reader.rows if reader.file.format == "Parquet" else None
            stamps.append({"path": reader.file.path, "bytes": size, "changed": changed, "rows": rows})
        return stamps

    def rows(self) -> int | None:
        """Return the rows of all files; None if they are not known yet."""
        counts = [reader.rows for reader in self._readers if reader.rows is not None]
        return sum(counts) if len(counts) == len(self._readers) else None

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the path and the columns of each file."""
        for reader in self._readers:
            yield reader.file.path, self._labels_of(reader)

    def _labels_of(self, reader: FileReader) -> list[Hashable]:
        own = reader.labels()
        return [*own, *(name for name in reader.file.partition if name not in own)]

    def check(self, types_of: TypesOf) -> None:
        """Look at all files, so that a malformed one is known before rows of others are sent."""
        self._refuse_unknown_types()
        for reader in self._readers:
            self._refuse_changed(reader.file)
            reader.check(types_of)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield the rows of one file after the other; of Parquet only the wanted columns are read."""
        self.check(types_of)
        number = 0
        for reader in self._readers:
            file, first_row, first_number = reader.file, 0, number
            self._refuse_changed(file)
            try:
                for chunk in self.read_file(reader, number, done, types_of, wanted):
                    rows = chunk if isinstance(chunk, int) else len(chunk)
                    if not isinstance(chunk, int) and number not in done:
                        frame = add_partition(chunk, file.partition, self._partition_types)
                        yield Chunk(number, frame, file.path, first_row, number - first_number)
                    first_row += rows
                    number += 1
            except FrameError:
                # A file that could be read before has most likely changed.
                self._refuse_changed(file)
                raise
            self._refuse_changed(file)

    def read_file(
        self, reader: FileReader, number: int, done: frozenset[int], types_of: TypesOf, wanted: Wanted
    ) -> Iterator[pd.DataFrame | int]:
        """Yield chunks of one file; of those that are done, the number of rows may do."""
        yield from reader.chunks(
            first_number=number,
            done=done,
            types_of=types_of,
            wanted=wanted(self._labels_of(reader)),
            chunk_rows=self.chunk_rows,
        )

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        file = next(reader.file for reader in self._readers if reader.file.path == chunk.file)
        if file.format != "Parquet":
            return chunk.frame
        alone = Files(self.name, [file], self.chunk_rows, self._options, keep=self._keep)
        return next(found.frame for found in alone.chunks(done=frozenset(range(chunk.number_in_file))))

    def notes(self) -> SourceNotes:
        """Return what a user should know of the files, as far as they have been read."""
        found = SourceNotes(left_out=self._left_out)
        for reader in self._readers:
            found.add(reader.notes())
            found.add(SourceNotes(partitions=dict.fromkeys(reader.file.partition)))
        return found

    def _refuse_changed(self, file: DataFile) -> None:
        if file.stamp() != self._stamps[file.path]:
            raise FrameError(
                f"{file.path} has changed since this load started. Wait until the file is complete, and {START_OVER}."
            )

    def _refuse_unknown_types(self) -> None:
        """Refuse types of columns that no file has."""
        if not self._options.csv.types:
            return
        known = {label for _, labels in self.labels() for label in labels}
        for name in self._options.csv.types:
            if name not in known:
                meant = closest_name(name, sorted(map(str, known)))
                hint = f"Did you mean {meant!r}?" if meant is not None else "Check its name."
                raise FrameError(f"{csv_option('types')}: column {name!r} not found in {self.name}. {hint}")


def _refuse_empty(paths: Sequence[str]) -> None:
    if paths:
        more = f" and {len(paths) - _MAX_NAMES_LISTED:,} more" if len(paths) > _MAX_NAMES_LISTED else ""
        are = "is" if len(paths) == 1 else "are"
        raise FrameError(
            f"{', '.join(paths[:_MAX_NAMES_LISTED])}{more} {are} empty (0 bytes). Delete what is empty, or name the "
            "files to load by a pattern."
        )
