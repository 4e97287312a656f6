"""What a reply means and when to send again: pure rules, without a clock and without the network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from cio_frames.delivery.replies import Content, Reply


class Disposition(Enum):
    """What a reply means for its batch."""

    ACCEPTED = auto()
    # The API has accepted all calls of the batch but those that it names.
    PARTLY_ACCEPTED = auto()
    # The API refuses what was sent: some call of the batch, or the batch as a whole.
    REFUSED = auto()
    # Something between this machine and the API refuses what was sent.
    BLOCKED = auto()
    RETRY = auto()
    # The API does not accept the write key.
    UNAUTHORIZED = auto()
    # An answer that neither proves success nor refuses.
    UNPROVEN = auto()
    # The other end is not the API, or takes nothing at all from here.
    UNEXPECTED = auto()


# Answers that say that nothing was accepted, although they are neither about the key nor about what was sent.
NOT_ACCEPTED_STATUSES = frozenset((421, 425, 429, 431))
_TEMPORARY_STATUSES = frozenset((408, 409, 421, 423, 425, 429, 499))
# About the account, the proxy's own login, or the headers, which are the same for every body.
_STATUSES_ABOUT_ALL = frozenset((402, 407, 431))


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: twice as long each time, up to a limit."""

    first_seconds: float = 0.5
    max_seconds: float = 30.0


DEFAULT_BACKOFF = Backoff()


def classify(reply: Reply, *, key_accepted: bool = False) -> Disposition:
    """Return what a reply means.

    Success is proved: 200 counts if the body is empty or a JSON object without errors. 400 refuses what was sent, as
    413 and 422 do; 408, 409, 421, 425, 429 and 5xx are temporary.

    Parameters
    ----------
    reply : Reply
        The reply.
    key_accepted : bool
        Whether the API has accepted calls with this key. Then the endpoint and the key are right, and 403, 404 and
        the like are about what was sent.

    Examples
    --------
    >>> classify(Reply(200, "")).name, classify(Reply(None, "no answer")).name, classify(Reply(302, "")).name
    ('ACCEPTED', 'RETRY', 'UNEXPECTED')
    >>> classify(Reply(404, "")).name, classify(Reply(404, ""), key_accepted=True).name
    ('UNEXPECTED', 'BLOCKED')
    """
    status = reply.status
    if status is None or status >= 500 or status in _TEMPORARY_STATUSES:
        return Disposition.RETRY
    if status in (200, 207):
        return _classify_success(status, reply)
    if 200 <= status < 300:
        return Disposition.UNPROVEN
    if status in (400, 413, 422):
        return Disposition.REFUSED
    is_of_api = reply.content in (Content.ERRORS, Content.FAILURE, Content.OBJECT)
    if status == 401 or (status == 403 and (is_of_api or (not key_accepted and reply.content is Content.EMPTY))):
        return Disposition.UNAUTHORIZED
    if not key_accepted or status in _STATUSES_ABOUT_ALL or status < 200:
        return Disposition.UNEXPECTED
    return Disposition.UNPROVEN if status < 400 else Disposition.BLOCKED


def _classify_success(status: int, reply: Reply) -> Disposition:
    match reply.content:
        case Content.EMPTY if status == 200:
            return Disposition.ACCEPTED
        case Content.OBJECT:
            return Disposition.ACCEPTED
        case Content.ERRORS if status == 207 and reply.rejections and -1 not in reply.rejections:
            return Disposition.PARTLY_ACCEPTED
        case Content.ERRORS:
            return Disposition.REFUSED
        case Content.CUT:
            # As where the connection ends before an answer.
            return Disposition.RETRY
        case _:
            return Disposition.UNPROVEN


def seconds_before_retry(
    attempt: int, requested: float | None, *, jitter: float = 0.0, backoff: Backoff = DEFAULT_BACKOFF
) -> float:
    """Return how long to wait after an attempt: twice as long each time, and longer if the server requested it.

    Parameters
    ----------
    attempt : int
        The attempt that failed, from 1.
    requested : float or None
        Seconds the server asked for.
    jitter : float
        From 0 to 1; lengthens the wait by up to a half, so that lanes do not retry all at once.
    backoff : Backoff
        The waits if the server asks for none, and the shortest ones if it does.

    Examples
    --------
    >>> [seconds_before_retry(attempt, None) for attempt in (1, 2, 3)]
    [0.5, 1.0, 2.0]
    >>> seconds_before_retry(1, 7.0), seconds_before_retry(2, 0.0)
    (7.0, 1.0)
    """
    doubled: float = min(backoff.first_seconds * 2 ** (attempt - 1), backoff.max_seconds)
    return max(doubled, requested or 0.0) * (1 + jitter / 2)
