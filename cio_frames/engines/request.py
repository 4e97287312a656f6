"""What a caller asks of a call on an engine's frame, and whether it can be done; checked before anything is read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from os import PathLike, fspath
from typing import Any, get_args

import pandas as pd

from cio_frames.client import Client
from cio_frames.columns import suggest_column
from cio_frames.engines.engine import Engine
from cio_frames.engines.stage import timestamp_label
from cio_frames.engines.store import RunStore
from cio_frames.errors import FrameError, parameter
from cio_frames.loading.outputs import MESSAGE_ID
from cio_frames.loading.run import ObserversOf, no_observers
from cio_frames.pipeline import CallSpec, Prepared
from cio_frames.pipeline.as_of import AsOfValue, read_as_of
from cio_frames.pipeline.call_spec import OnInvalid, OnUndelivered, require_choice
from cio_frames.results import Outcomes

_MAX_BUCKETS = 4_096
# Of these, a column of the answers has the name already.
_ANSWER_COLUMNS = {"partition", "row", "resent", *Outcomes(0).frame(pd.RangeIndex(0)).columns}


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What a caller asks of a call on an engine's frame, beside the call.

    Attributes
    ----------
    output : str or None
        The folder that all workers reach.
    senders : int
        How many senders there are.
    order_by : tuple of str
        The columns that decide the order of a person's rows.
    keep : tuple of str
        The columns that answers repeat.
    buckets : int or None
        Into how many files people are distributed.
    client : Client or None
        Where to.
    dry_run, fresh, allow_campaigns : bool
        As for a load.
    on_invalid : {"skip", "raise"}
        As for a load.
    on_undelivered : {"return", "raise"}
        As for a load.
    confirm : (str, object) or None
        The operation that has to be confirmed, and the number of rows that was given.
    as_of : str, date, datetime or None
        What stands for the time in the message ids of calls without a timestamp.
    progress : bool or None
        Whether to show a progress bar.
    observers_of : callable
        Returns who is notified of each batch before it leaves, and of each outcome, of the rows of a chunk.
    """

    output: str | None = None
    senders: int = 1
    order_by: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    buckets: int | None = None
    client: Client | None = None
    dry_run: bool = False
    on_invalid: OnInvalid = "skip"
    on_undelivered: OnUndelivered = "return"
    fresh: bool = False
    allow_campaigns: bool = False
    confirm: tuple[str, object] | None = None
    as_of: AsOfValue = None
    progress: bool | None = None
    observers_of: ObserversOf = no_observers


def build_request(
    *,
    output: str | PathLike[str] | None = None,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    **options: Any,
) -> EngineRequest:
    """Return the request of a call from the parameters of a public function.

    >>> build_request(output="out", order_by="at", keep=["order_id"]).keep
    ('order_id',)
    """
    if output is not None and not (isinstance(output, (str, PathLike)) and str(fspath(output)).strip()):
        raise FrameError(f"{parameter('output')} must be a folder, such as s3://bucket/orders, got {output!r}.")
    request = EngineRequest(
        output=None if output is None else str(fspath(output)),
        senders=senders,
        order_by=_as_labels("order_by", order_by),
        keep=_as_labels("keep", keep),
        **options,
    )
    require_choice("on_invalid", request.on_invalid, get_args(OnInvalid))
    require_choice("on_undelivered", request.on_undelivered, get_args(OnUndelivered))
    return request


def _as_labels(name: str, value: object) -> tuple[str, ...]:
    labels = () if value is None else (value,) if isinstance(value, str) else value
    if not isinstance(labels, (list, tuple)) or not all(isinstance(label, str) for label in labels):
        raise FrameError(f"{parameter(name)} must be a column or a list of columns, got {value!r}.")
    return tuple(labels)


def check_call(engine: Engine, call_spec: CallSpec) -> None:
    """Raise if the columns of a frame cannot make the call; nothing is computed."""
    for number, label in enumerate(engine.labels):
        if label in engine.labels[:number]:
            raise FrameError(f"Column {label!r} occurs twice. Rename one of them, or leave it out.")
        if not isinstance(label, str):
            raise FrameError(
                f"Column {label!r} has a label that is not text, and files have names of columns as text. Rename it, "
                "for example with frame.rename(columns=str)."
            )
    Prepared(empty_frame(engine.labels), call_spec)


def empty_frame(labels: Sequence[str]) -> pd.DataFrame:
    """Return a frame without rows."""
    return pd.DataFrame({label: pd.Series(dtype=object) for label in labels})


