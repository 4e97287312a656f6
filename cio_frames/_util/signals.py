"""Stop signals, handled as Ctrl-C is: what is in flight is noted first, then the program's own handler is called."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cio_frames._util.program_signals import PROGRAM_STATE, STOP_SIGNALS, exit_before_delivery
from cio_frames.errors import CioFramesError, ConfigurationError


def refuse_if_stopping() -> None:
    """Raise if this process was asked to end by a signal, and has no handler of its own for it.

    Raises
    ------
    ConfigurationError
        Nothing is sent any more.
    """
    if PROGRAM_STATE.must_exit:
        raise SystemExit(1)
    if PROGRAM_STATE.is_stopping:
        raise ConfigurationError(
            "This process was asked to stop by a signal (SIGTERM or SIGHUP), and nothing more is sent. Let it end, and "
            "send the rest in a new process."
        )


class SignalInterrupt(KeyboardInterrupt):
    """A signal that arrived while a delivery or a load runs.

    A type of its own: if a plain KeyboardInterrupt leaves code that ``exec`` runs, as ``dataclass`` does, Python ends
    the process by SIGINT later on, although the exception was caught.
    """


class StopSignals:
    """What is known of Ctrl-C and stop signals while a delivery or a load runs.

    They are held back, except inside :meth:`raised`.

    Attributes
    ----------
    received : int or None
        The first stop signal; None without one. Ctrl-C is no stop signal.
    holds : int
        How many blocks hold signals back. Where a KeyboardInterrupt is caught, assign 1 first: the next signal may
        arrive at once, and Python handles it at the start of any call.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.holds = 1
        self._pending = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Raise KeyboardInterrupt inside for signals; one that arrived before is raised at the start.

        >>> with stop_signals() as stops:
        ...     try:
        ...         with stops.raised():
        ...             signal.raise_signal(signal.SIGINT)
        ...     except KeyboardInterrupt:
        ...         print("stopped")
        stopped
        """
        holds, self.holds = self.holds, 0
        try:
            if self.take_pending():
                raise SignalInterrupt
            yield
        finally:
            self.holds = holds

    @contextmanager
    def held_back(self, *, then_raise: bool = True) -> Iterator[None]:
        """Interrupt nothing inside; what arrives meanwhile is raised at the end, as KeyboardInterrupt.

        With ``then_raise=False`` it is left to :meth:`take_pending`.

        >>> with stop_signals() as stops, stops.raised(), stops.held_back():
        ...     done = True
        """
        self.holds += 1
        try:
            yield
        finally:
            self.holds -= 1
        if then_raise and not self.holds and self.take_pending():
            raise SignalInterrupt

    def take_pending(self) -> bool:
        """Return whether a signal arrived while it was held back, and forget it."""
        pending, self._pending = self._pending, False
        return pending

    def interrupt(self, number: int, stack: FrameType | None) -> None:
        """Handle a signal: note it, and raise KeyboardInterrupt unless it is held back."""
        if number in STOP_SIGNALS and self.received is None:
            self.received = number
        if self.holds:
            self._pending = True
        else:
            raise SignalInterrupt


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Take note of SIGTERM, SIGHUP and Ctrl-C inside, or raise KeyboardInterrupt; afterwards pass stop signals on.

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
    ...     with stop_signals() as stops, stops.raised():
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
    PROGRAM_STATE.has_account = True
    try:
        for number in handlers:
            signal.signal(number, stops.interrupt)
        yield stops
    except CioFramesError as error:
        # The call was refused before it sent anything.
        PROGRAM_STATE.has_account = error.result is not None
        raise
    finally:
        stops.holds = 1
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if stops.received is not None:
            _pass_on(stops.received, handlers[stops.received])


def _replaceable_handlers() -> dict[int, Any]:
    """Return the handlers to replace, by signal.

    A handler that was not set by Python is None, and could not be set again.
    """
    found: dict[int, Any] = {}
    for number in STOP_SIGNALS:
        handler = signal.getsignal(number)
        # Of another delivery around this one, as in a generator that sends while a load reads it.
        if handler not in (None, signal.SIG_IGN):
            found[number] = handler
    handler = signal.getsignal(signal.SIGINT)
    if handler in (signal.default_int_handler, exit_before_delivery):
        found[signal.SIGINT] = handler
    return found


def _pass_on(number: int, handler: Callable[[int, FrameType | None], object] | int) -> None:
    if callable(handler) and handler is not exit_before_delivery:
        handler(number, None)
    else:
        PROGRAM_STATE.is_stopping = True
