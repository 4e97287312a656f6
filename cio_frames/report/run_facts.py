"""What a run of a load was: its source and destination, and how it went over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from cio_frames._util.version import package_version


@dataclass(frozen=True, slots=True)
class RunStep:
    """What happened in one step of a run.

    Attributes
    ----------
    good, undelivered : int
        Rows that were finished.
    requests : int
        Requests that left.
    batches : int
        Batches that left for the first time; the other requests are retries, and parts of batches that were refused.
    """

    good: int = 0
    undelivered: int = 0
    requests: int = 0
    batches: int = 0

    @property
    def rows(self) -> int:
        """Rows that were finished."""
        return self.good + self.undelivered

    @property
    def repeats(self) -> int:
        """Requests that were not the first of their batch."""
        return max(self.requests - self.batches, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run of a load in numbers.

    Attributes
    ----------
    started_at : pandas.Timestamp
        When it started, in UTC.
    seconds : float
        How long it took.
    good, undelivered : int
        Rows that it finished.
    requests, repeats : int
        Requests that left, and how many of them were not the first of their batch.
    has_ended : bool
        Whether it ended by itself. A run that was killed has the numbers of the last part that it finished.
    """

    started_at: pd.Timestamp
    seconds: float
    good: int
    undelivered: int
    requests: int
    repeats: int
    has_ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What tells the page of one run from that of another, and what the page draws.

    Attributes
    ----------
    source : str
        The file, folder, address or kind of frames; without secrets.
    source_changed : pandas.Timestamp or None
        When the last of its files was changed, in UTC.
    destination : str
        Where calls went, such as ``"Customer.io EU"``.
    started_at : pandas.Timestamp
        When the run started, in UTC.
    mapping : tuple of (str, str)
        Columns and the fields that they feed.
    step_seconds : float
        How long each step is.
    steps : tuple of RunStep
        All steps of this run, in order.
    body_bytes : tuple of int
        Sizes of the bodies of this run's requests.
    max_body_bytes : int
        Their limit.
    runs : tuple of RunSummary
        All runs of the load, this one last; none if it is the only one.
    version : str
        The version of this package.
    """

    source: str
    destination: str
    started_at: pd.Timestamp
    source_changed: pd.Timestamp | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    step_seconds: float = 1.0
    steps: tuple[RunStep, ...] = ()
    body_bytes: tuple[int, ...] = ()
    max_body_bytes: int = 0
    runs: tuple[RunSummary, ...] = ()
    version: str = field(default_factory=package_version)

    @property
    def repeats(self) -> int:
        """Requests that were retries, or parts of batches that were refused."""
        return sum(step.requests for step in self.steps) - sum(step.batches for step in self.steps)
