"""Subjects that the state holds and the source does not: who they are, and whose time has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames.arrow.buffers import TEXT
from cio_frames.syncing.index import StateIndex
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import BROUGHT, Evidence
from cio_frames.syncing.state import State


@dataclass(frozen=True, slots=True)
class Missing:
    """Subjects that this state delivered and that no row of the source had.

    Attributes
    ----------
    count : int
        How many there are.
    subjects : tuple of str
        Who they are; empty where they are counted only.
    runs : dict of str to (int, str)
        How many completed runs have missed each of them, this one included, and the date of the last one.
    due : tuple of str
        Those whose time has come.
    candidates : int
        How many subjects of the state could be missing: those that it delivered.
    claimed, claimed_missing : int
        How many subjects of a baseline there are, and how many of these no row had. They are never removed.
    """

    count: int = 0
    subjects: tuple[str, ...] = ()
    runs: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    due: tuple[str, ...] = ()
    candidates: int = 0
    claimed: int = 0
    claimed_missing: int = 0

    def frame(self) -> pd.DataFrame:
        """Return one row for each subject."""
        due = set(self.due)
        return pd.DataFrame(
            {
                "subject": pd.array(self.subjects, dtype="string"),
                "runs_missing": [self.runs[subject][0] for subject in self.subjects],
                "acts_now": [subject in due for subject in self.subjects],
            }
        )


def find_missing(state: State, index: StateIndex, options: SyncOptions) -> Missing:
    """Return the subjects of a state that no row had; an event is never missing."""
    if index.unseen_count == 0 or options.removed == "keep":
        return Missing(index.missing_count)
    kinds = [int(kind) for kind in (BROUGHT if options.removed in ("report", "set") else (*BROUGHT, Evidence.MARKED))]
    subjects: list[str] = []
    candidates = claimed = claimed_missing = 0
    for rows in state.scan("key, evidence, pending IS NOT NULL"):
        keys, evidence, is_pending = zip(*rows, strict=True)
        can_leave = np.isin(evidence, kinds)
        if options.removed != "set":
            # Their first call left and was not answered: this state may have brought them.
            can_leave |= np.array(is_pending, dtype=bool) & np.isin(evidence, [Evidence.NONE, Evidence.DELETED])
        candidates += int(can_leave.sum())
        gone = index.unseen(pa.array(keys, TEXT))
        subjects += [keys[row] for row in np.flatnonzero(gone & can_leave).tolist()]
        is_claimed = np.array(evidence) == Evidence.CLAIMED
        claimed += int(is_claimed.sum())
        claimed_missing += int((gone & is_claimed).sum())
    today = str(options.as_of.date())
    before = state.missing()
    runs = {subject: count_run(before.get(subject), today) for subject in subjects}
    due = (
        tuple(subject for subject in subjects if runs[subject][0] >= options.grace_runs) if options.removal_acts else ()
    )
    return Missing(len(subjects), tuple(subjects), runs, due, candidates, claimed, claimed_missing)


def count_run(before: tuple[int, str] | None, today: str) -> tuple[int, str]:
    """Return how many runs have missed a subject; several runs of one date are one.

    >>> [count_run(before, "2026-11-28") for before in (None, (1, "2026-11-28"), (1, "2026-11-27"))]
    [(1, '2026-11-28'), (1, '2026-11-28'), (2, '2026-11-28')]
    """
    runs, last = before or (0, "")
    return (runs, last) if today <= last else (runs + 1, today)
