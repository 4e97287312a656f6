"""Where a vendor's OpenAPI file and ``schemas/`` have drifted apart.

Calls are known by their paths. An event is known by the one name that its ``event`` field may have, else by its
schema's key, else by its title. Both sides become fields in the words of :class:`cio_frames.spec.Field`, each under a
dotted path (``products[].price``), and the paths are compared. What was settled on purpose, in
``schemas/accepted_differences.yaml``, is no drift.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import reduce
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import unquote

import yaml

from cio_frames import spec
from cio_frames.errors import CioFramesError
from cio_frames.spec import Field

Kind = Literal["added", "removed", "changed"]
_KINDS: tuple[Kind, ...] = get_args(Kind)

# A field by its path, and whether it is required.
_Fields: TypeAlias = Mapping[str, tuple[Field, bool]]

# What every track call may carry, and an event's schema says more of.
_IDS = ("userId", "anonymousId")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``added`` is in the vendor's file alone, ``removed`` in ``schemas/`` alone.

    >>> print(Change("added", "event Order Completed", "tip", theirs="number"))
    added    event Order Completed: tip (number)
    """

    kind: Kind
    where: str
    what: str = ""
    ours: str | None = None
    theirs: str | None = None

    @property
    def words(self) -> str:
        """What is different, as ``schemas/accepted_differences.yaml`` has it too; nothing for a whole call or event.

        >>> Change("changed", "call track", "type required", "no", "yes").words
        'type required no -> yes'
        """
        if self.kind == "changed":
            return f"{self.what} {self.ours or 'none'} -> {self.theirs or 'none'}"
        return f"{self.what} ({self.ours or self.theirs})" if self.what else ""

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.where}" + (f": {self.words}" if self.words else "")


