"""The flow from one end to the other: to a result frame, a report, or the payloads alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import validation
from cio_frames._util.progress import bar, color_bar, print_counts
from cio_frames._util.signals import sigterm_as_interrupt
from cio_frames.arrow.buffers import TEXT
from cio_frames.client import Client, offline_client
from cio_frames.delivery.dispatcher import deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import Delivery, Outcome, StopReason
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff
from cio_frames.encoding import ID_PLACEHOLDER, EncodeError
from cio_frames.errors import (
    AuthenticationError,
    CampaignsError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
    parameter,
    render,
)
from cio_frames.pipeline.as_of import AsOfValue, read_as_of, start_as_of
from cio_frames.pipeline.call_spec import CallSpec, OnInvalid, OnUndelivered, require_choice
from cio_frames.pipeline.campaigns import CampaignRows, campaigns_error, count_campaign_rows
from cio_frames.pipeline.encode_run import EncodedSlice, EncodeRun
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.pipeline.prepared import Prepared
from cio_frames.report import Survey, ValidationReport, column_facts, merge_column_facts
from cio_frames.results import GOOD, RUN_FACTS, raise_for_status, status_counts


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
) -> pd.DataFrame:
    """Send a frame, or find out what would be sent, and return the result frame."""
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
    campaigns = count_campaign_rows(frame, call_spec, now, invalid=prepared.invalid_rows())
    facts = {"campaign_rows": {"younger_than_72_hours": campaigns.young, "without_timestamp": campaigns.untimed}}
    if dry_run:
        result = _dry_run(prepared, client, frame.index)
        result.attrs[RUN_FACTS] = facts
        print_counts(call_spec.what, status_counts(result), progress, remark=_remark(result, campaigns))
        return result
    if campaigns and not allow_campaigns:
        raise campaigns_error(campaigns, frame, call_spec)
    with bar(len(frame), progress, call_spec.what) as progress_bar:
        observer = _FrameObserver(progress_bar.update)
        message_ids = MessageIds(run_as_of)
        encode_run = observer.encode_run = EncodeRun(prepared, client, message_ids=message_ids, observer=observer)
        with sigterm_as_interrupt():
            delivery = deliver(encode_run.batches(), client, observer=observer, backoff=backoff)
        encode_run.outcomes.mark_unsent(render(delivery.why) or "not sent")
        result = encode_run.outcomes.frame(frame.index)
        result.attrs[RUN_FACTS] = {"as_of": str(run_as_of), **facts}
        color_bar(progress_bar, good=int(result["status"].isin(GOOD).sum()), rows=len(result))
    _raise_if_stopped(delivery, result)
    print_counts(call_spec.what, status_counts(result), progress, remark=_remark(result))
    if on_undelivered == "raise":
        raise_for_status(result)
    return result


def _dry_run(prepared: Prepared, client: Client, index: pd.Index[Any]) -> pd.DataFrame:
    """Return the result frame of a run that sends nothing."""
    encode_run = EncodeRun(prepared, client, message_ids=MessageIds(None))
    for number, (_, batch) in enumerate(encode_run.batches()):
        encode_run.outcomes.record(batch.rows, "ready", batch=number)
    return encode_run.outcomes.frame(index)


def _remark(result: pd.DataFrame, campaigns: CampaignRows | None = None) -> str:
    """Return what the closing line says after the counts."""
    if campaigns:
        error = CampaignsError(campaigns.young, campaigns.untimed)
        return f"{error.rows:,} can start campaigns: {render(error.causes)}"
    return "" if result["status"].isin(GOOD).all() else "see result['reason']"


def _raise_invalid(prepared: Prepared, client: Client) -> None:
    """Raise InvalidRowsError if any row is invalid, before anything is sent."""
    report = _check_frame(prepared, client, pd.Timestamp.now("UTC"))
    if not report.ok:
        raise InvalidRowsError(report)


class _FrameObserver(NullObserver):
    """Records the outcomes of a frame's rows, and counts rows on the progress bar."""

    encode_run: EncodeRun

    def __init__(self, count_rows: Callable[[int], object]) -> None:
        self._count_rows = count_rows

    def on_outcome(self, outcome: Outcome) -> None:
        self.encode_run.record(outcome)

    def on_rows(self, count: int) -> None:
        self._count_rows(count)


