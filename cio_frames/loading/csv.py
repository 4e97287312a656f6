"""CSV files as frames, without losing what an id looks like: what a column is, is decided by all of its cells.

So a file is read twice: once to see what its columns are, once for the rows. In between its fields are counted.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from cio_frames.errors import FrameError

# A number as a spreadsheet would not change it: "007" and "+49 30" are text.
_PLAIN_NUMBER = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$"
_TRUTH_VALUE = r"^([Tt]rue|TRUE|[Ff]alse|FALSE)$"
_TRUTH = {"true": True, "false": False}
_PLAIN_INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"
# What a column is if all of its cells match, most telling first.
_KINDS = {"integer": _PLAIN_INTEGER, "number": _PLAIN_NUMBER, "boolean": _TRUTH_VALUE}

# A line must not be longer than this.
_BLOCK_BYTES = 16_000_000

Labels: TypeAlias = Sequence[Hashable]
TypesOf: TypeAlias = Callable[[Labels], Mapping[Hashable, str]]
Opened: TypeAlias = Callable[[], IO[bytes]]


def csv_frames(opened: Opened, name: str, types_of: TypesOf, rows: int) -> Iterator[pd.DataFrame]:
    """Yield a CSV file's rows, some at a time.

    Parameters
    ----------
    opened : callable
        Opens the file; called several times.
    name : str
        What errors call it.
    types_of : callable
        Given the columns, says which types the spec has for them, in JSON Schema's words. Text stays text whatever it
        looks like; among numbers, a cell that is none stays as it is, for validation to tell.
    rows : int
        How many rows at a time.
    """
    labels = csv_labels(opened, name)
    types = types_of(labels)
    kinds = _kinds(opened, name, rows, [label for label in labels if types.get(label) != "string"])
    _refuse_short_rows(opened, name)
    for frame in _texts(opened, name, rows):
        columns = {label: _typed(series, kinds.get(label), types.get(label)) for label, series in frame.items()}
        yield pd.DataFrame(columns, index=frame.index)


def csv_labels(opened: Opened, name: str) -> list[str]:
    """Return a CSV file's column names."""
    options: dict[str, Any] = {"dtype": str, "encoding": "utf-8-sig", "index_col": False}
    with opened() as file:
        written = pd.read_csv(file, header=None, nrows=1, **options)
    for label, times in written.iloc[0].value_counts().items():
        if times > 1:
            # pandas would rename the second one, and send what nobody has named.
            raise FrameError(f"{name}: its first line has the name {label!r} {times} times. Name each column once.")
    with opened() as file:
        return list(pd.read_csv(file, nrows=0, **options).columns)


def words_of_broken(error: Exception) -> str:
    """Return why pandas cannot read a CSV file, without its cells.

    >>> words_of_broken(pd.errors.ParserError("Error tokenizing data. C error: Expected 3 fields in line 5, saw 4"))
    'line 5 has 4 fields, and 3 are expected (line ends inside cells are not counted)'
    """
    if isinstance(error, pd.errors.EmptyDataError):
        return "it is empty"
    if isinstance(error, EOFError):
        return "what is compressed in it breaks off"
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return "what is compressed in it is damaged"
    not_counted = "(line ends inside cells are not counted)"
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
        return f"line {found[2]} has {found[3]} fields, and {found[1]} are expected {not_counted}"
    if found := re.search(r"EOF inside string starting at row (\d+)", str(error)):
        return f"a quote that opens in line {int(found[1]) + 1} is never closed {not_counted}"
    return type(error).__name__


def _refuse_short_rows(opened: Opened, name: str) -> None:
    """Refuse a file with a row that has fewer fields than there are names: pandas takes the rest for missing."""
    short: list[pyarrow.csv.InvalidRow] = []

    def told(row: pyarrow.csv.InvalidRow) -> Literal["skip", "error"]:
        if not row.text.strip():
            # pandas takes no notice of blank lines.
            return "skip"
        short.append(row)
        return "error"

    with opened() as file:
        try:
            for _ in pyarrow.csv.open_csv(
                file,
                pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, autogenerate_column_names=True),
                pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=told),
                # Fields are counted and not looked at.
                pyarrow.csv.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.large_binary()}),
            ):
                pass
        except pa.ArrowInvalid:
            if not short:
                raise
    for row in short:
        raise FrameError(
            f"{name} cannot be read: line {row.number} has {row.actual_columns} of {row.expected_columns} fields "
            "(blank lines, and line ends inside cells, are not counted). Is it whole? Where cells at the end of a line "
            "are empty, write their commas."
        )


def _texts(opened: Opened, name: str, rows: int) -> Iterator[pd.DataFrame]:
    with opened() as file:
        options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": [""], "encoding": "utf-8-sig"}
        for frame in pd.read_csv(file, chunksize=rows, **options):
            if not isinstance(frame.index, pd.RangeIndex):
                # pandas takes the first fields for row labels then, and every name is one column off.
                raise FrameError(f"{name}: its rows have more fields than its first line has names. Name every column.")
            yield frame.reset_index(drop=True)


def _kinds(opened: Opened, name: str, rows: int, labels: Labels) -> dict[Hashable, str]:
    """Return what each column is, where all of its cells are plainly that."""
    possible = {label: list(_KINDS) for label in labels}
    filled: set[Hashable] = set()
    for frame in _texts(opened, name, rows):
        for label in labels:
            text = pa.array(frame[label], pa.large_string(), from_pandas=True)
            if text.null_count < len(text):
                filled.add(label)
                possible[label] = [kind for kind in possible[label] if _all_match(text, _KINDS[kind])]
    return {label: kinds[0] for label, kinds in possible.items() if kinds and label in filled}


def _typed(series: pd.Series[Any], kind: str | None, wanted: str | None) -> pd.Series[Any]:
    """Return a text column as what it is, or cell by cell as what it should be."""
    match kind:
        case "integer":
            return series.astype("Int64")
        case "number":
            return series.astype("Float64")
        case "boolean":
            return series.str.lower().map(_TRUTH).astype("boolean")
    if wanted in ("number", "integer", "boolean"):
        return typed_where_plain(series, wanted)
    return series


def typed_where_plain(series: pd.Series[Any], wanted: str) -> pd.Series[Any]:
    """Return a column cell by cell as what it should be, so that one bad cell does not take the others with it."""
    text = pa.array(series, pa.large_string(), from_pandas=True)
    pattern = _TRUTH_VALUE if wanted == "boolean" else _PLAIN_NUMBER
    plain = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
    cells = series.astype(object).to_numpy(copy=True)
    convert = (lambda cell: _TRUTH[cell.lower()]) if wanted == "boolean" else orjson.loads
    for row in np.flatnonzero(plain).tolist():
        cells[row] = convert(cells[row])
    return pd.Series(cells, index=series.index, dtype=object)


def _all_match(text: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(text, pattern)).as_py())
