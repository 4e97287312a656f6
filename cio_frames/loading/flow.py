"""A load: chunk by chunk through the one flow, with a ledger beside it and the answers on disk."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import xxhash

from cio_frames.ahead import one_more
from cio_frames.batching import Batch
from cio_frames.client import Client
from cio_frames.delivery import Delivery, Ended, Outcome, Pace, deliver
from cio_frames.encoding.text import TEXT
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
from cio_frames.loading.asked import asked_of, refuse_changes, wanted_columns
from cio_frames.loading.ledger import SETTLED, Begun, Ledger
from cio_frames.loading.loaded import LoadResult
from cio_frames.loading.outputs import MESSAGE_ID, Outputs
from cio_frames.loading.sources import OURS, Chunk, Source
from cio_frames.message_ids import MessageIds, Seen
from cio_frames.pipeline import Prepared, Request, Sending, types_of
from cio_frames.progress import LoadProgress
from cio_frames.results import GOOD

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_GO_ON = "Run the same again to go on."
# Reasons of this many kinds are counted in each chunk; a reason may name a size, and differ from row to row.
_REASONS_COUNTED = 50
_OTHER_REASONS = "other reasons, see the results"


@dataclass(frozen=True, slots=True)
class Where:
    """Where a load keeps its ledger and leaves its answers."""

    ledger: Path
    output: Path


def run(
    source: Source,
    request: Request,
    client: Client,
    where: Where,
    *,
    fresh: bool,
    allow_campaigns: bool,
    progress: bool | None,
    now: pd.Timestamp,
) -> LoadResult:
    """Load a source, or go on with a load of it that was stopped."""
    request = with_ids_of_rejects(source, request)
    _check_columns(source, request)
    asked = asked_of(source, request, client)
    with Ledger(where.ledger) as ledger:
        begun = None if fresh else ledger.find(source.name, request.call, request.event)
        if begun is not None:
            refuse_changes(begun.asked, asked)
            if begun.state == "done":
                return _already_done(ledger, begun, request, where)
        elif not allow_campaigns:
            _ask_about_campaigns(source, request, now)
        outputs = Outputs(where.output if begun is None else Path(begun.output))
        if begun is None:
            outputs.claim(fresh=fresh, known=ledger.sources())
            number = ledger.begin(
                source.name, request.call, request.event, asked, source.rows(), str(outputs.folder.resolve())
            )
        else:
            number = begun.load
            ledger.go_on(number)
        gate = None if allow_campaigns or begun is not None or source.rows() is not None else now
        with LoadProgress(source.rows(), progress, request.what) as shown:
            return _Load(source, request, client, ledger, outputs, number, shown, gate).run()


def with_ids_of_rejects(source: Source, request: Request) -> Request:
    """Give rows that were rejected by an earlier load the message ids that they had."""
    labels = {label for _, labels in source.labels() for label in labels}
    own = request.mapping.message_id is not None or {"message_id", "messageId"} & labels
    if MESSAGE_ID not in labels or own:
        return request
    return replace(request, mapping=replace(request.mapping, message_id=MESSAGE_ID))


def _without_ours(frame: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Leave out what an earlier load has added to its rejects."""
    ours = [
        label
        for label in frame.columns
        if isinstance(label, str) and label.startswith(OURS) and label != request.mapping.message_id
    ]
    return frame.drop(columns=ours) if ours else frame


def _check_columns(source: Source, request: Request) -> None:
    """Refuse a source with a file whose columns cannot make the call, before anything is sent."""
    for name, labels in source.labels():
        own = pd.DataFrame({label: pd.Series(dtype=object) for label in labels})
        try:
            Prepared(_without_ours(own, request), request)
        except FrameError as error:
            raise FrameError(f"{name}: {error}") from error


def _ask_about_campaigns(source: Source, request: Request, now: pd.Timestamp) -> None:
    rows = campaigns.rows_that_can_start_campaigns(source, request, now) if source.rows() is not None else 0
    if rows:
        raise CampaignsError(rows)


def prepared_chunks(
    source: Source, request: Request, done: frozenset[int] = frozenset(), gate: pd.Timestamp | None = None
) -> Iterator[tuple[Chunk, Prepared]]:
    """Yield the chunks that are not done, their columns found and their rows checked.

    ``gate`` is the moment from which events are too young to be sent unasked, where that could not be looked up before.
    """
    chunks = source.chunks(
        done=done,
        types_of=lambda labels: types_of(labels, request),
        wanted=lambda labels: wanted_columns(labels, request),
    )
    for chunk in chunks:
        if chunk.number in done:
            continue
        if gate is not None and (rows := campaigns.young_rows(chunk.frame, request, gate)):
            raise CampaignsError(rows)
        try:
            yield chunk, Prepared(_without_ours(chunk.frame, request), request)
        except FrameError as error:
            raise FrameError(f"{chunk.file or f'frame {chunk.number}'}: {error}") from error


