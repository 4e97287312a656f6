"""What is inside lists and objects: which value is invalid, by its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames import spec
from cio_frames.arrow.kinds import is_text
from cio_frames.arrow.normalize import column_of
from cio_frames.arrow.python_cells import python_cells
from cio_frames.arrow.unsupported import UnsupportedValue
from cio_frames.columns import Columns, field_of
from cio_frames.encoding.json_values import is_missing
from cio_frames.errors import FrameError
from cio_frames.validation import cells
from cio_frames.validation.checks import CHECKS


def has_members(field: spec.Field) -> bool:
    """Return whether the spec describes what is inside a field."""
    return bool(field.properties) or field.items is not None or field.additional is not None


def fits_members(field: spec.Field) -> Callable[[pd.Series[Any]], pd.Series[bool]]:
    """Return a check of what is inside the cells of a column.

    The cells of an Arrow column whose type fits are not inspected.

    >>> products = spec.Field(type="array", items=spec.Field(properties={"price": spec.Field(type="number")}))
    >>> fits_members(products)(pd.Series([[{"price": 1}], [{"price": "free"}]])).tolist()
    [True, False]
    """

    def fits(series: pd.Series[Any]) -> pd.Series[bool]:
        column = column_of(series)
        if not isinstance(column, np.ndarray):
            if _type_fits(column.type, field):
                return pd.Series(True, index=series.index, dtype=bool)
            column = python_cells(column)
        fits = np.fromiter((find_mistake(cell, field) is None for cell in column), dtype=bool, count=len(column))
        return pd.Series(fits, index=series.index)

    return fits


def find_mistake(cell: Any, field: spec.Field, place: str = "") -> str | None:
    """Return why a value inside a cell is invalid, with its path, or None.

    >>> products = spec.Field(type="array", items=spec.Field(properties={"price": spec.Field(type="number")}))
    >>> find_mistake([{"price": 1}, {"price": "free"}], products)
    '[1].price: must be a number'
    """
    # Most cells have simple types, which need no unwrapping.
    if type(cell) not in (str, int, dict, list):
        cell = cells.unwrap(cell)
        if is_missing(cell):
            return None
        if isinstance(cell, UnsupportedValue):
            return f"{place}: {cell.reason}" if place else None
    if place and field.type is not None and not cells.CELL_TYPE_CHECKS[field.type](cell):
        return f"{place}: {cells.type_reason(cell, field.type)}"
    if place and field.enum and cell not in field.enum:
        return f"{place}: {cells.enum_sentence(field)}"
    if place and not cells.is_within_bounds(cell, field):
        return f"{place}: {cells.bounds_sentence(field)}"
    return next((found for found in _mistakes_inside(cell, field, place) if found is not None), None)


def _mistakes_inside(cell: Any, field: spec.Field, place: str) -> Iterable[str | None]:
    if isinstance(cell, Mapping):
        for name, member in field.properties.items():
            inside = cell.get(name)
            if name in field.required and is_missing(inside):
                yield f"{place}.{name}: {CHECKS['not_nullable']}"
            elif inside is not None:
                yield find_mistake(inside, member, f"{place}.{name}")
        if field.additional is not None:
            for name, member in cell.items():
                if name not in field.properties:
                    yield find_mistake(member, field.additional, f"{place}.{name}")
    elif field.items is not None and cells.is_list_cell(cell):
        for number, member in enumerate(cell):
            yield find_mistake(member, field.items, f"{place}[{number}]")


def check_constants(columns: Columns) -> None:
    """Raise if a value for all rows is invalid: then the call is wrong, and not a row.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> mapping = ColumnMapping(context={"ip": 7.5})
    >>> check_constants(resolve(["user_id"], spec.calls()["identify"], mapping))
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: context.ip: must be text. This value is for all rows: pass another, or omit it.
    """
    for path, value in columns.constants.items():
        field = field_of(columns.call, columns.event, path)
        found = find_mistake(value, field, ".".join(path))
        if found is not None:
            raise FrameError(f"{found}. This value is for all rows: pass another, or omit it.")


def as_python_objects(series: pd.Series[Any], field: spec.Field) -> pd.Series[Any]:
    """Return a nested Arrow column that may be invalid, or one with years beyond Python's, as Python objects.

    pandera fails to print such cells under pandas 2.2.
    """
    if not isinstance(series.dtype, pd.ArrowDtype):
        return series
    kind = series.dtype.pyarrow_dtype
    if (
        _is_beyond_python(series)
        if pa_types.is_temporal(kind)
        else pa_types.is_nested(kind) and not _type_fits(kind, field)
    ):
        return pd.Series(python_cells(pa.array(series)), index=series.index, dtype=object)
    return series


def _is_beyond_python(times: pd.Series[Any]) -> bool:
    try:
        pc.min_max(pa.array(times)).as_py()
    except NotImplementedError:
        # Intervals have no order.
        return False
    except (ValueError, OverflowError):
        return True
    return False


def _type_fits(kind: pa.DataType, field: spec.Field) -> bool:
    """Return whether every value of an Arrow type fits a field."""
    if pa_types.is_null(kind):
        return True
    if pa_types.is_struct(kind):
        if field.required:
            return False
        members = {member.name: member.type for member in kind}
        known = [(members[name], below) for name, below in field.properties.items() if name in members]
        if field.additional is not None:
            known += [(kind, field.additional) for name, kind in members.items() if name not in field.properties]
        return field.type in (None, "object") and all(_type_fits(*pair) for pair in known)
    if pa_types.is_list(kind) or pa_types.is_large_list(kind):
        return field.type in (None, "array") and (field.items is None or _type_fits(kind.value_type, field.items))
    if field.enum or cells.bounds_sentence(field) or field.type in ("object", "array"):
        return False
    return field.type is None or any(of_kind(kind) for of_kind in _KINDS_OF_TYPE[field.type])


_KINDS_OF_TYPE: Mapping[str, tuple[Callable[[pa.DataType], bool], ...]] = {
    "string": (is_text, pa_types.is_integer),
    "number": (pa_types.is_integer, pa_types.is_floating, pa_types.is_decimal),
    "integer": (pa_types.is_integer,),
    "boolean": (pa_types.is_boolean,),
}
