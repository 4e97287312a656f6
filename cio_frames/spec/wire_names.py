"""Names of fields on the wire (camelCase) and in Python (snake_case)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TYPE = "type"
USER_ID = "userId"
ANONYMOUS_ID = "anonymousId"
PREVIOUS_ID = "previousId"
GROUP_ID = "groupId"
OBJECT_ID = "objectId"
MESSAGE_ID = "messageId"
EVENT = "event"
TIMESTAMP = "timestamp"

# Envelope fields that a parameter can name a column for.
WIRE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "user_id": USER_ID,
        "anonymous_id": ANONYMOUS_ID,
        "previous_id": PREVIOUS_ID,
        "group_id": GROUP_ID,
        "event": EVENT,
        "name": "name",
        "timestamp": TIMESTAMP,
        "message_id": MESSAGE_ID,
        "context": "context",
        "integrations": "integrations",
    }
)
PYTHON_NAMES: Mapping[str, str] = MappingProxyType({wire: name for name, wire in WIRE_NAMES.items()})
