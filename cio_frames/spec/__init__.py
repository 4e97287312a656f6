"""What the Customer.io Pipelines API is, read once from ``schemas/``.

``api`` holds calls, semantic events and limits; ``fields`` reads the fields of one file; ``yaml_file`` reports mistakes
with their line; ``tracking_plan`` is a user's own plan on top; ``drift`` compares with the vendor's OpenAPI file.
"""

from cio_frames.spec.api import (
    CALL_NAMES,
    PYTHON_NAMES,
    WIRE_NAMES,
    AcceptedDifferences,
    Api,
    Call,
    CallName,
    Event,
    accepted_differences,
    calls,
    events_by_any_name,
    events_in,
    read_api,
    semantic_event,
    semantic_events,
)
from cio_frames.spec.fields import Field

__all__ = [
    "CALL_NAMES",
    "PYTHON_NAMES",
    "WIRE_NAMES",
    "AcceptedDifferences",
    "Api",
    "Call",
    "CallName",
    "Event",
    "Field",
    "accepted_differences",
    "calls",
    "events_by_any_name",
    "events_in",
    "read_api",
    "semantic_event",
    "semantic_events",
]
