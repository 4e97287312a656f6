"""A frame as pandera checks it: columns named by field, positions for labels, and cells that pandera can print."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from cio_frames.columns import Columns
from cio_frames.validation import members
from cio_frames.validation.pandera_schema import matches_name

if TYPE_CHECKING:
    import pandera.pandas as pandera


class SurrogateText(bytes):
    """A text with a lone surrogate, as bytes that pandera can print."""


def view_by_field(
    frame: pd.DataFrame, columns: Columns, schema: pandera.DataFrameSchema, *, own_columns: bool
) -> pd.DataFrame:
    """Return the columns of a schema, named by field, with positions for labels."""
    positions = {source.name: source.position for source in columns.sources}
    fields = {source.name: source.field for source in columns.sources}
    own = {label: place for place, label in enumerate(frame.columns)} if own_columns else {}
    all_columns = bool(schema.checks) or schema.strict or schema.dtype is not None
    wanted = {*schema.columns, *_unique_names(schema.unique), *(positions if all_columns else ())}
    for pattern in (name for name, column in schema.columns.items() if column.regex):
        wanted |= {name for name in (*positions, *own) if matches_name(pattern, name)}
    series = {}
    for name in sorted(wanted, key=str):
        place = positions.get(name, own.get(name))
        if place is not None:
            column = frame.iloc[:, place].set_axis(pd.RangeIndex(len(frame)))
            series[name] = members.as_python_objects(column, fields[name]) if name in fields else column
            series[name] = _printable_column(series[name])
    return pd.DataFrame(series, index=pd.RangeIndex(len(frame)), copy=False)


def _unique_names(unique: str | list[str] | None) -> list[str]:
    return [unique] if isinstance(unique, str) else unique or []


def _printable_column(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column without cells that make pandera fail: lone surrogates as bytes, signaling NaN as None."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        distinct = pd.Series(series.cat.categories)
        return series if _printable_column(distinct) is distinct else _printable_column(series.astype(object))
    if series.dtype != object and not (isinstance(series.dtype, pd.StringDtype) and series.dtype.storage == "python"):
        return series
    if any(issubclass(kind, decimal.Decimal) for kind in set(map(type, series))):
        cells = [None if isinstance(cell, decimal.Decimal) and cell.is_snan() else cell for cell in series]
        series = pd.Series(cells, index=series.index, dtype=object)
    try:
        "".join(cell for cell in series if isinstance(cell, str)).encode()
    except UnicodeEncodeError:
        cells = [SurrogateText(cell.encode("utf-8", "replace")) if _has_surrogate(cell) else cell for cell in series]
        return pd.Series(cells, index=series.index, dtype=object)
    return series


def _has_surrogate(cell: Any) -> bool:
    return isinstance(cell, str) and any("\ud800" <= character <= "\udfff" for character in cell)
