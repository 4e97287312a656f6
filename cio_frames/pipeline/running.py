"""The flow from one end to the other: to a result frame, a report, or the payloads alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import validation
from cio_frames._util.progress import bar, color_bar, print_counts
from cio_frames._util.signals import stop_signals
from cio_frames.arrow.buffers import TEXT
from cio_frames.client import Client, offline_client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.deliverer import deliver
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import Delivery, Outcome, StopReason
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff
from cio_frames.encoding import ID_PLACEHOLDER
from cio_frames.errors import (
    AuthenticationError,
    CampaignsError,
    CioFramesError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
    parameter,
    render,
)
from cio_frames.pipeline.as_of import AsOfValue, read_as_of, start_as_of
from cio_frames.pipeline.call_spec import CallSpec, OnInvalid, OnUndelivered, require_choice
from cio_frames.pipeline.campaigns import (
    CampaignRows,
    campaigns_error,
    count_campaign_rows,
    makes_events,
    refuse_wrong_clock,
)
from cio_frames.pipeline.encode_run import EncodedSlice, EncodeRun
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.pipeline.prepared import Prepared
from cio_frames.pipeline.report_builder import ReportBuilder
from cio_frames.report import ValidationReport
from cio_frames.results import GOOD, RESULT_ATTRS, raise_for_status, status_counts


def run_call(
    frame: pd.DataFrame,
    call_spec: CallSpec,
    *,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    as_of: AsOfValue = None,
    allow_campaigns: bool = False,
    progress: bool | None = None,
    slice_rows: int | None = None,
    backoff: Backoff = DEFAULT_BACKOFF,
    clock: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC"),
    observers: Sequence[Observer] = (),
) -> pd.DataFrame:
    """Send a frame, or find out what would be sent, and return the result frame.

    ``observers`` are notified of each batch before it leaves, and of each outcome after it is in the result.
    """
    require_choice("on_invalid", on_invalid, get_args(OnInvalid))
    require_choice("on_undelivered", on_undelivered, get_args(OnUndelivered))
    if client is not None and not isinstance(client, Client):
        raise FrameError(f"{parameter('client')} must be a Client, got {type(client).__name__}: Client(write_key=...).")
    now = clock()
    run_as_of = start_as_of(now) if as_of is None else read_as_of(as_of)
    client = client or (offline_client() if dry_run else Client.from_env())
    prepared = Prepared(frame, call_spec, slice_rows=slice_rows)
    if on_invalid == "raise":
        _raise_invalid(prepared, client)
    campaigns = count_campaign_rows(frame, call_spec, now, invalid=prepared.invalid_rows)
    facts: dict[str, Any] = {}
    if campaigns:
        facts["campaign_rows"] = {"young": campaigns.young, "untimed": campaigns.untimed}
    if dry_run:
        encode_run = _encode_dry(prepared, client)
        warnings = encode_run.all_warnings()
        result = _frame_with_facts(encode_run, frame.index, facts, warnings)
        _print_frame_counts(call_spec.what, result, warnings, progress, campaigns)
        return result
    if campaigns and not allow_campaigns:
        raise campaigns_error(campaigns, frame, call_spec)
    facts["as_of"] = str(run_as_of)
    with stop_signals() as stops:
        with bar(len(frame), progress, call_spec.what) as progress_bar:
            guards_campaigns = not allow_campaigns and makes_events(call_spec)
            observer = _FrameObserver(progress_bar.update, observers, guards_campaigns=guards_campaigns)
            message_ids = MessageIds(run_as_of)
            encode_run = observer.encode_run = EncodeRun(prepared, client, message_ids=message_ids, observer=observer)
            try:
                with stops.raised():
                    delivery = deliver(encode_run.batches(), client, observer=observer, backoff=backoff)
            except KeyboardInterrupt:
                stops.holds = 1
                # Ctrl-C once more, while delivery was about to wait for what is in flight.
                delivery = Delivery(stop_reason=StopReason.INTERRUPTED, why=_INTERRUPTED_AGAIN)
            encode_run.outcomes.mark_unsent(render(delivery.why) or "not sent")
            warnings = encode_run.all_warnings()
            result = _frame_with_facts(encode_run, frame.index, facts, warnings)
            color_bar(progress_bar, good=int(result["status"].isin(GOOD).sum()), rows=len(result))
        if delivery.stop_reason not in STOP_ERRORS:
            _print_frame_counts(call_spec.what, result, warnings, progress)
        # Also one that arrives meanwhile has the result.
        if stops.take_pending():
            raise InterruptedLoad(delivery.why or _INTERRUPTED_AFTER_SENDING, result)
        _raise_if_stopped(delivery, result)
    if on_undelivered == "raise":
        raise_for_status(result)
    return result


def _encode_dry(prepared: Prepared, client: Client) -> EncodeRun:
    """Encode a frame, and mark as ready what would be sent."""
    encode_run = EncodeRun(prepared, client, message_ids=MessageIds(None))
    for number, (_, batch) in enumerate(encode_run.batches()):
        encode_run.outcomes.record(batch.rows, "ready", batch=number)
    return encode_run


def _raise_invalid(prepared: Prepared, client: Client) -> None:
    """Raise InvalidRowsError if any row is invalid, before anything is sent."""
    builder = ReportBuilder(prepared.call_spec, client, pd.Timestamp.now("UTC"))
    builder.add(prepared)
    report = builder.report(prepared.frame.index, source="a DataFrame", destination=client.destination)
    if not report.ok:
        raise InvalidRowsError(report)


class _FrameObserver(NullObserver):
    """Records the outcomes of a frame's rows, counts rows on the progress bar, and notifies other observers."""

    encode_run: EncodeRun

    def __init__(
        self, count_rows: Callable[[int], object], others: Sequence[Observer], *, guards_campaigns: bool
    ) -> None:
        self._guards_campaigns = guards_campaigns
        self._count_rows = count_rows
        self._others = others

    def before_send(self, batch: Batch) -> None:
        for other in self._others:
            other.before_send(batch)
        # Until an outcome replaces it, also if delivery is broken off.
        self.encode_run.outcomes.record(batch.rows, "unknown", reason=_NO_ANSWER_NOTED)

    def on_outcome(self, outcome: Outcome) -> None:
        self.encode_run.record(outcome)
        for other in self._others:
            other.on_outcome(outcome)

    def on_clock(self, seconds_ahead: float) -> None:
        if self._guards_campaigns:
            refuse_wrong_clock(seconds_ahead)

    def on_rows(self, count: int) -> None:
        self._count_rows(count)


