"""A lane: a thread with a connection and a short queue, that sends one request at a time."""

from __future__ import annotations

import itertools
import logging
import queue
import random
import threading
import time
from typing import TYPE_CHECKING, Protocol

from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.outcomes import BatchSlice, StopReason
from cio_frames.delivery.replies import Reply
from cio_frames.delivery.retry import Disposition, classify, seconds_before_retry
from cio_frames.errors import by_door, parameter
from cio_frames.results import Status

if TYPE_CHECKING:
    from cio_frames.delivery.dispatcher import Dispatcher

lane_log = logging.getLogger(__name__)

# A host that never answered is most likely misspelt: no need to try it for minutes.
_MAX_ATTEMPTS_UNREACHED = 3
_QUEUE_SIZE = 2
MAY_BE_ACCEPTED = "; it may have been accepted"
_NOT_RETRIED = f"its batch was refused, and delivery stopped before this call was retried{MAY_BE_ACCEPTED}"
_NOT_CONFIRMED = "the API answered 200 with strict mode off, which it also does for calls that it drops"


class Transport(Protocol):
    """What a lane needs of a connection."""

    def post(self, body: bytes) -> Reply:
        """Send one body and return the reply."""

    def close(self) -> None:
        """Close the connection."""


class Lane(threading.Thread):
    """Sends its batches one after the other."""

    def __init__(self, dispatcher: Dispatcher, transport: Transport) -> None:
        super().__init__(name="cio-frames-lane", daemon=True)
        self._dispatcher = dispatcher
        self._transport = transport
        self._queue: queue.Queue[Batch | None] = queue.Queue(maxsize=_QUEUE_SIZE)
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

    def put(self, batch: Batch | None) -> bool:
        """Queue a batch, or None to end the lane after those before it; return False if delivery has stopped."""
        while not self.done.is_set() and not self._dispatcher.stop.is_set():
            try:
                self._queue.put(batch, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def run(self) -> None:
        """Send what is queued until the lane is ended or delivery stops."""
        try:
            while (batch := self._next_batch()) is not None:
                self._deliver(batch)
        except Exception as error:
            self._dispatcher.fail(error)
        finally:
            self.done.set()
            self._transport.close()

    def _next_batch(self) -> Batch | None:
        while not self._dispatcher.stop.is_set():
            try:
                return self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
        return None

    def _deliver(self, batch: Batch) -> None:
        """Send a batch; if it is refused, its halves in order, until the guilty calls stand alone."""
        pending = [self._dispatcher.add_slice(batch)]
        while pending:
            batch_slice = pending.pop()
            reply = self._send(batch_slice)
            if reply is not None and classify(reply) is Disposition.REFUSED and len(batch_slice.batch) > 1:
                pending += self._dispatcher.split_slice(batch_slice)
            else:
                self._conclude(batch_slice, reply)

    def _send(self, batch_slice: BatchSlice) -> Reply | None:
        """Send a slice until no retry is left; return None if delivery stopped before the first attempt."""
        dispatcher, client = self._dispatcher, self._dispatcher.client
        body = batch_slice.batch.body
        give_up_at = time.monotonic() + client.retry_budget_seconds
        reply = None
        for attempt in itertools.count(1):
            dispatcher.rate_limiter.wait(dispatcher.stop)
            if dispatcher.stop.is_set():
                break
            reply = self._post(batch_slice, body, first=attempt == 1)
            limit = client.attempts if dispatcher.reached else min(client.attempts, _MAX_ATTEMPTS_UNREACHED)
            if classify(reply) is not Disposition.RETRY or attempt >= limit:
                break
            jitter = random.random()  # noqa: S311 -- spreads retries, protects nothing
            wait = seconds_before_retry(attempt, reply.retry_after_seconds, jitter=jitter, backoff=dispatcher.backoff)
            if time.monotonic() + wait > give_up_at:
                break
            lane_log.info(
                "retrying a request", extra={"status": reply.status, "attempt": attempt, "wait_seconds": wait}
            )
            dispatcher.stop.wait(wait)
        return reply

    def _post(self, batch_slice: BatchSlice, body: bytes, *, first: bool) -> Reply:
        """Send a slice once, and note on it what the reply shows."""
        dispatcher = self._dispatcher
        if batch_slice.attempts == 0:
            dispatcher.observer.before_send(batch_slice.batch)
        if first:
            batch_slice.number = dispatcher.next_number()
        dispatcher.count_request()
        # Before it is sent, so that it counts also if nobody waits for the answer.
        batch_slice.attempts += 1
        dispatcher.observer.on_request(len(body))
        reply = self._transport.post(body)
        dispatcher.reached |= reply.sent
        batch_slice.in_doubt |= reply.sent and classify(reply) is Disposition.RETRY
        if reply.status is not None:
            batch_slice.http_status = reply.status
        return reply

    def _conclude(self, batch_slice: BatchSlice, reply: Reply | None) -> None:
        """Report the outcome of a slice that will not be sent again."""
        dispatcher = self._dispatcher
        if reply is None:
            if batch_slice.attempts:
                dispatcher.report(batch_slice, "unknown", _NOT_RETRIED)
            return
        disposition = classify(reply)
        status, reason = final_status(disposition, reply, dispatcher.client, in_doubt=batch_slice.in_doubt)
        dispatcher.report(batch_slice, status, reason, retries_ran_out=disposition is Disposition.RETRY)
        if disposition is Disposition.UNAUTHORIZED:
            key = by_door("CIO_WRITE_KEY (or write_key=)", "CIO_WRITE_KEY")
            dispatcher.stop_delivery(
                StopReason.UNAUTHORIZED,
                f"The API does not accept this write key: it answered {reply.status}. Check {key}, and that "
                f"{parameter('region')} is your workspace's.",
            )
        elif disposition is Disposition.UNEXPECTED:
            # Without the reply's message: an unknown server may repeat what was sent to it.
            page = " with a web page" if reply.is_page else ""
            dispatcher.stop_delivery(
                StopReason.UNEXPECTED,
                f"{dispatcher.client.endpoint} does not answer as Customer.io does: it answered {reply.status}{page}. "
                f"Check {parameter('endpoint')}.",
            )


def final_status(
    disposition: Disposition, reply: Reply, client: Client, *, in_doubt: bool
) -> tuple[Status, str | None]:
    """Return the status and the reason of a batch that will not be sent again.

    >>> final_status(Disposition.REFUSED, Reply(400, "event is missing"), Client(write_key="secret"), in_doubt=False)
    ('rejected', '400: event is missing')
    """
    match disposition:
        case Disposition.ACCEPTED if client.strict:
            return "delivered", None
        case Disposition.ACCEPTED:
            return "acknowledged", _NOT_CONFIRMED
        case Disposition.REFUSED:
            return "rejected", _describe(reply)
        case Disposition.UNAUTHORIZED:
            return ("unknown" if in_doubt else "unsent"), f"the API does not accept this write key ({_describe(reply)})"
        case Disposition.RETRY if not in_doubt:
            return "unsent", _describe(reply)
        case Disposition.RETRY:
            return "unknown", f"{_describe(reply)}{MAY_BE_ACCEPTED}"
        case _:
            return "unknown", f"unexpected answer ({_describe(reply)}){MAY_BE_ACCEPTED}"


def _describe(reply: Reply) -> str:
    """Return a reply for people to read."""
    if reply.status is None:
        return reply.message
    return f"{reply.status}: {reply.message}" if reply.message else f"answered {reply.status}"
