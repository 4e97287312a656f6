"""Files to frames, without losing what an id looks like."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames.errors import FrameError

# A number as a spreadsheet would not change it: "007" and "+49 30" are text.
_PLAIN_NUMBER = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$"
_TRUTH_VALUE = r"^([Tt]rue|TRUE|[Ff]alse|FALSE)$"
_TRUTH = {"true": True, "false": False}
_PLAIN_INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"


Labels: TypeAlias = Sequence[Hashable]
TypesOf: TypeAlias = Callable[[Labels], Mapping[Hashable, str]]


def read(path: str | Path, *, types_of: TypesOf = lambda labels: {}) -> pd.DataFrame:
    """Read a Parquet or CSV file.

    Parquet keeps its own types. In a CSV file a column becomes numbers, or true and false, where every cell of it is
    plainly one; an id with leading zeros makes its column text. Empty cells are missing, and nothing else is: ``NA``
    stays text.

    Parameters
    ----------
    path : str or Path
        Ends in .parquet, .pq, .csv or .csv.gz.
    types_of : callable
        Given a CSV file's columns, says which types the spec has for them, in JSON Schema's words. Text stays text
        whatever it looks like; among numbers, a cell that is none stays as it is, for validation to tell.

    Raises
    ------
    FrameError
        The file is not there, is of another kind, or cannot be read.

    Examples
    --------
    >>> from cio_frames.resources import shipped
    >>> read(shipped("sample_data") / "orders.csv")["customer_id"].iloc[0]
    '00004'
    """
    path = Path(path)
    reader = next((reader for ending, reader in _READERS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        raise FrameError(f"{path} is of no kind known here; there are {', '.join(_READERS)}.")
    if not path.exists():
        raise FrameError(f"There is no file {path}.")
    try:
        return reader(path, types_of)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FrameError(
            f"{path} cannot be read: {type(error).__name__}. Is it whole, and of the kind it says?"
        ) from error


def _read_parquet(path: Path, types_of: TypesOf) -> pd.DataFrame:
    return pd.read_parquet(path, dtype_backend="pyarrow")


def _read_csv(path: Path, types_of: TypesOf) -> pd.DataFrame:
    # Text first: what a column is, is decided by all of its cells.
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas takes the first fields for row labels then, and every name is one column off.
        raise FrameError(f"{path}: its rows have more fields than its first line has names. Name every column.")
    types = types_of(list(frame.columns))
    columns = {label: _typed(series, types.get(label)) for label, series in frame.items()}
    return pd.DataFrame(columns, index=frame.index)


def _typed(series: pd.Series[Any], wanted: str | None) -> pd.Series[Any]:
    """Return a text column as numbers or truth values, where all of it is plainly that."""
    if wanted == "string":
        return series
    text = pa.array(series, pa.large_string(), from_pandas=True)
    if text.null_count == len(text):
        return series
    if _all_match(text, _PLAIN_INTEGER):
        return series.astype("Int64")
    if _all_match(text, _PLAIN_NUMBER):
        return series.astype("Float64")
    if _all_match(text, _TRUTH_VALUE):
        return series.str.lower().map(_TRUTH).astype("boolean")
    if wanted in ("number", "integer", "boolean"):
        return _typed_where_plain(series, text, wanted)
    return series


def _typed_where_plain(series: pd.Series[Any], text: pa.Array, wanted: str) -> pd.Series[Any]:
    """Return a column cell by cell as what it should be, so that one bad cell does not take the others with it."""
    pattern = _TRUTH_VALUE if wanted == "boolean" else _PLAIN_NUMBER
    plain = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
    cells = series.astype(object).to_numpy(copy=True)
    convert = (lambda cell: _TRUTH[cell.lower()]) if wanted == "boolean" else orjson.loads
    for row in np.flatnonzero(plain).tolist():
        cells[row] = convert(cells[row])
    return pd.Series(cells, index=series.index, dtype=object)


def _all_match(text: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(text, pattern)).as_py())


_READERS: Mapping[str, Callable[[Path, TypesOf], pd.DataFrame]] = {
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
}
