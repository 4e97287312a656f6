"""The text in a column of any dtype, for limits and forms of text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.kinds import is_text, value_type
from cio_frames.arrow.normalize import column_of


def text_cells(series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    """Return the cells that are text, null for every other; lone surrogates become question marks.

    >>> text_cells(pd.Series(["a", 7], dtype=object)).to_pylist()
    ['a', None]
    """
    column = column_of(series)
    if isinstance(column, np.ndarray):
        texts = [cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else None for cell in column]
        return pa.array(texts, TEXT)
    return column.cast(TEXT) if is_text(value_type(column.type)) else pa.nulls(len(series), TEXT)


def text_bytes(series: pd.Series[Any]) -> Ints:
    """Return the bytes of each cell that is text, 0 for every other."""
    return np.asarray(pc.fill_null(pc.binary_length(text_cells(series)), 0), dtype=np.int64)


def matches_pattern(series: pd.Series[Any], pattern: str) -> Bools:
    """Return which cells are text of a form, in any case of letters."""
    found = pc.match_substring_regex(text_cells(series), pattern, ignore_case=True)
    return np.asarray(pc.fill_null(found, False), dtype=bool)