def _raise_if_stopped(delivery: Delivery, result: pd.DataFrame) -> None:
    """Raise with the result frame if delivery stopped early."""
    match delivery.stop_reason:
        case StopReason.UNAUTHORIZED:
            raise AuthenticationError(delivery.why, result)
        case StopReason.INTERRUPTED:
            raise InterruptedLoad(delivery.why, result)
        case StopReason.UNEXPECTED | StopReason.FAILED:
            raise DeliveryError(delivery.why, result) from delivery.error


def build_report(
    frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None, *, checked_at: pd.Timestamp | None = None
) -> ValidationReport:
    """Check and encode a frame, send nothing, and return what is wrong with it and the facts of its rows."""
    prepared = Prepared(frame, call_spec, warn=True)
    return _check_frame(prepared, client or offline_client(), checked_at or pd.Timestamp.now("UTC"))


def _check_frame(prepared: Prepared, client: Client, checked_at: pd.Timestamp) -> ValidationReport:
    encode_run = EncodeRun(prepared, client, message_ids=None)
    survey = Survey(checked_at, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
    events = prepared.events()
    for encoded in encode_run.encoded_slices():
        survey.add_call_sizes(encoded.sizes[~encoded.invalid])
        sent = np.flatnonzero(np.asarray(encoded.payloads.is_valid()))
        survey.add_timestamps(encoded.timestamp_ms[sent], events[encoded.start + sent])
        for _, batch in encode_run.cut(encoded):
            survey.add_request(body_bytes=len(batch.body))
    cases = [prepared.failures]
    cases += [
        validation.failure_cases(
            encode_error.rows,
            encode_error.label,
            encode_error.check,
            encode_error.reason,
            values=_failing_cells(prepared.frame, encode_error),
        )
        for encode_error in encode_run.encode_errors
    ]
    cases += [validation.failure_cases(rows, None, "max_call_bytes", reasons) for rows, reasons in encode_run.too_large]
    cases += [prepared.warnings, *encode_run.warnings]
    columns = [
        each
        for call_group in prepared.call_groups
        for each in column_facts(call_group.frame, call_group.columns, prepared.call_spec.options.timezone)
    ]
    return ValidationReport(
        prepared.call_spec.what,
        prepared.frame.index,
        validation.concat_failures(cases),
        survey.facts(merge_column_facts(columns)),
        against=prepared.call_spec.against,
    )


def _failing_cells(frame: pd.DataFrame, encode_error: EncodeError) -> npt.NDArray[np.object_] | None:
    """Return the cells of an encode error; None if its label is not the label of one column."""
    places = [place for place, label in enumerate(frame.columns) if label in {encode_error.label}]
    return frame.iloc[:, places[0]].iloc[encode_error.rows].to_numpy(dtype=object) if len(places) == 1 else None


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
    (call_group,) = Prepared(frame, call_spec).call_groups
    found = {name: call_group.encoder.ids(*path) for path, name in _ID_FIELDS.items()}
    return pd.DataFrame({name: ids.to_pylist() for name, ids in found.items() if ids is not None})


def encode_payloads(
    frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None, *, slice_rows: int | None = None
) -> pd.Series[Any]:
    """Return the JSON that each row would send; null for rows that are not sent."""
    prepared = Prepared(frame, call_spec, slice_rows=slice_rows)
    encode_run = EncodeRun(prepared, client or offline_client(), message_ids=MessageIds(None))
    texts = pa.chunked_array([_whole_payloads(encoded) for encoded in encode_run.encoded_slices()], TEXT)
    return pd.Series(pd.array(texts, dtype=pd.StringDtype("pyarrow")), index=frame.index, name="payload")


def _whole_payloads(encoded: EncodedSlice) -> pa.Array:
    """Return payloads without the comma at the end, and without a placeholder where there is no message id yet."""
    payloads = pc.utf8_slice_codeunits(encoded.payloads, 0, -1)
    without_id = pc.and_(pc.is_valid(payloads), pc.is_null(encoded.message_ids))
    if not pc.any(without_id).as_py():
        return payloads
    end, nothing = pa.scalar("}", TEXT), pa.scalar("", TEXT)
    shortened = pc.binary_join_element_wise(pc.utf8_slice_codeunits(payloads, 0, -len(ID_PLACEHOLDER)), end, nothing)
    return pc.if_else(without_id, shortened, payloads)
