"""Properties that a semantic event does not have: warnings, each with the closest name that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as kinds

from cio_frames import spec
from cio_frames._util.did_you_mean import closest_name
from cio_frames.arrow.normalize import column_of
from cio_frames.columns import Columns, FieldSource
from cio_frames.spec.tracking_plan import TrackingPlan
from cio_frames.validation import cells
from cio_frames.validation.pandera_runner import failure_cases
from cio_frames.validation.journeys_limits import filled

CHECK = "unknown_property"
# What Journeys calls createdAt is taken too.
_JOURNEYS_OWN = ("created_at",)


def unknown_property_warnings(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning`` for properties that the event is not known to have.

    An event whose properties are free (a device's attributes) has none that are unknown.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> orders = pd.DataFrame({"user_id": ["ada"], "order_ID": ["7"]})
    >>> columns = resolve(
    ...     orders.columns, spec.calls()["track"], ColumnMapping(), spec.semantic_event("Order Completed")
    ... )
    >>> [cases["reason"].tolist() for cases in unknown_property_warnings(orders, columns)]
    [["order_ID: is no property of Order Completed; did you mean 'order_id'?"]]
    """
    event = columns.event
    if event is None or not event.properties.properties:
        return
    common = columns.call.fields["properties"]
    known = spec.Field(type="object", properties={**common.properties, **event.properties.properties})
    for source in columns.sources:
        if source.path[0] != "properties":
            continue
        for place, close, rows in _unknown(frame, source, known):
            label = f"{source.label}{place}"
            meant = f"; did you mean {close!r}?" if close else ", as far as the spec knows"
            reason = f"{label}: is no property of {event.name}{meant}"
            yield failure_cases(rows, source.label, CHECK, reason, severity="warning")


def misspelt_warnings(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning`` for traits and properties that the spec knows by another spelling.

    Names are free, so that only case and separators tell a slip from a trait of one's own. Semantic events have a list
    of their properties, which says more.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada"], "E-mail": ["ada@example.com"]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [cases["reason"].tolist() for cases in misspelt_warnings(people, columns)]
    [["E-mail: becomes a trait of its own; did you mean 'email'?"]]
    """
    bag = columns.call.bag
    if bag is None or columns.event is not None:
        return
    known = set(columns.call.fields[bag].properties)
    sent = {source.path[1] for source in columns.sources if source.path[0] == bag}
    for source in columns.sources:
        if source.path[0] != bag or source.path[1] in {*known, *_JOURNEYS_OWN}:
            continue
        name = source.path[1]
        meant = closest_name(name, known, cutoff=1)
        # Who sends both means both.
        if meant is None or meant in sent:
            continue
        kind = "trait" if bag == "traits" else "property"
        under = "" if source.label == name else f", {name!r}"
        reason = f"{source.label}: becomes a {kind} of its own{under}; did you mean {meant!r}?"
        rows = np.flatnonzero(filled(frame, source))
        yield failure_cases(rows, source.label, "misspelt", reason, severity="warning")


def unknown_event_warnings(
    frame: pd.DataFrame, columns: Columns, tracking_plan: TrackingPlan
) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning`` for event names that were most likely meant otherwise.

    In a tracking plan of one's own every name that is not in it is told.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> from cio_frames.spec.tracking_plan import vendor_plan
    >>> orders = pd.DataFrame({"user_id": ["ada"]})
    >>> columns = resolve(orders.columns, spec.calls()["track"], ColumnMapping(), "order completed")
    >>> [cases["reason"].tolist() for cases in unknown_event_warnings(orders, columns, vendor_plan())]
    [["event: this event is not known; did you mean 'Order Completed'?"]]
    """
    if columns.call.name != "track" or columns.event is not None:
        return
    constant, source = columns.constants.get(("event",)), columns.source("event")
    names = [constant] * len(frame) if source is None else frame.iloc[:, source.position].astype(object).tolist()
    label = "event" if source is None else source.label
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if isinstance(name, str):
            rows.setdefault(name, []).append(row)
    for name, places in rows.items():
        close = tracking_plan.meant(name)
        if close is None and tracking_plan.title is None:
            continue
        where = f"in {tracking_plan.title}" if tracking_plan.title else "known"
        meant = f"; did you mean {close!r}?" if close else ""
        some = np.array(places, dtype=np.int64)
        values = [name] * len(places)
        reason = f"{label}: this event is not {where}{meant}"
        yield failure_cases(some, label if source else None, "unknown_event", reason, severity="warning", values=values)


def _unknown(
    frame: pd.DataFrame, source: FieldSource, known: spec.Field
) -> Iterator[tuple[str, str | None, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Yield what is unknown in a column: its place in the cell, the closest name, and the rows that have it."""
    for name in source.path[1:]:
        if _is_free(known):
            return
        if name not in known.properties:
            yield "", _closest(name, known), np.flatnonzero(filled(frame, source))
            return
        known = known.properties[name]
    column = column_of(frame.iloc[:, source.position])
    if not isinstance(column, np.ndarray):
        for place, close in dict.fromkeys(_unknown_in_type(column.type, known, "")):
            yield place, close, np.flatnonzero(filled(frame, source))
        return
    if known.properties or known.items is not None:
        rows: dict[tuple[str, str | None], list[int]] = {}
        for row, cell in enumerate(column):
            for found in set(_unknown_in_cell(cell, known, "")):
                rows.setdefault(found, []).append(row)
        for (place, close), some in rows.items():
            yield place, close, np.array(some, dtype=np.int64)


def _is_free(field: spec.Field) -> bool:
    return not field.properties or field.additional is not None


def _unknown_in_type(kind: pa.DataType, known: spec.Field, place: str) -> Iterator[tuple[str, str | None]]:
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        if known.items is not None:
            yield from _unknown_in_type(kind.value_type, known.items, f"{place}[]")
    elif kinds.is_struct(kind) and not _is_free(known):
        for member in kind:
            below = f"{place}.{member.name}"
            if member.name in known.properties:
                yield from _unknown_in_type(member.type, known.properties[member.name], below)
            else:
                yield below, _closest(member.name, known)


def _unknown_in_cell(cell: Any, known: spec.Field, place: str) -> Iterator[tuple[str, str | None]]:
    if isinstance(cell, Mapping):
        if _is_free(known):
            return
        for name, member in cell.items():
            below = f"{place}.{name}"
            if name in known.properties:
                yield from _unknown_in_cell(member, known.properties[name], below)
            else:
                yield below, _closest(str(name), known)
    elif known.items is not None and cells.is_list(cell):
        for member in cell:
            yield from _unknown_in_cell(member, known.items, f"{place}[]")


def _closest(name: str, known: spec.Field) -> str | None:
    """Return the known name that was most likely meant, whatever its case and separators.

    >>> _closest("orderID", spec.Field(properties={"order_id": spec.Field(), "total": spec.Field()}))
    'order_id'
    """
    return closest_name(name, known.properties, cutoff=0.8)
