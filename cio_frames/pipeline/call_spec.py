"""What a caller asks for: which calls, from which columns, checked and written how.

:func:`build_call_spec` is the one place where parameters become a :class:`CallSpec`. Functions, operations, loads, the
command line and job files all call it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

import pandas as pd

from cio_frames import spec
from cio_frames.columns import ColumnMapping, FieldSource, resolve
from cio_frames.encoding.options import EncodeOptions
from cio_frames.errors import FrameError, parameter
from cio_frames.spec.tracking_plan import TrackingPlan, read_tracking_plan, vendor_tracking_plan

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

AnyCall: TypeAlias = Literal["identify", "track", "page", "screen", "group", "alias", "batch"]
Nulls: TypeAlias = Literal["omit", "send"]
OnInvalid: TypeAlias = Literal["skip", "raise"]
# What schema= takes. A path and a pandera schema are told apart at run time, and text that is not "spec" is a path.
Schema: TypeAlias = "Literal['spec'] | DataFrameSchema | str | PathLike[str] | None"


@dataclass(frozen=True, slots=True)
class CallSpec:
    """What a caller asks for: which calls, from which columns, checked and written how.

    Attributes
    ----------
    call : str
        One of the six calls, or ``"batch"`` if a column holds the call of each row.
    mapping : ColumnMapping
        Which columns feed which fields.
    event : str or None
        One event name for all track calls.
    schema : "spec", None, or a pandera schema
        What rows are checked against; ``"spec"`` stands for the tracking plan.
    options : EncodeOptions
        How values are written.
    tracking_plan : TrackingPlan
        What is known of calls and events.
    strict_schema : bool
        Whether warnings make rows invalid as errors do.
    column_types : dict of str to {"text", "number", "boolean"}
        Types that the caller says columns have, besides those of the schema.
    exact_ids : bool
        Whether ids are meant as they stand, so that nothing is said of them and nothing is taken off them.
    """

    call: AnyCall
    mapping: ColumnMapping
    event: str | None = None
    schema: Any = "spec"
    options: EncodeOptions = field(default_factory=EncodeOptions)
    tracking_plan: TrackingPlan = field(default_factory=vendor_tracking_plan)
    strict_schema: bool = False
    exact_ids: bool = False
    column_types: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """The call in words."""
        return f"{self.call} {self.event!r}" if self.event else self.call

    @property
    def against(self) -> str:
        """What rows are checked against, in words."""
        edition = f"Customer.io\u2019s spec of {spec.read_api().edition}"
        match self.schema:
            case None:
                words = f"no schema: only how rows can be written, by {edition}"
            case "spec":
                words = f"{edition}, with {self.tracking_plan.title} on top" if self.tracking_plan.title else edition
            case _:
                words = f"a schema of your own, and {edition} beside it"
        return f"{words}; warnings hold back too" if self.strict_schema else words


def build_call_spec(
    call: str,
    event: str | None = None,
    *,
    event_column: Hashable | None = None,
    type_column: Hashable = "type",
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    nulls: str = "omit",
    timezone: str = "UTC",
    **columns: Any,
) -> CallSpec:
    """Check the parameters of a call and put them together.

    Parameters
    ----------
    call : str
        One of the six calls, or ``"batch"``.
    event : str, optional
        One event name for all rows; for track only.
    event_column : column label, optional
        The column with each row's event name.
    type_column : column label
        The column with each row's call; only ``"batch"`` uses it.
    schema, strict_schema, exact_ids, nulls, timezone
        As for :func:`cio_frames.track`.
    **columns
        The other fields of :class:`~cio_frames.columns.ColumnMapping`: ``user_id``, ``traits``, ...

    Raises
    ------
    FrameError
        A value is invalid.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    TypeError
        A parameter is unknown.

    Examples
    --------
    >>> call_spec = build_call_spec("track", "Order Completed", user_id="customer_id", nulls="send")
    >>> call_spec.what, call_spec.mapping.user_id, call_spec.options.send_nulls
    ("track 'Order Completed'", 'customer_id', True)
    """
    require_choice("call", call, get_args(AnyCall))
    require_choice("nulls", nulls, get_args(Nulls))
    _check_event(call, event, event_column)
    _check_timezone(timezone)
    mapping = ColumnMapping(event=event_column, type_column=type_column if call == "batch" else None, **columns)
    tracking_plan = vendor_tracking_plan()
    if isinstance(schema, (str, PathLike)) and schema != "spec":
        tracking_plan, schema = read_tracking_plan(Path(schema)), "spec"
    options = EncodeOptions(timezone=timezone, send_nulls=nulls == "send")
    return CallSpec(cast(AnyCall, call), mapping, event, schema, options, tracking_plan, strict_schema, exact_ids)


def require_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise FrameError if a parameter has none of the values that it can have.

    >>> require_choice("nulls", "keep", get_args(Nulls))
    Traceback (most recent call last):
    cio_frames.errors.FrameError: nulls= must be 'omit' or 'send', got 'keep'.
    """
    if value not in choices:
        *others, last = map(repr, choices)
        raise FrameError(f"{parameter(name)} must be {', '.join(others)} or {last}, got {value!r}.")


