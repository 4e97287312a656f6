"""The answers of a load on disk: ``results/`` for every row, ``rejects.parquet`` for the rows that were not delivered.

Each file is written under another name and then renamed, so that what is there is whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.errors import ConfigurationError
from cio_frames.loading.sources import OURS, Chunk
from cio_frames.results import GOOD

# Columns of the rejects that are not of the source. A load leaves them out, but for the message id.
STATUS, REASON, MESSAGE_ID = f"{OURS}status", f"{OURS}reason", f"{OURS}message_id"
FILE, ROW = f"{OURS}file", f"{OURS}row"


class Outputs:
    """The folder with a load's answers.

    Raises
    ------
    ConfigurationError
        It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.rejects = folder / "rejects.parquet"
        self._rejected = folder / ".rejects"
        with _told(folder):
            for each in (self.results, self._rejected):
                each.mkdir(parents=True, exist_ok=True)
                probe = each / ".probe"
                probe.touch()
                probe.unlink()

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
                    f"{self.folder} holds the answers of another load{named}. Name another folder with output= "
                    "(--output); for one that goes on, name the source as it was named before; or start over with "
                    "fresh=True (--fresh)."
                )
            for path in answers:
                path.unlink()

    def write(self, chunk: Chunk, whole: pd.DataFrame | None, result: pd.DataFrame) -> None:
        """Write the answers of one chunk, in the place of what was known of it before.

        Parameters
        ----------
        chunk : Chunk
            Its rows.
        whole : pandas.DataFrame or None
            Its rows with all columns; None where all were delivered.
        result : pandas.DataFrame
            Its result frame.
        """
        rows = np.arange(chunk.first_row, chunk.first_row + len(result))
        answers = result.reset_index(drop=True)
        answers.insert(0, "file", pd.Series([chunk.file] * len(rows), dtype="string"))
        answers.insert(1, "row", rows)
        name = f"part-{chunk.number:05d}.parquet"
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
            some = whole.loc[:, [not str(label).startswith(OURS) for label in whole.columns]][kept]
            some = some.reset_index(drop=True).assign(
                **{
                    STATUS: answers["status"][kept].astype("string").to_numpy(),
                    REASON: answers["reason"][kept].to_numpy(),
                    MESSAGE_ID: answers["message_id"][kept].to_numpy(),
                    FILE: chunk.file,
                    ROW: rows[kept],
                }
            )
            _write(_table(some), rejected)

    def finish(self) -> Path | None:
        """Put the rejects of all chunks together; None where there are none."""
        parts = sorted(self._rejected.glob("part-*.parquet"))
        with _told(self.folder):
            if not parts:
                self.rejects.unlink(missing_ok=True)
                return None
            schema = pa.unify_schemas([pq.read_schema(part) for part in parts], promote_options="permissive")
            with _renamed(self.rejects) as path, pq.ParquetWriter(path, schema) as writer:
                for part in parts:
                    table = pq.read_table(part)
                    missing = [field for field in schema if field.name not in table.column_names]
                    for field in missing:
                        table = table.append_column(field, pa.nulls(len(table), field.type))
                    writer.write_table(table.select(schema.names).cast(schema))
        return self.rejects

    def discard_parts(self) -> None:
        """Remove what only a load that goes on needs."""
        shutil.rmtree(self._rejected, ignore_errors=True)


def _table(frame: pd.DataFrame) -> pa.Table:
    """Return rows as a table; columns of objects that Arrow has no type for become text."""
    frame = frame.set_axis([str(label) for label in frame.columns], axis=1)
    text = frame.astype({REASON: "string", STATUS: "string", MESSAGE_ID: "string", FILE: "string"})
    try:
        return pa.Table.from_pandas(text, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        mixed = {
            label: text[label].map(_as_text, na_action="ignore").astype("string")
            for label in text.columns
            if text[label].dtype == object and not _fits(text[label])
        }
        return pa.Table.from_pandas(text.assign(**mixed), preserve_index=False)


def _fits(series: pd.Series[object]) -> bool:  # type: ignore[type-var]
    try:
        pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _as_text(cell: object) -> str:
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else str(cell)


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
    finally:
        there.unlink(missing_ok=True)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigurationError(f"Answers cannot be written to {folder}: {why}.") from error
