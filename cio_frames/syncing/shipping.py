"""Calls on their way: their ids are stored before they leave, and only an answer moves the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames._util.arrays import Bools, Ints
from cio_frames._util.progress import LoadProgress
from cio_frames._util.signals import StopSignals
from cio_frames.client import Client
from cio_frames.columns import Path
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.deliverer import Deliverer
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import Delivery, Outcome, StopReason
from cio_frames.delivery.reasons import ANSWER_NOT_AWAITED, EARLIER_MAY_BE_ACCEPTED
from cio_frames.errors import render
from cio_frames.pipeline import CallSpec, EncodeRun, Prepared
from cio_frames.pipeline.campaigns import refuse_wrong_clock
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.syncing.records import Evidence
from cio_frames.syncing.state import State

_SYNC_INTERRUPTED_EARLY = "The sync was interrupted; requests in flight were finished."
_INTERRUPTED_TWICE = "The sync was interrupted twice; requests in flight were not waited for."


class Settle(Protocol):
    """Moves the state for subjects whose calls the other end took."""

    def __call__(self, rows: Ints, evidence: Evidence) -> None:
        """Move the state for some rows of the shipment."""


@dataclass(frozen=True)
class Shipment:
    """Calls for subjects, one each.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row for each call.
    call_spec : CallSpec
        Which call; its message ids are in a column of the frame.
    keys : list of str
        The subjects.
    contents : list of bytes
        What tells the content of each call from others: a digest, or what stands for a removal.
    pending : list of bytes
        What the state notes before each call leaves.
    before : numpy array of bytes
        What was pending before; None where nothing was.
    settle : callable
        Moves the state where the other end took the call.
    nulls : dict of path to numpy array of bool
        Fields of rows that are sent as ``null``.
    """

    frame: pd.DataFrame
    call_spec: CallSpec
    keys: Sequence[str]
    contents: Sequence[bytes]
    pending: Sequence[bytes]
    before: npt.NDArray[np.object_]
    settle: Settle
    nulls: Mapping[Path, Bools] = field(default_factory=dict)


@dataclass(slots=True)
class Shipper:
    """Sends shipments, one after the other, through one client.

    Attributes
    ----------
    guards_campaigns : bool
        Whether to stop if this machine's clock makes young events look old.
    requests : int
        How many requests were made so far.
    """

    client: Client
    state: State
    progress: LoadProgress
    deliverer: Deliverer
    stops: StopSignals
    guards_campaigns: bool = False
    requests: int = 0

    def ship(self, shipment: Shipment, observers: Sequence[Observer] = ()) -> tuple[pd.DataFrame, Delivery]:
        """Send the calls, and return the result frame by position, and how delivery ended.

        ``observers`` learn of each batch before the state does, and of each outcome after it. Only delivery can be
        interrupted here: what is known of the calls is returned whatever happens.
        """
        prepared = Prepared(shipment.frame, shipment.call_spec, nulls=shipment.nulls)
        observer = _ShipmentObserver(
            self.state, shipment, self.progress, observers, guards_campaigns=self.guards_campaigns
        )
        observer.encode_run = encode_run = EncodeRun(prepared, self.client, message_ids=MessageIds(None))
        try:
            with self.stops.raised():
                delivery = self.deliverer.deliver(encode_run.batches(), observer=observer, first_number=self.requests)
        except KeyboardInterrupt:
            self.stops.holds = 1
            # Ctrl-C once more, while delivery waited for what is in flight; or before anything left.
            why = _INTERRUPTED_TWICE if observer.has_begun else _SYNC_INTERRUPTED_EARLY
            delivery = Delivery(stop_reason=StopReason.INTERRUPTED, why=why)
        self.requests += delivery.requests
        encode_run.outcomes.mark_unsent(render(delivery.why) or "not sent")
        # An earlier run may have sent them.
        encode_run.outcomes.mark_unknown(shipment.before != None, EARLIER_MAY_BE_ACCEPTED)  # noqa: E711 -- cell by cell
        return encode_run.outcomes.frame(pd.RangeIndex(prepared.rows)), delivery


class _ShipmentObserver(NullObserver):
    """Writes to the state what leaves and what is answered."""

    encode_run: EncodeRun
    has_begun = False

    def __init__(
        self, state: State, shipment: Shipment, progress: LoadProgress, observers: Sequence[Observer], *,
        guards_campaigns: bool,
    ) -> None:  # fmt: skip
        self._guards_campaigns = guards_campaigns
        self._observers = observers
        self._state = state
        self._shipment = shipment
        self._progress = progress

    def before_send(self, batch: Batch) -> None:
        self.has_begun = True
        for observer in self._observers:
            observer.before_send(batch)
        rows = batch.rows.tolist()
        shipment = self._shipment
        self._state.before_send([shipment.keys[row] for row in rows], [shipment.pending[row] for row in rows])
        # Until an outcome replaces it, also if delivery is broken off.
        self.encode_run.outcomes.record(batch.rows, "unknown", reason=ANSWER_NOT_AWAITED)

    def on_request(self, size_bytes: int) -> None:
        self._progress.update(0, size_bytes, 1)

    def on_outcome(self, outcome: Outcome) -> None:
        shipment, rows = self._shipment, outcome.rows.tolist()
        keys = [shipment.keys[row] for row in rows]
        match outcome.status:
            case "delivered":
                shipment.settle(outcome.rows, Evidence.DELIVERED)
            case "acknowledged":
                shipment.settle(outcome.rows, Evidence.ACKNOWLEDGED)
            case "rejected" if not outcome.was_blocked:
                self._state.reject(keys, [shipment.contents[row] for row in rows], shipment.before[rows])
            case "unsent" | "rejected":
                # Nothing of it was accepted, so what was in doubt before is in doubt as before. What somebody between
                # refused is not a rejection by the API.
                self._state.restore(keys, shipment.before[rows])
        self.encode_run.record(outcome)
        for observer in self._observers:
            observer.on_outcome(outcome)

    def on_rows(self, count: int) -> None:
        self._progress.update(count)

    def on_clock(self, seconds_ahead: float) -> None:
        if self._guards_campaigns:
            refuse_wrong_clock(seconds_ahead)


def merge_results(rows: int, parts: Sequence[tuple[Ints, pd.DataFrame]]) -> pd.DataFrame:
    """Return one result frame from those of some of the rows each, given by position.

    >>> one, other = pd.DataFrame({"status": ["unchanged"]}), pd.DataFrame({"status": ["delivered"]})
    >>> merge_results(2, [(np.array([1]), one), (np.array([0]), other)])["status"].tolist()
    ['delivered', 'unchanged']
    """
    found = [part.set_axis(pd.Index(places)) for places, part in parts if len(places)]
    if not found:
        return parts[0][1]
    merged = pd.concat(found) if len(found) > 1 else found[0]
    return merged.sort_index().set_axis(pd.RangeIndex(rows))
