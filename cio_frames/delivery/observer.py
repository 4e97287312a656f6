"""Who follows a delivery: one protocol for all that is notified on the way."""

from __future__ import annotations

from typing import Protocol

from cio_frames.delivery.batching import Batch
from cio_frames.delivery.outcomes import Outcome


class Observer(Protocol):
    """Is notified of the steps of a delivery. A method that raises stops it.

    Lanes call these methods from their own threads; ``on_outcome`` and the ``on_rows`` after it one thread at a time.
    """

    def before_send(self, batch: Batch) -> None:
        """Take note of a batch before its first request leaves."""

    def on_request(self, size_bytes: int) -> None:
        """Take note of a request that leaves, retries included, and the size of its body."""

    def on_outcome(self, outcome: Outcome) -> None:
        """Take note of the outcome of some rows, once for each row."""

    def on_clock(self, seconds_ahead: float) -> None:
        """Take note of how far this machine's clock is ahead of the server's, after each answer that tells."""

    def on_rows(self, count: int) -> None:
        """Take note that rows are finished: held back before delivery, or part of an outcome."""


class NullObserver:
    """Does nothing; a base for observers that follow some of the steps.

    >>> NullObserver().on_request(475_000)
    """

    def before_send(self, batch: Batch) -> None:
        """Do nothing."""

    def on_request(self, size_bytes: int) -> None:
        """Do nothing."""

    def on_outcome(self, outcome: Outcome) -> None:
        """Do nothing."""

    def on_rows(self, count: int) -> None:
        """Do nothing."""

    def on_clock(self, seconds_ahead: float) -> None:
        """Do nothing."""
