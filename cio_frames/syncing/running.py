"""A sync from one end to the other: compare, check the guards, send, and note in the state what was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, Any, Protocol, cast

import numpy as np
import pandas as pd

from cio_frames import spec
from cio_frames._util.arrays import Ints
from cio_frames._util.progress import LoadProgress
from cio_frames._util.signals import StopSignals
from cio_frames.audit import AuditTrail, open_audit_file
from cio_frames.client import Client
from cio_frames.delivery.deliverer import Deliverer
from cio_frames.delivery.outcomes import Delivery
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff
from cio_frames.errors import (
    CioFramesError,
    ConfigurationError,
    DeliveryError,
    InterruptedLoad,
    parameter,
)
from cio_frames.loading.chunks import read_frames
from cio_frames.loading.io_errors import RESUME
from cio_frames.loading.source import Source
from cio_frames.pipeline import CallSpec
from cio_frames.pipeline.campaigns import makes_events
from cio_frames.pipeline.running import STOP_ERRORS
from cio_frames.results import GOOD, Outcomes, Status, status_counts
from cio_frames.syncing.compare import UNSENT_AND_GOOD, Action
from cio_frames.syncing.draft import ChunkPlan, Draft
from cio_frames.syncing.examine import Examiner
from cio_frames.syncing.identity import endpoint_name, key_fingerprint, refuse_other_workspace
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.removing import removals_of
from cio_frames.syncing.rows import RowShipper
from cio_frames.syncing.shipping import Shipper, merge_results
from cio_frames.syncing.state import State

_INTERRUPTED = f"The sync was interrupted. {RESUME}"
# The state is compacted where a run wrote a good part of it.
_COMPACT_SHARE = 0.1


class ResultSink(Protocol):
    """Keeps the results of a sync, chunk by chunk."""

    def write(self, plan: ChunkPlan, result: pd.DataFrame) -> None:
        """Keep the results of one chunk."""


@dataclass(slots=True)
class SyncOutcome:
    """What a run of a sync came to.

    Attributes
    ----------
    phase : {"done", "stopped"}
        ``stopped``: the same command resumes.
    why : str
        Why it stopped.
    statuses : Counter
        How many rows have each status.
    removed : pandas.DataFrame
        One row for each subject that was removed or marked, or that could not be.
    error : type of DeliveryError, optional
        What the sync raises.
    cause : Exception, optional
        What failed in this process, if anything did.
    """

    run: int
    phase: str = "done"
    why: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    removed: pd.DataFrame = field(default_factory=lambda: removed_frame([], "", None, {}))
    error: type[DeliveryError] | None = None
    cause: Exception | None = None

    def stop(self, why: str, error: type[DeliveryError] | None, cause: Exception | None = None) -> None:
        """Note why the sync stopped; the first reason counts."""
        if self.phase == "done":
            self.phase, self.why, self.error, self.cause = "stopped", why, error, cause

    def fail(self, error: Exception) -> None:
        """Note that the sync stopped because of an error on this machine."""
        if isinstance(error, CioFramesError):
            self.stop(error.text_by_door(), None, error)
        else:
            # Its text may hold people's data.
            self.stop(f"The sync stopped: {type(error).__name__} on this machine. {RESUME}", DeliveryError, error)

    @property
    def removal_counts(self) -> dict[str, int]:
        """How many subjects that were to be removed or marked have each status."""
        return {str(status): int(count) for status, count in self.removed["status"].value_counts().items()}


def refuse_other_mapping(draft: Draft, options: SyncOptions) -> None:
    """Raise where the mapping of a state changed, and the caller has not accepted that."""
    if draft.mapping_change and not options.accept_mapping:
        raise ConfigurationError(
            f"The mapping of the state {options.state} changed: {draft.mapping_change}. Nothing was sent. Look at the "
            f"plan, and set {parameter('accept_mapping', True)} to continue."
        )


def check_draft(draft: Draft, options: SyncOptions) -> None:
    """Raise where a draft must not be sent: the mapping changed, or a guard trips."""
    refuse_other_mapping(draft, options)
    options.guards.check(
        rows=draft.rows,
        subjects=draft.subjects,
        changed=draft.count(Action.CHANGED, Action.CLEARED),
        missing=draft.missing.count,
        candidates=draft.missing.candidates,
        claimed=draft.missing.claimed,
        claimed_missing=draft.missing.claimed_missing,
        acts=options.removal_acts,
    )


class SyncRun:
    """One run of a sync, from a draft to its outcome."""

    def __init__(
        self, source: Source, call_spec: CallSpec, client: Client, options: SyncOptions, state: State, draft: Draft, *,
        progress: bool | None, guards_campaigns: bool = False, backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:  # fmt: skip
        self._guards_campaigns = guards_campaigns and makes_events(call_spec)
        self._source = source
        self._call_spec = call_spec
        self._client = client
        self._options = options
        self._state = state
        self._draft = draft
        self._progress = progress
        self._backoff = backoff
        self._chunks_kept = 0

    def run(self, sink: ResultSink, stops: StopSignals) -> SyncOutcome:
        """Send what the draft says; the error that stopped it is in the outcome, and so is what was sent before."""
        state, options = self._state, self._options
        refuse_other_workspace(state.facts, self._client, options.state, accept_key=options.accept_key)
        state.note(
            endpoint=endpoint_name(self._client.endpoint),
            write_key=key_fingerprint(self._client.write_key),
            call=self._call_spec.what,
            mapping=self._draft.mapping.as_fact(),
        )
        outcome = SyncOutcome(state.begin("sync", source=self._source.name, as_of=str(options.as_of.date())))
        try:
            with (
                open_audit_file(options.audit) as audit_file,
                Deliverer(self._client, backoff=self._backoff) as deliverer,
                LoadProgress(self._draft.rows, self._progress, f"sync {self._call_spec.what}") as shown,
            ):
                shipper = Shipper(self._client, state, shown, deliverer, stops, guards_campaigns=self._guards_campaigns)
                try:
                    self._send(shipper, sink, outcome, audit_file)
                finally:
                    outcome.requests = shipper.requests
        except KeyboardInterrupt:
            stops.holds = 1
            outcome.stop(_INTERRUPTED, InterruptedLoad)
        except Exception as error:
            outcome.fail(error)
        for plan in self._draft.chunks[self._chunks_kept :]:
            self._keep(plan, [], sink, outcome)
        try:
            self._note_end(outcome)
        except CioFramesError as error:
            outcome.fail(error)
        return outcome

    def _note_end(self, outcome: SyncOutcome) -> None:
        """Note in the state what the run came to."""
        state, options = self._state, self._options
        if outcome.phase == "done":
            self._keep_missing(outcome)
        state.end(outcome.run, outcome.phase, outcome.statuses, outcome.why)
        if outcome.phase == "done":
            if self._call_spec.call in spec.EVENT_CALLS:
                state.forget_before((options.as_of - timedelta(days=options.keep_days)).to_pydatetime())
            sent = sum(len(chunk.rows_to_send) for chunk in self._draft.chunks)
            if sent > _COMPACT_SHARE * max(self._draft.subjects, 1):
                state.compact()

    def _send(self, shipper: Shipper, sink: ResultSink, outcome: SyncOutcome, audit_file: IO[bytes] | None) -> None:
        draft = self._draft
        examiner = Examiner(
            self._call_spec, self._client, draft.mapping.fields, self._state, draft.index, self._options
        )
        rows = RowShipper(self._call_spec, examiner, self._options, self._state, outcome.run)
        with _ChunkReader(self._source, self._call_spec, draft) as reader:
            for plan in draft.chunks:
                parts: list[tuple[Ints, pd.DataFrame]] = []
                if outcome.phase == "done" and len(plan.rows_to_send):
                    self._send_chunk(plan, reader, rows, shipper, parts, outcome)
                self._keep(plan, parts, sink, outcome)
        open_rows = sum(outcome.statuses[status] for status in ("unknown", "unsent"))
        if outcome.phase == "done" and not open_rows and self._draft.missing.due:
            self._remove(shipper, outcome, audit_file)
            open_rows = int(outcome.removed["status"].isin(["unknown", "unsent"]).sum())
        if open_rows:
            outcome.stop(f"{open_rows:,} calls are unknown or unsent. {RESUME}", None)

    def _send_chunk(
        self, plan: ChunkPlan, reader: _ChunkReader, rows: RowShipper, shipper: Shipper,
        parts: list[tuple[Ints, pd.DataFrame]], outcome: SyncOutcome,
    ) -> None:  # fmt: skip
        """Send the rows of a chunk, and add what became of them to ``parts``, also of those before an interruption."""
        try:
            with shipper.stops.raised():
                part = reader.rows_to_send(plan)
                for places, shipment in rows.shipments(part, plan.rows_to_send, plan.event_ids):
                    with shipper.stops.held_back():
                        result, delivery = shipper.ship(shipment)
                        parts.append((places, result))
                    if delivery.stop_reason is not None:
                        _note_stop(delivery, outcome)
                        return
        except KeyboardInterrupt:
            shipper.stops.holds = 1
            outcome.stop(_INTERRUPTED, InterruptedLoad)
        except Exception as error:
            outcome.fail(error)

    def _keep(
        self, plan: ChunkPlan, parts: Sequence[tuple[Ints, pd.DataFrame]], sink: ResultSink, outcome: SyncOutcome
    ) -> None:
        self._chunks_kept += 1
        result = chunk_result(plan, parts)
        outcome.statuses.update(status_counts(result))
        try:
            sink.write(plan, result)
        except Exception as error:
            outcome.fail(error)

    def _remove(self, shipper: Shipper, outcome: SyncOutcome, audit_file: IO[bytes] | None) -> None:
        found: list[pd.DataFrame] = []
        subjects = self._draft.missing.due
        for removal in removals_of(self._call_spec, self._options, self._state, outcome.run, subjects):
            keys: Sequence[str] = ()
            result = None
            if removal.shipment is not None and outcome.phase == "done":
                trails = [] if audit_file is None else [AuditTrail(audit_file, removal.operation, removal.ids)]
                keys = removal.shipment.keys
                result, delivery = shipper.ship(removal.shipment, trails)
                if delivery.stop_reason is not None:
                    _note_stop(delivery, outcome)
            found.append(removed_frame(keys, removal.operation, result, removal.skipped))
        outcome.removed = pd.concat(found, ignore_index=True)

    def _keep_missing(self, outcome: SyncOutcome) -> None:
        if self._options.removed == "keep":
            return
        removed = outcome.removed
        gone = set(removed.loc[removed["status"].isin(GOOD), "subject"])
        runs = self._draft.missing.runs
        self._state.keep_missing({subject: count for subject, count in runs.items() if subject not in gone})


def _note_stop(delivery: Delivery, outcome: SyncOutcome) -> None:
    cause = delivery.error
    # An error of ours says itself what to do.
    why = cause.text_by_door() if isinstance(cause, CioFramesError) else f"{delivery.why} {RESUME}"
    outcome.stop(why, STOP_ERRORS.get(delivery.stop_reason), cause)


class _ChunkReader:
    """Hands out the rows to send of one chunk after the other, read again where they were not kept."""

    def __init__(self, source: Source, call_spec: CallSpec, draft: Draft) -> None:
        kept = (plan.number for plan in draft.chunks if plan.frame is not None or not len(plan.rows_to_send))
        self._context = read_frames(source, call_spec, done=frozenset(kept))

    def __enter__(self) -> _ChunkReader:
        self._frames = self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def rows_to_send(self, plan: ChunkPlan) -> pd.DataFrame:
        """Return the rows of a chunk that are sent."""
        if plan.frame is not None:
            return plan.frame
        # Sources of frames yield those that are done too.
        frame = next(frame for chunk, frame in self._frames if chunk.number == plan.number)
        return frame.iloc[plan.rows_to_send]


def chunk_result(plan: ChunkPlan, parts: Sequence[tuple[Ints, pd.DataFrame]]) -> pd.DataFrame:
    """Return the result frame of a chunk from those of its shipments."""
    rows = len(plan.actions)
    is_shipped = np.zeros(rows, dtype=bool)
    for places, _ in parts:
        is_shipped[places] = True
    others = np.flatnonzero(~is_shipped)
    return merge_results(rows, [*parts, (others, not_shipped(plan, others))])


def not_shipped(plan: ChunkPlan, rows: Ints) -> pd.DataFrame:
    """Return the result frame of the rows that no request carried."""
    outcomes = Outcomes(len(rows))
    outcomes.record(np.flatnonzero(np.isin(plan.actions[rows], UNSENT_AND_GOOD)), "unchanged")
    held_back = plan.held_back[plan.held_back.index.isin(rows)]
    for status, found in held_back.groupby("status", observed=True):
        places = np.searchsorted(rows, found.index.to_numpy())
        outcomes.record(places, cast(Status, status), reason=found["reason"].to_numpy(dtype=object))
    outcomes.mark_unsent("not sent")
    return outcomes.frame(pd.RangeIndex(len(rows)))


def removed_frame(
    subjects: Sequence[str], operation: str, result: pd.DataFrame | None, skipped: Mapping[str, str]
) -> pd.DataFrame:
    """Return one row for each subject that was to be removed or marked."""
    columns = ["status", "reason", "message_id", "http_status"]
    sent = pd.DataFrame(columns=columns) if result is None else result[columns].astype({"status": "string"})
    left = pd.DataFrame({"status": "skipped", "reason": list(skipped.values())}, index=range(len(skipped)))
    found = pd.concat([part for part in (sent, left) if len(part)]) if len(sent) or len(left) else sent
    found = found.reindex(columns=columns).reset_index(drop=True)
    found.insert(0, "subject", [*subjects, *skipped])
    found.insert(1, "operation", operation)
    return found.astype(dict.fromkeys(("subject", "operation", "status", "reason", "message_id"), "string"))
