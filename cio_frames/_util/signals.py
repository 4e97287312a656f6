"""SIGTERM, the request to end, handled as Ctrl-C is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM inside, so that requests in flight can be waited for.

    Only the main thread can handle signals; in other threads, and if SIGTERM is ignored, nothing changes.

    >>> try:
    ...     with sigterm_as_interrupt():
    ...         signal.raise_signal(signal.SIGTERM)
    ... except KeyboardInterrupt:
    ...     print("stopped")
    stopped
    """
    before = signal.getsignal(signal.SIGTERM)
    # A handler that was not set by Python is None, and could not be set again.
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield
        return

    def interrupt(number: int, stack: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
