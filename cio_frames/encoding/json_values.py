"""Python objects to the values that orjson writes: text, numbers, lists and dicts."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from cio_frames.arrow.kinds import EXACT_BELOW, exact_below
from cio_frames.arrow.unsupported import GEOMETRY, UnsupportedValue
from cio_frames.encoding.encode_error import (
    DIGITS_LIMIT,
    FRACTION_AS_TEXT,
    INEXACT_AS_TEXT,
    NESTING_LIMIT,
    TIMEDELTA_UNSUPPORTED,
    UnencodableCell,
    found_instead_of_text,
)
from cio_frames.encoding.options import AmbiguousTime, EncodeOptions

ORJSON_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_FLOAT64 = np.dtype(np.float64)
_BYTES_UNSUPPORTED = (
    "bytes are not supported in JSON; decode them to text, or store the column as text: CAST(... AS VARCHAR)"
)
_UNSUPPORTED_TYPES: Mapping[type, str] = {
    bytes: _BYTES_UNSUPPORTED,
    bytearray: _BYTES_UNSUPPORTED,
    dt.timedelta: TIMEDELTA_UNSUPPORTED,
    np.timedelta64: TIMEDELTA_UNSUPPORTED,
    pd.Period: "period is not supported in JSON; convert it to text or a time",
    pd.Interval: "interval is not supported in JSON; send its two ends",
    complex: "complex number is not supported in JSON; send its two parts",
}


def to_json_value(cell: Any, options: EncodeOptions, depth: int = 0) -> Any:
    """Return an object as what orjson writes.

    >>> to_json_value({"seen": dt.date(2026, 11, 24), 7: {3, 1}}, EncodeOptions())
    {'seen': '2026-11-24', '7': [1, 3]}
    """
    if depth > NESTING_LIMIT:
        raise UnencodableCell("nesting_limit")
    match cell:
        case None | bool() | str():
            return cell
        case enum.Enum():
            return to_json_value(cell.value, options, depth)
        case int():
            # Python itself writes no more than 4,300 digits.
            return cell if -(2**63) <= cell < 2**64 else _decimal_value(decimal.Decimal(cell))
        case float() | np.floating():
            return _float_value(cell)
        case Mapping():
            return _dict_value(cell, options, depth)
        case list() | tuple():
            return [to_json_value(item, options, depth + 1) for item in cell]
        case set() | frozenset():
            return _sorted_items([to_json_value(item, options, depth + 1) for item in cell])
        case np.ndarray():
            return _array_value(cell, options, depth)
        case _ if cell is pd.NA or cell is pd.NaT:
            return None
        case dt.datetime() | np.datetime64():
            return _time_value(cell, options)
        case dt.date():
            return cell.isoformat()
        case dt.time():
            return cell.isoformat(timespec="milliseconds")
        case decimal.Decimal():
            return _decimal_value(cell)
        case uuid.UUID():
            return str(cell)
        case _:
            return _rare_value(cell, options, depth)


def _rare_value(cell: Any, options: EncodeOptions, depth: int) -> Any:
    if isinstance(cell, np.timedelta64) and np.isnat(cell):
        return None
    for kind, reason in _UNSUPPORTED_TYPES.items():
        if isinstance(cell, kind):
            raise UnencodableCell("unsupported_type", reason)
    if isinstance(cell, UnsupportedValue):
        raise UnencodableCell(cell.check, cell.reason)
    if isinstance(cell, np.void):
        if cell.dtype.names is None:
            raise UnencodableCell("unsupported_type", _BYTES_UNSUPPORTED)
        return _dict_value(record_members(cell), options, depth)
    if isinstance(cell, np.generic):
        return to_json_value(cell.item(), options, depth)
    if hasattr(type(cell), "__geo_interface__"):
        raise UnencodableCell("unsupported_type", GEOMETRY)
    raise UnencodableCell("unsupported_type", _type_not_supported(cell))


def _type_not_supported(cell: Any) -> str:
    return f"type {type(cell).__name__} is not supported in JSON; convert it to text, numbers, lists or dicts"


def _array_value(cell: npt.NDArray[Any], options: EncodeOptions, depth: int) -> Any:
    """Return a numpy array as a list, one without dimensions as its value; masked cells are missing."""
    if type(cell).__module__.partition(".")[0] != "numpy":
        # A quantity with a unit, for example, is more than its numbers.
        raise UnencodableCell("unsupported_type", _type_not_supported(cell))
    if isinstance(cell, np.matrix):
        cell = np.asarray(cell)
    if cell.ndim:
        return to_json_value(list(cell), options, depth)
    if cell.dtype.names is not None:
        return _dict_value(record_members(cell), options, depth)
    return None if np.ma.is_masked(cell) else to_json_value(cell.item(), options, depth)


def record_members(record: np.void | npt.NDArray[Any]) -> dict[str, Any]:
    """Return a numpy record by the names of its fields.

    >>> record_members(np.array([(1, 2.5)], dtype=[("n", "i4"), ("price", "f8")])[0])
    {'n': np.int32(1), 'price': np.float64(2.5)}
    """
    return {name: record[name] for name in record.dtype.names or ()}


def _sorted_items(items: list[Any]) -> list[Any]:
    """Return the items of a set in one order, so that a rerun writes the same."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=orjson.dumps)


