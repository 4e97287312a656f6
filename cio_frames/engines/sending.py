"""One run on an engine: stage, guard, send, answer; or resume an earlier one."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cio_frames._util.signals import stop_signals
from cio_frames.client import Client
from cio_frames.delivery.outcomes import StopReason
from cio_frames.engines.bucket import BUCKET_CHUNK_ROWS, STOP, SenderPlan, put_failure, read_stop, run_sender, stop_all
from cio_frames.engines.engine import Engine, LocalEngine, TaskError, catch_errors, raise_first
from cio_frames.engines.exchange import join_pairs
from cio_frames.engines.leases import LEASE_SECONDS, Lease, LeaseWatch
from cio_frames.engines.parts import dry_run_file, merge_dry_runs
from cio_frames.engines.request import EngineRequest, require_confirmation
from cio_frames.engines.stage import (
    ASKED,
    PART_ROWS,
    STAGED,
    FrozenPart,
    StagedFile,
    StagedFrame,
    StagePlan,
    freeze_partition,
    gather_bucket,
    hash_partition,
    put_links,
    read_pairs,
    split_part,
)
from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import (
    FILLER,
    RESULT,
    LoadAnswers,
    all_unknown,
    answer_unreached_rows,
    count_open_rows,
    mark_overtaken_answers,
    place_in,
    put_result,
    read_answers_of,
    read_result,
    total_of_answers,
)
from cio_frames.errors import (
    AuthenticationError,
    CioFramesError,
    ConfigurationError,
    DeliveryError,
    InterruptedLoad,
    InvalidRowsError,
    parameter,
)
from cio_frames.loading.chunks import refuse_campaigns
from cio_frames.loading.fingerprint import WRITE_KEY, load_fingerprint, refuse_changes
from cio_frames.loading.frames import Frames
from cio_frames.loading.io_errors import RESUME, START_OVER
from cio_frames.loading.load import load_source
from cio_frames.loading.result import LoadResult
from cio_frames.loading.resume import describe_open_rows
from cio_frames.loading.sources import source_of
from cio_frames.loading.tuning import DEFAULT_TUNING, LoadTuning
from cio_frames.pipeline import CallSpec
from cio_frames.pipeline.as_of import read_as_of, start_as_of
from cio_frames.pipeline.campaigns import makes_events

_RUN_DONE_BEFORE = (
    f"This load was done before, and nothing was sent now. To send all rows again, name another folder with "
    f"{parameter('output')}, or {START_OVER}."
)
_RUN_INTERRUPTED = f"The load was interrupted. {RESUME}"
_SENDERS_INTERRUPTED = "The load was interrupted."
# As long as a load waits for its requests in flight.
_SENDER_GRACE_SECONDS = 15.0
_OTHER_OUTPUT = f"Name another folder with {parameter('output')}, or {START_OVER}."
# What a run writes; nothing else in the folder is ours.
_FOLDERS = ("frozen", "pairs", "staged", "positions", "leases", "leaving", "answers", "open", "done", "undelivered")
_FILES = ("links.parquet", "result.json", STOP, STAGED, ASKED)
_LOAD, _LOCK = "load", ".lock"
# A person with more of all rows than this keeps one sender busy to the end.
_SHARE_TO_WARN = 0.2


@dataclass(frozen=True, slots=True)
class RunTuning:
    """Sizes and waits of a run that are not for users to set, so that tests can use smaller ones."""

    part_rows: int = PART_ROWS
    lease_seconds: float = LEASE_SECONDS
    load: LoadTuning = DEFAULT_TUNING
    bucket: LoadTuning = field(default_factory=lambda: replace(DEFAULT_TUNING, chunk_rows=BUCKET_CHUNK_ROWS))


class FinishedRun(NamedTuple):
    """The result of a run, and where its answers are."""

    result: LoadResult
    store: RunStore
    staged: StagedFrame


class EngineRun:
    """A run on an engine.

    Parameters
    ----------
    store : RunStore
        The folder that all workers reach.
    call_spec : CallSpec
        The call.
    client : Client
        Where to.
    request : EngineRequest
        What else the caller asks, complete.
    joins_ids : bool
        Whether rows can have several ids.
    id_column : str or None
        The column of message ids, if ids that come again are warned of.
    clock : callable
        Returns the time in UTC.
    """

    def __init__(
        self,
        store: RunStore,
        call_spec: CallSpec,
        client: Client,
        request: EngineRequest,
        *,
        joins_ids: bool,
        id_column: str | None = None,
        tuning: RunTuning | None = None,
        clock: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC"),
    ) -> None:
        self.store = store
        self._call_spec = call_spec
        self._client = client
        self._request = request
        self._id_column = id_column
        self._tuning = tuning or RunTuning()
        self._clock = clock
        self._started = time.monotonic()
        given = None if request.as_of is None else read_as_of(request.as_of)
        # A run that is resumed repeats its message ids.
        self._as_of = given or start_as_of(clock())
        self._as_of_is_given = given is not None
        self.plan = StagePlan(
            store, call_spec, request.order_by, request.keep, request.buckets or 0, joins_ids, self._tuning.part_rows
        )

    def run(self, engine: Engine) -> FinishedRun:
        """Stage a frame, or find it staged, and send it."""
        with self._alone():
            return self._run_alone(engine)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse to run beside another call with the same folder: their staged files and answers would mix."""
        locked = ConfigurationError(
            f"{self.store.shown} is locked: another call is sending rows with it. Wait until it ends, or name another "
            f"folder with {parameter('output')}."
        )
        with ExitStack() as held:
            if self.store.is_local:
                held.callback(self._remove_unneeded_lock)
                held.enter_context(self.store.lock(_LOCK, str(locked.args[0])))
            else:
                held.enter_context(self._take_run_lease(locked))
            yield

    def _remove_unneeded_lock(self) -> None:
        # An error before is not replaced.
        with suppress(CioFramesError):
            if not self.store.exists(ASKED):
                self.store.delete(_LOCK)

    def _take_run_lease(self, locked: ConfigurationError) -> Lease:
        """Return the lease of the whole run, also where a call that was killed has left one."""
        seconds = self._tuning.lease_seconds
        watch = LeaseWatch(self.store, lease_seconds=seconds, folder="running")
        give_up_at = time.monotonic() + 1.5 * seconds
        while (lease := watch.try_take("run")) is None:
            if time.monotonic() > give_up_at:
                raise locked
            time.sleep(seconds / 20)
        return lease

    def _run_alone(self, engine: Engine) -> FinishedRun:
        self._begin_alone()
        staged = self.find_staged()
        if staged is not None:
            hashes = raise_first(engine.over_partitions(partial(catch_errors, hash_partition, self._call_spec.options)))
            self._require_content(staged, sum(hashes))
            done = read_result(self.store, staged, why=_RUN_DONE_BEFORE)
            if done is not None:
                return FinishedRun(done, self.store, staged)
        else:
            with self._leaving_nothing():
                frozen = engine.over_partitions(partial(catch_errors, freeze_partition, self.plan))
            staged = self.stage(engine, frozen)
        return self.send(engine, staged)

    @contextmanager
    def _leaving_nothing(self) -> Iterator[None]:
        """Remove what was written if an error occurs before anything was sent: another frame may come then."""
        try:
            yield
        except BaseException:
            self.clear()
            raise

    def begin(self) -> None:
        """Record the settings of the run, or refuse to resume one with other settings."""
        with self._alone():
            self._begin_alone()

    def _begin_alone(self) -> None:
        if self._request.fresh:
            self.clear()
        content = self.store.get(ASKED)
        before: dict[str, Any] | None = None if content is None else json.loads(content)
        if before is not None and not self._as_of_is_given:
            self._as_of = read_as_of(before["as_of"])
        if before is not None and before["as_of"] != str(self._as_of) and self.store.exists(RESULT):
            # A run that is done, at another moment: a new run.
            self.clear()
            before = None
        asked = self._fingerprint()
        if before is not None:
            refuse_changes(before, asked)
        elif any(self.store.names(folder) for folder in _FOLDERS) or any(map(self.store.exists, _FILES)):
            raise ConfigurationError(
                f"{self.store.shown} holds files of something else. Name another folder with {parameter('output')}."
            )
        self.store.put(ASKED, json.dumps(asked, default=str).encode())

    def _fingerprint(self) -> dict[str, Any]:
        source = Frames("frame", [], self._tuning.part_rows)
        return {
            "call": self._call_spec.call,
            "event": self._call_spec.event,
            **load_fingerprint(source, self._call_spec, self._client),
            # How many buckets there are is decided once, when they are made.
            "order_by": list(self._request.order_by),
            "keep": list(self._request.keep),
            "several_senders": self._uses_buckets,
            "as_of": str(self._as_of),
        }

    @property
    def _uses_buckets(self) -> bool:
        """Whether answers are the ledger: with several senders, and where no ledger can lie."""
        return self._request.senders > 1 or not self.store.is_local

    def clear(self) -> None:
        """Remove everything that runs have written."""
        if self.store.get(ASKED) is None:
            return
        for folder in (*_FOLDERS, _LOAD, f"{_LOAD}/results"):
            self.store.delete_folder(folder)
        for name in _FILES:
            self.store.delete(name)

    def find_staged(self) -> StagedFrame | None:
        """Return the frame that an earlier run staged, if it did so as a whole."""
        content = self.store.get(STAGED)
        return None if content is None else StagedFrame.from_json(content)

    def finish(self, engine: Engine, frozen: list[list[FrozenPart] | TaskError]) -> FinishedRun:
        """Send what tasks have frozen, unless an earlier run has staged the same rows or is done with them."""
        with self._alone():
            return self._finish_alone(engine, frozen)

    def _finish_alone(self, engine: Engine, frozen: list[list[FrozenPart] | TaskError]) -> FinishedRun:
        staged = self.find_staged()
        if staged is None:
            return self.send(engine, self.stage(engine, frozen))
        parts = [part for found in raise_first(frozen) for part in found]
        self._require_content(staged, sum(part.content for part in parts))
        self.store.delete_folder("frozen")
        result = read_result(self.store, staged, why=_RUN_DONE_BEFORE)
        return FinishedRun(result, self.store, staged) if result is not None else self.send(engine, staged)

    def _require_content(self, staged: StagedFrame, content: int) -> None:
        if content % 2**64 == staged.content:
            return
        sent, remedy = "sent", ""
        if not self.store.exists(RESULT):
            # They are frozen, but the answers of other rows would not be aligned with this frame.
            sent, remedy = "staged", "That run is not done: pass the rows that it had to resume it. "
        raise ConfigurationError(
            f"The frame has other rows than those that were {sent} with {parameter('output', self.store.shown)} "
            f"before. {remedy}{_OTHER_OUTPUT} Nothing was sent."
        )

    def stage(self, engine: Engine, frozen: list[list[FrozenPart] | TaskError]) -> StagedFrame:
        """Make staged files of frozen parts; a frame that cannot be staged leaves nothing."""
        with self._leaving_nothing():
            parts = sorted((part for found in raise_first(frozen) for part in found), key=lambda part: part.name)
            files = self._exchange(engine, parts) if self.plan.buckets and parts else _as_staged(parts)
        partitions = max((part.partition for part in parts), default=-1) + 1
        content = sum(part.content for part in parts) % 2**64
        staged = StagedFrame(tuple(files), partitions, content, is_exchanged=bool(self.plan.buckets))
        # Tasks that ran twice have left files that do not count.
        known = {name for file in files for name in (file.name, file.positions)}
        for name in (*self.store.names("staged"), *self.store.names("positions")):
            if name not in known:
                self.store.delete(name)
        self.store.put(STAGED, staged.to_json())
        return staged

    def _exchange(self, engine: Engine, parts: list[FrozenPart]) -> list[StagedFile]:
        if self.plan.joins_ids:
            links = put_links(self.store, join_pairs(read_pairs(self.store, str(part.pairs)) for part in parts))
            split = engine.over_items(partial(catch_errors, split_part, self.plan, links), parts)
            parts = raise_first(split)
        gather = partial(catch_errors, gather_bucket, self.plan, parts)
        files = raise_first(engine.over_items(gather, range(self.plan.buckets)))
        for folder in ("frozen", "pairs"):
            self.store.delete_folder(folder)
        self.store.delete("links.parquet")
        if self._request.senders > 1:
            _warn_of_large_bucket(files)
        return files

    def send(self, engine: Engine, staged: StagedFrame) -> FinishedRun:
        """Send a staged frame after all guards have passed."""
        if not staged.files:
            result = LoadResult(self._call_spec.what, "done", {}, source_rows=0, as_of=str(self._as_of))
            put_result(self.store, result)
            return FinishedRun(result, self.store, staged)
        if not self.has_begun():
            with self._leaving_nothing():
                self._guard(engine, staged)
        result = self._send_buckets(engine, staged) if self._uses_buckets else self._send_by_load(staged)
        if result.phase == "done":
            with _carrying(result):
                put_result(self.store, result)
                for folder in ("staged", "positions", "leases", "leaving", "open", "done", f"{_LOAD}/results"):
                    self.store.delete_folder(folder)
        return FinishedRun(result, self.store, staged)

    def has_begun(self) -> bool:
        """Return whether anything may have been sent."""
        return bool(self.store.names("leaving")) or self.store.exists(f"{_LOAD}/ledger.sqlite")

    def _guard(self, engine: Engine, staged: StagedFrame) -> None:
        request = self._request
        if not request.allow_campaigns:
            refuse_campaigns(source_of(self.store.address("staged")), self._call_spec, self._clock())
        if request.on_invalid != "raise" and request.confirm is None:
            return
        check = partial(catch_errors, dry_run_file, self.store, self._call_spec, self._client, self._clock())
        found = merge_dry_runs(
            raise_first(engine.over_items(check, staged.files)), self._client, seconds=time.monotonic() - self._started
        )
        if request.on_invalid == "raise" and found.rows_held_back:
            raise InvalidRowsError(found)
        if request.confirm is not None:
            operation, confirm = request.confirm
            require_confirmation(operation, found.statuses.get("ready", 0), confirm)

    def _send_by_load(self, staged: StagedFrame) -> LoadResult:
        """Load the staged files in this process."""
        folder = Path(self.store.root, _LOAD)
        result = load_source(
            self.store.address("staged"),
            self._call_spec,
            self._client,
            dry_run=False,
            on_invalid="skip",
            ledger=None,
            output=folder,
            fresh=False,
            as_of=str(self._as_of),
            allow_campaigns=self._request.allow_campaigns,
            progress=self._request.progress,
            tuning=self._tuning.load,
            clock=self._clock,
            observers_of=self._request.observers_of,
        )
        with _carrying(result):
            LoadAnswers(self.store, staged).write(folder / "results", result.why)
        reader = partial(read_answers_of, self.store, staged)
        return replace(result, results=place_in(self.store, "answers"), reader=reader)

    def _send_buckets(self, engine: Engine, staged: StagedFrame) -> LoadResult:
        """Send with several senders, each a task of the engine; with one, in this process."""
        senders = self._request.senders
        self._prepare_to_resume(staged)
        client = replace(self._client, requests_per_second=self._client.requests_per_second / senders)
        plan = SenderPlan(
            self.store,
            self._call_spec,
            client,
            self._as_of,
            staged.files,
            senders,
            guards_campaigns=makes_events(self._call_spec) and not self._request.allow_campaigns,
            lease_seconds=self._tuning.lease_seconds,
            tuning=self._tuning.bucket,
            observers_of=self._request.observers_of,
        )
        workers: Engine = LocalEngine() if senders == 1 else engine
        with stop_signals() as stops:
            failure: Exception | None = None
            try:
                with stops.raised():
                    found = workers.over_items(partial(catch_errors, run_sender, plan), range(senders))
                failure = next((each.error for each in found if isinstance(each, TaskError)), None)
            except KeyboardInterrupt:
                stops.holds = 1
                self._end_senders(partial(stop_all, self.store, StopReason.INTERRUPTED, _SENDERS_INTERRUPTED))
            except Exception as error:
                failure = error
                self._end_senders(partial(put_failure, self.store, error))
            result = self._conclude(staged, failure)
            if stops.take_pending():
                raise InterruptedLoad(_RUN_INTERRUPTED, result)
        return result

    def _prepare_to_resume(self, staged: StagedFrame) -> None:
        """Remove what ended the last run; commits stay."""
        self.store.delete(STOP)
        for name in self.store.names("open"):
            if f"-{FILLER}-" in name:
                self.store.delete(name)
        unfinished = {name.removeprefix("open/") for name in self.store.names("open")}
        committed = {name.removeprefix("answers/").removesuffix(".parquet") for name in self.store.names("answers")}
        for file in staged.files:
            tries = (name.removesuffix(".parquet").rpartition("-")[0] for name in unfinished)
            if any(chunk not in committed and chunk.startswith(f"{file.stem}-") for chunk in tries):
                self.store.delete(f"done/{file.stem}")

    def _end_senders(self, put_stop: Callable[[], None]) -> None:
        """Tell senders on workers to end, and wait until their leases are released, but not for long."""
        with suppress(CioFramesError):
            put_stop()
            give_up_at = time.monotonic() + min(self._tuning.lease_seconds, _SENDER_GRACE_SECONDS)
            while self.store.names("leases") and time.monotonic() < give_up_at:
                time.sleep(0.1)

    def _conclude(self, staged: StagedFrame, failure: Exception | None) -> LoadResult:
        """Return the result of a run whose senders have ended; raise with it if they were stopped."""
        what, as_of = self._call_spec.what, str(self._as_of)
        stop: tuple[StopReason, str] | None = None
        if failure is not None:
            # Of another error, the text may hold people's data.
            name = type(failure).__name__
            ended = f"The engine ended the senders: {name}."
            why = failure.text_by_door() if isinstance(failure, CioFramesError) else ended
            stop = StopReason.FAILED, why
        try:
            stop = read_stop(self.store) or stop
            why = "" if stop is None else stop[1]
            if not self.store.is_local:
                mark_overtaken_answers(self.store, self.store.names("leaving"))
            unwritten = answer_unreached_rows(self.store, staged, why, chunk_rows=self._tuning.bucket.chunk_rows)
            open_rows = count_open_rows(self.store, staged)
            if stop is None and open_rows:
                why = f"{describe_open_rows(open_rows)}."
            result = total_of_answers(
                self.store,
                staged,
                what,
                phase="stopped" if stop is not None or open_rows or unwritten else "done",
                why=f"{why} {RESUME}" if why else "",
                as_of=as_of,
                seconds=time.monotonic() - self._started,
                unwritten=unwritten,
                id_column=self._id_column,
            )
        except CioFramesError as error:
            seconds = time.monotonic() - self._started
            error.result = all_unknown(staged, what, why=error.text_by_door(), as_of=as_of, seconds=seconds)
            raise
        if stop is not None:
            self._raise_if_fatal(stop[0], result, failure)
        return result

    def _raise_if_fatal(self, reason: StopReason, result: LoadResult, failure: Exception | None) -> None:
        """Raise if senders stopped for a reason that is an exception for a load too."""
        if reason is StopReason.FAILED and isinstance(failure, CioFramesError):
            failure.result = result
            raise failure
        kinds: Mapping[StopReason, type[DeliveryError]] = {
            StopReason.UNAUTHORIZED: AuthenticationError,
            StopReason.INTERRUPTED: InterruptedLoad,
            StopReason.UNEXPECTED: DeliveryError,
            StopReason.MISCONFIGURED: DeliveryError,
            StopReason.FAILED: DeliveryError,
        }
        if reason is StopReason.UNAUTHORIZED:
            self._forget_write_key()
        if reason in kinds:
            why = _RUN_INTERRUPTED if reason is StopReason.INTERRUPTED else result.unrendered_why
            raise kinds[reason](why, result) from failure

    def _forget_write_key(self) -> None:
        """Let a run be resumed with another key, since this one was refused."""
        asked = self._fingerprint()
        del asked[WRITE_KEY]
        self.store.put(ASKED, json.dumps(asked, default=str).encode())


@contextmanager
def _carrying(result: LoadResult) -> Iterator[None]:
    """Give errors of this package that occur inside the result of what was sent before."""
    try:
        yield
    except CioFramesError as error:
        error.result = result
        raise


def _as_staged(parts: list[FrozenPart]) -> list[StagedFile]:
    return [StagedFile(part.name, part.rows, part.partition) for part in parts]


def _warn_of_large_bucket(files: list[StagedFile]) -> None:
    rows = sum(file.rows for file in files)
    largest = max((file.rows for file in files), default=0)
    if rows and largest / rows - 1 / len(files) > _SHARE_TO_WARN:
        warnings.warn(
            f"{largest:,} of {rows:,} rows belong together, most likely to one person: they are sent one after the "
            "other, by one sender, which ends last.",
            stacklevel=2,
        )
