"""A draft: what a sync would do about every row of a source, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

from cio_frames._util.arrays import Ints
from cio_frames.loading.held_back import HeldBack
from cio_frames.loading.mapping import MappingSeen
from cio_frames.syncing.compare import SENT, Action, Actions
from cio_frames.syncing.identity import MappingChange, SyncMapping
from cio_frames.syncing.index import StateIndex
from cio_frames.syncing.removal import Missing
from cio_frames.validation import WarningCount

# A dry run names so many rows of each reason, and so many reasons.
_ROWS_A_REASON, _MOST_REASONS = 5, 50


@dataclass(slots=True)
class ChunkPlan:
    """What would be done about the rows of one chunk.

    Attributes
    ----------
    held_back : pandas.DataFrame
        Status, reason and bytes of rows that are not sent for a reason, by position.
    event_ids : pyarrow.LargeStringArray or None
        The message ids of ``rows_to_send``, where they depend on the rows before them.
    frame : pandas.DataFrame or None
        The rows to send themselves, where there are few of them, so that they need not be read again.
    """

    number: int
    file: str | None
    first_row: int
    actions: Actions
    held_back: pd.DataFrame
    event_ids: pa.Array | None = None
    frame: pd.DataFrame | None = None

    @property
    def rows_to_send(self) -> Ints:
        """The positions of the rows that would be sent."""
        return np.flatnonzero(np.isin(self.actions, SENT))

    def hold_back(self, reasons: Mapping[int, str], status: str, *, is_replaced: bool) -> None:
        """Note that some rows are not sent after all, and why."""
        rows = np.array(sorted(reasons), dtype=np.int64)
        stays = ~np.isin(self.rows_to_send, rows)
        if self.event_ids is not None:
            self.event_ids = self.event_ids.filter(pa.array(stays))
        if self.frame is not None:
            self.frame = self.frame[stays]
        self.actions[rows] = Action.REPLACED if is_replaced else Action.HELD_BACK
        others = self.held_back[~self.held_back.index.isin(rows)]
        replaced = reasons_frame(rows, status, [reasons[row] for row in rows.tolist()])
        self.held_back = pd.concat([others, replaced])

    def where(self, row: int) -> str:
        """Return the place of a row in words."""
        return f"row {self.first_row + row}" + (f" of {self.file}" if self.file else "")


@dataclass(slots=True)
class Draft:
    """What a sync would do, in full.

    Attributes
    ----------
    mapping : SyncMapping
        Which fields count.
    index : StateIndex
        The state as it was.
    chunks : list of ChunkPlan
        Row by row.
    changed_fields, cleared_fields : Counter
        How many rows change, or lose the value of, each field.
    missing : Missing
        Subjects of the state that no row had.
    details : list of pandas.DataFrame
        The rows to send, where they were asked for.
    warnings : tuple of WarningCount
        What is probably not meant, although it is sent.
    columns : MappingSeen
        Which column feeds which field.
    """

    mapping: SyncMapping
    mapping_change: MappingChange
    index: StateIndex
    chunks: list[ChunkPlan] = field(default_factory=list)
    changed_fields: Counter[str] = field(default_factory=Counter)
    cleared_fields: Counter[str] = field(default_factory=Counter)
    missing: Missing = field(default_factory=Missing)
    frame_digest: str = ""
    details: list[pd.DataFrame] = field(default_factory=list)
    warnings: tuple[WarningCount, ...] = ()
    columns: MappingSeen = field(default_factory=MappingSeen)

    @property
    def counts(self) -> dict[Action, int]:
        """How many rows have each action, those that occur."""
        total = sum((np.bincount(chunk.actions, minlength=len(Action)) for chunk in self.chunks), np.zeros(len(Action)))
        return {action: int(total[action]) for action in Action if total[action]}

    @property
    def subjects(self) -> int:
        """How many subjects the state holds."""
        return self.index.subjects

    @property
    def rows(self) -> int:
        """How many rows the source has."""
        return sum(len(chunk.actions) for chunk in self.chunks)

    @property
    def has_duplicates(self) -> bool:
        """Whether a subject comes more than once."""
        return len(self.index.repeated_keys) > 0

    def count(self, *actions: Action) -> int:
        """Return how many rows have one of some actions."""
        counts = self.counts
        return sum(counts.get(action, 0) for action in actions)


def join_details(details: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows to send of all chunks as one frame, with actions that do not occur left out."""
    if not details:
        return pd.DataFrame(columns=["file", "row", "subject", "action", "fields", "bytes"])
    whole = pd.concat([each.drop(columns="file") for each in details], ignore_index=True)
    files: Any = union_categoricals([each["file"] for each in details]) if len(details) > 1 else details[0]["file"]
    whole.insert(0, "file", files)
    return whole.assign(action=whole["action"].cat.remove_unused_categories())


def count_draft_reasons(draft: Draft, status_to_send: str) -> Counter[tuple[str, str | None]]:
    """Return how many rows have each status and reason if nothing is sent, with one status for those to send."""
    found: Counter[tuple[str, str | None]] = Counter()
    for chunk in draft.chunks:
        groups = chunk.held_back.astype({"status": str}).groupby(["status", "reason"], dropna=False)
        for status, reason, rows in groups.size().rename("rows").reset_index().itertuples(index=False):
            found[str(status), None if pd.isna(reason) else str(reason)] += int(rows)
        found[status_to_send, None] += len(chunk.rows_to_send)
        found["unchanged", None] += len(chunk.actions) - len(chunk.held_back) - len(chunk.rows_to_send)
    return +found


def first_held_back(draft: Draft) -> tuple[HeldBack, ...]:
    """Return the first rows that cannot be sent: some of each reason, of at most fifty reasons."""
    found: list[HeldBack] = []
    counts: Counter[str | None] = Counter()
    for chunk in draft.chunks:
        rows = chunk.held_back[chunk.held_back["status"].ne("unchanged")].sort_index()
        for row, status, reason in rows[["status", "reason"]].itertuples():
            if counts[reason] < _ROWS_A_REASON and (reason in counts or len(counts) < _MOST_REASONS):
                counts[reason] += 1
                found.append(HeldBack(chunk.file, chunk.first_row + int(row), str(status), reason))
    return tuple(found)


def reasons_frame(rows: Sequence[int] | Ints, status: str, reasons: Sequence[str]) -> pd.DataFrame:
    """Return rows that are not sent, by position."""
    return pd.DataFrame(
        {"status": status, "reason": list(reasons), "bytes": pd.NA}, index=pd.Index(np.asarray(rows, dtype=np.int64))
    )
