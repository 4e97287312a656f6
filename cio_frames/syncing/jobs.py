"""Plan, apply, sync and baseline: the state opened, the source read, and what came of it handed back."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash

from cio_frames import spec
from cio_frames.client import Client, offline_client
from cio_frames.errors import FrameError, GuardError, InvalidRowsError, parameter
from cio_frames.loading.chunks import read_ahead, refuse_campaigns
from cio_frames.loading.load import folder_name, mapped_labels
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.source import Source
from cio_frames.loading.sources import source_of
from cio_frames.pipeline import CallSpec, build_report
from cio_frames.results import RESULT_ATTRS, Outcomes, Status
from cio_frames.syncing.compare import SENT, Action
from cio_frames.syncing.draft import Draft
from cio_frames.syncing.examine import Examiner
from cio_frames.syncing.identity import endpoint_name, key_fingerprint, refuse_other_workspace
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.plan import Plan, PlanDigests, count_actions, refuse_stale
from cio_frames.syncing.planning import draft_plan
from cio_frames.syncing.records import Evidence, pack_digests, pack_hashes, texts_of
from cio_frames.syncing.result import FolderSink, MemorySink, SyncResult
from cio_frames.syncing.running import SyncOutcome, SyncRun, check_draft, chunk_result
from cio_frames.syncing.state import State
from cio_frames.validation import to_records

_SUFFIX = ".sync"
# Half as many as in a load, since the subjects of the state are in memory too.
_CHUNK_ROWS = 100_000


@dataclass(frozen=True, slots=True)
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

    def source(self, *, exclude: Path | None = None) -> Source:
        """Return the rows; they are read twice, so that nothing is sent before all of them are compared."""
        keep = mapped_labels(self.call_spec.mapping)
        source = source_of(self.given, self.read_options, exclude=exclude, keep=keep, chunk_rows=_CHUNK_ROWS)
        if not source.repeatable:
            raise FrameError(
                "A sync reads its rows twice, first to compare and then to send, and a generator yields them once. "
                "Give a list of frames, or a file."
            )
        return source

    def _default_folder(self) -> Path:
        name = str(self.given) if isinstance(self.given, (str, PathLike)) else "frames"
        return Path(folder_name(name, self.call_spec)).with_suffix(_SUFFIX)

    def plan(self, *, client: Client | None = None, progress: bool | None = None) -> Plan:
        """Return what a sync would do; nothing is sent, and the state stays as it is."""
        with State(self.options.state, create=False) as state:
            if client is not None:
                refuse_other_workspace(state.facts, client, self.options.state, accept_key=self.options.accept_key)
            source = self.source()
            draft = self._draft(source, state, client or offline_client(), with_details=True, progress=progress)
            return self._plan_of(draft, state, source.name, client)

    def _draft(
        self, source: Source, state: State, client: Client, *, with_details: bool = False, with_values: bool = False,
        keep_rows: bool = False, adopt: bool = False, progress: bool | None = False,
    ) -> Draft:  # fmt: skip
        return draft_plan(
            source, self.call_spec, client, self.options, state,
            with_details=with_details, with_values=with_values, keep_rows=keep_rows, adopt=adopt, progress=progress,
        )  # fmt: skip

    def _plan_of(self, draft: Draft, state: State, source: str, client: Client | None) -> Plan:
        removal = self.options.removed
        details = pd.concat(draft.details, ignore_index=True)
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
            counts=count_actions(draft, removal),
            changed_fields=dict(draft.changed_fields.most_common()),
            cleared_fields=dict(draft.cleared_fields.most_common()),
            mapping_change=str(draft.mapping_change),
            guards=findings,
            reasons=dict(reasons.most_common()),
            removal=removal if removal != "set" else f"set {json.dumps(self.options.set_removed, default=str)}",
            changes=details,
            removed=draft.missing.frame(),
            digests=self._digests(draft, state),
            made_at=pd.Timestamp.now("UTC"),
            apply_with=self.apply,
            values=self._values,
            job=self.parameters,
            source="a DataFrame" if isinstance(self.given, pd.DataFrame) else source,
            destination=None if client is None else client.destination,
            state=str(self.options.state),
        )

    def _digests(self, draft: Draft, state: State) -> PlanDigests:
        mapping = json.dumps([draft.mapping.as_fact(), self.call_spec.what], sort_keys=True)
        removed = json.dumps([self.options.removed, self.options.set_removed, sorted(draft.missing.due)], default=str)
        return PlanDigests(draft.frame_digest, _hash(mapping), state.stamp, _hash(removed))

    def _values(self) -> list[str | None]:
        """Return the content of each row to send, as JSON."""
        with State(self.options.state, create=False) as state:
            draft = self._draft(self.source(), state, offline_client(), with_details=True, with_values=True)
            values: list[str | None] = pd.concat(draft.details)["values"].tolist()
            return values

    def apply(self, digests: PlanDigests, **options: Any) -> pd.DataFrame | SyncResult:
        """Send what a plan lists, if it still holds."""
        return self.sync(digests=digests, **options)

    def sync(
        self, *, client: Client | None = None, dry_run: bool = False, on_invalid: str = "skip",
        allow_campaigns: bool = False, progress: bool | None = None, output: str | PathLike[str] | None = None,
        digests: PlanDigests | None = None,
    ) -> pd.DataFrame | SyncResult:  # fmt: skip
        """Compare, check, and send; of a frame return its result frame, of other sources a SyncResult."""
        started = time.monotonic()
        is_frame = isinstance(self.given, pd.DataFrame)
        folder = Path(output) if output is not None else self._default_folder()
        source = self.source(exclude=None if is_frame else folder)
        client = client or (offline_client() if dry_run else Client.from_env())
        with State(self.options.state, create=not dry_run) as state:
            if not dry_run:
                refuse_other_workspace(state.facts, client, self.options.state, accept_key=self.options.accept_key)
            adopt = self.options.accept_mapping and not dry_run
            draft = self._draft(source, state, client, keep_rows=not dry_run, adopt=adopt, progress=progress)
            if digests is not None:
                refuse_stale(digests, self._digests(draft, state))
            check_draft(draft, self.options)
            if on_invalid == "raise":
                self._raise_invalid(draft, client)
            if dry_run:
                return _dry_result(self.given, draft)
            if self.call_spec.call in spec.EVENT_CALLS and not allow_campaigns:
                refuse_campaigns(source, self.call_spec, pd.Timestamp.now("UTC"))
            run = SyncRun(source, self.call_spec, client, self.options, state, draft, progress=progress)
            if is_frame:
                sink = MemorySink()
                outcome = run.run(sink)
                result = sink.frame(self.given.index)
                if draft.warnings:
                    result.attrs[RESULT_ATTRS] = {"rows": len(result), "warnings": to_records(draft.warnings)}
                _raise(outcome, result)
                return result
            return self._run_in_folder(run, source, draft, folder, started)

    def _run_in_folder(self, run: SyncRun, source: Source, draft: Draft, folder: Path, started: float) -> SyncResult:
        with OutputFolder(folder) as outputs:
            outputs.refuse_foreign_files()
            outputs.remove_results()
            sink = FolderSink(outputs, source)
            outcome = run.run(sink)
            undelivered = outputs.combine_undelivered()
            outputs.discard_parts()
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
                notes=source.notes(),
                warnings=draft.warnings,
                counts=count_actions(draft, self.options.removed),
                removals={
                    str(status): int(count) for status, count in outcome.removed["status"].value_counts().items()
                },
                removed=sink.write_removed(outcome.removed) if len(outcome.removed) else None,
            )
        _raise(outcome, result)
        return result

    def _raise_invalid(self, draft: Draft, client: Client) -> None:
        invalid = draft.count(Action.HELD_BACK)
        if not invalid:
            return
        if isinstance(self.given, pd.DataFrame):
            raise InvalidRowsError(build_report(self.given, self.call_spec, client))
        raise FrameError(
            f"{invalid:,} of {draft.rows:,} rows are invalid, and nothing was sent. Mend the rows, or set "
            f"{parameter('on_invalid', 'skip')} to send the others."
        )

    def baseline(
        self, *, confirm: int | None, client: Client | None = None, dry_run: bool = False, progress: bool | None = None
    ) -> pd.DataFrame:
        """Write the state without sending: these subjects are at the other end already, the caller says."""
        source = self.source()
        with State(self.options.state, create=not dry_run) as state:
            if client is not None:
                refuse_other_workspace(state.facts, client, self.options.state, accept_key=self.options.accept_key)
            draft = self._draft(source, state, offline_client(), progress=progress)
            claimed = draft.count(*SENT, Action.KEPT)
            if dry_run:
                return _dry_result(self.given, draft)
            _require_confirm(confirm, claimed)
            facts = {"call": self.call_spec.what, "mapping": draft.mapping.as_fact()}
            if client is not None:
                facts |= {"endpoint": endpoint_name(client.endpoint), "write_key": key_fingerprint(client.write_key)}
            state.note(**facts)
            run = state.begin("baseline", source=source.name, as_of=str(self.options.as_of.date()))
            self._claim(source, draft, state)
            state.end(run, "done", {"claimed": claimed})
            state.compact()
            # From now on there is nothing to send for them.
            return _dry_result(self.given, draft, status="unchanged")

    def _claim(self, source: Source, draft: Draft, state: State) -> None:
        fields = draft.mapping.fields
        examiner = Examiner(self.call_spec, offline_client(), fields, state, draft.index, self.options)
        plans = {chunk.number: chunk for chunk in draft.chunks}
        with read_ahead(source, self.call_spec) as chunks:
            for chunk, prepared in chunks:
                examined = examiner.examine(prepared)
                comparison = examined.comparison
                claims = np.isin(plans[chunk.number].actions[comparison.rows], (*SENT, Action.KEPT))
                rows = comparison.rows[claims]
                if len(rows):
                    state.deliver(
                        texts_of(examined.keys.take(pa.array(rows))),
                        pack_digests(examined.digests[rows]),
                        state.field_set(fields),
                        pack_hashes(comparison.hashes[claims]),
                        Evidence.CLAIMED,
                    )


def _require_confirm(confirm: int | None, rows: int) -> None:
    if confirm is None or isinstance(confirm, bool) or not isinstance(confirm, int) or confirm != rows:
        raise FrameError(
            f"baseline claims {rows:,} rows as being in Customer.io already, and sends nothing. Confirm the number: "
            f"{parameter('confirm', rows)}"
            + ("." if confirm is None else f"; {parameter('confirm', confirm)} does not match.")
        )


def _dry_result(given: Any, draft: Draft, *, status: Status = "ready") -> pd.DataFrame:
    """Return the result frame where nothing was sent, with one status for the rows that a sync would send."""
    found = []
    for chunk in draft.chunks:
        rows = chunk.rows_to_send
        outcomes = Outcomes(len(rows))
        outcomes.record(np.arange(len(rows)), status)
        found.append(chunk_result(chunk, [(rows, outcomes.frame(pd.RangeIndex(len(rows))))]))
    whole = pd.concat(found, ignore_index=True)
    return whole.set_axis(given.index) if isinstance(given, pd.DataFrame) else whole


def _raise(outcome: SyncOutcome, result: pd.DataFrame | SyncResult) -> None:
    """Raise the error that stopped a sync, with what became of every row."""
    if outcome.error is not None:
        raise type(outcome.error)(outcome.why, result) from outcome.error.__cause__


def _hash(text: str) -> str:
    return str(xxhash.xxh3_128_hexdigest(text.encode()))
