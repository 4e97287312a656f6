"""The content of the pages of one person, object or request, as plain values. No HTML, no HTTP."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from cio_frames.sandbox.call_queries import CallQueries
from cio_frames.sandbox.cells import (
    CALLS_PER_PAGE,
    PageLink,
    describe_page_view,
    link_call,
    link_person,
    link_search,
    quote_call,
)
from cio_frames.sandbox.listings import ROWS_PER_PAGE, ListingPage
from cio_frames.sandbox.people import format_cio_id
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.wire import WireField

_TIMELINE_ROWS = 100
_MAX_RELATED_ROWS = 100
_MOMENT = re.compile(r"([-+.e\d]{1,30})_(\d{1,18})_(\d{1,18})", re.ASCII)
# After every moment.
_NEWEST = (float("inf"), 0, 0)


class DetailQueries:
    """Reads one person, object or request of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls = CallQueries(store)

    def person(self, number: int, start: str) -> dict[str, Any] | None:
        """Return everything about one person, and the page of the timeline that begins at a moment."""
        found = self._store.read(
            "SELECT id, email, anonymous_id, is_visitor, traits FROM people WHERE number = ?", (number,)
        )
        if not found:
            return None
        user_id, email, anonymous_id, is_visitor, text = found[0]
        cio_id = None if is_visitor else format_cio_id(number)
        return {
            "number": number,
            "name": user_id or email or anonymous_id or "",
            "filter": cio_id or anonymous_id,
            "ids": {"User id": user_id, "Email": email, "Anonymous id": anonymous_id, "cio_ id": cio_id},
            "traits": orjson.loads(text),
            "devices": self._read_devices(number),
            "objects": self._read_objects(number),
            "timeline": self._read_timeline(number, start),
        }

    def _read_devices(self, person: int) -> ListingPage:
        rows = self._store.read(
            "SELECT platform, token, last_used, attributes, count(*) OVER () FROM devices WHERE person = ? "
            "ORDER BY rowid DESC LIMIT ?",
            (person, _MAX_RELATED_ROWS),
        )
        shown = [[*row[:3], orjson.loads(row[3])] for row in rows]
        return ListingPage(("Type", "Token", "Last used", "Attributes"), shown, 0, rows[0][4] if rows else 0)

    def _read_objects(self, person: int) -> ListingPage:
        rows = self._store.read(
            "SELECT number, object_id, type_id, objects.attributes, relationships.attributes, count(*) OVER () "
            "FROM relationships JOIN objects ON number = object WHERE person = ? ORDER BY number DESC LIMIT ?",
            (person, _MAX_RELATED_ROWS),
        )
        shown = [[PageLink(f"/objects/{row[0]}", row[1]), row[2], *map(orjson.loads, row[3:5])] for row in rows]
        return ListingPage(("Object", "Object type", "Attributes", "Relationship"), shown, 0, rows[0][5] if rows else 0)

    def _read_timeline(self, person: int, start: str) -> ListingPage:
        key = _parse_moment(start)
        rows = self._store.read(
            "SELECT request, position, type, name, occurred_at FROM activity "
            "WHERE person = ? AND (occurred_at, request, position) < (?, ?, ?) "
            "ORDER BY occurred_at DESC, request DESC, position DESC LIMIT ?",
            (person, *key, _TIMELINE_ROWS),
        )
        newer, total = self._store.read(
            "SELECT count(*) FILTER (WHERE (occurred_at, request, position) >= (?, ?, ?)), count(*) "
            "FROM activity WHERE person = ?",
            (*key, person),
        )[0]
        found = {(request, position): (kind, name) for request, position, kind, name, _ in rows}
        shown = []
        for call in self._calls.read(list(found)):
            kind, name = found[call.request, call.position]
            fields = call.fields.get(WireField.PROPERTIES) or call.fields.get(WireField.TRAITS) or {}
            occurred_at = call.fields.get(WireField.TIMESTAMP, call.received_at)
            message_id = link_search(call.fields[WireField.MESSAGE_ID])
            name = name or describe_page_view(kind, fields)
            shown.append([occurred_at, kind, name, fields, message_id, link_call(call.request, call.position)])
        older = _format_moment(rows[-1]) if rows and newer + len(rows) < total else None
        return ListingPage(("Time", "Type", "Name", "Fields", "Message id", "Request"), shown, newer, total, older)

    def object(self, number: int, start: int | None) -> dict[str, Any] | None:
        """Return one object, and a page of its people."""
        found = self._store.read("SELECT object_id, type_id, attributes FROM objects WHERE number = ?", (number,))
        if not found:
            return None
        before = 2**62 if start is None else start
        rows = self._store.read(
            "SELECT people.number, id, email, anonymous_id, attributes FROM relationships "
            "JOIN people ON people.number = person WHERE object = ? AND person < ? ORDER BY person DESC LIMIT ?",
            (number, before, ROWS_PER_PAGE),
        )
        newer, total = self._store.read(
            "SELECT count(*) FILTER (WHERE person >= ?), count(*) FROM relationships WHERE object = ?", (before, number)
        )[0]
        object_id, type_id, text = found[0]
        shown = [[link_person(*row[:4]), orjson.loads(row[4])] for row in rows]
        older = rows[-1][0] if rows and newer + len(rows) < total else None
        return {
            "number": number,
            "name": object_id,
            "type_id": type_id,
            "attributes": orjson.loads(text),
            "people": ListingPage(("Person", "Relationship"), shown, newer, total, older),
        }

    def request(self, number: int, start: int | None) -> dict[str, Any] | None:
        """Return one request with a page of its accepted calls, and its problems."""
        query = "SELECT received_at, path, status, calls, bytes, strict FROM requests WHERE number = ?"
        found = self._store.read(query, (number,))
        if not found:
            return None
        received_at, path, status, calls, size, strict = found[0]
        first = start or 0
        accepted, shown = self._calls.read_request(number, first, CALLS_PER_PAGE)
        last = first + len(shown)
        return {
            "number": number,
            "facts": {
                "Received": received_at,
                "Path": path,
                "Status": status or "no response",
                "Calls": f"{calls:,}",
                "Accepted": f"{accepted:,}",
                "Bytes": f"{size:,}",
                "Mode": "strict" if strict else "permissive",
            },
            "calls": ListingPage(("Item", "Call"), shown, first, accepted, last if last < accepted else None),
            "problems": self._read_problems(number),
        }

    def _read_problems(self, request: int) -> ListingPage:
        rows = self._store.read(
            "SELECT reason, item, message_id, call, count(*) OVER () FROM problems WHERE request = ? "
            "ORDER BY item, number LIMIT ?",
            (request, CALLS_PER_PAGE),
        )
        shown = [
            [reason, item, link_search(message_id), quote_call(call)] for reason, item, message_id, call, _ in rows
        ]
        return ListingPage(("Reason", "Item", "Message id", "Rejected call"), shown, 0, rows[0][4] if rows else 0)


def _format_moment(row: Sequence[Any]) -> str:
    request, position, *_, occurred_at = row
    return f"{occurred_at!r}_{request}_{position}"


def _parse_moment(text: str) -> tuple[float, int, int]:
    found = _MOMENT.fullmatch(text)
    try:
        return (float(found[1]), int(found[2]), int(found[3])) if found else _NEWEST
    except ValueError:
        return _NEWEST
