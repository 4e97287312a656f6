"""Who is who: people, their ids, their traits, and how two of them become one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from cio_frames.sandbox.assumptions import Assumed

TABLES = """
CREATE TABLE IF NOT EXISTS people (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT UNIQUE,
    email TEXT UNIQUE,
    anonymous_id TEXT,
    is_visitor INTEGER NOT NULL,
    traits TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS anonymous (
    anonymous_id TEXT PRIMARY KEY,
    person INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS anonymous_person ON anonymous (person);
"""
# "RFC 5322" in the vendor's words; this much of it tells an email from an id.
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CIO = "cio_"
_CIO_NUMBER = re.compile(r"[0-9a-f]{8,15}")
_REMEMBERED = 200_000
# What identify says of an object, and is no trait of the person.
_NOT_TRAITS = ("objectTypeId", "object_type_id", "relationshipAttributes")


class Key(NamedTuple):
    """What a call knows a person by: ``id``, ``email``, ``cio`` or ``anonymous``, and the value."""

    kind: str
    value: str


def cio_id(number: int) -> str:
    """Return the id that Customer.io would give to a person, to be sent as a user id.

    >>> cio_id(7)
    'cio_00000007'
    """
    return f"{_CIO}{number:08x}"


def number_of(value: str) -> int | None:
    """Return the number behind a ``cio_`` id without its beginning, None for what is none.

    >>> number_of("0000000a"), number_of("ada")
    (10, None)
    """
    return int(value, 16) if _CIO_NUMBER.fullmatch(value) else None


def key_of(user_id: str) -> Key:
    """Return what a user id is: emails are told from ids by their looks, and case does not count in them.

    >>> key_of("Ada@Example.test"), key_of("cio_00000007").kind, key_of("ada").kind
    (Key(kind='email', value='ada@example.test'), 'cio', 'id')
    """
    if user_id.startswith(_CIO):
        return Key("cio", user_id.removeprefix(_CIO))
    if "@" in user_id and _EMAIL.fullmatch(user_id):
        return Key("email", user_id.casefold())
    return Key("id", user_id)


def key_of_call(call: Mapping[str, Any]) -> Key | None:
    """Return whom a call is about: by user id, or else, in identify, by email, or else by anonymous id.

    >>> key_of_call({"type": "track", "userId": None, "anonymousId": "a"})
    Key(kind='anonymous', value='a')
    """
    if user_id := call.get("userId"):
        return key_of(user_id)
    if call["type"] == "identify" and (email := email_of(call.get("traits") or {})):
        return Key("email", email)
    anonymous_id = call.get("anonymousId")
    return Key("anonymous", anonymous_id) if anonymous_id else None


def email_of(traits: Mapping[str, Any]) -> str | None:
    """Return the email among traits as people are found by it."""
    email = traits.get("email")
    return email.casefold() if isinstance(email, str) and _EMAIL.fullmatch(email) else None


def updated(old: Mapping[str, Any], news: Mapping[str, Any], *, erases: bool = True) -> dict[str, Any]:
    """Return attributes after an update: absent ones stay, null and "" erase.

    >>> updated({"plan": "free", "city": "Ulm"}, {"plan": "pro", "city": None})
    {'plan': 'pro'}
    """
    both = {**old, **news}
    return {name: value for name, value in both.items() if not (erases and (value is None or value == ""))}


class People:
    """The people of a sandbox; everything within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, assumed: Assumed) -> None:
        self._db = connection
        self._erases = assumed.null_traits == "erase"
        self._may_change_email = assumed.email_changes == "allow"
        self._makes_people = assumed.unknown_people == "make"
        self._found: dict[Key, int] = {}

    def forget(self) -> None:
        """Look everyone up anew, since ids have changed hands."""
        self._found.clear()

    def find(self, key: Key) -> int | None:
        """Return the number of a person."""
        found = self._found.get(key)
        if found is None:
            found = self._looked_up(key)
            if found is not None:
                if len(self._found) >= _REMEMBERED:
                    self._found.clear()
                self._found[key] = found
        return found

    def _looked_up(self, key: Key) -> int | None:
        value: object = key.value
        if key.kind == "cio":
            value = number_of(key.value)
        row = self._db.execute(_QUERIES[key.kind], (value,)).fetchone()
        return None if row is None else int(row[0])

    def met(self, key: Key, anonymous_id: str | None) -> int | None:
        """Return the person whom a call is about, made where unknown; None where nobody may be made."""
        number = self.find(key)
        if number is not None:
            return number
        if key.kind == "cio" or (key.kind != "anonymous" and not self._makes_people):
            return None
        return self._made(key, anonymous_id)

    def _made(self, key: Key, anonymous_id: str | None) -> int:
        is_visitor = key.kind == "anonymous"
        number = self._db.execute(
            "INSERT INTO people (id, email, anonymous_id, is_visitor, traits) VALUES (?, ?, ?, ?, '{}')",
            (
                key.value if key.kind == "id" else None,
                key.value if key.kind == "email" else None,
                key.value if is_visitor else anonymous_id,
                is_visitor,
            ),
        ).lastrowid
        if is_visitor:
            self._db.execute("INSERT INTO anonymous VALUES (?, ?)", (key.value, number))
        return int(number or 0)

    def identify(self, key: Key, traits: Mapping[str, Any]) -> tuple[int | None, str | None]:
        """Create or update a person; return their number and what of it was not done, if anything."""
        email, wanted_id = email_of(traits), traits.get("id")
        number = self.find(key)
        if number is None and key.kind == "id" and email:
            number = self._adopted(key, Key("email", email))
        if number is None:
            if key.kind == "cio":
                return None, "nobody has this cio_ id"
            number = self._made(key, None)
        refused: dict[str, str] = {}
        if (
            key.kind in ("cio", "email")
            and isinstance(wanted_id, str)
            and wanted_id
            and (reason := self._give_id(number, wanted_id, is_sure=key.kind == "cio"))
        ):
            refused["id"] = reason
        if "email" in traits and (reason := self._give_email(number, email, is_sure=key.kind == "cio")):
            refused["email"] = reason
        # An id that was refused is not shown as a trait either.
        news = {name: value for name, value in traits.items() if name not in _NOT_TRAITS and name not in refused}
        if news:
            self._write(number, updated(self.traits(number), news, erases=self._erases))
        return number, "; ".join(refused.values()) or None

    def _adopted(self, key: Key, email: Key) -> int | None:
        """Give a new id to the person who has the email and no id yet."""
        number = self.find(email)
        if number is None or self.ids(number)[0] is not None:
            return None
        self._db.execute("UPDATE people SET id = ? WHERE number = ?", (key.value, number))
        return number

    def _give_email(self, number: int, email: str | None, *, is_sure: bool) -> str | None:
        """Give a person an email, or none; return why not, if not."""
        held = self.ids(number)[1]
        if held == email:
            return None
        if email is not None and self.find(Key("email", email)) is not None:
            return "the email is another person's, so it was not changed"
        if held is not None and not is_sure and not self._may_change_email:
            return "the person has another email, which only a cio_ id may change"
        if email is None and self.ids(number)[0] is None:
            return "the person has no other id, so the email was not erased"
        self._db.execute("UPDATE people SET email = ? WHERE number = ?", (email, number))
        self.forget()
        return None

    def _give_id(self, number: int, user_id: str, *, is_sure: bool) -> str | None:
        held = self.ids(number)[0]
        if held == user_id:
            return None
        if self.find(Key("id", user_id)) is not None:
            return "the id is another person's, so it was not changed"
        if held is not None and not is_sure:
            return "the person has another id, which only a cio_ id may change"
        self._db.execute("UPDATE people SET id = ? WHERE number = ?", (user_id, number))
        self.forget()
        return None

    def traits(self, number: int) -> dict[str, Any]:
        """Return a person's traits."""
        row = self._db.execute("SELECT traits FROM people WHERE number = ?", (number,)).fetchone()
        traits: dict[str, Any] = orjson.loads(row[0])
        return traits

    def _write(self, number: int, traits: Mapping[str, Any]) -> None:
        text = orjson.dumps(traits).decode()
        self._db.execute("UPDATE people SET traits = ? WHERE number = ?", (text, number))

    def ids(self, number: int) -> tuple[str | None, str | None]:
        """Return a person's id and email."""
        user_id, email = self._db.execute("SELECT id, email FROM people WHERE number = ?", (number,)).fetchone()
        return user_id, email

    def claim(self, anonymous_id: str, number: int) -> int:
        """Note that an anonymous id is a person's, unless it is somebody's; return whose it is."""
        owner = self.find(Key("anonymous", anonymous_id))
        if owner is None:
            self._db.execute("INSERT INTO anonymous VALUES (?, ?)", (anonymous_id, number))
            owner = number
        if owner == number or self.is_visitor(owner):
            self._db.execute("UPDATE people SET anonymous_id = ? WHERE number = ?", (anonymous_id, number))
        return owner

    def is_visitor(self, number: int) -> bool:
        """Tell whether somebody is known by an anonymous id alone."""
        return bool(self._db.execute("SELECT is_visitor FROM people WHERE number = ?", (number,)).fetchone()[0])

    def absorb(self, number: int, other: int) -> None:
        """Let one person have what another one had and they have not; the other one is gone."""
        mine, email = self.ids(number), self.ids(other)[1]
        # An id that the other one had and this one does not get is no trait either.
        lost = {name for name, value in zip(("id", "email"), mine, strict=True) if value is not None}
        theirs = {name: value for name, value in self.traits(other).items() if name not in lost}
        held = {name: value for name, value in self.traits(number).items() if value is not None and value != ""}
        self._write(number, theirs | held)
        self._db.execute("UPDATE anonymous SET person = ? WHERE person = ?", (number, other))
        self.remove(other)
        self._db.execute("UPDATE people SET email = coalesce(email, ?) WHERE number = ?", (email, number))

    def remove(self, number: int) -> None:
        """Delete a person, and the memory of their ids."""
        self._db.execute("DELETE FROM people WHERE number = ?", (number,))
        self._db.execute("DELETE FROM anonymous WHERE person = ?", (number,))
        self.forget()


_QUERIES = {
    "id": "SELECT number FROM people WHERE id = ?",
    "email": "SELECT number FROM people WHERE email = ?",
    "cio": "SELECT number FROM people WHERE number = ? AND NOT is_visitor",
    "anonymous": "SELECT person FROM anonymous WHERE anonymous_id = ?",
}
