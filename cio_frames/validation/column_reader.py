"""The columns of a frame as checks read them: each converted once, however many checks read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools, Cells, Ints
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.kinds import is_text, value_type
from cio_frames.arrow.normalize import column_of, filled_cells
from cio_frames.columns import FieldSource

Column: TypeAlias = pa.ChunkedArray | Cells


class ColumnReader:
    """Reads the columns of one frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    read : function of a FieldSource, optional
        Returns a column that is converted already. Default is to convert it.

    Examples
    --------
    >>> from cio_frames import spec
    >>> people = pd.DataFrame({"user_id": ["ada", 7]})
    >>> reader = ColumnReader(people)
    >>> reader.texts(FieldSource(0, "user_id", ("userId",), spec.Field())).to_pylist()
    ['ada', None]
    """

    def __init__(self, frame: pd.DataFrame, read: Callable[[FieldSource], Column] | None = None) -> None:
        self.frame = frame
        self.rows = len(frame)
        self._read = read
        self._columns: dict[int, Column] = {}
        self._texts: dict[int, pa.Array | None] = {}

    def column(self, source: FieldSource) -> Column:
        """Return the column of a field as Arrow, or as Python objects where only those can hold it."""
        if source.position not in self._columns:
            read = self._read or (lambda source: column_of(self.frame.iloc[:, source.position]))
            self._columns[source.position] = read(source)
        return self._columns[source.position]

    def texts(self, source: FieldSource) -> pa.Array | None:
        """Return the cells that are text, null for every other; None if no cell can be text.

        Lone surrogates become question marks.
        """
        if source.position not in self._texts:
            self._texts[source.position] = _texts_of(self.column(source))
        return self._texts[source.position]

    def filled(self, source: FieldSource) -> Bools:
        """Return which cells are not null."""
        column = self.column(source)
        if isinstance(column, np.ndarray):
            return filled_cells(self.frame.iloc[:, source.position])
        if not column.null_count:
            return np.ones(self.rows, dtype=bool)
        return np.asarray(column.is_valid(), dtype=bool)

    def values(self, source: FieldSource, rows: Ints) -> Cells:
        """Return the cells of some rows as Python objects."""
        return self.frame.iloc[:, source.position].iloc[rows].to_numpy(dtype=object)


def _texts_of(column: Column) -> pa.Array | None:
    if isinstance(column, np.ndarray):
        if not any(issubclass(kind, str) for kind in set(map(type, column))):
            return None
        texts = [cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else None for cell in column]
        return pa.array(texts, TEXT)
    if not is_text(value_type(column.type)):
        return None
    texts = column.cast(TEXT)
    return texts.chunk(0) if texts.num_chunks == 1 else texts.combine_chunks()


def as_bools(found: pa.Array | pa.ChunkedArray) -> Bools:
    """Return an Arrow column of booleans, False for null.

    >>> as_bools(pa.array([True, None])).tolist()
    [True, False]
    """
    return np.asarray(pc.fill_null(found, False), dtype=bool)


def matches(texts: pa.Array | None, pattern: str, rows: int, *, ignore_case: bool = False) -> Bools:
    """Return which texts match a regular expression; none if there are no texts."""
    if texts is None:
        return np.zeros(rows, dtype=bool)
    return as_bools(pc.match_substring_regex(texts, pattern, ignore_case=ignore_case))
