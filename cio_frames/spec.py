"""What the Customer.io Pipelines API is, read once from ``schemas/``.

Nothing about the API is written in Python: calls, semantic events, field types, limits and regions are YAML
in JSON Schema's words, each with its source beside it. This module turns those files into frozen values.

Wire names are camelCase (``userId``), Python names snake_case (``user_id``). Only this module and
:mod:`cio_frames.columns` know both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import yaml

from cio_frames.errors import SpecError
from cio_frames.resources import shipped

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

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a call, in JSON Schema's words; ``type=None`` takes anything."""

    type: str | None = None
    format: str | None = None
    enum: tuple[str, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    required: tuple[str, ...] = ()
    properties: Mapping[str, Field] = field(default_factory=lambda: _NOTHING)
    items: Field | None = None
    additional: Field | None = None
    description: str | None = None

    def leaves(self, path: str = "") -> Iterator[tuple[str, Field]]:
        """Yield every field below this one with its dotted path; list members are marked ``[]``."""
        for name, member in self.properties.items():
            below = f"{path}.{name}" if path else name
            yield below, member
            yield from member.leaves(below)
        if self.items is not None:
            yield from self.items.leaves(f"{path}[]")


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
    """Hosts and limits, from ``schemas/api.yaml``."""

    regions: Mapping[str, str]
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Deliberate:
    """Where this spec and the vendor's file differ on purpose, from ``schemas/deliberate.yaml``."""

    names: Mapping[str, str]
    not_events: tuple[str, ...]
    differences: Set[tuple[str, str, str]]


@cache
def api() -> Api:
    """Return hosts and limits.

    >>> api().regions["eu"]
    'https://cdp-eu.customer.io'
    """
    file = _File(shipped("schemas") / "api.yaml")
    keys = {"regions", "limits"}
    entries = file.mapping(file.root, allowed=keys, required=keys)
    return Api(
        regions={name: file.scalar(node) for name, node in file.mapping(entries["regions"]).items()},
        limits={name: file.scalar(node) for name, node in file.mapping(entries["limits"]).items()},
    )


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
    folder = shipped("schemas") / "events"
    for path in sorted(folder.glob("*.yaml")):
        for event in _read_events(path):
            if event.name in found:
                raise SpecError(f"{path}: {event.name!r} is also in the family {found[event.name].family!r}.")
            found[event.name] = event
    if not found:
        raise SpecError(f"{folder} holds no events. Install cio-frames again.")
    return MappingProxyType(found)


def semantic_event(name: str) -> Event | None:
    """Return the semantic event of this name, under any name it is known by, or None for a custom event.

    >>> semantic_event("My Own Event") is None
    True
    """
    return _events_by_any_name().get(name)


@cache
def deliberate() -> Deliberate:
    """Return where this spec and the vendor's file differ on purpose.

    A difference is what :mod:`cio_frames.drift` would say of it: its kind, its call or event, and the words.

    >>> ("removed", "event Experiment Viewed", "variant_id (string)") in deliberate().differences
    True
    """
    file = _File(shipped("schemas") / "deliberate.yaml")
    keys = {"names", "not_events", "differences"}
    entries = file.mapping(file.root, allowed={"title", *keys}, required=keys)
    names = {key: file.name(node, semantic_events().keys()) for key, node in file.mapping(entries["names"]).items()}
    return Deliberate(
        names=MappingProxyType(names),
        not_events=tuple(name for group in file.sequence(entries["not_events"]) for name in _not_events(file, group)),
        differences=frozenset(
            each for group in file.sequence(entries["differences"]) for each in _differences(file, group)
        ),
    )


def _not_events(file: _File, node: yaml.Node) -> tuple[str, ...]:
    parts = file.mapping(node, allowed={"reason", "schemas"}, required={"reason", "schemas"})
    return file.names(parts["schemas"])


def _differences(file: _File, node: yaml.Node) -> Iterator[tuple[str, str, str]]:
    kinds = ("added", "removed", "changed")
    parts = file.mapping(node, allowed={"reason", "where", *kinds}, required={"reason", "where"})
    known = {*(f"call {name}" for name in CALL_NAMES), *(f"event {name}" for name in semantic_events())}
    for where in file.sequence(parts["where"]):
        for kind in kinds:
            for what in file.names(parts.get(kind)):
                yield kind, file.name(where, known), what


@cache
def _events_by_any_name() -> Mapping[str, Event]:
    found = {other: event for event in semantic_events().values() for other in event.other_names}
    return MappingProxyType(found | dict(semantic_events()))


@cache
def _common_fields() -> Mapping[str, Field]:
    file = _File(shipped("schemas") / "common.yaml")
    entries = file.mapping(file.root, allowed={"title", "$defs", "properties"}, required={"properties"})
    return {name: file.field(node) for name, node in file.mapping(entries["properties"]).items()}


def _read_call(name: CallName, common: Mapping[str, Field]) -> Call:
    file = _File(shipped("schemas") / "calls" / f"{name}.yaml")
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
    file = _File(path)
    entries = file.mapping(file.root, allowed={"title", "$defs", "events"}, required={"events"})
    keys = {"ids", "required", "properties", "context", "other_names", "description"}
    for name, node in file.mapping(entries["events"]).items():
        parts = file.mapping(node, allowed=keys)
        yield Event(
            name=name,
            family=path.stem,
            ids=file.names(parts["ids"]) if "ids" in parts else calls()["track"].ids,
            properties=Field(
                type="object",
                required=file.names(parts.get("required")),
                properties=file.fields(parts.get("properties")),
            ),
            context=file.field(parts["context"]) if "context" in parts else Field(type="object"),
            other_names=file.names(parts.get("other_names")),
        )


class _File:
    """A YAML file read node by node, so that a mistake in it is told with its line."""

    _FIELD_KEYS: Mapping[str, str] = MappingProxyType(
        {
            "type": "type",
            "format": "format",
            "enum": "enum",
            "default": "default",
            "minimum": "minimum",
            "maximum": "maximum",
            "minLength": "min_length",
            "required": "required",
            "properties": "properties",
            "items": "items",
            "additionalProperties": "additional",
            "description": "description",
        }
    )
    _TYPES = ("array", "boolean", "integer", "number", "object", "string")
    _TEXT = "tag:yaml.org,2002:str"

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self.root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            raise SpecError(f"{path} cannot be read: {error.strerror}. Install cio-frames again.") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SpecError(f"{path} is not YAML: {error}") from error
        top = self.mapping(self.root)
        self._definitions = self.mapping(top["$defs"]) if "$defs" in top else {}
        self._followed: list[str] = []

    def mapping(
        self, node: Any, *, allowed: Set[str] | None = None, required: Set[str] = frozenset()
    ) -> dict[str, yaml.Node]:
        """Return a mapping's nodes by key; refuse unknown, repeated and missing keys."""
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, "a mapping (key: value) is needed here")
        entries: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self._text(key_node)
            if key in entries:
                raise self.wrong(key_node, f"{key!r} stands here twice")
            if allowed is not None and key not in allowed:
                raise self.wrong(key_node, f"unknown key {key!r}; known are {', '.join(sorted(allowed))}")
            entries[key] = value
        for key in sorted(required - entries.keys()):
            raise self.wrong(node, f"{key!r} is missing")
        return entries

    def scalar(self, node: yaml.Node) -> Any:
        """Return the value of a node as YAML reads it."""
        return yaml.safe_load(yaml.serialize(node))

    def names(self, node: yaml.Node | None) -> tuple[str, ...]:
        """Return a list of names; nothing for an absent one."""
        return () if node is None else tuple(map(self._text, self.sequence(node, "a list of names")))

    def name(self, node: yaml.Node, known: Set[str]) -> str:
        """Return one of these names; refuse any other."""
        if self._text(node) not in known:
            raise self.wrong(node, f"{node.value!r} is no call or event")
        return self._text(node)

    def sequence(self, node: yaml.Node, what: str = "a list") -> Sequence[yaml.Node]:
        """Return a list's nodes."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, f"{what} is needed here")
        return tuple(node.value)

    def fields(self, node: yaml.Node | None) -> Mapping[str, Field]:
        """Return the fields of a ``properties`` mapping; nothing for an absent one."""
        if node is None:
            return _NOTHING
        return MappingProxyType({name: self.field(member) for name, member in self.mapping(node).items()})

    def field(self, node: yaml.Node) -> Field:
        """Return one field, with ``$ref`` followed."""
        entries = self.mapping(node, allowed={*self._FIELD_KEYS, "$ref"})
        if "$ref" in entries:
            return self._referred(node, entries)
        return Field(**{self._FIELD_KEYS[key]: self._part(key, value) for key, value in entries.items()})

    def _part(self, key: str, node: yaml.Node) -> Any:
        match key:
            case "properties":
                return self.fields(node)
            case "items" | "additionalProperties":
                return self.field(node)
            case "enum" | "required":
                return self.names(node)
            case "type" if node.value not in self._TYPES:
                known = ", ".join(self._TYPES)
                raise self.wrong(node, f"unknown type {self.scalar(node)!r}; known are {known}")
            case _:
                return self.scalar(node)

    def _referred(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Field:
        if len(entries) > 1:
            raise self.wrong(node, "$ref stands alone")
        target = str(entries["$ref"].value)
        name = target.removeprefix("#/$defs/")
        if name == target or name not in self._definitions:
            raise self.wrong(node, f"$ref {target!r} leads nowhere; write '#/$defs/<name>'")
        if name in self._followed:
            raise self.wrong(node, f"$ref {target!r} leads back to itself")
        self._followed.append(name)
        found = self.field(self._definitions[name])
        self._followed.pop()
        return found

    def _text(self, node: yaml.Node) -> str:
        if node.tag != self._TEXT:
            raise self.wrong(node, "text is needed here; quote it if it is text, and write merges (<<) out")
        return str(node.value)

    def wrong(self, node: Any, what: str) -> SpecError:
        """Return an error that names file and line."""
        line = node.start_mark.line + 1 if node is not None else 1
        return SpecError(f"{self._path}, line {line}: {what}.")
