"""A load: chunk by chunk through the one flow, with a ledger beside it and the answers on disk."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash

from cio_frames._util.arrays import Bools, Ints
from cio_frames._util.prefetch import prefetch
from cio_frames._util.progress import LoadProgress
from cio_frames._util.signals import sigterm_as_interrupt
from cio_frames.arrow.buffers import TEXT, offsets_of
from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.dispatcher import Delivery, Ended, Outcome, RateLimiter, deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.errors import (
    AuthenticationError,
    CampaignsError,
    CioFramesError,
    ConfigurationError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
)
from cio_frames.loading import campaigns
from cio_frames.loading.fingerprint import WRITE_KEY, load_fingerprint, refuse_changes, wanted_columns
from cio_frames.loading.ledger import SETTLED, Begun, Ledger
from cio_frames.loading.outputs import MESSAGE_ID, Outputs
from cio_frames.loading.result import LoadResult
from cio_frames.loading.sources import RESERVED_PREFIX, Chunk, Source
from cio_frames.pipeline import CallSpec, EncodedSlice, EncodeRun, Prepared, types_of
from cio_frames.pipeline.message_ids import MessageIds, Seen
from cio_frames.results import GOOD

_GO_ON = "Run the same again to go on."
_START_OVER = (
    "Give the same frames as before to go on. To send other rows, name another output, or start over with fresh=True "
    "(--fresh)."
)
# Reasons of this many kinds are counted in each chunk; a reason may name a size, and differ from row to row.
_REASONS_COUNTED = 50
_OTHER_REASONS = "other reasons, see the results"


@dataclass(frozen=True, slots=True)
class LoadPaths:
    """Where a load keeps its ledger and leaves its answers."""

    ledger: Path
    output: Path


def run(
    source: Source,
    call_spec: CallSpec,
    client: Client,
    where: LoadPaths,
    *,
    fresh: bool,
    allow_campaigns: bool,
    progress: bool | None,
    now: pd.Timestamp,
) -> LoadResult:
    """Load a source, or go on with a load of it that was stopped."""
    call_spec = with_ids_of_rejects(source, call_spec)
    _check_columns(source, call_spec)
    asked = load_fingerprint(source, call_spec, client)
    with Ledger(where.ledger) as ledger:
        begun = None if fresh else ledger.find(source.name, call_spec.call, call_spec.event)
        if begun is not None:
            refuse_changes(begun.asked, asked)
        elif not allow_campaigns and source.repeatable:
            _refuse_young(campaigns.rows_that_can_start_campaigns(source, call_spec, now))
        with Outputs(where.output) as outputs, LoadProgress(source.rows(), progress, call_spec.what) as shown:
            if begun is None:
                outputs.claim(fresh=fresh, known=ledger.sources())
                folder = str(outputs.folder.resolve())
                number = ledger.begin(source.name, call_spec.call, call_spec.event, asked, source.rows(), folder)
            else:
                number = begun.load
                _refuse_lost_answers(ledger, begun, outputs)
            # What can be read once only is looked at as it comes, whatever came before.
            gate = None if allow_campaigns or source.repeatable else now
            load = _Load(source, call_spec, client, ledger, outputs, number, shown, gate)
            if begun is not None and begun.state == "done":
                load.check_done()
                outputs.discard_parts()
                return _already_done(ledger, begun, call_spec, outputs)
            if begun is not None:
                ledger.go_on(number, asked, str(outputs.folder.resolve()))
            try:
                return load.run()
            except AuthenticationError:
                # It goes on with another key.
                ledger.ask(number, {name: value for name, value in asked.items() if name != WRITE_KEY})
                raise


def _refuse_lost_answers(ledger: Ledger, begun: Begun, outputs: Outputs) -> None:
    """Refuse to go on where answers have gone, since they cannot be had again without sending."""
    done = ledger.done_chunks(begun.load)
    if not done and outputs.folder.resolve() != Path(begun.output) and Path(begun.output).exists():
        outputs.claim(fresh=False, known=ledger.sources())
    lost = outputs.lost(done, ledger.rejecting_chunks(begun.load) if begun.state != "done" else ())
    if lost:
        raise ConfigurationError(
            f"The answers of {lost:,} of {len(done):,} parts of this load are not in {outputs.folder}; they were left "
            f"in {begun.output}. Bring them back, or name that folder with output= (--output); or send all of it again "
            "with fresh=True (--fresh)."
        )


def with_ids_of_rejects(source: Source, call_spec: CallSpec) -> CallSpec:
    """Give rows that were rejected by an earlier load the message ids that they had."""
    labels = {label for _, labels in source.labels() for label in labels}
    own = call_spec.mapping.message_id is not None or {"message_id", "messageId"} & labels
    if MESSAGE_ID not in labels or own:
        return call_spec
    return replace(call_spec, mapping=replace(call_spec.mapping, message_id=MESSAGE_ID))


def _without_ours(frame: pd.DataFrame, call_spec: CallSpec) -> pd.DataFrame:
    """Leave out what an earlier load has added to its rejects."""
    ours = [
        label
        for label in frame.columns
        if isinstance(label, str) and label.startswith(RESERVED_PREFIX) and label != call_spec.mapping.message_id
    ]
    return frame.drop(columns=ours) if ours else frame


def _check_columns(source: Source, call_spec: CallSpec) -> None:
    """Refuse a source with a file whose columns cannot make the call, before anything is sent."""
    for name, labels in source.labels():
        # As they are: a name that is repeated must be told of too.
        own = pd.DataFrame(columns=pd.Index(labels, dtype=object, tupleize_cols=False), dtype=object)
        try:
            Prepared(_without_ours(own, call_spec), call_spec)
        except FrameError as error:
            raise error.at(name) from error


def _refuse_young(rows: int, frame: int = 0) -> None:
    if rows:
        raise CampaignsError(rows, frame)


def read_ahead(
    source: Source, call_spec: CallSpec, done: frozenset[int] = frozenset(), gate: pd.Timestamp | None = None
) -> AbstractContextManager[Iterator[tuple[Chunk, Prepared]]]:
    """Yield the chunks, their columns found and their rows checked; of files only those that are not done.

    The next chunk is read meanwhile, in a thread. Generators are not: a cursor behind one may be bound to the thread
    that made it, as those of sqlite3 are.

    ``gate`` is the moment from which events are too young to be sent unasked, where that could not be looked up before.
    """
    chunks = _prepared_chunks(source, call_spec, done, gate)
    return prefetch(chunks) if source.repeatable else nullcontext(chunks)


def _prepared_chunks(
    source: Source, call_spec: CallSpec, done: frozenset[int], gate: pd.Timestamp | None
) -> Iterator[tuple[Chunk, Prepared]]:
    chunks = source.chunks(
        done=done,
        types_of=lambda labels: types_of(labels, call_spec),
        wanted=lambda labels: wanted_columns(labels, call_spec),
    )
    for chunk in chunks:
        try:
            prepared = Prepared(_without_ours(chunk.frame, call_spec), call_spec)
        except FrameError as error:
            raise error.at(chunk.where) from error
        if gate is not None and chunk.number not in done:
            _refuse_young(campaigns.young_rows(chunk, call_spec, gate), chunk.number)
        yield chunk, prepared


class _Load:
    """One run of a load."""

    def __init__(
        self,
        source: Source,
        call_spec: CallSpec,
        client: Client,
        ledger: Ledger,
        outputs: Outputs,
        number: int,
        progress: LoadProgress,
        gate: pd.Timestamp | None,
    ) -> None:
        self._source = source
        self._request = call_spec
        self._client = client
        self._ledger = ledger
        self._outputs = outputs
        self._number = number
        self._progress = progress
        self._gate = gate
        self._pace = RateLimiter(client.requests_per_second)
        self._earlier = Seen()
        self._began = time.monotonic()
        self._done: deque[int] = deque()
        self._open_rows = 0

    def check_done(self) -> None:
        """Refuse frames that are not those that a load which is done has sent; files tell that by their stamps."""
        if self._source.stamps() is not None:
            return
        waiting = self._ledger.done_chunks(self._number)
        self._done.extend(waiting)
        with sigterm_as_interrupt(), read_ahead(self._source, self._request) as chunks:
            for chunk, prepared in chunks:
                if waiting.pop(chunk.number, None) is None:
                    raise ConfigurationError(
                        f"There are more frames than this load had when it was done. {_START_OVER}"
                    )
                self._refuse_other_chunk(chunk, prepared)
        self._refuse_missing(waiting)

    def run(self) -> LoadResult:
        """Go through all chunks that are not done."""
        done = self._ledger.done_chunks(self._number)
        self._done.extend(done)
        self._progress.already(sum(done.values()))
        not_seen = dict(done) if self._source.stamps() is None else {}
        try:
            with (
                sigterm_as_interrupt(),
                read_ahead(self._source, self._request, frozenset(done), self._gate) as chunks,
            ):
                for chunk, prepared in chunks:
                    if chunk.number in done:
                        not_seen.pop(chunk.number, None)
                        self._refuse_other_chunk(chunk, prepared)
                        continue
                    delivery = self._chunk(chunk, prepared)
                    if delivery.ended is not None:
                        self._stop(delivery)
                        return self._finish("stopped", f"{delivery.why} {_GO_ON}")
            self._refuse_missing(not_seen)
        except KeyboardInterrupt:
            why = f"The load was interrupted. {_GO_ON}"
            raise InterruptedLoad(why, self._finish("stopped", why)) from None
        except DeliveryError:
            raise
        except CioFramesError as error:
            self._ledger.end(self._number, "stopped", str(error))
            with suppress(CioFramesError):
                self._outputs.finish()
            raise
        except Exception as error:
            # Most likely what yields the frames; its own words may have people's data in them.
            why = f"Stopped by {type(error).__name__} while rows were read. {_GO_ON}"
            raise DeliveryError(why, self._finish("stopped", why)) from error
        if self._open_rows:
            why = f"{self._open_rows:,} rows are unknown or unsent. Run the same again to send them once more."
            return self._finish("stopped", why)
        return self._finish("done", "")

    def _chunk(self, chunk: Chunk, prepared: Prepared) -> Delivery:
        """Send one chunk, and leave its answers."""
        ledger, load, number = self._ledger, self._number, chunk.number
        known = list(ledger.outcomes(load, number))
        self._remember_before(number)
        settled = self._settled(prepared, number, known)
        ids = MessageIds(self._earlier.copy())
        observer = _LoadObserver(self._progress)
        encode_run = EncodeRun(prepared, self._client, observer=observer, message_ids=ids, settled=settled)
        for outcome in known:
            if outcome.status in SETTLED:
                _tell(encode_run, outcome)
        self._progress.already(int(settled.sum()))

        def leaving(batch: Batch) -> None:
            ledger.leaving(load, number, batch.rows, _content(batch.buffer[batch.offsets[0] : batch.offsets[-1]]))

        def told(outcome: Outcome) -> None:
            ledger.answered(load, number, outcome)
            _tell(encode_run, outcome)
            self._progress.update(len(outcome.rows))

        first = ledger.next_batch(load)
        content = _Content()
        batches = (each for written in content.of(encode_run.encoded_slices()) for each in encode_run.cut(written))
        delivery = deliver(
            batches,
            self._client,
            told=told,
            leaving=leaving,
            posted=lambda size: self._progress.update(0, size, 1),
            first_number=first,
            pace=self._pace,
        )
        times, attempts = ledger.tries(load, number, prepared.rows)
        encode_run.outcomes.set_attempts(attempts)
        encode_run.outcomes.mark_unsent(delivery.why or "not sent")
        result = encode_run.outcomes.frame(pd.RangeIndex(prepared.rows)).assign(resent=times > 1)
        self._leave(chunk, result, delivery, ids, content, next_batch=first + delivery.requests)
        return delivery

    def _remember_before(self, number: int) -> None:
        """Note the calls of the done chunks before this one: ids must not depend on which chunks are done."""
        while self._done and self._done[0] < number:
            self._earlier.add(self._ledger.calls_of(self._number, self._done.popleft()))

    def _settled(self, prepared: Prepared, chunk: int, known: list[Outcome]) -> Bools:
        """Return which rows of a chunk an earlier run has settled."""
        settled = np.zeros(prepared.rows, dtype=bool)
        sent = list(self._ledger.sent(self._number, chunk))
        if sent:
            self._refuse_other_content(prepared, sent)
        for outcome in known:
            settled[outcome.rows] = outcome.status in SETTLED
        return settled

    def _refuse_other_chunk(self, chunk: Chunk, prepared: Prepared) -> None:
        """Refuse to go on where a frame that is done is another now: what follows would be lost, or sent twice."""
        self._remember_before(chunk.number)
        content = _Content()
        encode_run = EncodeRun(prepared, self._client, message_ids=MessageIds(self._earlier.copy()))
        for _ in content.of(encode_run.encoded_slices()):
            pass
        if content.hash != self._ledger.content_of(self._number, chunk.number):
            raise ConfigurationError(
                f"Frame {chunk.number} is not what it was when this load sent it: other rows, or cut otherwise. "
                f"{_START_OVER}"
            )

    def _refuse_missing(self, chunks: Mapping[int, int]) -> None:
        """Refuse to take for done what is not there any more."""
        if chunks:
            raise ConfigurationError(
                f"{sum(chunks.values()):,} rows in {len(chunks):,} frames that this load has sent did not come this "
                f"time. {_START_OVER}"
            )

    def _refuse_other_content(self, prepared: Prepared, sent: list[tuple[Ints, str]]) -> None:
        """Refuse to go on where what was sent is not what would be sent now."""
        encode_run = EncodeRun(prepared, self._client, message_ids=MessageIds(self._earlier.copy()))
        payloads = pa.chunked_array(
            [written.payloads for written in encode_run.encoded_slices()], TEXT
        ).combine_chunks()
        for rows, content in sent:
            same = rows.max(initial=-1) < len(payloads)
            if same:
                some = payloads.take(pa.array(rows))
                same = not some.null_count and _content(memoryview(some.buffers()[2])) == content
            if not same:
                raise ConfigurationError(
                    "The source is not what it was when this load was stopped: rows that were sent then have other "
                    "content now. Bring the old one back to go on, or start over with fresh=True (--fresh)."
                )

    def _leave(
        self, chunk: Chunk, result: pd.DataFrame, delivery: Delivery, ids: MessageIds, content: _Content, *,
        next_batch: int,
    ) -> None:  # fmt: skip
        open_rows = int((~result["status"].isin(SETTLED)).sum())
        rejected = not set(result["status"].unique()) <= GOOD
        whole = self._source.whole(chunk) if rejected else None
        self._outputs.write(chunk, whole, result)
        done = delivery.ended is None and not open_rows
        calls = ids.numbers
        self._ledger.finish_chunk(
            self._number,
            chunk.number,
            file=chunk.file,
            first_row=chunk.first_row,
            rows=len(result),
            done=done,
            counts=_counts(result),
            sizes=(int(result["bytes"].sum()), delivery.requests),
            resent=int(result["resent"].sum()),
            calls=calls,
            next_batch=next_batch,
            content=content.hash,
        )
        self._earlier.add(calls)
        self._open_rows += open_rows

    def _stop(self, delivery: Delivery) -> None:
        """Raise where delivery ended for a reason that is an exception elsewhere too."""
        error = delivery.error
        why = f"{error if isinstance(error, CioFramesError) else delivery.why} {_GO_ON}"
        kinds: Mapping[Ended | None, type[DeliveryError]] = {
            Ended.UNAUTHORIZED: AuthenticationError,
            Ended.INTERRUPTED: InterruptedLoad,
            Ended.UNEXPECTED: DeliveryError,
            Ended.FAILED: DeliveryError,
        }
        if delivery.ended in kinds:
            raise kinds[delivery.ended](why, self._finish("stopped", why)) from error

    def _finish(self, state: str, why: str) -> LoadResult:
        rejects = self._outputs.finish()
        self._ledger.end(self._number, state, why)
        if state == "done":
            self._outputs.discard_parts()
        return _loaded(
            self._ledger,
            self._number,
            what=self._request.what,
            state=state,
            why=why,
            source_rows=self._source.rows(),
            seconds=time.monotonic() - self._began,
            rows_now=self._progress.rows,
            results=self._outputs.results,
            rejects=rejects,
        )


def _already_done(ledger: Ledger, begun: Begun, call_spec: CallSpec, outputs: Outputs) -> LoadResult:
    return _loaded(
        ledger,
        begun.load,
        what=call_spec.what,
        state="done",
        why="It was done before, and nothing was sent now. To send all of it again: fresh=True (--fresh).",
        source_rows=begun.rows,
        results=outputs.results,
        rejects=outputs.rejects if outputs.rejects.exists() else None,
    )


def _loaded(ledger: Ledger, number: int, **facts: Any) -> LoadResult:
    reasons, bytes_, requests, resent = ledger.totals(number)
    return LoadResult(reasons=reasons, bytes=bytes_, requests=requests, resent=resent, ledger=ledger.path, **facts)


def _tell(encode_run: EncodeRun, outcome: Outcome) -> None:
    encode_run.outcomes.record(
        outcome.rows,
        outcome.status,
        reason=outcome.reason,
        batch=outcome.batch,
        http_status=outcome.http_status,
        attempts=outcome.attempts,
    )


def _counts(result: pd.DataFrame) -> list[tuple[str, str | None, int]]:
    """Return how many rows have each status and reason."""
    tallied = result.groupby(["status", "reason"], observed=True, dropna=False).size().sort_values(ascending=False)
    rows = tallied.rename("rows").reset_index().astype(object).itertuples(index=False)
    counts = [(str(status), None if pd.isna(reason) else str(reason), int(count)) for status, reason, count in rows]
    others: dict[str, int] = {}
    for status, _, count in counts[_REASONS_COUNTED:]:
        others[status] = others.get(status, 0) + count
    return counts[:_REASONS_COUNTED] + [(status, _OTHER_REASONS, count) for status, count in others.items()]


class _LoadObserver(NullObserver):
    """Moves the bar while a chunk is encoded."""

    def __init__(self, progress: LoadProgress) -> None:
        self._progress = progress

    def on_rows(self, count: int) -> None:
        self._progress.update(count)


class _Content:
    """A hash of all payloads of a chunk, made as they pass."""

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_64()

    def of(self, slices: Iterator[EncodedSlice]) -> Iterator[EncodedSlice]:
        for written in slices:
            self._hash.update(offsets_of(written.payloads).tobytes())
            self._hash.update(written.payloads.buffers()[2] or b"")
            yield written

    @property
    def hash(self) -> str:
        return str(self._hash.hexdigest())


def _content(payloads: memoryview) -> str:
    return str(xxhash.xxh3_64_hexdigest(payloads))
