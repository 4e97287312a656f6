"""What the web page shows, a page at a time, as plain values. No HTML, no HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from cio_frames.sandbox.people import cio_id, key_of, number_of
from cio_frames.sandbox.store import RECENT_SECONDS, Second, Store

ROWS = 50
_TIMELINE_ROWS = 100
# Counting millions takes a while: at most about this share of the time is spent on it.
_COUNTING_SHARE = 0.05
_COUNTS = {
    "people": "SELECT count(*) FROM people",
    "events": "SELECT events FROM applied",
    "objects": "SELECT count(*) FROM objects",
    "devices": "SELECT count(*) FROM devices",
    # Calls whose message id was seen before.
    "repeats": "SELECT repeats FROM applied",
    "suppressed": "SELECT count(*) FROM suppressed",
    "problems": "SELECT count(*) FROM problems",
}
_STATELESS = ("problems",)


class Person(NamedTuple):
    """Who somebody is: a number to link by, and what to call them."""

    number: int
    name: str


class Listing(NamedTuple):
    """Some rows of a table, the newest first, and where the older ones begin."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    older: int | None


class Views:
    """Reads a store for the web page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[str, int] = {}
        self._count_again_at = 0.0

    def counts(self) -> dict[str, int]:
        """Return how many there are of each thing."""
        started = time.monotonic()
        if started >= self._count_again_at:
            names = _COUNTS if self._store.state is not None else _STATELESS
            self._counts = {name: self._store.read(_COUNTS[name])[0][0] for name in names}
            ended = time.monotonic()
            self._count_again_at = ended + (ended - started) / _COUNTING_SHARE
        received = {"requests": self._store.next, "calls": self._store.calls_received}
        return {**received, **self._counts, "bytes": self._store.bytes_received, "waiting": self.waiting()}

    def waiting(self) -> int:
        """Return how many requests have not been applied yet."""
        if self._store.state is None:
            return 0
        last = self._store.read("SELECT coalesce(max(request) + 1, 0) FROM calls")[0][0]
        return max(0, int(last) - self._store.applied())

    def recent(self) -> list[tuple[int, int]]:
        """Return requests and bytes of each of the last seconds, the oldest first; the present one is left out."""
        now = int(time.time())
        found: Mapping[int, Second] = {second.at: second for second in tuple(self._store.recent)}
        nothing = Second(0, 0, 0)
        seconds = [found.get(at, nothing) for at in range(now - RECENT_SECONDS + 1, now)]
        return [(second.requests, second.bytes) for second in seconds]

    def people(self, before: int | None) -> Listing:
        """List people."""
        rows = self._page("SELECT number, id, email, anonymous_id, is_visitor, traits FROM people", "number", before)
        shown = [
            [
                Person(number, user_id or email or anonymous_id or ""),
                email,
                anonymous_id,
                None if is_visitor else cio_id(number),
                orjson.loads(text),
            ]
            for number, user_id, email, anonymous_id, is_visitor, text in rows
        ]
        return _listing(("Person", "Email", "Anonymous id", "cio_ id", "Traits"), rows, shown)

    def events(self, before: int | None) -> Listing:
        """List events."""
        request, place = divmod(_TOP if before is None else before, _PLACES)
        rows = self._store.read(
            "SELECT request, place, happenings.type, name, person, id, email, people.anonymous_id "
            "FROM happenings LEFT JOIN people ON number = person "
            "WHERE is_event AND (request, place) < (?, ?) ORDER BY request DESC, place DESC LIMIT ?",
            (request, place, ROWS),
        )
        calls = self._calls({row[0] for row in rows})
        shown = []
        for request, place, kind, name, person, user_id, email, anonymous_id in rows:
            received_at, payloads = calls[request]
            call = orjson.loads(payloads[place])
            who = Person(person, user_id or email or anonymous_id or "") if person is not None else None
            at = call.get("timestamp", received_at)
            shown.append([at, kind, name, who, call.get("properties") or {}, call["messageId"]])
        numbers = [(request * _PLACES + place,) for request, place, *_ in rows]
        return _listing(("Time", "Type", "Event", "Person", "Properties", "Message id"), numbers, shown)

    def objects(self, before: int | None) -> Listing:
        """List objects."""
        rows = self._page(
            "SELECT number, type_id, object_id, attributes, "
            "(SELECT count(*) FROM relationships WHERE object = number) FROM objects",
            "number",
            before,
        )
        shown = [[type_id, object_id, people, orjson.loads(text)] for _, type_id, object_id, text, people in rows]
        return _listing(("Object type", "Object", "People", "Attributes"), rows, shown)

    def devices(self, before: int | None) -> Listing:
        """List devices."""
        rows = self._page(
            "SELECT devices.rowid, person, id, email, people.anonymous_id, platform, token, last_used, attributes "
            "FROM devices JOIN people ON number = person",
            "devices.rowid",
            before,
        )
        shown = [
            [Person(person, user_id or email or anonymous_id or ""), platform, token, last_used, orjson.loads(text)]
            for _, person, user_id, email, anonymous_id, platform, token, last_used, text in rows
        ]
        return _listing(("Person", "Type", "Token", "Last used", "Attributes"), rows, shown)

    def problems(self, before: int | None) -> Listing:
        """List problems."""
        rows = self._page("SELECT position, request, item, message_id, reason FROM problems", "position", before)
        return _listing(("Request", "Item", "Message id", "Reason"), rows, [row[1:] for row in rows])

    def requests(self, before: int | None) -> Listing:
        """List requests."""
        rows = self._page(
            "SELECT number, received_at, path, status, calls, bytes, strict FROM requests", "number", before
        )
        shown = [[*row[:3], row[3] or "no answer", *row[4:6], "strict" if row[6] else "permissive"] for row in rows]
        return _listing(("Request", "Received", "Path", "Status", "Calls", "Bytes", "Mode"), rows, shown)

    def person(self, number: int) -> dict[str, Any] | None:
        """Return all about one person."""
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
                "cio_ id": None if is_visitor else cio_id(number),
            },
            "traits": orjson.loads(text),
            "devices": [[*row[:3], orjson.loads(row[3])] for row in devices],
            "objects": [[*row[:2], *map(orjson.loads, row[2:])] for row in objects],
            "timeline": self._timeline(number),
            "happened": self._store.read("SELECT count(*) FROM happenings WHERE person = ?", (number,))[0][0],
        }

    def _timeline(self, number: int) -> list[list[Any]]:
        rows = self._store.read(
            "SELECT request, place, type, name FROM happenings WHERE person = ? ORDER BY at DESC, request DESC, "
            "place DESC LIMIT ?",
            (number, _TIMELINE_ROWS),
        )
        calls = self._calls({row[0] for row in rows})
        shown = []
        for request, place, kind, name in rows:
            received_at, payloads = calls[request]
            call = orjson.loads(payloads[place])
            what = call.get("properties") or call.get("traits") or {}
            shown.append([call.get("timestamp", received_at), kind, name, what, call["messageId"], request])
        return shown

    def search(self, text: str) -> dict[str, Any]:
        """Find people by id, email or anonymous id, and calls and problems by message id."""
        key = key_of(text)
        people = self._store.read(
            "SELECT number, id, email, anonymous_id FROM people WHERE id = :text OR email = :email OR number = :cio "
            "OR number = (SELECT person FROM anonymous WHERE anonymous_id = :text)",
            {"text": text, "email": text.casefold(), "cio": number_of(key.value) if key.kind == "cio" else None},
        )
        calls = self._store.read(
            "SELECT message_ids.request, message_ids.place, times, person FROM message_ids "
            "LEFT JOIN happenings USING (request, place) WHERE message_id = ?",
            (text,),
        )
        payloads = self._calls({row[0] for row in calls})
        problems = self._store.read(
            "SELECT request, item, message_id, reason FROM problems WHERE message_id = ? LIMIT ?", (text, ROWS)
        )
        return {
            "people": [Person(row[0], row[1] or row[2] or row[3] or "") for row in people],
            "calls": [
                {
                    "request": request,
                    "times": times,
                    "person": person,
                    "fields": orjson.loads(payloads[request][1][place]),
                }
                for request, place, times, person in calls
            ],
            "problems": problems,
        }

    def _page(self, select: str, key: str, before: int | None) -> list[tuple[Any, ...]]:
        # select and key are text of this module.
        query = f"{select} WHERE {key} < ? ORDER BY {key} DESC LIMIT ?"
        return self._store.read(query, (_TOP if before is None else before, ROWS))

    def _calls(self, requests: set[int]) -> dict[int, tuple[str, list[bytes]]]:
        return {
            request: (received_at, payloads.split(b"\n"))
            for request, received_at, payloads in self._store.read(
                "SELECT request, received_at, payloads FROM calls JOIN requests ON number = request "
                "WHERE request IN (SELECT value FROM json_each(?))",
                (orjson.dumps(sorted(requests)).decode(),),
            )
        }


# Above every number, and above every place in a batch.
_TOP, _PLACES = 2**62, 2**20


def _listing(columns: Sequence[str], rows: Sequence[Sequence[Any]], shown: Sequence[Sequence[Any]]) -> Listing:
    return Listing(columns, shown, rows[-1][0] if len(rows) == ROWS else None)
