"""Fields in JSON Schema's words, and the YAML files that hold them, read node by node.

A mistake in such a file is told with its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from cio_frames.spec.yaml_file import YamlFile

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

    def merged(self, other: Field) -> Field:
        """Return this field with what another says of it put on top.

        >>> base = Field(type="object", properties={"a": Field("string")})
        >>> sorted(base.merged(Field(properties={"b": Field("number")})).properties)
        ['a', 'b']
        """
        members = {**self.properties, **other.properties}
        for name in self.properties.keys() & other.properties.keys():
            mine, theirs = self.properties[name], other.properties[name]
            members[name] = mine.merged(theirs) if mine.properties and theirs.properties else theirs
        required = dict.fromkeys((*self.required, *other.required))
        return replace(self, properties=MappingProxyType(members), required=tuple(required))


class FieldsFile(YamlFile):
    """A YAML file that holds fields."""

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

    def __init__(self, path: Path, remedy: str = "Install cio-frames again.") -> None:
        super().__init__(path, remedy)
        top = self.mapping(self.root)
        self._definitions = self.mapping(top["$defs"]) if "$defs" in top else {}
        self._followed: list[str] = []

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
                raise self.error_at(node, f"unknown type {self.scalar(node)!r}; known are {known}")
            case _:
                return self.scalar(node)

    def _referred(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Field:
        if len(entries) > 1:
            raise self.error_at(node, "$ref stands alone")
        target = str(entries["$ref"].value)
        name = target.removeprefix("#/$defs/")
        if name == target or name not in self._definitions:
            raise self.error_at(node, f"$ref {target!r} leads nowhere; write '#/$defs/<name>'")
        if name in self._followed:
            raise self.error_at(node, f"$ref {target!r} leads back to itself")
        self._followed.append(name)
        found = self.field(self._definitions[name])
        self._followed.pop()
        return found
