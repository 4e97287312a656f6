"""Queries of accepted calls, which the log keeps by request. No HTML, no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import orjson

from cio_frames.sandbox.store import Store
from cio_frames.sandbox.wire import WireField


class LoggedCall(NamedTuple):
    """A call, its request, its position among the request's accepted calls, and the time of receipt."""

    request: int
    position: int
    received_at: str
    fields: dict[str, Any]


class CallQueries:
    """Reads the accepted calls of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, start: tuple[int, int], kind: str | None, limit: int) -> list[LoggedCall]:
        """Return the newest calls before a request and position, of a kind if there is one."""
        found: list[LoggedCall] = []
        last = start[0]
        while len(found) < limit and (requests := self._find_requests(last, kind, limit - len(found))):
            older = (call for call in self._parse_requests(requests, kind) if (call.request, call.position) < start)
            found += islice(older, limit - len(found))
            last = requests[-1] - 1
        return found

    def _find_requests(self, last: int, kind: str | None, limit: int) -> list[int]:
        """Return the newest requests up to one, as few as have enough calls, but one at least."""
        query = (
            "SELECT request, sum(count) FROM call_counts WHERE request <= ? AND (type = ? OR ? IS NULL) "
            "GROUP BY request ORDER BY request DESC LIMIT ?"
        )
        requests: list[int] = []
        for request, count in self._store.read(query, (last, kind, kind, limit)):
            requests.append(request)
            limit -= count
            if limit <= 0:
                break
        return requests

    def count(self, kind: str | None) -> int:
        """Return the number of calls, of a kind if there is one."""
        query = "SELECT coalesce(sum(count), 0) FROM totals WHERE kind = 'call' AND (name = ? OR ? IS NULL)"
        return int(self._store.read(query, (kind, kind))[0][0])

    def count_from(self, start: tuple[int, int], kind: str | None) -> int:
        """Return the number of calls at a request and position or later."""
        request, position = start
        query = "SELECT coalesce(sum(count), 0) FROM call_counts WHERE request > ? AND (type = ? OR ? IS NULL)"
        later = int(self._store.read(query, (request, kind, kind))[0][0])
        return later + sum(call.position >= position for call in self._parse_requests([request], kind))

    def read(self, positions: list[tuple[int, int]]) -> list[LoggedCall]:
        """Return the calls at requests and positions, in that order."""
        lines = self._read_lines(sorted({request for request, _ in positions}))
        return [
            LoggedCall(request, position, lines[request][0], orjson.loads(lines[request][1][position]))
            for request, position in positions
            # A sandbox that is cleared meanwhile has no such call.
            if request in lines and position < len(lines[request][1])
        ]

    def read_request(self, request: int, first: int, limit: int) -> tuple[int, list[tuple[int, dict[str, Any]]]]:
        """Return how many calls of a request were accepted, and some of them with their items."""
        rows = self._store.read("SELECT payloads, items FROM calls WHERE request = ?", (request,))
        if not rows:
            return 0, []
        lines = rows[0][0].split(b"\n")
        items = orjson.loads(rows[0][1]) if rows[0][1] else range(len(lines))
        selected = slice(first, first + limit)
        return len(lines), [
            (item, orjson.loads(line)) for item, line in zip(items[selected], lines[selected], strict=True)
        ]

    def _parse_requests(self, requests: list[int], kind: str | None) -> Iterator[LoggedCall]:
        """Yield the calls of requests, the newest first."""
        for request, (received_at, lines) in reversed(self._read_lines(sorted(requests)).items()):
            for position in reversed(range(len(lines))):
                fields = orjson.loads(lines[position])
                if kind is None or fields[WireField.TYPE] == kind:
                    yield LoggedCall(request, position, received_at, fields)

    def _read_lines(self, requests: list[int]) -> dict[int, tuple[str, list[bytes]]]:
        """Return time of receipt and calls of each request, by number."""
        return {
            request: (received_at, payloads.split(b"\n"))
            for request, received_at, payloads in self._store.read(
                "SELECT request, received_at, payloads FROM calls JOIN requests ON number = request "
                "WHERE request IN (SELECT value FROM json_each(?)) ORDER BY request",
                (orjson.dumps(requests).decode(),),
            )
        }
