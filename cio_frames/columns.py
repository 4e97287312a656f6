"""Which column feeds which field.

An envelope field (``userId``, ``timestamp``, ...) is fed by the column that its parameter names, or by a column with
the field's own name. Every other column becomes a trait or a property. Dotted names nest: ``address.city``.

From here on columns are known by position, since labels can repeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pandas as pd

from cio_frames import spec
from cio_frames._util.did_you_mean import closest_name, normalize_name
from cio_frames.errors import FrameError, MissingColumnsError, by_door, parameter

Selection = Sequence[Hashable] | Mapping[Hashable, str]
Path = tuple[str, ...]

# Envelope fields that hold objects: a dict passed for them is sent with every call, and dotted columns nest in them.
_ENVELOPE_OBJECTS = ("context", "integrations")
# Parameters whose columns belong to one kind of call among mixed ones.
_CALL_PARAMETERS = ("user_id", "anonymous_id", "previous_id", "group_id", "event")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnMapping:
    """The columns that a caller names; None means that a column with the field's own name is looked up.

    ``context`` and ``integrations`` are a column of objects, or one object for all calls. ``fields`` names columns by
    the dotted wire path of their field, ``constants`` sets fields to one value for all calls.
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
        Its label in the frame.
    path : tuple of str
        The field's place in the call, for example ``("properties", "address", "city")``.
    field : spec.Field
        What the spec says about the field; an empty Field if it says nothing.
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
        """The wire names of ids; a row requires at least one of them."""
        return self.event.ids if self.event else self.call.ids


def schema_name(path: Path) -> str:
    """Return the name of a field in a schema.

    Traits and properties have their own name, unless an envelope field has the same.

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
    """Return which column feeds which field of a call.

    Parameters
    ----------
    labels : sequence of Hashable
        The frame's column labels.
    call : spec.Call
        The kind of call.
    mapping : ColumnMapping
        The columns that the caller names.
    event : spec.Event or str, optional
        The semantic event, or the name of a custom event, for track calls with one name for all rows.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        Two columns feed the same field, or a label is not a valid field name.
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
    """Raise FrameError if a name is not Unicode text: JSON, reasons and reports could not hold it."""
    try:
        "".join((str(source.label), *source.path)).encode()
    except UnicodeEncodeError:
        raise FrameError(
            f"Column {source.label!r} feeds {'.'.join(source.path)!a}, which has half a surrogate pair and so is not "
            "Unicode text. Rename it: frame.columns = [...]."
        ) from None


def _constants(call: spec.Call, mapping: ColumnMapping, event: str | None) -> dict[Path, Any]:
    """Return the fields with one value for all calls."""
    constants: dict[Path, Any] = {("type",): call.name}
    if event is not None:
        constants[("event",)] = event
    for name in _ENVELOPE_OBJECTS:
        value = getattr(mapping, name)
        if isinstance(value, Mapping):
            constants |= {(name, str(key)): member for key, member in value.items()}
    return constants | {tuple(path.split(".")): constant for path, constant in mapping.constants.items()}


