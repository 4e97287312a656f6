"""The content of the web pages beside the tables, as plain values. No HTML, no HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from cio_frames.sandbox.listings import ROWS_PER_PAGE, Filter, Listings, PageLink, describe_page_view, link_person
from cio_frames.sandbox.people import format_cio_id, parse_cio_number, parse_person_key
from cio_frames.sandbox.store import RECENT_SECONDS, SecondTotals, Store
from cio_frames.sandbox.wire import WireField

_TIMELINE_ROWS = 100
_OVERVIEW_ROWS = 10
_MAX_PROBLEM_REASONS = 50
_MAX_CALLS_OF_REQUEST = 200
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
    "problems": "SELECT coalesce(sum(count), 0) FROM totals WHERE kind = 'problem'",
}
_STATELESS_COUNTS = ("problems",)


class PageQueries:
    """Reads a store for the web pages."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.listings = Listings(store)
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

    def overview(self) -> dict[str, Any]:
        """Return what the overview shows beside the counters."""
        latest = self.listings.calls(None, Filter())
        return {
            "recent": self.recent(),
            "kinds": [
                [PageLink(f"/calls?type={name}", name), count]
                for name, count in self._read_totals("call", _OVERVIEW_ROWS)
            ],
            "events": [_link_event_total(*row) for row in self._read_totals("event", _OVERVIEW_ROWS)],
            "latest": latest._replace(rows=latest.rows[:_OVERVIEW_ROWS]),
        }

    def reasons(self) -> list[list[Any]]:
        """Return the reasons of problems with their counts, the most frequent first."""
        return [
            [PageLink(f"/problems?reason={quote(reason, safe='')}", reason), count]
            for reason, count in self._read_totals("problem", _MAX_PROBLEM_REASONS)
        ]

    def _read_totals(self, kind: str, limit: int) -> list[tuple[Any, ...]]:
        query = "SELECT name, count FROM totals WHERE kind = ? ORDER BY count DESC, name LIMIT ?"
        return self._store.read(query, (kind, limit))

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
            "SELECT number, object_id, type_id, objects.attributes, relationships.attributes "
            "FROM relationships JOIN objects ON number = object WHERE person = ? ORDER BY type_id, object_id",
            (number,),
        )
        return {
            "number": number,
            "name": user_id or email or anonymous_id or "",
            "ids": {
                "User id": user_id,
                "Email": email,
                "Anonymous id": anonymous_id,
                "cio_ id": None if is_visitor else format_cio_id(number),
            },
            "traits": orjson.loads(text),
            "devices": [[*row[:3], orjson.loads(row[3])] for row in devices],
            "objects": [
                [PageLink(f"/objects/{row[0]}", row[1]), row[2], *map(orjson.loads, row[3:])] for row in objects
            ],
            "timeline": self._read_timeline(number),
            "activity_count": self._store.read("SELECT count(*) FROM activity WHERE person = ?", (number,))[0][0],
        }

    def _read_timeline(self, number: int) -> list[list[Any]]:
        rows = self._store.read(
            "SELECT request, position, type, name FROM activity WHERE person = ? "
            "ORDER BY occurred_at DESC, request DESC, position DESC LIMIT ?",
            (number, _TIMELINE_ROWS),
        )
        payloads = self.listings.read_payloads({row[0] for row in rows})
        shown = []
        for request, position, kind, name in rows:
            received_at, lines = payloads[request]
            call = orjson.loads(lines[position])
            fields = call.get(WireField.PROPERTIES) or call.get(WireField.TRAITS) or {}
            occurred_at = call.get(WireField.TIMESTAMP, received_at)
            link = PageLink(f"/requests/{request}", str(request))
            shown.append(
                [occurred_at, kind, name or describe_page_view(kind, fields), fields, call[WireField.MESSAGE_ID], link]
            )
        return shown

    def object_page(self, number: int) -> dict[str, Any] | None:
        """Return everything about one object."""
        found = self._store.read("SELECT object_id, type_id, attributes FROM objects WHERE number = ?", (number,))
        if not found:
            return None
        people = self._store.read(
            "SELECT people.number, id, email, anonymous_id, attributes FROM relationships "
            "JOIN people ON people.number = person WHERE object = ? ORDER BY person DESC LIMIT ?",
            (number, ROWS_PER_PAGE),
        )
        object_id, type_id, text = found[0]
        return {
            "name": object_id,
            "type_id": type_id,
            "attributes": orjson.loads(text),
            "people": [[link_person(*row[:4]), orjson.loads(row[4])] for row in people],
            "people_count": self._store.read("SELECT count(*) FROM relationships WHERE object = ?", (number,))[0][0],
        }

    def request_page(self, number: int) -> dict[str, Any] | None:
        """Return one request with its accepted calls and its problems."""
        query = "SELECT received_at, path, status, calls, bytes, strict FROM requests WHERE number = ?"
        found = self._store.read(query, (number,))
        if not found:
            return None
        received_at, path, status, calls, size, strict = found[0]
        _, lines = self.listings.read_payloads({number}).get(number, ("", []))
        problems = self._store.read(
            "SELECT reason, item, message_id FROM problems WHERE request = ? ORDER BY item, number LIMIT ?",
            (number, _MAX_CALLS_OF_REQUEST),
        )
        return {
            "number": number,
            "facts": {
                "Received": received_at,
                "Path": path,
                "Status": status or "no response",
                "Calls": f"{calls:,}",
                "Accepted": f"{len(lines):,}",
                "Bytes": f"{size:,}",
                "Mode": "strict" if strict else "permissive",
            },
            "accepted_count": len(lines),
            "calls": [orjson.loads(line) for line in lines[:_MAX_CALLS_OF_REQUEST]],
            "problems": problems,
        }

    def search(self, text: str) -> dict[str, Any]:
        """Find people by id, email or anonymous id, events by name, and calls and problems by message id."""
        key = parse_person_key(text)
        people = self._store.read(
            "SELECT number, id, email, anonymous_id FROM people WHERE id = :text OR email = :email OR number = :cio "
            "OR number = (SELECT person FROM anonymous_ids WHERE anonymous_id = :text)",
            {"text": text, "email": text.casefold(), "cio": parse_cio_number(key.value) if key.kind == "cio" else None},
        )
        objects = self._store.read("SELECT number, object_id FROM objects WHERE object_id = ? LIMIT ?", (text, 50))
        events = self._store.read("SELECT name, count FROM totals WHERE kind = 'event' AND name = ?", (text,))
        calls = self._store.read(
            "SELECT message_ids.request, message_ids.position, times_received, person FROM message_ids "
            "LEFT JOIN activity USING (request, position) WHERE message_id = ?",
            (text,),
        )
        payloads = self.listings.read_payloads({row[0] for row in calls})
        problems = self._store.read(
            "SELECT reason, request, item, message_id FROM problems WHERE message_id = ? LIMIT ?", (text, ROWS_PER_PAGE)
        )
        return {
            "people": [link_person(*row) for row in people],
            "objects": [PageLink(f"/objects/{number}", object_id) for number, object_id in objects],
            "events": [_link_event_total(*row) for row in events],
            "calls": [
                {
                    "request": request,
                    "times_received": times_received,
                    "person": person,
                    "fields": orjson.loads(payloads[request][1][position]),
                }
                for request, position, times_received, person in calls
            ],
            "problems": [
                [reason, PageLink(f"/requests/{request}", str(request)), item, message_id]
                for reason, request, item, message_id in problems
            ],
        }


def _link_event_total(name: str, count: int) -> list[Any]:
    return [PageLink(f"/events?name={quote(name, safe='')}", name), count]
