"""Batches to outcomes: lanes, retries, splitting, and the honest unknown.

Each lane is a thread with a connection and a short queue. A lane sends one request at a time and does not go on
before it knows what became of it, or that it will not come to know.
"""

from __future__ import annotations

import itertools
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from cio_frames._util.arrays import Ints
from cio_frames.client import Client, Connection, Reply
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.observer import Observer
from cio_frames.results import Status

log = logging.getLogger("cio_frames")

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
# A host that never answered is most likely misspelt: no need to try it for minutes.
_ATTEMPTS_AT_A_STRANGER = 3
# So many batches given up in a row, and the API is taken to be down.
_GIVEN_UP_IN_A_ROW = 3
# So many calls refused one by one and none taken, and the load is taken to be wrong as a whole.
_REFUSED_AND_NONE_TAKEN = 20
_BATCHES_WAITING_PER_LANE = 2
_MAY_HAVE_LANDED = "; it may have landed"
_CUT_SHORT = "its batch was refused, and delivery stopped before this call was tried again; it may have landed"


class Post(Protocol):
    """What a lane needs of a connection."""

    def post(self, body: bytes) -> Reply:
        """Send one body and return what came back."""

    def close(self) -> None:
        """Close the connection."""


class Disposition(Enum):
    """What an answer means for the batch."""

    ACCEPTED = auto()
    REFUSED = auto()
    RETRY = auto()
    UNAUTHORIZED = auto()
    UNEXPECTED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some rows."""

    rows: Ints
    status: Status
    batch: int
    attempts: int
    http_status: int | None = None
    reason: str | None = None


@dataclass(slots=True, eq=False)
class _Part:
    """A batch, or what is left of a refused one, and what has happened to it so far."""

    batch: Batch
    number: int = -1
    attempts: int = 0
    http_status: int | None = None
    # Whether it may have landed.
    in_doubt: bool = False

    def outcome(self, status: Status, reason: str | None) -> Outcome:
        return Outcome(self.batch.rows, status, self.number, self.attempts, self.http_status, reason)

    def halves(self) -> tuple[_Part, _Part]:
        """Return both halves; nobody documents whether a refused batch was refused as a whole."""
        first, second = (replace(self, batch=half, in_doubt=True) for half in self.batch.halves())
        return first, second


class Ended(Enum):
    """Why delivery stopped before its end."""

    UNAUTHORIZED = auto()
    UNEXPECTED = auto()
    UNREACHABLE = auto()
    REFUSED = auto()
    INTERRUPTED = auto()
    FAILED = auto()


@dataclass(slots=True)
class Delivery:
    """What delivery came to.

    Attributes
    ----------
    outcomes : list of Outcome
        Rows in none of them were not sent.
    requests : int
        Requests that were tried.
    ended : Ended or None
        Why it stopped early; None where everything was tried.
    why : str
        The same in words.
    error : Exception or None
        What failed on this side, where it did.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    requests: int = 0
    ended: Ended | None = None
    why: str = ""
    error: Exception | None = None


def classify(reply: Reply) -> Disposition:
    """Return what an answer means.

    Only 200 is documented as success, and a web page is no answer of an API. 400 refuses what was sent, as 413 and 422
    do; 408, 429 and 5xx pass.

    >>> verdict(Reply(200, "")), verdict(Reply(None, "no answer")), verdict(Reply(302, ""))
    (<Verdict.TAKEN: 1>, <Verdict.RETRY: 3>, <Verdict.UNEXPECTED: 5>)
    """
    match reply.status:
        case 200:
            return Disposition.UNEXPECTED if reply.is_page else Disposition.ACCEPTED
        case 400 | 413 | 422:
            return Disposition.REFUSED
        case 401 | 403:
            return Disposition.UNAUTHORIZED
        case None | 408 | 429:
            return Disposition.RETRY
        case status if status >= 500:
            return Disposition.RETRY
        case _:
            return Disposition.UNEXPECTED


