"""What the Customer.io Pipelines API is, read once from ``schemas/``.

Nothing about the API is written in Python: calls, semantic events, field types, limits and regions are YAML
in JSON Schema's words, each with its source beside it. This module turns those files into frozen values.

Wire names are camelCase (``userId``), Python names snake_case (``user_id``). Only this module and
:mod:`cio_frames.columns` know both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import yaml

from cio_frames.errors import SpecError
from cio_frames.spec.fields import Field as Field
from cio_frames.spec.fields import FieldsFile
from cio_frames.spec.package_data import package_folder

CallName = Literal["identify", "track", "page", "screen", "group", "alias"]
CALL_NAMES: tuple[CallName, ...] = get_args(CallName)

# Envelope fields that a parameter can name a column for.
WIRE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "user_id": "userId",
        "anonymous_id": "anonymousId",
        "previous_id": "previousId",
        "group_id": "groupId",
        "event": "event",
        "name": "name",
        "timestamp": "timestamp",
        "message_id": "messageId",
        "context": "context",
        "integrations": "integrations",
    }
)
PYTHON_NAMES: Mapping[str, str] = MappingProxyType({wire: name for name, wire in WIRE_NAMES.items()})


@dataclass(frozen=True, slots=True)
class Call:
    """One of the six kinds of call."""

    name: CallName
    endpoint: str
    ids: tuple[str, ...]
    required: tuple[str, ...]
    fields: Mapping[str, Field]

    @property
    def bag(self) -> str | None:
        """Where columns that feed no envelope field go: ``traits``, ``properties``, or nowhere (alias)."""
        return next((name for name in ("traits", "properties") if name in self.fields), None)


@dataclass(frozen=True, slots=True)
class Event:
    """A semantic event: a name in a track call that Customer.io gives a meaning to."""

    name: str
    family: str
    ids: tuple[str, ...]
    properties: Field
    context: Field
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Api:
    """Hosts and limits, from ``schemas/api.yaml``.

    ``limits`` are the API's own; ``journeys`` are those of the store behind it, which the API does not enforce.
    """

    regions: Mapping[str, str]
    limits: Mapping[str, int]
    journeys: Mapping[str, int]
    edition: str


@dataclass(frozen=True, slots=True)
class AcceptedDifferences:
    """Where this spec and the vendor's file differ on purpose, from ``schemas/accepted_differences.yaml``."""

    names: Mapping[str, str]
    not_events: tuple[str, ...]
    differences: Set[tuple[str, str, str]]


@cache
def read_api() -> Api:
    """Return hosts and limits.

    >>> read_api().regions["eu"]
    'https://cdp-eu.customer.io'
    """
    file = FieldsFile(package_folder("schemas") / "api.yaml")
    keys = {"regions", "limits", "journeys", "edition"}
    entries = file.mapping(file.root, allowed=keys, required=keys)
    values = {
        key: {name: file.scalar(node) for name, node in file.mapping(entries[key]).items()}
        for key in ("regions", "limits", "journeys")
    }
    return Api(edition=file.scalar(entries["edition"]), **values)


@cache
def calls() -> Mapping[str, Call]:
    """Return the six calls by name.

    >>> calls()["track"].bag
    'properties'
    """
    common = _common_fields()
    return MappingProxyType({name: _read_call(name, common) for name in CALL_NAMES})


@cache
def semantic_events() -> Mapping[str, Event]:
    """Return the semantic events by the name that is sent.

    >>> semantic_events()["Order Completed"].properties.properties["total"].type
    'number'
    """
    found: dict[str, Event] = {}
    folder = package_folder("schemas") / "events"
    for path in sorted(folder.glob("*.yaml")):
        for event in _read_events(path):
            if event.name in found:
                raise SpecError(
                    f"{path}: {event.name!r} is also in the family {found[event.name].family!r}.", path=path
                )
            found[event.name] = event
    if not found:
        raise SpecError(f"{folder} holds no events. Install cio-frames again.", path=folder)
    return MappingProxyType(found)


