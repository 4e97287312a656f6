"""What the Customer.io Pipelines API is, read once from ``schemas/``.

Nothing about the API is written in Python: calls, semantic events, field types, limits and regions are YAML
in JSON Schema's words, each with its source beside it. This module turns those files into frozen values.

Names of fields stand in :mod:`.wire_names`.
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
# The calls that are stored as events; https://docs.customer.io/journeys/importing-old-data speaks of events only.
EVENT_CALLS: tuple[CallName, ...] = ("track", "page", "screen")
# Journeys ignores a repeated event id if it is a valid ULID (Track API OpenAPI file).
ULID_PATTERN = "[0-7][0-9A-HJKMNP-TV-Z]{25}"


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
    """A semantic event: a name in a track call that has a meaning for Customer.io."""

    name: str
    family: str
    ids: tuple[str, ...]
    properties: Field
    context: Field
    other_names: tuple[str, ...] = ()
    description: str | None = None


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
def read_api(folder: Path | None = None) -> Api:
    """Return hosts and limits.

    Parameters
    ----------
    folder : Path, optional
        The folder of the schemas; the same holds for the other functions here. Default is the one that ships with the
        package.

    Examples
    --------
    >>> read_api().regions["eu"]
    'https://cdp-eu.customer.io'
    """
    file = FieldsFile(_schemas_folder(folder) / "api.yaml")
    keys = {"regions", "limits", "journeys", "edition"}
    entries = file.mapping(file.root, allowed=keys, required=keys)
    values = {
        key: {name: file.scalar(node) for name, node in file.mapping(entries[key]).items()}
        for key in ("regions", "limits", "journeys")
    }
    return Api(edition=file.scalar(entries["edition"]), **values)


def _schemas_folder(folder: Path | None) -> Path:
    return package_folder("schemas") if folder is None else folder


@cache
def calls(folder: Path | None = None) -> Mapping[str, Call]:
    """Return the six calls by name.

    >>> calls()["track"].bag
    'properties'
    """
    common = _common_fields(folder)
    return MappingProxyType({name: _read_call(name, common, folder) for name in CALL_NAMES})


@cache
def semantic_events(folder: Path | None = None) -> Mapping[str, Event]:
    """Return the semantic events by the name that is sent.

    >>> semantic_events()["Order Completed"].properties.properties["total"].type
    'number'
    """
    found: dict[str, Event] = {}
    events_folder = _schemas_folder(folder) / "events"
    for path in sorted(events_folder.glob("*.yaml")):
        file = FieldsFile(path)
        entries = file.mapping(file.root, allowed={"title", "$defs", "events"}, required={"events"})
        for event in events_in(file, entries["events"], path.stem, default_ids=calls(folder)["track"].ids):
            if event.name in found:
                raise SpecError(
                    f"{path}: duplicate event {event.name!r}; it is also in {found[event.name].family}.yaml.", path=path
                )
            found[event.name] = event
    if not found:
        raise SpecError(f"No events found in {events_folder}. Reinstall cio-frames.", path=events_folder)
    return MappingProxyType(found)


def semantic_event(name: str) -> Event | None:
    """Return the semantic event of this name, under any name it is known by, or None for a custom event.

    >>> semantic_event("My Own Event") is None
    True
    """
    return events_by_any_name().get(name)


@cache
def accepted_differences(folder: Path | None = None) -> AcceptedDifferences:
    """Return where this spec and the vendor's file differ on purpose.

    A difference is a :class:`cio_frames.spec.drift.Change` by its kind, its call or event, and its text.

    >>> ("removed", "event Experiment Viewed", "variant_id (string)") in accepted_differences().differences
    True
    """
    file = FieldsFile(_schemas_folder(folder) / "accepted_differences.yaml")
    keys = {"names", "not_events", "differences"}
    entries = file.mapping(file.root, allowed={"title", *keys}, required=keys)
    events = semantic_events(folder).keys()
    places = {*(f"call {name}" for name in CALL_NAMES), *(f"event {name}" for name in events)}
    names = {key: file.name(node, events) for key, node in file.mapping(entries["names"]).items()}
    return AcceptedDifferences(
        names=MappingProxyType(names),
        not_events=tuple(
            name for group in file.sequence(entries["not_events"]) for name in _schemas_of_group(file, group)
        ),
        differences=frozenset(
            each
            for group in file.sequence(entries["differences"])
            for each in _differences_of_group(file, group, places)
        ),
    )


def _schemas_of_group(file: FieldsFile, node: yaml.Node) -> tuple[str, ...]:
    parts = file.mapping(node, allowed={"reason", "schemas"}, required={"reason", "schemas"})
    return file.names(parts["schemas"])


def _differences_of_group(file: FieldsFile, node: yaml.Node, places: Set[str]) -> Iterator[tuple[str, str, str]]:
    kinds = ("added", "removed", "changed")
    parts = file.mapping(node, allowed={"reason", "where", *kinds}, required={"reason", "where"})
    for where in file.sequence(parts["where"]):
        for kind in kinds:
            for what in file.names(parts.get(kind)):
                yield kind, file.name(where, places), what


@cache
def events_by_any_name() -> Mapping[str, Event]:
    """Return the semantic events by every name that they are known by."""
    found = {other: event for event in semantic_events().values() for other in event.other_names}
    return MappingProxyType(found | dict(semantic_events()))


@cache
def _common_fields(folder: Path | None) -> Mapping[str, Field]:
    file = FieldsFile(_schemas_folder(folder) / "common.yaml")
    entries = file.mapping(file.root, allowed={"title", "$defs", "properties"}, required={"properties"})
    return {name: file.field(node) for name, node in file.mapping(entries["properties"]).items()}


def _read_call(name: CallName, common: Mapping[str, Field], folder: Path | None) -> Call:
    file = FieldsFile(_schemas_folder(folder) / "calls" / f"{name}.yaml")
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


def events_in(file: FieldsFile, node: yaml.Node, family: str, *, default_ids: tuple[str, ...]) -> Iterator[Event]:
    """Yield the events of a file with the keys of ``schemas/events/``."""
    keys = {"ids", "required", "properties", "context", "other_names", "description"}
    for name, below in file.mapping(node).items():
        parts = file.mapping(below, allowed=keys)
        yield Event(
            name=name,
            family=family,
            ids=file.names(parts["ids"]) if "ids" in parts else default_ids,
            properties=Field(
                type="object",
                required=file.names(parts.get("required")),
                properties=file.fields(parts.get("properties")),
            ),
            context=file.field(parts["context"]) if "context" in parts else Field(type="object"),
            other_names=file.names(parts.get("other_names")),
            description=str(file.scalar(parts["description"])) if "description" in parts else None,
        )