def field_of(call: spec.Call, event: spec.Event | None, path: Path) -> spec.Field:
    """Return what the spec says about a field; an empty Field if it says nothing.

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
    """Return what a semantic event says about the members below a path."""
    roots = {"properties": event.properties, "context": event.context} if event else {}
    if not path or path[0] not in roots:
        return {}
    found = roots[path[0]]
    for name in path[1:]:
        found = found.properties.get(name, spec.Field())
    return found.properties


def position_of(labels: Sequence[Hashable], label: Hashable, call: str) -> int:
    """Return the position of a column, from 0.

    >>> position_of(["user_id", "total"], "total", "track")
    1

    Raises
    ------
    MissingColumnsError
        There is no such column.
    FrameError
        There are several, or the label is not hashable.
    """
    try:
        count = Counter(labels)[label]
    except TypeError:
        # The text leaves out what it holds: most likely the cells of a column.
        raise FrameError(
            f"A column label is required, got a {type(label).__name__}. Pass the name of a column, for example "
            f"{parameter('user_id', 'customer_id')}."
        ) from None
    if count == 0:
        _refuse_levels(labels)
        raise MissingColumnsError(call, [label], labels, suggest_column([label], labels))
    if count > 1:
        raise FrameError(
            f"Column {label!r} is ambiguous: {count} columns have this label. Rename one: frame.columns = [...]."
        )
    # Not index(): it compares with each label on the way, and pd.NA is neither equal nor unequal to any.
    return {known: position for position, known in enumerate(labels)}[label]


def suggest_column(wanted: Sequence[Hashable], labels: Sequence[Hashable]) -> str:
    """Return a question with the closest label to one that is missing, or an empty string.

    >>> suggest_column(["costumer"], ["customer", "total"])
    "Did you mean 'customer'?"
    >>> suggest_column(["0"], [0, 1])
    "Did you mean 0? Then write 0 and not '0'."
    """
    for label in wanted:
        closest = closest_name(str(label), labels)
        if closest is not None:
            same_text = f" Then write {closest!r} and not {label!r}." if str(closest) == str(label) else ""
            return f"Did you mean {closest!r}?{same_text}"
    return ""


def _refuse_levels(labels: Sequence[Hashable]) -> None:
    """Raise FrameError if labels have several levels: a missing column would look like each of them."""
    for label in labels:
        if isinstance(label, tuple):
            raise FrameError(
                f"Column {label!r} has a label with several levels, which is unsupported. Flatten them first: "
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
        self._check_required(found, constants)
        yield from found.items()

    def nested(self, used: set[int]) -> Iterator[tuple[Path, int]]:
        """Yield the members of traits, properties, context and integrations, and their columns' positions."""
        bag = self._call.bag
        selected = self._selected(bag) if bag else []
        selected += [(tuple(path.split(".")), self._position(label)) for path, label in self._mapping.fields.items()]
        yield from selected
        taken = used | {position for _, position in selected} | self._call_columns()
        send_remaining = bag is not None and getattr(self._mapping, bag) is None
        for position, label in enumerate(self._labels):
            if position in taken or (_is_nameless(label) and not send_remaining):
                continue
            path = self._path(label, None)
            if path[0] in _ENVELOPE_OBJECTS and len(path) > 1:
                yield path, position
            elif bag is not None and send_remaining:
                yield (bag, *path), position

    def _selected(self, bag: str) -> list[tuple[Path, int]]:
        """Return the traits or properties that the caller selects."""
        selection = getattr(self._mapping, bag)
        if selection is None:
            return []
        if isinstance(selection, str):
            raise FrameError(
                f"{parameter(bag)} must be a list of columns, got {selection!r}. Write {bag}=[{selection!r}]."
            )
        fields = selection if isinstance(selection, Mapping) else dict.fromkeys(selection)
        return [((bag, *self._path(label, field)), self._position(label)) for label, field in fields.items()]

    def _call_columns(self) -> set[int]:
        """Return the columns that say which call a row is; they are neither traits nor properties."""
        labels = {label for label in (self._mapping.type_column, self._mapping.event) if label is not None}
        if self._mapping.type_column is not None:
            # Among mixed calls an id column belongs to the calls that have the id; it is not a trait of the others.
            named = {name: getattr(self._mapping, name) for name in _CALL_PARAMETERS}
            labels |= {named[name] or label for name in named for label in (name, spec.WIRE_NAMES[name])}
        return {self._position(label) for label in labels if label in self._counts}

    def _envelope_position(self, name: str, wire: str) -> int | None:
        label = getattr(self._mapping, name)
        if isinstance(label, Mapping) and name in _ENVELOPE_OBJECTS:
            return None
        if label is not None:
            return self._position(label)
        # An event may have a property of this name (live chat's message_id): then the column is the property's.
        if self._event and name in self._event.properties.properties:
            return None
        return next((self._position(own_name) for own_name in (name, wire) if own_name in self._counts), None)

    def _check_required(self, found: Mapping[str, int], constants: set[str]) -> None:
        """Raise MissingColumnsError if no row of the frame could make this call."""
        for wire in self._call.required:
            if wire not in found and wire not in constants:
                self._raise_missing([wire])
        ids = self._event.ids if self._event else self._call.ids
        if ids and not any(wire in found or wire in constants for wire in ids):
            self._raise_missing(ids)

    def _raise_missing(self, wires: Sequence[str]) -> NoReturn:
        _refuse_levels(self._labels)
        names = [spec.PYTHON_NAMES[wire] for wire in wires]
        closest = self._closest_column(names)
        no_text_labels = self._labels and not any(isinstance(label, str) for label in self._labels)
        label: Hashable = self._labels[0] if no_text_labels else f"{names[0].removesuffix('_id')}_ref"
        remedy = f"Name the column, for example {parameter(names[0], label)}."
        if "event" in names:
            example = by_door("track('Order Completed')", "--event 'Order Completed'", "event: Order Completed")
            remedy = f"Pass one event name for all rows, {example}, or a column, {parameter('event_column', 'action')}."
            remedy = f"{suggest_column(names, self._labels)} {remedy}".strip()
        elif closest is not None:
            name, label = closest
            remedy = f"Did you mean {label!r}? Then pass {parameter(name, label)}."
        elif "email" in self._counts and "user_id" in names:
            remedy = f"Name the column; to identify people by email address: {parameter('user_id', 'email')}."
        raise MissingColumnsError(self._call.name, names, self._labels, remedy)

    def _closest_column(self, names: Sequence[str]) -> tuple[str, Hashable] | None:
        """Return a parameter, and the column that was most likely meant for it."""
        for name in names:
            if (label := closest_name(name, self._labels)) is not None:
                return name, label
        # In a list of people the only id is theirs; elsewhere it may be an order's.
        only_id = next((label for label in self._labels if normalize_name(str(label)) == "id"), None)
        return ("user_id", only_id) if only_id is not None and self._call.name == "identify" else None

    def _position(self, label: Hashable) -> int:
        return position_of(self._labels, label, self._call.name)

    def _path(self, label: Hashable, field: str | None) -> Path:
        """Return the path of a column: its dotted name, split if every part has a name."""
        if field is None:
            _refuse_levels([label])
            if _is_nameless(label):
                raise FrameError(f"A column has no name ({label!r}). Name the column, or drop it.")
            field = str(label)
        parts = tuple(field.split(".")) if not isinstance(label, (int, float)) else (field,)
        return parts if all(parts) else (field,)


def _is_nameless(label: Hashable) -> bool:
    return label is None or label is pd.NA or label != label


def _refuse_collisions(
    pairs: Sequence[tuple[Path, int]], constants: Mapping[Path, Any], labels: Sequence[Hashable]
) -> None:
    """Raise FrameError if two columns feed one field, or one a field inside another's (``a`` and ``a.b``)."""
    owners: dict[Path, str] = {path: parameter(path[0]) for path in constants}
    for path, position in pairs:
        owner = f"column {labels[position]!r}"
        if path in owners:
            raise FrameError(
                f"{owners[path]} and {owner} both feed {'.'.join(path)}. Rename one, or select columns with "
                f"{parameter('traits')} or {parameter('properties')}."
            )
        owners[path] = owner
    for path, owner in owners.items():
        for depth in range(1, len(path)):
            if path[:depth] in owners:
                raise FrameError(
                    f"{owners[path[:depth]]} feeds {'.'.join(path[:depth])}, and {owner} feeds "
                    f"{'.'.join(path)} inside it. Rename one, or drop one."
                )
