"""Batches to outcomes: lanes, splitting, and what stops a delivery early.

Each lane is a thread with a connection and a queue. A lane sends one request at a time and does not proceed before the
outcome of its batch is known, or known to stay unknown.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.endpoint import EndpointState, RefusedSize
from cio_frames.delivery.lane import Lane
from cio_frames.delivery.observer import Observer
from cio_frames.delivery.outcomes import BatchSlice, Delivery, Outcome, StopReason
from cio_frames.delivery.parts import Part
from cio_frames.delivery.rate_limiter import RateLimiter
from cio_frames.delivery.reasons import (
    ANSWER_NOT_AWAITED,
    EARLIER_MAY_BE_ACCEPTED,
    MAY_BE_ACCEPTED,
    NOT_RETRIED,
    final_status,
    rejection_reason,
    unauthorized_message,
    unexpected_message,
)
from cio_frames.delivery.replies import Reply
from cio_frames.delivery.retry import Backoff, Disposition
from cio_frames.errors import parameter

delivery_log = logging.getLogger(__name__)

_QUEUED_PER_LANE = 2
# After so many batches in a row whose outcome stays open, the API is taken to be down, or not to be there.
_MAX_CONSECUTIVE_FAILURES = 3
# After so many calls rejected one by one and none accepted, the load is taken to be wrong as a whole.
_MAX_REJECTIONS_WITHOUT_SUCCESS = 20
_DELIVERY_INTERRUPTED = "The load was interrupted; requests in flight were finished."
_DELIVERY_INTERRUPTED_TWICE = "The load was interrupted twice; requests in flight were not waited for."
_DELIVERY_INTERRUPTED_LATE = (
    "The load was interrupted; requests in flight got no answer within {:g} seconds, and were not waited for."
)


class Dispatcher:
    """What the lanes of one delivery share.

    Parameters
    ----------
    client : Client
        Where to, and how often.
    endpoint : EndpointState
        What is known of the other end.
    rate_limiter : RateLimiter
        The rate limit.
    backoff : Backoff
        How long to wait between attempts.
    first_number : int
        The number of the first request.
    grace_seconds : float
        How long to wait for requests in flight once a stop is requested.
    """

    def __init__(
        self,
        client: Client,
        endpoint: EndpointState,
        rate_limiter: RateLimiter,
        backoff: Backoff,
        *,
        first_number: int,
        grace_seconds: float,
    ) -> None:
        self.client = client
        self.endpoint = endpoint
        self.rate_limiter = rate_limiter
        self.backoff = backoff
        self.stop = threading.Event()
        # Shared by all lanes, so that one that waits for a retry does not hold up the others at once.
        self.queue_slots = threading.Semaphore(_QUEUED_PER_LANE * client.workers)
        self._grace_seconds = grace_seconds
        self._delivery = Delivery()
        self._lock = threading.Lock()
        self._numbers = itertools.count(first_number)
        self._rejections = 0
        self._consecutive_blocked = 0
        self._last_unproven: Reply | None = None
        # What lanes have begun to send and not reported yet.
        self._in_progress: list[BatchSlice] = []

    def run(self, parts: Iterable[Part], lanes: Sequence[Lane]) -> Delivery:
        """Feed the lanes, wait for them, and return how that ended."""
        try:
            self._feed(lanes, parts)
            self._wait_for(lanes)
        except KeyboardInterrupt:
            self.stop_delivery(StopReason.INTERRUPTED, _DELIVERY_INTERRUPTED)
            self._wait_once_more(lanes)
        finally:
            self.stop.set()
        self._report_unfinished()
        if self._last_unproven is not None and not self.endpoint.key_accepted:
            self.stop_delivery(StopReason.UNEXPECTED, unexpected_message(self._last_unproven, self.client))
        return self._delivery

    def _feed(self, lanes: Sequence[Lane], parts: Iterable[Part]) -> None:
        try:
            for lane in lanes:
                lane.start()
            for part in parts:
                batches = iter(part.batches)
                # What makes batches makes the first ones while answers to earlier parts are awaited.
                first = list(itertools.islice(batches, 1))
                if not all(self._wait_until(event.wait) for event in part.after):
                    return
                for number, batch in itertools.chain(first, batches):
                    if not self._wait_until(self._take_slot):
                        return
                    lanes[number % len(lanes)].put(batch, part.observer)
        except Exception as error:
            self.fail(error)

    def _take_slot(self, seconds: float) -> bool:
        return self.queue_slots.acquire(timeout=seconds)

    def _wait_until(self, wait: Callable[[float], bool]) -> bool:
        """Wait, in short turns, until it was for something; return False if delivery has stopped."""
        while not self.stop.is_set():
            if wait(0.1):
                return True
        return False

    def _wait_for(self, lanes: Sequence[Lane], *, seconds: float = float("inf")) -> bool:
        """Wait for the lanes to end; return whether they have, in that time."""
        give_up_at = time.monotonic() + seconds
        for lane in lanes:
            lane.end()
        for lane in lanes:
            # In short turns, since a thread that waits without a timeout does not hear Ctrl-C on every system.
            while not lane.done.wait(timeout=0.1):
                if time.monotonic() > give_up_at:
                    return False
        return True

    def _wait_once_more(self, lanes: Sequence[Lane]) -> None:
        """Wait for the requests in flight, but not for long, and not if a second Ctrl-C says not to."""
        try:
            if not self._wait_for(lanes, seconds=self._grace_seconds):
                self._delivery.why = _DELIVERY_INTERRUPTED_LATE.format(self._grace_seconds)
        except KeyboardInterrupt:
            self._delivery.why = _DELIVERY_INTERRUPTED_TWICE

    def _report_unfinished(self) -> None:
        """Report what was sent by a lane that failed, or that nobody waits for any more."""
        for batch_slice in list(self._in_progress):
            try:
                if batch_slice.attempts:
                    self._report(batch_slice, batch_slice.outcomes("unknown", ANSWER_NOT_AWAITED, {}))
            except Exception as error:
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """Stop because of a failure in this process."""
        self._delivery.error = error
        self.stop_delivery(StopReason.FAILED, f"Delivery stopped: {type(error).__name__} in this process.")

    def next_number(self) -> int:
        """Return the next request body's number."""
        with self._lock:
            return next(self._numbers)

    def count_request(self) -> None:
        """Count one request."""
        with self._lock:
            self._delivery.requests += 1

    def add_slice(self, batch: Batch, observer: Observer) -> BatchSlice:
        """Note that a lane is about to send a batch."""
        batch_slice = BatchSlice(batch, observer)
        with self._lock:
            self._in_progress.append(batch_slice)
        return batch_slice

    def split_slice(
        self, batch_slice: BatchSlice, *, refused: bool, too_large: RefusedSize | None = None
    ) -> list[BatchSlice]:
        """Note that halves replace a slice that was refused, or would be; the last is to go first.

        It is not documented whether a refused batch is refused as a whole, so that its halves are in doubt.
        """
        with self._lock:
            if batch_slice not in self._in_progress:
                return []
            self._in_progress.remove(batch_slice)
            first, second = batch_slice.halves(in_doubt=refused, too_large=too_large)
            self._in_progress += [second, first]
            return [second, first]

    def report_not_retried(self, batch_slice: BatchSlice) -> None:
        """Report the part of a refused batch that was not sent by itself, since delivery stopped before."""
        if batch_slice.attempts:
            self._report(batch_slice, batch_slice.outcomes("unknown", NOT_RETRIED, {}))

    def conclude(self, batch_slice: BatchSlice, reply: Reply, disposition: Disposition, note: str) -> None:
        """Report the outcome of a slice, and stop where it tells that others will fare the same."""
        status, reason = final_status(
            disposition, reply, self.client,
            in_doubt=batch_slice.in_doubt, was_unanswered=batch_slice.was_unanswered, note=note,
        )  # fmt: skip
        rejections: dict[int, str] = {}
        if disposition is Disposition.PARTLY_ACCEPTED:
            rejections = {index: rejection_reason(reply, text) for index, text in reply.rejections.items()}
        if disposition in (Disposition.ACCEPTED, Disposition.PARTLY_ACCEPTED):
            self.endpoint.accept_size(batch_slice.batch.body_bytes, batch_slice.half_of)
        outcomes = batch_slice.outcomes(status, reason, rejections)
        if self._report(batch_slice, outcomes, reply, disposition):
            self._stop_if_hopeless(reply, disposition, outcomes[-1].reason or "")

    def _report(
        self,
        batch_slice: BatchSlice,
        outcomes: Sequence[Outcome],
        reply: Reply | None = None,
        disposition: Disposition | None = None,
    ) -> bool:
        """Note the outcomes of a slice, once; return False if they were noted before."""
        with self._lock:
            if batch_slice not in self._in_progress:
                return False
            self._in_progress.remove(batch_slice)
            self._count_outcomes(outcomes, reply, disposition)
            for outcome in outcomes:
                batch_slice.observer.on_outcome(outcome)
                batch_slice.observer.on_rows(len(outcome.rows))
        return True

    def _count_outcomes(
        self, outcomes: Sequence[Outcome], reply: Reply | None, disposition: Disposition | None
    ) -> None:
        is_open = disposition in (Disposition.RETRY, Disposition.UNPROVEN)
        self.endpoint.consecutive_failures = self.endpoint.consecutive_failures + 1 if is_open else 0
        if disposition is Disposition.UNPROVEN:
            self._last_unproven = reply
        for outcome in outcomes:
            if outcome.status in ("delivered", "acknowledged"):
                self.endpoint.key_accepted = self.endpoint.any_accepted = True
                self._consecutive_blocked = 0
            elif outcome.status == "rejected":
                self._rejections += len(outcome.rows)
                self._consecutive_blocked += outcome.was_blocked

    def _stop_if_hopeless(self, reply: Reply, disposition: Disposition, reason: str) -> None:
        """Stop where one outcome, or several in a row, tell that others will fare the same."""
        is_down = self.endpoint.consecutive_failures >= _MAX_CONSECUTIVE_FAILURES
        match disposition:
            case Disposition.UNAUTHORIZED:
                self.stop_delivery(StopReason.UNAUTHORIZED, unauthorized_message(reply, self.client))
            case Disposition.UNEXPECTED:
                self.stop_delivery(StopReason.UNEXPECTED, unexpected_message(reply, self.client))
            case Disposition.UNPROVEN if is_down:
                self.stop_delivery(StopReason.UNEXPECTED, unexpected_message(reply, self.client))
            case Disposition.RETRY if reply.is_permanent:
                self.stop_delivery(StopReason.MISCONFIGURED, f"Delivery stopped: {reason}.")
            case Disposition.RETRY if is_down or not self.endpoint.reached:
                needs_remedy = not self.endpoint.reached and not reply.has_remedy
                remedy = f" Check the network and {parameter('endpoint')}." if needs_remedy else ""
                cause = reason.removesuffix(MAY_BE_ACCEPTED).removesuffix(EARLIER_MAY_BE_ACCEPTED)
                self.stop_delivery(StopReason.UNREACHABLE, f"Delivery stopped after retries: {cause}.{remedy}")
            case _ if self._consecutive_blocked >= _MAX_REJECTIONS_WITHOUT_SUCCESS and self.endpoint.key_accepted:
                self.stop_delivery(
                    StopReason.UNEXPECTED,
                    f"Delivery stopped: {self._consecutive_blocked} calls in a row were refused one by one: {reason}. "
                    "Check the firewall or proxy in between.",
                )
            case _ if self._rejections >= _MAX_REJECTIONS_WITHOUT_SUCCESS and not self.endpoint.any_accepted:
                gzip = f" {parameter('gzip', True)} is set, which it may not support." if self.client.gzip else ""
                self.stop_delivery(
                    StopReason.REFUSED,
                    f"Each of the first {_MAX_REJECTIONS_WITHOUT_SUCCESS} calls was rejected: {reason}.{gzip}",
                )

    def stop_delivery(self, stop_reason: StopReason, why: str) -> None:
        """Stop all lanes; the first reason counts."""
        with self._lock:
            if self._delivery.stop_reason is None:
                self._delivery.stop_reason, self._delivery.why = stop_reason, why
                delivery_log.warning("delivery stopped early: %s", stop_reason.name.lower())
        self.stop.set()
