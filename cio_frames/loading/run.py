"""A load: chunk by chunk through the one flow, with a ledger beside it and the results on disk."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa

from cio_frames._util.progress import LoadProgress
from cio_frames._util.signals import StopSignals, stop_signals
from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.deliverer import Deliverer
from cio_frames.delivery.observer import Observer
from cio_frames.delivery.outcomes import Delivery, StopReason
from cio_frames.delivery.parts import Part
from cio_frames.errors import (
    AuthenticationError,
    CampaignsError,
    CioFramesError,
    ConfigurationError,
    DeliveryError,
    InterruptedLoad,
)
from cio_frames.loading.chunk_run import ChunkRun
from cio_frames.loading.chunks import read_ahead, refuse_campaigns, require_columns, use_stored_message_ids
from cio_frames.loading.clashes import local_files, refuse_clashes
from cio_frames.loading.fingerprint import WRITE_KEY, load_fingerprint, refuse_changes
from cio_frames.loading.io_errors import RESUME, START_OVER
from cio_frames.loading.kept_runs import read_runs_file, write_runs_file
from cio_frames.loading.kept_warnings import read_source_warnings, read_warnings_file, write_warnings_file
from cio_frames.loading.ledger import DISCARDED, STARTING_OVER, Ledger, LoadRecord
from cio_frames.loading.ledger_counts import count_load
from cio_frames.loading.ledger_file import SealedTables, open_read_only, refuse_no_file
from cio_frames.loading.mapping import MappingSeen
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.result import LoadResult
from cio_frames.loading.result_writer import ResultWriter
from cio_frames.loading.resume import (
    EarlierRuns,
    describe_open_rows,
    is_other_moment,
    refuse_added_frames,
    refuse_missing_frames,
    refuse_missing_results,
    refuse_other_moment,
)
from cio_frames.loading.source import Chunk, Source, last_change, source_label
from cio_frames.loading.timeline import Timeline
from cio_frames.loading.tuning import LoadTuning
from cio_frames.pipeline import CallSpec, Prepared
from cio_frames.pipeline.as_of import AsOf, AsOfValue, read_as_of, start_as_of
from cio_frames.pipeline.campaigns import makes_events
from cio_frames.pipeline.lanes import LaneChoice, LoadLanes
from cio_frames.report.run_facts import RunFacts, RunSummary
from cio_frames.validation import SourceWarnings, WarningCount, merge_warning_counts

_DONE_BEFORE = f"This load was done before, and nothing was sent now. To send all rows again, {START_OVER}."
_LOAD_INTERRUPTED = f"The load was interrupted. {RESUME}"
_INTERRUPTED_BEFORE = f"The load was interrupted before it sent any row. {RESUME}"
_INTERRUPTED_AT_THE_END = "The load was interrupted when it had ended."
# Given a chunk's rows, who is notified of its batches and outcomes besides the ledger.
ObserversOf: TypeAlias = Callable[[Prepared], Sequence[Observer]]


def no_observers(prepared: Prepared) -> Sequence[Observer]:
    """Return the observers of a load that only its ledger follows."""
    return ()


@dataclass(frozen=True, slots=True)
class LoadPaths:
    """Where a load keeps its ledger and writes its results."""

    ledger: Path
    output: Path


def run_load(
    source: Source,
    call_spec: CallSpec,
    client: Client,
    paths: LoadPaths,
    *,
    fresh: bool,
    as_of: AsOfValue = None,
    allow_campaigns: bool,
    progress: bool | None,
    tuning: LoadTuning,
    clock: Callable[[], pd.Timestamp],
    observers_of: ObserversOf = no_observers,
) -> LoadResult:
    """Load a source, or resume a load of it that stopped."""
    refuse_no_file(paths.ledger)
    refuse_clashes(local_files(source), {"ledger": paths.ledger, "output": paths.output})
    with stop_signals() as stops:
        try:
            with stops.raised():
                result = _run_load(
                    source, call_spec, client, paths, stops, fresh=fresh, as_of=as_of,
                    allow_campaigns=allow_campaigns, progress=progress, tuning=tuning, clock=clock,
                    observers_of=observers_of,
                )  # fmt: skip
        except KeyboardInterrupt:
            stops.holds = 1
            result = _account_of_ledger(source, call_spec, paths)
            raise InterruptedLoad(result.unrendered_why, result) from None
        if stops.take_pending():
            raise InterruptedLoad(_INTERRUPTED_AT_THE_END, result)
        return result


def _account_of_ledger(source: Source, call_spec: CallSpec, paths: LoadPaths) -> LoadResult:
    """Return what the ledger knows of a load that was interrupted before it began, or again while it stopped."""
    # Read without its lock: an interruption may have come while that was released.
    with suppress(Exception), closing(open_read_only(paths.ledger)) as database:
        tables = SealedTables(database)
        event = call_spec.event
        for row in tables.rows("loads", source=source.name, call=call_spec.call, event=event):
            counts = count_load(tables, row["load"])
            return LoadResult(
                call_spec.what, "stopped", counts.reasons, row["rows"], _LOAD_INTERRUPTED, counts.resent, counts.bytes,
                counts.requests, ledger=paths.ledger, as_of=row["as_of"],
            )  # fmt: skip
    return LoadResult(call_spec.what, "stopped", {}, unrendered_why=_INTERRUPTED_BEFORE)


def _run_load(
    source: Source,
    call_spec: CallSpec,
    client: Client,
    paths: LoadPaths,
    stops: StopSignals,
    *,
    fresh: bool,
    as_of: AsOfValue,
    allow_campaigns: bool,
    progress: bool | None,
    tuning: LoadTuning,
    clock: Callable[[], pd.Timestamp],
    observers_of: ObserversOf,
) -> LoadResult:
    call_spec = use_stored_message_ids(source, call_spec)
    require_columns(source, call_spec)
    fingerprint = load_fingerprint(source, call_spec, client)
    given = None if as_of is None else read_as_of(as_of)
    now = clock()
    with Ledger(paths.ledger, clock=clock) as ledger:
        known = ledger.find_load(source.name, call_spec.call, call_spec.event)
        # A load that is done, at another moment: a new run.
        at_another_moment = known is not None and known.phase == "done" and is_other_moment(known, given)
        start_over = fresh or at_another_moment
        start_over = start_over or (known is not None and _begins_anew(ledger, known, source, fingerprint))
        if known is not None and not start_over and not source.resumable:
            raise ConfigurationError(f"Standard input is not resumable. To send its rows, {START_OVER}.")
        with (
            _discarded(ledger, known if start_over else None),
            OutputFolder(paths.output) as outputs,
            LoadProgress(source.rows(), progress, call_spec.what, seconds_between_lines=tuning.log_seconds) as shown,
        ):
            record = None if start_over else known
            run_as_of = given or start_as_of(now) if record is None else read_as_of(record.as_of)
            if record is not None:
                refuse_other_moment(record, given)
                refuse_changes(record.fingerprint, fingerprint)
            elif not allow_campaigns and source.repeatable:
                refuse_campaigns(source, call_spec, now)
            outputs.refuse_foreign_files()
            folder = str(outputs.path.resolve())
            if record is None:
                # Of a wish that nobody uttered only the results of this very load are removed.
                replaces = fresh or at_another_moment or (known is not None and known.output == folder)
                if not (start_over and replaces):
                    outputs.refuse_results(ledger.sources())
                load = _start_load(ledger, outputs, source, call_spec, fingerprint, run_as_of)
            else:
                load = record.load
                refuse_missing_results(ledger, record, outputs)
            # What can be read only once is checked as it comes, whatever came before.
            refuse_campaigns_at = None if allow_campaigns or source.repeatable else now
            run = LoadRun(
                source, call_spec, client, ledger, outputs, load, shown, refuse_campaigns_at, tuning, run_as_of, stops,
                guards_campaigns=not allow_campaigns and makes_events(call_spec), observers_of=observers_of,
                started_at=now, runs_before=() if record is None else read_runs_file(outputs.path),
            )  # fmt: skip
            if record is not None and record.phase == "done":
                run.refuse_changed_source()
                outputs.discard_parts()
                return _done_before(ledger, record, call_spec, outputs, source.notes(), run.facts())
            if record is not None:
                ledger.resume_load(load, fingerprint, folder)
            try:
                return run.run()
            except AuthenticationError:
                # It is resumed with another key.
                ledger.set_fingerprint(load, {name: value for name, value in fingerprint.items() if name != WRITE_KEY})
                raise


def _start_load(
    ledger: Ledger, outputs: OutputFolder, source: Source, call_spec: CallSpec, fingerprint: Mapping[str, Any],
    as_of: AsOf,
) -> int:  # fmt: skip
    """Enter a new load into the ledger, and remove the results of the one that it replaces; return its number."""
    load = ledger.start_load(
        source.name, call_spec.call, call_spec.event, fingerprint, source.rows(), str(outputs.path.resolve()),
        phase=STARTING_OVER, as_of=str(as_of),
    )  # fmt: skip
    outputs.remove_results()
    ledger.set_phase(load, "running")
    return load


def _begins_anew(ledger: Ledger, record: LoadRecord, source: Source, fingerprint: Mapping[str, Any]) -> bool:
    """Return whether a load starts over without being asked to.

    It does if an earlier run that was asked to was killed before it began, and if no row was ever sent and the source
    or the settings have changed, or may have.
    """
    if record.phase in (DISCARDED, STARTING_OVER):
        return True
    if not ledger.nothing_sent(record.load):
        return False
    try:
        refuse_changes(record.fingerprint, fingerprint)
    except ConfigurationError:
        return True
    return source.stamps() is None


@contextmanager
def _discarded(ledger: Ledger, record: LoadRecord | None) -> Iterator[None]:
    """Note that a load starts over, so that this is known also after a kill; take it back if it is refused."""
    if record is None:
        yield
        return
    ledger.set_phase(record.load, DISCARDED)
    try:
        yield
    except BaseException:
        # Once the new load has started, there is no such load any more.
        with suppress(CioFramesError):
            ledger.set_phase(record.load, record.phase)
        raise


class LoadRun:
    """One run of a load."""

    def __init__(
        self,
        source: Source,
        call_spec: CallSpec,
        client: Client,
        ledger: Ledger,
        outputs: OutputFolder,
        load: int,
        progress: LoadProgress,
        refuse_campaigns_at: pd.Timestamp | None,
        tuning: LoadTuning,
        as_of: AsOf,
        stops: StopSignals,
        *,
        guards_campaigns: bool,
        observers_of: ObserversOf,
        started_at: pd.Timestamp,
        runs_before: Sequence[RunSummary],
    ) -> None:
        self._runs_before = runs_before
        self._guards_campaigns = guards_campaigns
        self._observers_of = observers_of
        self._started_at = started_at
        self._timeline = Timeline()
        self._mapping = MappingSeen()
        self._source = source
        self._call_spec = call_spec
        self._client = client
        self._ledger = ledger
        self._outputs = outputs
        self._load = load
        self._progress = progress
        self._refuse_campaigns_at = refuse_campaigns_at
        self._tuning = tuning
        self._as_of = as_of
        self._stops = stops
        self._has_begun = self._sent_now = False
        self._doing = "rows were read"
        self._earlier_runs = EarlierRuns(ledger, load, client, as_of)
        self._reading_error: Exception | None = None
        self._started = time.monotonic()
        # The rows that a later run tries again, by status.
        self._open_rows: Counter[str] = Counter()
        self._warnings = SourceWarnings(is_partial=bool(self._earlier_runs.done_chunks))

    def facts(self) -> RunFacts:
        """Return what this run was so far."""
        return RunFacts(
            source=source_label(self._source),
            source_changed=last_change(self._source),
            destination=self._client.destination,
            started_at=self._started_at,
            mapping=self._mapping.pairs(),
            step_seconds=self._timeline.step_seconds,
            steps=self._timeline.steps(),
            body_bytes=self._timeline.sizes(),
            max_body_bytes=self._client.max_body_bytes,
            runs=self._runs() if self._runs_before else (),
        )

    def _runs(self, *, has_ended: bool = True) -> tuple[RunSummary, ...]:
        """Return all runs of this load; this one only if it reads rows."""
        if not self._has_begun:
            return tuple(self._runs_before)
        steps = self._timeline.steps()
        this_run = RunSummary(
            started_at=self._started_at,
            seconds=time.monotonic() - self._started,
            good=sum(step.good for step in steps),
            undelivered=sum(step.undelivered for step in steps),
            requests=sum(step.requests for step in steps),
            repeats=sum(step.repeats for step in steps),
            has_ended=has_ended,
        )
        return (*self._runs_before, this_run)

    def refuse_changed_source(self) -> None:
        """Refuse frames that differ from those that this load, which is done, has sent; files tell by their stamps."""
        if self._source.stamps() is not None:
            return
        missing = dict(self._earlier_runs.done_chunks)
        with read_ahead(self._source, self._call_spec) as chunks:
            for chunk, prepared in chunks:
                if missing.pop(chunk.number, None) is None:
                    refuse_added_frames()
                self._earlier_runs.refuse_changed_frame(chunk, prepared)
        refuse_missing_frames(missing)

    def run(self) -> LoadResult:
        """Send all chunks that are not done."""
        self._has_begun = True
        write_runs_file(self._outputs.path, self._runs(has_ended=False))
        try:
            stopped = self._send_chunks()
            with self._stops.held_back(then_raise=False):
                result = self._conclude(stopped)
        except KeyboardInterrupt:
            raise InterruptedLoad(_LOAD_INTERRUPTED, self._stop(_LOAD_INTERRUPTED)) from None
        except DeliveryError:
            raise
        except CioFramesError as error:
            self._stop_on_error(error)
            raise
        except Exception as error:
            # Its text may hold people's data.
            why = f"The load stopped: {type(error).__name__} while {self._doing}. {RESUME}"
            raise DeliveryError(why, self._stop(why)) from error
        if self._stops.take_pending():
            raise InterruptedLoad(_INTERRUPTED_AT_THE_END, result)
        return result

    def _conclude(self, stopped: Delivery | None) -> LoadResult:
        if stopped is not None:
            return self._finish("stopped", f"{stopped.why} {RESUME}")
        if self._open_rows:
            return self._finish("stopped", f"{describe_open_rows(self._open_rows)}. {RESUME}")
        return self._finish("done", "")

    def _stop_on_error(self, error: CioFramesError) -> None:
        """Note why the load stopped; the caller of a load that has sent rows gets its result with the error."""
        result = self._stop(error.text_by_door())
        if not self._sent_now:
            return
        error.result = result
        # Of what yields frames, an error in a later one is no mistake of the call.
        if not self._source.repeatable and not isinstance(error, (ConfigurationError, CampaignsError)):
            raise DeliveryError(error.text_by_door(), result) from error

    def _stop(self, why: str) -> LoadResult:
        """Note that the load stopped, as far as that is possible; what became of the rows is in the ledger."""
        with self._stops.held_back(then_raise=False):
            undelivered = None
            write_runs_file(self._outputs.path, self._runs())
            with suppress(Exception):
                undelivered = self._outputs.combine_undelivered()
            with suppress(CioFramesError):
                self._ledger.end_load(self._load, "stopped", why)
            return self._result("stopped", why, undelivered)

    def _send_chunks(self) -> Delivery | None:
        """Send the chunks that are not done; return the delivery that stopped early, if one did."""
        done = self._earlier_runs.done_chunks
        self._progress.add_earlier_rows(sum(done.values()))
        missing = dict(done) if self._source.stamps() is None else {}
        with (
            read_ahead(
                self._source,
                self._call_spec,
                done=frozenset(done),
                refuse_campaigns_at=self._refuse_campaigns_at,
            ) as chunks,
            Deliverer(
                self._client, backoff=self._tuning.backoff, key_accepted=self._earlier_runs.any_accepted
            ) as deliverer,
            ResultWriter(self._finish_chunk) as writer,
        ):
            parts = self._parts(self._chunks_to_send(chunks, missing), writer)
            delivery = deliverer.deliver_parts(parts, first_number=self._ledger.next_batch(self._load))
            self._doing = "results were written"
            with self._stops.held_back():
                for chunk_run in writer.close():
                    if not chunk_run.is_encoded:
                        self._add_warnings(chunk_run)
                    self._finish_chunk(chunk_run, delivery.why)
        if delivery.stop_reason is not None:
            self._raise_if_fatal(delivery)
            return delivery
        if self._reading_error is not None:
            self._doing = "rows were read"
            raise self._reading_error
        refuse_missing_frames(missing)
        return None

    def _parts(self, chunks: Iterator[tuple[ChunkRun, LaneChoice]], writer: ResultWriter) -> Iterator[Part]:
        """Yield the chunks as parts of one delivery; several may be on their way at once."""
        # Of each chunk that may be on its way only what shows that it is not: its rows take memory.
        is_answered: list[threading.Event] = []
        is_finished: list[threading.Event] = []
        for chunk_run, lanes in chunks:
            first = len(is_finished) - lanes.chunks_before
            after = is_finished[:first] + ([] if lanes.may_overlap else is_answered[first:])
            is_answered = [*is_answered[first:], chunk_run.is_answered]
            is_finished = [*is_finished[first:], chunk_run.is_finished]
            yield Part(self._batches(chunk_run, writer), chunk_run, after)

    def _chunks_to_send(
        self, chunks: Iterator[tuple[Chunk, Prepared]], missing: dict[int, int]
    ) -> Iterator[tuple[ChunkRun, LaneChoice]]:
        """Yield the chunks that are not done; after an error it is kept, and those before are sent to the end."""
        lanes = LoadLanes(self._client.workers, max_rows=2 * self._source.chunk_rows)
        try:
            for chunk, prepared in chunks:
                # Of a CSV file it is known once it was read for the first time.
                self._progress.set_total(self._source.rows())
                if chunk.number in self._earlier_runs.done_chunks:
                    missing.pop(chunk.number, None)
                    self._earlier_runs.refuse_changed_frame(chunk, prepared)
                    lanes.skip(prepared)
                    continue
                choice = lanes.choose(prepared)
                yield self._start_chunk(chunk, prepared, choice), choice
        except Exception as error:
            self._reading_error = error

    def _start_chunk(self, chunk: Chunk, prepared: Prepared, lanes: LaneChoice) -> ChunkRun:
        self._mapping.add(prepared)
        return ChunkRun(
            chunk,
            prepared,
            client=self._client,
            ledger=self._ledger,
            load=self._load,
            earlier_runs=self._earlier_runs,
            lanes=lanes,
            progress=self._progress,
            observers=[self._timeline, *self._observers_of(prepared)],
            guards_campaigns=self._guards_campaigns,
        )

    def _batches(self, chunk_run: ChunkRun, writer: ResultWriter) -> Iterator[tuple[int, Batch]]:
        """Yield the batches of one chunk, and remember what later ones need of it."""
        self._sent_now = True
        writer.add(chunk_run)
        for lane_and_batch in chunk_run.batches():
            writer.raise_error()
            yield lane_and_batch
        self._earlier_runs.add_calls(chunk_run.call_numbers)
        self._add_warnings(chunk_run)

    def _add_warnings(self, chunk_run: ChunkRun) -> None:
        self._warnings.add(*chunk_run.warnings())

    def _finish_chunk(self, chunk_run: ChunkRun, why: str = "") -> None:
        self._open_rows += chunk_run.finish(self._source, self._outputs, why=why)
        self._timeline.add(undelivered=chunk_run.rows_held_back)
        write_runs_file(self._outputs.path, self._runs(has_ended=False))
        # Of a chunk that is done, Arrow keeps memory for the next one, and more of it chunk by chunk.
        pa.default_memory_pool().release_unused()

    def _raise_if_fatal(self, delivery: Delivery) -> None:
        """Raise if delivery stopped for a reason that is an exception for a frame too."""
        error = delivery.error
        why = f"{error.text_by_door() if isinstance(error, CioFramesError) else delivery.why} {RESUME}"
        kinds: Mapping[StopReason | None, type[DeliveryError]] = {
            StopReason.UNAUTHORIZED: AuthenticationError,
            StopReason.INTERRUPTED: InterruptedLoad,
            StopReason.UNEXPECTED: DeliveryError,
            StopReason.MISCONFIGURED: DeliveryError,
            StopReason.FAILED: DeliveryError,
        }
        if delivery.stop_reason in kinds:
            raise kinds[delivery.stop_reason](why, self._stop(why)) from error

    def _finish(self, phase: str, why: str) -> LoadResult:
        undelivered = self._outputs.combine_undelivered()
        warnings = self._merge_warnings()
        write_warnings_file(self._outputs.results, warnings)
        write_runs_file(self._outputs.path, self._runs())
        self._ledger.end_load(self._load, phase, why)
        if phase == "done":
            self._outputs.discard_parts()
        return self._result(phase, why, undelivered, warnings)

    def _merge_warnings(self) -> list[WarningCount]:
        done = self._earlier_runs.done_chunks
        earlier = [*self._outputs.read_warnings(done), *(read_source_warnings(self._outputs.results) if done else ())]
        return merge_warning_counts([*earlier, *self._warnings.warnings()])

    def _result(
        self, phase: str, why: str, undelivered: Path | None, warnings: Sequence[WarningCount] = ()
    ) -> LoadResult:
        result = _load_result(
            self._ledger,
            self._load,
            what=self._call_spec.what,
            phase=phase,
            unrendered_why=why,
            source_rows=self._source.rows(),
            seconds=time.monotonic() - self._started,
            rows_now=self._progress.rows,
            results=self._outputs.results,
            undelivered=undelivered,
            notes=self._source.notes(),
            as_of=str(self._as_of),
            warnings=tuple(warnings),
            run=self.facts(),
        )
        # The ledger has the requests of a chunk once the chunk is finished.
        result = replace(result, requests=max(result.requests, sum(step.requests for step in self._timeline.steps())))
        self._progress.color(good=result.rows - result.undelivered_rows, rows=result.rows)
        return result


def _done_before(
    ledger: Ledger, record: LoadRecord, call_spec: CallSpec, outputs: OutputFolder, notes: SourceNotes, run: RunFacts
) -> LoadResult:
    return _load_result(
        ledger,
        record.load,
        what=call_spec.what,
        phase="done",
        unrendered_why=_DONE_BEFORE,
        source_rows=record.rows,
        results=outputs.results,
        undelivered=outputs.undelivered if outputs.undelivered.exists() else None,
        notes=notes,
        as_of=record.as_of,
        warnings=tuple(read_warnings_file(outputs.results)),
        run=run,
    )


def _load_result(ledger: Ledger, load: int, **facts: Any) -> LoadResult:
    counts = ledger.totals(load)
    return LoadResult(
        reasons=counts.reasons, bytes=counts.bytes, requests=counts.requests, resent=counts.resent, ledger=ledger.path,
        **facts,
    )  # fmt: skip
