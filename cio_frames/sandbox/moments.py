"""When a call says that it happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cio_frames.sandbox.assumptions import Assumed


def moment(fields: Mapping[str, Any], received_at: str, assumed: Assumed) -> tuple[str, float]:
    """Return when a call says that it happened, and as seconds; absent, it is the time of receipt.

    >>> moment({"timestamp": "1970-01-01T01:00:00"}, "2024-05-01T10:00:00Z", Assumed())
    ('1970-01-01T01:00:00', 3600.0)
    """
    at = fields.get("timestamp", received_at)
    seconds = seconds_of(at)
    if assumed.future_times == "clamp" and seconds > (received := seconds_of(received_at)):
        return received_at, received
    return at, seconds


def seconds_of(at: str) -> float:
    """Return a checked ISO 8601 text as unix seconds; without a zone it is UTC.

    >>> seconds_of("1970-01-01T01:00:00+01:00")
    0.0
    """
    found = datetime.fromisoformat(at)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
