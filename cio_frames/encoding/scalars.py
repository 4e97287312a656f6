"""Arrow arrays of text, numbers, booleans, times and dates to JSON text, whole columns at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Bools
from cio_frames.arrow import times
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.kinds import EXACT_BELOW, exact_below, is_text
from cio_frames.arrow.python_cells import python_cells
from cio_frames.arrow.time_text import day_text
from cio_frames.encoding.cells import DIGITS, cells_as_text
from cio_frames.encoding.encode_error import (
    FRACTION_AS_TEXT,
    INEXACT_AS_TEXT,
    TIMEDELTA_UNSUPPORTED,
    errors_where,
    found_instead_of_text,
)
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.text import QUOTES, JsonText, escape_json, join

NULL_TEXT = pa.scalar(None, TEXT)


def write_text(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return text with quotes around it."""
    return JsonText(escape_json(array.cast(TEXT)), ends=QUOTES)


def write_integers(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return integers as their digits."""
    missing = np.asarray(array.is_null())
    return JsonText(_dump_numbers(pc.fill_null(array, 0).to_numpy(), missing))


def write_booleans(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return true and false."""
    return JsonText(pc.if_else(array, pa.scalar("true", TEXT), pa.scalar("false", TEXT)))


def write_nulls(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return an array without values."""
    return JsonText(pa.nulls(len(array), TEXT))


def write_durations(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return an error for every value: JSON has no durations."""
    return unwritable(array, "unsupported_type", TIMEDELTA_UNSUPPORTED)


def unwritable(array: pa.Array, check: str, reason: str | None = None) -> JsonText:
    """Return an error for every value of an array."""
    return JsonText(pa.nulls(len(array), TEXT), encode_errors=errors_where(np.asarray(array.is_valid()), check, reason))


def write_floats(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return whole floats below 2**53 as integers, and other floats in their shortest form.

    >>> write_floats(pa.array([8.0, 9.5, -0.0, 2.0**53, None]), EncodeOptions()).values.to_pylist()
    ['8', '9.5', '0', '9007199254740992.0', None]
    """
    if pa_types.is_float16(array.type):
        array = array.cast(pa.float32())
    numbers = array.to_numpy(zero_copy_only=False)
    infinite = np.isinf(numbers)
    missing = np.isnan(numbers) | infinite
    whole = (np.floor(numbers) == numbers) & (np.abs(numbers) < EXACT_BELOW)
    # The shortest digits of a narrow float are not those of the whole number that it is.
    inexact = whole & (np.abs(numbers) >= exact_below(numbers.dtype))
    # Minus zero plus zero is zero.
    values = _dump_numbers(numbers + numbers.dtype.type(0), missing, whole=whole)
    if inexact.any():
        digits = _dump_numbers(np.where(inexact, numbers, 0).astype(np.int64), ~inexact)
        values = pc.coalesce(digits, values)
    return JsonText(values, encode_errors=errors_where(infinite, "infinity"))


def _dump_numbers(numbers: npt.NDArray[np.number[Any]], missing: Bools, *, whole: Bools | None = None) -> pa.Array:
    """Return numbers as text, without the ``.0`` of whole ones: orjson writes all at once, and commas show the ends."""
    written = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)
    count = len(numbers)
    offsets = np.zeros(count + 1, dtype=np.int64)
    if count:
        offsets[1:-1] = np.flatnonzero(np.frombuffer(written, dtype=np.uint8) == ord(","))
        offsets[-1] = len(written) - 1
    dropped = np.arange(1, count + 1)
    if whole is not None and whole.any():
        content = np.frombuffer(written, dtype=np.uint8).copy()
        ends = offsets[1:][whole]
        # Dropped below with the commas that separate the numbers.
        content[ends - 1] = content[ends - 2] = ord(",")
        written = content.tobytes()
        dropped += 2 * np.cumsum(whole)
    # Before each end there are the bracket and a comma for each number but the first.
    offsets[1:] -= dropped
    validity = pa.array(~missing).buffers()[1] if missing.any() else None
    digits = pa.py_buffer(written.translate(None, b"[],"))
    return pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), digits, validity)


def write_decimals(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return decimals digit for digit, without trailing zeros after the point."""
    scale = array.type.scale
    if scale <= 0:
        return JsonText(array.cast(pa.decimal256(76, 0)).cast(TEXT))
    # Arrow's own text has exponents. So: the digits without their point, and the point back in its place.
    wide = array.cast(pa.decimal256(76, scale))
    digits = pa.Array.from_buffers(pa.decimal256(76, 0), len(wide), wide.buffers(), offset=wide.offset).cast(TEXT)
    sign = pc.if_else(pc.starts_with(digits, "-"), pa.scalar("-", TEXT), pa.scalar("", TEXT))
    digits = pc.utf8_lpad(pc.utf8_ltrim(digits, "-"), scale + 1, "0")
    whole, fraction = pc.utf8_slice_codeunits(digits, 0, -scale), pc.utf8_slice_codeunits(digits, -scale)
    # 12.50 and 12.5 are one number, and its text must not depend on the column's scale.
    return JsonText(pc.utf8_rtrim(join([sign, whole, ".", pc.utf8_rtrim(fraction, "0")]), "."))


def write_dates(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return dates as ``YYYY-MM-DD``."""
    instants = times.from_dates(array, "UTC")
    text = day_text(instants.ms // times.MS_PER_DAY, instants.missing | instants.unreadable)
    return JsonText(text, ends=QUOTES, encode_errors=errors_where(instants.unreadable, "year_range"))


def write_times_of_day(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return times of day as ``hh:mm:ss.mmm``.

    >>> write_times_of_day(pa.array([0, 86_400], pa.int32()).view(pa.time32("s")), EncodeOptions()).values.to_pylist()
    ['00:00:00.000', None]
    """
    outside = times.is_outside_day(array)
    if outside.any():
        # Arrow would write them as the text of an error.
        array = pc.if_else(pa.array(outside), pa.scalar(None, array.type), array)
    text = array.cast(pa.time32("ms"), safe=False).cast(TEXT)
    return JsonText(text, ends=QUOTES, encode_errors=errors_where(outside, "time_of_day"))


def write_digits_as_integers(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return text of digits as the integer that it spells, and other text as text, for validation to report."""
    text = write_text(array, options)
    is_digits = pc.match_substring_regex(array, DIGITS)
    return JsonText(pc.if_else(is_digits, array.cast(TEXT), join(text.pieces)), encode_errors=text.encode_errors)


def write_as_text(array: pa.Array, options: EncodeOptions) -> JsonText:
    """Return values of a text field: whole numbers become their digits."""
    kind = array.type
    if is_text(kind):
        return write_text(array, options)
    if pa_types.is_null(kind):
        return write_nulls(array, options)
    if pa_types.is_integer(kind):
        return write_integers(array, options)._replace(ends=QUOTES)
    if pa_types.is_floating(kind):
        return _write_floats_as_text(array)
    if pa_types.is_decimal(kind):
        return _write_decimals_as_text(array, options)
    if pa_types.is_temporal(kind) or pa_types.is_nested(kind):
        return unwritable(array, "string", found_instead_of_text(str(kind)))
    return cells_as_text(python_cells(array))


def _write_floats_as_text(array: pa.Array) -> JsonText:
    floats = array.to_numpy(zero_copy_only=False)
    numbers = np.nan_to_num(floats.astype(np.float64), nan=np.nan, posinf=0.5, neginf=0.5)
    missing = np.isnan(numbers)
    fraction = ~missing & (np.floor(numbers) != numbers)
    inexact = ~missing & (np.abs(numbers) >= exact_below(floats.dtype))
    invalid = missing | fraction | inexact
    whole = pa.array(np.where(invalid, 0, numbers).astype(np.int64), mask=invalid)
    encode_errors = (
        *errors_where(fraction, "string", FRACTION_AS_TEXT),
        *errors_where(inexact, "string", INEXACT_AS_TEXT),
    )
    return JsonText(whole.cast(TEXT), ends=QUOTES, encode_errors=encode_errors)


def _write_decimals_as_text(array: pa.Array, options: EncodeOptions) -> JsonText:
    values = write_decimals(array, options).values
    fraction = pc.fill_null(pc.match_substring(values, "."), False)
    encode_errors = errors_where(np.asarray(fraction), "string", FRACTION_AS_TEXT)
    return JsonText(pc.if_else(fraction, NULL_TEXT, values), ends=QUOTES, encode_errors=encode_errors)
