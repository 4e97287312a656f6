"""The rate limit that all lanes of a delivery share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
