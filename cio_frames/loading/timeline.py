"""How a run goes over time, in a bounded number of steps."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable

from cio_frames.delivery.batching import Batch
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import Outcome
from cio_frames.report.run_facts import RunStep
from cio_frames.results import GOOD

_FIRST_STEP_SECONDS = 0.25
# When a run takes longer, steps become twice as long.
_MAX_STEPS = 120
# Of requests; at 475,000 bytes each, these carry half a terabyte.
_MAX_SIZES = 1_000_000


class Timeline(NullObserver):
    """Follows deliveries, and counts rows and requests of a run by the time at which they happen.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds.

    Examples
    --------
    >>> times = iter([0.0, 0.1, 40.0])
    >>> timeline = Timeline(clock=lambda: next(times))
    >>> timeline.add(good=2)
    >>> timeline.add(undelivered=1)
    >>> timeline.step_seconds, [step.rows for step in timeline.steps() if step.rows]
    (0.5, [2, 1])
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.step_seconds = _FIRST_STEP_SECONDS
        self._counts: list[list[int]] = []
        self._sizes = array("q")
        # Lanes count as they send.
        self._lock = threading.Lock()

    def add(self, *, good: int = 0, undelivered: int = 0, requests: int = 0, batches: int = 0) -> None:
        """Count what happens now."""
        with self._lock:
            step = int((self._clock() - self._started) / self.step_seconds)
            while step >= _MAX_STEPS:
                self._double_steps()
                step //= 2
            while len(self._counts) <= step:
                self._counts.append([0, 0, 0, 0])
            for place, count in enumerate((good, undelivered, requests, batches)):
                self._counts[step][place] += count

    def before_send(self, batch: Batch) -> None:
        """Count a batch."""
        self.add(batches=1)

    def on_outcome(self, outcome: Outcome) -> None:
        """Count rows by how they ended."""
        self.add(**{"good" if outcome.status in GOOD else "undelivered": len(outcome.rows)})

    def on_request(self, size_bytes: int) -> None:
        """Count a request that leaves."""
        self.add(requests=1)
        if len(self._sizes) < _MAX_SIZES:
            self._sizes.append(size_bytes)

    def _double_steps(self) -> None:
        self.step_seconds *= 2
        pairs = zip(self._counts[::2], [*self._counts[1::2], [0, 0, 0, 0]], strict=False)
        self._counts = [[one + other for one, other in zip(*pair, strict=True)] for pair in pairs]

    def steps(self) -> tuple[RunStep, ...]:
        """Return all steps so far."""
        return tuple(RunStep(*counts) for counts in self._counts)

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of the requests, of the first million."""
        return tuple(self._sizes)
