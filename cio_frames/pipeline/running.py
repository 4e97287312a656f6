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
from cio_frames._util.signals import stoppable
from cio_frames.client import Client, offline_client
from cio_frames.delivery.dispatcher import Delivery, Ended, Outcome, deliver
from cio_frames.encoding.text import TEXT, Fault
from cio_frames.errors import (
    AuthenticationError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
)
from cio_frames.pipeline.call_spec import Request
from cio_frames.pipeline.encode_run import Sending
from cio_frames.pipeline.prepared import Prepared
from cio_frames.report import Survey, ValidationReport, column_facts, merged
from cio_frames.results import Outcomes


def run(
    frame: pd.DataFrame,
    request: Request,
    *,
    client: Client | None,
    dry_run: bool,
    on_invalid: Literal["skip", "raise"],
    progress: bool | None,
) -> pd.DataFrame:
    """Send a frame, or only say what would be sent, and return the result frame."""
    if on_invalid not in ("skip", "raise"):
        raise FrameError(f"on_invalid={on_invalid!r} is neither 'skip' nor 'raise'.")
    if client is not None and not isinstance(client, Client):
        raise FrameError(f"client= takes a Client, not {type(client).__name__}; write Client(write_key=...).")
    client = client or (offline_client() if dry_run else Client.from_env())
    prepared = Prepared(frame, request)
    if on_invalid == "raise":
        _raise_invalid(prepared, client)
    if dry_run:
        sending = Sending(prepared, client)
        for number, (_, batch) in enumerate(sending.batches()):
            sending.outcomes.tell(batch.rows, "ready", batch=number)
        return sending.outcomes.frame(frame.index)
    with bar(len(frame), progress, request.what) as rows:
        sending = Sending(prepared, client, counted=rows.update)
        with stoppable():
            delivery = deliver(sending.batches(), client, told=_teller(sending.outcomes, rows.update))
    return _finished(sending.outcomes, delivery, frame.index)


def _raise_invalid(prepared: Prepared, client: Client) -> None:
    """Raise where any row is invalid, before anything is sent."""
    report = _report(prepared, client, pd.Timestamp.now("UTC"))
    if not report.ok:
        raise InvalidRowsError(report)


def _teller(outcomes: Outcomes, counted: Callable[[int], Any]) -> Callable[[Outcome], None]:
    """Return what delivery calls with each outcome."""

    def told(outcome: Outcome) -> None:
        outcomes.tell(
            outcome.rows,
            outcome.status,
            reason=outcome.reason,
            batch=outcome.batch,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )
        counted(len(outcome.rows))

    return told


def _finished(outcomes: Outcomes, delivery: Delivery, index: pd.Index[Any]) -> pd.DataFrame:
    """Return the result frame, or raise with it where delivery ended early for more than one batch's sake."""
    outcomes.unsent(delivery.why or "not sent")
    result = outcomes.frame(index)
    match delivery.ended:
        case Ended.UNAUTHORIZED:
            raise AuthenticationError(delivery.why, result)
        case Ended.INTERRUPTED:
            raise InterruptedLoad(delivery.why, result)
        case Ended.UNEXPECTED | Ended.FAILED:
            raise DeliveryError(delivery.why, result) from delivery.error
    return result


def report(
    frame: pd.DataFrame, request: Request, client: Client | None = None, *, checked_at: pd.Timestamp | None = None
) -> ValidationReport:
    """Check a frame, encode it, send nothing, and return what is wrong with it, and the facts of its rows."""
    prepared = Prepared(frame, request, warn=True)
    return _report(prepared, client or offline_client(), checked_at or pd.Timestamp.now("UTC"))


def _report(prepared: Prepared, client: Client, checked_at: pd.Timestamp) -> ValidationReport:
    sending = Sending(prepared, client, named=False)
    survey = Survey(checked_at, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
    events = prepared.events()
    for written in sending.written():
        survey.sized(written.sizes[~written.lost])
        kept = np.flatnonzero(np.asarray(written.payloads.is_valid()))
        survey.timed(written.ms[kept], events[written.start + kept])
        for _, batch in sending.cut(written):
            survey.sent(body_bytes=len(batch.body))
    found = [prepared.failures]
    found += [
        validation.failure_cases(
            fault.rows, fault.label, fault.check, fault.reason, values=_cells(prepared.frame, fault)
        )
        for fault in sending.faults
    ]
    found += [validation.failure_cases(rows, None, "max_call_bytes", reasons) for rows, reasons in sending.too_large]
    found += [prepared.warnings, *sending.warnings]
    columns = [
        each
        for part in prepared.parts
        for each in column_facts(part.frame, part.columns, prepared.request.form.timezone)
    ]
    return ValidationReport(
        prepared.request.what,
        prepared.frame.index,
        validation.together(found),
        survey.facts(merged(columns)),
        against=prepared.request.against,
    )


def _cells(frame: pd.DataFrame, fault: Fault) -> npt.NDArray[np.object_] | None:
    """Return the cells that a fault is about, where its label says which column that is."""
    places = [place for place, label in enumerate(frame.columns) if label in {fault.label}]
    return frame.iloc[:, places[0]].iloc[fault.rows].to_numpy(dtype=object) if len(places) == 1 else None


# Fields that say who or what a call is about, and their names for people.
_ABOUT = {
    ("userId",): "id",
    ("properties", "objectId"): "object_id",
    ("properties", "objectTypeId"): "object_type_id",
    ("properties", "deliveryId"): "delivery_id",
    ("properties", "contentId"): "content_id",
}


def ids_of(frame: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Return who or what each row is about, one column per kind of id."""
    (part,) = Prepared(frame, request).parts
    found = {name: part.encoder.ids(*path) for path, name in _ABOUT.items()}
    return pd.DataFrame({name: ids.to_pylist() for name, ids in found.items() if ids is not None})


def payloads(frame: pd.DataFrame, request: Request, client: Client | None = None) -> pd.Series[Any]:
    """Return the JSON that would go out for each row; null where a row would stay here."""
    sending = Sending(Prepared(frame, request), client or offline_client())
    chunks = [pc.utf8_slice_codeunits(some, 0, -1) for some in (written.payloads for written in sending.written())]
    texts = pa.chunked_array(chunks, TEXT)
    return pd.Series(pd.array(texts, dtype=pd.StringDtype("pyarrow")), index=frame.index, name="payload")