_NO_ANSWER_NOTED = "sent, and delivery was broken off before an answer was noted; it may have been accepted"
_INTERRUPTED_AGAIN = "The load was interrupted twice; requests in flight were not waited for."
_INTERRUPTED_AFTER_SENDING = "The load was interrupted; all requests were finished before."


# What delivery stopped for that is an error; after other reasons, the statuses say all.
STOP_ERRORS: Mapping[StopReason | None, type[DeliveryError]] = {
    StopReason.UNAUTHORIZED: AuthenticationError,
    StopReason.INTERRUPTED: InterruptedLoad,
    StopReason.UNEXPECTED: DeliveryError,
    StopReason.MISCONFIGURED: DeliveryError,
    StopReason.FAILED: DeliveryError,
}


def _raise_if_stopped(delivery: Delivery, result: pd.DataFrame) -> None:
    """Raise with the result frame if delivery stopped early or was interrupted."""
    if delivery.stop_reason in STOP_ERRORS:
        error = delivery.error
        why = error.text_by_door() if isinstance(error, CioFramesError) else delivery.why
        raise STOP_ERRORS[delivery.stop_reason](why, result) from error


def _frame_with_facts(
    encode_run: EncodeRun,
    index: pd.Index[Any],
    facts: Mapping[str, Any],
    warnings: Sequence[validation.WarningCount],
) -> pd.DataFrame:
    """Return the result frame, with what is not about single rows in its attrs: facts of the run, other warnings."""
    result = encode_run.outcomes.frame(index)
    # pandas copies attrs to what is made of the frame, and writes them to files as JSON: so they are plain values, and
    # warnings say how many rows they are about.
    found = {"rows": len(result), "warnings": validation.to_records(warnings)} if warnings else {}
    if facts or found:
        result.attrs[RESULT_ATTRS] = {**facts, **found}
    return result


