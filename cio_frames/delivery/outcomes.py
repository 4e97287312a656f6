"""What delivery knows: of a batch on its way, of some rows at the end, and of the whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from cio_frames._util.arrays import Ints
from cio_frames.delivery.batching import Batch
from cio_frames.results import Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of some rows, given by position."""

    rows: Ints
    status: Status
    batch: int
    attempts: int
    http_status: int | None = None
    reason: str | None = None


@dataclass(slots=True, eq=False)
class BatchSlice:
    """A batch, or a part of a refused one, and what its requests have shown so far."""

    batch: Batch
    number: int = -1
    attempts: int = 0
    http_status: int | None = None
    # Whether the API may have accepted it.
    in_doubt: bool = False

    def outcome(self, status: Status, reason: str | None) -> Outcome:
        """Return the outcome of its rows."""
        return Outcome(self.batch.rows, status, self.number, self.attempts, self.http_status, reason)

    def halves(self) -> tuple[BatchSlice, BatchSlice]:
        """Return both halves; it is not documented whether a refused batch is refused as a whole."""
        first, second = (replace(self, batch=half, in_doubt=True) for half in self.batch.halves())
        return first, second


class StopReason(Enum):
    """Why delivery stopped early."""

    UNAUTHORIZED = auto()
    UNEXPECTED = auto()
    UNREACHABLE = auto()
    REFUSED = auto()
    INTERRUPTED = auto()
    FAILED = auto()


@dataclass(slots=True)
class Delivery:
    """The result of a delivery.

    Attributes
    ----------
    outcomes : list of Outcome
        Rows in none of them were not sent.
    requests : int
        Requests that were tried.
    stop_reason : StopReason or None
        Why it stopped early; None if everything was tried.
    why : str
        The same in words that differ by door; see :func:`cio_frames.errors.render`.
    error : Exception or None
        What failed in this process, if anything did.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    requests: int = 0
    stop_reason: StopReason | None = None
    why: str = ""
    error: Exception | None = None
