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
from cio_frames._util.progress import bar
from cio_frames._util.signals import sigterm_as_interrupt
from cio_frames.arrow.buffers import TEXT
from cio_frames.client import Client, offline_client
from cio_frames.delivery.dispatcher import deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import Delivery, Outcome, StopReason
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff
from cio_frames.encoding import EncodeError
from cio_frames.errors import (
    AuthenticationError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
    parameter,
    render,
)
from cio_frames.pipeline.call_spec import CallSpec, OnInvalid, require_choice
from cio_frames.pipeline.encode_run import EncodeRun
from cio_frames.pipeline.prepared import Prepared
from cio_frames.report import Survey, ValidationReport, column_facts, merge_column_facts
from cio_frames.results import Outcomes


def run_call(
    frame: pd.DataFrame,
    call_spec: CallSpec,
    *,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    progress: bool | None = None,
    slice_rows: int | None = None,
    backoff: Backoff = DEFAULT_BACKOFF,
) -> pd.DataFrame:
    """Send a frame, or find out what would be sent, and return the result frame."""
    require_choice("on_invalid", on_invalid, get_args(OnInvalid))
    if client is not None and not isinstance(client, Client):
        raise FrameError(f"{parameter('client')} must be a Client, got {type(client).__name__}: Client(write_key=...).")
    client = client or (offline_client() if dry_run else Client.from_env())
    prepared = Prepared(frame, call_spec, slice_rows=slice_rows)
    if on_invalid == "raise":
        _raise_invalid(prepared, client)
    if dry_run:
        encode_run = EncodeRun(prepared, client)
        for number, (_, batch) in enumerate(encode_run.batches()):
            encode_run.outcomes.record(batch.rows, "ready", batch=number)
        return encode_run.outcomes.frame(frame.index)
    with bar(len(frame), progress, call_spec.what) as progress_bar:
        observer = _FrameObserver(progress_bar.update)
        encode_run = observer.encode_run = EncodeRun(prepared, client, observer=observer)
        with sigterm_as_interrupt():
            delivery = deliver(encode_run.batches(), client, observer=observer, backoff=backoff)
    return _result_frame(encode_run.outcomes, delivery, frame.index)


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


def _result_frame(outcomes: Outcomes, delivery: Delivery, index: pd.Index[Any]) -> pd.DataFrame:
    """Return the result frame; raise with it if delivery stopped early."""
    outcomes.mark_unsent(render(delivery.why) or "not sent")
    result = outcomes.frame(index)
    match delivery.stop_reason:
        case StopReason.UNAUTHORIZED:
            raise AuthenticationError(delivery.why, result)
        case StopReason.INTERRUPTED:
            raise InterruptedLoad(delivery.why, result)
        case StopReason.UNEXPECTED | StopReason.FAILED:
            raise DeliveryError(delivery.why, result) from delivery.error
    return result


def build_report(
    frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None, *, checked_at: pd.Timestamp | None = None
) -> ValidationReport:
    """Check and encode a frame, send nothing, and return what is wrong with it and the facts of its rows."""
    prepared = Prepared(frame, call_spec, warn=True)
    return _check_frame(prepared, client or offline_client(), checked_at or pd.Timestamp.now("UTC"))


def _check_frame(prepared: Prepared, client: Client, checked_at: pd.Timestamp) -> ValidationReport:
    encode_run = EncodeRun(prepared, client, with_message_ids=False)
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
    encode_run = EncodeRun(Prepared(frame, call_spec, slice_rows=slice_rows), client or offline_client())
    # Without the comma at the end.
    chunks = [pc.utf8_slice_codeunits(encoded.payloads, 0, -1) for encoded in encode_run.encoded_slices()]
    texts = pa.chunked_array(chunks, TEXT)
    return pd.Series(pd.array(texts, dtype=pd.StringDtype("pyarrow")), index=frame.index, name="payload")
