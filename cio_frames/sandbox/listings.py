"""The tables of the web pages, a page at a time, as plain values. No HTML, no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from cio_frames.sandbox.call_queries import CallQueries
from cio_frames.sandbox.cells import (
    PageLink,
    StatusCell,
    link_call,
    link_event,
    link_person,
    link_request,
    link_search,
    quote_call,
    summarize_call,
)
from cio_frames.sandbox.people import format_cio_id, parse_cio_number, parse_person_key
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.wire import WireField

ROWS_PER_PAGE = 50
# Above every number, and above every position in a batch.
_TOP, _POSITIONS = 2**62, 2**20
_PLACE = "(request, position)"


class Filter(NamedTuple):
    """Which rows of a table to show: events of a name or person, calls of a type, problems with a reason."""

    name: str | None = None
    person: str | None = None
    type: str | None = None
    reason: str | None = None


class ListingPage(NamedTuple):
    """One page of a table, the newest rows first.

    Attributes
    ----------
    columns, rows
        The page.
    newer : int
        How many rows are on the pages before.
    total : int
        How many rows there are.
    older : int, str or None
        The start of the next page.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    newer: int = 0
    total: int = 0
    older: int | str | None = None


class _Table(NamedTuple):
    """A table of the store: what is selected, the key that orders it, and a condition with its values."""

    columns: str
    source: str
    key: str
    condition: str = "true"
    values: Sequence[Any] = ()


