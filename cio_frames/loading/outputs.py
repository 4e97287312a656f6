"""The folder of a load: ``results/`` with the result of every row, ``undelivered.parquet`` with undelivered rows.

Each file is written under another name and then renamed, so that a file under its own name is complete.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames._util.private_files import make_private_file, make_private_folder
from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.io_errors import RESUME, START_OVER, system_message, translate_io_errors
from cio_frames.loading.kept_warnings import read_part_warnings, with_warnings
from cio_frames.loading.lock import LockError, exclusive_lock
from cio_frames.loading.parquet import RESERVED_PREFIX
from cio_frames.loading.source import Chunk
from cio_frames.loading.table import parquet_table
from cio_frames.loading.undelivered import PartGroup, clear_empty_columns, group_parts
from cio_frames.results import GOOD
from cio_frames.validation import WarningCount

# Columns of undelivered rows that are not the source's. A load does not send them, except the message id.
STATUS, REASON, MESSAGE_ID = f"{RESERVED_PREFIX}status", f"{RESERVED_PREFIX}reason", f"{RESERVED_PREFIX}message_id"
FILE, ROW = f"{RESERVED_PREFIX}file", f"{RESERVED_PREFIX}row"
_TEXT_COLUMNS = dict.fromkeys((STATUS, REASON, MESSAGE_ID, FILE), "string")
_PART_NAME = re.compile(r"part-\d{5,}\.parquet")
# In the metadata of each file that a load writes. Files without it belong to somebody else, whatever their names.
_MARK, _MARK_VALUE = b"cio_frames", b"load"
_UNDELIVERED, _REMOVED = "undelivered.parquet", "removed.parquet"


class OutputFolder:
    """The folder with a load's results, locked against other loads.

    Raises
    ------
    ConfigurationError
        It cannot be written, or is locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / "results"
        self.undelivered = path / _UNDELIVERED
        # Of syncs only.
        self.removed = path / _REMOVED
        self._undelivered_parts = path / ".undelivered"
        with self._translate_errors():
            make_private_folder(path)
            self._lock = exclusive_lock(
                path / ".lock",
                f"The output folder {path} is locked: another load is writing to it. Wait until it ends, or name "
                f"another folder with {parameter('output')}.",
            )
            try:
                for folder in (self.results, self._undelivered_parts):
                    make_private_folder(folder)
                    with tempfile.TemporaryFile(dir=folder):
                        pass
            except BaseException:
                self._lock.close()
                raise

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_io_errors(self.path, _unwritable, LockError)

    def refuse_foreign_files(self) -> None:
        """Refuse a folder with files of others where a load or a sync would write, or would read its results.

        Raises
        ------
        ConfigurationError
            There are such files; they are left as they are.
        """
        with self._translate_errors():
            foreign = [path for path in self._result_files() if not _is_ours(path)]
        if foreign:
            more = f" and {len(foreign) - 1:,} more files there were" if len(foreign) > 1 else " was"
            raise ConfigurationError(
                f"{foreign[0]}{more} not written by this version of cio_frames, or edited since, and would be in "
                f"the way of results. Name another folder with {parameter('output')}, or move the files away."
            )

    def refuse_results(self, known_sources: Sequence[str] = ()) -> None:
        """Refuse the results of an earlier load; ``known_sources`` are the sources of earlier loads."""
        if self._result_files():
            of = f", of {', '.join(map(repr, known_sources))}" if known_sources else ""
            raise ConfigurationError(
                f"{self.path} holds the results of another load{of}, or of one whose ledger is missing. Name "
                f"another folder with {parameter('output')}; to resume a load, name the source as it was named "
                f"before; or {START_OVER}."
            )

    def remove_results(self) -> None:
        """Remove the results of earlier loads, and no file of anybody else."""
        self.refuse_foreign_files()
        with self._translate_errors():
            for path in self._result_files():
                path.unlink(missing_ok=True)
            if self.undelivered.is_dir():
                self.undelivered.rmdir()

    def _result_files(self) -> list[Path]:
        """Return the files of results, of undelivered rows, and others that would be taken for such."""
        undelivered = [self.undelivered] if self.undelivered.is_file() else sorted(self.undelivered.glob("*"))
        parts = [
            part for folder in (self.results, self._undelivered_parts) for part in sorted(folder.glob("part-*.parquet"))
        ]
        return parts + undelivered + [path for path in (self.removed,) if path.exists()]

    def count_missing(self, chunks: Iterable[int], with_undelivered: Iterable[int]) -> int:
        """Return how many of these chunks have no results here, or no undelivered rows although they should."""
        missing = {number for number in chunks if not (self.results / _part_name(number)).exists()}
        missing |= {
            number for number in with_undelivered if not (self._undelivered_parts / _part_name(number)).exists()
        }
        return len(missing)

    def write_chunk(
        self,
        chunk: Chunk,
        all_columns: pd.DataFrame | None,
        result: pd.DataFrame,
        warnings: Sequence[WarningCount] = (),
    ) -> None:
        """Write the results of one chunk, in place of those of an earlier run.

        Parameters
        ----------
        chunk : Chunk
            Its rows.
        all_columns : pandas.DataFrame or None
            Its rows with all columns; None if all were delivered. Columns of one name, which Parquet cannot hold, are
            told apart by a number: ``note`` and ``note (2)``. Such columns are not sent.
        result : pandas.DataFrame
            Its result frame.
        warnings : sequence of WarningCount
            Its warnings.
        """
        rows = np.arange(chunk.first_row, chunk.first_row + len(result))
        results = result.reset_index(drop=True)
        results.insert(0, "file", pd.Series([chunk.file] * len(rows), dtype="string"))
        results.insert(1, "row", rows)
        name = _part_name(chunk.number)
        with self._translate_errors():
            # The status is text, so that all parts have one schema.
            table = pa.Table.from_pandas(results.astype({"status": "string"}), preserve_index=False)
            write_table(with_warnings(table, warnings), self.results / name)
            undelivered = self._undelivered_parts / name
            if all_columns is None:
                undelivered.unlink(missing_ok=True)
                return
            write_table(_undelivered_table(all_columns, results, chunk.file), undelivered)

    def read_warnings(self, chunks: Iterable[int]) -> list[WarningCount]:
        """Return the warnings of chunks that are done."""
        return [warning for number in chunks for warning in read_part_warnings(self.results / _part_name(number))]

    def combine_undelivered(self) -> Path | None:
        """Combine the undelivered rows of all chunks, in one file if possible; return None if there are none."""
        with self._translate_errors():
            groups = group_parts(sorted(self._undelivered_parts.glob("part-*.parquet")))
            # A single file is replaced; anything else under its name has to go.
            if len(groups) != 1 or self.undelivered.is_dir():
                self._remove_undelivered()
            if not groups:
                return None
            if len(groups) == 1:
                write_group(groups[0], self.undelivered)
                return self.undelivered
            make_private_folder(self.undelivered)
            for number, group in enumerate(groups):
                write_group(group, self.undelivered / _part_name(number))
        return self.undelivered

    def _remove_undelivered(self) -> None:
        if self.undelivered.is_dir():
            for part in self.undelivered.iterdir():
                part.unlink()
            self.undelivered.rmdir()
        self.undelivered.unlink(missing_ok=True)

    def write_removed(self, table: pa.Table) -> Path:
        """Write what became of subjects that were missing, and return the path."""
        with self._translate_errors():
            write_table(table, self.removed)
        return self.removed

    def discard_parts(self) -> None:
        """Remove what only a load that is resumed needs."""
        with suppress(OSError):
            for part in self._undelivered_parts.glob("part-*.parquet"):
                part.unlink()
            self._undelivered_parts.rmdir()


