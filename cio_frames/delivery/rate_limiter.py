"""The rate limit that all deliveries of a process share."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from cio_frames.client import Client


class RateLimiter:
    """Keeps the requests of all lanes under the rate limit, evenly spaced.

    Parameters
    ----------
    requests_per_second : float
        The limit.
    clock : callable
        Returns the time in seconds.

    Examples
    --------
    >>> limiter = RateLimiter(1_000)
    >>> limiter.wait(threading.Event())
    """

    def __init__(self, requests_per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1 / requests_per_second
        self._clock = clock
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Wait for the next turn, or until ``stop`` is set."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            stop.wait(turn - now)


_limiters: dict[tuple[str, bytes, float], RateLimiter] = {}
_limiters_lock = threading.Lock()


def shared_rate_limiter(client: Client) -> RateLimiter:
    """Return the rate limiter of a client, the same for all clients of this process with its endpoint, key and rate.

    >>> client = Client(write_key="secret")
    >>> shared_rate_limiter(client) is shared_rate_limiter(Client(write_key="secret", workers=2))
    True
    """
    # A hash, since what lives as long as the process should not hold the key.
    key = (client.endpoint, hashlib.sha256(client.write_key.encode()).digest(), client.requests_per_second)
    with _limiters_lock:
        return _limiters.setdefault(key, RateLimiter(client.requests_per_second))
