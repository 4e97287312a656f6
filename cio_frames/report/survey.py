"""Gathers the facts of a frame on its way: what its columns become, how large its calls are, when they happened."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames._util.arrays import Ints
from cio_frames.arrow.normalize import column_of, filled_cells
from cio_frames.columns import Columns, FieldSource
from cio_frames.encoding import NO_TIME
from cio_frames.report.facts import ColumnFacts, Facts
from cio_frames.validation import cells

# An event younger than this can start campaigns: https://docs.customer.io/journeys/importing-old-data
CAMPAIGN_HOURS = 72
# Many programs read a number in JSON as a 64-bit float. Whether Customer.io does is not known.
_EXACT = 2**53


class Survey:
    """Facts so far. Of timestamps no more is kept than is asked for, so that it may see any number of rows.

    Parameters
    ----------
    checked_at : pandas.Timestamp
        The moment that "younger than 72 hours" refers to.

    Examples
    --------
    >>> survey = Survey(pd.Timestamp("2026-11-24", tz="UTC"), max_call_bytes=32_000, max_body_bytes=475_000)
    >>> survey.sized(np.array([120, 80]))
    >>> survey.sent(body_bytes=215)
    >>> survey.timed(np.array([0, NO_TIME]), np.array(["Seen", "Seen"], dtype=object))
    >>> facts = survey.facts([])
    >>> facts.requests, facts.call_bytes.tolist(), facts.earliest.year, facts.untimed, facts.recent
    (1, [120, 80], 1970, 1, {'Seen': 1})
    """

    def __init__(self, checked_at: pd.Timestamp, *, max_call_bytes: int, max_body_bytes: int) -> None:
        self._checked_at = checked_at
        self._max_call_bytes = max_call_bytes
        self._max_body_bytes = max_body_bytes
        self._sizes: list[Ints] = []
        self._bodies: list[int] = []
        self._span: tuple[int, int] | None = None
        self._untimed = 0
        self._recent: Counter[str] = Counter()

    def sized(self, sizes: Ints) -> None:
        """Note the sizes of calls in bytes; each is kept."""
        self._sizes.append(sizes)

    def sent(self, *, body_bytes: int) -> None:
        """Note a request that would be made, by the size of its body."""
        self._bodies.append(body_bytes)

    def timed(self, ms: Ints, names: npt.NDArray[np.object_]) -> None:
        """Note the timestamps of rows that can be sent, in milliseconds, and their events; None for other calls."""
        untimed = ms == NO_TIME
        known = ms[~untimed]
        if len(known):
            least, most = int(known.min()), int(known.max())
            self._span = (least, most) if self._span is None else (min(self._span[0], least), max(self._span[1], most))
        self._untimed += int(untimed.sum())
        edge = (self._checked_at - pd.Timedelta(hours=CAMPAIGN_HOURS)).value // 1_000_000
        # These can start campaigns; calls without a name are no events.
        counts = pd.Series(names[untimed | (ms > edge)], dtype=object).value_counts()
        self._recent.update({str(name): int(count) for name, count in counts.items()})

    def facts(self, columns: Iterable[ColumnFacts]) -> Facts:
        """Return what was gathered."""
        return Facts(
            columns=tuple(columns),
            call_bytes=np.concatenate([*self._sizes, np.empty(0, dtype=np.int64)]),
            bodies=np.array(self._bodies, dtype=np.int64),
            max_call_bytes=self._max_call_bytes,
            max_body_bytes=self._max_body_bytes,
            earliest=None if self._span is None else _moment(self._span[0]),
            latest=None if self._span is None else _moment(self._span[1]),
            untimed=self._untimed,
            recent=dict(self._recent.most_common()),
            checked_at=self._checked_at,
        )


def _moment(ms: Any) -> pd.Timestamp | None:
    # pandas counts in nanoseconds where it can; a far year needs a coarser unit.
    return pd.Timestamp(np.datetime64(int(ms), "ms")).tz_localize("UTC")


def column_facts(frame: pd.DataFrame, columns: Columns, timezone: str) -> Iterator[ColumnFacts]:
    """Yield what becomes of each column that feeds a field.

    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": [7.0, None], "seen": [2**53 + 1, 0]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(each.field, each.wire_type, each.losses) for each in column_facts(people, columns, "UTC")]
    [('userId', 'string', (('whole floats written without their .0', 1),)),
     ('traits.seen', 'integer', (('whole numbers above 2**53, which many readers of JSON round', 1),))]
    """
    for source in sorted(columns.sources, key=lambda source: source.position):
        series = frame.iloc[:, source.position]
        column = column_of(series)
        yield ColumnFacts(
            label=str(source.label),
            field=".".join(source.path),
            dtype=str(series.dtype),
            wire_type=_wire_type(column, source),
            filled=int(filled_cells(series).sum()),
            losses=tuple((what, count) for what, count in _losses(column, source, timezone).items() if count),
        )


def merged(found: Iterable[ColumnFacts]) -> list[ColumnFacts]:
    """Return the facts of parts of a frame, one for each column and field."""
    concat_failures: dict[tuple[str, str], ColumnFacts] = {}
    for each in found:
        known = concat_failures.get((each.label, each.field))
        concat_failures[each.label, each.field] = each if known is None else _sum(known, each)
    return list(concat_failures.values())


def _sum(one: ColumnFacts, other: ColumnFacts) -> ColumnFacts:
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


_OF_KIND: tuple[tuple[Any, str], ...] = (
    (kinds.is_null, "nothing"),
    (kinds.is_string, "string"),
    (kinds.is_large_string, "string"),
    (kinds.is_integer, "integer"),
    (kinds.is_floating, "number"),
    (kinds.is_decimal, "number"),
    (kinds.is_boolean, "boolean"),
    (kinds.is_temporal, "time"),
    (kinds.is_struct, "object"),
    (kinds.is_map, "object"),
    (kinds.is_nested, "array"),
)


def _wire_type(column: pa.ChunkedArray | npt.NDArray[np.object_], source: FieldSource) -> str:
    if source.field.format == "date-time":
        return "time"
    if source.field.type in ("string", "integer"):
        return source.field.type
    if not isinstance(column, np.ndarray):
        kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
        return next((name for of_kind, name in _OF_KIND if of_kind(kind)), "string")
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


def _losses(column: pa.ChunkedArray | npt.NDArray[np.object_], source: FieldSource, timezone: str) -> dict[str, int]:
    """Return what is lost or changed in a column's cells, and in how many."""
    if isinstance(column, np.ndarray):
        return _losses_of_cells(column, source, timezone)
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    is_text, is_time = source.field.type == "string", source.field.format == "date-time"
    if kinds.is_timestamp(kind):
        return {
            _FINER.format("nanoseconds" if kind.unit == "ns" else "microseconds"): _finer(column),
            **({} if kind.tz else {_naive(timezone): len(column) - column.null_count}),
        }
    if kinds.is_integer(kind) and not is_text:
        return {_INEXACT: _above(column) if kind.bit_width == 64 else 0}
    if kinds.is_floating(kind) and is_text and not is_time:
        numbers = np.asarray(column.to_numpy(), dtype=np.float64)
        return {_WHOLE_FLOATS: int((np.isfinite(numbers) & (np.floor(numbers) == numbers)).sum())}
    return {}


