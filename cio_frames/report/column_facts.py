"""How each column of a frame is sent: its type in JSON, and which values are changed or rounded."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Cells
from cio_frames.arrow.kinds import EXACT_BELOW, is_number, is_object, is_text, value_type
from cio_frames.arrow.normalize import column_of, filled_cells
from cio_frames.columns import Columns, FieldSource
from cio_frames.report.distinct import DistinctCounts
from cio_frames.report.facts import ColumnFacts
from cio_frames.validation import cells

# Whether Customer.io reads numbers in JSON as 64-bit floats is not known.
_INEXACT_INTEGERS = "whole numbers above 2**53, which many JSON readers round"
_WHOLE_FLOATS = "whole floats sent without their .0"


def column_facts(
    frame: pd.DataFrame, columns: Columns, timezone: str, distinct: DistinctCounts | None = None
) -> Iterator[ColumnFacts]:
    """Yield how each column that feeds a field is sent, and count its distinct values.

    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": [7.0, None], "seen": [2**53 + 1, 0]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(each.field, each.wire_type, each.losses) for each in column_facts(people, columns, "UTC")]
    [('userId', 'string', (('whole floats sent without their .0', 1),)),
     ('traits.seen', 'integer', (('whole numbers above 2**53, which many JSON readers round', 1),))]
    """
    for source in sorted(columns.sources, key=lambda source: source.position):
        series = frame.iloc[:, source.position]
        column = column_of(series)
        if distinct is not None:
            distinct.add((str(source.label), ".".join(source.path)), column)
        yield ColumnFacts(
            label=str(source.label),
            field=".".join(source.path),
            dtype=str(series.dtype),
            wire_type=_wire_type(column, source),
            filled=int(filled_cells(series).sum()),
            losses=tuple((what, count) for what, count in _find_losses(column, source, timezone).items() if count),
        )


def merge_column_facts(found: Iterable[ColumnFacts]) -> list[ColumnFacts]:
    """Return the facts of several parts of a frame, one for each column and field."""
    by_column: dict[tuple[str, str], ColumnFacts] = {}
    for each in found:
        known = by_column.get((each.label, each.field))
        by_column[each.label, each.field] = each if known is None else _merge_two(known, each)
    return list(by_column.values())


def with_distinct(found: Iterable[ColumnFacts], distinct: DistinctCounts) -> list[ColumnFacts]:
    """Return facts with the number of distinct values of each column."""
    counted = []
    for each in found:
        count, is_cut = distinct.count((each.label, each.field))
        counted.append(replace(each, distinct=count, distinct_is_cut=is_cut))
    return counted


def _merge_two(one: ColumnFacts, other: ColumnFacts) -> ColumnFacts:
    losses = Counter(dict(one.losses)) + Counter(dict(other.losses))
    types = dict.fromkeys(kind for kind in (one.wire_type, other.wire_type) if kind != "nothing")
    return ColumnFacts(
        label=one.label,
        field=one.field,
        dtype=one.dtype,
        wire_type="nothing" if not types else next(iter(types)) if len(types) == 1 else "mixed",
        filled=one.filled + other.filled,
        losses=tuple(losses.items()),
    )


_WIRE_TYPES: tuple[tuple[Any, str], ...] = (
    (pa_types.is_null, "nothing"),
    (is_text, "string"),
    (pa_types.is_integer, "integer"),
    (is_number, "number"),
    (pa_types.is_boolean, "boolean"),
    (pa_types.is_temporal, "time"),
    (is_object, "object"),
    (pa_types.is_nested, "array"),
)


def _wire_type(column: pa.ChunkedArray | Cells, source: FieldSource) -> str:
    if source.field.format == "date-time":
        return "time"
    if source.field.type in ("string", "integer"):
        return source.field.type
    if not isinstance(column, np.ndarray):
        kind = value_type(column.type)
        return next((name for of_kind, name in _WIRE_TYPES if of_kind(kind)), "string")
    found = {_wire_type_of_cell(kind) for kind in set(map(type, column)) - {type(None), type(pd.NA), type(pd.NaT)}}
    return found.pop() if len(found) == 1 else "mixed" if found else "nothing"


def _wire_type_of_cell(kind: type) -> str:
    for types, name in (
        ((bool, np.bool_), "boolean"),
        ((int, np.integer), "integer"),
        ((dt.date, dt.time, np.datetime64), "time"),
        ((Mapping,), "object"),
        ((list, tuple, set, frozenset, np.ndarray), "array"),
    ):
        if issubclass(kind, types):
            return name
    return "number" if issubclass(kind, (float, np.floating)) or kind.__name__ == "Decimal" else "string"


def _find_losses(column: pa.ChunkedArray | Cells, source: FieldSource, timezone: str) -> dict[str, int]:
    """Return what is changed or rounded in a column's cells, and in how many."""
    if isinstance(column, np.ndarray):
        return _find_losses_of_cells(column, source, timezone)
    column = column.cast(value_type(column.type)) if pa_types.is_dictionary(column.type) else column
    kind = column.type
    text_field, is_time = source.field.type == "string", source.field.format == "date-time"
    if pa_types.is_timestamp(kind):
        return {
            _cut_to_milliseconds("nanoseconds" if kind.unit == "ns" else "microseconds"): _count_cut(column),
            **({} if kind.tz else {_naive_times(timezone): len(column) - column.null_count}),
        }
    if pa_types.is_integer(kind) and not text_field:
        return {_INEXACT_INTEGERS: _count_inexact(column) if kind.bit_width == 64 else 0}
    if pa_types.is_floating(kind) and text_field and not is_time:
        numbers = np.asarray(column.to_numpy(), dtype=np.float64)
        return {_WHOLE_FLOATS: int((np.isfinite(numbers) & (np.floor(numbers) == numbers)).sum())}
    return {}


def _cut_to_milliseconds(unit: str) -> str:
    return f"{unit} cut to milliseconds"


def _naive_times(timezone: str) -> str:
    return f"times without a zone, read in {timezone}"


def _count_cut(column: pa.ChunkedArray) -> int:
    per_ms = {"ns": 1_000_000, "us": 1_000}.get(column.type.unit, 1)
    ticks = np.asarray(pc.fill_null(column.cast(pa.int64()), 0))
    return int((ticks % per_ms != 0).sum())


def _count_inexact(column: pa.ChunkedArray) -> int:
    numbers = np.asarray(column.drop_null())
    return int(((numbers > EXACT_BELOW) | (numbers < -EXACT_BELOW)).sum())


def _find_losses_of_cells(column: Cells, source: FieldSource, timezone: str) -> dict[str, int]:
    text_field = source.field.type == "string"
    found: Counter[str] = Counter()
    for cell in column:
        if isinstance(cell, dt.datetime) and not pd.isna(cell):
            ticks = cell.microsecond % 1000 + getattr(cell, "nanosecond", 0)
            found[_cut_to_milliseconds("microseconds")] += ticks > 0
            found[_naive_times(timezone)] += cell.utcoffset() is None
        elif cells.is_number_cell(cell):
            whole = isinstance(cell, (int, np.integer))
            found[_INEXACT_INTEGERS] += not text_field and whole and abs(int(cell)) > EXACT_BELOW
            found[_WHOLE_FLOATS] += text_field and not whole and cells.is_whole_cell(cell)
    return dict(found)
