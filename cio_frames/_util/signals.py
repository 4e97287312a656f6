"""Stop signals, handled as Ctrl-C is: what is in flight is noted first, then the program's own handler is called."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cio_frames.errors import ConfigurationError

# Requests to end: of a scheduler, and of a terminal or an ssh session that goes away. Windows has no SIGHUP.
_STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
# Set once for the process by a stop signal that no handler of the program takes over.
_stopping = threading.Event()


def refuse_if_stopping() -> None:
    """Raise if this process was asked to end by a signal, and has no handler of its own for it.

    Raises
    ------
    ConfigurationError
        Nothing is sent any more.
    """
    if _stopping.is_set():
        raise ConfigurationError(
            "This process was asked to stop by a signal (SIGTERM or SIGHUP), and nothing more is sent. Let it end, and "
            "send the rest in a new process."
        )


class StopSignals:
    """What is known of Ctrl-C and stop signals while a delivery or a load runs.

    Attributes
    ----------
    received : int or None
        The first stop signal; None without one. Ctrl-C is no stop signal.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._holds = 0
        self._pending = False

    @contextmanager
    def held_back(self, *, then_raise: bool = True) -> Iterator[None]:
        """Interrupt nothing inside; what arrives meanwhile is raised at the end, as KeyboardInterrupt.

        With ``then_raise=False`` it is left to :meth:`take_pending`.

        >>> with stop_signals() as stops, stops.held_back():
        ...     done = True
        """
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        if then_raise and not self._holds and self.take_pending():
            raise KeyboardInterrupt

    def take_pending(self) -> bool:
        """Return whether a signal arrived while it was held back, and forget it."""
        pending, self._pending = self._pending, False
        return pending

    def interrupt(self, number: int, stack: FrameType | None) -> None:
        """Handle a signal: note it, and raise KeyboardInterrupt unless it is held back."""
        if number in _STOP_SIGNALS and self.received is None:
            self.received = number
        if self._holds:
            self._pending = True
        else:
            raise KeyboardInterrupt


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Raise KeyboardInterrupt on SIGTERM, SIGHUP and Ctrl-C inside; afterwards pass stop signals on.

    The program's own handler of a stop signal is called at the end, when everything is noted. If the program has none,
    this process sends nothing more. Only the main thread can handle signals; in other threads, and for signals that
    are ignored, nothing changes. Ctrl-C is handled only if Python's own handler would.

    Raises
    ------
    ConfigurationError
        A stop signal arrived before, and the program has no handler for it.

    Examples
    --------
    >>> def handle(number, stack):
    ...     print("handled")
    >>> before = signal.signal(signal.SIGTERM, handle)
    >>> try:
    ...     with stop_signals():
    ...         signal.raise_signal(signal.SIGTERM)
    ... except KeyboardInterrupt:
    ...     print("stopped")
    handled
    stopped
    >>> _ = signal.signal(signal.SIGTERM, before)
    """
    refuse_if_stopping()
    stops = StopSignals()
    if threading.current_thread() is not threading.main_thread():
        yield stops
        return
    handlers = _replaceable_handlers()
    try:
        for number in handlers:
            signal.signal(number, stops.interrupt)
        yield stops
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if stops.received is not None:
            _pass_on(stops.received, handlers[stops.received])


def _replaceable_handlers() -> dict[int, Any]:
    """Return the handlers to replace, by signal.

    A handler that was not set by Python is None, and could not be set again.
    """
    found: dict[int, Any] = {}
    for number in _STOP_SIGNALS:
        handler = signal.getsignal(number)
        # Of another delivery around this one, as in a generator that sends while a load reads it.
        if handler not in (None, signal.SIG_IGN):
            found[number] = handler
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        found[signal.SIGINT] = signal.default_int_handler
    return found


def _pass_on(number: int, handler: Callable[[int, FrameType | None], object] | int) -> None:
    if callable(handler):
        handler(number, None)
    else:
        _stopping.set()
