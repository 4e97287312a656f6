"""A request to end, SIGTERM, heard as Ctrl-C is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C while what is inside goes on, so that what is on its way can be waited for.

    Only the main thread can hear signals; elsewhere, and where SIGTERM is to be ignored, nothing changes.

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