def complete_request(engine: Engine, call_spec: CallSpec, request: EngineRequest) -> EngineRequest:
    """Return a request to send with its defaults in place, or raise if it cannot be carried out."""
    if request.as_of is not None:
        read_as_of(request.as_of)
    if request.output is None:
        raise FrameError(
            f"{parameter('output')} is required for a {engine.name} frame: a folder that all workers reach, such as "
            "s3://bucket/orders. Rows are staged there before they are sent, and their answers are kept there."
        )
    for name, least in (("senders", 1), ("buckets", 1)):
        value = getattr(request, name)
        if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < least):
            raise FrameError(f"{parameter(name)} must be a whole number of at least {least}, got {value!r}.")
    if request.senders > 1 and request.observers_of is not no_observers:
        raise FrameError(
            f"{parameter('audit')} is supported with one sender, which appends to the file in this process. Leave out "
            f"{parameter('senders')}."
        )
    if request.client is not None and not isinstance(request.client, Client):
        found = type(request.client).__name__
        raise FrameError(f"{parameter('client')} must be a Client, got {found}: Client(write_key=...).")
    _require_labels(engine, "order_by", request.order_by)
    _require_labels(engine, "keep", request.keep)
    for label in request.keep:
        if label in engine.labels_not_kept:
            raise FrameError(
                f"{parameter('keep', label)} is a column of maps, which answers cannot repeat. Keep a column with the "
                "id of each row."
            )
        if label in _ANSWER_COLUMNS or label.startswith("index_"):
            raise FrameError(
                f"{parameter('keep', label)} has the name of a column of the answers. Rename the column of the frame."
            )
    order_by = request.order_by or _default_order(engine, call_spec)
    # A ledger, which numbers calls that look the same over all files, must be on a disk. Elsewhere, each file numbers
    # its own calls, so that those that look the same have to be in one.
    exchanged = request.senders > 1 or bool(order_by) or not RunStore(str(request.output)).is_local
    buckets = int(request.buckets or max(engine.partition_hint, 4 * request.senders))
    senders = int(request.senders)
    return replace(request, order_by=order_by, senders=senders, buckets=min(buckets, _MAX_BUCKETS) if exchanged else 0)


def _require_labels(engine: Engine, name: str, labels: Sequence[str]) -> None:
    for label in labels:
        if label not in engine.labels:
            hint = suggest_column([label], list(engine.labels))
            raise FrameError(f"{parameter(name)}: column {label!r} is missing. {hint}".strip())


def _default_order(engine: Engine, call_spec: CallSpec) -> tuple[str, ...]:
    """Return what decides the order of a person's rows; nothing where the frame has an order."""
    if engine.keeps_order:
        return ()
    label = timestamp_label(call_spec, engine.labels)
    if label is None or label not in engine.labels:
        raise FrameError(
            f"{parameter('order_by')} is required: the rows of a {engine.name} frame have no order, and this call has "
            "no timestamp column. Name the column that says which of a person's rows comes first, for example "
            f"{parameter('order_by', 'updated_at')}."
        )
    return (label,)


def can_join_ids(engine: Engine, call_spec: CallSpec) -> bool:
    """Return whether rows can have several ids of one person."""
    if call_spec.call == "batch":
        return True
    return len(Prepared(empty_frame(engine.labels), call_spec).person_ids()) > 1


def message_id_column(engine: Engine, call_spec: CallSpec) -> str | None:
    """Return the column with message ids, if ids that come again are warned of."""
    if call_spec.schema is None:
        return None
    if call_spec.mapping.message_id is not None:
        return str(call_spec.mapping.message_id)
    return next((name for name in ("message_id", "messageId", MESSAGE_ID) if name in engine.labels), None)


def require_confirmation(operation: str, rows: int, confirm: object) -> None:
    """Raise unless ``confirm`` is the number of rows that an operation would affect."""
    # True is 1 and 2.0 is 2 for ==, but neither is a count of rows; a sum in pandas is a numpy integer.
    is_count = isinstance(confirm, Integral) and not isinstance(confirm, bool)
    if not is_count or confirm != rows:
        found = "confirm is required" if confirm is None else f"confirm={confirm!r} does not match"
        raise FrameError(
            f"{operation} affects {rows:,} rows, and {found}. Review the rows with {parameter('dry_run', True)}, then "
            f"pass {parameter('confirm', rows)}. Nothing was sent."
        )