def _float_value(number: Any) -> Any:
    if np.isnan(number):
        return None
    if np.isinf(number):
        raise UnencodableCell("infinity")
    exact = float(number)
    if exact.is_integer() and abs(exact) < EXACT_BELOW:
        return int(exact) if is_exact_float(number) else InexactInteger(exact)
    if isinstance(number, (np.float16, np.float32)):
        # Written in its own shortest form, not in that of the float64 it would widen to.
        return orjson.Fragment(orjson.dumps(number, option=orjson.OPT_SERIALIZE_NUMPY))
    return exact


class InexactInteger(int):
    """A whole number from a float too narrow to tell it from its neighbors: a number, and not the digits of an id."""


def _time_value(time: Any, options: EncodeOptions) -> str | None:
    if isinstance(time, np.datetime64) and np.isnat(time):
        return None
    try:
        return options.time_of(time)
    except AmbiguousTime:
        raise UnencodableCell("ambiguous_time", options.ambiguous) from None
    # Which of these it is depends on the version of pandas and on the year.
    except (ValueError, OverflowError, NotImplementedError):
        raise UnencodableCell("year_range") from None


def _dict_value(cell: Mapping[Any, Any], options: EncodeOptions, depth: int) -> dict[str, Any]:
    members = {dict_key(name): to_json_value(member, options, depth + 1) for name, member in cell.items()}
    if len(members) < len(cell):
        raise UnencodableCell("duplicate_key")
    return members if options.send_nulls else {name: member for name, member in members.items() if member is not None}


def dict_key(name: Any) -> str:
    """Return a key of a dict as text; whole numbers become their digits.

    >>> dict_key(7)
    '7'
    """
    if isinstance(name, enum.Enum):
        name = name.value
    if isinstance(name, str):
        return str(name)
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        return str(int(name))
    raise UnencodableCell("key_type", f"key of type {type(name).__name__} is not supported in JSON; keys must be text")


def _decimal_value(number: decimal.Decimal) -> Any:
    if number.is_nan():
        return None
    if number.is_infinite():
        raise UnencodableCell("infinity")
    return orjson.Fragment(decimal_text(number))


def decimal_text(number: decimal.Decimal) -> str:
    """Return a decimal digit for digit, without trailing zeros after the point.

    >>> decimal_text(decimal.Decimal("12.50")), decimal_text(decimal.Decimal("1E+3"))
    ('12.5', '1000')
    """
    # A few characters, such as 1E+999999999, can stand for more digits than memory holds.
    if max(abs(number.adjusted()), -int(number.as_tuple().exponent)) > DIGITS_LIMIT:
        raise UnencodableCell("number_digits")
    # Minus zero is 0.
    text = format(number, "f") if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_missing(cell: Any) -> bool:
    """Return whether a cell stands for a missing value, which JSON writes as ``null``.

    >>> is_missing(float("nan")), is_missing(decimal.Decimal("sNaN")), is_missing([])
    (True, True, False)
    """
    match cell:
        case None:
            return True
        case enum.Enum():
            return is_missing(cell.value)
        case float() | np.floating():
            return bool(cell != cell)
        case decimal.Decimal():
            return cell.is_nan()
        case np.datetime64() | np.timedelta64():
            return bool(np.isnat(cell))
        case _:
            return cell is pd.NA or cell is pd.NaT or cell is np.ma.masked


def cell_text(cell: Any) -> str | None:
    """Return a cell of a text field, such as an id: whole numbers become their digits.

    >>> cell_text(7.0), cell_text("007")
    ('7', '007')
    """
    match cell:
        case None | str():
            return cell
        case enum.Enum():
            return cell_text(cell.value)
        case bool() | np.bool_():
            raise UnencodableCell("string", found_instead_of_text("a boolean"))
        case int() | np.integer() if not isinstance(cell, np.timedelta64):
            return decimal_text(decimal.Decimal(int(cell)))
        case float() | np.floating():
            return _whole_float_text(cell)
        case decimal.Decimal() if cell.is_finite():
            return _whole_decimal_text(cell)
        case uuid.UUID():
            return str(cell)
        case UnsupportedValue():
            raise UnencodableCell(cell.check, cell.reason)
        case np.ma.core.MaskedConstant():
            return None
        case _:
            raise UnencodableCell("string", found_instead_of_text(type(cell).__name__))


def _whole_decimal_text(number: decimal.Decimal) -> str:
    text = decimal_text(number)
    if "." in text:
        raise UnencodableCell("string", FRACTION_AS_TEXT)
    return text


def _whole_float_text(number: float | np.floating[Any]) -> str:
    if not float(number).is_integer():
        raise UnencodableCell("string", FRACTION_AS_TEXT)
    if not is_exact_float(number):
        raise UnencodableCell("string", INEXACT_AS_TEXT)
    return str(int(number))


def is_exact_float(number: float | np.floating[Any]) -> bool:
    """Return whether a float is below the first whole number that its type cannot hold exactly.

    >>> is_exact_float(1e9), is_exact_float(np.float32(1e9))
    (True, False)
    """
    dtype = number.dtype if isinstance(number, np.floating) else _FLOAT64
    return bool(abs(float(number)) < exact_below(dtype))
