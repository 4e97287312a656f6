"""All checks by name, with their sentences.

The name is what ``failure_cases["check"]`` and ``summary()["check"]`` hold, and never changes; a user's own pandera
check keeps pandera's name for it. A reason is the sentence, or the same with the limit, the type found or a remedy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from cio_frames.encoding.encode_error import ENCODE_CHECKS

CHECKS: Mapping[str, str] = MappingProxyType(
    {
        **ENCODE_CHECKS,
        "array": "must be a list",
        "boolean": "must be true or false",
        "bounds": "must be within its limits",
        "column_in_dataframe": "required column is missing",
        "dtype": "not valid as the dtype of the schema",
        "email": "must be an email address",
        "enum": "must be one of the allowed values",
        "field_uniqueness": "value occurs more than once and must be unique",
        "float_digits": "float of 2**53 or more: as an integer it had more digits; read the column as Int64 or as text",
        "index_name": "is not a column, so it is not sent; make it one with .reset_index()",
        "integer": "must be a whole number",
        "journeys_attributes": "call has more attributes than Journeys keeps",
        "journeys_bytes": "text is longer than Journeys keeps",
        "journeys_event_bytes": "properties are larger than Journeys keeps",
        "journeys_name_bytes": "attribute name is longer than Journeys keeps",
        "max_call_bytes": "call is larger than the limit",
        "members": "a value inside is invalid",
        "misspelled_name": "name is similar to a known one",
        "multiple_fields_uniqueness": "combination of values occurs more than once and must be unique",
        "no_ulid": "not a ULID; Journeys may keep this event twice if a batch is sent again",
        "number": "must be a number",
        "object": "must be an object (dict)",
        "repeated_message_id": "duplicate ULID; Journeys ignores an event with the id of an earlier row",
        "type": "must be one of the six calls",
        "unknown_event": "not a known event",
        "unknown_property": "not a known property",
        "uri": "must be a URI with a scheme, such as https://",
    }
)
NO_ULID = "no_ulid"


def check_name(pandera_name: str) -> str:
    """Return pandera's name of a check as a snake_case identifier.

    >>> check_name("greater_than"), check_name("<lambda>"), check_name("coerce_dtype('int64')"), check_name("isRound")
    ('greater_than', 'lambda', 'dtype', 'is_round')
    """
    # pandera appends arguments, and names a failed conversion after the dtype as well.
    name = re.sub(r"\(.*", "", pandera_name, flags=re.S)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    name = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")
    return "dtype" if name == "coerce_dtype" else name or "check"
