"""pandera schemas, built from the spec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pandera.pandas as pandera

from cio_frames import spec
from cio_frames.columns import Path, field_of, schema_name
from cio_frames.errors import FrameError
from cio_frames.validation import cells, checks, members

_A_TIME = "not a time: send datetimes or ISO 8601 text; for seconds, pd.to_datetime(column, unit='s')"


def schema(call: spec.CallName, event: str | None = None) -> pandera.DataFrameSchema:
    """Return the pandera schema of a call, or of a semantic event.

    Columns are named by field: ``user_id``, ``timestamp``, traits and properties by their own name, nested ones
    dotted (``context.ip``). All may be absent and may have nulls, but for what the call cannot do without. Extend
    it, and pass it back as ``schema=``.

    Parameters
    ----------
    call : {"identify", "track", "page", "screen", "group", "alias"}
        The kind of call.
    event : str, optional
        The name of a semantic event, for track; an event of your own has only the fields of every track call.

    Returns
    -------
    pandera.DataFrameSchema

    Examples
    --------
    >>> order = schema("track", "Order Completed")
    >>> [check.error for check in order.columns["total"].checks]
    ['a number is needed']
    >>> dear = order.update_column("total", checks=[pandera.Check.ge(0, error="must not be negative")])
    """
    if call not in spec.CALL_NAMES:
        raise FrameError(f"There is no call {call!r} with a schema; there are {', '.join(spec.CALL_NAMES)}.")
    if event is not None and call != "track":
        raise FrameError(f"event={event!r} is for track; {call} has no event.")
    return schema_of(spec.calls()[call], spec.semantic_event(event) if event is not None else None, event)


def schema_of(call: spec.Call, event: spec.Event | None, name: str | None = None) -> pandera.DataFrameSchema:
    """Return the pandera schema of a call and an event, as a plan knows them."""
    roots = ["context", *([call.bag] if call.bag else [])]
    paths: list[Path] = [(wire,) for wire in spec.PYTHON_NAMES if wire in call.fields]
    paths += [(root, *path) for root in roots for path in _leaf_paths(call, event, root)]
    needed = {(wire,) for wire in call.required} | _needed_members(call, event)
    columns = {
        schema_name(path): _column(
            _of_column(field_of(call, event, path), path),
            nullable=path not in needed,
            required=path in needed and len(path) > 1,
        )
        for path in paths
    }
    return pandera.DataFrameSchema(columns, name=event.name if event else name or call.name)


def _leaf_paths(call: spec.Call, event: spec.Event | None, root: str) -> list[tuple[str, ...]]:
    """Return the paths below traits, properties or context that the spec knows."""
    members = dict(call.fields[root].leaves())
    overlay = {"properties": event.properties, "context": event.context}.get(root) if event else None
    if overlay is not None:
        members |= dict(overlay.leaves())
    return [tuple(path.split(".")) for path in members if "[]" not in path]


def _needed_members(call: spec.Call, event: spec.Event | None) -> set[Path]:
    """Return the traits, properties and parts of the context that a call or an event cannot do without."""
    needed = {path for wire, field in call.fields.items() for path in _needed_below((wire,), field)}
    if event is not None:
        needed |= {*_needed_below(("properties",), event.properties), *_needed_below(("context",), event.context)}
    return needed


def _needed_below(path: Path, field: spec.Field) -> Iterator[Path]:
    for name in field.required:
        member = field.properties[name]
        yield from _needed_below((*path, name), member) if member.properties else [(*path, name)]


def _of_column(field: spec.Field, path: Path) -> spec.Field:
    # An id or a name that is blank counts as missing, and is told as that.
    return replace(field, min_length=None) if len(path) == 1 else field


def _column(field: spec.Field, *, nullable: bool, required: bool) -> pandera.Column:
    return pandera.Column(
        dtype=None,
        checks=list(_checks(field)),
        nullable=nullable,
        required=required,
        description=field.description,
    )


def _checks(field: spec.Field) -> list[pandera.Check]:
    """Return the checks of a field: first its type, then its values."""
    found = []
    if field.format == "date-time":
        found.append(_check(checks.is_time, "date-time", _A_TIME))
    elif field.format == "digits":
        found.append(_check(checks.is_whole_or_digits, "integer", cells.NEEDED["integer"]))
    elif field.type is not None:
        found.append(_check(checks.IS_OF_TYPE[field.type], field.type, cells.NEEDED[field.type]))
    if members.has_members(field):
        found.append(_check(members.fit(field), "members", members.ERROR))
    if field.enum:
        found.append(_check(checks.is_one_of(field.enum), "enum", f"must be one of {', '.join(field.enum)}"))
    if (bounds := cells.bounds(field)) is not None:
        found.append(_check(checks.is_within(field), "bounds", bounds))
    if field.format is not None and field.format in checks.FORMATS:
        fits, words = checks.FORMATS[field.format]
        found.append(_check(fits, field.format, words))
    return found


def _check(fits: Callable[[Any], Any], name: str, error: str) -> pandera.Check:
    return pandera.Check(fits, name=re.sub(r"\W", "_", name), error=error)


def as_schema(given: Any) -> pandera.DataFrameSchema:
    """Return a user's schema, given as a schema or as a pandera model.

    Raises
    ------
    FrameError
        It is neither.
    """
    if isinstance(given, type) and issubclass(given, pandera.DataFrameModel):
        given = given.to_schema()
    if isinstance(given, pandera.DataFrameSchema):
        if given.drop_invalid_rows:
            raise FrameError("A schema with drop_invalid_rows=True hides which rows are invalid; leave that out.")
        return given
    raise FrameError(
        "schema= takes 'spec', None, a pandera DataFrameSchema or a DataFrameModel, or the path of a YAML file of the "
        f"form of schemas/, not {type(given).__name__}."
    )


def events() -> pd.DataFrame:
    """Return every field of every semantic event, one row each.

    Returns
    -------
    pandas.DataFrame
        Columns event, family, field (nested ones dotted, ``[]`` marks members of a list), type, required, format,
        enum.

    Examples
    --------
    >>> import cio_frames as cio
    >>> found = cio.events()
    >>> found.loc[found["field"].eq("products[].price") & found["event"].eq("Order Completed"), "type"].tolist()
    ['number']
    """
    rows = [
        {
            "event": event.name,
            "family": event.family,
            "field": path,
            "type": field.type,
            "required": path in event.properties.required,
            "format": field.format,
            "enum": list(field.enum) or None,
        }
        for event in spec.semantic_events().values()
        for path, field in _event_fields(event)
    ]
    return pd.DataFrame(rows, columns=["event", "family", "field", "type", "required", "format", "enum"])


def _event_fields(event: spec.Event) -> list[tuple[str, spec.Field]]:
    """Return an event's properties and the context it needs; an event without any has one row without a field."""
    context = [(f"context.{path}", field) for path, field in event.context.leaves()]
    return [*event.properties.leaves(), *context] or [("", spec.Field())]
