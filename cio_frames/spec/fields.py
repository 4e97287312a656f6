"""Fields in JSON Schema's words, and the YAML files that hold them, read node by node.

An error in such a file names its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from cio_frames.spec.yaml_file import YamlFile

# Of one file; the largest of schemas/ has some hundreds.
_MAX_FIELDS = 20_000
_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a call, in JSON Schema's words; ``type=None`` accepts any value."""

    type: str | None = None
    format: str | None = None
    enum: tuple[str, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    required: tuple[str, ...] = ()
    properties: Mapping[str, Field] = field(default_factory=lambda: _NO_FIELDS)
    items: Field | None = None
    additional: Field | None = None
    description: str | None = None

    def __deepcopy__(self, memo: object) -> Field:
        # A field never changes, and pandera copies its checks with all that they hold.
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping cannot be pickled.
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return Field, tuple({**values, "properties": dict(self.properties)}.values())

    def leaves(self, path: str = "") -> Iterator[tuple[str, Field]]:
        """Yield every field below this one with its dotted path; list members are marked ``[]``."""
        for name, member in self.properties.items():
            below = f"{path}.{name}" if path else name
            yield below, member
            yield from member.leaves(below)
        if self.items is not None:
            yield from self.items.leaves(f"{path}[]")

    def merge(self, other: Field) -> Field:
        """Return this field with another definition on top.

        >>> base = Field(type="object", properties={"a": Field("string")})
        >>> sorted(base.merge(Field(properties={"b": Field("number")})).properties)
        ['a', 'b']
        """
        members = {**self.properties, **other.properties}
        for name in self.properties.keys() & other.properties.keys():
            below, above = self.properties[name], other.properties[name]
            members[name] = below.merge(above) if below.properties and above.properties else above
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

    def __init__(self, path: Path, remedy: str = "Reinstall cio-frames.") -> None:
        super().__init__(path, remedy)
        top = self.mapping(self.root)
        self._definitions = self.mapping(top["$defs"]) if "$defs" in top else {}
        self._open_refs: list[str] = []
        self._resolved: dict[str, Field] = {}
        self._fields_left = _MAX_FIELDS

    def fields(self, node: yaml.Node | None) -> Mapping[str, Field]:
        """Return the fields of a ``properties`` mapping; none for an absent node."""
        if node is None:
            return _NO_FIELDS
        return MappingProxyType({name: self.field(member) for name, member in self.mapping(node).items()})

    def field(self, node: yaml.Node) -> Field:
        """Return one field, with ``$ref`` resolved."""
        entries = self.mapping(node, allowed={*self._FIELD_KEYS, "$ref"})
        if "$ref" in entries:
            return self._resolve_ref(node, entries)
        return Field(**{self._FIELD_KEYS[key]: self._read_part(key, value) for key, value in entries.items()})

    def _read_part(self, key: str, node: yaml.Node) -> Any:
        match key:
            case "properties":
                return self.fields(node)
            case "items" | "additionalProperties":
                return self.field(node)
            case "enum" | "required":
                return self.names(node)
            case "type" if node.value not in self._TYPES:
                known = ", ".join(self._TYPES)
                raise self.error_at(node, f"unknown type {self.scalar(node)!r}; known types are {known}")
            case _:
                return self.scalar(node)

    def _resolve_ref(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Field:
        if len(entries) > 1:
            raise self.error_at(node, "$ref does not allow other keys beside it")
        target = str(entries["$ref"].value)
        name = target.removeprefix("#/$defs/")
        if name == target or name not in self._definitions:
            raise self.error_at(node, f"$ref {target!r} not found; write '#/$defs/<name>'")
        if name in self._open_refs:
            raise self.error_at(node, f"$ref {target!r} is circular")
        if name not in self._resolved:
            self._open_refs.append(name)
            self._resolved[name] = self.field(self._definitions[name])
            self._open_refs.pop()
        if not self._open_refs:
            # Here the fields of the definition are used, with all that they refer to in turn.
            self._fields_left -= count_fields(self._resolved[name], {})
            if self._fields_left < 0:
                raise self.error_at(
                    node, f"with all that it refers to, the file has more than {_MAX_FIELDS:,} fields; use fewer $refs"
                )
        return self._resolved[name]


def count_fields(field: Field, known: dict[int, int]) -> int:
    """Return how many fields there are at and below a field; ``known`` has those that were counted before.

    >>> count_fields(Field(properties={"a": Field(), "b": Field(items=Field())}), {})
    4
    """
    if id(field) not in known:
        parts = (*field.properties.values(), *filter(None, (field.items, field.additional)))
        known[id(field)] = 1 + sum(count_fields(part, known) for part in parts)
    return known[id(field)]
