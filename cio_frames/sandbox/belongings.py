"""What people have: devices, and relationships to objects."""

from __future__ import annotations

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
_NOT_ATTRIBUTES = ("object_type_id", "objectTypeId", "objectId", "relationshipAttributes", "objectAttributes")


def object_type_id(bag: Mapping[str, Any]) -> str:
    """Return the id of an object's type, snake case before camel case, and 1 where there is none.

    >>> object_type_id({"objectTypeId": 2}), object_type_id({})
    ('2', '1')
    """
    found = bag.get("object_type_id", bag.get("objectTypeId"))
    return _FIRST_TYPE if found is None or isinstance(found, (dict, list)) or found == "" else str(found)


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

    def group(self, call: Mapping[str, Any]) -> int:
        """Create or update the object of a group call; return its number."""
        traits = call.get("traits") or {}
        if self._is_nested:
            nested = traits.get("objectAttributes")
            news = nested if isinstance(nested, dict) else {}
        else:
            news = {name: value for name, value in traits.items() if name not in _NOT_ATTRIBUTES}
        return self._object(object_type_id(traits), call["groupId"], news)

    def relate_by_trait(self, person: int, traits: Mapping[str, Any]) -> None:
        """Make the relationship that an identify call's ``objectId`` asks for."""
        object_id = traits.get("objectId")
        if isinstance(object_id, str) and object_id:
            self.relate(person, self._object(object_type_id(traits), object_id, {}), traits)

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
