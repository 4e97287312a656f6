"""Deliver batches: once, or several times over the same connections."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType

from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.dispatcher import Dispatcher
from cio_frames.delivery.endpoint import EndpointState
from cio_frames.delivery.lane import Lane, Transport
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import Delivery
from cio_frames.delivery.parts import Part
from cio_frames.delivery.rate_limiter import RateLimiter, shared_rate_limiter
from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff

# A container gets 30 seconds from SIGTERM to SIGKILL, and results are written after the requests.
_GRACE_SECONDS = 15.0


class Deliverer:
    """Sends batches over connections that stay open from one delivery to the next.

    A delivery begins after the one before has ended, so that one person's calls stay in order whatever lanes carry
    them. The parts of one delivery do not wait for each other: there it is up to the caller that a person stays on a
    lane. What was learned about the other end is kept: that it accepts the key, its limit of size.

    Parameters
    ----------
    client : Client
        Where to, and how often.
    connect : callable, optional
        Makes a lane's connection. Default is :class:`cio_frames.delivery.connection.ApiConnection`.
    rate_limiter : RateLimiter, optional
        The rate limit. Default is the one that all deliveries of this process with this endpoint and key share.
    backoff : Backoff
        How long to wait between attempts.
    key_accepted : bool
        Whether the API has accepted calls with this key before, in an earlier run.
    grace_seconds : float
        How long to wait for requests in flight once a stop is requested.

    Examples
    --------
    >>> with Deliverer(Client(write_key="secret")) as deliverer:
    ...     deliverer.deliver([]).requests
    0
    """

    def __init__(
        self,
        client: Client,
        *,
        connect: Callable[[Client], Transport] | None = None,
        rate_limiter: RateLimiter | None = None,
        backoff: Backoff = DEFAULT_BACKOFF,
        key_accepted: bool = False,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        if connect is None:
            # requests takes a while to import, and most of what this package does sends nothing.
            from cio_frames.delivery.connection import ApiConnection

            connect = ApiConnection
        self._client = client
        self._rate_limiter = rate_limiter or shared_rate_limiter(client)
        self._backoff = backoff
        self._grace_seconds = grace_seconds
        self._endpoint = EndpointState(key_accepted=key_accepted)
        self._transports = [connect(client) for _ in range(client.workers)]

    def __enter__(self) -> Deliverer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def deliver(
        self, batches: Iterable[tuple[int, Batch]], *, observer: Observer | None = None, first_number: int = 0
    ) -> Delivery:
        """Send batches and return how that ended.

        Parameters
        ----------
        batches : iterable of (lane, Batch)
            Consumed only as fast as they are sent. Batches of one lane go out in order, one at a time.
        observer : Observer, optional
            Is notified on the way.
        first_number : int
            The number of the first request.
        """
        return self.deliver_parts([Part(batches, observer or NullObserver())], first_number=first_number)

    def deliver_parts(self, parts: Iterable[Part], *, first_number: int = 0) -> Delivery:
        """Send the batches of several parts, one part after the other, and return how that ended.

        Lanes do not stop in between: batches of a part go out while answers to those of the part before are awaited.

        Parameters
        ----------
        parts : iterable of Part
            The next one is taken when all batches of the one before are sent or queued.
        first_number : int
            The number of the first request.
        """
        dispatcher = Dispatcher(
            self._client,
            self._endpoint,
            self._rate_limiter,
            self._backoff,
            first_number=first_number,
            grace_seconds=self._grace_seconds,
        )
        return dispatcher.run(parts, [Lane(dispatcher, transport) for transport in self._transports])

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports:
            transport.close()


def deliver(
    batches: Iterable[tuple[int, Batch]],
    client: Client,
    *,
    connect: Callable[[Client], Transport] | None = None,
    observer: Observer | None = None,
    first_number: int = 0,
    rate_limiter: RateLimiter | None = None,
    backoff: Backoff = DEFAULT_BACKOFF,
    grace_seconds: float = _GRACE_SECONDS,
) -> Delivery:
    """Send batches once and return how that ended; parameters as for :class:`Deliverer`."""
    deliverer = Deliverer(
        client, connect=connect, rate_limiter=rate_limiter, backoff=backoff, grace_seconds=grace_seconds
    )
    with deliverer:
        return deliverer.deliver(batches, observer=observer, first_number=first_number)
