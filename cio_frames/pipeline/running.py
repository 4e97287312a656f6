"""The flow from one end to the other, for who wants a result frame, a report, or only the payloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import validation
from cio_frames._util.progress import bar
from cio_frames._util.signals import sigterm_as_interrupt
from cio_frames.client import Client, offline_client
from cio_frames.delivery.dispatcher import deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import Delivery, Outcome, StopReason
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff
from cio_frames.encoding.text import TEXT, EncodeError
from cio_frames.errors import (
    AuthenticationError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
    render,
)
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.pipeline.encode_run import EncodeRun
from cio_frames.pipeline.prepared import Prepared
from cio_frames.report import Survey, ValidationReport, column_facts, merged
from cio_frames.results import Outcomes


def run(
    frame: pd.DataFrame,
    call_spec: CallSpec,
    *,
    client: Client | None,
    dry_run: bool,
    on_invalid: Literal["skip", "raise"],
    progress: bool | None,
    backoff: Backoff = DEFAULT_BACKOFF,
) -> pd.DataFrame:
    """Send a frame, or only say what would be sent, and return the result frame."""
    if on_invalid not in ("skip", "raise"):
        raise FrameError(f"on_invalid={on_invalid!r} is neither 'skip' nor 'raise'.")
    if client is not None and not isinstance(client, Client):
        raise FrameError(f"client= takes a Client, not {type(client).__name__}; write Client(write_key=...).")
    client = client or (offline_client() if dry_run else Client.from_env())
    prepared = Prepared(frame, call_spec)
    if on_invalid == "raise":
        _raise_invalid(prepared, client)
    if dry_run:
        encode_run = EncodeRun(prepared, client)
        for number, (_, batch) in enumerate(encode_run.batches()):
            encode_run.outcomes.tell(batch.rows, "ready", batch=number)
        return encode_run.outcomes.frame(frame.index)
    with bar(len(frame), progress, call_spec.what) as rows:
        observer = _FrameObserver(rows.update)
        encode_run = observer.encode_run = EncodeRun(prepared, client, observer=observer)
        with sigterm_as_interrupt():
            delivery = deliver(encode_run.batches(), client, observer=observer, backoff=backoff)
    return _finished(encode_run.outcomes, delivery, frame.index)


def _raise_invalid(prepared: Prepared, client: Client) -> None:
    """Raise where any row is invalid, before anything is sent."""
    report = _report(prepared, client, pd.Timestamp.now("UTC"))
    if not report.ok:
        raise InvalidRowsError(report)


class _FrameObserver(NullObserver):
    """Records the outcomes of a frame's rows, and counts rows on the bar."""

    encode_run: EncodeRun

    def __init__(self, count_rows: Callable[[int], object]) -> None:
        self._count_rows = count_rows

    def on_outcome(self, outcome: Outcome) -> None:
        self.encode_run.record(outcome)

    def on_rows(self, count: int) -> None:
        self._count_rows(count)


def _finished(outcomes: Outcomes, delivery: Delivery, index: pd.Index[Any]) -> pd.DataFrame:
    """Return the result frame, or raise with it where delivery ended early for more than one batch's sake."""
    outcomes.unsent(render(delivery.why) or "not sent")
    result = outcomes.frame(index)
    match delivery.stop_reason:
        case StopReason.UNAUTHORIZED:
            raise AuthenticationError(delivery.why, result)
        case StopReason.INTERRUPTED:
            raise InterruptedLoad(delivery.why, result)
        case StopReason.UNEXPECTED | StopReason.FAILED:
            raise DeliveryError(delivery.why, result) from delivery.error
    return result


def report(
    frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None, *, checked_at: pd.Timestamp | None = None
) -> ValidationReport:
    """Check a frame, encode it, send nothing, and return what is wrong with it, and the facts of its rows."""
    prepared = Prepared(frame, call_spec, warn=True)
    return _report(prepared, client or offline_client(), checked_at or pd.Timestamp.now("UTC"))


def _report(prepared: Prepared, client: Client, checked_at: pd.Timestamp) -> ValidationReport:
    encode_run = EncodeRun(prepared, client, with_message_ids=False)
    survey = Survey(checked_at, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
    events = prepared.events()
    for written in encode_run.encoded_slices():
        survey.sized(written.sizes[~written.invalid])
        kept = np.flatnonzero(np.asarray(written.payloads.is_valid()))
        survey.timed(written.timestamp_ms[kept], events[written.start + kept])
        for _, batch in encode_run.cut(written):
            survey.sent(body_bytes=len(batch.body))
    found = [prepared.failures]
    found += [
        validation.failure_cases(
            encode_error.rows,
            encode_error.label,
            encode_error.check,
            encode_error.reason,
            values=_cells(prepared.frame, encode_error),
        )
        for encode_error in encode_run.encode_errors
    ]
    found += [validation.failure_cases(rows, None, "max_call_bytes", reasons) for rows, reasons in encode_run.too_large]
    found += [prepared.warnings, *encode_run.warnings]
    columns = [
        each
        for call_group in prepared.call_groups
        for each in column_facts(call_group.frame, call_group.columns, prepared.call_spec.options.timezone)
    ]
    return ValidationReport(
        prepared.call_spec.what,
        prepared.frame.index,
        validation.concat_failures(found),
        survey.facts(merged(columns)),
        against=prepared.call_spec.against,
    )


def _cells(frame: pd.DataFrame, encode_error: EncodeError) -> npt.NDArray[np.object_] | None:
    """Return the cells that a fault is about, where its label says which column that is."""
    places = [place for place, label in enumerate(frame.columns) if label in {encode_error.label}]
    return frame.iloc[:, places[0]].iloc[encode_error.rows].to_numpy(dtype=object) if len(places) == 1 else None


# Fields that say who or what a call is about, and their names for people.
_ABOUT = {
    ("userId",): "id",
    ("properties", "objectId"): "object_id",
    ("properties", "objectTypeId"): "object_type_id",
    ("properties", "deliveryId"): "delivery_id",
    ("properties", "contentId"): "content_id",
}


def ids_of(frame: pd.DataFrame, call_spec: CallSpec) -> pd.DataFrame:
    """Return who or what each row is about, one column per kind of id."""
    (call_group,) = Prepared(frame, call_spec).call_groups
    found = {name: call_group.encoder.ids(*path) for path, name in _ABOUT.items()}
    return pd.DataFrame({name: ids.to_pylist() for name, ids in found.items() if ids is not None})


def payloads(frame: pd.DataFrame, call_spec: CallSpec, client: Client | None = None) -> pd.Series[Any]:
    """Return the JSON that would go out for each row; null where a row would stay here."""
    encode_run = EncodeRun(Prepared(frame, call_spec), client or offline_client())
    chunks = [
        pc.utf8_slice_codeunits(some, 0, -1) for some in (written.payloads for written in encode_run.encoded_slices())
    ]
    texts = pa.chunked_array(chunks, TEXT)
    return pd.Series(pd.array(texts, dtype=pd.StringDtype("pyarrow")), index=frame.index, name="payload")