def read_openapi(path: str | Path) -> Any:
    """Read a JSON or YAML file, whatever its name ends in.

    Parameters
    ----------
    path : str or Path
        The vendor's file.

    Raises
    ------
    CioFramesError
        The file is not there, or is neither JSON nor YAML.

    Examples
    --------
    >>> from cio_frames.spec.package_data import package_folder
    >>> sorted(read_openapi(package_folder("schemas") / "api.yaml"))
    ['edition', 'journeys', 'limits', 'regions']
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        # YAML would read JSON too, many times slower.
        return json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except OSError as error:
        raise CioFramesError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise CioFramesError(f"{path} is neither JSON nor YAML: {error}") from error


def drift(openapi: Any) -> list[Change]:
    """Compare a vendor's OpenAPI description with ``schemas/``.

    A file that holds only a part of the API has removed the rest: each call and event of ours that it lacks is one
    change. Of a field that one side lacks, the fields below are not listed. A schema that is no event by name, and that
    others refer to, is taken for a part of them; one that nothing refers to, for a new event.

    Parameters
    ----------
    openapi : mapping
        An OpenAPI 3.0 or 3.1 description, as JSON or YAML give it.

    Returns
    -------
    list of Change
        What was added, then what was removed, then what was changed; calls before events.

    Raises
    ------
    CioFramesError
        It is no such description, or a ``$ref`` in it leads nowhere or back to itself.

    Examples
    --------
    >>> description = {"openapi": "3.1.0", "paths": {"/v1/merge": {"post": {}}}}
    >>> changes = drift(description)
    >>> print(changes[0])
    added    call merge
    >>> print(changes[1])
    removed  call identify
    """
    try:
        theirs = _theirs(_OpenApi(openapi))
    except RecursionError as error:
        raise CioFramesError("The OpenAPI file is nested too deeply, or contains itself.") from error
    ours = _ours()
    # A dict keeps the order of ours, and what is new comes last.
    found = [
        change
        for where in sorted(ours | theirs, key=lambda where: not where.startswith("call "))
        for change in _compared(where, ours.get(where), theirs.get(where))
    ]
    settled = spec.accepted_differences().differences
    drifted = [change for change in found if (change.kind, change.where, change.words) not in settled]
    return sorted(drifted, key=lambda change: _KINDS.index(change.kind))


def _compared(where: str, ours: _Fields | None, theirs: _Fields | None) -> Iterator[Change]:
    if ours is None or theirs is None:
        yield Change("added" if ours is None else "removed", where)
        return
    for path in _topmost(path for path in theirs if path not in ours):
        yield Change("added", where, path, theirs=_said(theirs[path][0]))
    for path in _topmost(path for path in ours if path not in theirs):
        yield Change("removed", where, path, ours=_said(ours[path][0]))
    for path in ours:
        if path in theirs:
            yield from _changes_of(path, where, ours[path], theirs[path])


def _changes_of(path: str, where: str, ours: tuple[Field, bool], theirs: tuple[Field, bool]) -> Iterator[Change]:
    (mine, required), (other, their_required) = ours, theirs
    pairs = {
        "type": (mine.type, other.type),
        # `digits` is a word of ours, and says how text is taken, not what the API takes.
        "format": (None if mine.format == "digits" else mine.format, other.format),
        "required": (_yes(required), _yes(their_required)),
    }
    # Without an enum any value will do, which is more than the loss of each single one.
    if bool(mine.enum) != bool(other.enum):
        pairs["enum"] = (", ".join(mine.enum) or None, ", ".join(other.enum) or None)
    else:
        for value in (value for value in other.enum if value not in mine.enum):
            yield Change("added", where, f"{path} enum", theirs=value)
        for value in (value for value in mine.enum if value not in other.enum):
            yield Change("removed", where, f"{path} enum", ours=value)
    for what, (said, said_there) in pairs.items():
        if said != said_there:
            yield Change("changed", where, f"{path} {what}", said, said_there)


def _topmost(paths: Iterable[str]) -> list[str]:
    """Return the paths that are not below another one.

    >>> _topmost(["address", "address.city", "items", "items[]", "name"])
    ['address', 'items', 'name']
    """
    top: list[str] = []
    for path in paths:
        if not path.startswith(tuple(above + mark for above in top for mark in (".", "["))):
            top.append(path)
    return top


def _said(field: Field) -> str:
    return ", ".join(filter(None, (field.type or "any", field.format)))


def _yes(required: bool) -> str:
    return "yes" if required else "no"


def _flat(field: Field, above: str = "") -> _Fields:
    """Return every field below this one by its path; ``[]`` is a list's member, ``.*`` any other name."""
    below: dict[str, tuple[Field, bool]] = {}
    members = dict.fromkeys(field.required, Field()) | dict(field.properties)
    paths = [(f"{above}.{name}" if above else name, member, name in field.required) for name, member in members.items()]
    paths += [
        (f"{above}{mark}", member, False)
        for mark, member in (("[]", field.items), (".*", field.additional))
        if member is not None and member.type
    ]
    for path, member, required in paths:
        below |= {path: (member, required), **_flat(member, path)}
    return below


def _event(properties: Field, context: Field, required: Iterable[str]) -> _Fields:
    ids = {name: (Field(type="string"), name in required) for name in _IDS}
    return ids | dict(_flat(context, "context")) | dict(_flat(properties))


def _ours() -> dict[str, _Fields]:
    # One id of several is no required field.
    calls = {
        f"call {call.name}": _flat(
            Field(
                properties={**call.fields, "type": replace(call.fields["type"], enum=(call.name,))},
                required=(*call.required, *(call.ids if len(call.ids) == 1 else ())),
            )
        )
        for call in spec.calls().values()
    }
    events = {
        f"event {event.name}": _event(event.properties, event.context, event.ids if len(event.ids) == 1 else ())
        for event in spec.semantic_events().values()
    }
    # The fields of a batch are the calls themselves.
    return {**calls, "call batch": {}, **events}


def _theirs(openapi: _OpenApi) -> dict[str, _Fields]:
    calls = {f"call {name}": {} if name == "batch" else _flat(field) for name, field in openapi.calls()}
    events: dict[str, _Fields] = {}
    for name, field in openapi.events():
        events.setdefault(f"event {name}", _their_event(field))
    return {**calls, **events}


def _their_event(field: Field) -> _Fields:
    """Return an event's fields; its schema is a whole call, or the properties alone."""
    parts = field.properties
    if not parts.keys() & {"event", "properties", "context"}:
        return _event(field, Field(), ())
    return _event(parts.get("properties", Field()), parts.get("context", Field()), field.required)


