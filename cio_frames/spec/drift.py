"""Where a vendor's OpenAPI file and ``schemas/`` have drifted apart.

Both sides are fields under dotted paths (``products[].price``), and the paths are compared. A difference that stands in
``schemas/accepted_differences.yaml`` is not drift.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from cio_frames import spec
from cio_frames.errors import CioFramesError
from cio_frames.spec import Field
from cio_frames.spec.openapi import OpenApi

ChangeKind = Literal["added", "removed", "changed"]
_CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)

# A field by its path, and whether it is required.
_FieldsByPath: TypeAlias = Mapping[str, tuple[Field, bool]]

# Ids that every track call may have; an event's schema can require them.
_TRACK_IDS = (spec.USER_ID, spec.ANONYMOUS_ID)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``added`` is in the vendor's file alone, ``removed`` in ``schemas/`` alone.

    >>> print(Change("added", "event Order Completed", "tip", theirs="number"))
    added    event Order Completed: tip (number)
    """

    kind: ChangeKind
    where: str
    what: str = ""
    ours: str | None = None
    theirs: str | None = None

    @property
    def description(self) -> str:
        """What is different, in the form of ``schemas/accepted_differences.yaml``; empty for a whole call or event.

        >>> Change("changed", "call track", "type required", "no", "yes").description
        'type required no -> yes'
        """
        if self.kind == "changed":
            return f"{self.what} {self.ours or 'none'} -> {self.theirs or 'none'}"
        return f"{self.what} ({self.ours or self.theirs})" if self.what else ""

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.where}" + (f": {self.description}" if self.description else "")


def drift(
    openapi: Any,
    *,
    calls: Mapping[str, spec.Call] | None = None,
    events: Mapping[str, spec.Event] | None = None,
) -> list[Change]:
    """Compare a vendor's OpenAPI description with ``schemas/``.

    A file with only a part of the API has removed the rest: each call and event that it lacks is one change. If one
    side lacks a field, the fields below it are not listed. A schema without an event's name is a part of others if they
    refer to it, else a new event.

    Parameters
    ----------
    openapi : mapping
        An OpenAPI 3.0 or 3.1 description, as JSON or YAML give it.
    calls, events : mapping, optional
        What to compare with, by name. Default is the whole spec.

    Returns
    -------
    list of Change
        What was added, then what was removed, then what was changed; calls before events.

    Raises
    ------
    CioFramesError
        The description is not valid, or a ``$ref`` in it is not found or circular.

    Examples
    --------
    >>> description = {"openapi": "3.1.0", "paths": {"/v1/merge": {"post": {}}}}
    >>> changes = drift(description)
    >>> print(changes[0])
    added    call merge
    >>> print(changes[1])
    removed  call identify
    """
    calls = spec.calls() if calls is None else calls
    events = spec.semantic_events() if events is None else events
    try:
        ours = _spec_places(calls, events)
        theirs = _openapi_places(OpenApi(openapi, events.values()), ours)
    except RecursionError as error:
        raise CioFramesError("The OpenAPI file is nested too deeply, or contains itself.") from error
    # A dict keeps the order of ours, and what is new comes last.
    found = [
        change
        for where in sorted(ours | theirs, key=lambda where: not where.startswith("call "))
        for change in _compare_place(where, ours.get(where), theirs.get(where))
    ]
    accepted = spec.accepted_differences().differences
    drifted = [change for change in found if (change.kind, change.where, change.description) not in accepted]
    return sorted(drifted, key=lambda change: _CHANGE_KINDS.index(change.kind))


def _compare_place(where: str, ours: _FieldsByPath | None, theirs: _FieldsByPath | None) -> Iterator[Change]:
    if ours is None or theirs is None:
        yield Change("added" if ours is None else "removed", where)
        return
    for path in _topmost_paths(path for path in theirs if path not in ours):
        yield Change("added", where, path, theirs=_type_and_format(theirs[path][0]))
    for path in _topmost_paths(path for path in ours if path not in theirs):
        yield Change("removed", where, path, ours=_type_and_format(ours[path][0]))
    for path in ours:
        if path in theirs:
            yield from _compare_field(path, where, ours[path], theirs[path])


