"""What the Customer.io Pipelines API is, read once from ``schemas/``.

``api`` holds calls, semantic events and limits; ``wire_names`` the names of fields; ``fields`` reads the fields of one
file; ``yaml_file`` reports errors with their line; ``tracking_plan`` is a user's own plan on top; ``openapi`` reads the
vendor's OpenAPI file, and ``drift`` compares with it.
"""

from cio_frames.spec.api import (
    CALL_NAMES,
    EVENT_CALLS,
    ULID_PATTERN,
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
from cio_frames.spec.wire_names import (
    ANONYMOUS_ID,
    EVENT,
    GROUP_ID,
    MESSAGE_ID,
    OBJECT_ID,
    PREVIOUS_ID,
    PYTHON_NAMES,
    TIMESTAMP,
    TYPE,
    USER_ID,
    WIRE_NAMES,
)

__all__ = [
    "ANONYMOUS_ID",
    "CALL_NAMES",
    "EVENT",
    "EVENT_CALLS",
    "GROUP_ID",
    "MESSAGE_ID",
    "OBJECT_ID",
    "PREVIOUS_ID",
    "PYTHON_NAMES",
    "TIMESTAMP",
    "TYPE",
    "ULID_PATTERN",
    "USER_ID",
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
