"""Requests and bytes per second, for the charts of the overview."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime

from cio_frames.sandbox.store import Store

TRAFFIC_SECONDS = 60


def read_traffic(store: Store, now: int) -> list[tuple[int, int]]:
    """Return requests and bytes of each of the last seconds, the oldest first, without the current one.

    >>> set(read_traffic(Store(), now=1_700_000_000))
    {(0, 0)}
    """
    start = now - TRAFFIC_SECONDS + 1
    first_text = datetime.fromtimestamp(start, UTC).isoformat()

    def received_at(number: int) -> str:
        rows = store.read("SELECT received_at FROM requests WHERE number = ?", (number,))
        return str(rows[0][0]) if rows else ""

    # Numbers are in order of receipt, so that a table of millions needs no index of times.
    first = bisect_left(range(store.next_number), first_text, key=received_at)
    query = (
        "SELECT CAST(strftime('%s', received_at) AS INTEGER) AS second, count(*), sum(bytes) "
        "FROM requests WHERE number >= ? GROUP BY second"
    )
    found = {second: (requests, size) for second, requests, size in store.read(query, (first,))}
    return [found.get(second, (0, 0)) for second in range(start, now)]