def _compare_field(path: str, where: str, ours: tuple[Field, bool], theirs: tuple[Field, bool]) -> Iterator[Change]:
    (mine, required), (other, their_required) = ours, theirs
    pairs = {
        "type": (mine.type, other.type),
        # `digits` is a format of this spec: which text is accepted for a number.
        "format": (None if mine.format == "digits" else mine.format, other.format),
        "required": (_yes_or_no(required), _yes_or_no(their_required)),
    }
    # Without an enum any value is accepted, which is more than the loss of each single one.
    if bool(mine.enum) != bool(other.enum):
        pairs["enum"] = (", ".join(mine.enum) or None, ", ".join(other.enum) or None)
    else:
        for value in (value for value in other.enum if value not in mine.enum):
            yield Change("added", where, f"{path} enum", theirs=value)
        for value in (value for value in mine.enum if value not in other.enum):
            yield Change("removed", where, f"{path} enum", ours=value)
    for what, (in_spec, in_openapi) in pairs.items():
        if in_spec != in_openapi:
            yield Change("changed", where, f"{path} {what}", in_spec, in_openapi)


def _topmost_paths(paths: Iterable[str]) -> list[str]:
    """Return the paths that are not below another one.

    >>> _topmost_paths(["address", "address.city", "items", "items[]", "name"])
    ['address', 'items', 'name']
    """
    top: list[str] = []
    for path in paths:
        if not path.startswith(tuple(above + mark for above in top for mark in (".", "["))):
            top.append(path)
    return top


def _type_and_format(field: Field) -> str:
    return ", ".join(filter(None, (field.type or "any", field.format)))


def _yes_or_no(required: bool) -> str:
    return "yes" if required else "no"


def _fields_by_path(field: Field, above: str = "", known: Container[str] | None = None) -> _FieldsByPath:
    """Return every field below this one by its path; ``[]`` is a list's member, ``.*`` any other name.

    Of a path that is not ``known`` the fields below it are left out: a difference is listed at the top only, and a
    schema that refers to others can have any number of them.
    """
    below: dict[str, tuple[Field, bool]] = {}
    members = dict.fromkeys(field.required, Field()) | dict(field.properties)
    paths = [(f"{above}.{name}" if above else name, member, name in field.required) for name, member in members.items()]
    paths += [
        (f"{above}{mark}", member, False)
        for mark, member in (("[]", field.items), (".*", field.additional))
        if member is not None and member.type
    ]
    for path, member, required in paths:
        below[path] = member, required
        if known is None or path in known:
            below |= _fields_by_path(member, path, known)
    return below


def _event_fields_by_path(
    properties: Field, context: Field, required: Iterable[str], known: Container[str] | None = None
) -> _FieldsByPath:
    ids = {name: (Field(type="string"), name in required) for name in _TRACK_IDS}
    in_context = _fields_by_path(context, "context", known)
    return ids | dict(in_context) | dict(_fields_by_path(properties, known=known))


def _spec_places(calls: Mapping[str, spec.Call], events: Mapping[str, spec.Event]) -> dict[str, _FieldsByPath]:
    # One id of several is not a required field.
    call_fields = {
        f"call {call.name}": _fields_by_path(
            Field(
                properties={**call.fields, "type": replace(call.fields["type"], enum=(call.name,))},
                required=(*call.required, *(call.ids if len(call.ids) == 1 else ())),
            )
        )
        for call in calls.values()
    }
    event_fields = {
        f"event {event.name}": _event_fields_by_path(
            event.properties, event.context, event.ids if len(event.ids) == 1 else ()
        )
        for event in events.values()
    }
    # The fields of a batch are the calls themselves.
    return {**call_fields, "call batch": {}, **event_fields}


def _openapi_places(openapi: OpenApi, ours: Mapping[str, _FieldsByPath]) -> dict[str, _FieldsByPath]:
    calls = {
        f"call {name}": {} if name == "batch" else _fields_by_path(field, known=ours.get(f"call {name}", {}))
        for name, field in openapi.calls()
    }
    events: dict[str, _FieldsByPath] = {}
    for name, field in openapi.events():
        where = f"event {name}"
        events.setdefault(where, _openapi_event(field, ours.get(where, {})))
    return {**calls, **events}


def _openapi_event(field: Field, known: Container[str]) -> _FieldsByPath:
    """Return an event's fields; its schema is a whole call, or only the properties."""
    parts = field.properties
    if not parts.keys() & {"event", "properties", "context"}:
        return _event_fields_by_path(field, Field(), (), known)
    properties, context = parts.get("properties", Field()), parts.get("context", Field())
    return _event_fields_by_path(properties, context, field.required, known)
