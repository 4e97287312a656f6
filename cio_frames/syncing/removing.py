"""Calls about subjects that left: deletions, suppressions, or traits that mark them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import xxhash

from cio_frames._util.arrays import Ints
from cio_frames.loading.outputs import MESSAGE_ID
from cio_frames.pipeline import CallSpec, build_call_spec
from cio_frames.syncing.compare import MOST_REJECTIONS, REMOVAL_MARK
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import HELD, Evidence, Pending
from cio_frames.syncing.shipping import Shipment
from cio_frames.syncing.state import State
from cio_frames.syncing.subject_keys import person_of
from cio_frames.syncing.sync_ids import sync_message_ids

_OPERATIONS = {
    ("identify", "delete"): "delete_people",
    ("identify", "suppress"): "suppress_people",
    ("group", "delete"): "delete_objects",
    ("group", "delete_relationships"): "delete_relationships",
}
_EVENTS = {
    "delete_people": "User Deleted",
    "suppress_people": "User Suppressed",
    "delete_objects": "Object Deleted",
    "delete_relationships": "Relationship Deleted",
}
_ANONYMOUS_ONLY = "known by an anonymous id alone, and only a user id can be used for this"
_STILL_HELD = "another row of the source has this object"
_NOBODY_RELATED = "no person is related"
_REJECTED = "rejected three times"
_WITH_OBJECT = "deleted with its object"


@dataclass(frozen=True, slots=True)
class Removal:
    """What is done about subjects that are missing, and those that it is not done to.

    Attributes
    ----------
    operation : str
        The operation, or ``set_traits``.
    shipment : Shipment or None
        The calls; None where there are none.
    ids : pandas.DataFrame
        Who or what each call is about.
    skipped : dict of str to str
        Subjects to which nothing is done, and why.
    """

    operation: str
    shipment: Shipment | None
    ids: pd.DataFrame
    skipped: dict[str, str]


def removals_of(
    call_spec: CallSpec, options: SyncOptions, state: State, run: int, subjects: Sequence[str]
) -> Iterator[Removal]:
    """Yield the calls about subjects whose time has come, operation by operation."""
    operation = _OPERATIONS.get((call_spec.call, options.removed), "set_traits")
    if operation != "delete_objects":
        yield _removal(operation, call_spec, options, state, run, subjects)
        return
    # An object that another row still has stays, and loses a relationship.
    held = _objects_held(state, subjects)
    for each, is_held in ((operation, False), ("delete_relationships", True)):
        chosen = [subject for subject in subjects if (_object_of(subject) in held) == is_held]
        if chosen:
            yield _removal(each, call_spec, options, state, run, chosen)


def _removal(
    operation: str, call_spec: CallSpec, options: SyncOptions, state: State, run: int, subjects: Sequence[str]
) -> Removal:
    skipped = dict(_skipped(call_spec, operation, options, subjects))
    records = state.look_up(subjects)
    mark = REMOVAL_MARK + xxhash.xxh3_64_digest(orjson.dumps([operation, options.set_removed], default=str))
    rejected = (records.rejections >= MOST_REJECTIONS) & (records.rejected_digest == mark)
    if not options.retry_rejected:
        skipped |= {subject: _REJECTED for subject, is_rejected in zip(subjects, rejected, strict=True) if is_rejected}
        if operation == "delete_objects":
            # One call is for all subjects of an object.
            objects = set(map(_object_of, skipped))
            skipped |= {subject: _REJECTED for subject in subjects if _object_of(subject) in objects}
    rows = np.array([row for row, subject in enumerate(subjects) if subject not in skipped], dtype=np.int64)
    keys = [subjects[row] for row in rows.tolist()]
    ids = pd.DataFrame(list(map(_ids_of(call_spec), keys)), dtype="string")
    if keys and operation == "delete_objects":
        # Once for each object, whoever was related to it.
        first = ~ids[["object_type_id", "object_id"]].duplicated().to_numpy()
        skipped |= {key: _WITH_OBJECT for key, is_first in zip(keys, first, strict=True) if not is_first}
        keys, rows = [key for key in keys if key not in skipped], rows[first]
        ids = ids.loc[first, ["object_type_id", "object_id"]].reset_index(drop=True)
    if len(rows) == 0:
        return Removal(operation, None, ids, skipped)
    records = records.take(rows)
    mark_halves = np.frombuffer(mark, dtype=">u8").astype(np.uint64)
    contents = np.tile(mark_halves, (len(rows), 1))
    message_ids = sync_message_ids(state.state_id, run, keys, records.revision, contents)
    pending: list[bytes] = []
    for row, before in enumerate(records.pending):
        field_set, maybe = 0, np.empty(0, dtype=bool)
        if before is not None:
            earlier = Pending.unpack(before, state.field_sets)
            field_set, maybe = earlier.field_set, earlier.fields
            if earlier.digest == mark:
                message_ids[row] = earlier.message_id
        pending.append(Pending(message_ids[row], mark, field_set, maybe).pack())
    frame = ids.assign(**{MESSAGE_ID: pd.array(message_ids, dtype="string")})
    shipment = Shipment(
        frame=frame,
        call_spec=_call_spec(call_spec, operation, options, ids),
        keys=keys,
        contents=[mark] * len(keys),
        pending=pending,
        before=records.pending,
        settle=_Removed(state, keys, operation),
    )
    return Removal(operation, shipment, ids, skipped)


@dataclass(frozen=True, slots=True)
class _Removed:
    """Moves the state for subjects that were removed or marked."""

    state: State
    keys: list[str]
    operation: str

    def __call__(self, rows: Ints, evidence: Evidence) -> None:
        marks = {"set_traits": Evidence.MARKED, "suppress_people": Evidence.SUPPRESSED}
        keys = [self.keys[row] for row in rows.tolist()]
        is_gone = self.operation != "set_traits"
        if self.operation == "delete_objects":
            keys += self._relationships(keys)
        self.state.mark(keys, marks.get(self.operation, Evidence.DELETED), forget_content=is_gone)

    def _relationships(self, keys: list[str]) -> list[str]:
        """Return the other subjects of objects that are gone."""
        objects, own = set(map(_object_of, keys)), set(keys)
        return [
            key for rows in self.state.scan("key") for (key,) in rows if _object_of(key) in objects and key not in own
        ]


def _skipped(
    call_spec: CallSpec, operation: str, options: SyncOptions, subjects: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if call_spec.call == "identify" and operation != "set_traits":
        yield from ((subject, _ANONYMOUS_ONLY) for subject in subjects if person_of(subject)[0] != "userId")
    if operation == "delete_relationships":
        people = ((subject, orjson.loads(subject)[2]) for subject in subjects)
        reason = _NOBODY_RELATED if options.removed == operation else _STILL_HELD
        yield from ((subject, reason) for subject, person in people if not person)


def _objects_held(state: State, subjects: Sequence[str]) -> set[tuple[str, str]]:
    """Return the objects of which the other end holds a subject that is not one of these."""
    gone = set(subjects)
    return {
        _object_of(key)
        for rows in state.scan("key, evidence")
        for key, evidence in rows
        if evidence in HELD and key not in gone
    }


def _object_of(subject: str) -> tuple[str, str]:
    object_type, object_id, _ = orjson.loads(subject)
    return object_type, object_id


def _ids_of(call_spec: CallSpec) -> Any:
    def person(subject: str) -> dict[str, str]:
        wire, value = person_of(subject)
        return {"user_id" if wire == "userId" else "anonymous_id": value}

    def group(subject: str) -> dict[str, str]:
        object_type, object_id, related = orjson.loads(subject)
        return {"object_type_id": object_type, "object_id": object_id} | (person(related) if related else {})

    return group if call_spec.call == "group" else person


def _call_spec(call_spec: CallSpec, operation: str, options: SyncOptions, ids: pd.DataFrame) -> CallSpec:
    """Return the call that removes or marks, with its message ids from a column."""
    named: dict[str, Any] = {name: name for name in ("user_id", "anonymous_id") if name in ids.columns}
    if operation == "set_traits":
        constants = {f"traits.{name}": value for name, value in options.set_removed.items()}
        made = build_call_spec(
            call_spec.call, traits=[], message_id=MESSAGE_ID, constants=constants, **named, **_group_columns(call_spec)
        )
        return replace(made, tracking_plan=call_spec.tracking_plan)
    fields: dict[str, str] = {}
    fixed: dict[str, str] = {}
    if operation in ("delete_objects", "delete_relationships"):
        fields = {"properties.objectId": "object_id", "properties.objectTypeId": "object_type_id"}
    if operation == "delete_objects":
        # Object Deleted requires an anonymous id and ignores it.
        named, fixed = {}, {"anonymousId": "cio_frames"}
    return build_call_spec(
        "track", _EVENTS[operation], properties=[], message_id=MESSAGE_ID, fields=fields, constants=fixed, **named
    )


def _group_columns(call_spec: CallSpec) -> dict[str, Any]:
    if call_spec.call != "group":
        return {}
    return {"group_id": "object_id", "fields": {"traits.objectTypeId": "object_type_id"}}
