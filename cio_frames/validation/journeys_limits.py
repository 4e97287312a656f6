"""What the API takes and Journeys, the store behind it, then drops or cuts: warnings, since nothing is refused.

Limits and their source are in ``schemas/api.yaml``. They count bytes of UTF-8 in text; how Journeys measures lists and
objects is not known, so those are left alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames import spec
from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.normalize import column_of, filled_cells
from cio_frames.columns import Columns, FieldSource
from cio_frames.encoding.text import TEXT
from cio_frames.validation.pandera_runner import failure_cases

# Events with such an id are known to be ignored when they are sent again: see messageId in schemas/common.yaml.
_ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
NO_ULID = "no_ulid"
_EVENTS = ("track", "page", "screen")
# Events that act, and are not kept as events: done twice, they come to the same.
_ACTS = "customerio"
_IDS = ({("userId",), ("anonymousId",), ("previousId",), ("groupId",)}) | {("properties", "objectId")}


def limit_warnings(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning``: what Journeys will not keep as it is sent.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada", "bob"], "bio": ["", "b" * 1001]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [cases["reason"].tolist() for cases in limit_warnings(people, columns)]
    [['bio: has more than the 1,000 bytes that Journeys takes for the value of an attribute']]
    """
    limits = spec.read_api().journeys
    for source in columns.sources:
        if source.path in _IDS:
            yield from _long(frame, source, limits["id_bytes"], "an id")
        elif source.path == ("messageId",):
            yield from _no_ulid(frame, columns, source)
        elif source.path == ("event",):
            yield from _long(frame, source, limits["event_name_bytes"], "the name of an event")
        elif source.path[0] == "traits" and len(source.path) == 2:
            yield from _long(frame, source, limits["attribute_value_bytes"], "the value of an attribute")
            yield from _long_name(frame, source, limits["attribute_name_bytes"])
    yield from _long_event(frame, columns, limits["event_name_bytes"])
    yield from _many(frame, columns, limits["attributes"])


def _long(frame: pd.DataFrame, source: FieldSource, limit: int, what: str) -> Iterator[pd.DataFrame]:
    column = frame.iloc[:, source.position]
    rows = np.flatnonzero(_text_bytes(column) > limit)
    if len(rows):
        reason = f"{source.label}: has more than the {limit:,} bytes that Journeys takes for {what}"
        values = column.iloc[rows].to_numpy(dtype=object)
        yield failure_cases(rows, source.label, "journeys_bytes", reason, severity="warning", values=values)


def _no_ulid(frame: pd.DataFrame, columns: Columns, source: FieldSource) -> Iterator[pd.DataFrame]:
    if columns.call.name not in _EVENTS or (columns.event is not None and columns.event.family == _ACTS):
        return
    column = frame.iloc[:, source.position]
    rows = np.flatnonzero(filled(frame, source) & ~_matches(column, _ULID))
    if len(rows):
        reason = f"{source.label}: is no ULID: where a batch is sent again, Journeys may keep this event twice"
        values = column.iloc[rows].to_numpy(dtype=object)
        yield failure_cases(rows, source.label, NO_ULID, reason, severity="warning", values=values)


def _long_name(frame: pd.DataFrame, source: FieldSource, limit: int) -> Iterator[pd.DataFrame]:
    if len(source.path[1].encode("utf-8", "replace")) > limit:
        reason = f"{source.label}: its name has more than the {limit:,} bytes that Journeys takes for an attribute"
        rows = np.flatnonzero(filled(frame, source))
        yield failure_cases(rows, source.label, "journeys_name_bytes", reason, severity="warning")


def _long_event(frame: pd.DataFrame, columns: Columns, limit: int) -> Iterator[pd.DataFrame]:
    name = columns.constants.get(("event",))
    if isinstance(name, str) and len(name.encode("utf-8", "replace")) > limit:
        reason = f"event: has more than the {limit:,} bytes that Journeys takes for the name of an event"
        yield failure_cases(np.arange(len(frame)), None, "journeys_bytes", reason, severity="warning")


def _many(frame: pd.DataFrame, columns: Columns, limit: int) -> Iterator[pd.DataFrame]:
    """Count the attributes of each row, where there are columns enough for it to matter."""
    owners: dict[str, list[FieldSource]] = {}
    for source in columns.sources:
        if source.path[0] == "traits":
            owners.setdefault(source.path[1], []).append(source)
    if len(owners) <= limit:
        return
    counts = np.zeros(len(frame), dtype=np.int64)
    for sources in owners.values():
        counts += np.any([filled(frame, source) for source in sources], axis=0)
    rows = np.flatnonzero(counts > limit)
    if len(rows):
        reason = f"has more than the {limit:,} attributes that Journeys takes in one call"
        yield failure_cases(rows, None, "journeys_attributes", reason, severity="warning")


def repeated_id_warnings(ids: pa.Array, label: Hashable) -> Iterator[pd.DataFrame]:
    """Yield the rows whose message id an earlier row has too; null is no id.

    >>> [cases["position"].tolist() for cases in repeated_id_warnings(pa.array(["a", None, "b", "a", None]), "id")]
    [[3]]
    """
    codes = pd.Series(ids.dictionary_encode().indices.fill_null(-1).to_numpy())
    rows = np.flatnonzero(codes.duplicated() & codes.ge(0))
    if len(rows):
        reason = f"{label}: an earlier row has this id too, and Journeys ignores a repeated ULID"
        values = ids.take(pa.array(rows)).to_numpy(zero_copy_only=False)
        yield failure_cases(rows, label, "repeated_message_id", reason, severity="warning", values=values)


def event_data_warnings(payloads: pa.Array, start: int) -> Iterator[pd.DataFrame]:
    """Yield the track calls whose properties are more than Journeys takes; only where a call may be that large.

    Payloads have a comma behind them; ``start`` is the position of the first.
    """
    limit = spec.read_api().journeys["event_data_bytes"]
    large = np.flatnonzero(np.asarray(pc.fill_null(pc.greater(pc.binary_length(payloads), limit), False)))
    sizes = {row: len(orjson.dumps(_properties(payloads[int(row)].as_py()))) for row in large}
    rows = np.array([row for row, size in sizes.items() if size > limit], dtype=np.int64)
    if len(rows):
        reason = f"has more than the {limit:,} bytes of properties that Journeys takes"
        yield failure_cases(start + rows, None, "journeys_event_bytes", reason, severity="warning")


def _properties(payload: str) -> object:
    call = orjson.loads(payload[:-1])
    return call.get("properties") if call["type"] == "track" else None


def filled(frame: pd.DataFrame, source: FieldSource) -> Bools:
    """Return which rows have a value in a column."""
    return filled_cells(frame.iloc[:, source.position])


def _text_bytes(series: pd.Series[Any]) -> Ints:
    """Return the bytes of each cell that is text, 0 for every other."""
    return np.asarray(pc.fill_null(pc.binary_length(_texts(series)), 0), dtype=np.int64)


def _matches(series: pd.Series[Any], pattern: str) -> Bools:
    """Return which cells are text of this form; case does not count."""
    found = pc.match_substring_regex(_texts(series), pattern, ignore_case=True)
    return np.asarray(pc.fill_null(found, False), dtype=bool)


def _texts(series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    """Return the cells that are text, null for every other; half surrogates become question marks."""
    column = column_of(series)
    if isinstance(column, np.ndarray):
        texts = [cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else None for cell in column]
        return pa.array(texts, TEXT)
    kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
    if not (kinds.is_string(kind) or kinds.is_large_string(kind)):
        return pa.nulls(len(series), TEXT)
    return column.cast(TEXT)
