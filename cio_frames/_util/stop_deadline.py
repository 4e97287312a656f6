"""The command line ends within some seconds of a stop signal, also if a library does not return until then.

Python runs signal handlers between two steps of the main thread, and not while that waits inside a library, such as for
a bucket that does not answer.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress

from cio_frames._util.program_signals import PROGRAM_STATE, STOP_SIGNALS

# A pod is killed 30 seconds after the signal.
_SECONDS_TO_END = 19.0


def end_after_stop_signal(seconds: float = _SECONDS_TO_END) -> None:
    """End this process, with an account, if it still runs some seconds after a stop signal; main thread only.

    Nothing is lost: a load records each batch in its ledger before it leaves, as for a process that is killed.
    """
    if sys.platform == "win32":
        # Windows has no stop signals.
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # Python writes the number of each signal that it handles here, at the moment when it arrives.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, seconds), name="cio-frames-deadline", daemon=True).start()


def _watch(reader: int, seconds: float) -> None:
    while (number := os.read(reader, 1)[0]) not in STOP_SIGNALS:
        pass
    time.sleep(seconds)
    name = signal.Signals(number).name
    known = "What was sent is in the ledger." if PROGRAM_STATE.has_account else "Nothing was sent."
    text = f"cio-frames: interrupted by {name}, and not ended within {seconds:g} seconds. {known}"
    if not PROGRAM_STATE.has_ended:
        with suppress(OSError):
            os.write(2, f"{text} Run the same command again.\n".encode())
    os._exit(1)
