"""What was stored, as frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pandas as pd

from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.moments import moment
from cio_frames.sandbox.people import cio_id
from cio_frames.sandbox.store import Store, Stored

# The fields of an envelope in the order one reads them; a test holds them against the spec.
ENVELOPE = (
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "previousId",
    "groupId",
    "event",
    "name",
    "timestamp",
    "traits",
    "properties",
    "context",
    "integrations",
    "sentAt",
    "originalTimestamp",
)


def calls_frame(store: Store) -> pd.DataFrame:
    """Return one row per call, with the wire's names and values; None where the call has no such field."""
    rows = [
        [*map(orjson.loads(payload).get, ENVELOPE), stored.received_at, stored.request]
        for stored in store.calls()
        for payload in stored.payloads
    ]
    return _frame(rows, [*ENVELOPE, "receivedAt", "request"], request="int64")


def events_frame(store: Store, assumed: Assumed) -> pd.DataFrame:
    """Return one row per event that people have done: custom ones, pages and screens."""
    columns = ["type", "event", "userId", "anonymousId", "cioId", "timestamp", "properties", "request"]
    rows = [row for stored in store.calls() for row in _events(store, stored, assumed)]
    return _frame(rows, columns, request="int64")


def _events(store: Store, stored: Stored, assumed: Assumed) -> Iterator[list[Any]]:
    query = (
        "SELECT place, happenings.type, name, person, is_visitor FROM happenings LEFT JOIN people ON number = person "
        "WHERE request = ? AND is_event ORDER BY place"
    )
    for place, kind, name, person, is_visitor in store.read(query, (stored.request,)):
        fields = orjson.loads(stored.payloads[place])
        at, _ = moment(fields, stored.received_at, assumed)
        ids = [fields.get("userId"), fields.get("anonymousId"), _cio_id(person, is_visitor)]
        yield [kind, name, *ids, at, fields.get("properties"), stored.request]


def _cio_id(person: int | None, is_visitor: int | None) -> str | None:
    # A visitor has none, and neither has one who was deleted.
    return cio_id(person) if person is not None and is_visitor == 0 else None


def people_frame(store: Store) -> pd.DataFrame:
    """Return one row per person, in the order in which they were first seen."""
    rows = []
    for number, user_id, email, anonymous_id, is_visitor, text in store.read(
        "SELECT number, id, email, anonymous_id, is_visitor, traits FROM people ORDER BY number"
    ):
        traits = orjson.loads(text)
        created_at = traits.get("created_at", traits.get("createdAt"))
        rows.append([user_id, email, anonymous_id, _cio_id(number, is_visitor), created_at, traits])
    return _frame(rows, ["userId", "email", "anonymousId", "cioId", "createdAt", "traits"])


def objects_frame(store: Store) -> pd.DataFrame:
    """Return one row per object, by type and in the order in which they were first seen."""
    rows = store.read(
        "SELECT type_id, object_id, attributes, (SELECT count(*) FROM relationships WHERE object = number) "
        "FROM objects ORDER BY type_id, number"
    )
    parsed = [[type_id, object_id, orjson.loads(text), people] for type_id, object_id, text, people in rows]
    return _frame(parsed, ["objectTypeId", "objectId", "attributes", "people"], people="int64")


def relationships_frame(store: Store) -> pd.DataFrame:
    """Return one row per relationship of a person to an object."""
    rows = store.read(
        "SELECT type_id, object_id, id, anonymous_id, people.number, is_visitor, relationships.attributes "
        "FROM relationships JOIN objects ON objects.number = object JOIN people ON people.number = person "
        "ORDER BY type_id, objects.number, person"
    )
    columns = ["objectTypeId", "objectId", "userId", "anonymousId", "cioId", "attributes"]
    return _frame(
        [[*ids, _cio_id(person, is_visitor), orjson.loads(text)] for *ids, person, is_visitor, text in rows], columns
    )


def devices_frame(store: Store) -> pd.DataFrame:
    """Return one row per device of a person."""
    rows = store.read(
        "SELECT id, anonymous_id, number, is_visitor, token, platform, last_used, attributes "
        "FROM devices JOIN people ON number = person ORDER BY person, devices.rowid"
    )
    columns = ["userId", "anonymousId", "cioId", "token", "type", "lastUsed", "attributes"]
    return _frame(
        [
            [user_id, anonymous_id, _cio_id(person, is_visitor), *device, orjson.loads(text)]
            for user_id, anonymous_id, person, is_visitor, *device, text in rows
        ],
        columns,
    )


def suppressed_frame(store: Store) -> pd.DataFrame:
    """Return one row per suppressed person, with how many later calls were ignored."""
    rows = store.read("SELECT id, email, suppressed_at, ignored FROM suppressed ORDER BY number")
    return _frame(rows, ["userId", "email", "suppressedAt", "ignored"], ignored="int64")


def requests_frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return one row per request."""
    numbers = dict.fromkeys(["number", "status", "bytes", "calls"], "int64")
    return _frame(rows, ["number", "path", "status", "bytes", "calls", "strict"], **numbers, strict="bool")


def problems_frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return one row per problem."""
    return _frame(rows, ["request", "item", "messageId", "reason"], request="int64", item="Int64")


def _frame(rows: Sequence[Sequence[Any]], columns: Sequence[str], **dtypes: str) -> pd.DataFrame:
    # As objects, pandas leaves values as they came: an id stays text, an absent one None.
    return pd.DataFrame(rows, columns=list(columns), dtype=object).astype(dtypes)
