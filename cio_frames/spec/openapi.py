"""A vendor's OpenAPI file: its calls and events as fields of :class:`cio_frames.spec.Field`.

Calls are known by their paths. An event is known by the one name that its ``event`` field may have, else by its
schema's key, else by its title.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import yaml

from cio_frames import spec
from cio_frames.errors import CioFramesError
from cio_frames.spec import Field

# The vendor's edition of September 2026 needs some thousands.
_MAX_READS = 200_000


def read_openapi(path: str | Path) -> Any:
    """Return the content of a JSON or YAML file, whatever its extension.

    Parameters
    ----------
    path : str or Path
        The vendor's file.

    Raises
    ------
    CioFramesError
        The file is not found, or is not valid JSON or YAML.

    Examples
    --------
    >>> from cio_frames.spec.package_data import package_folder
    >>> sorted(read_openapi(package_folder("schemas") / "api.yaml"))
    ['edition', 'journeys', 'limits', 'regions']
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        # YAML reads JSON too, many times slower.
        return json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except OSError as error:
        raise CioFramesError(f"Cannot read {path}: {error.strerror}.") from error
    # PyYAML does not translate what its constructors of dates and numbers raise.
    except (ValueError, TypeError, AttributeError, LookupError, yaml.YAMLError, RecursionError) as error:
        raise CioFramesError(f"{path} is not valid JSON or YAML: {error}") from error


