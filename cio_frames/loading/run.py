"""A load: chunk by chunk through the one flow, with a ledger beside it and the results on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames._util.progress import LoadProgress
from cio_frames._util.signals import StopSignals, stop_signals
from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.deliverer import Deliverer
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import Delivery, Outcome, StopReason
from cio_frames.delivery.reasons import EARLIER_MAY_BE_ACCEPTED
from cio_frames.errors import (
    AuthenticationError,
    CampaignsError,
    CioFramesError,
    ConfigurationError,
    DeliveryError,
    InterruptedLoad,
    render,
)
from cio_frames.loading.chunks import read_ahead, refuse_campaigns, require_columns, use_stored_message_ids
from cio_frames.loading.clashes import refuse_clashes
from cio_frames.loading.fingerprint import WRITE_KEY, load_fingerprint, refuse_changes
from cio_frames.loading.io_errors import RESUME, START_OVER
from cio_frames.loading.kept_warnings import read_source_warnings, read_warnings_file, write_warnings_file
from cio_frames.loading.ledger import DISCARDED, STARTING_OVER, Ledger, LoadRecord
from cio_frames.loading.ledger_counts import count_load
from cio_frames.loading.ledger_file import SealedTables, open_read_only, refuse_no_file
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.result import LoadResult
from cio_frames.loading.resume import (
    ContentHash,
    EarlierRuns,
    describe_open_rows,
    hash_payloads,
    is_other_moment,
    refuse_added_frames,
    refuse_missing_frames,
    refuse_missing_results,
    refuse_other_moment,
)
from cio_frames.loading.source import Chunk, Source
from cio_frames.loading.tuning import LoadTuning
from cio_frames.pipeline import CallSpec, EncodeRun, Prepared
from cio_frames.pipeline.as_of import AsOf, AsOfValue, read_as_of, start_as_of
from cio_frames.pipeline.campaigns import makes_events, refuse_wrong_clock
from cio_frames.pipeline.ordering import JoinedIds
from cio_frames.results import GOOD
from cio_frames.validation import SourceWarnings, WarningCount, merge_warning_counts

_DONE_BEFORE = f"This load was done before, and nothing was sent now. To send all rows again, {START_OVER}."
_LOAD_INTERRUPTED = f"The load was interrupted. {RESUME}"
_INTERRUPTED_BEFORE = f"The load was interrupted before it sent any row. {RESUME}"
_INTERRUPTED_AT_THE_END = "The load was interrupted when it had ended."
# In each chunk, reasons are counted one by one up to this number; a reason may name a size, and differ by row.
_MAX_REASONS_COUNTED = 50
_OTHER_REASONS = "other reasons, see the results"


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
) -> LoadResult:
    """Load a source, or resume a load of it that stopped."""
    refuse_no_file(paths.ledger)
    refuse_clashes(_local_files(source), {"ledger": paths.ledger, "output": paths.output})
    with stop_signals() as stops:
        try:
            return _run_load(
                source, call_spec, client, paths, stops, fresh=fresh, as_of=as_of,
                allow_campaigns=allow_campaigns, progress=progress, tuning=tuning, clock=clock,
            )  # fmt: skip
        except KeyboardInterrupt:
            with stops.held_back(then_raise=False):
                result = _account_of_ledger(source, call_spec, paths)
            raise InterruptedLoad(result.unrendered_why, result) from None


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


def _local_files(source: Source) -> list[str]:
    return (
        [str(stamp["path"]) for stamp in source.stamps() or () if "path" in stamp] if "://" not in source.name else []
    )


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
                load = ledger.start_load(
                    source.name, call_spec.call, call_spec.event, fingerprint, source.rows(), folder,
                    phase=STARTING_OVER, as_of=str(run_as_of),
                )  # fmt: skip
                outputs.remove_results()
                ledger.set_phase(load, "running")
            else:
                load = record.load
                refuse_missing_results(ledger, record, outputs)
            # What can be read only once is checked as it comes, whatever came before.
            refuse_campaigns_at = None if allow_campaigns or source.repeatable else now
            run = LoadRun(
                source, call_spec, client, ledger, outputs, load, shown, refuse_campaigns_at, tuning, run_as_of, stops,
                guards_campaigns=not allow_campaigns and makes_events(call_spec),
            )  # fmt: skip
            if record is not None and record.phase == "done":
                run.refuse_changed_source()
                outputs.discard_parts()
                return _done_before(ledger, record, call_spec, outputs, source.notes())
            if record is not None:
                ledger.resume_load(load, fingerprint, folder)
            try:
                return run.run()
            except AuthenticationError:
                # It is resumed with another key.
                ledger.set_fingerprint(load, {name: value for name, value in fingerprint.items() if name != WRITE_KEY})
                raise


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
    ) -> None:
        self._guards_campaigns = guards_campaigns
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
        self._sent_now = False
        self._doing = "rows were read"
        self._earlier_runs = EarlierRuns(ledger, load, client, as_of)
        self._joined_ids = JoinedIds()
        self._started = time.monotonic()
        # The rows that a later run tries again, by status.
        self._open_rows: Counter[str] = Counter()
        self._warnings = SourceWarnings(is_partial=bool(self._earlier_runs.done_chunks))

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
        ):
            for chunk, prepared in chunks:
                if chunk.number in done:
                    missing.pop(chunk.number, None)
                    self._earlier_runs.refuse_changed_frame(chunk, prepared)
                    prepared.person_keys(self._joined_ids)
                    continue
                self._doing = "rows were sent"
                delivery = self._send_chunk(chunk, prepared, deliverer)
                if delivery.stop_reason is not None:
                    self._raise_if_fatal(delivery)
                    return delivery
                self._doing = "rows were read"
        refuse_missing_frames(missing)
        return None

    def _send_chunk(self, chunk: Chunk, prepared: Prepared, deliverer: Deliverer) -> Delivery:
        """Send one chunk, and write its results."""
        ledger, load, number = self._ledger, self._load, chunk.number
        message_ids = self._earlier_runs.message_ids(number)
        self._earlier_runs.refuse_changed_rows(number, prepared)
        final_rows = self._earlier_runs.final_rows(number, prepared)
        observer = ChunkObserver(ledger, load, number, self._progress, guards_campaigns=self._guards_campaigns)
        encode_run = observer.encode_run = EncodeRun(
            prepared,
            self._client,
            observer=observer,
            message_ids=message_ids,
            joined=self._joined_ids,
            settled=final_rows,
        )
        for outcome in self._earlier_runs.outcomes(number):
            encode_run.record(outcome)
        self._progress.add_earlier_rows(int(final_rows.sum()))
        first_number = ledger.next_batch(load)
        content = ContentHash()
        batches = encode_run.batches(content.of(encode_run.encoded_slices()))
        self._sent_now = True
        delivery = deliverer.deliver(batches, observer=observer, first_number=first_number)
        self._doing = "results were written"
        with self._stops.held_back():
            history = ledger.row_history(load, number, prepared.rows)
            encode_run.outcomes.set_attempts(history.requests)
            encode_run.outcomes.mark_unsent(render(delivery.why) or "not sent")
            encode_run.outcomes.mark_unknown(history.in_doubt, EARLIER_MAY_BE_ACCEPTED)
            result = encode_run.outcomes.frame(pd.RangeIndex(prepared.rows)).assign(resent=history.runs > 1)
            all_delivered = set(result["status"].unique()) <= GOOD
            counts = encode_run.warning_counts()
            self._warnings.add(counts, encode_run.people_rows())
            self._outputs.write_chunk(
                chunk, None if all_delivered else self._source.read_all_columns(chunk), result, warnings=counts
            )
            is_open = ~history.is_final & ~encode_run.outcomes.held_back()
            open_rows = Counter(result["status"][is_open].astype(str))
            ledger.finish_chunk(
                load,
                number,
                file=chunk.file,
                first_row=chunk.first_row,
                rows=len(result),
                is_done=delivery.stop_reason is None and not open_rows,
                counts=_count_reasons(result),
                sizes=(int(result["bytes"].sum()), delivery.requests),
                resent=int(result["resent"].sum()),
                call_numbers=message_ids.numbers,
                next_batch=first_number + delivery.requests,
                content_hash=content.hexdigest,
            )
            self._earlier_runs.add_calls(message_ids.numbers)
            self._open_rows += open_rows
        # The two refer to each other, and would keep the rows of the chunk until Python looks for such cycles.
        del observer.encode_run
        return delivery

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
        )
        self._progress.color(good=result.rows - result.undelivered_rows, rows=result.rows)
        return result


class ChunkObserver(NullObserver):
    """Writes to the ledger what leaves and what is answered, and shows progress."""

    encode_run: EncodeRun

    def __init__(
        self, ledger: Ledger, load: int, chunk: int, progress: LoadProgress, *, guards_campaigns: bool
    ) -> None:
        self._guards_campaigns = guards_campaigns
        self._ledger = ledger
        self._load = load
        self._chunk = chunk
        self._progress = progress

    def before_send(self, batch: Batch) -> None:
        """Note in the ledger that a batch is about to leave."""
        payloads = batch.buffer[batch.offsets[0] : batch.offsets[-1]]
        self._ledger.record_batch(self._load, self._chunk, batch.rows, hash_payloads(payloads))

    def on_request(self, size_bytes: int) -> None:
        """Count a request."""
        self._progress.update(0, size_bytes, 1)

    def on_outcome(self, outcome: Outcome) -> None:
        """Note an outcome in the ledger and in the result."""
        self._ledger.record_outcome(self._load, self._chunk, outcome)
        self.encode_run.record(outcome)

    def on_clock(self, seconds_ahead: float) -> None:
        """Refuse to continue with a clock by which young events look old."""
        if self._guards_campaigns:
            refuse_wrong_clock(seconds_ahead)

    def on_rows(self, count: int) -> None:
        """Count rows that are finished."""
        self._progress.update(count)


def _done_before(
    ledger: Ledger, record: LoadRecord, call_spec: CallSpec, outputs: OutputFolder, notes: SourceNotes
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
    )


def _load_result(ledger: Ledger, load: int, **facts: Any) -> LoadResult:
    counts = ledger.totals(load)
    return LoadResult(
        reasons=counts.reasons, bytes=counts.bytes, requests=counts.requests, resent=counts.resent, ledger=ledger.path,
        **facts,
    )  # fmt: skip


def _count_reasons(result: pd.DataFrame) -> list[tuple[str, str | None, int]]:
    """Return how many rows have each status and reason."""
    tallied = result.groupby(["status", "reason"], observed=True, dropna=False).size().sort_values(ascending=False)
    rows = tallied.rename("rows").reset_index().astype(object).itertuples(index=False)
    counts = [(str(status), None if pd.isna(reason) else str(reason), int(count)) for status, reason, count in rows]
    others: dict[str, int] = {}
    for status, _, count in counts[_MAX_REASONS_COUNTED:]:
        others[status] = others.get(status, 0) + count
    return counts[:_MAX_REASONS_COUNTED] + [(status, _OTHER_REASONS, count) for status, count in others.items()]