def seconds_before_retry(attempt: int, asked: float | None, *, chance: float = 0.0) -> float:
    """Return how long to wait after an attempt: what the server asked for, else twice as long each time.

    Parameters
    ----------
    attempt : int
        The attempt that has failed, from 1.
    asked : float or None
        Seconds the server asked for.
    chance : float
        From 0 to 1; lengthens the wait by up to a half, so that lanes do not come back all at once.

    Examples
    --------
    >>> [seconds_before_retry(attempt, None) for attempt in (1, 2, 3)]
    [0.5, 1.0, 2.0]
    >>> seconds_before_retry(1, 7.0)
    7.0
    """
    wait = min(_FIRST_WAIT_SECONDS * 2 ** (attempt - 1), _LONGEST_WAIT_SECONDS) if asked is None else asked
    return wait * (1 + chance / 2)


def deliver(
    batches: Iterable[tuple[int, Batch]],
    client: Client,
    *,
    connect: Callable[[Client], Post] = Connection,
    observer: Observer | None = None,
    told: Callable[[Outcome], None] = lambda outcome: None,
    leaving: Callable[[Batch], None] = lambda batch: None,
    posted: Callable[[int], None] = lambda size: None,
    first_number: int = 0,
    pace: RateLimiter | None = None,
) -> Delivery:
    """Send batches and return what became of their rows.

    Parameters
    ----------
    batches : iterable of (lane, Batch)
        Taken only as fast as they are sent. Batches of one lane go out in order, one at a time.
    client : Client
        Where to, and how often.
    connect : callable
        Makes a lane's connection.
    observer : Observer, optional
        Receives what happens, in place of the callables below.
    told : callable
        Called with each outcome as it is known, from one thread at a time.
    leaving : callable
        Called with each batch before it is sent for the first time, by its lane; where it fails, delivery stops.
    posted : callable
        Called with the bytes of each request's body as it leaves, retries among them, by its lane.
    first_number : int
        The number of the first request.
    pace : Pace, optional
        The rate limit, where several deliveries share one.
    """
    pace = pace or RateLimiter(client.requests_per_second)
    if observer is not None:
        follower = observer

        def told(outcome: Outcome) -> None:
            follower.on_outcome(outcome)
            follower.on_rows(len(outcome.rows))

        leaving, posted = observer.before_send, observer.on_request
    return _Dispatcher(client, connect, told, leaving, posted, first_number, pace).run(batches)


