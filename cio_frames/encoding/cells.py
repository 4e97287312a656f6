"""Python objects in cells to JSON text, one orjson call a cell.

Only object columns come here. What a column of an ordinary dtype says is written by :mod:`.arrays`; a cell of the
same value is written the same way here.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import spec
from cio_frames._util.arrays import Cells
from cio_frames.encoding import members
from cio_frames.encoding.options import AmbiguousTime, EncodeOptions
from cio_frames.encoding.text import QUOTES, TEXT, EncodeError, Text, escaped

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_DEEPEST = 100
_TOO_DEEP = "nested too deep for JSON; send the inner part as text, for example with json.dumps()"
_EXACT_FLOAT = 2**53
_MOST_DIGITS = 1_000_000
# Without the key, which is a part of the cell.
SAME_KEY = "two keys are the same as text; rename one"
NO_TIMEDELTA = "a timedelta has no form in JSON; send a number, for example with .dt.total_seconds()"
HALF_PAIR = (
    "half a surrogate pair is not Unicode text; mend it with "
    ".str.encode('utf-16', 'surrogatepass').str.decode('utf-16', 'replace')"
)
NO_YEAR = "the year is not between 1 and 9999; where it stands for no time, make it null"
_NO_FORM: Mapping[type, str] = {
    bytes: "bytes have no form in JSON; decode them to text",
    bytearray: "bytes have no form in JSON; decode them to text",
    dt.timedelta: NO_TIMEDELTA,
    np.timedelta64: NO_TIMEDELTA,
    pd.Period: "a period has no form in JSON; send text or a time, for example with .dt.to_timestamp()",
    pd.Interval: "an interval has no form in JSON; send its two ends",
    complex: "a complex number has no form in JSON; send its two parts",
}


class _NoForm(Exception):  # noqa: N818 -- a finding about a cell, always caught here
    """A cell has no form in JSON; the text says why."""


def cells_as_json(cells: Cells, options: EncodeOptions, field: spec.Field | None = None) -> Text:
    """Return cells of any kind as JSON text; what is inside them is in the types that the spec asks for.

    >>> cells_as_json(np.array([{"a": 1}, None, {1.5j}], dtype=object), EncodeOptions()).values.to_pylist()
    ['{"a":1}', None, None]
    >>> ids = spec.Field(type="array", items=spec.Field(type="string"))
    >>> cells_as_json(np.array([[7.0, "007"], None], dtype=object), EncodeOptions(), ids).values.to_pylist()
    ['["7","007"]', None]
    """
    text = _as_json(cells, options)
    if field is None or not (pattern := "|".join(members.misfits(field))):
        return text
    # Rare, so all are written as they are first: that is one call of orjson a cell.
    found = np.asarray(pc.fill_null(pc.match_substring_regex(text.values, pattern), False))
    if not found.any():
        return text

    def fitted(cell: Any) -> bytes:
        return orjson.dumps(members.fitted(_plain(cell, options), field), option=_OPTIONS)

    redone = _each(cells, ~found, fitted)
    return Text(pc.if_else(pa.array(found), redone.values, text.values), encode_errors=text.encode_errors)


def _as_json(cells: Cells, options: EncodeOptions) -> Text:

    def fast(cell: Any) -> bytes:
        return orjson.dumps(cell, default=lambda part: _plain(part, options), option=_OPTIONS)

    def careful(cell: Any) -> bytes | None:
        plain = _plain(cell, options)
        return None if plain is None else orjson.dumps(plain, option=_OPTIONS)

    absent = _absent(cells)
    try:
        dumped = [None if gone else fast(cell) for cell, gone in zip(cells, absent.tolist(), strict=True)]
    except (TypeError, RecursionError):
        return _each(cells, absent, careful)
    values = pa.array(dumped, pa.large_binary()).cast(TEXT)
    # orjson writes NaN and infinity as null; what stands for a missing value has its own rule.
    in_doubt = np.asarray(pc.fill_null(pc.match_substring(values, "null"), False)) | _may_be_deep(values)
    if not in_doubt.any():
        return Text(values)
    redone = _each(cells, absent | ~in_doubt, careful)
    return Text(pc.if_else(pa.array(in_doubt), redone.values, values), encode_errors=redone.encode_errors)


def cells_as_text(cells: Cells, words: Callable[[Any], str | None] | None = None) -> Text:
    """Return cells of a field that is text, such as an id: whole numbers lose their ``.0``.

    >>> cells_as_text(np.array([7.0, "007", 1.5], dtype=object)).values.to_pylist()
    ['7', '007', None]
    """
    text = _each(cells, _absent(cells), words or _words)
    return Text(escaped(text.values), ends=QUOTES, encode_errors=text.encode_errors)


def whole_as_integers(cells: Cells) -> Cells:
    """Return cells with whole floats as integers.

    >>> whole_as_integers(np.array([2.0, 2.5, "2"], dtype=object))
    array([2, 2.5, '2'], dtype=object)
    """
    found = cells.copy()
    for row, cell in enumerate(cells):
        if isinstance(cell, (float, np.floating)) and float(cell).is_integer() and abs(float(cell)) < _EXACT_FLOAT:
            found[row] = int(cell)
    return found


# What JSON takes as a whole number of 64 bits.
DIGITS = r"^(?:0|[1-9][0-9]{0,17})$"


def digits_as_integers(cells: Cells) -> Cells:
    """Return cells with digits as the integers that they spell.

    >>> digits_as_integers(np.array(["12", "012", "a", None], dtype=object))
    array([12, '012', 'a', None], dtype=object)
    """
    found = cells.copy()
    for row, cell in enumerate(cells):
        if isinstance(cell, str) and re.fullmatch(DIGITS, cell):
            found[row] = int(cell)
    return found


def _absent(cells: Cells) -> npt.NDArray[np.bool_]:
    # A signalling NaN would refuse to be asked.
    with decimal.localcontext(decimal.Context(traps=[])):
        return pd.isna(cells)


def is_missing(cell: Any) -> bool:
    """Return whether a cell stands for a missing value, at the top or deep inside: what JSON has ``null`` for.

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
            return cell is pd.NA or cell is pd.NaT


