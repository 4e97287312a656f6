"""The answers of a load on disk: ``results/`` for every row, ``rejects.parquet`` for the rows that were not delivered.

Each file is written under another name and then renamed, so that what is there is whole.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.errors import ConfigurationError
from cio_frames.loading.lock import exclusive_lock
from cio_frames.loading.sources import RESERVED_PREFIX, Chunk
from cio_frames.loading.table import table_of
from cio_frames.loading.undelivered import Together, together, without_empty_columns
from cio_frames.results import GOOD

# Columns of the rejects that are not of the source. A load leaves them out, but for the message id.
STATUS, REASON, MESSAGE_ID = f"{RESERVED_PREFIX}status", f"{RESERVED_PREFIX}reason", f"{RESERVED_PREFIX}message_id"
FILE, ROW = f"{RESERVED_PREFIX}file", f"{RESERVED_PREFIX}row"
_TEXTS = dict.fromkeys((STATUS, REASON, MESSAGE_ID, FILE), "string")


class Outputs:
    """The folder with a load's answers, which no other load may write meanwhile.

    Raises
    ------
    ConfigurationError
        It cannot be written, or another load is at work in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.rejects = folder / "rejects.parquet"
        self._rejected = folder / ".rejects"
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._guard = exclusive_lock(
                folder / ".lock",
                f"Another load is at work in {folder}. Wait for it to end, or give this one an output of its own.",
            )
            for each in (self.results, self._rejected):
                each.mkdir(parents=True, exist_ok=True)
                probe = each / ".probe"
                probe.touch()
                probe.unlink()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._guard.close()

    def claim(self, *, fresh: bool, known: Sequence[str] = ()) -> None:
        """Take the folder for a new load; the answers of an earlier one are removed only where that was asked for.

        ``known`` are the sources of earlier loads.
        """
        with _told(self.folder):
            answers = [*self.results.glob("part-*.parquet"), *self._rejected.glob("part-*.parquet"), self.rejects]
            answers = [path for path in answers if path.exists()]
            if answers and not fresh:
                named = f", of {', '.join(map(repr, known))}" if known else ""
                raise ConfigurationError(
                    f"{self.folder} holds the answers of another load{named}, or of one whose ledger is gone. Name "
                    "another folder with output= (--output); for one that goes on, name the source as it was named "
                    "before; or start over with fresh=True (--fresh)."
                )
            for path in answers:
                _remove(path)

    def lost(self, chunks: Iterable[int], rejecting: Iterable[int]) -> int:
        """Return how many of these chunks have no answers here, or no rejects where they should have some."""
        lost = {number for number in chunks if not (self.results / _part(number)).exists()}
        lost |= {number for number in rejecting if not (self._rejected / _part(number)).exists()}
        return len(lost)

    def write(self, chunk: Chunk, whole: pd.DataFrame | None, result: pd.DataFrame) -> None:
        """Write the answers of one chunk, in the place of what was known of it before.

        Parameters
        ----------
        chunk : Chunk
            Its rows.
        whole : pandas.DataFrame or None
            Its rows with all columns; None where all were delivered. Columns of one name, which Parquet cannot hold,
            are told apart by a number: ``note`` and ``note (2)``. They are such as are not sent.
        result : pandas.DataFrame
            Its result frame.
        """
        rows = np.arange(chunk.first_row, chunk.first_row + len(result))
        answers = result.reset_index(drop=True)
        answers.insert(0, "file", pd.Series([chunk.file] * len(rows), dtype="string"))
        answers.insert(1, "row", rows)
        name = _part(chunk.number)
        with _told(self.folder):
            # Text, so that all parts have one schema.
            _write(
                pa.Table.from_pandas(answers.astype({"status": "string"}), preserve_index=False), self.results / name
            )
            rejected = self._rejected / name
            if whole is None:
                rejected.unlink(missing_ok=True)
                return
            kept = ~result["status"].isin(GOOD).to_numpy()
            some = whole.loc[:, [not str(label).startswith(RESERVED_PREFIX) for label in whole.columns]][kept]
            some = some.reset_index(drop=True).assign(
                **{
                    STATUS: answers["status"][kept].astype("string").to_numpy(),
                    REASON: answers["reason"][kept].to_numpy(),
                    MESSAGE_ID: answers["message_id"][kept].to_numpy(),
                    FILE: chunk.file,
                    ROW: rows[kept],
                }
            )
            _write(without_empty_columns(table_of(some.astype(_TEXTS))), rejected)

    def finish(self) -> Path | None:
        """Put the rejects of all chunks together, in one file where that can be; None where there are none."""
        with _told(self.folder):
            found = together(sorted(self._rejected.glob("part-*.parquet")))
            # One file is written over; whatever else was there has to go.
            if len(found) != 1 or self.rejects.is_dir():
                _remove(self.rejects)
            if not found:
                return None
            if len(found) == 1:
                _write_together(found[0], self.rejects)
                return self.rejects
            self.rejects.mkdir()
            for number, some in enumerate(found):
                _write_together(some, self.rejects / _part(number))
        return self.rejects

    def discard_parts(self) -> None:
        """Remove what only a load that goes on needs."""
        shutil.rmtree(self._rejected, ignore_errors=True)


def _part(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _write_together(rejects: Together, path: Path) -> None:
    with _renamed(path) as there, pq.ParquetWriter(there, rejects.schema) as writer:
        for table in rejects.tables():
            writer.write_table(table)


def _write(table: pa.Table, path: Path) -> None:
    with _renamed(path) as there:
        pq.write_table(table, there)


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """Yield a name to write under; what is written gets its own name once it is whole and on the disk."""
    there = path.with_name(f".{path.name}.part")
    try:
        yield there
        with there.open("rb+") as file:
            os.fsync(file.fileno())
        there.replace(path)
        _sync_folder(path.parent)
    finally:
        there.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """See to it that a new name is on the disk too, where a folder can be opened."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"Answers cannot be written to {folder}: {why}. Make room there, or mend the permissions, and run the same "
            "again."
        ) from error
