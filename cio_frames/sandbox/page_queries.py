"""The content of the web pages as plain values, a page at a time. No HTML, no HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from cio_frames.sandbox.people import format_cio_id, parse_cio_number, parse_person_key
from cio_frames.sandbox.store import RECENT_SECONDS, SecondTotals, Store
from cio_frames.sandbox.wire import WireField

ROWS_PER_PAGE = 50
_TIMELINE_ROWS = 100
# Counting millions of rows is slow: this is the maximum share of time that it takes.
_MAX_COUNTING_SHARE = 0.05
_COUNT_QUERIES = {
    "people": "SELECT count(*) FROM people",
    "events": "SELECT events FROM progress",
    "objects": "SELECT count(*) FROM objects",
    "devices": "SELECT count(*) FROM devices",
    # Calls with a repeated message id.
    "repeats": "SELECT repeats FROM progress",
    "suppressed": "SELECT count(*) FROM suppressed",
    "problems": "SELECT count(*) FROM problems",
}
_STATELESS_COUNTS = ("problems",)


class PersonLink(NamedTuple):
    """A person: the number in the link, and a name."""

    number: int
    name: str


class ListingPage(NamedTuple):
    """One page of a table, the newest rows first, and the start of the next page."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    older: int | None


class PageQueries:
    """Reads a store for the web pages."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[str, int] = {}
        self._count_again_at = 0.0

    def counts(self) -> dict[str, int]:
        """Return the counters."""
        started = time.monotonic()
        if started >= self._count_again_at:
            names = _COUNT_QUERIES if self._store.workspace is not None else _STATELESS_COUNTS
            self._counts = {name: self._store.read(_COUNT_QUERIES[name])[0][0] for name in names}
            ended = time.monotonic()
            self._count_again_at = ended + (ended - started) / _MAX_COUNTING_SHARE
        received = {"requests": self._store.next_number, "calls": self._store.calls_received}
        return {**received, **self._counts, "bytes": self._store.bytes_received, "waiting": self.waiting()}

    def waiting(self) -> int:
        """Return the number of requests that were not applied yet."""
        if self._store.workspace is None:
            return 0
        last = self._store.read("SELECT coalesce(max(request) + 1, 0) FROM calls")[0][0]
        return max(0, int(last) - self._store.next_unapplied())

    def recent(self) -> list[tuple[int, int]]:
        """Return requests and bytes of each of the last seconds, the oldest first, without the current one."""
        now = int(time.time())
        found: Mapping[int, SecondTotals] = {each.second: each for each in tuple(self._store.recent)}
        empty = SecondTotals(0, 0, 0)
        seconds = [found.get(second, empty) for second in range(now - RECENT_SECONDS + 1, now)]
        return [(second.requests, second.bytes) for second in seconds]

    def people(self, before: int | None) -> ListingPage:
        """List people."""
        rows = self._read_page(
            "SELECT number, id, email, anonymous_id, is_visitor, traits FROM people", "number", before
        )
        shown = [
            [
                PersonLink(number, user_id or email or anonymous_id or ""),
                email,
                anonymous_id,
                None if is_visitor else format_cio_id(number),
                orjson.loads(text),
            ]
            for number, user_id, email, anonymous_id, is_visitor, text in rows
        ]
        return _build_listing(("Person", "Email", "Anonymous id", "cio_ id", "Traits"), rows, shown)

    def events(self, before: int | None) -> ListingPage:
        """List events."""
        request, position = divmod(_TOP if before is None else before, _POSITIONS)
        rows = self._store.read(
            "SELECT request, position, activity.type, name, person, id, email, people.anonymous_id "
            "FROM activity LEFT JOIN people ON number = person "
            "WHERE is_event AND (request, position) < (?, ?) ORDER BY request DESC, position DESC LIMIT ?",
            (request, position, ROWS_PER_PAGE),
        )
        calls = self._read_payloads({row[0] for row in rows})
        shown = []
        for request, position, kind, name, person, user_id, email, anonymous_id in rows:
            received_at, payloads = calls[request]
            call = orjson.loads(payloads[position])
            person_link = PersonLink(person, user_id or email or anonymous_id or "") if person is not None else None
            occurred_at = call.get(WireField.TIMESTAMP, received_at)
            properties = call.get(WireField.PROPERTIES) or {}
            shown.append([occurred_at, kind, name, person_link, properties, call[WireField.MESSAGE_ID]])
        numbers = [(request * _POSITIONS + position,) for request, position, *_ in rows]
        return _build_listing(("Time", "Type", "Event", "Person", "Properties", "Message id"), numbers, shown)

    def objects(self, before: int | None) -> ListingPage:
        """List objects."""
        rows = self._read_page(
            "SELECT number, type_id, object_id, attributes, "
            "(SELECT count(*) FROM relationships WHERE object = number) FROM objects",
            "number",
            before,
        )
        shown = [[type_id, object_id, people, orjson.loads(text)] for _, type_id, object_id, text, people in rows]
        return _build_listing(("Object type", "Object", "People", "Attributes"), rows, shown)

    def devices(self, before: int | None) -> ListingPage:
        """List devices."""
        rows = self._read_page(
            "SELECT devices.rowid, person, id, email, people.anonymous_id, platform, token, last_used, attributes "
            "FROM devices JOIN people ON number = person",
            "devices.rowid",
            before,
        )
        shown = [
            [PersonLink(person, user_id or email or anonymous_id or ""), platform, token, last_used, orjson.loads(text)]
            for _, person, user_id, email, anonymous_id, platform, token, last_used, text in rows
        ]
        return _build_listing(("Person", "Type", "Token", "Last used", "Attributes"), rows, shown)

    def problems(self, before: int | None) -> ListingPage:
        """List problems."""
        rows = self._read_page("SELECT number, request, item, message_id, reason FROM problems", "number", before)
        return _build_listing(("Request", "Item", "Message id", "Reason"), rows, [row[1:] for row in rows])

    def requests(self, before: int | None) -> ListingPage:
        """List requests."""
        rows = self._read_page(
            "SELECT number, received_at, path, status, calls, bytes, strict FROM requests", "number", before
        )
        shown = [[*row[:3], row[3] or "no response", *row[4:6], "strict" if row[6] else "permissive"] for row in rows]
        return _build_listing(("Request", "Received", "Path", "Status", "Calls", "Bytes", "Mode"), rows, shown)

    def person(self, number: int) -> dict[str, Any] | None:
        """Return everything about one person."""
        found = self._store.read(
            "SELECT id, email, anonymous_id, is_visitor, traits FROM people WHERE number = ?", (number,)
        )
        if not found:
            return None
        user_id, email, anonymous_id, is_visitor, text = found[0]
        devices = self._store.read(
            "SELECT platform, token, last_used, attributes FROM devices WHERE person = ? ORDER BY rowid", (number,)
        )
        objects = self._store.read(
            "SELECT type_id, object_id, objects.attributes, relationships.attributes "
            "FROM relationships JOIN objects ON number = object WHERE person = ? ORDER BY type_id, object_id",
            (number,),
        )
        return {
            "name": user_id or email or anonymous_id or "",
            "ids": {
                "User id": user_id,
                "Email": email,
                "Anonymous id": anonymous_id,
                "cio_ id": None if is_visitor else format_cio_id(number),
            },
            "traits": orjson.loads(text),
            "devices": [[*row[:3], orjson.loads(row[3])] for row in devices],
            "objects": [[*row[:2], *map(orjson.loads, row[2:])] for row in objects],
            "timeline": self._timeline(number),
            "activity_count": self._store.read("SELECT count(*) FROM activity WHERE person = ?", (number,))[0][0],
        }

    def _timeline(self, number: int) -> list[list[Any]]:
        rows = self._store.read(
            "SELECT request, position, type, name FROM activity WHERE person = ? "
            "ORDER BY occurred_at DESC, request DESC, position DESC LIMIT ?",
            (number, _TIMELINE_ROWS),
        )
        calls = self._read_payloads({row[0] for row in rows})
        shown = []
        for request, position, kind, name in rows:
            received_at, payloads = calls[request]
            call = orjson.loads(payloads[position])
            fields = call.get(WireField.PROPERTIES) or call.get(WireField.TRAITS) or {}
            occurred_at = call.get(WireField.TIMESTAMP, received_at)
            shown.append([occurred_at, kind, name, fields, call[WireField.MESSAGE_ID], request])
        return shown

    def search(self, text: str) -> dict[str, Any]:
        """Find people by id, email or anonymous id, and calls and problems by message id."""
        key = parse_person_key(text)
        people = self._store.read(
            "SELECT number, id, email, anonymous_id FROM people WHERE id = :text OR email = :email OR number = :cio "
            "OR number = (SELECT person FROM anonymous_ids WHERE anonymous_id = :text)",
            {"text": text, "email": text.casefold(), "cio": parse_cio_number(key.value) if key.kind == "cio" else None},
        )
        calls = self._store.read(
            "SELECT message_ids.request, message_ids.position, times_received, person FROM message_ids "
            "LEFT JOIN activity USING (request, position) WHERE message_id = ?",
            (text,),
        )
        payloads = self._read_payloads({row[0] for row in calls})
        problems = self._store.read(
            "SELECT request, item, message_id, reason FROM problems WHERE message_id = ? LIMIT ?", (text, ROWS_PER_PAGE)
        )
        return {
            "people": [PersonLink(row[0], row[1] or row[2] or row[3] or "") for row in people],
            "calls": [
                {
                    "request": request,
                    "times_received": times_received,
                    "person": person,
                    "fields": orjson.loads(payloads[request][1][position]),
                }
                for request, position, times_received, person in calls
            ],
            "problems": problems,
        }

    def _read_page(self, select: str, key: str, before: int | None) -> list[tuple[Any, ...]]:
        # select and key are text of this module.
        query = f"{select} WHERE {key} < ? ORDER BY {key} DESC LIMIT ?"
        return self._store.read(query, (_TOP if before is None else before, ROWS_PER_PAGE))

    def _read_payloads(self, requests: set[int]) -> dict[int, tuple[str, list[bytes]]]:
        return {
            request: (received_at, payloads.split(b"\n"))
            for request, received_at, payloads in self._store.read(
                "SELECT request, received_at, payloads FROM calls JOIN requests ON number = request "
                "WHERE request IN (SELECT value FROM json_each(?))",
                (orjson.dumps(sorted(requests)).decode(),),
            )
        }


# Above every number, and above every position in a batch.
_TOP, _POSITIONS = 2**62, 2**20


def _build_listing(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], shown: Sequence[Sequence[Any]]
) -> ListingPage:
    return ListingPage(columns, shown, rows[-1][0] if len(rows) == ROWS_PER_PAGE else None)
