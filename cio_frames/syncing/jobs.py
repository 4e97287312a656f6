"""Plan, apply and sync: the state opened, the source read, and what came of it handed back."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
import xxhash

from cio_frames import spec
from cio_frames._util.signals import StopSignals, stop_signals
from cio_frames.client import Client, offline_client
from cio_frames.errors import (
    CioFramesError,
    ConfigurationError,
    FrameError,
    GuardError,
    InterruptedLoad,
    InvalidRowsError,
    parameter,
)
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.loading.chunks import refuse_campaigns
from cio_frames.loading.clashes import local_files, refuse_clashes
from cio_frames.loading.load import folder_name, mapped_labels
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.source import Source, last_change, source_label
from cio_frames.loading.sources import source_of
from cio_frames.pipeline import CallSpec, build_report
from cio_frames.pipeline.call_spec import OnInvalid, OnUndelivered, require_choice
from cio_frames.results import Outcomes, Status, raise_for_status
from cio_frames.syncing.compare import Action
from cio_frames.syncing.draft import Draft, count_draft_reasons, first_held_back, join_details
from cio_frames.syncing.identity import refuse_other_workspace
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.plan import Plan, PlanDigests, count_actions, refuse_stale
from cio_frames.syncing.planning import draft_plan
from cio_frames.syncing.result import FolderSink, MemorySink, SyncResult, add_facts, print_sync_counts
from cio_frames.syncing.running import SyncOutcome, SyncRun, check_draft, chunk_result
from cio_frames.syncing.spool import SpooledSource
from cio_frames.syncing.state import State

_SYNC_INTERRUPTED_LATE = "The sync was interrupted when it had ended."
_SUFFIX = ".sync"
_LEDGER_NAME = "ledger.sqlite"
# Half as many as in a load, since the subjects of the state are in memory too.
_CHUNK_ROWS = 100_000


@dataclass(slots=True)
class SyncJob:
    """What is synced: a source, the call that its rows make, and the options.

    Attributes
    ----------
    given : path, DataFrame, or whatever a load takes
        The source as the caller gave it.
    parameters : dict or None
        What makes the same job again, for plan files.
    read_options : ReadOptions, optional
        How files are read.
    """

    given: Any
    call_spec: CallSpec
    options: SyncOptions
    parameters: Mapping[str, Any] | None = None
    read_options: ReadOptions | None = None
    _read_once: Source | None = field(default=None, init=False, repr=False)

    def source(self, *, exclude: Path | None = None, progress: bool | None = False) -> Source:
        """Return the rows; they are read twice, so that nothing is sent before all of them are compared."""
        if self._read_once is not None:
            return self._read_once
        keep = mapped_labels(self.call_spec.mapping)
        source = source_of(self.given, self.read_options, exclude=exclude, keep=keep, chunk_rows=_CHUNK_ROWS)
        if not source.repeatable:
            source = SpooledSource(source, self.options.state.parent, progress=progress)
        if isinstance(source, SpooledSource) or not source.resumable:
            # Nobody can read it once more, not even to apply a plan of it.
            self._read_once = source
        return source

    def default_folder(self) -> Path:
        """Return where the results of files are written if no folder is named."""
        name = str(self.given) if isinstance(self.given, (str, PathLike)) else "frames"
        return Path(folder_name(name, self.call_spec)).with_suffix(_SUFFIX)

    def plan(self, *, client: Client | None = None, progress: bool | None = None) -> Plan:
        """Return what a sync would do; nothing is sent, and the state stays as it is."""
        require_client(client)
        with masked_errors(self.given), State(self.options.state, create=False) as state:
            if client is not None:
                refuse_other_workspace(state.facts, client, self.options.state, accept_key=self.options.accept_key)
            source = self.source(exclude=self.default_folder(), progress=progress)
            draft = self.draft(source, state, client or offline_client(), with_details=True, progress=progress)
            return self._plan_of(draft, state, source, client)

    def draft(
        self, source: Source, state: State, client: Client, *, with_details: bool = False, with_values: bool = False,
        keep_rows: bool = False, adopt: bool = False, progress: bool | None = False,
    ) -> Draft:  # fmt: skip
        """Return what a sync would do about each row."""
        return draft_plan(
            source, self.call_spec, client, self.options, state,
            with_details=with_details, with_values=with_values, keep_rows=keep_rows, adopt=adopt, progress=progress,
        )  # fmt: skip

    def _plan_of(self, draft: Draft, state: State, source: Source, client: Client | None) -> Plan:
        removal = self.options.removed
        details = join_details(draft.details)
        if isinstance(self.given, pd.DataFrame):
            details = details.drop(columns="file")
        try:
            check_draft(draft, replace(self.options, accept_mapping=True))
            findings: tuple[str, ...] = ()
        except GuardError as error:
            findings = tuple(error.findings)
        reasons: Counter[str] = Counter()
        for chunk in draft.chunks:
            found = chunk.held_back[chunk.held_back["status"].astype(str).ne("unchanged")]
            reasons.update(found["reason"].dropna().astype(str).tolist())
        return Plan(
            what=self.call_spec.what,
            rows=draft.rows,
            counts=count_actions(draft),
            changed_fields=dict(draft.changed_fields.most_common()),
            cleared_fields=dict(draft.cleared_fields.most_common()),
            mapping_change=str(draft.mapping_change),
            guards=findings,
            reasons=dict(reasons.most_common()),
            removal=removal if removal != "set" else f"set {json.dumps(self.options.set_removed, default=str)}",
            source=source_label(source),
            source_changed=last_change(source),
            mapping=draft.columns.pairs(),
            state=str(self.options.state),
            changes=details,
            removed=draft.missing.frame(),
            digests=self._digests(draft, state),
            made_at=pd.Timestamp.now("UTC"),
            apply_with=self.apply,
            values=self._values,
            job=self.parameters,
            destination=None if client is None else client.destination,
        )

    def _digests(self, draft: Draft, state: State) -> PlanDigests:
        mapping = json.dumps([draft.mapping.as_fact(), self.call_spec.what], sort_keys=True)
        removed = json.dumps([self.options.removed, self.options.set_removed, sorted(draft.missing.due)], default=str)
        return PlanDigests(draft.frame_digest, _hash(mapping), state.stamp, _hash(removed))

    def _values(self) -> list[str | None]:
        """Return the content of each row to send, as JSON."""
        with State(self.options.state, create=False) as state:
            source = self.source(exclude=self.default_folder())
            draft = self.draft(source, state, offline_client(), with_details=True, with_values=True)
            values: list[str | None] = join_details(draft.details)["values"].tolist()
            return values

    def apply(self, digests: PlanDigests, **options: Any) -> pd.DataFrame | SyncResult:
        """Send what a plan lists, if it still holds."""
        return self.sync(digests=digests, **options)

    def sync(
        self, *, client: Client | None = None, dry_run: bool = False, on_invalid: str = "skip",
        on_undelivered: str = "return", allow_campaigns: bool = False, progress: bool | None = None,
        output: str | PathLike[str] | None = None, digests: PlanDigests | None = None,
    ) -> pd.DataFrame | SyncResult:  # fmt: skip
        """Compare, check, and send; of a frame return its result frame, of other sources a SyncResult."""
        require_choice("on_invalid", on_invalid, get_args(OnInvalid))
        require_choice("on_undelivered", on_undelivered, get_args(OnUndelivered))
        with masked_errors(self.given):
            result = self._sync(
                require_client(client) or (offline_client() if dry_run else Client.from_env()), dry_run=dry_run,
                on_invalid=on_invalid, allow_campaigns=allow_campaigns, progress=progress,
                folder=self.default_folder() if output is None else Path(output), digests=digests,
            )  # fmt: skip
        print_sync_counts(self.call_spec.what, result, progress)
        return result if on_undelivered == "return" else cast("pd.DataFrame | SyncResult", raise_for_status(result))

    def _sync(
        self, client: Client, *, dry_run: bool, on_invalid: str, allow_campaigns: bool, progress: bool | None,
        folder: Path, digests: PlanDigests | None,
    ) -> pd.DataFrame | SyncResult:  # fmt: skip
        started = time.monotonic()
        is_frame = isinstance(self.given, pd.DataFrame)
        source = self.source(exclude=None if is_frame else folder, progress=progress)
        self._refuse_clashes(source, None if is_frame else folder)
        with State(self.options.state, create=not dry_run) as state:
            if not dry_run:
                refuse_other_workspace(state.facts, client, self.options.state, accept_key=self.options.accept_key)
            adopt = self.options.accept_mapping and not dry_run
            draft = self.draft(source, state, client, keep_rows=not dry_run, adopt=adopt, progress=progress)
            if digests is not None:
                refuse_stale(digests, self._digests(draft, state))
            check_draft(draft, self.options)
            if on_invalid == "raise":
                self._raise_invalid(draft, client)
            if dry_run:
                return self.unsent_result(draft)
            if self.call_spec.call in spec.EVENT_CALLS and not allow_campaigns:
                refuse_campaigns(source, self.call_spec, pd.Timestamp.now("UTC"))
            run = SyncRun(
                source, self.call_spec, client, self.options, state, draft,
                progress=progress, guards_campaigns=not allow_campaigns,
            )  # fmt: skip
            with stop_signals() as stops:
                result: pd.DataFrame | SyncResult
                if is_frame:
                    sink = MemorySink()
                    outcome = run.run(sink, stops)
                    result = sink.frame(self.given.index)
                    add_facts(result, draft.warnings, outcome.removal_counts)
                else:
                    outcome, result = self._run_in_folder(run, source, draft, folder, started, stops)
                if stops.take_pending():
                    outcome.stop(_SYNC_INTERRUPTED_LATE, InterruptedLoad)
                _raise(outcome, result)
                return result

    def _refuse_clashes(self, source: Source, folder: Path | None) -> None:
        """Refuse to write a file that is read."""
        written = {"state": self.options.state, "output": folder, "audit": self.options.audit}
        refuse_clashes(local_files(source), written)
        if folder is not None and (folder / _LEDGER_NAME).exists():
            raise ConfigurationError(
                f"{folder} holds the results of a load. Nothing was sent. Name another folder with "
                f"{parameter('output')}."
            )

    def _run_in_folder(
        self, run: SyncRun, source: Source, draft: Draft, folder: Path, started: float, stops: StopSignals
    ) -> tuple[SyncOutcome, SyncResult]:
        with OutputFolder(folder) as outputs:
            outputs.remove_results()
            sink = FolderSink(outputs, source)
            outcome = run.run(sink, stops)
            undelivered = removed = None
            try:
                undelivered = outputs.combine_undelivered()
                outputs.discard_parts()
                removed = sink.write_removed(outcome.removed) if len(outcome.removed) else None
            except CioFramesError as error:
                outcome.fail(error)
            result = SyncResult(
                what=self.call_spec.what,
                phase=outcome.phase,
                reasons=dict(sink.reasons),
                source_rows=draft.rows,
                unrendered_why=outcome.why,
                bytes=sink.bytes,
                requests=outcome.requests,
                seconds=time.monotonic() - started,
                rows_now=draft.rows,
                results=outputs.results,
                undelivered=undelivered,
                ledger=self.options.state,
                as_of=self.options.as_of.isoformat(),
                # What is piped in again is compared with the state, like every other source.
                notes=replace(source.notes(), is_standard_input=False),
                warnings=draft.warnings,
                counts=count_actions(draft),
                removals=outcome.removal_counts,
                removed=removed,
            )
        return outcome, result

    def unsent_result(self, draft: Draft, *, status: Status = "ready") -> pd.DataFrame | SyncResult:
        """Return the result where nothing was sent, with one status for the rows that a sync would send."""
        return (
            _unsent_frame(self.given, draft, status)
            if isinstance(self.given, pd.DataFrame)
            else self._unsent_counts(draft, status)
        )

    def _unsent_counts(self, draft: Draft, status: Status = "ready") -> SyncResult:
        return SyncResult(
            what=self.call_spec.what,
            phase="dry run" if status == "ready" else "done",
            reasons=count_draft_reasons(draft, status),
            source_rows=draft.rows,
            rows_now=draft.rows,
            first_held_back=first_held_back(draft),
            warnings=draft.warnings,
            counts=count_actions(draft),
        )

    def _raise_invalid(self, draft: Draft, client: Client) -> None:
        if draft.count(Action.HELD_BACK):
            is_frame = isinstance(self.given, pd.DataFrame) and not draft.has_duplicates
            raise InvalidRowsError(
                build_report(self.given, self.call_spec, client) if is_frame else self._unsent_counts(draft)
            )


def require_client(client: Client | None) -> Client | None:
    """Return a client as it is; raise FrameError for anything else that is not None."""
    if client is not None and not isinstance(client, Client):
        raise FrameError(f"{parameter('client')} must be a Client, got {type(client).__name__}: Client(write_key=...).")
    return client


def _unsent_frame(frame: pd.DataFrame, draft: Draft, status: Status) -> pd.DataFrame:
    (chunk,) = draft.chunks
    rows = chunk.rows_to_send
    outcomes = Outcomes(len(rows))
    outcomes.record(np.arange(len(rows)), status)
    return chunk_result(chunk, [(rows, outcomes.frame(pd.RangeIndex(len(rows))))]).set_axis(frame.index)


def _raise(outcome: SyncOutcome, result: pd.DataFrame | SyncResult) -> None:
    """Raise the error that stopped a sync, with what became of every row."""
    if outcome.error is not None:
        raise outcome.error(outcome.why, result) from outcome.cause
    if isinstance(outcome.cause, CioFramesError):
        # What went wrong is known; what became of the rows that were sent before is in the result.
        outcome.cause.result = result if outcome.requests else None
        raise outcome.cause


def _hash(text: str) -> str:
    return str(xxhash.xxh3_128_hexdigest(text.encode()))
