"""Which Python objects have a type of the spec, one cell at a time."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from cio_frames import spec
from cio_frames.encoding.encode_error import INEXACT_AS_TEXT
from cio_frames.encoding.json_values import is_exact_float, is_missing, record_members
from cio_frames.validation.checks import CHECKS


def is_text_cell(cell: Any) -> bool:
    """Return whether a cell inside a list or an object is sent as text, or is a whole number sent as its digits.

    >>> is_text_cell("007"), is_text_cell(7), is_text_cell(True)
    (True, True, False)
    """
    if isinstance(cell, (str, uuid.UUID, dt.date, dt.time, np.datetime64)):
        return True
    return is_whole_cell(cell) and (not isinstance(cell, (float, np.floating)) or is_exact_float(cell))


def type_reason(cell: Any, kind: str) -> str:
    """Return why a cell does not have a type of the spec.

    >>> type_reason("free", "number")
    'must be a number'
    """
    return INEXACT_AS_TEXT if kind == "string" and is_whole_cell(cell) else CHECKS[kind]


def is_number_cell(cell: Any) -> bool:
    """Return whether a cell is a number; booleans are not numbers.

    >>> is_number_cell(decimal.Decimal("1.5")), is_number_cell(True)
    (True, False)
    """
    # numpy counts timedeltas among the integers, and complex numbers among the numbers.
    excluded = (bool, np.timedelta64, np.complexfloating)
    return isinstance(cell, (int, float, decimal.Decimal, np.number)) and not isinstance(cell, excluded)


def is_whole_cell(cell: Any) -> bool:
    """Return whether a cell is a whole number of any type.

    >>> is_whole_cell(2.0), is_whole_cell(2.5), is_whole_cell(float("inf"))
    (True, False, False)
    """
    if not is_number_cell(cell) or isinstance(cell, (int, np.integer)):
        return is_number_cell(cell)
    if isinstance(cell, decimal.Decimal):
        # Not by way of int() or float(): the digits of a Decimal may not fit into memory.
        return cell.is_finite() and cell == cell.to_integral_value()
    return bool(np.isfinite(cell)) and bool(np.floor(cell) == cell)


def is_boolean_cell(cell: Any) -> bool:
    """Return whether a cell is true or false."""
    return isinstance(cell, (bool, np.bool_))


def is_object_cell(cell: Any) -> bool:
    """Return whether a cell is an object."""
    return isinstance(cell, Mapping)


def is_list_cell(cell: Any) -> bool:
    """Return whether a cell is a list, a tuple, a set or an array."""
    return isinstance(cell, (list, tuple, set, frozenset, np.ndarray))


def unwrap(cell: Any) -> Any:
    """Return the value of an enum or a 0-d array, a record as a dict, and any other cell as it is."""
    if isinstance(cell, enum.Enum):
        return unwrap(cell.value)
    if isinstance(cell, (np.void, np.ndarray)) and cell.ndim == 0:
        if cell.dtype.names is not None:
            return record_members(cell)
        return None if np.ma.is_masked(cell) else cell.item()
    return cell


def bounds_sentence(field: spec.Field) -> str | None:
    """Return the limits of a number's value or a text's length as a sentence, or None.

    >>> bounds_sentence(spec.Field("integer", minimum=0, maximum=100))
    'must be from 0 to 100'
    >>> bounds_sentence(spec.Field("string", min_length=2))
    'must have at least 2 characters'
    """
    low, high = field.minimum, field.maximum
    if low is not None and high is not None:
        return f"must be from {low} to {high}"
    if low is not None or high is not None:
        return f"must be {low} or more" if low is not None else f"must be {high} or less"
    if field.min_length is not None:
        return f"must have at least {field.min_length} character{'s' if field.min_length > 1 else ''}"
    return None


def enum_sentence(field: spec.Field) -> str:
    """Return the allowed values of a field as a sentence.

    >>> enum_sentence(spec.Field("string", enum=("ios", "android")))
    'must be one of ios, android'
    """
    return f"must be one of {', '.join(field.enum)}"


def is_within_bounds(cell: Any, field: spec.Field) -> bool:
    """Return whether a number or the length of a text is within its limits; other types have a check of their own.

    >>> volume = spec.Field("integer", minimum=0, maximum=100)
    >>> is_within_bounds(100, volume), is_within_bounds(101, volume), is_within_bounds("loud", volume)
    (True, False, True)
    """
    if isinstance(cell, str):
        return field.min_length is None or len(cell) >= field.min_length
    if not is_number_cell(cell) or is_missing(cell):
        return True
    return (field.minimum is None or cell >= field.minimum) and (field.maximum is None or cell <= field.maximum)


CELL_TYPE_CHECKS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "string": is_text_cell,
        "number": is_number_cell,
        "integer": is_whole_cell,
        "boolean": is_boolean_cell,
        "object": is_object_cell,
        "array": is_list_cell,
    }
)
