"""The content of a store as frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pandas as pd

from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.people import format_cio_id
from cio_frames.sandbox.store import Store, StoredCalls
from cio_frames.sandbox.timestamps import event_time
from cio_frames.sandbox.wire import CREATED_AT_NAMES, ENVELOPE_FIELDS, WireField

_PERSON_COLUMNS = (WireField.USER_ID, WireField.ANONYMOUS_ID, "cioId")
_OBJECT_COLUMNS = ("objectTypeId", WireField.OBJECT_ID)


def calls_frame(store: Store) -> pd.DataFrame:
    """Return one row per call, with the API's names and values; None if the call has no such field."""
    rows = [
        [*map(orjson.loads(payload).get, ENVELOPE_FIELDS), stored.received_at, stored.request]
        for stored in store.calls()
        for payload in stored.payloads
    ]
    return _build_frame(rows, [*ENVELOPE_FIELDS, "receivedAt", "request"], request="int64")


def events_frame(store: Store, assumptions: Assumptions) -> pd.DataFrame:
    """Return one row per event: track, page and screen calls."""
    columns = [
        WireField.TYPE,
        WireField.EVENT,
        *_PERSON_COLUMNS,
        WireField.TIMESTAMP,
        WireField.PROPERTIES,
        "request",
    ]
    rows = [row for stored in store.calls() for row in _read_event_rows(store, stored, assumptions)]
    return _build_frame(rows, columns, request="int64")


def _read_event_rows(store: Store, stored: StoredCalls, assumptions: Assumptions) -> Iterator[list[Any]]:
    query = (
        "SELECT position, activity.type, name, person, is_visitor FROM activity LEFT JOIN people ON number = person "
        "WHERE request = ? AND is_event ORDER BY position"
    )
    for position, kind, name, person, is_visitor in store.read(query, (stored.request,)):
        fields = orjson.loads(stored.payloads[position])
        occurred_at, _ = event_time(fields, stored.received_at, assumptions)
        ids = [fields.get(WireField.USER_ID), fields.get(WireField.ANONYMOUS_ID), _cio_id_of(person, is_visitor)]
        yield [kind, name, *ids, occurred_at, fields.get(WireField.PROPERTIES), stored.request]


def _cio_id_of(person: int | None, is_visitor: int | None) -> str | None:
    # Neither a visitor nor a deleted person has one.
    return format_cio_id(person) if person is not None and is_visitor == 0 else None


def people_frame(store: Store) -> pd.DataFrame:
    """Return one row per person, in the order in which they were first seen."""
    rows = []
    for number, user_id, email, anonymous_id, is_visitor, text in store.read(
        "SELECT number, id, email, anonymous_id, is_visitor, traits FROM people ORDER BY number"
    ):
        traits = orjson.loads(text)
        snake_case, camel_case = CREATED_AT_NAMES
        created_at = traits.get(snake_case, traits.get(camel_case))
        rows.append([user_id, email, anonymous_id, _cio_id_of(number, is_visitor), created_at, traits])
    user_id_column, anonymous_id_column, cio_id_column = _PERSON_COLUMNS
    columns = [user_id_column, WireField.EMAIL, anonymous_id_column, cio_id_column, "createdAt", WireField.TRAITS]
    return _build_frame(rows, columns)


def objects_frame(store: Store) -> pd.DataFrame:
    """Return one row per object, by type and in the order in which they were first seen."""
    rows = store.read(
        "SELECT type_id, object_id, attributes, (SELECT count(*) FROM relationships WHERE object = number) "
        "FROM objects ORDER BY type_id, number"
    )
    parsed = [[type_id, object_id, orjson.loads(text), people] for type_id, object_id, text, people in rows]
    return _build_frame(parsed, [*_OBJECT_COLUMNS, "attributes", "people"], people="int64")


def relationships_frame(store: Store) -> pd.DataFrame:
    """Return one row per relationship of a person to an object."""
    rows = store.read(
        "SELECT type_id, object_id, id, anonymous_id, people.number, is_visitor, relationships.attributes "
        "FROM relationships JOIN objects ON objects.number = object JOIN people ON people.number = person "
        "ORDER BY type_id, objects.number, person"
    )
    columns = [*_OBJECT_COLUMNS, *_PERSON_COLUMNS, "attributes"]
    return _build_frame(
        [[*ids, _cio_id_of(person, is_visitor), orjson.loads(text)] for *ids, person, is_visitor, text in rows], columns
    )


def devices_frame(store: Store) -> pd.DataFrame:
    """Return one row per device of a person."""
    rows = store.read(
        "SELECT id, anonymous_id, number, is_visitor, token, platform, last_used, attributes "
        "FROM devices JOIN people ON number = person ORDER BY person, devices.rowid"
    )
    columns = [*_PERSON_COLUMNS, WireField.DEVICE_TOKEN, WireField.DEVICE_TYPE, "lastUsed", "attributes"]
    return _build_frame(
        [
            [user_id, anonymous_id, _cio_id_of(person, is_visitor), *device, orjson.loads(text)]
            for user_id, anonymous_id, person, is_visitor, *device, text in rows
        ],
        columns,
    )


def suppressed_frame(store: Store) -> pd.DataFrame:
    """Return one row per suppressed person, with the number of later calls that were ignored."""
    rows = store.read("SELECT id, email, suppressed_at, ignored_calls FROM suppressed ORDER BY number")
    columns = [WireField.USER_ID, WireField.EMAIL, "suppressedAt", "ignored"]
    return _build_frame(rows, columns, ignored="int64")


def requests_frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return one row per request."""
    numbers = dict.fromkeys(["number", "status", "bytes", "calls"], "int64")
    return _build_frame(rows, ["number", "path", "status", "bytes", "calls", "strict"], **numbers, strict="bool")


def problems_frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return one row per problem."""
    columns = ["request", "item", WireField.MESSAGE_ID, "reason"]
    return _build_frame(rows, columns, request="int64", item="Int64")


def _build_frame(rows: Sequence[Sequence[Any]], columns: Sequence[str], **dtypes: str) -> pd.DataFrame:
    # With dtype object pandas keeps the values: an id stays text, an absent one None.
    return pd.DataFrame(rows, columns=list(columns), dtype=object).astype(dtypes)