_FINER = "{} cut to milliseconds"
_INEXACT = "whole numbers above 2**53, which many readers of JSON round"
_WHOLE_FLOATS = "whole floats written without their .0"


def _naive(timezone: str) -> str:
    return f"times without a zone, read as {timezone}"


def _finer(column: pa.ChunkedArray) -> int:
    per_ms = {"ns": 1_000_000, "us": 1_000}.get(column.type.unit, 1)
    ticks = np.asarray(pc.fill_null(column.cast(pa.int64()), 0))
    return int((ticks % per_ms != 0).sum())


def _above(column: pa.ChunkedArray) -> int:
    numbers = np.asarray(column.drop_null())
    return int(((numbers > _EXACT) | (numbers < -_EXACT)).sum())


def _losses_of_cells(column: npt.NDArray[np.object_], source: FieldSource, timezone: str) -> dict[str, int]:
    is_text = source.field.type == "string"
    found: Counter[str] = Counter()
    for cell in column:
        if isinstance(cell, dt.datetime) and not pd.isna(cell):
            ticks = cell.microsecond % 1000 + getattr(cell, "nanosecond", 0)
            found[_FINER.format("microseconds")] += ticks > 0
            found[_naive(timezone)] += cell.utcoffset() is None
        elif cells.is_number(cell):
            whole = isinstance(cell, (int, np.integer))
            found[_INEXACT] += not is_text and whole and abs(int(cell)) > _EXACT
            found[_WHOLE_FLOATS] += is_text and not whole and cells.is_whole(cell)
    return dict(found)