class _Dispatcher:
    """What the lanes of one delivery share."""

    def __init__(
        self,
        client: Client,
        connect: Callable[[Client], Post],
        told: Callable[[Outcome], None],
        leaving: Callable[[Batch], None],
        posted: Callable[[int], None],
        first_number: int,
        pace: RateLimiter,
    ) -> None:
        self.client = client
        self.pace = pace
        self.stop = threading.Event()
        self.reached = False
        self.delivery = Delivery()
        self._connect = connect
        self._told = told
        self.leaving = leaving
        self.posted = posted
        self._lock = threading.Lock()
        self._numbers = itertools.count(first_number)
        self._given_up = 0
        self._refused = 0
        self._taken = False
        # What lanes have begun and not told of yet.
        self._open: list[_Part] = []

    def run(self, batches: Iterable[tuple[int, Batch]]) -> Delivery:
        lanes = [_Lane(self, self._connect(self.client)) for _ in range(self.client.workers)]
        try:
            self._feed(lanes, batches)
            self._wait_for(lanes)
        except KeyboardInterrupt:
            self.end(Ended.INTERRUPTED, "The load was interrupted; requests in flight were finished.")
            self._wait_once_more(lanes)
        finally:
            self.stop.set()
        self._tell_of_the_rest()
        return self.delivery

    def _feed(self, lanes: list[_Lane], batches: Iterable[tuple[int, Batch]]) -> None:
        try:
            for lane in lanes:
                lane.start()
            for number, batch in batches:
                if not lanes[number % len(lanes)].take(batch):
                    break
        except Exception as error:
            self.fail(error)

    def _wait_for(self, lanes: list[_Lane]) -> None:
        for lane in lanes:
            lane.close()
        for lane in lanes:
            # In short turns, since a thread that waits for good does not hear Ctrl-C everywhere.
            while not lane.done.wait(timeout=0.1):
                pass

    def _wait_once_more(self, lanes: list[_Lane]) -> None:
        """Wait for the requests in flight, unless a second Ctrl-C says not to."""
        try:
            self._wait_for(lanes)
        except KeyboardInterrupt:
            self.delivery.why = "The load was interrupted twice; requests in flight were not waited for."

    def _tell_of_the_rest(self) -> None:
        """Tell of what was sent by a lane that failed, or that nobody waits for any more."""
        for part in list(self._open):
            try:
                if part.attempts:
                    self.tell(part, "unknown", "delivery stopped before its answer was known; it may have landed")
            except Exception as error:
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """Stop because of a failure on this side."""
        self.delivery.error = error
        self.end(Ended.FAILED, f"Stopped by {type(error).__name__} on this side.")

    def number(self) -> int:
        """Return the next request body's number."""
        with self._lock:
            return next(self._numbers)

    def counted(self) -> None:
        with self._lock:
            self.delivery.requests += 1

    def begun(self, batch: Batch) -> _Part:
        """Note that a lane is about to send a batch."""
        part = _Part(batch)
        with self._lock:
            self._open.append(part)
        return part

    def split(self, part: _Part) -> list[_Part]:
        """Note that halves go out in place of a refused batch; the last is to go first."""
        with self._lock:
            if part not in self._open:
                return []
            self._open.remove(part)
            first, second = part.halves()
            self._open += [second, first]
            return [second, first]

    def tell(self, part: _Part, status: Status, reason: str | None, *, given_up: bool = False) -> None:
        """Note what became of some rows, once."""
        with self._lock:
            if part not in self._open:
                return
            self._open.remove(part)
            outcome = part.outcome(status, reason)
            self.delivery.outcomes.append(outcome)
            self._given_up = self._given_up + 1 if given_up else 0
            too_often = self._given_up >= _GIVEN_UP_IN_A_ROW
            self._taken |= status in ("delivered", "acknowledged")
            self._refused += status == "rejected"
            refused = self._refused >= _REFUSED_AND_NONE_TAKEN and not self._taken
            self._told(outcome)
        if refused:
            self.end(Ended.REFUSED, f"Each of the first {_REFUSED_AND_NONE_TAKEN} calls was refused: {reason}.")
        if given_up and (too_often or not self.reached):
            remedy = "" if self.reached else " Check the network, and endpoint=."
            self.end(Ended.UNREACHABLE, f"Given up: {(reason or '').removesuffix(_MAY_HAVE_LANDED)}.{remedy}")

    def end(self, ended: Ended, why: str) -> None:
        """Stop all lanes; the first reason counts."""
        with self._lock:
            if self.delivery.ended is None:
                self.delivery.ended, self.delivery.why = ended, why
                log.warning("delivery stopped early: %s", ended.name.lower())
        self.stop.set()


class RateLimiter:
    """Keeps requests of all lanes under the rate limit, evenly spaced."""

    def __init__(self, requests_per_second: float) -> None:
        self._gap = 1 / requests_per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Wait for the next turn, or until delivery is to stop."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            stop.wait(turn - now)