def _print_frame_counts(
    what: str,
    result: pd.DataFrame,
    warnings: Sequence[validation.WarningCount],
    wanted: bool | None,
    campaigns: CampaignRows | None = None,
) -> None:
    """End an interactive call with one line: counts by status, warnings, and in a dry run who can start campaigns."""
    remarks = []
    if not result["status"].isin(GOOD).all():
        remarks.append("see result['reason']")
    lines = validation.warning_lines(warnings)
    if lines:
        remarks.append(f"{validation.count_of(lines, 'warning')}, see cio.summary(result)")
    if campaigns:
        error = CampaignsError(campaigns.young, campaigns.untimed)
        remarks.append(f"{error.rows:,} can start campaigns ({render(error.causes)})")
    print_counts(what, status_counts(result), wanted, remarks=remarks)


def build_report(
    frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None, *, checked_at: pd.Timestamp | None = None
) -> ValidationReport:
    """Check and encode a frame, send nothing, and return what is wrong with it and the facts of its rows."""
    builder = ReportBuilder(call_spec, client or offline_client(), checked_at or pd.Timestamp.now("UTC"))
    builder.add(Prepared(frame, call_spec))
    return builder.report(frame.index, source="a DataFrame", destination=client.destination if client else None)


# Fields that identify what a call is about, and their names in audit files.
_ID_FIELDS = {
    ("userId",): "id",
    ("properties", "objectId"): "object_id",
    ("properties", "objectTypeId"): "object_type_id",
    ("properties", "deliveryId"): "delivery_id",
    ("properties", "contentId"): "content_id",
}


def read_ids(frame: pd.DataFrame, call_spec: CallSpec) -> pd.DataFrame:
    """Return the ids in each row, one column per kind of id."""
    return ids_of(Prepared(frame, call_spec))


def ids_of(prepared: Prepared) -> pd.DataFrame:
    """Return the ids in each row of a frame that makes one kind of call, one column per kind of id."""
    (call_group,) = prepared.call_groups
    found = {name: call_group.encoder.ids(*path) for path, name in _ID_FIELDS.items()}
    return pd.DataFrame({name: ids.to_pylist() for name, ids in found.items() if ids is not None})


def encode_payloads(
    frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None, *, slice_rows: int | None = None
) -> pd.Series[Any]:
    """Return the JSON that each row would send; null for rows that are not sent."""
    prepared = Prepared(frame, call_spec, slice_rows=slice_rows)
    encode_run = EncodeRun(prepared, client or offline_client(), message_ids=MessageIds(None))
    texts = pa.chunked_array([whole_payloads(encoded) for encoded in encode_run.encoded_slices()], TEXT)
    return pd.Series(pd.array(texts, dtype=pd.StringDtype("pyarrow")), index=frame.index, name="payload")


def whole_payloads(encoded: EncodedSlice) -> pa.Array:
    """Return payloads without the comma at the end, and without a placeholder where there is no message id yet."""
    payloads = pc.utf8_slice_codeunits(encoded.payloads, 0, -1)
    without_id = pc.and_(pc.is_valid(payloads), pc.is_null(encoded.message_ids))
    if not pc.any(without_id).as_py():
        return payloads
    end, nothing = pa.scalar("}", TEXT), pa.scalar("", TEXT)
    shortened = pc.binary_join_element_wise(pc.utf8_slice_codeunits(payloads, 0, -len(ID_PLACEHOLDER)), end, nothing)
    return pc.if_else(without_id, shortened, payloads)
