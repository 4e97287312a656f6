"""Batches to outcomes: lanes, splitting, and what stops a delivery early.

Each lane is a thread with a connection and a short queue. A lane sends one request at a time and does not proceed
before the outcome of its batch is known, or known to stay unknown.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterable

from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.lane import MAY_BE_ACCEPTED, Lane, Transport
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import BatchSlice, Delivery, StopReason
from cio_frames.delivery.rate_limiter import RateLimiter
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff
from cio_frames.errors import parameter
from cio_frames.results import Status

delivery_log = logging.getLogger(__name__)

# After so many batches in a row whose retries ran out, the API is taken to be down.
_MAX_CONSECUTIVE_FAILURES = 3
# After so many calls rejected one by one and none accepted, the load is taken to be wrong as a whole.
_MAX_REJECTIONS_WITHOUT_SUCCESS = 20
_ANSWER_NOT_AWAITED = f"delivery stopped before an answer came{MAY_BE_ACCEPTED}"
_DELIVERY_INTERRUPTED = "The load was interrupted; requests in flight were finished."
_DELIVERY_INTERRUPTED_TWICE = "The load was interrupted twice; requests in flight were not waited for."


def deliver(
    batches: Iterable[tuple[int, Batch]],
    client: Client,
    *,
    connect: Callable[[Client], Transport] | None = None,
    observer: Observer | None = None,
    first_number: int = 0,
    rate_limiter: RateLimiter | None = None,
    backoff: Backoff = DEFAULT_BACKOFF,
) -> Delivery:
    """Send batches and return the outcomes of their rows.

    Parameters
    ----------
    batches : iterable of (lane, Batch)
        Consumed only as fast as they are sent. Batches of one lane go out in order, one at a time.
    client : Client
        Where to, and how often.
    connect : callable, optional
        Makes a lane's connection. Default is :class:`cio_frames.delivery.connection.ApiConnection`.
    observer : Observer, optional
        Is notified on the way.
    first_number : int
        The number of the first request.
    rate_limiter : RateLimiter, optional
        The rate limit, if several deliveries share one.
    backoff : Backoff
        How long to wait between attempts.
    """
    if connect is None:
        # requests takes a while to import, and most of what this package does sends nothing.
        from cio_frames.delivery.connection import ApiConnection

        connect = ApiConnection
    rate_limiter = rate_limiter or RateLimiter(client.requests_per_second)
    dispatcher = Dispatcher(client, observer or NullObserver(), rate_limiter, backoff, first_number)
    return dispatcher.run(batches, [Lane(dispatcher, connect(client)) for _ in range(client.workers)])


class Dispatcher:
    """What the lanes of one delivery share."""

    def __init__(
        self, client: Client, observer: Observer, rate_limiter: RateLimiter, backoff: Backoff, first_number: int
    ) -> None:
        self.client = client
        self.observer = observer
        self.rate_limiter = rate_limiter
        self.backoff = backoff
        self.stop = threading.Event()
        # Whether any byte of any request has left this machine.
        self.reached = False
        self._delivery = Delivery()
        self._lock = threading.Lock()
        self._numbers = itertools.count(first_number)
        self._consecutive_failures = 0
        self._rejections = 0
        self._any_accepted = False
        # What lanes have begun to send and not reported yet.
        self._in_progress: list[BatchSlice] = []

    def run(self, batches: Iterable[tuple[int, Batch]], lanes: list[Lane]) -> Delivery:
        """Feed the lanes, wait for them, and return what they came to."""
        try:
            self._feed(lanes, batches)
            self._wait_for(lanes)
        except KeyboardInterrupt:
            self.stop_delivery(StopReason.INTERRUPTED, _DELIVERY_INTERRUPTED)
            self._wait_once_more(lanes)
        finally:
            self.stop.set()
        self._report_unfinished()
        return self._delivery

    def _feed(self, lanes: list[Lane], batches: Iterable[tuple[int, Batch]]) -> None:
        try:
            for lane in lanes:
                lane.start()
            for number, batch in batches:
                if not lanes[number % len(lanes)].put(batch):
                    break
        except Exception as error:
            self.fail(error)

    def _wait_for(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            lane.put(None)
        for lane in lanes:
            # In short turns, since a thread that waits without a timeout does not hear Ctrl-C on every system.
            while not lane.done.wait(timeout=0.1):
                pass

    def _wait_once_more(self, lanes: list[Lane]) -> None:
        """Wait for the requests in flight, unless a second Ctrl-C says not to."""
        try:
            self._wait_for(lanes)
        except KeyboardInterrupt:
            self._delivery.why = _DELIVERY_INTERRUPTED_TWICE

    def _report_unfinished(self) -> None:
        """Report what was sent by a lane that failed, or that nobody waits for any more."""
        for batch_slice in list(self._in_progress):
            try:
                if batch_slice.attempts:
                    self.report(batch_slice, "unknown", _ANSWER_NOT_AWAITED)
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

    def add_slice(self, batch: Batch) -> BatchSlice:
        """Note that a lane is about to send a batch."""
        batch_slice = BatchSlice(batch)
        with self._lock:
            self._in_progress.append(batch_slice)
        return batch_slice

    def split_slice(self, batch_slice: BatchSlice) -> list[BatchSlice]:
        """Note that halves replace a refused slice; the last is to go first."""
        with self._lock:
            if batch_slice not in self._in_progress:
                return []
            self._in_progress.remove(batch_slice)
            first, second = batch_slice.halves()
            self._in_progress += [second, first]
            return [second, first]

    def report(
        self, batch_slice: BatchSlice, status: Status, reason: str | None, *, retries_ran_out: bool = False
    ) -> None:
        """Note the outcome of a slice, once, and stop where it tells that others will fare the same."""
        with self._lock:
            if batch_slice not in self._in_progress:
                return
            self._in_progress.remove(batch_slice)
            outcome = batch_slice.outcome(status, reason)
            self._delivery.outcomes.append(outcome)
            self._consecutive_failures = self._consecutive_failures + 1 if retries_ran_out else 0
            is_down = self._consecutive_failures >= _MAX_CONSECUTIVE_FAILURES
            self._any_accepted |= status in ("delivered", "acknowledged")
            self._rejections += status == "rejected"
            all_rejected = self._rejections >= _MAX_REJECTIONS_WITHOUT_SUCCESS and not self._any_accepted
            self.observer.on_outcome(outcome)
            self.observer.on_rows(len(outcome.rows))
        if all_rejected:
            self.stop_delivery(
                StopReason.REFUSED, f"Each of the first {_MAX_REJECTIONS_WITHOUT_SUCCESS} calls was rejected: {reason}."
            )
        if retries_ran_out and (is_down or not self.reached):
            remedy = "" if self.reached else f" Check the network and {parameter('endpoint')}."
            cause = (reason or "").removesuffix(MAY_BE_ACCEPTED)
            self.stop_delivery(StopReason.UNREACHABLE, f"Delivery stopped after retries: {cause}.{remedy}")

    def stop_delivery(self, stop_reason: StopReason, why: str) -> None:
        """Stop all lanes; the first reason counts."""
        with self._lock:
            if self._delivery.stop_reason is None:
                self._delivery.stop_reason, self._delivery.why = stop_reason, why
                delivery_log.warning("delivery stopped early: %s", stop_reason.name.lower())
        self.stop.set()