class _OpenApi:
    """A vendor's description: its calls and events as fields, with ``$ref`` followed and schemas merged."""

    def __init__(self, document: Any) -> None:
        if not isinstance(document, Mapping) or "openapi" not in document:
            raise CioFramesError("This is no OpenAPI file: it has no key 'openapi' at its top.")
        if not str(document["openapi"]).startswith(("3.0", "3.1")):
            raise CioFramesError(f"OpenAPI 3.0 or 3.1 is needed; this file is {document['openapi']}.")
        self._document = document
        self._followed: list[str] = []
        self._bodies = {name: self._body(item) for name, item in self._posts()}
        self._schemas = _mapping(_mapping(document.get("components", {})).get("schemas", {}))

    def calls(self) -> Iterator[tuple[str, Field]]:
        """Yield each call by the last part of its path; what is an event among its variants is left to the events."""
        for name, body in self._bodies.items():
            kept = {
                key: variants
                for key in ("oneOf", "anyOf")
                if (variants := [each for each in _list(body.get(key, [])) if _event_name(self._field(each)) is None])
            }
            others = {key: value for key, value in body.items() if key not in ("oneOf", "anyOf")}
            yield name, self._field({**others, **kept})

    def events(self) -> Iterator[tuple[str, Field]]:
        """Yield each event by our name for it, or by the vendor's if it is new."""
        referred = set(_referred(self._document))
        for key, schema in self._schemas.items():
            field = self._field(schema)
            name = _event_name(field) or _known_name(str(key), _title(schema))
            if name is None and field.properties and f"#/components/schemas/{key}" not in referred:
                name = _new_name(str(key), _title(schema))
            if name is not None:
                yield _our_name(name), field
        for body in self._bodies.values():
            for variant in [*_list(body.get("oneOf", [])), *_list(body.get("anyOf", []))]:
                field = self._field(variant)
                if (name := _event_name(field)) is not None:
                    yield _our_name(name), field

    def _posts(self) -> Iterator[tuple[str, Any]]:
        for path, item in _mapping(self._document.get("paths", {})).items():
            yield str(path).strip("/").removeprefix("v1/"), _mapping(self._at(item)).get("post", {})

    def _body(self, operation: Any) -> Mapping[str, Any]:
        body = _mapping(self._at(_mapping(operation).get("requestBody", {})))
        content = _mapping(body.get("content", {}))
        return _mapping(self._at(_mapping(content.get("application/json", {})).get("schema", {})))

    def _field(self, node: Any) -> Field:
        # true and false are schemas too, and say nothing about fields.
        if isinstance(node, bool):
            return Field()
        schema = _mapping(node)
        parts = [self._own(schema), *map(self._field, _list(schema.get("allOf", [])))]
        if "$ref" in schema:
            parts.append(self._following(schema["$ref"], self._field))
        for key in ("oneOf", "anyOf"):
            variants = [self._field(each) for each in _list(schema.get(key, [])) if not _is_null(each)]
            if variants:
                parts.append(reduce(_either, variants))
        return reduce(_both, parts)

    def _own(self, schema: Mapping[str, Any]) -> Field:
        """Return what a schema says itself, apart from others that it refers to or combines."""
        members = {str(name): self._field(member) for name, member in _mapping(schema.get("properties", {})).items()}
        items = self._field(schema["items"]) if "items" in schema else None
        additional = schema.get("additionalProperties")
        return Field(
            type=_type(schema) or ("object" if members else "array" if items else None),
            format=str(schema.get("format") or "") or None,
            enum=tuple(str(value) for value in _values(schema) if value is not None),
            required=tuple(map(str, _list(schema.get("required", [])))),
            properties=members,
            items=items,
            additional=None if additional is None else self._field(additional),
        )

    def _at(self, node: Any) -> Any:
        """Return the node, or what it refers to."""
        if isinstance(node, Mapping) and "$ref" in node:
            return self._following(node["$ref"], self._at)
        return node

    def _following(self, pointer: Any, read: Callable[[Any], Any]) -> Any:
        if pointer in self._followed:
            circle = " -> ".join([*self._followed[self._followed.index(pointer) :], pointer])
            raise CioFramesError(f"$ref goes in a circle: {circle}.")
        self._followed.append(pointer)
        found = read(self._referred_to(pointer))
        self._followed.pop()
        return found

    def _referred_to(self, pointer: Any) -> Any:
        if not isinstance(pointer, str) or not pointer.startswith("#/"):
            raise CioFramesError(f"$ref {pointer!r} leads out of the file; '#/...' is needed.")
        node: Any = self._document
        for part in pointer.removeprefix("#/").split("/"):
            # JSON pointers escape their own signs, and a URL escapes the rest.
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            elif isinstance(node, Mapping) and name in node:
                node = node[name]
            else:
                raise CioFramesError(f"$ref {pointer!r} leads nowhere.")
        return node