def semantic_event(name: str) -> Event | None:
    """Return the semantic event of this name, under any name it is known by, or None for a custom event.

    >>> semantic_event("My Own Event") is None
    True
    """
    return events_by_any_name().get(name)


@cache
def accepted_differences() -> AcceptedDifferences:
    """Return where this spec and the vendor's file differ on purpose.

    A difference is what :mod:`cio_frames.spec.drift` would say of it: its kind, its call or event, and the words.

    >>> ("removed", "event Experiment Viewed", "variant_id (string)") in deliberate().differences
    True
    """
    file = FieldsFile(package_folder("schemas") / "accepted_differences.yaml")
    keys = {"names", "not_events", "differences"}
    entries = file.mapping(file.root, allowed={"title", *keys}, required=keys)
    names = {key: file.name(node, semantic_events().keys()) for key, node in file.mapping(entries["names"]).items()}
    return AcceptedDifferences(
        names=MappingProxyType(names),
        not_events=tuple(name for group in file.sequence(entries["not_events"]) for name in _not_events(file, group)),
        differences=frozenset(
            each for group in file.sequence(entries["differences"]) for each in _differences(file, group)
        ),
    )


def _not_events(file: FieldsFile, node: yaml.Node) -> tuple[str, ...]:
    parts = file.mapping(node, allowed={"reason", "schemas"}, required={"reason", "schemas"})
    return file.names(parts["schemas"])


def _differences(file: FieldsFile, node: yaml.Node) -> Iterator[tuple[str, str, str]]:
    kinds = ("added", "removed", "changed")
    parts = file.mapping(node, allowed={"reason", "where", *kinds}, required={"reason", "where"})
    known = {*(f"call {name}" for name in CALL_NAMES), *(f"event {name}" for name in semantic_events())}
    for where in file.sequence(parts["where"]):
        for kind in kinds:
            for what in file.names(parts.get(kind)):
                yield kind, file.name(where, known), what


@cache
def events_by_any_name() -> Mapping[str, Event]:
    """Return the semantic events by every name that they are known by."""
    found = {other: event for event in semantic_events().values() for other in event.other_names}
    return MappingProxyType(found | dict(semantic_events()))


@cache
def _common_fields() -> Mapping[str, Field]:
    file = FieldsFile(package_folder("schemas") / "common.yaml")
    entries = file.mapping(file.root, allowed={"title", "$defs", "properties"}, required={"properties"})
    return {name: file.field(node) for name, node in file.mapping(entries["properties"]).items()}


def _read_call(name: CallName, common: Mapping[str, Field]) -> Call:
    file = FieldsFile(package_folder("schemas") / "calls" / f"{name}.yaml")
    keys = {"title", "endpoint", "ids", "required", "properties", "$defs"}
    entries = file.mapping(file.root, allowed=keys, required={"endpoint", "properties"})
    own = {key: file.field(node) for key, node in file.mapping(entries["properties"]).items()}
    return Call(
        name=name,
        endpoint=file.scalar(entries["endpoint"]),
        ids=file.names(entries.get("ids")),
        required=file.names(entries.get("required")),
        fields=MappingProxyType(own | dict(common)),
    )


def _read_events(path: Path) -> Iterator[Event]:
    file = FieldsFile(path)
    entries = file.mapping(file.root, allowed={"title", "$defs", "events"}, required={"events"})
    return events_in(file, entries["events"], family=path.stem)


def events_in(file: FieldsFile, node: yaml.Node, family: str) -> Iterator[Event]:
    """Yield the events of a file of the form of ``schemas/events/``."""
    keys = {"ids", "required", "properties", "context", "other_names", "description"}
    for name, below in file.mapping(node).items():
        parts = file.mapping(below, allowed=keys)
        yield Event(
            name=name,
            family=family,
            ids=file.names(parts["ids"]) if "ids" in parts else calls()["track"].ids,
            properties=Field(
                type="object",
                required=file.names(parts.get("required")),
                properties=file.fields(parts.get("properties")),
            ),
            context=file.field(parts["context"]) if "context" in parts else Field(type="object"),
            other_names=file.names(parts.get("other_names")),
        )
