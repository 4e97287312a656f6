"""Apply calls in order of receipt: people, their activity, and their objects and devices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cio_frames import spec
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.objects_and_devices import OBJECT_TABLES, ObjectsAndDevices
from cio_frames.sandbox.people import (
    PEOPLE_TABLES,
    PERSON_CACHE_SIZE,
    People,
    PersonKey,
    parse_person_key,
    person_key_of_call,
    read_email,
)
from cio_frames.sandbox.suppression import SUPPRESSION_TABLES, SuppressionList
from cio_frames.sandbox.timestamps import event_time, unix_seconds
from cio_frames.sandbox.wire import WireField

if TYPE_CHECKING:
    import sqlite3

if TYPE_CHECKING:
    from cio_frames.sandbox.store import StoredCalls

_ACTIVITY_TABLES = """
CREATE TABLE IF NOT EXISTS activity (
    request INTEGER NOT NULL,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT,
    person INTEGER,
    occurred_at REAL NOT NULL,
    is_event INTEGER NOT NULL,
    PRIMARY KEY (request, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS activity_person ON activity (person, occurred_at);
CREATE INDEX IF NOT EXISTS activity_event ON activity (name, request, position) WHERE is_event;
CREATE TABLE IF NOT EXISTS message_ids (
    message_id TEXT PRIMARY KEY,
    request INTEGER NOT NULL,
    position INTEGER NOT NULL,
    times_received INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_ids_repeats ON message_ids (request, position, times_received)
    WHERE times_received > 1;
CREATE TABLE IF NOT EXISTS progress (next_request INTEGER NOT NULL, events INTEGER NOT NULL, repeats INTEGER NOT NULL);
INSERT INTO progress SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT * FROM progress);
"""
_WORKSPACE_TABLES = (
    "people",
    "anonymous_ids",
    "devices",
    "objects",
    "relationships",
    "suppressed",
    "activity",
    "message_ids",
)
_ULID = re.compile(spec.ULID_PATTERN, re.IGNORECASE)
# A visitor's events of this period become the identified person's: "the last 30 days" in the vendor's words.
_MERGED_SECONDS = 30 * 24 * 3600
# SQLite allows at least 999 values in a query.
_IDS_PER_QUERY = 500
REPEATED_MESSAGE_ID = "message id was received before; the event was ignored"
_SUPPRESSED = "person is suppressed; the call was ignored"
_PERSON_NOT_FOUND = "person not found"


class IgnoredCall(NamedTuple):
    """The part of a call that was not applied, and the call's position; a rejected call also has its JSON."""

    request: int
    item: int | None
    message_id: str | None
    reason: str
    call: str | None = None


class _PendingCall(NamedTuple):
    """A call to apply: its fields, its person, the time of receipt, and the time that it states."""

    fields: Mapping[str, Any]
    key: PersonKey | None
    received_at: str
    occurred_at: str


class _CallOutcome(NamedTuple):
    """The call's person, its name in a timeline, whether it is an event, and what was not applied."""

    person: int | None = None
    name: str | None = None
    is_event: bool = False
    reason: str | None = None
    is_applied: bool = True


class Workspace:
    """People, events, objects and devices in a store's tables, within the caller's transaction."""

    def __init__(
        self, connection: sqlite3.Connection, assumptions: Assumptions, *, person_cache_size: int = PERSON_CACHE_SIZE
    ) -> None:
        for tables in (PEOPLE_TABLES, OBJECT_TABLES, SUPPRESSION_TABLES, _ACTIVITY_TABLES):
            connection.executescript(tables)
        self._db, self._assumptions = connection, assumptions
        self._people = People(connection, assumptions, cache_size=person_cache_size)
        self._objects_and_devices = ObjectsAndDevices(connection, assumptions)
        self._suppression = SuppressionList(connection)
        self._new_activity: list[tuple[Any, ...]] = []
        self._call_handlers: dict[str, Callable[[_PendingCall], _CallOutcome]] = {
            "identify": self._identify,
            "group": self._group,
            "alias": self._alias,
            "track": self._add_event,
            "page": self._add_event,
            "screen": self._add_event,
        }
        self._event_handlers: dict[str, Callable[[_PendingCall], _CallOutcome]] = {
            "Device Created or Updated": self._add_device,
            "Application Installed": self._open_app,
            "Application Opened": self._open_app,
            "Device Deleted": self._delete_device,
            "Application Uninstalled": self._uninstall_app,
            "User Deleted": self._delete_person,
            "User Suppressed": self._suppress_person,
            "User Unsuppressed": self._unsuppress_person,
            "Object Deleted": self._delete_object,
            "Relationship Deleted": self._delete_relationship,
            "Report Delivery Event": self._add_report,
            "Report Content Event": self._add_report,
        }

    def clear_cache(self) -> None:
        """Discard what is cached of the tables, since a transaction failed or another process wrote."""
        self._people.clear_cache()
        self._suppression.clear_cache()
        self._new_activity.clear()

    def clear(self) -> None:
        """Delete all people, activity, objects and devices."""
        for table in _WORKSPACE_TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 -- names of this module
        self._db.execute("UPDATE progress SET next_request = 0, events = 0, repeats = 0")
        self.clear_cache()

    def next_request(self) -> int:
        """Return the number of the first request that was not applied yet."""
        return int(self._db.execute("SELECT next_request FROM progress").fetchone()[0])

    def apply(self, stored: StoredCalls) -> list[IgnoredCall]:
        """Apply the calls of one request; return the parts that were not applied."""
        calls = [orjson.loads(payload) for payload in stored.payloads]
        ignored: list[IgnoredCall] = []
        event_totals = Counter[str]()
        events = repeats = 0
        for position, (call, is_repeat) in enumerate(
            zip(calls, self._record_message_ids(stored.request, calls), strict=True)
        ):
            occurred_at, seconds = event_time(call, stored.received_at, self._assumptions)
            person, name, is_event, reason, is_applied = self._apply_call(
                _PendingCall(call, person_key_of_call(call), stored.received_at, occurred_at), is_repeat=is_repeat
            )
            if reason:
                message_id = call[WireField.MESSAGE_ID]
                ignored.append(IgnoredCall(stored.request, stored.items[position], message_id, reason))
            if is_applied:
                kind = call[WireField.TYPE]
                self._new_activity.append((stored.request, position, kind, name, person, seconds, is_event))
            events += is_applied and is_event
            repeats += is_repeat
            if is_applied and is_event and name:
                event_totals[name] += 1
        self._write_activity()
        add_totals(self._db, "event", event_totals)
        self._db.execute(
            "UPDATE progress SET next_request = ?, events = events + ?, repeats = repeats + ?",
            (stored.request + 1, events, repeats),
        )
        return ignored

    def _record_message_ids(self, request: int, calls: Sequence[Mapping[str, Any]]) -> Iterator[bool]:
        """Record the message ids of calls; yield for each whether it was received before."""
        ids = [call[WireField.MESSAGE_ID] for call in calls]
        known: set[str] = set()
        for start in range(0, len(ids), _IDS_PER_QUERY):
            part = ids[start : start + _IDS_PER_QUERY]
            # Not as one JSON text: SQLite truncates its strings at U+0000.
            marks = ",".join("?" * len(part))
            query = f"SELECT message_id FROM message_ids WHERE message_id IN ({marks})"  # noqa: S608 -- marks alone
            known.update(row[0] for row in self._db.execute(query, part))
        self._db.executemany(
            "INSERT INTO message_ids VALUES (?, ?, ?, 1) "
            "ON CONFLICT (message_id) DO UPDATE SET times_received = times_received + 1",
            ((message_id, request, position) for position, message_id in enumerate(ids)),
        )
        for message_id in ids:
            yield message_id in known
            known.add(message_id)

    def _write_activity(self) -> None:
        self._db.executemany("INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?)", self._new_activity)
        self._new_activity.clear()

    def _apply_call(self, call: _PendingCall, *, is_repeat: bool) -> _CallOutcome:
        fields = call.fields
        kind = fields[WireField.TYPE]
        handler = self._call_handlers[kind]
        if kind == "track" and (event := spec.semantic_event(_read_event_name(call))):
            handler = self._event_handlers.get(event.name, handler)
        if handler != self._unsuppress_person and self._suppression.count_if_suppressed(_list_person_keys(call)):
            return _CallOutcome(reason=_SUPPRESSED, is_applied=False)
        if is_repeat and kind in spec.EVENT_CALLS and self._ignores_repeat(fields[WireField.MESSAGE_ID]):
            return _CallOutcome(reason=REPEATED_MESSAGE_ID, is_applied=False)
        return handler(call)

    def _ignores_repeat(self, message_id: str) -> bool:
        repeats = self._assumptions.repeats
        return repeats == "all" or (repeats == "ulid" and _ULID.fullmatch(message_id) is not None)

    def _find_or_create(self, call: _PendingCall) -> int | None:
        anonymous_id = call.fields.get(WireField.ANONYMOUS_ID)
        return None if call.key is None else self._people.find_or_create(call.key, anonymous_id)

    def _find_person(self, call: _PendingCall) -> int | None:
        return None if call.key is None else self._people.find(call.key)

    def _add_event(self, call: _PendingCall) -> _CallOutcome:
        is_track = call.fields[WireField.TYPE] == "track"
        name = _read_event_name(call) if is_track else call.fields.get(WireField.NAME)
        person = self._find_or_create(call)
        if person is None and call.key is not None:
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        return _CallOutcome(person, name if isinstance(name, str) else None, is_event=True)

    def _identify(self, call: _PendingCall) -> _CallOutcome:
        anonymous_id, traits = call.fields.get(WireField.ANONYMOUS_ID), call.fields.get(WireField.TRAITS) or {}
        if call.key is None:
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        person, reason = self._people.identify(call.key, traits)
        if person is None:
            return _CallOutcome(reason=reason, is_applied=False)
        if anonymous_id and call.key.kind != "anonymous":
            owner = self._people.assign_anonymous_id(anonymous_id, person)
            if self._people.is_visitor(owner):
                self._merge_people(owner, person, call)
            elif owner != person:
                reason = reason or "anonymousId belongs to another person; it was not changed"
        reasons = filter(None, (reason, self._objects_and_devices.relate_by_trait(person, traits)))
        return _CallOutcome(person, reason="; ".join(reasons) or None)

    def _merge_people(self, source: int, target: int, call: _PendingCall) -> None:
        """Merge one person into another; events of the last 30 days move along."""
        self._write_activity()
        since = unix_seconds(call.received_at) - _MERGED_SECONDS
        query = "UPDATE activity SET person = ? WHERE person = ? AND occurred_at >= ?"
        self._db.execute(query, (target, source, since))
        self._db.execute("UPDATE activity SET person = NULL WHERE person = ?", (source,))
        self._objects_and_devices.transfer(source, target)
        self._people.merge_into(target, source)

    def _alias(self, call: _PendingCall) -> _CallOutcome:
        target = self._people.find(parse_person_key(call.fields[WireField.USER_ID]))
        previous_id = call.fields[WireField.PREVIOUS_ID]
        source = self._people.find(parse_person_key(previous_id))
        if source is None:
            source = self._people.find(PersonKey("anonymous", previous_id))
        if target is None or source is None:
            field = WireField.USER_ID if target is None else WireField.PREVIOUS_ID
            return _CallOutcome(reason=f"{field}: person not found; nothing was merged", is_applied=False)
        if source == target:
            reason = f"{WireField.USER_ID} and {WireField.PREVIOUS_ID} already belong to one person"
            return _CallOutcome(reason=reason, is_applied=False)
        self._merge_people(source, target, call)
        return _CallOutcome(target)

    def _group(self, call: _PendingCall) -> _CallOutcome:
        number, reason = self._objects_and_devices.group(call.fields)
        if number is None:
            return _CallOutcome(reason=reason, is_applied=False)
        person = self._find_or_create(call)
        if person is not None:
            self._objects_and_devices.relate(person, number, call.fields.get(WireField.TRAITS) or {})
        reason = _PERSON_NOT_FOUND if person is None and call.key is not None else None
        return _CallOutcome(person, call.fields[WireField.GROUP_ID], reason=reason)

    def _add_device(self, call: _PendingCall) -> _CallOutcome:
        person = self._find_or_create(call)
        if person is None:
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        reason = self._objects_and_devices.add_device(person, call.fields, call.occurred_at)
        return _CallOutcome(person, _read_event_name(call), reason=reason, is_applied=reason is None)

    def _delete_device(self, call: _PendingCall) -> _CallOutcome:
        person = self._find_person(call)
        if person is None:
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        reason = self._objects_and_devices.delete_device(person, call.fields)
        return _CallOutcome(person, _read_event_name(call), reason=reason, is_applied=reason is None)

    def _open_app(self, call: _PendingCall) -> _CallOutcome:
        return self._add_device(call) if _has_device_token(call) else self._add_report(call)

    def _uninstall_app(self, call: _PendingCall) -> _CallOutcome:
        return self._delete_device(call) if _has_device_token(call) else self._add_report(call)

    def _add_report(self, call: _PendingCall) -> _CallOutcome:
        """Record a call that changes no person; Customer.io does not store it as an event."""
        return _CallOutcome(self._find_person(call), _read_event_name(call))

    def _delete_person(self, call: _PendingCall) -> _CallOutcome:
        person = self._find_person(call)
        if person is None:
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        self._remove_person(person)
        return _CallOutcome(name=_read_event_name(call))

    def _remove_person(self, person: int) -> None:
        self._write_activity()
        self._db.execute("UPDATE activity SET person = NULL WHERE person = ?", (person,))
        self._objects_and_devices.delete_all(person)
        self._people.delete(person)

    def _suppress_person(self, call: _PendingCall) -> _CallOutcome:
        person, key = self._find_person(call), call.key
        user_id, email = self._people.ids(person) if person is not None else (None, None)
        if key is None or (person is None and key.kind not in ("id", "email")):
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        if person is not None:
            self._remove_person(person)
        user_id = key.value if key.kind == "id" else user_id
        email = key.value if key.kind == "email" else email
        self._suppression.suppress(user_id, email, call.received_at)
        return _CallOutcome(name=_read_event_name(call))

    def _unsuppress_person(self, call: _PendingCall) -> _CallOutcome:
        if call.key is None or not self._suppression.unsuppress(call.key):
            return _CallOutcome(reason="person is not suppressed", is_applied=False)
        return _CallOutcome(name=_read_event_name(call))

    def _delete_object(self, call: _PendingCall) -> _CallOutcome:
        reason = self._objects_and_devices.delete_object(call.fields.get(WireField.PROPERTIES) or {})
        return _CallOutcome(name=_read_event_name(call), reason=reason, is_applied=reason is None)

    def _delete_relationship(self, call: _PendingCall) -> _CallOutcome:
        person = self._find_person(call)
        if person is None:
            return _CallOutcome(reason=_PERSON_NOT_FOUND, is_applied=False)
        properties = call.fields.get(WireField.PROPERTIES) or {}
        reason = self._objects_and_devices.delete_relationship(person, properties)
        return _CallOutcome(person, _read_event_name(call), reason=reason, is_applied=reason is None)


def add_totals(connection: sqlite3.Connection, kind: str, counts: Mapping[str, int]) -> None:
    """Add counts to the totals of a kind."""
    connection.executemany(
        "INSERT INTO totals VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET count = count + excluded.count",
        [(kind, name, count) for name, count in counts.items()],
    )


def _read_event_name(call: _PendingCall) -> str:
    # The API strips spaces around event names.
    name: str = call.fields[WireField.EVENT]
    return name.strip()


def _list_person_keys(call: _PendingCall) -> Iterator[PersonKey]:
    """Yield every person that a call names."""
    if call.key is not None:
        yield call.key
    if call.fields[WireField.TYPE] == "identify":
        traits = call.fields.get(WireField.TRAITS) or {}
        if email := read_email(traits):
            yield PersonKey("email", email)
        if isinstance(traits.get(WireField.PERSON_ID), str):
            yield PersonKey("id", traits[WireField.PERSON_ID])
    if call.fields[WireField.TYPE] == "alias":
        yield parse_person_key(call.fields[WireField.PREVIOUS_ID])


def _has_device_token(call: _PendingCall) -> bool:
    device = (call.fields.get(WireField.CONTEXT) or {}).get(WireField.DEVICE)
    return isinstance(device, dict) and bool(device.get(WireField.DEVICE_TOKEN))
