"""What fits a type, one Python object at a time."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cio_frames import spec
from cio_frames.encoding.cells import NOT_EXACT, is_exact, is_missing

NEEDED: Mapping[str, str] = {
    "string": "text is needed",
    "number": "a number is needed",
    "integer": "a whole number is needed",
    "boolean": "true or false is needed",
    "object": "an object (a dict) is needed",
    "array": "a list is needed",
}

# What the encoder says of such a cell too.


def is_text(cell: Any) -> bool:
    """Return whether a cell inside a list or an object goes out as text, or as a whole number in its place.

    >>> is_text("007"), is_text(7), is_text(True)
    (True, True, False)
    """
    if isinstance(cell, (str, uuid.UUID, dt.date, dt.time, np.datetime64)):
        return True
    return is_whole(cell) and (not isinstance(cell, (float, np.floating)) or is_exact(cell))


def why_not(cell: Any, kind: str) -> str:
    """Return why a cell does not fit a type.

    >>> why_not("free", "number")
    'a number is needed'
    """
    return NOT_EXACT if kind == "string" and is_whole(cell) else NEEDED[kind]


def is_number(cell: Any) -> bool:
    """Return whether a cell is a number; truth values are none.

    >>> is_number(decimal.Decimal("1.5")), is_number(True)
    (True, False)
    """
    # numpy counts timedeltas among the integers, and complex numbers among the numbers.
    others = (bool, np.timedelta64, np.complexfloating)
    return isinstance(cell, (int, float, decimal.Decimal, np.number)) and not isinstance(cell, others)


def is_whole(cell: Any) -> bool:
    """Return whether a cell is a whole number, whatever type holds it.

    >>> is_whole(2.0), is_whole(2.5), is_whole(float("inf"))
    (True, False, False)
    """
    if not is_number(cell) or isinstance(cell, (int, np.integer)):
        return is_number(cell)
    if isinstance(cell, decimal.Decimal):
        # Not by way of int() or float(): a Decimal may be larger than memory, written out.
        return cell.is_finite() and cell == cell.to_integral_value()
    return bool(np.isfinite(cell)) and bool(np.floor(cell) == cell)


def is_truth_value(cell: Any) -> bool:
    """Return whether a cell is true or false."""
    return isinstance(cell, (bool, np.bool_))


def is_object(cell: Any) -> bool:
    """Return whether a cell is an object."""
    return isinstance(cell, Mapping)


def is_list(cell: Any) -> bool:
    """Return whether a cell is a list in any dress."""
    return isinstance(cell, (list, tuple, set, frozenset, np.ndarray))


def unwrap(cell: Any) -> Any:
    """Return a cell without what makes no difference to how it is written: an enum, an array of no dimension."""
    if isinstance(cell, enum.Enum):
        return unwrap(cell.value)
    return cell.item() if isinstance(cell, np.ndarray) and cell.ndim == 0 else cell


def bounds(field: spec.Field) -> str | None:
    """Return in words how large a number or how long a text must be, or None.

    >>> bounds(spec.Field("integer", minimum=0, maximum=100)), bounds(spec.Field("string", min_length=2))
    ('must be from 0 to 100', 'must have at least 2 characters')
    """
    low, high = field.minimum, field.maximum
    if low is not None and high is not None:
        return f"must be from {low} to {high}"
    if low is not None or high is not None:
        return f"must be {low} or more" if low is not None else f"must be {high} or less"
    if field.min_length is not None:
        return f"must have at least {field.min_length} character{'s' if field.min_length > 1 else ''}"
    return None


def is_within(cell: Any, field: spec.Field) -> bool:
    """Return whether a cell is large or long enough; what is of another type is for the type check to tell.

    >>> volume = spec.Field("integer", minimum=0, maximum=100)
    >>> is_within(100, volume), is_within(101, volume), is_within("loud", volume)
    (True, False, True)
    """
    if isinstance(cell, str):
        return field.min_length is None or len(cell) >= field.min_length
    if not is_number(cell) or is_missing(cell):
        return True
    return (field.minimum is None or cell >= field.minimum) and (field.maximum is None or cell <= field.maximum)


IS_OF_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "string": is_text,
    "number": is_number,
    "integer": is_whole,
    "boolean": is_truth_value,
    "object": is_object,
    "array": is_list,
}