def _may_be_deep(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which rows have enough brackets to be nested too deep; orjson goes deeper than we do."""
    if (pc.max(pc.binary_length(values)).as_py() or 0) <= 2 * _DEEPEST:
        return np.zeros(len(values), dtype=bool)
    brackets = pc.add(pc.count_substring(values, "["), pc.count_substring(values, "{"))
    return np.asarray(pc.fill_null(pc.greater(brackets, _DEEPEST), False))


def _each(cells: Cells, absent: npt.NDArray[np.bool_], write: Callable[[Any], bytes | str | None]) -> Text:
    """Write cell by cell, and put those that have no form aside."""
    written: list[bytes | None] = [None] * len(cells)
    encode_errors: dict[str, list[int]] = {}
    for row in np.flatnonzero(~absent).tolist():
        try:
            text = write(cells[row])
            written[row] = text.encode() if isinstance(text, str) else text
        except (_NoForm, TypeError, ValueError, RecursionError) as error:
            encode_errors.setdefault(_why(error), []).append(row)
    values = pa.array(written, pa.large_binary()).cast(TEXT)
    return Text(values, encode_errors=tuple(EncodeError(np.array(rows), why) for why, rows in encode_errors.items()))


def _why(error: Exception) -> str:
    if isinstance(error, _NoForm):
        return str(error)
    if isinstance(error, UnicodeEncodeError) or "surrogates" in str(error):
        return HALF_PAIR
    return _TOO_DEEP


def _plain(part: Any, options: EncodeOptions, depth: int = 0) -> Any:
    """Return an object as what orjson writes: text, numbers, lists and dicts."""
    if depth > _DEEPEST:
        raise _NoForm(_TOO_DEEP)
    match part:
        case None | bool() | str():
            return part
        case enum.Enum():
            return _plain(part.value, options, depth)
        case int():
            # Python itself writes no more than 4,300 digits.
            return part if -(2**63) <= part < 2**64 else _decimal(decimal.Decimal(part))
        case float() | np.floating():
            return _number(part)
        case Mapping():
            return _object(part, options, depth)
        case list() | tuple():
            return [_plain(member, options, depth + 1) for member in part]
        case set() | frozenset():
            return _in_order([_plain(member, options, depth + 1) for member in part])
        case np.ndarray():
            return _plain(list(part) if part.ndim else part.item(), options, depth)
        case _ if part is pd.NA or part is pd.NaT:
            return None
        case dt.datetime() | np.datetime64():
            return _time(part, options)
        case dt.date():
            return part.isoformat()
        case dt.time():
            return part.isoformat(timespec="milliseconds")
        case decimal.Decimal():
            return _decimal(part)
        case uuid.UUID():
            return str(part)
        case _:
            return _other(part, options, depth)


def _other(part: Any, options: EncodeOptions, depth: int) -> Any:
    if isinstance(part, np.timedelta64) and np.isnat(part):
        return None
    for kind, reason in _NO_FORM.items():
        if isinstance(part, kind):
            raise _NoForm(reason)
    if isinstance(part, np.generic):
        return _plain(part.item(), options, depth)
    raise _NoForm(f"a cell of type {type(part).__name__} has no form in JSON; send text, numbers, lists or dicts")


def _in_order(members: list[Any]) -> list[Any]:
    """Return a set's members in one order, so that a rerun writes the same."""
    try:
        return sorted(members)
    except TypeError:
        return sorted(members, key=orjson.dumps)


def _number(number: Any) -> Any:
    if np.isnan(number):
        return None
    if np.isinf(number):
        raise _NoForm("infinity is not a number in JSON")
    if isinstance(number, (np.float16, np.float32)):
        # Written in its own shortest form, not in that of the float64 it would widen to.
        return orjson.Fragment(orjson.dumps(number, option=orjson.OPT_SERIALIZE_NUMPY))
    return float(number)


def _time(moment: Any, options: EncodeOptions) -> str | None:
    if isinstance(moment, np.datetime64) and np.isnat(moment):
        return None
    try:
        return options.time_of(moment)
    except AmbiguousTime:
        raise _NoForm(options.ambiguous) from None
    # Which of these it is depends on pandas' version and on how far off the year is.
    except (ValueError, OverflowError, NotImplementedError):
        raise _NoForm(NO_YEAR) from None


def _object(part: Mapping[Any, Any], options: EncodeOptions, depth: int) -> dict[str, Any]:
    plain = {key_of(name): _plain(member, options, depth + 1) for name, member in part.items()}
    if len(plain) < len(part):
        raise _NoForm(SAME_KEY)
    return plain if options.send_nulls else {name: member for name, member in plain.items() if member is not None}


def key_of(name: Any) -> str:
    """Return a dict's key as text; whole numbers are allowed for it."""
    if isinstance(name, enum.Enum):
        name = name.value
    if isinstance(name, str):
        return str(name)
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        return str(int(name))
    raise _NoForm(f"a key of type {type(name).__name__} has no form in JSON; keys are text")


def _decimal(number: decimal.Decimal) -> Any:
    if number.is_nan():
        return None
    if number.is_infinite():
        raise _NoForm("infinity is not a number in JSON")
    return orjson.Fragment(decimal_text(number))


def decimal_text(number: decimal.Decimal) -> str:
    """Return a decimal digit for digit, without trailing zeros after the point.

    >>> decimal_text(decimal.Decimal("12.50")), decimal_text(decimal.Decimal("1E+3"))
    ('12.5', '1000')
    """
    # A few characters, such as 1E+999999999, can stand for more digits than memory holds.
    if max(abs(number.adjusted()), -int(number.as_tuple().exponent)) > _MOST_DIGITS:
        raise _NoForm(f"a number of more than {_MOST_DIGITS:,} digits; send it as a float")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _words(cell: Any) -> str | None:
    """Return a cell as text."""
    match cell:
        case None | str():
            return cell
        case enum.Enum():
            return _words(cell.value)
        case bool() | np.bool_():
            raise _NoForm("text is needed, and this is a truth value; convert it with .astype(str)")
        case int() | np.integer() if not isinstance(cell, np.timedelta64):
            return decimal_text(decimal.Decimal(int(cell)))
        case float() | np.floating():
            return whole_text(cell)
        case decimal.Decimal() if cell.is_finite():
            return _whole_decimal(cell)
        case uuid.UUID():
            return str(cell)
        case _:
            raise _NoForm(f"text is needed, and this is of type {type(cell).__name__}; convert it with .astype(str)")


def _whole_decimal(number: decimal.Decimal) -> str:
    text = decimal_text(number)
    if "." in text:
        raise _NoForm(NOT_WHOLE)
    return text if number else "0"


def whole_text(number: float | np.floating[Any]) -> str:
    """Return a float that stands for a whole number as its digits."""
    if not float(number).is_integer():
        raise _NoForm(NOT_WHOLE)
    if not is_exact(number):
        raise _NoForm(NOT_EXACT)
    return str(int(number))


def is_exact(number: float | np.floating[Any]) -> bool:
    """Return whether a float is so small that its type tells all whole numbers up to it apart.

    >>> is_exact(1e9), is_exact(np.float32(1e9))
    (True, False)
    """
    digits = np.finfo(type(number)).nmant + 1 if isinstance(number, np.floating) else 53
    return bool(abs(float(number)) < 2.0 ** min(digits, 53))


NOT_WHOLE = "text is needed, and this is a number with a fraction; convert it with .astype(str)"
NOT_EXACT = "a float of this size has lost its last digits; read the column as text or Int64"
