"""CSV files as frames. All cells of a column decide its kind, so that ids such as 007 stay text.

A file is read twice: once for the kinds of its columns, once for the rows. In between its fields are counted.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Hashable, Iterator
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from cio_frames.errors import FrameError
from cio_frames.loading.source import Labels, TypesOf

# A number as a spreadsheet would not change it: "007" and "+49 30" are text.
_PLAIN_NUMBER = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$"
_BOOLEAN = r"^([Tt]rue|TRUE|[Ff]alse|FALSE)$"
_BOOLEAN_VALUES = {"true": True, "false": False}
_PLAIN_INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"
# The kind of a column all of whose cells match, the most specific first.
_KIND_PATTERNS = {"integer": _PLAIN_INTEGER, "number": _PLAIN_NUMBER, "boolean": _BOOLEAN}

# The limit for one line.
_MAX_LINE_BYTES = 16_000_000

OpenFile: TypeAlias = Callable[[], IO[bytes]]


def read_csv_chunks(open_file: OpenFile, name: str, types_of: TypesOf, rows: int) -> Iterator[pd.DataFrame]:
    """Yield a CSV file's rows as frames.

    Parameters
    ----------
    open_file : callable
        Opens the file; called several times.
    name : str
        The file's name in errors.
    types_of : callable
        Given the columns, says which types the spec has for them, in JSON Schema's words. Text stays text whatever it
        looks like; among numbers, a cell that is not one stays text, for validation to report.
    rows : int
        How many rows at a time.
    """
    labels = read_csv_header(open_file, name)
    types = types_of(labels)
    kinds = _infer_kinds(open_file, name, rows, [label for label in labels if types.get(label) != "string"])
    _refuse_short_rows(open_file, name)
    for frame in _read_text_chunks(open_file, name, rows):
        columns = {
            label: _convert_column(series, kinds.get(label), types.get(label)) for label, series in frame.items()
        }
        yield pd.DataFrame(columns, index=frame.index)


def read_csv_header(open_file: OpenFile, name: str) -> list[str]:
    """Return a CSV file's column names."""
    options: dict[str, Any] = {"dtype": str, "encoding": "utf-8-sig", "index_col": False}
    with open_file() as file:
        header = pd.read_csv(file, header=None, nrows=1, **options)
    for label, times in header.iloc[0].value_counts().items():
        if times > 1:
            # pandas would rename the second one, and send what nobody has named.
            raise FrameError(f"{name}: the header has the column {label!r} {times} times. Name each column once.")
    with open_file() as file:
        return list(pd.read_csv(file, nrows=0, **options).columns)


def csv_error_message(error: Exception) -> str:
    """Return why a CSV file cannot be read, without its cells.

    >>> csv_error_message(pd.errors.ParserError("Error tokenizing data. C error: Expected 3 fields in line 5, saw 4"))
    'line 5 has 4 fields, expected 3 (line ends inside cells are not counted)'
    """
    if isinstance(error, pd.errors.EmptyDataError):
        return "the file is empty"
    if isinstance(error, EOFError):
        return "the compressed data is incomplete"
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return "the compressed data is damaged"
    not_counted = "(line ends inside cells are not counted)"
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
        return f"line {found[2]} has {found[3]} fields, expected {found[1]} {not_counted}"
    if found := re.search(r"EOF inside string starting at row (\d+)", str(error)):
        return f"the quote that opens in line {int(found[1]) + 1} is never closed {not_counted}"
    return type(error).__name__


def _refuse_short_rows(open_file: OpenFile, name: str) -> None:
    """Refuse a file with a row that has fewer fields than there are names: pandas takes the rest for missing."""
    short: list[pyarrow.csv.InvalidRow] = []

    def note_invalid_row(row: pyarrow.csv.InvalidRow) -> Literal["skip", "error"]:
        if not row.text.strip():
            # pandas takes no notice of blank lines.
            return "skip"
        short.append(row)
        return "error"

    with open_file() as file:
        try:
            for _ in pyarrow.csv.open_csv(
                file,
                pyarrow.csv.ReadOptions(use_threads=False, block_size=_MAX_LINE_BYTES, autogenerate_column_names=True),
                pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note_invalid_row),
                # Fields are counted and not looked at.
                pyarrow.csv.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.large_binary()}),
            ):
                pass
        except pa.ArrowInvalid:
            if not short:
                raise
    for row in short:
        raise FrameError(
            f"Cannot read {name}: line {row.number} has {row.actual_columns} of {row.expected_columns} fields "
            "(blank lines, and line ends inside cells, are not counted). The file may be incomplete. If cells at the "
            "end of a line are empty, write their commas."
        )


def _read_text_chunks(open_file: OpenFile, name: str, rows: int) -> Iterator[pd.DataFrame]:
    with open_file() as file:
        options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": [""], "encoding": "utf-8-sig"}
        for frame in pd.read_csv(file, chunksize=rows, **options):
            if not isinstance(frame.index, pd.RangeIndex):
                # pandas takes the first fields for row labels then, and every name is one column off.
                raise FrameError(f"{name}: its rows have more fields than the header has names. Name every column.")
            yield frame.reset_index(drop=True)


def _infer_kinds(open_file: OpenFile, name: str, rows: int, labels: Labels) -> dict[Hashable, str]:
    """Return the kind of each column all of whose cells match that kind."""
    candidates = {label: list(_KIND_PATTERNS) for label in labels}
    filled: set[Hashable] = set()
    for frame in _read_text_chunks(open_file, name, rows):
        for label in labels:
            text = pa.array(frame[label], pa.large_string(), from_pandas=True)
            if text.null_count < len(text):
                filled.add(label)
                candidates[label] = [kind for kind in candidates[label] if _all_match(text, _KIND_PATTERNS[kind])]
    return {label: kinds[0] for label, kinds in candidates.items() if kinds and label in filled}


def _convert_column(series: pd.Series[Any], kind: str | None, wanted: str | None) -> pd.Series[Any]:
    """Return a text column converted to its kind, or cell by cell to the type that the spec has for it."""
    match kind:
        case "integer":
            return series.astype("Int64")
        case "number":
            return series.astype("Float64")
        case "boolean":
            return series.str.lower().map(_BOOLEAN_VALUES).astype("boolean")
    if wanted in ("number", "integer", "boolean"):
        return convert_cells(series, wanted)
    return series


def convert_cells(series: pd.Series[Any], wanted: str) -> pd.Series[Any]:
    """Return a text column converted cell by cell, so that one bad cell does not leave the others as text."""
    text = pa.array(series, pa.large_string(), from_pandas=True)
    pattern = _BOOLEAN if wanted == "boolean" else _PLAIN_NUMBER
    plain = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
    cells = series.astype(object).to_numpy(copy=True)
    convert = (lambda cell: _BOOLEAN_VALUES[cell.lower()]) if wanted == "boolean" else orjson.loads
    for row in np.flatnonzero(plain).tolist():
        cells[row] = convert(cells[row])
    return pd.Series(cells, index=series.index, dtype=object)


def _all_match(text: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(text, pattern)).as_py())
