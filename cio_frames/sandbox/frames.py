"""What was stored, as frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import pandas as pd

from cio_frames.sandbox.store import StoredCall

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
_SEEN = ("track", "page", "screen")


def calls_frame(stored: Iterable[StoredCall]) -> pd.DataFrame:
    """Return one row per call, with the wire's names and values; None where the call has no such field."""
    rows = []
    for call in stored:
        fields = orjson.loads(call.payload)
        rows.append([*map(fields.get, ENVELOPE), call.received_at, call.request])
    return _frame(rows, [*ENVELOPE, "receivedAt", "request"], request="int64")


def events_frame(stored: Iterable[StoredCall]) -> pd.DataFrame:
    """Return one row per track, page and screen call."""
    rows = [_event(call, orjson.loads(call.payload)) for call in stored if call.type in _SEEN]
    return _frame(rows, ["type", "event", "userId", "anonymousId", "timestamp", "properties"])


def _event(call: StoredCall, fields: Mapping[str, Any]) -> list[Any]:
    # The API trims the names of events, and takes an absent timestamp for the time of receipt.
    name = fields["event"].strip() if call.type == "track" else fields.get("name")
    timestamp = fields.get("timestamp", call.received_at)
    return [
        call.type,
        name,
        fields.get("userId"),
        fields.get("anonymousId"),
        timestamp,
        fields.get("properties"),
    ]


def people_frame(stored: Iterable[StoredCall]) -> pd.DataFrame:
    """Return one row per person, in the order in which they were first seen."""
    people: dict[tuple[str, str], dict[str, Any]] = {}
    for call in stored:
        if call.type == "identify" or call.type in _SEEN:
            fields = orjson.loads(call.payload)
            if key := _person(fields):
                _meet(people.setdefault(key, {"traits": {}}), fields)
    columns = ["userId", "anonymousId", "traits"]
    return _frame([[person.get(name) for name in columns] for person in people.values()], columns)


def _person(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    # Simpler than the API: one who was anonymous before and is known by user id later is two people here.
    return next(((name, fields[name]) for name in ("userId", "anonymousId") if fields.get(name)), None)


def _meet(person: dict[str, Any], fields: Mapping[str, Any]) -> None:
    person.update({name: fields[name] for name in ("userId", "anonymousId") if fields.get(name)})
    if fields["type"] == "identify":
        _update(person["traits"], fields.get("traits", {}))


def _update(traits: dict[str, Any], news: Mapping[str, Any]) -> None:
    for name, value in news.items():
        # Assumed for people, documented for objects: null and "" erase.
        if value is None or value == "":
            traits.pop(name, None)
        else:
            traits[name] = value


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