def _both(one: Field, other: Field) -> Field:
    """Return a field that is as both say (allOf)."""
    common = tuple(value for value in one.enum if value in other.enum)
    return Field(
        type=one.type or other.type,
        format=one.format or other.format,
        enum=common if one.enum and other.enum else one.enum or other.enum,
        required=tuple(dict.fromkeys(one.required + other.required)),
        properties=_together(one.properties, other.properties, _both),
        items=_of_two(one.items, other.items, _both),
        additional=_of_two(one.additional, other.additional, _both),
    )


def _either(one: Field, other: Field) -> Field:
    """Return a field that is as one or the other says (oneOf, anyOf): what any has, and what all require."""
    types = {name for field in (one, other) for name in (field.type or "").split(" or ")}
    return Field(
        type=" or ".join(sorted(types)) if one.type and other.type else None,
        format=one.format if one.format == other.format else None,
        enum=tuple(dict.fromkeys(one.enum + other.enum)) if one.enum and other.enum else (),
        required=tuple(name for name in one.required if name in other.required),
        properties=_together(one.properties, other.properties, _either),
        items=_of_two(one.items, other.items, _either),
        additional=_of_two(one.additional, other.additional, _either),
    )


_Merge: TypeAlias = Callable[[Field, Field], Field]


def _together(one: Mapping[str, Field], other: Mapping[str, Field], merge: _Merge) -> Mapping[str, Field]:
    return {**one, **{name: merge(one[name], field) if name in one else field for name, field in other.items()}}


def _of_two(one: Field | None, other: Field | None, merge: _Merge) -> Field | None:
    return merge(one, other) if one is not None and other is not None else one or other


def _type(schema: Mapping[str, Any]) -> str | None:
    """Return a schema's type; null, which every field may be, is left out.

    >>> _type({"type": ["string", "null"]}), _type({"type": ["string", "number"]}), _type({})
    ('string', 'number or string', None)
    """
    types = schema.get("type", [])
    return " or ".join(sorted(set(map(str, types if isinstance(types, list) else [types])) - {"null"})) or None


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in ("null", ["null"])


def _values(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else _list(schema.get("enum", []))


def _event_name(field: Field) -> str | None:
    event = field.properties.get("event", Field())
    return event.enum[0] if len(event.enum) == 1 else None


def _known_name(key: str, title: str) -> str | None:
    # The key first: the edition of September 2026 has one title for four events.
    names = (spec.accepted_differences().names.get(key, ""), key.replace("_", " "), title)
    return next((name for name in names if name.casefold() in _our_names()), None)


def _new_name(key: str, title: str) -> str | None:
    if any(fnmatchcase(key, pattern) for pattern in spec.accepted_differences().not_events):
        return None
    return title or key.replace("_", " ").title()


def _title(schema: Any) -> str:
    return str(schema.get("title", "")).strip() if isinstance(schema, Mapping) else ""


def _our_name(name: str) -> str:
    return _our_names().get(name.casefold(), name)


def _our_names() -> Mapping[str, str]:
    events = spec.semantic_events().values()
    return {name.casefold(): event.name for event in events for name in (event.name, *event.other_names)}


def _referred(node: Any) -> Iterator[str]:
    """Yield every ``$ref`` at or below this node."""
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for member in node.values():
            yield from _referred(member)
    elif isinstance(node, list):
        for member in node:
            yield from _referred(member)


def _mapping(node: Any) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        raise CioFramesError(f"This is no OpenAPI file: it has {node!r:.60} where a mapping is needed.")
    return node


def _list(node: Any) -> list[Any]:
    if not isinstance(node, list):
        raise CioFramesError(f"This is no OpenAPI file: it has {node!r:.60} where a list is needed.")
    return node