class OpenApi:
    """A vendor's description: its calls and events as fields, with each ``$ref`` resolved and schemas merged."""

    def __init__(self, document: Any, events: Iterable[spec.Event]) -> None:
        if not isinstance(document, Mapping) or "openapi" not in document:
            raise CioFramesError("Not a valid OpenAPI file: the key 'openapi' is missing at the top.")
        if not str(document["openapi"]).startswith(("3.0", "3.1")):
            raise CioFramesError(f"Unsupported OpenAPI version {document['openapi']}; supported are 3.0 and 3.1.")
        self._document = document
        self._spec_names = {
            name.casefold(): event.name for event in events for name in (event.name, *event.other_names)
        }
        self._open_refs: list[str] = []
        # Of the open ones, those since the last property or list member: among these a circle has no end.
        self._direct_refs: list[str] = []
        # Resolved once each, except for those in which a circle was cut that another schema may have closed.
        self._resolved: dict[str, Field] = {}
        self._cut_refs: set[str] = set()
        self._reads_left = _MAX_READS
        self._bodies = {name: self._body_schema(item) for name, item in self._post_operations()}
        self._schemas = _require_mapping(_require_mapping(document.get("components", {})).get("schemas", {}))

    def calls(self) -> Iterator[tuple[str, Field]]:
        """Yield each call by the last part of its path, without those of its variants that are events."""
        for name, body in self._bodies.items():
            kept = {
                key: variants
                for key in ("oneOf", "anyOf")
                if (
                    variants := [
                        each
                        for each in _require_list(body.get(key, []))
                        if _constant_event_name(self._read_field(each)) is None
                    ]
                )
            }
            others = {key: value for key, value in body.items() if key not in ("oneOf", "anyOf")}
            yield name, self._read_field({**others, **kept})

    def events(self) -> Iterator[tuple[str, Field]]:
        """Yield each event by its name in the spec, or by the vendor's if it is new."""
        refs = set(_all_refs(self._document))
        for key, schema in self._schemas.items():
            field = self._read_field(schema)
            name = _constant_event_name(field) or self._name_in_spec(str(key), _schema_title(schema))
            if name is None and field.properties and f"#/components/schemas/{key}" not in refs:
                name = _name_of_new_event(str(key), _schema_title(schema))
            if name is not None:
                yield self._spec_names.get(name.casefold(), name), field
        for body in self._bodies.values():
            for variant in [*_require_list(body.get("oneOf", [])), *_require_list(body.get("anyOf", []))]:
                field = self._read_field(variant)
                if (name := _constant_event_name(field)) is not None:
                    yield self._spec_names.get(name.casefold(), name), field

    def _name_in_spec(self, key: str, title: str) -> str | None:
        # The key first: the edition of September 2026 has one title for four events.
        names = (spec.accepted_differences().names.get(key, ""), key.replace("_", " "), title)
        return next((name for name in names if name.casefold() in self._spec_names), None)

    def _post_operations(self) -> Iterator[tuple[str, Any]]:
        for path, item in _require_mapping(self._document.get("paths", {})).items():
            yield str(path).strip("/").removeprefix("v1/"), _require_mapping(self._resolve_node(item)).get("post", {})

    def _body_schema(self, operation: Any) -> Mapping[str, Any]:
        body = _require_mapping(self._resolve_node(_require_mapping(operation).get("requestBody", {})))
        content = _require_mapping(body.get("content", {}))
        return _require_mapping(
            self._resolve_node(_require_mapping(content.get("application/json", {})).get("schema", {}))
        )

    def _read_field(self, node: Any) -> Field:
        # true and false are schemas too, without fields.
        if isinstance(node, bool):
            return Field()
        schema = _require_mapping(node)
        self._reads_left -= 1
        if self._reads_left < 0:
            raise CioFramesError(
                f"The OpenAPI file stands for more than {_MAX_READS:,} schemas: its parts repeat others."
            )
        parts = [self._own_field(schema), *map(self._read_field, _require_list(schema.get("allOf", [])))]
        if "$ref" in schema:
            parts.append(self._field_of_ref(schema["$ref"]))
        for key in ("oneOf", "anyOf"):
            variants = [self._read_field(each) for each in _require_list(schema.get(key, [])) if not _is_null(each)]
            if variants:
                parts.append(reduce(_unite_fields, variants))
        return reduce(_intersect_fields, parts)

    def _own_field(self, schema: Mapping[str, Any]) -> Field:
        """Return the field of a schema itself, without others that it refers to or combines."""
        outer, self._direct_refs = self._direct_refs, []
        members = {
            str(name): self._read_field(member)
            for name, member in _require_mapping(schema.get("properties", {})).items()
        }
        items = self._read_field(schema["items"]) if "items" in schema else None
        additional = schema.get("additionalProperties")
        additional = None if additional is None else self._read_field(additional)
        self._direct_refs = outer
        return Field(
            type=_schema_type(schema) or ("object" if members else "array" if items else None),
            format=str(schema.get("format") or "") or None,
            enum=tuple(str(value) for value in _enum_values(schema) if value is not None),
            required=tuple(map(str, _require_list(schema.get("required", [])))),
            properties=members,
            items=items,
            additional=additional,
        )

    def _field_of_ref(self, pointer: Any) -> Field:
        """Return the field that a ``$ref`` points to; one that contains itself is not opened once more."""
        if pointer in self._resolved:
            return self._resolved[pointer]
        if pointer in self._open_refs and pointer not in self._direct_refs:
            self._cut_refs.add(pointer)
            target = self._target_of(pointer)
            return Field(type=_schema_type(target) if isinstance(target, Mapping) else None)
        cut_before, self._cut_refs = self._cut_refs, set()
        self._direct_refs.append(pointer)
        field: Field = self._follow_ref(pointer, self._read_field)
        self._direct_refs.pop()
        if self._cut_refs <= {pointer}:
            self._resolved[pointer] = field
        self._cut_refs = cut_before | (self._cut_refs - {pointer})
        return field

    def _resolve_node(self, node: Any) -> Any:
        """Return the node, or the target of its ``$ref``."""
        if isinstance(node, Mapping) and "$ref" in node:
            return self._follow_ref(node["$ref"], self._resolve_node)
        return node

    def _follow_ref(self, pointer: Any, read: Callable[[Any], Any]) -> Any:
        if pointer in self._open_refs:
            circle = " -> ".join([*self._open_refs[self._open_refs.index(pointer) :], pointer])
            raise CioFramesError(f"Circular $ref: {circle}.")
        self._open_refs.append(pointer)
        found = read(self._target_of(pointer))
        self._open_refs.pop()
        return found

    def _target_of(self, pointer: Any) -> Any:
        if not isinstance(pointer, str) or not pointer.startswith("#/"):
            raise CioFramesError(f"Unsupported $ref {pointer!r}: it must begin with '#/' and point into the same file.")
        node: Any = self._document
        for part in pointer.removeprefix("#/").split("/"):
            # JSON pointers escape their own characters, and a URL escapes the rest.
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            elif isinstance(node, Mapping) and name in node:
                node = node[name]
            else:
                raise CioFramesError(f"$ref {pointer!r} not found.")
        return node


