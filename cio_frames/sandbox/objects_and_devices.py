"""Devices of people, objects, and relationships between people and objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.people import update_attributes
from cio_frames.sandbox.wire import OBJECT_TYPE_ID_NAMES, WireField

if TYPE_CHECKING:
    import sqlite3

OBJECT_TABLES = """
CREATE TABLE IF NOT EXISTS devices (
    person INTEGER NOT NULL,
    token TEXT NOT NULL,
    platform TEXT,
    last_used TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (person, token)
);
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY,
    type_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (type_id, object_id)
);
CREATE TABLE IF NOT EXISTS relationships (
    object INTEGER NOT NULL,
    person INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (object, person)
);
CREATE INDEX IF NOT EXISTS relationships_person ON relationships (person);
"""
_DEFAULT_OBJECT_TYPE = "1"
# Customer.io numbers the types of a workspace from 1, so 18 digits are enough.
_OBJECT_TYPE_PATTERN = re.compile(r"[0-9]{1,18}")
_INVALID_OBJECT_TYPE = "object type must be an integer or a string of digits"
_MISSING_TOKEN = "context.device.token: required value is missing"  # noqa: S105 -- a reason
# Traits of a group call that are not attributes of the object.
_RESERVED_GROUP_TRAITS = (
    *OBJECT_TYPE_ID_NAMES,
    WireField.OBJECT_ID,
    WireField.RELATIONSHIP_ATTRIBUTES,
    WireField.OBJECT_ATTRIBUTES,
)


def read_object_type(properties: Mapping[str, Any]) -> str | None:
    """Return the id of an object's type, snake case before camel case. Default is 1; None if it is not valid.

    >>> read_object_type({"objectTypeId": 2}), read_object_type({}), read_object_type({"objectTypeId": "x"})
    ('2', '1', None)
    """
    given = (properties.get(name) for name in OBJECT_TYPE_ID_NAMES)
    found = next((value for value in given if value is not None and value != ""), _DEFAULT_OBJECT_TYPE)
    # JSON does not distinguish 2.0 from 2, and a frame with gaps turns integers into floats.
    text = f"{found:.0f}" if isinstance(found, float) and found.is_integer() else str(found)
    return text if _OBJECT_TYPE_PATTERN.fullmatch(text) else None


class ObjectsAndDevices:
    """The devices, objects and relationships of a sandbox, within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, assumptions: Assumptions) -> None:
        self._db = connection
        self._is_nested = assumptions.object_traits == "nested"

    def add_device(self, person: int, call: Mapping[str, Any], last_used: str) -> str | None:
        """Add or update a device; return the reason if that is not possible."""
        token, platform = _read_device(call)
        if token is None:
            return _MISSING_TOKEN
        if platform is None:
            return "context.device.type: required value is missing"
        attributes = dict(call.get(WireField.PROPERTIES) or {})
        app = (call.get(WireField.CONTEXT) or {}).get(WireField.APP)
        if isinstance(app, dict) and app.get(WireField.APP_VERSION) is not None:
            attributes["app_version"] = app[WireField.APP_VERSION]
        row = self._db.execute(
            "SELECT attributes FROM devices WHERE person = ? AND token = ?", (person, token)
        ).fetchone()
        merged = update_attributes(orjson.loads(row[0]) if row else {}, attributes)
        self._db.execute(
            "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?)",
            (person, token, platform, last_used, _dump_attributes(merged)),
        )
        return None

    def delete_device(self, person: int, call: Mapping[str, Any]) -> str | None:
        """Delete a device; return the reason if it is not found."""
        token, _ = _read_device(call)
        if token is None:
            return _MISSING_TOKEN
        deleted = self._db.execute("DELETE FROM devices WHERE person = ? AND token = ?", (person, token))
        return None if deleted.rowcount else "device not found for this person"

    def group(self, call: Mapping[str, Any]) -> tuple[int | None, str | None]:
        """Create or update the object of a group call; return its number, or the reason if there is none."""
        traits = call.get(WireField.TRAITS) or {}
        type_id = read_object_type(traits)
        if type_id is None:
            return None, _INVALID_OBJECT_TYPE
        if self._is_nested:
            nested = traits.get(WireField.OBJECT_ATTRIBUTES)
            new = nested if isinstance(nested, dict) else {}
        else:
            new = {name: value for name, value in traits.items() if name not in _RESERVED_GROUP_TRAITS}
        return self._upsert_object(type_id, call[WireField.GROUP_ID], new), None

    def relate_by_trait(self, person: int, traits: Mapping[str, Any]) -> str | None:
        """Create the relationship that an identify call's ``objectId`` names; return the reason if that fails."""
        object_id = traits.get(WireField.OBJECT_ID)
        if not isinstance(object_id, str) or not object_id:
            return None
        type_id = read_object_type(traits)
        if type_id is None:
            return _INVALID_OBJECT_TYPE
        self.relate(person, self._upsert_object(type_id, object_id, {}), traits)
        return None

    def _upsert_object(self, type_id: str, object_id: str, new: Mapping[str, Any]) -> int:
        row = self._db.execute(
            "SELECT number, attributes FROM objects WHERE type_id = ? AND object_id = ?", (type_id, object_id)
        ).fetchone()
        if row is None:
            inserted = self._db.execute(
                "INSERT INTO objects (type_id, object_id, attributes) VALUES (?, ?, ?)",
                (type_id, object_id, _dump_attributes(update_attributes({}, new))),
            )
            return int(inserted.lastrowid or 0)
        if new:
            attributes = _dump_attributes(update_attributes(orjson.loads(row[1]), new))
            self._db.execute("UPDATE objects SET attributes = ? WHERE number = ?", (attributes, row[0]))
        return int(row[0])

    def relate(self, person: int, number: int, traits: Mapping[str, Any]) -> None:
        """Create or update a person's relationship to an object."""
        new = traits.get(WireField.RELATIONSHIP_ATTRIBUTES)
        row = self._db.execute(
            "SELECT attributes FROM relationships WHERE object = ? AND person = ?", (number, person)
        ).fetchone()
        merged = update_attributes(orjson.loads(row[0]) if row else {}, new if isinstance(new, dict) else {})
        self._db.execute(
            "INSERT OR REPLACE INTO relationships VALUES (?, ?, ?)", (number, person, _dump_attributes(merged))
        )

    def delete_object(self, properties: Mapping[str, Any]) -> str | None:
        """Delete an object and its relationships; return the reason if it is not found."""
        number = self._find_object(properties)
        if number is None:
            return "object not found"
        self._db.execute("DELETE FROM relationships WHERE object = ?", (number,))
        self._db.execute("DELETE FROM objects WHERE number = ?", (number,))
        return None

    def delete_relationship(self, person: int, properties: Mapping[str, Any]) -> str | None:
        """Delete a person's relationship to an object; return the reason if it is not found."""
        deleted = self._db.execute(
            "DELETE FROM relationships WHERE object = ? AND person = ?", (self._find_object(properties), person)
        )
        return None if deleted.rowcount else "relationship not found"

    def _find_object(self, properties: Mapping[str, Any]) -> int | None:
        object_id = properties.get(WireField.OBJECT_ID)
        if not isinstance(object_id, str):
            return None
        row = self._db.execute(
            "SELECT number FROM objects WHERE type_id = ? AND object_id = ?", (read_object_type(properties), object_id)
        ).fetchone()
        return None if row is None else int(row[0])

    def transfer(self, source: int, target: int) -> None:
        """Transfer one person's devices and relationships to another; where both have one, the target's stays."""
        for table in ("devices", "relationships"):
            self._db.execute(f"UPDATE OR IGNORE {table} SET person = ? WHERE person = ?", (target, source))  # noqa: S608
        self.delete_all(source)

    def delete_all(self, person: int) -> None:
        """Delete the devices and relationships of a person."""
        for table in ("devices", "relationships"):
            self._db.execute(f"DELETE FROM {table} WHERE person = ?", (person,))  # noqa: S608 -- one of two words


def _read_device(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return token and type of the device in a call's context."""
    device = (call.get(WireField.CONTEXT) or {}).get(WireField.DEVICE)
    names = (WireField.DEVICE_TOKEN, WireField.DEVICE_TYPE)
    values = [device.get(name) for name in names] if isinstance(device, dict) else [None, None]
    token, platform = (value if isinstance(value, str) and value else None for value in values)
    return token, platform


def _dump_attributes(attributes: Mapping[str, Any]) -> str:
    return orjson.dumps(attributes).decode()
