"""What people have: devices, and relationships to objects."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any

import orjson

from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.people import updated

TABLES = """
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
_FIRST_TYPE = "1"
# Customer.io counts the types of a workspace up from 1, so this is more than enough.
_TYPE_ID = re.compile(r"[0-9]{1,18}")
_NO_TYPE = "the object type is neither an integer nor a string of digits"
_NOT_ATTRIBUTES = ("object_type_id", "objectTypeId", "objectId", "relationshipAttributes", "objectAttributes")


def object_type_id(bag: Mapping[str, Any]) -> str | None:
    """Return the id of an object's type, snake case before camel case, 1 where it is absent, None where it is none.

    >>> object_type_id({"objectTypeId": 2}), object_type_id({}), object_type_id({"objectTypeId": "x"})
    ('2', '1', None)
    """
    given = (bag.get(name) for name in ("object_type_id", "objectTypeId"))
    found = next((value for value in given if value is not None and value != ""), _FIRST_TYPE)
    # JSON does not tell 2.0 from 2, and frames with gaps make floats of integers.
    text = f"{found:.0f}" if isinstance(found, float) and found.is_integer() else str(found)
    return text if _TYPE_ID.fullmatch(text) else None


class Belongings:
    """The devices, objects and relationships of a sandbox; everything within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, assumed: Assumed) -> None:
        self._db = connection
        self._is_nested = assumed.object_traits == "nested"

    def add_device(self, person: int, call: Mapping[str, Any], at: str) -> str | None:
        """Add or update a device; return why not, if not."""
        token, platform = _device(call)
        if token is None:
            return "context.device.token is missing"
        if platform is None:
            return "context.device.type is missing"
        attributes = dict(call.get("properties") or {})
        app = (call.get("context") or {}).get("app")
        if isinstance(app, dict) and app.get("version") is not None:
            attributes["app_version"] = app["version"]
        row = self._db.execute(
            "SELECT attributes FROM devices WHERE person = ? AND token = ?", (person, token)
        ).fetchone()
        both = updated(orjson.loads(row[0]) if row else {}, attributes)
        self._db.execute(
            "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?)", (person, token, platform, at, _text(both))
        )
        return None

    def delete_device(self, person: int, call: Mapping[str, Any]) -> str | None:
        """Take a device away; return why not, if not."""
        token, _ = _device(call)
        if token is None:
            return "context.device.token is missing"
        done = self._db.execute("DELETE FROM devices WHERE person = ? AND token = ?", (person, token))
        return None if done.rowcount else "the person has no device with this token"

    def group(self, call: Mapping[str, Any]) -> tuple[int | None, str | None]:
        """Create or update the object of a group call; return its number, or why there is none."""
        traits = call.get("traits") or {}
        type_id = object_type_id(traits)
        if type_id is None:
            return None, _NO_TYPE
        if self._is_nested:
            nested = traits.get("objectAttributes")
            news = nested if isinstance(nested, dict) else {}
        else:
            news = {name: value for name, value in traits.items() if name not in _NOT_ATTRIBUTES}
        return self._object(type_id, call["groupId"], news), None

    def relate_by_trait(self, person: int, traits: Mapping[str, Any]) -> str | None:
        """Make the relationship that an identify call's ``objectId`` asks for; return why not, if not."""
        object_id = traits.get("objectId")
        if not isinstance(object_id, str) or not object_id:
            return None
        type_id = object_type_id(traits)
        if type_id is None:
            return _NO_TYPE
        self.relate(person, self._object(type_id, object_id, {}), traits)
        return None

    def _object(self, type_id: str, object_id: str, news: Mapping[str, Any]) -> int:
        row = self._db.execute(
            "SELECT number, attributes FROM objects WHERE type_id = ? AND object_id = ?", (type_id, object_id)
        ).fetchone()
        if row is None:
            made = self._db.execute(
                "INSERT INTO objects (type_id, object_id, attributes) VALUES (?, ?, ?)",
                (type_id, object_id, _text(updated({}, news))),
            )
            return int(made.lastrowid or 0)
        if news:
            attributes = _text(updated(orjson.loads(row[1]), news))
            self._db.execute("UPDATE objects SET attributes = ? WHERE number = ?", (attributes, row[0]))
        return int(row[0])

    def relate(self, person: int, number: int, traits: Mapping[str, Any]) -> None:
        """Create or update a person's relationship to an object."""
        news = traits.get("relationshipAttributes")
        row = self._db.execute(
            "SELECT attributes FROM relationships WHERE object = ? AND person = ?", (number, person)
        ).fetchone()
        both = updated(orjson.loads(row[0]) if row else {}, news if isinstance(news, dict) else {})
        self._db.execute("INSERT OR REPLACE INTO relationships VALUES (?, ?, ?)", (number, person, _text(both)))

    def delete_object(self, bag: Mapping[str, Any]) -> str | None:
        """Delete an object and its relationships; return why not, if not."""
        number = self._number(bag)
        if number is None:
            return "there is no such object"
        self._db.execute("DELETE FROM relationships WHERE object = ?", (number,))
        self._db.execute("DELETE FROM objects WHERE number = ?", (number,))
        return None

    def delete_relationship(self, person: int, bag: Mapping[str, Any]) -> str | None:
        """Delete a person's relationship to an object; return why not, if not."""
        done = self._db.execute(
            "DELETE FROM relationships WHERE object = ? AND person = ?", (self._number(bag), person)
        )
        return None if done.rowcount else "there is no such relationship"

    def _number(self, bag: Mapping[str, Any]) -> int | None:
        object_id = bag.get("objectId")
        if not isinstance(object_id, str):
            return None
        row = self._db.execute(
            "SELECT number FROM objects WHERE type_id = ? AND object_id = ?", (object_type_id(bag), object_id)
        ).fetchone()
        return None if row is None else int(row[0])

    def hand_over(self, old: int, new: int) -> None:
        """Give one person's devices and relationships to another, who keeps their own where both have one."""
        for table in ("devices", "relationships"):
            self._db.execute(f"UPDATE OR IGNORE {table} SET person = ? WHERE person = ?", (new, old))  # noqa: S608
        self.drop(old)

    def drop(self, person: int) -> None:
        """Delete what a person has."""
        for table in ("devices", "relationships"):
            self._db.execute(f"DELETE FROM {table} WHERE person = ?", (person,))  # noqa: S608 -- one of two words


def _device(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return token and type of the device in a call's context."""
    device = (call.get("context") or {}).get("device")
    found = [device.get(name) for name in ("token", "type")] if isinstance(device, dict) else [None, None]
    token, platform = (value if isinstance(value, str) and value else None for value in found)
    return token, platform


def _text(attributes: Mapping[str, Any]) -> str:
    return orjson.dumps(attributes).decode()
