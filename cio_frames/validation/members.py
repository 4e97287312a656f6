"""What is inside lists and objects: which member does not fit, by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames import spec
from cio_frames.arrow.normalize import column_of
from cio_frames.arrow.python_cells import python_cells
from cio_frames.columns import Columns, field_of
from cio_frames.encoding.cells import is_missing
from cio_frames.errors import FrameError
from cio_frames.validation import cells

ERROR = "has a member that does not fit"


def has_members(field: spec.Field) -> bool:
    """Return whether the spec says anything of what is inside a field."""
    return bool(field.properties) or field.items is not None or field.additional is not None


def fit(field: spec.Field) -> Callable[[pd.Series[Any]], pd.Series[bool]]:
    """Return a check of what is inside the cells of a column.

    An Arrow column whose type fits is not looked into.

    >>> products = spec.Field(type="array", items=spec.Field(properties={"price": spec.Field(type="number")}))
    >>> fit(products)(pd.Series([[{"price": 1}], [{"price": "free"}]])).tolist()
    [True, False]
    """

    def fits(series: pd.Series[Any]) -> pd.Series[bool]:
        column = column_of(series)
        if not isinstance(column, np.ndarray):
            if _type_fits(column.type, field):
                return pd.Series(True, index=series.index, dtype=bool)
            column = python_cells(column)
        answers = np.fromiter((mistake_in(cell, field) is None for cell in column), dtype=bool, count=len(column))
        return pd.Series(answers, index=series.index)

    return fits


def mistake_in(cell: Any, field: spec.Field, place: str = "") -> str | None:
    """Return what does not fit in a cell, with its place, or None.

    >>> products = spec.Field(type="array", items=spec.Field(properties={"price": spec.Field(type="number")}))
    >>> fault([{"price": 1}, {"price": "free"}], products)
    '[1].price: a number is needed'
    """
    # Most cells are of plain types, which need no second look.
    if type(cell) not in (str, int, dict, list):
        cell = cells.unwrap(cell)
        if is_missing(cell):
            return None
    if place and field.type is not None and not cells.IS_OF_TYPE[field.type](cell):
        return f"{place}: {cells.why_not(cell, field.type)}"
    if place and field.enum and cell not in field.enum:
        return f"{place}: must be one of {', '.join(field.enum)}"
    if place and not cells.is_within(cell, field):
        return f"{place}: {cells.bounds(field)}"
    return next((found for found in _faults_inside(cell, field, place) if found is not None), None)


def _faults_inside(cell: Any, field: spec.Field, place: str) -> Iterable[str | None]:
    if isinstance(cell, Mapping):
        for name, member in field.properties.items():
            inside = cell.get(name)
            if name in field.required and is_missing(inside):
                yield f"{place}.{name}: is missing, and is needed"
            elif inside is not None:
                yield mistake_in(inside, member, f"{place}.{name}")
        if field.additional is not None:
            for name, member in cell.items():
                if name not in field.properties:
                    yield mistake_in(member, field.additional, f"{place}.{name}")
    elif field.items is not None and cells.is_list(cell):
        for number, member in enumerate(cell):
            yield mistake_in(member, field.items, f"{place}[{number}]")


def check_constants(columns: Columns) -> None:
    """Refuse a value given for all rows that does not fit its field; what is wrong is the call, not a row.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> mapping = ColumnMapping(context={"ip": 7.5})
    >>> check_constants(resolve(["user_id"], spec.calls()["identify"], mapping))
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: context.ip: text is needed, and one value was given for all rows. Give another, ...
    """
    for path, value in columns.constants.items():
        field = field_of(columns.call, columns.event, path)
        found = mistake_in(value, field, ".".join(path))
        if found is not None:
            raise FrameError(f"{found}, and one value was given for all rows. Give another, or leave it out.")


def as_objects(series: pd.Series[Any], field: spec.Field) -> pd.Series[Any]:
    """Return a nested Arrow column that may not fit, or one with years beyond Python's, as Python objects.

    pandera cannot put such cells into words under pandas 2.2.
    """
    if not isinstance(series.dtype, pd.ArrowDtype):
        return series
    kind = series.dtype.pyarrow_dtype
    if _is_beyond_python(series) if kinds.is_temporal(kind) else kinds.is_nested(kind) and not _type_fits(kind, field):
        return pd.Series(python_cells(pa.array(series)), index=series.index, dtype=object)
    return series


def _is_beyond_python(times: pd.Series[Any]) -> bool:
    try:
        pc.min_max(pa.array(times)).as_py()
    except NotImplementedError:
        # Intervals, which have no order.
        return False
    except (ValueError, OverflowError):
        return True
    return False


def _type_fits(kind: pa.DataType, field: spec.Field) -> bool:
    """Return whether every value of an Arrow type fits a field."""
    if kinds.is_null(kind):
        return True
    if kinds.is_struct(kind):
        if field.required:
            return False
        members = {member.name: member.type for member in kind}
        known = [(members[name], below) for name, below in field.properties.items() if name in members]
        if field.additional is not None:
            known += [(kind, field.additional) for name, kind in members.items() if name not in field.properties]
        return field.type in (None, "object") and all(_type_fits(*pair) for pair in known)
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return field.type in (None, "array") and (field.items is None or _type_fits(kind.value_type, field.items))
    if field.enum or cells.bounds(field) or field.type in ("object", "array"):
        return False
    return field.type is None or any(of_kind(kind) for of_kind in _KINDS[field.type])


_KINDS: Mapping[str, tuple[Callable[[pa.DataType], bool], ...]] = {
    "string": (kinds.is_string, kinds.is_large_string, kinds.is_integer),
    "number": (kinds.is_integer, kinds.is_floating, kinds.is_decimal),
    "integer": (kinds.is_integer,),
    "boolean": (kinds.is_boolean,),
}