class Listings:
    """Reads the tables of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls = CallQueries(store)

    def people(self, before: int | None, _: Filter) -> ListingPage:
        """List people."""
        table = _Table("number, id, email, anonymous_id, is_visitor, traits", "people", "number")
        rows, newer, total = self._read_page(table, before)
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
        return _build_page(("Person", "Email", "Anonymous id", "cio_ id", "Traits"), shown, newer, total, rows)

    def events(self, before: int | None, chosen: Filter) -> ListingPage:
        """List events."""
        conditions, values = ["is_event"], list[Any]()
        if chosen.name is not None:
            # With a person, the index of people is the shorter way: the sign excludes the one of names.
            conditions.append("name = ?" if chosen.person is None else "+name = ?")
            values.append(chosen.name)
        if chosen.person is not None:
            numbers = [number for number, *_ in self.find_people(chosen.person)]
            conditions.append("person IN (SELECT value FROM json_each(?))")
            values.append(orjson.dumps(numbers).decode())
        table = _Table("request, position, name, person", "activity", _PLACE, " AND ".join(conditions), values)
        rows, newer, total = self._read_page(table, before, self._count_events(chosen))
        found = {(request, position): (name, person) for request, position, name, person in rows}
        people = self.link_people({person for *_, person in rows})
        shown = []
        for call in self._calls.read(list(found)):
            name, person = found[call.request, call.position]
            fields = call.fields
            kind, properties = fields[WireField.TYPE], fields.get(WireField.PROPERTIES) or {}
            occurred_at = fields.get(WireField.TIMESTAMP, call.received_at)
            event, message_id = link_event(kind, name, properties), link_search(fields[WireField.MESSAGE_ID])
            shown.append([occurred_at, kind, event, people.get(person), properties, message_id, link_call(*call[:2])])
        columns = ("Time", "Type", "Event", "Person", "Properties", "Message id", "Request")
        return _build_page(columns, shown, newer, total, _number_places(rows))

    def _count_events(self, chosen: Filter) -> int | None:
        """Return the number of events; None if it takes a query of its own."""
        if chosen.person is not None:
            return None
        if chosen.name is None:
            return int(self._store.read("SELECT events FROM progress")[0][0])
        rows = self._store.read("SELECT count FROM totals WHERE kind = 'event' AND name = ?", (chosen.name,))
        return int(rows[0][0]) if rows else 0

    def calls(self, before: int | None, chosen: Filter) -> ListingPage:
        """List accepted calls."""
        start = divmod(_TOP if before is None else before, _POSITIONS)
        found = self._calls.find(start, chosen.type, ROWS_PER_PAGE)
        shown = [
            [
                call.received_at,
                *summarize_call(call.fields),
                call.fields,
                link_search(call.fields[WireField.MESSAGE_ID]),
                link_call(call.request, call.position),
            ]
            for call in found
        ]
        newer = 0 if before is None else self._calls.count_from(start, chosen.type)
        columns = ("Received", "Type", "Name", "Id", "Call", "Message id", "Request")
        return _build_page(columns, shown, newer, self._calls.count(chosen.type), _number_places(found))

    def objects(self, before: int | None, _: Filter) -> ListingPage:
        """List objects."""
        people = "(SELECT count(*) FROM relationships WHERE object = number)"
        table = _Table(f"number, type_id, object_id, attributes, {people}", "objects", "number")
        rows, newer, total = self._read_page(table, before)
        shown = [
            [PageLink(f"/objects/{number}", object_id), type_id, people, orjson.loads(text)]
            for number, type_id, object_id, text, people in rows
        ]
        return _build_page(("Object", "Object type", "People", "Attributes"), shown, newer, total, rows)

    def devices(self, before: int | None, _: Filter) -> ListingPage:
        """List devices."""
        table = _Table("rowid, person, platform, token, last_used, attributes", "devices", "rowid")
        rows, newer, total = self._read_page(table, before)
        people = self.link_people({row[1] for row in rows})
        shown = [
            [people.get(person), platform, token, last_used, orjson.loads(text)]
            for _, person, platform, token, last_used, text in rows
        ]
        return _build_page(("Person", "Type", "Token", "Last used", "Attributes"), shown, newer, total, rows)

    def suppressed(self, before: int | None, _: Filter) -> ListingPage:
        """List suppressed people."""
        table = _Table("number, id, email, suppressed_at, ignored_calls", "suppressed", "number")
        rows, newer, total = self._read_page(table, before)
        return _build_page(
            ("Id", "Email", "Suppressed", "Ignored calls"), [row[1:] for row in rows], newer, total, rows
        )

    def repeats(self, before: int | None, _: Filter) -> ListingPage:
        """List message ids that were received more than once, by the request that had them first."""
        columns = "request, position, message_id, times_received"
        rows, newer, total = self._read_page(_Table(columns, "message_ids", _PLACE, "times_received > 1"), before)
        shown = [[link_search(message_id), times, link_call(*place)] for *place, message_id, times in rows]
        return _build_page(("Message id", "Times received", "First request"), shown, newer, total, _number_places(rows))

    def problems(self, before: int | None, chosen: Filter) -> ListingPage:
        """List problems, without repeated events."""
        condition, values = "NOT is_repeat", list[Any]()
        if chosen.reason is not None:
            condition, values = f"{condition} AND summary = ?", [chosen.reason]
        table = _Table("number, request, item, message_id, reason, call", "problems", "number", condition, values)
        rows, newer, total = self._read_page(table, before)
        shown = [
            [reason, link_request(request), item, link_search(message_id), quote_call(call)]
            for _, request, item, message_id, reason, call in rows
        ]
        return _build_page(("Reason", "Request", "Item", "Message id", "Rejected call"), shown, newer, total, rows)

    def requests(self, before: int | None, _: Filter) -> ListingPage:
        """List requests."""
        problems = "(SELECT count(*) FROM problems WHERE request = requests.number AND NOT is_repeat)"
        columns = f"number, received_at, path, status, calls, bytes, strict, {problems}"
        rows, newer, total = self._read_page(_Table(columns, "requests", "number"), before)
        shown = [
            [link_request(number), received_at, path, StatusCell(status), calls, problems, size, _name_mode(strict)]
            for number, received_at, path, status, calls, size, strict, problems in rows
        ]
        names = ("Request", "Received", "Path", "Status", "Calls", "Problems", "Bytes", "Mode")
        return _build_page(names, shown, newer, total, rows)

    def find_people(self, text: str) -> list[tuple[Any, ...]]:
        """Return number, id, email and anonymous id of the people with an id or email."""
        key = parse_person_key(text)
        return self._store.read(
            "SELECT number, id, email, anonymous_id FROM people WHERE id = :text OR email = :email OR number = :cio "
            "OR number = (SELECT person FROM anonymous_ids WHERE anonymous_id = :text)",
            {"text": text, "email": text.casefold(), "cio": parse_cio_number(key.value) if key.kind == "cio" else None},
        )

    def link_people(self, numbers: set[int | None]) -> dict[int | None, PageLink | None]:
        """Return a link to each of some people, by number."""
        query = "SELECT number, id, email, anonymous_id FROM people WHERE number IN (SELECT value FROM json_each(?))"
        rows = self._store.read(query, (orjson.dumps([number for number in numbers if number is not None]).decode(),))
        return {row[0]: link_person(*row) for row in rows}

    def _read_page(
        self, table: _Table, before: int | None, total: int | None = None
    ) -> tuple[list[tuple[Any, ...]], int, int]:
        """Return rows of a page, the number of newer ones, and the number of all. Tables are text of this module."""
        is_place = table.key == _PLACE
        limit = _TOP if before is None else before
        keys, marks = (divmod(limit, _POSITIONS), "(?, ?)") if is_place else ((limit,), "?")
        order = "request DESC, position DESC" if is_place else f"{table.key} DESC"
        rows = self._store.read(
            f"SELECT {table.columns} FROM {table.source} WHERE {table.condition} AND {table.key} < {marks} "  # noqa: S608
            f"ORDER BY {order} LIMIT ?",
            (*table.values, *keys, ROWS_PER_PAGE),
        )
        count = f"SELECT count(*) FROM {table.source} WHERE {table.condition}"  # noqa: S608
        if total is None:
            total = self._store.read(count, table.values)[0][0]
        if before is None:
            return rows, 0, total
        return rows, self._store.read(f"{count} AND {table.key} >= {marks}", (*table.values, *keys))[0][0], total


def _number_places(rows: Sequence[Sequence[Any]]) -> list[tuple[int]]:
    return [(request * _POSITIONS + position,) for request, position, *_ in rows]


def _name_mode(strict: int) -> str:
    return "strict" if strict else "permissive"


def _build_page(
    columns: Sequence[str], shown: Sequence[Sequence[Any]], newer: int, total: int, keys: Sequence[Sequence[Any]]
) -> ListingPage:
    # A load or a clear between two queries.
    total = max(total, newer + len(shown))
    older = keys[-1][0] if len(keys) == ROWS_PER_PAGE and newer + len(keys) < total else None
    return ListingPage(columns, shown, newer, total, older)
