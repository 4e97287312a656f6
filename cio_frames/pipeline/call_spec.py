"""What is asked for: which calls, from which columns, checked and written how."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cio_frames import spec
from cio_frames.columns import ColumnMapping, FieldSource, resolve
from cio_frames.encoding import EncodeOptions
from cio_frames.errors import FrameError
from cio_frames.spec.tracking_plan import TrackingPlan, vendor_tracking_plan


@dataclass(frozen=True, slots=True)
class CallSpec:
    """What was asked for: which calls, from which columns, checked and written how.

    Attributes
    ----------
    call : str
        One of the six calls, or ``"batch"`` where a column says which call each row is.
    event : str or None
        One event name for all track calls.
    schema : "spec", None, or a pandera schema
        What rows are checked against; ``"spec"`` is the plan.
    plan : Plan
        What is known of calls and events.
    strict_schema : bool
        Whether warnings hold rows back as errors do.
    """

    call: spec.CallName | Literal["batch"]
    mapping: ColumnMapping
    event: str | None = None
    schema: Any = "spec"
    options: EncodeOptions = field(default_factory=EncodeOptions)
    tracking_plan: TrackingPlan = field(default_factory=vendor_tracking_plan)
    strict_schema: bool = False

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


# Ids of people and objects, which pandas writes as floats beside missing values.
_ID_FIELDS = frozenset({"userId", "anonymousId", "previousId", "groupId"})


def types_of(labels: Sequence[Hashable], call_spec: CallSpec) -> dict[Hashable, str]:
    """Return the types that the spec gives to the fields that columns feed.

    They are those of JSON Schema, and ``date-time``, ``id``, and ``strict id`` for ids of a call that cannot be undone.

    >>> call_spec = CallSpec("track", ColumnMapping(user_id="customer"), "Order Completed")
    >>> types_of(["customer", "order_id", "total", "own", "timestamp"], call_spec)
    {'customer': 'id', 'order_id': 'string', 'total': 'number', 'timestamp': 'date-time'}
    """
    found: dict[Hashable, str] = {}
    for call in spec.CALL_NAMES if call_spec.call == "batch" else (call_spec.call,):
        try:
            event = call_spec.tracking_plan.event(call_spec.event) or call_spec.event
            columns = resolve(labels, call_spec.tracking_plan.calls[call], call_spec.mapping, event)
        except FrameError:
            # Not every kind of call need be possible in a mixed file; what is really missing is told later.
            continue
        for source in columns.sources:
            kind = _type_of(source, call_spec)
            if kind is not None:
                found[source.label] = kind
    return found


def _type_of(source: FieldSource, call_spec: CallSpec) -> str | None:
    if len(source.path) == 1 and source.path[0] in _ID_FIELDS and not getattr(call_spec, "exact_ids", False):
        return "strict id" if call_spec.call == "alias" else "id"
    if source.path[-1] == "phone":
        # Text in Journeys, and digits in most files.
        return "string"
    return "date-time" if source.field.format == "date-time" else source.field.type
