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
        "alias_circle": "ids are merged in a circle, and merging cannot be undone; keep one direction",
        "alias_itself": "both ids are the same, so there is nothing to merge",
        "array": "must be a list",
        "boolean": "must be true or false",
        "bounds": "must be within its limits",
        "column_in_dataframe": "required column is missing",
        "created_at": "not a time that Customer.io reads; it takes seconds since 1970, datetimes, or ISO 8601 text",
        "day_month_year": "text looks like day/month/year and stays text; convert it to datetimes or ISO 8601 text",
        "decimal_comma": "text looks like a number with a decimal comma and stays text; convert it to numbers",
        "dtype": "not valid as the dtype of the schema",
        "duplicate_people": "people have more than one row; the last row wins",
        "email": "must be an email address",
        "enum": "must be one of the allowed values",
        "email_of_two_ids": "emails have more than one id; Customer.io keeps one person for an email",
        "field_uniqueness": "value occurs more than once and must be unique",
        "id_forms": "id occurs in several forms, such as 1 and 001, which may be several people; use one form",
        "id_white_space": "id begins or ends with white space, and is another id than without; remove it",
        "id_word": "id is a word for a missing value, and all rows with it are one; replace it with null",
        "index_name": "the index has the name of a field, and an index is not sent; use .reset_index()",
        "integer": "must be a whole number",
        "journeys_attributes": "call has more attributes than Journeys keeps",
        "journeys_bytes": "text is longer than Journeys keeps",
        "journeys_event_bytes": "properties are larger than Journeys keeps",
        "journeys_name_bytes": "attribute name is longer than Journeys keeps",
        "max_call_bytes": "call is larger than the limit",
        "members": "a value inside is invalid",
        "misspelled_name": "name is similar to a known one",
        "mixed_types": "cells have several types, and are sent as such; convert the column to one type",
        "multiple_fields_uniqueness": "combination of values occurs more than once and must be unique",
        "no_ulid": "not a ULID; Journeys may keep this event twice if a batch is sent again",
        "null_text": "text is a database's word for a missing value, and is sent as text; replace it with null",
        "number": "must be a number",
        "object": "must be an object (dict)",
        "object_type": "not the number of an object type; Customer.io ignores the call",
        "private_name": "name begins with an underscore, and the column is sent; leave it out if it is internal",
        "repeated_message_id": "duplicate ULID; Journeys ignores an event with the id of an earlier row",
        "scientific_notation": "written as a number such as 4.9E+11, which has lost digits; export it as text",
        "reserved_trait": "name is reserved by Customer.io, which may ignore the trait; rename it or leave it out",
        "type": "must be one of the six calls",
        "unknown_event": "not a known event",
        "unknown_property": "not a known property",
        "unnamed_column": "name was made up by a program, and the column is sent; rename it or leave it out",
        "uri": "must be a URI with a scheme, such as https://",
    }
)
NO_ULID = "no_ulid"

# The sentences of checks that count people or emails, for one of them.
SOURCE_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "duplicate_people": "person has more than one row; the last row wins",
        "email_of_two_ids": "email has more than one id; Customer.io keeps one person for an email",
    }
)

# What several columns with one finding have in common; the sentence is that of one column.
COLUMN_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "created_at": "columns have times that Customer.io does not read",
        "day_month_year": "columns have text that looks like day/month/year and stays text",
        "decimal_comma": "columns have text that looks like numbers with a decimal comma and stays text",
        "index_name": "names of the index are names of fields, and an index is not sent; use .reset_index()",
        "journeys_name_bytes": "attribute names are longer than Journeys keeps",
        "misspelled_name": "columns become new traits and have similar names to known ones",
        "mixed_types": "columns have cells of several types, which are sent as such",
        "null_text": "columns have text that is a database's word for a missing value",
        "private_name": "columns begin with an underscore and are sent; leave them out if they are internal",
        "reserved_trait": "columns have names that Customer.io reserves, and may ignore as traits",
        "unknown_property": "columns are not known properties",
        "unnamed_column": "columns have names that a program made up, and are sent",
    }
)


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
