"""When to send again: pure rules, without a clock and without the network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from cio_frames.delivery.replies import Reply


class Disposition(Enum):
    """What a reply means for its batch."""

    ACCEPTED = auto()
    REFUSED = auto()
    RETRY = auto()
    UNAUTHORIZED = auto()
    UNEXPECTED = auto()


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: twice as long each time, up to a limit."""

    first_seconds: float = 0.5
    max_seconds: float = 30.0


DEFAULT_BACKOFF = Backoff()


def classify(reply: Reply) -> Disposition:
    """Return what a reply means.

    Only 200 is documented as success, and a web page is not an answer of the API. 400 refuses what was sent, as 413 and
    422 do; 408, 429 and 5xx are temporary.

    >>> classify(Reply(200, "")).name, classify(Reply(None, "no answer")).name, classify(Reply(302, "")).name
    ('ACCEPTED', 'RETRY', 'UNEXPECTED')
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


def seconds_before_retry(
    attempt: int, requested: float | None, *, jitter: float = 0.0, backoff: Backoff = DEFAULT_BACKOFF
) -> float:
    """Return how long to wait after an attempt: as long as the server requested, by default twice as long each time.

    Parameters
    ----------
    attempt : int
        The attempt that failed, from 1.
    requested : float or None
        Seconds the server asked for.
    jitter : float
        From 0 to 1; lengthens the wait by up to a half, so that lanes do not retry all at once.
    backoff : Backoff
        The waits if the server asks for none.

    Examples
    --------
    >>> [seconds_before_retry(attempt, None) for attempt in (1, 2, 3)]
    [0.5, 1.0, 2.0]
    >>> seconds_before_retry(1, 7.0)
    7.0
    """
    doubled = min(backoff.first_seconds * 2 ** (attempt - 1), backoff.max_seconds)
    return (doubled if requested is None else requested) * (1 + jitter / 2)