class _Lane(threading.Thread):
    """Sends its batches one after the other."""

    def __init__(self, dispatcher: _Dispatcher, connection: Post) -> None:
        super().__init__(name="cio-frames-lane", daemon=True)
        self._dispatcher = dispatcher
        self._connection = connection
        self._waiting: queue.Queue[Batch | None] = queue.Queue(maxsize=_BATCHES_WAITING_PER_LANE)
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

    def take(self, batch: Batch) -> bool:
        """Queue a batch; False where delivery has stopped."""
        return self._put(batch)

    def close(self) -> None:
        """Let the lane end once its queue is empty."""
        self._put(None)

    def _put(self, batch: Batch | None) -> bool:
        while not self.done.is_set() and not self._dispatcher.stop.is_set():
            try:
                self._waiting.put(batch, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._deliver(batch)
        except Exception as error:
            self._dispatcher.fail(error)
        finally:
            self.done.set()
            self._connection.close()

    def _next(self) -> Batch | None:
        while not self._dispatcher.stop.is_set():
            try:
                return self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
        return None

    def _deliver(self, batch: Batch) -> None:
        """Send a batch; where it is refused, its halves in order, until the guilty calls stand alone."""
        pending = [self._dispatcher.begun(batch)]
        while pending:
            part = pending.pop()
            reply = self._send(part)
            if reply is not None and classify(reply) is Disposition.REFUSED and len(part.batch) > 1:
                pending += self._dispatcher.split(part)
            else:
                self._conclude(part, reply)

    def _send(self, part: _Part) -> Reply | None:
        """Try a part until it is answered for good; None where delivery stopped before the first try."""
        dispatcher, client = self._dispatcher, self._dispatcher.client
        body = part.batch.body
        give_up_at = time.monotonic() + client.retry_budget_seconds
        reply = None
        for attempt in itertools.count(1):
            dispatcher.pace.wait(dispatcher.stop)
            if dispatcher.stop.is_set():
                break
            reply = self._post(part, body, first=attempt == 1)
            limit = client.attempts if dispatcher.reached else min(client.attempts, _ATTEMPTS_AT_A_STRANGER)
            if classify(reply) is not Disposition.RETRY or attempt >= limit:
                break
            wait = seconds_before_retry(attempt, reply.retry_after_seconds, chance=random.random())  # noqa: S311
            if time.monotonic() + wait > give_up_at:
                break
            log.info("retrying a request", extra={"status": reply.status, "attempt": attempt, "wait_seconds": wait})
            dispatcher.stop.wait(wait)
        return reply

    def _post(self, part: _Part, body: bytes, *, first: bool) -> Reply:
        """Send a part once, and note on it what that tells."""
        dispatcher = self._dispatcher
        if part.attempts == 0:
            dispatcher.leaving(part.batch)
        if first:
            part.number = dispatcher.number()
        dispatcher.counted()
        # Before it is sent, so that it counts also where nobody waits for the answer.
        part.attempts += 1
        dispatcher.posted(len(body))
        reply = self._connection.post(body)
        dispatcher.reached |= reply.sent
        part.in_doubt |= reply.sent and classify(reply) is Disposition.RETRY
        if reply.status is not None:
            part.http_status = reply.status
        return reply

    def _conclude(self, part: _Part, reply: Reply | None) -> None:
        """Tell what became of a part that will not be tried again."""
        dispatcher = self._dispatcher
        if reply is None:
            if part.attempts:
                dispatcher.tell(part, "unknown", _CUT_SHORT)
            return
        decided = classify(reply)
        status, why = _status_of(decided, reply, dispatcher.client, part.in_doubt)
        dispatcher.tell(part, status, why, given_up=decided is Disposition.RETRY)
        if decided is Disposition.UNAUTHORIZED:
            dispatcher.end(
                Ended.UNAUTHORIZED,
                f"The API does not accept this write key: it answered {reply.status}. Check CIO_WRITE_KEY (or "
                "write_key=), and that the region is your workspace's.",
            )
        elif decided is Disposition.UNEXPECTED:
            dispatcher.end(
                Ended.UNEXPECTED,
                # Without its words: who answers here is a stranger, and may repeat what it was sent.
                f"{dispatcher.client.endpoint} is not Customer.io: it answered {reply.status}"
                f"{' with a web page' if reply.is_page else ''}. Check endpoint=.",
            )


def _status_of(decided: Disposition, reply: Reply, client: Client, in_doubt: bool) -> tuple[Status, str | None]:
    """Return the status and the reason of a batch that will not be tried again."""
    match decided:
        case Disposition.ACCEPTED if client.strict:
            return "delivered", None
        case Disposition.ACCEPTED:
            return "acknowledged", "answered 200 with strict mode off, as calls that are then dropped are too"
        case Disposition.REFUSED:
            return "rejected", _answer(reply)
        case Disposition.UNAUTHORIZED:
            return ("unknown" if in_doubt else "unsent"), f"the API does not accept this write key ({_answer(reply)})"
        case Disposition.RETRY if not in_doubt:
            return "unsent", _answer(reply)
        case Disposition.RETRY:
            return "unknown", f"{_answer(reply)}{_MAY_HAVE_LANDED}"
        case _:
            return "unknown", f"an unexpected answer ({_answer(reply)}); it may have landed"


def _answer(reply: Reply) -> str:
    """Return an answer in words, for people to read."""
    if reply.status is None:
        return reply.words
    return f"{reply.status}: {reply.words}" if reply.words else f"answered {reply.status}"
