"""Undelivered rows as a CSV file that a load reads again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pyarrow.types as kinds

from cio_frames._util.own_files import refuse_to_replace
from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.csv.kinds import ColumnTally
from cio_frames.loading.csv.options import ColumnType, csv_type_option
from cio_frames.loading.io_errors import system_message
from cio_frames.loading.outputs import STATUS, replace_when_complete
from cio_frames.loading.parquet import RESERVED_PREFIX
from cio_frames.pipeline import CallSpec, types_of

_BATCH_ROWS = 50_000
# Columns that are text in a CSV file whatever their cells look like.
_TEXT_FIELDS = ("string", "id", "strict id", "date-time")


class CsvRemarks(NamedTuple):
    """What a reader of undelivered rows as CSV should know.

    Attributes
    ----------
    options : list of str
        The options by which a load reads columns as they were, in words that differ by door.
    changes : list of str
        What is not the same in a CSV file.
    """

    options: list[str]
    changes: list[str]


def write_undelivered_csv(undelivered: Path | None, path: Path, call_spec: CallSpec) -> CsvRemarks:
    """Write undelivered rows as CSV, and return what is to be known to read it.

    The file has commas, decimal points, ISO 8601 times, and is UTF-8, whatever the source was. If there are no such
    rows, a file that an earlier load wrote there is removed.

    Parameters
    ----------
    undelivered : Path or None
        The Parquet file, or the folder of such files, that a load wrote.
    path : Path
        The file to write.
    call_spec : CallSpec
        The call that the rows make.

    Raises
    ------
    ConfigurationError
        The file is not writable or another's, or a column has values that CSV does not have, such as lists.
    """
    try:
        if undelivered is None:
            _remove_earlier(path)
            return CsvRemarks([], [])
        files = sorted(undelivered.glob("*.parquet")) if undelivered.is_dir() else [undelivered]
        schemas = [pq.read_schema(file) for file in files]
        names = list(dict.fromkeys(name for schema in schemas for name in schema.names))
        tallies = {name: _ColumnNote() for name in names if not name.startswith(RESERVED_PREFIX)}
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_to_replace(path, is_own_csv)
        schema = pa.schema([(name, pa.large_string()) for name in names])
        with replace_when_complete(path) as temporary, pacsv.CSVWriter(temporary, schema) as writer:
            for file in files:
                for table in _text_tables(file, names, tallies, path, call_spec.options.timezone):
                    writer.write_table(table)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write undelivered rows to {path}: {system_message(error)}. Set {parameter('undelivered_csv')} to "
            "another path."
        ) from error
    known = types_of(names, call_spec)
    kinds_needed = {
        name: note.needed for name, note in tallies.items() if known.get(name) not in _TEXT_FIELDS and note.needed
    }
    return CsvRemarks(
        [csv_type_option(name, kind) for name, kind in kinds_needed.items()],
        [change for name, note in tallies.items() for change in note.changes(name)],
    )


class _ColumnNote:
    """What a column is, and what a reader of the CSV file would take it for."""

    def __init__(self) -> None:
        self._tally = ColumnTally()
        self._texts = 0
        self._not_finite = self._is_number = self._has_empty_texts = False

    def add(self, column: pa.ChunkedArray, text: pa.Array) -> None:
        self._tally.add(text, ".", lambda row: row)
        kind = column.type
        self._is_number |= kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)
        if kinds.is_string(column.type) or kinds.is_large_string(column.type):
            self._texts += len(column) - column.null_count
            self._has_empty_texts |= bool(pc.any(pc.equal(column, "")).as_py())
        elif kinds.is_floating(column.type):
            self._not_finite |= bool(pc.any(pc.invert(pc.is_finite(column))).as_py())

    @property
    def needed(self) -> ColumnType | None:
        if self._not_finite:
            return "number"
        return "text" if self._texts and self._tally.kind() != "text" else None

    def changes(self, name: str) -> Iterator[str]:
        """Yield what is not the same in a CSV file."""
        if self._has_empty_texts:
            yield f"{name} in CSV: empty texts are missing values"
        if self._is_number and not self._not_finite and self._tally.cells and self._tally.kind() == "text":
            yield f"{name} in CSV: numbers are text, since some have more than 18 digits"


def _text_tables(
    file: Path, names: list[str], notes: Mapping[str, _ColumnNote], path: Path, timezone: str
) -> Iterator[pa.Table]:
    """Yield the rows of a file with all columns as text."""
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
            table = pa.Table.from_batches([batch])
            texts = {}
            for name in names:
                if name not in table.column_names:
                    texts[name] = pa.nulls(len(table), pa.large_string())
                    continue
                column = _decoded(table.column(name))
                texts[name] = _csv_text(column, name, file, path, timezone)
                if name in notes:
                    notes[name].add(column, texts[name])
            yield pa.table(texts)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if kinds.is_dictionary(column.type) else column


def _csv_text(column: pa.ChunkedArray, name: str, file: Path, path: Path, timezone: str) -> pa.Array:
    kind = column.type
    if kinds.is_nested(kind) or kinds.is_duration(kind) or kinds.is_binary(kind) or kinds.is_large_binary(kind):
        raise ConfigurationError(
            f"Cannot write undelivered rows to {path}: column {name!r} has the type {kind}, which CSV does not have. "
            f"The rows are in {file}."
        )
    if kinds.is_timestamp(kind):
        return _time_text(column, timezone)
    return column.cast(pa.large_string()).combine_chunks()


def _time_text(column: pa.ChunkedArray, timezone: str) -> pa.Array:
    """Return times as they are sent; one that its time zone has twice, or not at all, as it stands."""
    if column.type.tz is None:
        with suppress(pa.ArrowInvalid):
            column = pc.assume_timezone(column, timezone)
    milliseconds = column.cast(pa.timestamp("ms", None if column.type.tz is None else "UTC"), safe=False)
    return pc.replace_substring(milliseconds.cast(pa.large_string()), " ", "T", max_replacements=1).combine_chunks()


def _remove_earlier(path: Path) -> None:
    """Remove a file of undelivered rows, and no file of anybody else."""
    if path.is_file() and is_own_csv(path):
        path.unlink()


def is_own_csv(path: Path) -> bool:
    """Return whether a file has undelivered rows as CSV, which name their status."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return f'"{STATUS}"' in file.readline()
