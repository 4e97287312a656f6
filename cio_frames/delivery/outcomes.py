"""What delivery knows: of a batch on its way, of some rows at the end, and of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from cio_frames._util.arrays import Ints
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.endpoint import RefusedSize
from cio_frames.results import Status

if TYPE_CHECKING:
    from cio_frames.delivery.observer import Observer

# Part of the reason of calls that somebody else than the API refused.
BLOCKED = "something between you and Customer.io blocked this request"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of some rows, given by position."""

    rows: Ints
    status: Status
    batch: int
    attempts: int
    http_status: int | None = None
    reason: str | None = None

    @property
    def was_blocked(self) -> bool:
        """Whether somebody else than the API refused the rows, so that a resume should try them once more."""
        return self.status == "rejected" and BLOCKED in (self.reason or "")


@dataclass(slots=True, eq=False)
class BatchSlice:
    """A batch, or a part of a refused one, and what its requests have shown so far."""

    batch: Batch
    # Of the part of the delivery that it belongs to.
    observer: Observer
    number: int = -1
    attempts: int = 0
    http_status: int | None = None
    # Whether the API may have accepted it.
    in_doubt: bool = False
    # Whether an attempt got no answer that says what became of it, as after a timeout.
    was_unanswered: bool = False
    # Of which body it is a half, if that was refused as too large.
    half_of: RefusedSize | None = None

    def outcomes(self, status: Status, reason: str | None, rejections: Mapping[int, str]) -> list[Outcome]:
        """Return the outcome of its rows; those of rejected calls, given by position, each with its reason."""
        facts = (self.number, self.attempts, self.http_status)
        rows_of: dict[str, list[int]] = {}
        for position, why in rejections.items():
            rows_of.setdefault(why, []).append(position)
        others = np.delete(self.batch.rows, list(rejections)) if rejections else self.batch.rows
        found = [Outcome(others, status, *facts, reason)] if len(others) else []
        return found + [Outcome(self.batch.rows[rows], "rejected", *facts, why) for why, rows in rows_of.items()]

    def halves(self, *, in_doubt: bool, too_large: RefusedSize | None) -> tuple[BatchSlice, BatchSlice]:
        """Return both halves, in doubt if the whole is or as given."""
        in_doubt = in_doubt or self.in_doubt
        first, second = (
            replace(self, batch=half, in_doubt=in_doubt, half_of=too_large) for half in self.batch.halves()
        )
        return first, second


class StopReason(Enum):
    """Why delivery stopped early."""

    UNAUTHORIZED = auto()
    UNEXPECTED = auto()
    UNREACHABLE = auto()
    MISCONFIGURED = auto()
    REFUSED = auto()
    INTERRUPTED = auto()
    FAILED = auto()


@dataclass(slots=True)
class Delivery:
    """How a delivery ended; observers know the outcomes of its rows.

    Attributes
    ----------
    requests : int
        Requests that were tried.
    stop_reason : StopReason or None
        Why it stopped early; None if everything was tried.
    why : str
        The same in words that differ by door; see :func:`cio_frames.errors.render`.
    error : Exception or None
        What failed in this process, if anything did.
    """

    requests: int = 0
    stop_reason: StopReason | None = None
    why: str = ""
    error: Exception | None = None