def _check_event(call: str, event: object, event_column: Hashable | None) -> None:
    if event is None:
        return
    if call != "track":
        raise FrameError(f"{parameter('event', str(event))} is for track; {call} has no event.")
    if event_column is not None:
        raise FrameError(f"{parameter('event')} and {parameter('event_column')} exclude each other; pass one of them.")
    if not (isinstance(event, str) and event.strip()):
        raise FrameError(f"{parameter('event')} must be a name such as 'Order Completed', got {event!r}.")


def _check_timezone(timezone: object) -> None:
    try:
        if not isinstance(timezone, str):
            raise TypeError("not a name")
        pd.Timestamp(0, tz=timezone)
    except Exception as error:
        raise FrameError(
            f"{parameter('timezone')} must be a name such as 'UTC' or 'Europe/Berlin', got {timezone!r}."
        ) from error


# Ids of people and objects, which pandas writes as floats beside missing values.
_IDS_OF_FLOATS = frozenset({"userId", "anonymousId", "previousId", "groupId"})


def types_of(labels: Sequence[Hashable], call_spec: CallSpec) -> dict[Hashable, str]:
    """Return the types that the spec gives to the fields that columns feed.

    They are those of JSON Schema, and ``date-time``, ``id``, and ``strict id`` for ids of a call that cannot be undone.

    >>> call_spec = CallSpec("track", ColumnMapping(user_id="customer"), "Order Completed")
    >>> types_of(["customer", "order_id", "total", "own", "timestamp"], call_spec)
    {'customer': 'id', 'timestamp': 'date-time', 'order_id': 'string', 'total': 'number'}
    """
    found: dict[Hashable, str] = {}
    for call in spec.CALL_NAMES if call_spec.call == "batch" else (call_spec.call,):
        try:
            event = call_spec.tracking_plan.event(call_spec.event) or call_spec.event
            columns = resolve(labels, call_spec.tracking_plan.calls[call], call_spec.mapping, event)
        except FrameError:
            # A mixed file need not be able to make every kind of call; what is missing is reported later.
            continue
        for source in columns.sources:
            kind = _type_of(source, call_spec)
            if kind is not None:
                found[source.label] = kind
    return found


def _type_of(source: FieldSource, call_spec: CallSpec) -> str | None:
    if len(source.path) == 1 and source.path[0] in _IDS_OF_FLOATS and not call_spec.exact_ids:
        return "strict id" if call_spec.call == "alias" else "id"
    if source.path[-1] == "phone":
        # Text in Journeys, and digits in most files.
        return "string"
    return "date-time" if source.field.format == "date-time" else source.field.type
