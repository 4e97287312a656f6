"""What calls do, applied in order of receipt: people, what they did, and what they have."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cio_frames import spec
from cio_frames.sandbox import belongings, people, suppression
from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.moments import moment, seconds_of
from cio_frames.sandbox.people import Key, key_of

if TYPE_CHECKING:
    from cio_frames.sandbox.store import Stored

_TABLES = """
CREATE TABLE IF NOT EXISTS happenings (
    request INTEGER NOT NULL,
    place INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT,
    person INTEGER,
    at REAL NOT NULL,
    is_event INTEGER NOT NULL,
    PRIMARY KEY (request, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS happenings_person ON happenings (person, at);
CREATE TABLE IF NOT EXISTS message_ids (
    message_id TEXT PRIMARY KEY,
    request INTEGER NOT NULL,
    place INTEGER NOT NULL,
    times INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS applied (next INTEGER NOT NULL, events INTEGER NOT NULL, repeats INTEGER NOT NULL);
INSERT INTO applied SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT * FROM applied);
"""
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
# How far back events of a visitor become those of the person: "the last 30 days" in the vendor's words.
_JOINED_SECONDS = 30 * 24 * 3600
# SQLite takes at least 999 values in a query.
_ASKED_TOGETHER = 500
_SEEN = ("track", "page", "screen")
_SUPPRESSED = "the person is suppressed"
_UNKNOWN = "nobody is known by this id"


class Ignored(NamedTuple):
    """What of a call was not done, and where it stands."""

    request: int
    item: int | None
    message_id: str
    reason: str


class _Call(NamedTuple):
    """A call on its way: what it said, whom it names, when it came and when it says that it happened."""

    fields: Mapping[str, Any]
    key: Key | None
    received_at: str
    at: str


class _Outcome(NamedTuple):
    """Whose call it was, what name it has in a timeline, whether it is an event, and what was not done."""

    person: int | None = None
    name: str | None = None
    is_event: bool = False
    reason: str | None = None
    is_done: bool = True


class State:
    """People, events, objects and devices in a store's tables; everything within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, assumed: Assumed) -> None:
        for tables in (people.TABLES, belongings.TABLES, suppression.TABLES, _TABLES):
            connection.executescript(tables)
        self._db, self._assumed = connection, assumed
        self._people = people.People(connection, assumed)
        self._belongings = belongings.Belongings(connection, assumed)
        self._suppression = suppression.Suppression(connection)
        self._happened: list[tuple[Any, ...]] = []
        self._acts: dict[str, Callable[[_Call], _Outcome]] = {
            "identify": self._identify,
            "group": self._group,
            "alias": self._alias,
            "track": self._event,
            "page": self._event,
            "screen": self._event,
        }
        self._acts_by_event: dict[str, Callable[[_Call], _Outcome]] = {
            "Device Created or Updated": self._add_device,
            "Application Installed": self._app_opened,
            "Application Opened": self._app_opened,
            "Device Deleted": self._delete_device,
            "Application Uninstalled": self._app_uninstalled,
            "User Deleted": self._delete_person,
            "User Suppressed": self._suppress,
            "User Unsuppressed": self._unsuppress,
            "Object Deleted": self._delete_object,
            "Relationship Deleted": self._delete_relationship,
            "Report Delivery Event": self._report,
            "Report Content Event": self._report,
        }

    def forget(self) -> None:
        """Forget what is remembered of the tables, since a transaction failed."""
        self._people.forget()
        self._suppression.forget()
        self._happened.clear()

    def next_request(self) -> int:
        """Return the number of the first request that was not applied yet."""
        return int(self._db.execute("SELECT next FROM applied").fetchone()[0])

    def apply(self, stored: Stored) -> list[Ignored]:
        """Apply the calls of one request; return what of them was not done."""
        calls = [orjson.loads(payload) for payload in stored.payloads]
        ignored: list[Ignored] = []
        events = repeats = 0
        for place, (call, is_repeat) in enumerate(zip(calls, self._repeats(stored.request, calls), strict=True)):
            at, seconds = moment(call, stored.received_at, self._assumed)
            person, name, is_event, reason, is_done = self._applied(
                _Call(call, people.key_of_call(call), stored.received_at, at), is_repeat=is_repeat
            )
            if reason:
                ignored.append(Ignored(stored.request, stored.items[place], call["messageId"], reason))
            if is_done:
                self._happened.append((stored.request, place, call["type"], name, person, seconds, is_event))
            events += is_done and is_event
            repeats += is_repeat
        self._write_happened()
        self._db.execute(
            "UPDATE applied SET next = ?, events = events + ?, repeats = repeats + ?",
            (stored.request + 1, events, repeats),
        )
        return ignored

    def _repeats(self, request: int, calls: Sequence[Mapping[str, Any]]) -> Iterator[bool]:
        """Note the message ids of calls; yield for each whether it was seen before."""
        ids = [call["messageId"] for call in calls]
        known: set[str] = set()
        for start in range(0, len(ids), _ASKED_TOGETHER):
            asked = ids[start : start + _ASKED_TOGETHER]
            # Not as one JSON text: SQLite ends a text of it at U+0000.
            marks = ",".join("?" * len(asked))
            query = f"SELECT message_id FROM message_ids WHERE message_id IN ({marks})"  # noqa: S608 -- marks alone
            known.update(row[0] for row in self._db.execute(query, asked))
        self._db.executemany(
            "INSERT INTO message_ids VALUES (?, ?, ?, 1) ON CONFLICT (message_id) DO UPDATE SET times = times + 1",
            ((message_id, request, place) for place, message_id in enumerate(ids)),
        )
        for message_id in ids:
            yield message_id in known
            known.add(message_id)

    def _write_happened(self) -> None:
        self._db.executemany("INSERT INTO happenings VALUES (?, ?, ?, ?, ?, ?, ?)", self._happened)
        self._happened.clear()

    def _applied(self, call: _Call, *, is_repeat: bool) -> _Outcome:
        fields = call.fields
        act = self._acts[fields["type"]]
        if fields["type"] == "track" and (event := spec.semantic_event(fields["event"].strip())):
            act = self._acts_by_event.get(event.name, act)
        if act != self._unsuppress and self._suppression.blocks(_named(call)):
            return _Outcome(reason=_SUPPRESSED, is_done=False)
        if is_repeat and fields["type"] in _SEEN and self._is_ignored_again(fields["messageId"]):
            return _Outcome(reason="the message id was seen before, so the event is ignored", is_done=False)
        return act(call)

    def _is_ignored_again(self, message_id: str) -> bool:
        return self._assumed.repeats == "all" or (
            self._assumed.repeats == "ulid" and _ULID.fullmatch(message_id) is not None
        )

    def _met(self, call: _Call) -> int | None:
        return None if call.key is None else self._people.met(call.key, call.fields.get("anonymousId"))

    def _event(self, call: _Call) -> _Outcome:
        name = call.fields["event"].strip() if call.fields["type"] == "track" else call.fields.get("name")
        person = self._met(call)
        if person is None and call.key is not None:
            return _Outcome(reason=_UNKNOWN, is_done=False)
        return _Outcome(person, name if isinstance(name, str) else None, is_event=True)

    def _identify(self, call: _Call) -> _Outcome:
        anonymous_id, traits = call.fields.get("anonymousId"), call.fields.get("traits") or {}
        if call.key is None:
            return _Outcome(reason=_UNKNOWN, is_done=False)
        person, reason = self._people.identify(call.key, traits)
        if person is None:
            return _Outcome(reason=reason, is_done=False)
        if anonymous_id and call.key.kind != "anonymous":
            owner = self._people.claim(anonymous_id, person)
            if self._people.is_visitor(owner):
                self._become(owner, person, call)
            elif owner != person:
                reason = reason or "the anonymous id is another person's already"
        reasons = filter(None, (reason, self._belongings.relate_by_trait(person, traits)))
        return _Outcome(person, reason="; ".join(reasons) or None)

    def _become(self, other: int, person: int, call: _Call) -> None:
        """Make one person out of two; of events, the last 30 days come along."""
        self._write_happened()
        since = seconds_of(call.received_at) - _JOINED_SECONDS
        self._db.execute("UPDATE happenings SET person = ? WHERE person = ? AND at >= ?", (person, other, since))
        self._db.execute("UPDATE happenings SET person = NULL WHERE person = ?", (other,))
        self._belongings.hand_over(other, person)
        self._people.absorb(person, other)

    def _alias(self, call: _Call) -> _Outcome:
        person = self._people.find(key_of(call.fields["userId"]))
        previous_id = call.fields["previousId"]
        other = self._people.find(key_of(previous_id))
        if other is None:
            other = self._people.find(Key("anonymous", previous_id))
        if person is None or other is None:
            who = "userId" if person is None else "previousId"
            return _Outcome(reason=f"nobody is known by this {who}, so nobody was merged", is_done=False)
        if other == person:
            return _Outcome(reason="both ids are one person's already", is_done=False)
        self._become(other, person, call)
        return _Outcome(person)

    def _group(self, call: _Call) -> _Outcome:
        number, reason = self._belongings.group(call.fields)
        if number is None:
            return _Outcome(reason=reason, is_done=False)
        person = self._met(call)
        if person is not None:
            self._belongings.relate(person, number, call.fields.get("traits") or {})
        reason = _UNKNOWN if person is None and call.key is not None else None
        return _Outcome(person, call.fields["groupId"], reason=reason)

    def _add_device(self, call: _Call) -> _Outcome:
        person = self._met(call)
        reason = _UNKNOWN if person is None else self._belongings.add_device(person, call.fields, call.at)
        return _Outcome(person, call.fields["event"].strip(), reason=reason, is_done=reason is None)

    def _delete_device(self, call: _Call) -> _Outcome:
        person = self._found(call)
        reason = _UNKNOWN if person is None else self._belongings.delete_device(person, call.fields)
        return _Outcome(person, call.fields["event"].strip(), reason=reason, is_done=reason is None)

    def _app_opened(self, call: _Call) -> _Outcome:
        return self._add_device(call) if _has_token(call) else self._report(call)

    def _app_uninstalled(self, call: _Call) -> _Outcome:
        return self._delete_device(call) if _has_token(call) else self._report(call)

    def _report(self, call: _Call) -> _Outcome:
        """Note what changes nobody; Customer.io makes no event of it."""
        return _Outcome(self._found(call), call.fields["event"].strip())

    def _found(self, call: _Call) -> int | None:
        return None if call.key is None else self._people.find(call.key)

    def _delete_person(self, call: _Call) -> _Outcome:
        person = self._found(call)
        if person is None:
            return _Outcome(reason=_UNKNOWN, is_done=False)
        self._remove(person)
        return _Outcome(name="User Deleted")

    def _remove(self, person: int) -> None:
        self._write_happened()
        self._db.execute("UPDATE happenings SET person = NULL WHERE person = ?", (person,))
        self._belongings.drop(person)
        self._people.remove(person)

    def _suppress(self, call: _Call) -> _Outcome:
        person, key = self._found(call), call.key
        user_id, email = self._people.ids(person) if person is not None else (None, None)
        if key is None or (person is None and key.kind not in ("id", "email")):
            return _Outcome(reason=_UNKNOWN, is_done=False)
        if person is not None:
            self._remove(person)
        user_id = key.value if key.kind == "id" else user_id
        email = key.value if key.kind == "email" else email
        self._suppression.add(user_id, email, call.received_at)
        return _Outcome(name="User Suppressed")

    def _unsuppress(self, call: _Call) -> _Outcome:
        if call.key is None or not self._suppression.free(call.key):
            return _Outcome(reason="the id is not suppressed", is_done=False)
        return _Outcome(name="User Unsuppressed")

    def _delete_object(self, call: _Call) -> _Outcome:
        reason = self._belongings.delete_object(call.fields.get("properties") or {})
        return _Outcome(name="Object Deleted", reason=reason, is_done=reason is None)

    def _delete_relationship(self, call: _Call) -> _Outcome:
        person = self._found(call)
        bag = call.fields.get("properties") or {}
        reason = _UNKNOWN if person is None else self._belongings.delete_relationship(person, bag)
        return _Outcome(person, "Relationship Deleted", reason=reason, is_done=reason is None)


def _named(call: _Call) -> Iterator[Key]:
    """Yield everyone whom a call names."""
    if call.key is not None:
        yield call.key
    if call.fields["type"] == "identify":
        traits = call.fields.get("traits") or {}
        if email := people.email_of(traits):
            yield Key("email", email)
        if isinstance(traits.get("id"), str):
            yield Key("id", traits["id"])
    if call.fields["type"] == "alias":
        yield key_of(call.fields["previousId"])


def _has_token(call: _Call) -> bool:
    device = (call.fields.get("context") or {}).get("device")
    return isinstance(device, dict) and bool(device.get("token"))
