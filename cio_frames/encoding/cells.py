"""Columns of Python objects to JSON text, one orjson call a cell.

Only object columns come here. A column of an ordinary dtype is written by :mod:`.arrays`; a cell of the same value is
written the same way here.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import spec
from cio_frames._util.arrays import Bools, Cells
from cio_frames.arrow.buffers import TEXT
from cio_frames.encoding import members
from cio_frames.encoding.encode_error import ENCODE_CHECKS, NESTING_LIMIT, EncodeError, UnencodableCell
from cio_frames.encoding.json_values import ORJSON_OPTIONS, cell_text, to_json_value
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.text import QUOTES, JsonText, escape_json
from cio_frames.encoding.whole_floats import join_json_rows

# What JSON takes as a whole number of 64 bits.
DIGITS = r"^(?:0|[1-9][0-9]{0,17})$"


def cells_as_json(cells: Cells, options: EncodeOptions, field: spec.Field | None = None) -> JsonText:
    """Return cells of any kind as JSON text; what is inside them is in the types of the spec.

    >>> cells_as_json(np.array([{"a": 1}, None, {1.5j}], dtype=object), EncodeOptions()).values.to_pylist()
    ['{"a":1}', None, None]
    >>> ids = spec.Field(type="array", items=spec.Field(type="string"))
    >>> cells_as_json(np.array([[7.0, "007"], None], dtype=object), EncodeOptions(), ids).values.to_pylist()
    ['["7","007"]', None]
    """
    text = _dump_cells(cells, options)
    if field is None or not (pattern := "|".join(members.coercion_patterns(field))):
        return text
    # Rare, so all cells are written as they are first: that is one orjson call a cell.
    found = np.asarray(pc.fill_null(pc.match_substring_regex(text.values, pattern), False))
    if not found.any():
        return text

    def dump_coerced(cell: Any) -> bytes:
        return orjson.dumps(members.coerced(to_json_value(cell, options), field), option=ORJSON_OPTIONS)

    rewritten = _write_each(cells, ~found, dump_coerced)
    return JsonText(pc.if_else(pa.array(found), rewritten.values, text.values), encode_errors=text.encode_errors)


def _dump_cells(cells: Cells, options: EncodeOptions) -> JsonText:

    def dump_fast(cell: Any) -> bytes:
        return orjson.dumps(cell, default=lambda inner: to_json_value(inner, options), option=ORJSON_OPTIONS)

    def dump_checked(cell: Any) -> bytes | None:
        value = to_json_value(cell, options)
        return None if value is None else orjson.dumps(value, option=ORJSON_OPTIONS)

    missing = _missing_cells(cells)
    try:
        dumped = [None if skip else dump_fast(cell) for cell, skip in zip(cells, missing.tolist(), strict=True)]
    except (TypeError, RecursionError):
        return _write_each(cells, missing, dump_checked)
    values = join_json_rows(dumped)
    # orjson writes NaN and infinity as null, and both have rules of their own.
    doubtful = np.asarray(pc.fill_null(pc.match_substring(values, "null"), False)) | _may_exceed_nesting(values)
    if not doubtful.any():
        return JsonText(values)
    rewritten = _write_each(cells, missing | ~doubtful, dump_checked)
    merged = pc.if_else(pa.array(doubtful), rewritten.values, values)
    return JsonText(merged, encode_errors=rewritten.encode_errors)


def cells_as_text(cells: Cells, write: Callable[[Any], str | None] = cell_text) -> JsonText:
    """Return cells of a text field, such as an id: whole numbers lose their ``.0``.

    >>> cells_as_text(np.array([7.0, "007", 1.5], dtype=object)).values.to_pylist()
    ['7', '007', None]
    """
    text = _write_each(cells, _missing_cells(cells), write)
    return JsonText(escape_json(text.values), ends=QUOTES, encode_errors=text.encode_errors)


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


def _missing_cells(cells: Cells) -> Bools:
    # Comparing a signaling NaN would raise.
    with decimal.localcontext(decimal.Context(traps=[])):
        return pd.isna(cells)


def _may_exceed_nesting(values: pa.Array) -> Bools:
    """Return which rows have enough brackets to be nested too deep; orjson goes deeper than the limit."""
    if (pc.max(pc.binary_length(values)).as_py() or 0) <= 2 * NESTING_LIMIT:
        return np.zeros(len(values), dtype=bool)
    brackets = pc.add(pc.count_substring(values, "["), pc.count_substring(values, "{"))
    return np.asarray(pc.fill_null(pc.greater(brackets, NESTING_LIMIT), False))


def _write_each(cells: Cells, skip: Bools, write: Callable[[Any], bytes | str | None]) -> JsonText:
    """Write cell by cell; a cell without a JSON form is null and has an error."""
    written: list[bytes | None] = [None] * len(cells)
    rows_by_error: dict[tuple[str, str], list[int]] = {}
    for row in np.flatnonzero(~skip).tolist():
        try:
            text = write(cells[row])
            written[row] = text.encode() if isinstance(text, str) else text
        except (UnencodableCell, TypeError, ValueError, RecursionError) as error:
            rows_by_error.setdefault(_check_and_reason(error), []).append(row)
    values = pa.array(written, pa.large_binary()).cast(TEXT)
    errors = (EncodeError(np.array(rows), reason, None, check) for (check, reason), rows in rows_by_error.items())
    return JsonText(values, encode_errors=tuple(errors))


def _check_and_reason(error: Exception) -> tuple[str, str]:
    if isinstance(error, UnencodableCell):
        return error.check, error.reason
    is_surrogate = isinstance(error, UnicodeEncodeError) or "surrogates" in str(error)
    check = "lone_surrogate" if is_surrogate else "nesting_limit"
    return check, ENCODE_CHECKS[check]
