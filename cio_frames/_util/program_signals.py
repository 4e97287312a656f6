"""Signals of the command line outside deliveries: whenever one arrives, it says what was sent.

The module imports little, since it is the first of the package to be imported.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# Requests to end: of a scheduler, and of a terminal or an ssh session that goes away. Windows has no SIGHUP.
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_PROGRAM = "cio-frames"
_MODULE = "cio_frames"


class ProgramState:
    """What the handler of this process knows.

    Attributes
    ----------
    is_command_line : bool
        The process is ``cio-frames``, and handles signals.
    has_account : bool
        A delivery has begun: its account is printed, whatever signals arrive after it.
    is_stopping : bool
        The process was asked to end, and sends nothing more.
    must_exit : bool
        It has said that nothing was sent, and is about to end. Python swallows what is raised in a callback.
    has_ended : bool
        Everything is printed.
    """

    is_command_line = False
    has_account = False
    is_stopping = False
    must_exit = False
    has_ended = False


# Of the process, as signals are.
PROGRAM_STATE = ProgramState()


def is_command_line(program: str) -> bool:
    """Return whether a process is ``cio-frames`` or ``python -m cio_frames``, by the name of its program.

    While Python looks for the package of ``-m``, the name is ``-m``.

    >>> [is_command_line(each) for each in ("/usr/bin/cio-frames", "/opt/venv/bin/python", "")]
    [True, False, False]
    """
    name = program.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
    return name == _PROGRAM or (name == "-m" and _MODULE in sys.orig_argv)


def handle_program_signals() -> None:
    """End this process with an account if a stop signal or Ctrl-C arrives before anything is sent.

    Deliveries and loads replace the handlers while they run. Signals that are ignored, as under nohup, stay so.
    """
    PROGRAM_STATE.is_command_line = True
    for number in (*STOP_SIGNALS, signal.SIGINT):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, exit_before_delivery)


def restore_program_signals() -> None:
    """Undo :func:`handle_program_signals`, for a command that sends nothing and ends with Ctrl-C."""
    for number in _handled():
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def ignore_program_signals() -> None:
    """Ignore signals from here on: everything is printed, and Python ends, with the exit status that it has."""
    for number in _handled():
        signal.signal(number, signal.SIG_IGN)


def exit_before_delivery(number: int, stack: FrameType | None) -> None:
    """Handle a signal of the command line: say that nothing was sent, and exit with status 1.

    After a delivery, its account is printed first, and nothing more is sent.
    """
    PROGRAM_STATE.is_stopping = True
    if PROGRAM_STATE.has_account:
        return
    PROGRAM_STATE.must_exit = True
    ignore_program_signals()
    text = f"cio-frames: interrupted by {signal.Signals(number).name}. Nothing was sent. Run the same command again.\n"
    try:  # noqa: SIM105 -- contextlib is not imported yet
        # Not by print: the signal may have arrived in the middle of one. The exit status says the same if it fails.
        os.write(2, text.encode())
    except OSError:
        pass
    raise SystemExit(1)


def _handled() -> list[int]:
    numbers = (*STOP_SIGNALS, signal.SIGINT)
    return [number for number in numbers if signal.getsignal(number) is exit_before_delivery]
