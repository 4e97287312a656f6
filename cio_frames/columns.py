"""Which column feeds which field.

A field of the envelope (``userId``, ``timestamp``, …) is fed by the column its parameter names, or by a column of the
field's own name. Every other column becomes a trait or a property. Dotted names nest: ``address.city``.

Columns are known by position from here on, since labels can repeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cio_frames import spec
from cio_frames._util.did_you_mean import closest_name, normalize_name
from cio_frames.errors import FrameError, MissingColumnsError

Selection = Sequence[Hashable] | Mapping[Hashable, str]
Path = tuple[str, ...]

# Envelope fields that hold objects: a mapping given for them is sent with every call, and dotted columns nest in them.
_ENVELOPE_OBJECTS = ("context", "integrations")
_IDS = ("user_id", "anonymous_id", "previous_id", "group_id", "event")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnMapping:
    """What the caller said about columns; None means "look for the field's own name".

    ``context`` and ``integrations`` are a column of objects, or one object for all calls. ``fields`` names columns for
    fields by dotted wire path, ``constants`` gives fields one value for all calls.
    """

    user_id: Hashable | None = None
    anonymous_id: Hashable | None = None
    previous_id: Hashable | None = None
    group_id: Hashable | None = None
    event: Hashable | None = None
    name: Hashable | None = None
    timestamp: Hashable | None = None
    message_id: Hashable | None = None
    context: Hashable | Mapping[str, Any] | None = None
    integrations: Hashable | Mapping[str, Any] | None = None
    traits: Selection | None = None
    properties: Selection | None = None
    type_column: Hashable | None = None
    fields: Mapping[str, Hashable] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldSource:
    """One column and the field that it feeds.

    Attributes
    ----------
    position : int
        Where the column is in the frame, from 0.
    label : Hashable
        What the frame calls it.
    path : tuple of str
        The field's place in the call, for example ``("properties", "address", "city")``.
    field : spec.Field
        What the spec says of the field; an empty Field where it says nothing.
    """

    position: int
    label: Hashable
    path: Path
    field: spec.Field

    @property
    def name(self) -> str:
        """The field's name in a schema: ``user_id``, ``address.city``, ``context.ip``."""
        return schema_name(self.path)


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns of a frame make one kind of call."""

    call: spec.Call
    event: spec.Event | None
    constants: Mapping[Path, Any]
    sources: tuple[FieldSource, ...]

    def source(self, wire_name: str) -> FieldSource | None:
        """Return the column that feeds an envelope field."""
        return next((source for source in self.sources if source.path == (wire_name,)), None)

    @property
    def ids(self) -> tuple[str, ...]:
        """The wire ids of which a row needs at least one."""
        return self.event.ids if self.event else self.call.ids


def schema_name(path: Path) -> str:
    """Return the name by which a schema knows a field.

    Traits and properties go by their own name, except where an envelope field has it.

    >>> schema_name(("userId",)), schema_name(("properties", "total")), schema_name(("properties", "name"))
    ('user_id', 'total', 'properties.name')
    """
    if len(path) == 1 or path[0] in _ENVELOPE_OBJECTS:
        return ".".join((spec.PYTHON_NAMES.get(path[0], path[0]), *path[1:]))
    name = ".".join(path[1:])
    return f"{path[0]}.{name}" if name in spec.WIRE_NAMES else name


def resolve(
    labels: Sequence[Hashable], call: spec.Call, mapping: ColumnMapping, event: spec.Event | str | None = None
) -> Columns:
    """Say which column feeds which field of a call.

    Parameters
    ----------
    labels : sequence of Hashable
        The frame's column labels.
    call : spec.Call
        The kind of call.
    mapping : ColumnMapping
        What the caller said.
    event : spec.Event or str, optional
        The event, or the name of one of the user's own, for track calls with one name for all rows.

    Raises
    ------
    MissingColumnsError
        A named column, or one that the call needs, is not there.
    FrameError
        Two columns feed the same field, or a label cannot be a field's name.
    """
    known = event if isinstance(event, spec.Event) else None
    finder = _Finder(list(labels), call, known, mapping)
    constants = _constants(call, mapping, event.name if isinstance(event, spec.Event) else event)
    envelope = dict(finder.envelope(constants={path[0] for path in constants if len(path) == 1}))
    nested = list(finder.nested(used=set(envelope.values())))
    pairs = [((wire,), position) for wire, position in envelope.items()] + nested
    _refuse_collisions(pairs, constants, labels)
    sources = tuple(
        FieldSource(position, labels[position], path, field_of(call, known, path)) for path, position in pairs
    )
    for source in sources:
        _refuse_unwritable(source)
    return Columns(call, known, constants, sources)


def _refuse_unwritable(source: FieldSource) -> None:
    """Refuse a name that is no Unicode text: no JSON, no reason and no report could hold it."""
    try:
        "".join((str(source.label), *source.path)).encode()
    except UnicodeEncodeError:
        raise FrameError(
            f"Column {source.label!r} feeds {'.'.join(source.path)!a}, and half a surrogate pair is not Unicode "
            "text. Rename it: frame.columns = [...]."
        ) from None


def _constants(call: spec.Call, mapping: ColumnMapping, event: str | None) -> dict[Path, Any]:
    """Return the fields that have one value in all calls."""
    constants: dict[Path, Any] = {("type",): call.name}
    if event is not None:
        constants[("event",)] = event
    for name in _ENVELOPE_OBJECTS:
        given = getattr(mapping, name)
        if isinstance(given, Mapping):
            constants |= {(name, str(key)): value for key, value in given.items()}
    return constants | {tuple(path.split(".")): value for path, value in mapping.constants.items()}


def field_of(call: spec.Call, event: spec.Event | None, path: Path) -> spec.Field:
    """Return what the spec says of a field, an empty Field where it says nothing.

    >>> field_of(spec.calls()["identify"], None, ("traits", "email")).format
    'email'
    """
    found = spec.Field(type="object", properties=call.fields)
    for depth, name in enumerate(path):
        overlay = _event_members(event, path[:depth])
        known = overlay.get(name) or found.properties.get(name) or found.additional
        if known is None:
            return spec.Field()
        found = known
    return found


def _event_members(event: spec.Event | None, path: Path) -> Mapping[str, spec.Field]:
    """Return what a semantic event says of the members below a path."""
    roots = {"properties": event.properties, "context": event.context} if event else {}
    if not path or path[0] not in roots:
        return {}
    found = roots[path[0]]
    for name in path[1:]:
        found = found.properties.get(name, spec.Field())
    return found.properties


def position_of(labels: Sequence[Hashable], label: Hashable, call: str) -> int:
    """Return where a column is, from 0.

    >>> position_of(["user_id", "total"], "total", "track")
    1

    Raises
    ------
    MissingColumnsError
        It is not there.
    FrameError
        It is there more than once, or is no label at all.
    """
    try:
        count = Counter(labels)[label]
    except TypeError:
        # Without what is in it: a column's own cells, most likely.
        raise FrameError(
            f"A {type(label).__name__} is no column label; name a column: user_id='customer_id'."
        ) from None
    if count == 0:
        _refuse_levels(labels)
        raise MissingColumnsError(call, [label], labels)
    if count > 1:
        raise FrameError(
            f"Column {label!r} stands {count} times in this frame, so it is not clear which one is meant. "
            "Rename one: frame.columns = [...]."
        )
    # Not index(): it compares with each label on the way, and pd.NA is neither equal nor unequal to any.
    return {known: position for position, known in enumerate(labels)}[label]


def _refuse_levels(labels: Sequence[Hashable]) -> None:
    """Refuse labels of several levels, where a column is not found: each of them would look like the one meant."""
    for label in labels:
        if isinstance(label, tuple):
            raise FrameError(
                f"Column {label!r} has a label of several levels. Flatten them first: "
                "frame.columns = ['.'.join(filter(None, map(str, label))) for label in frame.columns]."
            )


class _Finder:
    """Finds columns for one kind of call in one frame."""

    def __init__(
        self, labels: list[Hashable], call: spec.Call, event: spec.Event | None, mapping: ColumnMapping
    ) -> None:
        self._labels = labels
        self._call = call
        self._event = event
        self._mapping = mapping
        self._counts = Counter(labels)

    def envelope(self, constants: set[str]) -> Iterator[tuple[str, int]]:
        """Yield the envelope fields that a column feeds, and its position."""
        found = {}
        for name, wire in spec.WIRE_NAMES.items():
            if wire not in self._call.fields or wire in constants:
                continue
            position = self._envelope_position(name, wire)
            if position is not None:
                found[wire] = position
        self._require(found, constants)
        yield from found.items()

    def nested(self, used: set[int]) -> Iterator[tuple[Path, int]]:
        """Yield the members of traits, properties, context and integrations, and their columns' positions."""
        bag = self._call.bag
        selected = self._selected(bag) if bag else []
        selected += [(tuple(path.split(".")), self._position(label)) for path, label in self._mapping.fields.items()]
        yield from selected
        taken = used | {position for _, position in selected} | self._other_columns()
        rest_is_sent = bag is not None and getattr(self._mapping, bag) is None
        for position, label in enumerate(self._labels):
            if position in taken or (_is_nameless(label) and not rest_is_sent):
                continue
            path = self._path(label, None)
            if path[0] in _ENVELOPE_OBJECTS and len(path) > 1:
                yield path, position
            elif bag is not None and rest_is_sent:
                yield (bag, *path), position

    def _selected(self, bag: str) -> list[tuple[Path, int]]:
        """Return the traits or properties that the caller chose."""
        selection = getattr(self._mapping, bag)
        if selection is None:
            return []
        if isinstance(selection, str):
            raise FrameError(f"{bag}={selection!r} is text; write a list of columns: {bag}=[{selection!r}].")
        fields = selection if isinstance(selection, Mapping) else dict.fromkeys(selection)
        return [((bag, *self._path(label, field)), self._position(label)) for label, field in fields.items()]

    def _other_columns(self) -> set[int]:
        """Return the columns that say which call a row is, and are no trait or property."""
        labels = {label for label in (self._mapping.type_column, self._mapping.event) if label is not None}
        if self._mapping.type_column is not None:
            # Among mixed calls an id column belongs to the calls that have it; elsewhere it is no trait.
            given = {name: getattr(self._mapping, name) for name in _IDS}
            labels |= {given[name] or label for name in _IDS for label in (name, spec.WIRE_NAMES[name])}
        return {self._position(label) for label in labels if label in self._counts}

    def _envelope_position(self, name: str, wire: str) -> int | None:
        given = getattr(self._mapping, name)
        if isinstance(given, Mapping) and name in _ENVELOPE_OBJECTS:
            return None
        if given is not None:
            return self._position(given)
        # An event may have a property of this name (live chat's message_id): then the column is the property's.
        if self._event and name in self._event.properties.properties:
            return None
        return next((self._position(label) for label in (name, wire) if label in self._counts), None)

    def _require(self, found: Mapping[str, int], constants: set[str]) -> None:
        """Refuse a frame in which no row could make this call."""
        for wire in self._call.required:
            if wire not in found and wire not in constants:
                self._refuse([wire])
        ids = self._event.ids if self._event else self._call.ids
        if ids and not any(wire in found or wire in constants for wire in ids):
            self._refuse(ids)

    def _refuse(self, wires: Sequence[str]) -> None:
        _refuse_levels(self._labels)
        names = [spec.PYTHON_NAMES[wire] for wire in wires]
        meant = self._meant(names)
        none_is_text = self._labels and not any(isinstance(label, str) for label in self._labels)
        example = self._labels[0] if none_is_text else f"{names[0].removesuffix('_id')}_ref"
        remedy = f"Name yours, for example {names[0]}={example!r}."
        if "event" in names:
            remedy = "Give one name for all rows, track('Order Completed'), or a column, event_column='action'."
        elif meant is not None:
            name, label = meant
            remedy = f"Did you mean {label!r}? Then say so: {name}={label!r}."
        elif "email" in self._counts and "user_id" in names:
            remedy = "Name yours; to know people by their address: user_id='email'."
        raise MissingColumnsError(self._call.name, names, self._labels, remedy)

    def _meant(self, names: Sequence[str]) -> tuple[str, Hashable] | None:
        """Return a parameter, and the column that was most likely meant for it."""
        for name in names:
            if (label := closest_name(name, self._labels)) is not None:
                return name, label
        # In a list of people the one id is theirs; elsewhere it may be an order's.
        alone = next((label for label in self._labels if normalize_name(str(label)) == "id"), None)
        return ("user_id", alone) if alone is not None and self._call.name == "identify" else None

    def _position(self, label: Hashable) -> int:
        return position_of(self._labels, label, self._call.name)

    def _path(self, label: Hashable, field: str | None) -> Path:
        """Return a column's path: its dotted name, taken apart where every part has a name."""
        if field is None:
            _refuse_levels([label])
            if _is_nameless(label):
                raise FrameError(f"A column has no name ({label!r}). Name it, or leave it out.")
            field = str(label)
        parts = tuple(field.split(".")) if not isinstance(label, (int, float)) else (field,)
        return parts if all(parts) else (field,)


def _is_nameless(label: Hashable) -> bool:
    return label is None or label is pd.NA or label != label


def _refuse_collisions(
    pairs: Sequence[tuple[Path, int]], constants: Mapping[Path, Any], labels: Sequence[Hashable]
) -> None:
    """Refuse two columns for one field, and a column for a field inside another's (``a`` and ``a.b``)."""
    owners: dict[Path, str] = {path: f"{path[0]}=" for path in constants}
    for path, position in pairs:
        who = f"column {labels[position]!r}"
        if path in owners:
            raise FrameError(
                f"{owners[path]} and {who} both feed {'.'.join(path)}. Rename one, or choose columns with "
                "traits=[...] or properties=[...]."
            )
        owners[path] = who
    for path, who in owners.items():
        for depth in range(1, len(path)):
            if path[:depth] in owners:
                raise FrameError(
                    f"{owners[path[:depth]]} feeds {'.'.join(path[:depth])}, and {who} feeds "
                    f"{'.'.join(path)} inside it. Rename one, or leave one out."
                )
