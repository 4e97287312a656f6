"""pandera schemas, built from the spec; pandera is imported at first use, since it takes as long as pandas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from cio_frames import spec
from cio_frames._util.did_you_mean import closest_name
from cio_frames.columns import Path, field_of, schema_name
from cio_frames.errors import FrameError, parameter
from cio_frames.validation import cells, members, type_checks
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.pandera_import import import_pandera

if TYPE_CHECKING:
    import pandera.pandas as pandera


def schema(call: spec.CallName, event: str | None = None) -> pandera.DataFrameSchema:
    """Return the pandera schema of a call, or of a semantic event.

    Columns are named by field: ``user_id``, ``timestamp``, traits and properties by their own name, nested ones
    dotted (``context.ip``). All may be absent or null, except for what the call requires. Extend the schema, and pass
    it as ``schema=``.

    Parameters
    ----------
    call : {"identify", "track", "page", "screen", "group", "alias"}
        The kind of call.
    event : str, optional
        The name of a semantic event, for track; a custom event has the fields of every track call.

    Returns
    -------
    pandera.DataFrameSchema

    Examples
    --------
    >>> order = schema("track", "Order Completed")
    >>> [(check.name, check.error) for check in order.columns["total"].checks]
    [('number', 'must be a number')]
    >>> import pandera.pandas as pandera
    >>> dear = order.update_column("total", checks=[pandera.Check.ge(0, error="must not be negative")])
    """
    if call not in spec.CALL_NAMES:
        raise FrameError(f"Unknown call {call!r}; calls with a schema are {', '.join(spec.CALL_NAMES)}.")
    if event is not None and call != "track":
        raise FrameError(f"{parameter('event', event)} is supported for track only, not for {call}.")
    return schema_of(spec.calls()[call], spec.semantic_event(event) if event is not None else None, event)


def schema_of(call: spec.Call, event: spec.Event | None, name: str | None = None) -> pandera.DataFrameSchema:
    """Return the pandera schema of a call and an event of a tracking plan."""
    import_pandera()
    from cio_frames.validation.spec_schema import SpecSchema

    roots = ["context", *([call.bag] if call.bag else [])]
    paths: list[Path] = [(wire,) for wire in spec.PYTHON_NAMES if wire in call.fields]
    paths += [(root, *path) for root in roots for path in _leaf_paths(call, event, root)]
    required = {(wire,) for wire in call.required} | _required_members(call, event)
    columns = {
        schema_name(path): _pandera_column(
            _field_of_column(field_of(call, event, path), path),
            nullable=path not in required,
            required=path in required and len(path) > 1,
        )
        for path in paths
    }
    return SpecSchema(columns, name=event.name if event else name or call.name)


def _leaf_paths(call: spec.Call, event: spec.Event | None, root: str) -> list[tuple[str, ...]]:
    """Return the paths below traits, properties or context that the spec knows."""
    members = dict(call.fields[root].leaves())
    overlay = {"properties": event.properties, "context": event.context}.get(root) if event else None
    if overlay is not None:
        members |= dict(overlay.leaves())
    return [tuple(path.split(".")) for path in members if "[]" not in path]


def _required_members(call: spec.Call, event: spec.Event | None) -> set[Path]:
    """Return the traits, properties and parts of the context that a call or an event requires."""
    required = {path for wire, field in call.fields.items() for path in _required_below((wire,), field)}
    if event is not None:
        required |= {*_required_below(("properties",), event.properties), *_required_below(("context",), event.context)}
    return required


def _required_below(path: Path, field: spec.Field) -> Iterator[Path]:
    for name in field.required:
        member = field.properties[name]
        yield from _required_below((*path, name), member) if member.properties else [(*path, name)]


def _field_of_column(field: spec.Field, path: Path) -> spec.Field:
    # A blank id or name is missing, and is reported as that.
    return replace(field, min_length=None) if len(path) == 1 else field


def _pandera_column(field: spec.Field, *, nullable: bool, required: bool) -> pandera.Column:
    import pandera.pandas as pandera

    return pandera.Column(
        dtype=None,
        checks=_checks_of(field),
        nullable=nullable,
        required=required,
        description=field.description,
    )


def _checks_of(field: spec.Field) -> list[pandera.Check]:
    """Return the checks of a field: first its type, then its values."""
    found = []
    if field.format == "date-time":
        found.append(_make_check(type_checks.fits_time, "date_time"))
    elif field.format == "digits":
        found.append(_make_check(type_checks.fits_integer_or_digits, "integer"))
    elif field.type is not None:
        found.append(_make_check(type_checks.COLUMN_TYPE_CHECKS[field.type], field.type))
    if members.has_members(field):
        found.append(_make_check(members.fits_members(field), "members"))
    if field.enum:
        found.append(_make_check(type_checks.fits_enum(field.enum), "enum", cells.enum_sentence(field)))
    if (bounds := cells.bounds_sentence(field)) is not None:
        found.append(_make_check(type_checks.fits_bounds(field), "bounds", bounds))
    if field.format is not None and field.format in type_checks.FORMAT_CHECKS:
        found.append(_make_check(type_checks.FORMAT_CHECKS[field.format], field.format))
    return found


def _make_check(fits: type_checks.ColumnCheck, name: str, sentence: str | None = None) -> pandera.Check:
    import pandera.pandas as pandera

    return pandera.Check(fits, name=name, error=sentence or CHECKS[name])


def as_schema(given: Any) -> pandera.DataFrameSchema:
    """Return a user's schema, given as a schema or as a pandera model.

    Raises
    ------
    FrameError
        It is neither.
    """
    import_pandera()
    import pandera.pandas as pandera

    if isinstance(given, type) and issubclass(given, pandera.DataFrameModel):
        given = given.to_schema()
    if isinstance(given, pandera.DataFrameSchema):
        if given.drop_invalid_rows:
            raise FrameError(
                "Unsupported schema: drop_invalid_rows=True hides which rows are invalid. Remove it from the schema."
            )
        return given
    raise FrameError(
        f"{parameter('schema')} must be 'spec', None, a pandera DataFrameSchema or DataFrameModel, or the path of a "
        f"tracking plan (YAML), got {type(given).__name__}."
    )


def events(family: str | None = None) -> pd.DataFrame:
    """Return every field of every semantic event, one row each.

    Parameters
    ----------
    family : {"ab_test", "customerio", "ecommerce", "email", "live_chat", "mobile_app", "video"}, optional
        Family of events. Default is all of them.

    Returns
    -------
    pandas.DataFrame
        Columns event, family, field (nested ones dotted, ``[]`` marks members of a list), type, required, format,
        enum, and description: what has happened, or what Customer.io does when it receives the event.

    Raises
    ------
    FrameError
        There is no such family; the text lists all of them.

    Examples
    --------
    >>> import cio_frames as cio
    >>> found = cio.events()
    >>> found.loc[found["field"].eq("products[].price") & found["event"].eq("Order Completed"), "type"].tolist()
    ['number']
    >>> cio.events("live_chat")["event"].nunique(), cio.events("email")["field"].iloc[0]
    (4, 'email_id')
    >>> found.loc[found["event"].eq("Order Completed"), "description"].iloc[0]
    'A person placed an order.'
    """
    known = spec.semantic_events().values()
    families = sorted({event.family for event in known})
    if family is not None and family not in families:
        closest = closest_name(str(family), families)
        hint = f" Did you mean {closest!r}?" if closest else ""
        raise FrameError(f"Event family {family!r} not found.{hint} The families are {', '.join(families)}.")
    rows = [
        {
            "event": event.name,
            "family": event.family,
            "field": path,
            "type": field.type,
            "required": path in event.properties.required,
            "format": field.format,
            "enum": list(field.enum) or None,
            "description": event.description,
        }
        for event in known
        if family in (None, event.family)
        for path, field in _event_fields(event)
    ]
    columns = ["event", "family", "field", "type", "required", "format", "enum", "description"]
    return pd.DataFrame(rows, columns=columns)


def _event_fields(event: spec.Event) -> list[tuple[str, spec.Field]]:
    """Return an event's properties and the context it needs; an event without any has one row without a field."""
    context = [(f"context.{path}", field) for path, field in event.context.leaves()]
    return [*event.properties.leaves(), *context] or [("", spec.Field())]