class _Load:
    """One run of a load."""

    def __init__(
        self,
        source: Source,
        request: Request,
        client: Client,
        ledger: Ledger,
        outputs: Outputs,
        number: int,
        progress: LoadProgress,
        gate: pd.Timestamp | None,
    ) -> None:
        self._source = source
        self._request = request
        self._client = client
        self._ledger = ledger
        self._outputs = outputs
        self._number = number
        self._progress = progress
        self._gate = gate
        self._pace = Pace(client.requests_per_second)
        self._earlier = Seen()
        self._began = time.monotonic()
        self._done: deque[int] = deque()
        self._open_rows = 0

    def run(self) -> LoadResult:
        """Go through all chunks that are not done."""
        done = self._ledger.done_chunks(self._number)
        self._done.extend(done)
        self._progress.update(sum(done.values()))
        try:
            with (
                _stoppable(),
                one_more(prepared_chunks(self._source, self._request, frozenset(done), self._gate)) as chunks,
            ):
                for chunk, prepared in chunks:
                    delivery = self._chunk(chunk, prepared)
                    if delivery.ended is not None:
                        self._stop(delivery)
                        return self._finish("stopped", f"{delivery.why} {_GO_ON}")
        except KeyboardInterrupt:
            why = f"The load was interrupted. {_GO_ON}"
            raise InterruptedLoad(why, self._finish("stopped", why)) from None
        except DeliveryError:
            raise
        except CioFramesError as error:
            self._ledger.end(self._number, "stopped", str(error))
            raise
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
        sending = Sending(prepared, self._client, counted=self._progress.update, message_ids=ids, settled=settled)
        for outcome in known:
            if outcome.status in SETTLED:
                _tell(sending, outcome)
        self._progress.update(int(settled.sum()))

        def leaving(batch: Batch) -> None:
            ledger.leaving(load, number, batch.rows, _content(batch.buffer[batch.offsets[0] : batch.offsets[-1]]))

        def told(outcome: Outcome) -> None:
            ledger.answered(load, number, outcome)
            _tell(sending, outcome)
            self._progress.update(len(outcome.rows))

        first = ledger.next_batch(load)
        delivery = deliver(
            sending.batches(), self._client, told=told, leaving=leaving, first_number=first, pace=self._pace
        )
        times, attempts = ledger.tries(load, number, prepared.rows)
        sending.outcomes.tried(attempts)
        sending.outcomes.unsent(delivery.why or "not sent")
        result = sending.outcomes.frame(pd.RangeIndex(prepared.rows)).assign(resent=times > 1)
        self._leave(chunk, result, delivery, ids, next_batch=first + delivery.requests)
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

    def _refuse_other_content(self, prepared: Prepared, sent: list[tuple[Ints, str]]) -> None:
        """Refuse to go on where what was sent is not what would be sent now."""
        sending = Sending(prepared, self._client, message_ids=MessageIds(self._earlier.copy()))
        payloads = pa.chunked_array([written.payloads for written in sending.written()], TEXT).combine_chunks()
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
        self, chunk: Chunk, result: pd.DataFrame, delivery: Delivery, ids: MessageIds, *, next_batch: int
    ) -> None:
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
            results=self._outputs.results,
            rejects=rejects,
        )


def _already_done(ledger: Ledger, begun: Begun, request: Request, where: Where) -> LoadResult:
    output = Path(begun.output)
    rejects = output / "rejects.parquet"
    return _loaded(
        ledger,
        begun.load,
        what=request.what,
        state="done",
        why="It was done before, and nothing was sent now. To send all of it again: fresh=True (--fresh).",
        source_rows=begun.rows,
        results=output / "results",
        rejects=rejects if rejects.exists() else None,
    )


def _loaded(ledger: Ledger, number: int, **facts: Any) -> LoadResult:
    reasons, bytes_, requests, resent = ledger.totals(number)
    return LoadResult(reasons=reasons, bytes=bytes_, requests=requests, resent=resent, ledger=ledger.path, **facts)


def _tell(sending: Sending, outcome: Outcome) -> None:
    sending.outcomes.tell(
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


def _content(payloads: memoryview) -> str:
    return str(xxhash.xxh3_64_hexdigest(payloads))


@contextmanager
def _stoppable() -> Iterator[None]:
    """Take a request to end (SIGTERM) for Ctrl-C: what is on its way is waited for, and the ledger is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, stack: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