def _undelivered_table(all_columns: pd.DataFrame, results: pd.DataFrame, file: str | None) -> pa.Table:
    """Return the undelivered rows of a chunk with all columns and those that say why."""
    kept = ~results["status"].isin(GOOD).to_numpy()
    own = [not str(column).startswith(RESERVED_PREFIX) for column in all_columns.columns]
    rows = all_columns.loc[:, own][kept].reset_index(drop=True)
    rows = rows.assign(
        **{
            STATUS: results["status"][kept].astype("string").to_numpy(),
            REASON: results["reason"][kept].to_numpy(),
            MESSAGE_ID: results["message_id"][kept].to_numpy(),
            FILE: file,
            ROW: results["row"][kept].to_numpy(),
        }
    )
    return clear_empty_columns(parquet_table(rows.astype(_TEXT_COLUMNS)))


def _part_name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _is_ours(path: Path) -> bool:
    """Return whether a file was written by a load or a sync."""
    if not path.is_file() or not (_PART_NAME.fullmatch(path.name) or path.name in (_UNDELIVERED, _REMOVED)):
        return False
    try:
        return (pq.read_metadata(path.absolute()).metadata or {}).get(_MARK) == _MARK_VALUE
    except pa.ArrowException:
        return False


def _with_mark(schema: pa.Schema) -> pa.Schema:
    return schema.with_metadata({**(schema.metadata or {}), _MARK: _MARK_VALUE})


def write_group(group: PartGroup, path: Path) -> None:
    """Write the rows of several parts to one file."""
    with replace_when_complete(path) as temporary, pq.ParquetWriter(temporary, _with_mark(group.schema)) as writer:
        for table in group.tables():
            writer.write_table(table)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table to a file."""
    with replace_when_complete(path) as temporary:
        pq.write_table(table.replace_schema_metadata(_with_mark(table.schema).metadata), temporary)


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Yield a temporary name to write to; the file is renamed once it is complete and on the disk."""
    # Arrow takes a relative path with a colon for a URL.
    temporary = path.absolute().with_name(f".{path.name}.part")
    try:
        temporary.unlink(missing_ok=True)
        make_private_file(temporary)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write a new name to the disk too, on systems where a folder can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(path: str | Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Cannot write results to {path}: {system_message(error)}. Free disk space there, or fix the permissions. "
        f"{RESUME}"
    )