def _intersect_fields(one: Field, other: Field) -> Field:
    """Return a field that satisfies both (allOf)."""
    if one is other:
        return one
    common = tuple(value for value in one.enum if value in other.enum)
    return Field(
        type=one.type or other.type,
        format=one.format or other.format,
        enum=common if one.enum and other.enum else one.enum or other.enum,
        required=tuple(dict.fromkeys(one.required + other.required)),
        properties=_merge_members(one.properties, other.properties, _intersect_fields),
        items=_merge_optional(one.items, other.items, _intersect_fields),
        additional=_merge_optional(one.additional, other.additional, _intersect_fields),
    )


def _unite_fields(one: Field, other: Field) -> Field:
    """Return a field that satisfies either (oneOf, anyOf): all members, and what both require."""
    if one is other:
        return one
    types = {name for field in (one, other) for name in (field.type or "").split(" or ")}
    return Field(
        type=" or ".join(sorted(types)) if one.type and other.type else None,
        format=one.format if one.format == other.format else None,
        enum=tuple(dict.fromkeys(one.enum + other.enum)) if one.enum and other.enum else (),
        required=tuple(name for name in one.required if name in other.required),
        properties=_merge_members(one.properties, other.properties, _unite_fields),
        items=_merge_optional(one.items, other.items, _unite_fields),
        additional=_merge_optional(one.additional, other.additional, _unite_fields),
    )


_MergeFields: TypeAlias = Callable[[Field, Field], Field]


def _merge_members(one: Mapping[str, Field], other: Mapping[str, Field], merge: _MergeFields) -> Mapping[str, Field]:
    return {**one, **{name: merge(one[name], field) if name in one else field for name, field in other.items()}}


def _merge_optional(one: Field | None, other: Field | None, merge: _MergeFields) -> Field | None:
    return merge(one, other) if one is not None and other is not None else one or other


def _schema_type(schema: Mapping[str, Any]) -> str | None:
    """Return a schema's type without null, which every field may be.

    >>> _schema_type({"type": ["string", "null"]}), _schema_type({"type": ["string", "number"]}), _schema_type({})
    ('string', 'number or string', None)
    """
    types = schema.get("type", [])
    return " or ".join(sorted(set(map(str, types if isinstance(types, list) else [types])) - {"null"})) or None


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in ("null", ["null"])


def _enum_values(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else _require_list(schema.get("enum", []))


def _constant_event_name(field: Field) -> str | None:
    event = field.properties.get("event", Field())
    return event.enum[0] if len(event.enum) == 1 else None


def _name_of_new_event(key: str, title: str) -> str | None:
    if any(fnmatchcase(key, pattern) for pattern in spec.accepted_differences().not_events):
        return None
    return title or key.replace("_", " ").title()


def _schema_title(schema: Any) -> str:
    return str(schema.get("title", "")).strip() if isinstance(schema, Mapping) else ""


def _all_refs(document: Any) -> Iterator[str]:
    """Yield every ``$ref`` of a document; what YAML's aliases repeat is looked at once."""
    seen: set[int] = set()
    pending = [document]
    while pending:
        node = pending.pop()
        if not isinstance(node, (Mapping, list)) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            yield node["$ref"]
        pending.extend(node.values() if isinstance(node, Mapping) else node)


def _require_mapping(node: Any) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        raise CioFramesError(f"Not a valid OpenAPI file: expected a mapping, found {node!r:.60}.")
    return node


def _require_list(node: Any) -> list[Any]:
    if not isinstance(node, list):
        raise CioFramesError(f"Not a valid OpenAPI file: expected a list, found {node!r:.60}.")
    return node
