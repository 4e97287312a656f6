"""The API's names for the fields of a call: their one home in the sandbox, apart from the encoder's."""

from __future__ import annotations

from typing import Final


class WireField:
    """Names in the JSON of a call, a batch, or one of their objects."""

    TYPE: Final = "type"
    MESSAGE_ID: Final = "messageId"
    USER_ID: Final = "userId"
    ANONYMOUS_ID: Final = "anonymousId"
    PREVIOUS_ID: Final = "previousId"
    GROUP_ID: Final = "groupId"
    EVENT: Final = "event"
    NAME: Final = "name"
    TIMESTAMP: Final = "timestamp"
    TRAITS: Final = "traits"
    PROPERTIES: Final = "properties"
    CONTEXT: Final = "context"
    INTEGRATIONS: Final = "integrations"
    SENT_AT: Final = "sentAt"
    ORIGINAL_TIMESTAMP: Final = "originalTimestamp"
    # A batch.
    BATCH: Final = "batch"
    WRITE_KEY: Final = "writeKey"
    # Traits and properties with a meaning.
    EMAIL: Final = "email"
    PERSON_ID: Final = "id"
    OBJECT_ID: Final = "objectId"
    RELATIONSHIP_ATTRIBUTES: Final = "relationshipAttributes"
    OBJECT_ATTRIBUTES: Final = "objectAttributes"
    # The context.
    DEVICE: Final = "device"
    DEVICE_TOKEN: Final = "token"  # noqa: S105 -- a name
    DEVICE_TYPE: Final = "type"
    APP: Final = "app"
    APP_VERSION: Final = "version"


# The order in which one reads a call; a test compares them with the spec.
ENVELOPE_FIELDS = (
    WireField.TYPE,
    WireField.MESSAGE_ID,
    WireField.USER_ID,
    WireField.ANONYMOUS_ID,
    WireField.PREVIOUS_ID,
    WireField.GROUP_ID,
    WireField.EVENT,
    WireField.NAME,
    WireField.TIMESTAMP,
    WireField.TRAITS,
    WireField.PROPERTIES,
    WireField.CONTEXT,
    WireField.INTEGRATIONS,
    WireField.SENT_AT,
    WireField.ORIGINAL_TIMESTAMP,
)
CALL_ID_FIELDS = (WireField.USER_ID, WireField.ANONYMOUS_ID, WireField.PREVIOUS_ID, WireField.GROUP_ID)
# Where both names are present, the first one counts.
OBJECT_TYPE_ID_NAMES = ("object_type_id", "objectTypeId")
CREATED_AT_NAMES = ("created_at", "createdAt")
# Names of identifiers, which are never plain traits; the email is an identifier and a trait.
RESERVED_TRAITS = (WireField.PERSON_ID, "cio_id", "anonymous_id")
