"""The one way from pandas to Arrow: columns of any dtype as arrays of plain types, or as Python objects.

Every Arrow type enters here, or by way of :mod:`.tables`, and is plain from then on.
"""

from __future__ import annotations

import decimal
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.types import infer_dtype

from cio_frames._util.arrays import Cells
from cio_frames.arrow.buffers import TEXT, unsliced
from cio_frames.arrow.plain import is_plain_type, plain_column

ColumnSlice: TypeAlias = pa.Array | Cells

# Object columns whose cells all have one simple type are converted as typed columns are.
_ARROW_KINDS = {"string": TEXT, "boolean": pa.bool_(), "integer": pa.int64(), "floating": pa.float64()}


def column_of(series: pd.Series[Any]) -> pa.ChunkedArray | Cells:
    """Return a column ready to be cut into slices; nulls of every kind become Arrow nulls.

    >>> column_of(pd.Series([1.5, None])).null_count
    1
    >>> column_of(pd.Series([{"a": 1}, None], dtype=object))
    array([{'a': 1}, None], dtype=object)
    """
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        series = pd.Series(np.asarray(series))
        dtype = series.dtype
    if _is_foreign(dtype):
        return _objects_to_arrow(series.to_numpy(dtype=object))
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _objects_to_arrow(series.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype) and isinstance(dtype.categories.dtype, pd.DatetimeTZDtype):
        # pyarrow 17 loses the time zone of categories.
        series = series.astype(dtype.categories.dtype)
        dtype = series.dtype
    if _changes_in_arrow(dtype) or (
        isinstance(dtype, pd.CategoricalDtype) and _changes_in_arrow(dtype.categories.dtype)
    ):
        return series.to_numpy(dtype=object)
    # Arrays with an Arrow form of their own are converted directly, without the series around them.
    cells = series.array if hasattr(series.array, "__arrow_array__") else series
    try:
        return plain_column(_as_chunked(pa.array(cells, from_pandas=True)))
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        # For example categories of several types, or lone surrogates.
        return series.to_numpy(dtype=object)


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose Arrow columns all have plain types; it is the same frame if they have.

    A frame of a subclass, such as geopandas', becomes a frame of pandas' own: its constructor may fail for some rows.

    >>> people = pd.DataFrame({"plan": pd.array(["free"], pd.ArrowDtype(pa.string_view()))})
    >>> plain_frame(people).dtypes["plan"]
    large_string[pyarrow]
    """
    if type(frame) is not pd.DataFrame:
        frame = pd.DataFrame(frame)
    places = [
        place
        for place, dtype in enumerate(frame.dtypes)
        if isinstance(dtype, pd.ArrowDtype) and not is_plain_type(dtype.pyarrow_dtype)
    ]
    if not places:
        return frame
    frame = frame.copy(deep=False)
    for place in places:
        frame.isetitem(place, pandas_array(plain_column(_as_chunked(pa.array(frame.iloc[:, place].array)))))
    return frame


def pandas_array(column: pa.ChunkedArray | Cells) -> Any:
    """Return a column as what pandas makes a column of that keeps Arrow's type.

    >>> pandas_array(pa.chunked_array([[1]])).dtype
    int64[pyarrow]
    """
    return column if isinstance(column, np.ndarray) else pd.arrays.ArrowExtensionArray(column)


def slice_of(column: pa.ChunkedArray | Cells, start: int, stop: int) -> ColumnSlice:
    """Return some rows of a column as one array."""
    if isinstance(column, np.ndarray):
        return column[start:stop]
    rows = column.slice(start, stop - start)
    if rows.num_chunks == 0:
        return pa.nulls(0)
    return unsliced(rows.chunk(0)) if rows.num_chunks == 1 else pa.concat_arrays(rows.chunks)


def filled_cells(series: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Return which cells of a column are not null.

    >>> filled_cells(pd.Series(["a", None])).tolist()
    [True, False]
    """
    with _allow_signaling_nan():
        return series.notna().to_numpy(dtype=bool)


def _allow_signaling_nan() -> AbstractContextManager[decimal.Context]:
    """Return a context in which comparing a signaling NaN does not raise."""
    return decimal.localcontext(decimal.Context(traps=[]))


def _objects_to_arrow(cells: Cells) -> pa.ChunkedArray | Cells:
    with _allow_signaling_nan():
        kind = infer_dtype(cells, skipna=True)
    if kind == "empty":
        return _as_chunked(pa.nulls(len(cells)))
    if kind not in _ARROW_KINDS or (kind == "floating" and _has_narrow_floats(cells)):
        return cells
    try:
        return _as_chunked(pa.array(cells, _ARROW_KINDS[kind], from_pandas=True))
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        # Lone surrogates, and integers of more than 64 bits.
        return cells


def _changes_in_arrow(dtype: Any) -> bool:
    """Return whether Arrow would change what the values mean."""
    return isinstance(dtype, (pd.PeriodDtype, pd.IntervalDtype)) or dtype.kind == "c" or _is_foreign(dtype)


def _is_foreign(dtype: Any) -> bool:
    """Return whether a dtype is another library's, whose Arrow form may be the storage and not the meaning."""
    return not isinstance(dtype, np.dtype) and type(dtype).__module__.partition(".")[0] != "pandas"


def _has_narrow_floats(cells: Cells) -> bool:
    """Return whether any float is of a type that a float64 would write with other digits."""
    return any(issubclass(kind, np.floating) and not issubclass(kind, float) for kind in set(map(type, cells)))


def _as_chunked(array: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
