"""The tables of the web pages, a page at a time, as plain values. No HTML, no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from cio_frames.sandbox.people import format_cio_id
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.wire import WireField

ROWS_PER_PAGE = 50
# Above every number, and above every position in a batch.
_TOP, _POSITIONS = 2**62, 2**20


class PageLink(NamedTuple):
    """A cell with a link to another page."""

    path: str
    text: str


class StatusCell(NamedTuple):
    """A cell with the status of a response; 0 means that there was none."""

    code: int


class Filter(NamedTuple):
    """Which rows of a table to show: events of a name or person, calls of a type, problems with a reason."""

    name: str | None = None
    person: int | None = None
    type: str | None = None
    reason: str | None = None


class ListingPage(NamedTuple):
    """One page of a table, the newest rows first, and the start of the next page."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    older: int | None = None


class Listings:
    """Reads the tables of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def people(self, before: int | None, _: Filter) -> ListingPage:
        """List people."""
        rows = self._read_page(
            "SELECT number, id, email, anonymous_id, is_visitor, traits FROM people", "number", before
        )
        shown = [
            [
                link_person(number, user_id, email, anonymous_id),
                email,
                anonymous_id,
                None if is_visitor else format_cio_id(number),
                orjson.loads(text),
            ]
            for number, user_id, email, anonymous_id, is_visitor, text in rows
        ]
        return _build_page(("Person", "Email", "Anonymous id", "cio_ id", "Traits"), rows, shown)

    def events(self, before: int | None, chosen: Filter) -> ListingPage:
        """List events."""
        request, position = divmod(_TOP if before is None else before, _POSITIONS)
        conditions, values = ["is_event", "(request, position) < (?, ?)"], [request, position]
        for column, value in (("name", chosen.name), ("person", chosen.person)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)  # type: ignore[arg-type]
        rows = self._store.read(
            "SELECT request, position, activity.type, name, person, id, email, people.anonymous_id "  # noqa: S608
            f"FROM activity LEFT JOIN people ON number = person WHERE {' AND '.join(conditions)} "
            "ORDER BY request DESC, position DESC LIMIT ?",
            (*values, ROWS_PER_PAGE),
        )
        payloads = self.read_payloads({row[0] for row in rows})
        shown = []
        for request, position, kind, name, person, user_id, email, anonymous_id in rows:
            received_at, lines = payloads[request]
            call = orjson.loads(lines[position])
            person_link = link_person(person, user_id, email, anonymous_id)
            properties = call.get(WireField.PROPERTIES) or {}
            occurred_at = call.get(WireField.TIMESTAMP, received_at)
            event = _link_event(kind, name, properties)
            shown.append(
                [occurred_at, kind, event, person_link, properties, call[WireField.MESSAGE_ID], _link_request(request)]
            )
        keys = [(request * _POSITIONS + position,) for request, position, *_ in rows]
        columns = ("Time", "Type", "Event", "Person", "Properties", "Message id", "Request")
        return _build_page(columns, keys, shown)

    def calls(self, before: int | None, chosen: Filter) -> ListingPage:
        """List accepted calls; with a type, those that were applied."""
        start = divmod(_TOP if before is None else before, _POSITIONS)
        positions = self._find_positions(start, chosen.type) if chosen.type else self._list_positions(start)
        payloads = self.read_payloads({request for request, _ in positions})
        shown = []
        for request, position in positions:
            received_at, lines = payloads[request]
            call = orjson.loads(lines[position])
            shown.append(
                [received_at, *_summarize_call(call), call, call[WireField.MESSAGE_ID], _link_request(request)]
            )
        keys = [(request * _POSITIONS + position,) for request, position in positions]
        return _build_page(("Received", "Type", "Name", "Id", "Call", "Message id", "Request"), keys, shown)

    def _list_positions(self, start: tuple[int, int]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        last_request, last_position = start
        query = "SELECT request, payloads FROM calls WHERE request <= ? ORDER BY request DESC LIMIT 1"
        while len(found) < ROWS_PER_PAGE and (rows := self._store.read(query, (last_request,))):
            request, payloads = rows[0]
            count = payloads.count(b"\n") + 1
            end = min(count, last_position) if request == last_request else count
            found += [(request, position) for position in reversed(range(end))]
            last_request, last_position = request - 1, _POSITIONS
        return found[:ROWS_PER_PAGE]

    def _find_positions(self, start: tuple[int, int], kind: str) -> list[tuple[int, int]]:
        query = (
            "SELECT request, position FROM activity WHERE type = ? AND (request, position) < (?, ?) "
            "ORDER BY request DESC, position DESC LIMIT ?"
        )
        return [(request, position) for request, position in self._store.read(query, (kind, *start, ROWS_PER_PAGE))]

    def objects(self, before: int | None, _: Filter) -> ListingPage:
        """List objects."""
        rows = self._read_page(
            "SELECT number, type_id, object_id, attributes, "
            "(SELECT count(*) FROM relationships WHERE object = number) FROM objects",
            "number",
            before,
        )
        shown = [
            [PageLink(f"/objects/{number}", object_id), type_id, people, orjson.loads(text)]
            for number, type_id, object_id, text, people in rows
        ]
        return _build_page(("Object", "Object type", "People", "Attributes"), rows, shown)

    def devices(self, before: int | None, _: Filter) -> ListingPage:
        """List devices."""
        rows = self._read_page(
            "SELECT devices.rowid, person, id, email, people.anonymous_id, platform, token, last_used, attributes "
            "FROM devices JOIN people ON number = person",
            "devices.rowid",
            before,
        )
        shown = [
            [link_person(*person), platform, token, last_used, orjson.loads(text)]
            for _, *person, platform, token, last_used, text in rows
        ]
        return _build_page(("Person", "Type", "Token", "Last used", "Attributes"), rows, shown)

    def suppressed(self, before: int | None, _: Filter) -> ListingPage:
        """List suppressed people."""
        rows = self._read_page(
            "SELECT number, id, email, suppressed_at, ignored_calls FROM suppressed", "number", before
        )
        return _build_page(("Id", "Email", "Suppressed", "Ignored calls"), rows, [row[1:] for row in rows])

    def repeats(self, before: int | None, _: Filter) -> ListingPage:
        """List message ids that were received more than once, by the request that had them first."""
        request, position = divmod(_TOP if before is None else before, _POSITIONS)
        rows = self._store.read(
            "SELECT request, position, message_id, times_received FROM message_ids "
            "WHERE times_received > 1 AND (request, position) < (?, ?) ORDER BY request DESC, position DESC LIMIT ?",
            (request, position, ROWS_PER_PAGE),
        )
        keys = [(request * _POSITIONS + position,) for request, position, *_ in rows]
        shown = [[message_id, times, _link_request(request)] for request, _, message_id, times in rows]
        return _build_page(("Message id", "Times received", "First request"), keys, shown)

    def problems(self, before: int | None, chosen: Filter) -> ListingPage:
        """List problems, without repeated events."""
        condition, values = ("reason = ?", [chosen.reason]) if chosen.reason else ("NOT is_repeat", [])
        rows = self._store.read(
            f"SELECT number, request, item, message_id, reason FROM problems WHERE {condition} AND number < ? "  # noqa: S608
            "ORDER BY number DESC LIMIT ?",
            (*values, _TOP if before is None else before, ROWS_PER_PAGE),
        )
        shown = [[reason, _link_request(request), item, message_id] for _, request, item, message_id, reason in rows]
        return _build_page(("Reason", "Request", "Item", "Message id"), rows, shown)

    def requests(self, before: int | None, _: Filter) -> ListingPage:
        """List requests."""
        rows = self._read_page(
            "SELECT number, received_at, path, status, calls, bytes, strict, "
            "(SELECT count(*) FROM problems WHERE request = requests.number AND NOT is_repeat) FROM requests",
            "number",
            before,
        )
        shown = [
            [_link_request(number), received_at, path, StatusCell(status), calls, problems, size, _name_mode(strict)]
            for number, received_at, path, status, calls, size, strict, problems in rows
        ]
        columns = ("Request", "Received", "Path", "Status", "Calls", "Problems", "Bytes", "Mode")
        return _build_page(columns, rows, shown)

    def _read_page(self, select: str, key: str, before: int | None) -> list[tuple[Any, ...]]:
        # select and key are text of this module.
        query = f"{select} WHERE {key} < ? ORDER BY {key} DESC LIMIT ?"
        return self._store.read(query, (_TOP if before is None else before, ROWS_PER_PAGE))

    def read_payloads(self, requests: set[int]) -> dict[int, tuple[str, list[bytes]]]:
        """Return time of receipt and calls of each request."""
        return {
            request: (received_at, payloads.split(b"\n"))
            for request, received_at, payloads in self._store.read(
                "SELECT request, received_at, payloads FROM calls JOIN requests ON number = request "
                "WHERE request IN (SELECT value FROM json_each(?))",
                (orjson.dumps(sorted(requests)).decode(),),
            )
        }


def link_person(number: int | None, *names: str | None) -> PageLink | None:
    """Return a link to a person, by the first name that there is; None without a person."""
    return None if number is None else PageLink(f"/people/{number}", next(filter(None, names), f"person {number}"))


def _link_request(number: int) -> PageLink:
    return PageLink(f"/requests/{number}", str(number))


def _link_event(kind: str, name: str | None, properties: Mapping[str, Any]) -> PageLink | str | None:
    return PageLink(f"/events?name={quote(name, safe='')}", name) if name else describe_page_view(kind, properties)


def describe_page_view(kind: str, properties: Mapping[str, Any]) -> str | None:
    """Return title and URL of a page view, which names it where it has no name.

    >>> describe_page_view("page", {"title": "Pricing", "url": "https://example.com/pricing"})
    'Pricing · https://example.com/pricing'
    """
    found = [properties.get(key) for key in ("title", "url")] if kind == "page" else []
    return " · ".join(text for text in found if isinstance(text, str) and text) or None


def _summarize_call(call: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Return type, name and id of a call."""
    ids = (call.get(name) for name in (WireField.USER_ID, WireField.ANONYMOUS_ID))
    names = (call.get(name) for name in (WireField.EVENT, WireField.NAME, WireField.GROUP_ID, WireField.PREVIOUS_ID))
    kind = call[WireField.TYPE]
    name = next(filter(None, names), None) or describe_page_view(kind, call.get(WireField.PROPERTIES) or {})
    return kind, name, next(filter(None, ids), None)


def _name_mode(strict: int) -> str:
    return "strict" if strict else "permissive"


def _build_page(columns: Sequence[str], rows: Sequence[Sequence[Any]], shown: Sequence[Sequence[Any]]) -> ListingPage:
    return ListingPage(columns, shown, rows[-1][0] if len(rows) == ROWS_PER_PAGE else None)
