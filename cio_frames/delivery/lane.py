"""A lane: a thread with a connection and a queue, that sends one request at a time."""

from __future__ import annotations

import itertools
import logging
import queue
import random
import threading
import time
from typing import TYPE_CHECKING, Protocol

from cio_frames.delivery.batching import Batch
from cio_frames.delivery.endpoint import RefusedSize
from cio_frames.delivery.observer import Observer
from cio_frames.delivery.outcomes import BatchSlice
from cio_frames.delivery.reasons import describe_wait
from cio_frames.delivery.replies import Reply
from cio_frames.delivery.retry import NOT_ACCEPTED_STATUSES, Disposition, classify, seconds_before_retry

if TYPE_CHECKING:
    from cio_frames.delivery.dispatcher import Dispatcher

lane_log = logging.getLogger(__name__)

_TOO_LARGE, _UNSUPPORTED_MEDIA_TYPE = 413, 415


class Transport(Protocol):
    """What a lane needs of a connection."""

    # Whether bodies are compressed.
    compresses: bool

    def post(self, body: bytes) -> Reply:
        """Send one body and return the reply."""

    def close(self) -> None:
        """Close the connection."""


class Lane(threading.Thread):
    """Sends its batches one after the other."""

    def __init__(self, dispatcher: Dispatcher, transport: Transport) -> None:
        super().__init__(name="cio-frames-lane", daemon=True)
        self._dispatcher = dispatcher
        self._endpoint = dispatcher.endpoint
        self._transport = transport
        self._queue: queue.SimpleQueue[tuple[Batch, Observer] | None] = queue.SimpleQueue()
        # Not is_alive(): before Python 3.13 a join that Ctrl-C breaks off makes a running thread look dead.
        self.done = threading.Event()
        self.done.set()

    def start(self) -> None:
        """Begin to send."""
        self.done.clear()
        try:
            super().start()
        except RuntimeError:
            self.done.set()
            raise

    def put(self, batch: Batch, observer: Observer) -> None:
        """Queue a batch, and who is notified of it."""
        self._queue.put((batch, observer))

    def end(self) -> None:
        """End the lane after the batches that are queued."""
        self._queue.put(None)

    def run(self) -> None:
        """Send what is queued until the lane is ended or delivery stops."""
        try:
            while (queued := self._next_batch()) is not None:
                self._dispatcher.queue_slots.release()
                self._deliver(*queued)
        except Exception as error:
            self._dispatcher.fail(error)
        finally:
            self.done.set()

    def _next_batch(self) -> tuple[Batch, Observer] | None:
        while not self._dispatcher.stop.is_set():
            try:
                return self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
        return None

    def _deliver(self, batch: Batch, observer: Observer) -> None:
        """Send a batch; if it is refused, its halves in order, until the guilty calls stand alone."""
        pending = [self._dispatcher.add_slice(batch, observer)]
        while pending:
            batch_slice = pending.pop()
            count = len(batch_slice.batch)
            if count > 1 and self._endpoint.is_too_large(batch_slice.batch.body_bytes):
                pending += self._dispatcher.split_slice(batch_slice, refused=False)
                continue
            reply, note = self._send(batch_slice)
            if reply is None:
                self._dispatcher.report_not_retried(batch_slice)
                continue
            disposition = classify(reply, key_accepted=self._endpoint.key_accepted)
            if disposition is Disposition.PARTLY_ACCEPTED and max(reply.rejections) >= count:
                # It names calls that are not there, so nothing is known of those that are.
                disposition = Disposition.REFUSED
            if count > 1 and disposition in (Disposition.REFUSED, Disposition.BLOCKED):
                too_large = RefusedSize(batch_slice.batch.body_bytes) if reply.status == _TOO_LARGE else None
                pending += self._dispatcher.split_slice(batch_slice, refused=True, too_large=too_large)
            else:
                self._dispatcher.conclude(batch_slice, reply, disposition, note)
            if reply.clock_ahead_seconds is not None:
                observer.on_clock(reply.clock_ahead_seconds)

    def _send(self, batch_slice: BatchSlice) -> tuple[Reply | None, str]:
        """Send a slice until no retry is left.

        Return the last reply, None if delivery stopped before the first attempt, and a note about a wait that was
        requested and not made.
        """
        dispatcher, client = self._dispatcher, self._dispatcher.client
        body = batch_slice.batch.body
        give_up_at = time.monotonic() + client.retry_budget_seconds
        reply, note = None, ""
        for attempt in itertools.count(1):
            dispatcher.rate_limiter.wait(dispatcher.stop)
            if dispatcher.stop.is_set():
                break
            reply = self._post(batch_slice, body, first=attempt == 1)
            if reply.status == _UNSUPPORTED_MEDIA_TYPE and self._transport.compresses:
                self._endpoint.refuse_gzip()
                reply = self._post(batch_slice, body, first=False)
            if reply.is_permanent or not self._is_temporary(reply):
                break
            backoff = dispatcher.backoff
            note = describe_wait(
                reply, seconds_before_retry(attempt, None, backoff=backoff), client.retry_budget_seconds
            )
            if attempt >= client.attempts:
                break
            jitter = random.random()  # noqa: S311 -- spreads retries, protects nothing
            wait = seconds_before_retry(attempt, reply.retry_after_seconds, jitter=jitter, backoff=backoff)
            if time.monotonic() + wait > give_up_at:
                break
            lane_log.info("retrying a request: status %s, attempt %d, waiting %.1f s", reply.status, attempt, wait)
            dispatcher.stop.wait(wait)
        return reply, note

    def _is_temporary(self, reply: Reply) -> bool:
        """Return whether a reply may be another one next time."""
        match classify(reply, key_accepted=self._endpoint.key_accepted):
            case Disposition.RETRY:
                return True
            case Disposition.UNAUTHORIZED:
                # A key that was accepted does not become wrong by itself: their service for keys may be down.
                return self._endpoint.key_accepted
            case _:
                return False

    def _post(self, batch_slice: BatchSlice, body: bytes, *, first: bool) -> Reply:
        """Send a slice once, and note on it what the reply shows."""
        dispatcher = self._dispatcher
        if batch_slice.attempts == 0:
            batch_slice.observer.before_send(batch_slice.batch)
        if first:
            batch_slice.number = dispatcher.next_number()
        if self._endpoint.gzip_refused:
            self._transport.compresses = False
        dispatcher.count_request()
        # Before it is sent, so that it counts also if nobody waits for the answer.
        batch_slice.attempts += 1
        batch_slice.observer.on_request(len(body))
        reply = self._transport.post(body)
        self._endpoint.reached |= reply.sent
        is_doubtful = classify(reply) is Disposition.RETRY and reply.status not in NOT_ACCEPTED_STATUSES
        batch_slice.was_unanswered |= reply.sent and is_doubtful
        batch_slice.in_doubt |= batch_slice.was_unanswered
        if reply.status is not None:
            batch_slice.http_status = reply.status
        return reply
