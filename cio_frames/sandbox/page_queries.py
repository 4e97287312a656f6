"""The content of the web pages beside the tables, as plain values. No HTML, no HTTP."""

from __future__ import annotations

import time
from typing import Any

from cio_frames.sandbox.call_queries import CallQueries
from cio_frames.sandbox.cells import PageLink, link_person, link_query, link_request
from cio_frames.sandbox.detail_queries import DetailQueries
from cio_frames.sandbox.listings import ROWS_PER_PAGE, Filter, ListingPage, Listings
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.traffic import read_traffic

_OVERVIEW_ROWS = 10
_MAX_PROBLEM_REASONS = 50
_MAX_EVENT_NAMES = 200
_MAX_OBJECTS = 50
# Counting millions of rows is slow: this is the maximum share of time that it takes.
_MAX_COUNTING_SHARE = 0.05
_COUNT_QUERIES = {
    "calls": "SELECT coalesce(sum(count), 0) FROM totals WHERE kind = 'call'",
    "bytes": "SELECT coalesce(sum(count), 0) FROM totals WHERE kind = 'bytes'",
    "people": "SELECT count(*) FROM people",
    "events": "SELECT events FROM progress",
    "objects": "SELECT count(*) FROM objects",
    "devices": "SELECT count(*) FROM devices",
    # Calls with a repeated message id.
    "repeats": "SELECT repeats FROM progress",
    "suppressed": "SELECT count(*) FROM suppressed",
    "problems": "SELECT coalesce(sum(count), 0) FROM totals WHERE kind = 'problem'",
}
_STATELESS_COUNTS = ("calls", "bytes", "problems")


class PageQueries:
    """Reads a store for the web pages."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.listings = Listings(store)
        self.details = DetailQueries(store)
        self._calls = CallQueries(store)
        self._counts: dict[str, int] = {}
        self._count_again_at = 0.0

    def counts(self) -> dict[str, int]:
        """Return the counters."""
        names = _COUNT_QUERIES if self._store.workspace is not None else _STATELESS_COUNTS
        return {"requests": self._store.next_number, **{name: self._count(name) for name in names}}

    def _count(self, name: str) -> int:
        return int(self._store.read(_COUNT_QUERIES[name])[0][0])

    def stream_counts(self) -> dict[str, Any]:
        """Return counters and traffic for a page that is open: up to date unless counting takes long."""
        started = time.monotonic()
        if started >= self._count_again_at:
            self._counts = self.counts()
            ended = time.monotonic()
            self._count_again_at = ended + (ended - started) / _MAX_COUNTING_SHARE
        return {**self._counts, "waiting": self.waiting(), "recent": self.recent()}

    def waiting(self) -> int:
        """Return the number of requests that were not applied yet."""
        if self._store.workspace is None:
            return 0
        last = self._store.read("SELECT coalesce(max(request) + 1, 0) FROM calls")[0][0]
        return max(0, int(last) - self._store.next_unapplied())

    def recent(self) -> list[tuple[int, int]]:
        """Return requests and bytes of each of the last seconds, the oldest first, without the current one."""
        return read_traffic(self._store, int(time.time()))

    def overview(self) -> dict[str, Any]:
        """Return what the overview shows beside the counters."""
        latest = self.listings.calls(None, Filter())
        return {
            "recent": self.recent(),
            "kinds": self._list_totals("Type", "call", "/calls", "type", _OVERVIEW_ROWS),
            "events": self._list_totals("Event", "event", "/events", "name", _OVERVIEW_ROWS),
            "latest": latest._replace(rows=latest.rows[:_OVERVIEW_ROWS]),
        }

    def reasons(self) -> ListingPage:
        """Return the reasons of problems with their counts, the most frequent first."""
        return self._list_totals("Reason", "problem", "/problems", "reason", _MAX_PROBLEM_REASONS)

    def totals(self, kind: str) -> list[tuple[str, int]]:
        """Return the most frequent calls by type, events by name, or problems by reason, and their counts."""
        return [(name, count) for name, count in self._read_totals(kind, _OVERVIEW_ROWS)]

    def event_names(self) -> ListingPage:
        """Return the names of events with their counts, the most frequent first."""
        return self._list_totals("Event", "event", "/events", "name", _MAX_EVENT_NAMES)

    def _list_totals(self, column: str, kind: str, path: str, parameter: str, limit: int) -> ListingPage:
        rows = self._read_totals(kind, limit)
        total = self._store.read("SELECT count(*) FROM totals WHERE kind = ?", (kind,))[0][0]
        return ListingPage(
            (column, "Count"), [[link_query(path, parameter, name), count] for name, count in rows], 0, total
        )

    def _read_totals(self, kind: str, limit: int) -> list[tuple[Any, ...]]:
        query = "SELECT name, count FROM totals WHERE kind = ? ORDER BY count DESC, name LIMIT ?"
        return self._store.read(query, (kind, limit))

    def search(self, text: str) -> dict[str, Any]:
        """Find people by id, email or anonymous id, events by name, and calls and problems by message id."""
        objects = self._store.read(
            "SELECT number, object_id, type_id FROM objects WHERE object_id = ? LIMIT ?", (text, _MAX_OBJECTS)
        )
        events = self._store.read("SELECT name, count FROM totals WHERE kind = 'event' AND name = ?", (text,))
        calls = self._store.read(
            "SELECT message_ids.request, message_ids.position, times_received, person FROM message_ids "
            "LEFT JOIN activity USING (request, position) WHERE message_id = ?",
            (text,),
        )
        problems = self._store.read(
            "SELECT reason, request, item, message_id, count(*) OVER () FROM problems WHERE message_id = ? "
            "ORDER BY number DESC LIMIT ?",
            (text, ROWS_PER_PAGE),
        )
        found = {(request, position): rest for request, position, *rest in calls}
        return {
            "people": [link_person(*row) for row in self.listings.find_people(text)],
            "objects": [[PageLink(f"/objects/{number}", object_id), type_id] for number, object_id, type_id in objects],
            "events": [[link_query("/events", "name", name), count] for name, count in events],
            "calls": [
                {
                    "request": call.request,
                    "times_received": found[call.request, call.position][0],
                    "person": found[call.request, call.position][1],
                    "fields": call.fields,
                }
                for call in self._calls.read(list(found))
            ],
            "problems": ListingPage(
                ("Reason", "Request", "Item", "Message id"),
                [
                    [reason, link_request(request), item, message_id]
                    for reason, request, item, message_id, _ in problems
                ],
                0,
                problems[0][4] if problems else 0,
            ),
        }
