"""People: their ids, their traits, and how two of them become one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.wire import OBJECT_TYPE_ID_NAMES, RESERVED_TRAITS, WireField

if TYPE_CHECKING:
    import sqlite3

PEOPLE_TABLES = """
CREATE TABLE IF NOT EXISTS people (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT UNIQUE,
    email TEXT UNIQUE,
    anonymous_id TEXT,
    is_visitor INTEGER NOT NULL,
    traits TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS anonymous_ids (
    anonymous_id TEXT PRIMARY KEY,
    person INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS anonymous_ids_person ON anonymous_ids (person);
"""
# The vendor says "RFC 5322"; this part of it distinguishes an email from an id.
_EMAIL_PATTERN = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CIO_PREFIX = "cio_"
_CIO_NUMBER_PATTERN = re.compile(r"[0-9a-f]{8,15}")
PERSON_CACHE_SIZE = 200_000
# Traits of an identify call that describe an object or a relationship, not the person.
_OBJECT_TRAITS = (*OBJECT_TYPE_ID_NAMES, WireField.RELATIONSHIP_ATTRIBUTES)


class PersonKey(NamedTuple):
    """How a call identifies a person: ``id``, ``email``, ``cio`` or ``anonymous``, and the value."""

    kind: str
    value: str


def format_cio_id(number: int) -> str:
    """Return the id that Customer.io would assign to a person, which is sent as a user id.

    >>> format_cio_id(7)
    'cio_00000007'
    """
    return f"{_CIO_PREFIX}{number:08x}"


def parse_cio_number(value: str) -> int | None:
    """Return the number in a ``cio_`` id without its prefix, None if it is not valid.

    >>> parse_cio_number("0000000a"), parse_cio_number("ada")
    (10, None)
    """
    return int(value, 16) if _CIO_NUMBER_PATTERN.fullmatch(value) else None


def parse_person_key(user_id: str) -> PersonKey:
    """Return the kind and value of a user id. Emails are recognized by their form; their case is ignored.

    >>> parse_person_key("Ada@Example.test"), parse_person_key("cio_00000007").kind, parse_person_key("ada").kind
    (PersonKey(kind='email', value='ada@example.test'), 'cio', 'id')
    """
    if user_id.startswith(_CIO_PREFIX):
        return PersonKey("cio", user_id.removeprefix(_CIO_PREFIX))
    if "@" in user_id and _EMAIL_PATTERN.fullmatch(user_id):
        return PersonKey("email", user_id.casefold())
    return PersonKey("id", user_id)


def person_key_of_call(call: Mapping[str, Any]) -> PersonKey | None:
    """Return the person of a call: by user id, then (identify) by email, then by anonymous id.

    >>> person_key_of_call({"type": "track", "userId": None, "anonymousId": "a"})
    PersonKey(kind='anonymous', value='a')
    """
    if user_id := call.get(WireField.USER_ID):
        return parse_person_key(user_id)
    if call[WireField.TYPE] == "identify" and (email := read_email(call.get(WireField.TRAITS) or {})):
        return PersonKey("email", email)
    anonymous_id = call.get(WireField.ANONYMOUS_ID)
    return PersonKey("anonymous", anonymous_id) if anonymous_id else None


def read_email(traits: Mapping[str, Any]) -> str | None:
    """Return the email among traits in the form by which people are found."""
    email = traits.get(WireField.EMAIL)
    return email.casefold() if isinstance(email, str) and _EMAIL_PATTERN.fullmatch(email) else None


def update_attributes(old: Mapping[str, Any], new: Mapping[str, Any], *, erase: bool = True) -> dict[str, Any]:
    """Return attributes after an update: absent ones stay, null and "" remove.

    >>> update_attributes({"plan": "free", "city": "Ulm"}, {"plan": "pro", "city": None})
    {'plan': 'pro'}
    """
    merged = {**old, **new}
    return {name: value for name, value in merged.items() if not (erase and (value is None or value == ""))}


class People:
    """The people of a sandbox, within the caller's transaction.

    Parameters
    ----------
    connection
        The database.
    assumptions
        How undocumented behavior is decided.
    cache_size
        How many people are found without a query.
    """

    def __init__(
        self, connection: sqlite3.Connection, assumptions: Assumptions, *, cache_size: int = PERSON_CACHE_SIZE
    ) -> None:
        self._db = connection
        self._erases = assumptions.null_traits == "erase"
        self._allows_email_changes = assumptions.email_changes == "allow"
        self._creates_people = assumptions.unknown_people == "make"
        self._cache: dict[PersonKey, int] = {}
        self._cache_size = cache_size

    def clear_cache(self) -> None:
        """Look everyone up again, since ids have changed."""
        self._cache.clear()

    def find(self, key: PersonKey) -> int | None:
        """Return the number of a person."""
        number = self._cache.get(key)
        if number is None:
            number = self._query_number(key)
            if number is not None:
                if len(self._cache) >= self._cache_size:
                    self._cache.clear()
                self._cache[key] = number
        return number

    def _query_number(self, key: PersonKey) -> int | None:
        value: object = key.value
        if key.kind == "cio":
            value = parse_cio_number(key.value)
        row = self._db.execute(_NUMBER_QUERIES[key.kind], (value,)).fetchone()
        return None if row is None else int(row[0])

    def find_or_create(self, key: PersonKey, anonymous_id: str | None) -> int | None:
        """Return the person of a call, created if not found; None if the call cannot create a person."""
        number = self.find(key)
        if number is not None:
            return number
        if key.kind == "cio" or (key.kind != "anonymous" and not self._creates_people):
            return None
        return self._create(key, anonymous_id)

    def _create(self, key: PersonKey, anonymous_id: str | None) -> int:
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
            self._db.execute("INSERT INTO anonymous_ids VALUES (?, ?)", (key.value, number))
        return int(number or 0)

    def identify(self, key: PersonKey, traits: Mapping[str, Any]) -> tuple[int | None, str | None]:
        """Create or update a person; return their number, and the part of the call that was not applied."""
        email = read_email(traits)
        number = self.find(key)
        if number is None and key.kind == "id" and email:
            number = self._attach_id(key, PersonKey("email", email))
        if number is None:
            if key.kind == "cio":
                return None, "cio_ id not found"
            number = self._create(key, None)
        may_replace = key.kind == "cio"
        reasons = list(self._apply_reserved_traits(number, traits, may_replace=may_replace))
        left_out = {*_OBJECT_TRAITS, *RESERVED_TRAITS}
        if WireField.EMAIL in traits and (reason := self._set_email(number, email, may_replace=may_replace)):
            reasons.append(reason)
            # An email that was rejected is not a trait either.
            left_out.add(WireField.EMAIL)
        new = {name: value for name, value in traits.items() if name not in left_out}
        if new:
            self._write_traits(number, update_attributes(self.traits(number), new, erase=self._erases))
        return number, "; ".join(reasons) or None

    def _apply_reserved_traits(self, number: int, traits: Mapping[str, Any], *, may_replace: bool) -> Iterator[str]:
        """Set the id that the traits have; yield a reason for each reserved trait that was not applied."""
        for name in RESERVED_TRAITS:
            value = traits.get(name)
            if value is None or value == "":
                continue
            if name != WireField.PERSON_ID:
                yield f"trait {name} is reserved; it was ignored"
            elif not isinstance(value, str):
                yield f"trait {name} must be text; it was ignored"
            elif reason := self._set_id(number, value, may_replace=may_replace):
                yield reason

    def _attach_id(self, key: PersonKey, email: PersonKey) -> int | None:
        """Assign a new id to the person who has the email and no id yet."""
        number = self.find(email)
        if number is None or self.ids(number)[0] is not None:
            return None
        self._db.execute("UPDATE people SET id = ? WHERE number = ?", (key.value, number))
        return number

    def _set_email(self, number: int, email: str | None, *, may_replace: bool) -> str | None:
        """Set or remove a person's email; return the reason if it was not changed."""
        user_id, current = self.ids(number)
        if current == email:
            return None
        if email is not None and self.find(PersonKey("email", email)) is not None:
            return "email belongs to another person; it was not changed"
        if current is not None and not may_replace and not self._allows_email_changes:
            return "person already has another email; only an identify by cio_ id can change it"
        if email is None and user_id is None:
            return "email is the person's only id; it was not removed"
        self._db.execute("UPDATE people SET email = ? WHERE number = ?", (email, number))
        self.clear_cache()
        return None

    def _set_id(self, number: int, user_id: str, *, may_replace: bool) -> str | None:
        current = self.ids(number)[0]
        if current == user_id:
            return None
        if self.find(PersonKey("id", user_id)) is not None:
            return "id belongs to another person; it was not changed"
        if current is not None and not may_replace:
            return "person already has another id; only an identify by cio_ id can change it"
        self._db.execute("UPDATE people SET id = ? WHERE number = ?", (user_id, number))
        self.clear_cache()
        return None

    def traits(self, number: int) -> dict[str, Any]:
        """Return a person's traits."""
        row = self._db.execute("SELECT traits FROM people WHERE number = ?", (number,)).fetchone()
        traits: dict[str, Any] = orjson.loads(row[0])
        return traits

    def _write_traits(self, number: int, traits: Mapping[str, Any]) -> None:
        text = orjson.dumps(traits).decode()
        self._db.execute("UPDATE people SET traits = ? WHERE number = ?", (text, number))

    def ids(self, number: int) -> tuple[str | None, str | None]:
        """Return a person's id and email."""
        user_id, email = self._db.execute("SELECT id, email FROM people WHERE number = ?", (number,)).fetchone()
        return user_id, email

    def assign_anonymous_id(self, anonymous_id: str, number: int) -> int:
        """Assign an anonymous id to a person unless it has an owner; return its owner."""
        owner = self.find(PersonKey("anonymous", anonymous_id))
        if owner is None:
            self._db.execute("INSERT INTO anonymous_ids VALUES (?, ?)", (anonymous_id, number))
            owner = number
        if owner == number or self.is_visitor(owner):
            self._db.execute("UPDATE people SET anonymous_id = ? WHERE number = ?", (anonymous_id, number))
        return owner

    def is_visitor(self, number: int) -> bool:
        """Return True if a person has an anonymous id alone."""
        return bool(self._db.execute("SELECT is_visitor FROM people WHERE number = ?", (number,)).fetchone()[0])

    def merge_into(self, target: int, source: int) -> None:
        """Fill a person's gaps from another one, who is then deleted."""
        target_email, source_email = self.ids(target)[1], self.ids(source)[1]
        from_source = self.traits(source)
        if target_email is not None:
            # The source's email is not a trait of a person with another one.
            from_source.pop(WireField.EMAIL, None)
        own = {name: value for name, value in self.traits(target).items() if value is not None and value != ""}
        self._write_traits(target, from_source | own)
        self._db.execute("UPDATE anonymous_ids SET person = ? WHERE person = ?", (target, source))
        self.delete(source)
        self._db.execute("UPDATE people SET email = coalesce(email, ?) WHERE number = ?", (source_email, target))

    def delete(self, number: int) -> None:
        """Delete a person and their ids."""
        self._db.execute("DELETE FROM people WHERE number = ?", (number,))
        self._db.execute("DELETE FROM anonymous_ids WHERE person = ?", (number,))
        self.clear_cache()


_NUMBER_QUERIES = {
    "id": "SELECT number FROM people WHERE id = ?",
    "email": "SELECT number FROM people WHERE email = ?",
    "cio": "SELECT number FROM people WHERE number = ? AND NOT is_visitor",
    "anonymous": "SELECT person FROM anonymous_ids WHERE anonymous_id = ?",
}
