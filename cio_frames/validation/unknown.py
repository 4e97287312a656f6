"""Names that the spec does not know: warnings, each with the most similar known name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames import spec
from cio_frames._util.arrays import Bools
from cio_frames._util.did_you_mean import closest_name
from cio_frames.arrow.kinds import is_list
from cio_frames.columns import Columns, FieldSource
from cio_frames.spec.tracking_plan import TrackingPlan
from cio_frames.validation import cells
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.column_reader import ColumnReader
from cio_frames.validation.failures import failure_cases
from cio_frames.validation.warning_counts import ColumnWarning

# Journeys' own name of createdAt is accepted too.
_NAMES_OF_JOURNEYS = ("created_at",)

# A path inside a column's cells, and the most similar known name.
_UnknownName: TypeAlias = tuple[str, str | None]


def unknown_property_warnings(reader: ColumnReader, columns: Columns) -> Iterator[ColumnWarning]:
    """Yield warnings about properties that are not known of the event.

    An event with free properties (a device's attributes) has no unknown ones.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> orders = pd.DataFrame({"user_id": ["ada"], "order_ID": ["7"]})
    >>> columns = resolve(
    ...     orders.columns, spec.calls()["track"], ColumnMapping(), spec.semantic_event("Order Completed")
    ... )
    >>> [
    ...     (found.column, found.sentence + found.hint)
    ...     for found in unknown_property_warnings(ColumnReader(orders), columns)
    ... ]
    [('order_ID', "not a known property of Order Completed; did you mean 'order_id'?")]
    """
    event = columns.event
    if event is None or not event.properties.properties:
        return
    common = columns.call.fields["properties"]
    known = spec.Field(type="object", properties={**common.properties, **event.properties.properties})
    for source in columns.sources:
        if source.path[0] != "properties":
            continue
        for place, close, rows in _unknown_names(reader, source, known):
            sentence = f"{CHECKS['unknown_property']} of {event.name}"
            label = f"{source.label}{place}" if place else source.label
            yield ColumnWarning("unknown_property", label, rows, sentence, _suggest_name(close))


def misspelled_name_warnings(reader: ColumnReader, columns: Columns) -> Iterator[ColumnWarning]:
    """Yield warnings about traits and properties with another spelling of a known name.

    Names are free, so only case and separators tell a typo from a custom trait. Semantic events have a list of their
    properties, which is checked instead.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada"], "E-mail": ["ada@example.com"]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [
    ...     (found.column, found.sentence + found.hint)
    ...     for found in misspelled_name_warnings(ColumnReader(people), columns)
    ... ]
    [('E-mail', "becomes a new trait; did you mean 'email'?")]
    """
    bag = columns.call.bag
    if bag is None or columns.event is not None:
        return
    known = set(columns.call.fields[bag].properties)
    sent = {source.path[1] for source in columns.sources if source.path[0] == bag}
    for source in columns.sources:
        if source.path[0] != bag or source.path[1] in {*known, *_NAMES_OF_JOURNEYS}:
            continue
        name = source.path[1]
        close = closest_name(name, known, cutoff=1)
        # If both are sent, both are meant.
        if close is None or close in sent:
            continue
        kind = "trait" if bag == "traits" else "property"
        new_name = "" if source.label == name else f" {name!r}"
        sentence = f"becomes a new {kind}{new_name}"
        yield ColumnWarning("misspelled_name", source.label, reader.filled(source), sentence, _suggest_name(close))


def unknown_event_warnings(
    reader: ColumnReader, columns: Columns, tracking_plan: TrackingPlan
) -> Iterator[pd.DataFrame | ColumnWarning]:
    """Yield warnings about event names that are similar to a known one: of rows, or of the one name for all rows.

    With a team's own tracking plan, for every name that is not in it.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> from cio_frames.spec.tracking_plan import vendor_tracking_plan
    >>> orders = pd.DataFrame({"user_id": ["ada"]})
    >>> columns = resolve(orders.columns, spec.calls()["track"], ColumnMapping(), "order completed")
    >>> [found.hint for found in unknown_event_warnings(ColumnReader(orders), columns, vendor_tracking_plan())]
    ["; did you mean 'Order Completed'?"]
    """
    if columns.call.name != "track" or columns.event is not None:
        return
    constant, source = columns.constants.get((spec.EVENT,)), columns.source(spec.EVENT)
    if source is None:
        found = _sentence_of_event(constant, tracking_plan) if isinstance(constant, str) else None
        if found is not None:
            yield ColumnWarning("unknown_event", spec.EVENT, np.ones(reader.rows, dtype=bool), *found)
        return
    texts = reader.texts(source)
    if texts is None:
        return
    names = texts.dictionary_encode()
    codes = np.asarray(pc.fill_null(names.indices, -1))
    for code, name in enumerate(names.dictionary.to_pylist()):
        found = _sentence_of_event(name, tracking_plan)
        if found is not None:
            rows, reason = np.flatnonzero(codes == code), f"{source.label}: {''.join(found)}"
            yield failure_cases(
                rows, source.label, "unknown_event", reason, severity="warning", values=[name] * len(rows)
            )


def _sentence_of_event(name: str, tracking_plan: TrackingPlan) -> tuple[str, str] | None:
    """Return what is unusual about the name of an event, and the known one that is similar; None if nothing is."""
    close = tracking_plan.closest_event(name)
    if close is None and tracking_plan.title is None:
        return None
    where = f" in {tracking_plan.title}" if tracking_plan.title else ""
    return f"{CHECKS['unknown_event']}{where}", _suggest_name(close)


def _suggest_name(close: str | None) -> str:
    return f"; did you mean {close!r}?" if close else ""


def _unknown_names(
    reader: ColumnReader, source: FieldSource, known: spec.Field
) -> Iterator[tuple[str, str | None, Bools]]:
    """Yield the unknown names in a column: their path in the cell, the most similar name, and the rows with them."""
    for name in source.path[1:]:
        if _allows_any_member(known):
            return
        if name not in known.properties:
            yield "", _closest_member(name, known), reader.filled(source)
            return
        known = known.properties[name]
    column = reader.column(source)
    if not isinstance(column, np.ndarray):
        for place, close in dict.fromkeys(_unknown_in_type(column.type, known, "")):
            yield place, close, reader.filled(source)
        return
    if known.properties or known.items is not None:
        rows: dict[_UnknownName, list[int]] = {}
        for row, cell in enumerate(column):
            for found in set(_unknown_in_cell(cell, known, "")):
                rows.setdefault(found, []).append(row)
        for (place, close), positions in rows.items():
            has_it = np.zeros(reader.rows, dtype=bool)
            has_it[positions] = True
            yield place, close, has_it


def _allows_any_member(field: spec.Field) -> bool:
    return not field.properties or field.additional is not None


def _unknown_in_type(kind: pa.DataType, known: spec.Field, place: str) -> Iterator[_UnknownName]:
    if is_list(kind):
        if known.items is not None:
            yield from _unknown_in_type(kind.value_type, known.items, f"{place}[]")
    elif pa_types.is_struct(kind) and not _allows_any_member(known):
        for member in kind:
            below = f"{place}.{member.name}"
            if member.name in known.properties:
                yield from _unknown_in_type(member.type, known.properties[member.name], below)
            else:
                yield below, _closest_member(member.name, known)


def _unknown_in_cell(cell: Any, known: spec.Field, place: str) -> Iterator[_UnknownName]:
    if isinstance(cell, Mapping):
        if _allows_any_member(known):
            return
        for name, member in cell.items():
            below = f"{place}.{name}"
            if name in known.properties:
                yield from _unknown_in_cell(member, known.properties[name], below)
            else:
                yield below, _closest_member(str(name), known)
    elif known.items is not None and cells.is_list_cell(cell):
        for member in cell:
            yield from _unknown_in_cell(member, known.items, f"{place}[]")


def _closest_member(name: str, known: spec.Field) -> str | None:
    """Return the most similar known name, whatever its case and separators.

    >>> _closest_member("orderID", spec.Field(properties={"order_id": spec.Field(), "total": spec.Field()}))
    'order_id'
    """
    return closest_name(name, known.properties, cutoff=0.8)
