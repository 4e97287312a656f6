"""The time at which a call says that it happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.wire import WireField


def event_time(fields: Mapping[str, Any], received_at: str, assumptions: Assumptions) -> tuple[str, float]:
    """Return the time of a call as text and as unix seconds. Default is the time of receipt.

    >>> event_time({"timestamp": "1970-01-01T01:00:00"}, "2024-05-01T10:00:00Z", Assumptions())
    ('1970-01-01T01:00:00', 3600.0)
    """
    occurred_at = fields.get(WireField.TIMESTAMP, received_at)
    seconds = unix_seconds(occurred_at)
    if assumptions.future_times == "clamp" and seconds > (received := unix_seconds(received_at)):
        return received_at, received
    return occurred_at, seconds


def unix_seconds(text: str) -> float:
    """Return a valid ISO 8601 text as unix seconds; without a time zone it is UTC.

    >>> unix_seconds("1970-01-01T01:00:00+01:00")
    0.0
    """
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
