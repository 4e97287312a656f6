"""Which subject a row is about: its id as it goes out, as text and never hashed."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from cio_frames.arrow.buffers import TEXT
from cio_frames.columns import Path
from cio_frames.encoding.text import JsonText, escape_json, join, unescape_json

# What Customer.io takes for an email address, which it knows in any case of letters.
_EMAIL_SHAPE = r"^[^@\s]+@[^@\s]+$"
_USER, _ANONYMOUS = "u:", "a:"
_NO_PERSON = pa.scalar("", TEXT)
_USUAL_OBJECT_TYPE = "1"
_OBJECT_TYPE_PATHS = (("traits", "objectTypeId"), ("traits", "object_type_id"))


def person_subjects(texts: Mapping[Path, JsonText], rows: int) -> pa.Array:
    """Return the subject of each identify: the user id, else the anonymous id; null where a row has neither.

    >>> users, strangers = (JsonText(pa.array(ids, TEXT)) for ids in (["Ada@Example.com", None], ["x", "y"]))
    >>> ids = {("userId",): users, ("anonymousId",): strangers}
    >>> person_subjects(ids, 2).to_pylist()
    ['u:ada@example.com', 'a:y']
    """
    users, strangers = (_ids(texts, (wire,), rows) for wire in ("userId", "anonymousId"))
    return pc.coalesce(join([_USER, _folded(users)]), join([_ANONYMOUS, strangers]))


def group_subjects(texts: Mapping[Path, JsonText], rows: int) -> pa.Array:
    """Return the subject of each group call, as JSON: object type, object id, and the person.

    >>> ids = {("groupId",): JsonText(pa.array(["acme"], TEXT)), ("userId",): JsonText(pa.array(["ada"], TEXT))}
    >>> group_subjects(ids, 1).to_pylist()
    ['["1","acme","u:ada"]']
    """
    types = next((_ids(texts, path, rows) for path in _OBJECT_TYPE_PATHS if path in texts), pa.nulls(rows, TEXT))
    types = pc.fill_null(types, _USUAL_OBJECT_TYPE)
    people = pc.coalesce(person_subjects(texts, rows), _NO_PERSON)
    parts = (escape_json(part) for part in (types, _ids(texts, ("groupId",), rows), people))
    first, second, third = parts
    return join(['["', first, '","', second, '","', third, '"]'])


def person_of(subject: str) -> tuple[str, str]:
    """Return the wire name and the id of a person's subject.

    >>> person_of("u:ada")
    ('userId', 'ada')
    """
    return ("userId" if subject.startswith(_USER) else "anonymousId"), subject[len(_USER) :]


def _ids(texts: Mapping[Path, JsonText], path: Path, rows: int) -> pa.Array:
    return unescape_json(texts[path].values) if path in texts else pa.nulls(rows, TEXT)


def _folded(ids: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring(ids, "@")).as_py():
        return ids
    email = pc.fill_null(pc.match_substring_regex(ids, _EMAIL_SHAPE), False)
    return pc.if_else(email, pc.utf8_lower(ids), ids)
