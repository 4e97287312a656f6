"""The first reading of a source: what a sync would do about each row, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames import spec
from cio_frames._util.arrays import Ints, UInts
from cio_frames._util.progress import LoadProgress
from cio_frames.client import Client
from cio_frames.errors import parameter, render
from cio_frames.loading.chunks import read_ahead, require_columns
from cio_frames.loading.source import Chunk, Source
from cio_frames.pipeline import CallSpec
from cio_frames.syncing.compare import SENT, Action, Actions
from cio_frames.syncing.duplicates import groups_of, repeated_keys, rows_of
from cio_frames.syncing.examine import Examined, Examiner, fields_of
from cio_frames.syncing.identity import MappingChange, SyncMapping, mapping_of, refuse_other_call
from cio_frames.syncing.index import StateIndex, days_since_1970
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import pack_digests, pack_hashes, texts_of
from cio_frames.syncing.removal import Missing, find_missing
from cio_frames.syncing.state import State
from cio_frames.validation import SourceWarnings, WarningCount

_PLACES_NAMED = 5
# So many rows to send are kept in memory between comparing and sending, of all chunks.
_ROWS_KEPT = 200_000


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
        told = reasons_frame(rows, status, [reasons[row] for row in rows.tolist()])
        self.held_back = pd.concat([others, told])

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

    def count(self, *actions: Action) -> int:
        """Return how many rows have one of some actions."""
        counts = self.counts
        return sum(counts.get(action, 0) for action in actions)


def draft_plan(
    source: Source, call_spec: CallSpec, client: Client, options: SyncOptions, state: State, *,
    with_details: bool = False, with_values: bool = False, keep_rows: bool = False, adopt: bool = False,
    progress: bool | None = False,
) -> Draft:  # fmt: skip
    """Read a source, compare every row with the state, and send nothing.

    Parameters
    ----------
    with_details, with_values : bool
        Whether to keep a frame of the rows to send, and their content in it.
    keep_rows : bool
        Whether to keep the rows to send, where they are few.
    adopt : bool
        Whether to note rows that are the same under another set of fields in the state, so that they are not compared
        field by field every time.
    """
    refuse_other_call(state.facts, call_spec, options.state)
    require_columns(source, call_spec)
    fields = fields_of(source, call_spec, options.ignore)
    mapping = mapping_of(call_spec, fields, options.ignore)
    index = StateIndex(state, refresh_days=options.refresh_days, today=days_since_1970(options.as_of.to_pydatetime()))
    draft = Draft(mapping, mapping.compare(state.facts.get("mapping")), index)
    examiner = Examiner(call_spec, client, fields, state, index, options, with_values=with_values)
    key_hashes: list[UInts] = []
    gained = lost = kept = 0
    warnings = SourceWarnings()
    with (
        LoadProgress(source.rows(), progress, f"compare {call_spec.what}") as shown,
        read_ahead(source, call_spec) as chunks,
    ):
        for chunk, prepared in chunks:
            examined = examiner.examine(prepared)
            plan = _chunk_plan(chunk, examined, is_event=call_spec.call in spec.EVENT_CALLS)
            kept += len(plan.rows_to_send)
            if keep_rows and kept <= _ROWS_KEPT:
                plan.frame = prepared.frame.iloc[plan.rows_to_send]
            draft.chunks.append(plan)
            key_hashes.append(examined.key_hashes)
            _count_fields(draft, examined, fields)
            warnings.add(examined.warnings, prepared.people)
            gained += int(examined.comparison.gained.sum())
            lost += int(examined.comparison.lost.sum())
            if with_details:
                details = _details(chunk, examined, fields, sends_nulls=options.cleared == "null")
                if with_values:
                    rows = details["row"].to_numpy(dtype="int64") - chunk.first_row
                    details = details.assign(values=examined.canonical.take(pa.array(rows)).to_pylist())
                draft.details.append(details)
            if adopt:
                _adopt(examined, fields, state)
            shown.update(prepared.rows)
    change = draft.mapping_change
    draft.mapping_change = MappingChange(change.came, change.gone, change.settings, gained, lost)
    draft.frame_digest = examiner.frame_digest
    draft.warnings = tuple(warnings.warnings())
    _settle_duplicates(draft, source, call_spec, examiner, key_hashes, options)
    draft.missing = find_missing(state, index, options)
    return draft


def _chunk_plan(chunk: Chunk, examined: Examined, *, is_event: bool) -> ChunkPlan:
    actions = examined.actions.copy()
    reasons = {
        Action.REJECTED_BEFORE: ("rejected", "rejected three times with this content; change it, or set {}"),
        Action.SUPPRESSED: ("invalid", "this person was suppressed by an earlier sync of this state"),
    }
    held_back = [examined.held_back]
    for action, (status, reason) in reasons.items():
        rows = np.flatnonzero(actions == action)
        if len(rows):
            text = render(reason.format(parameter("retry_rejected", True)))
            held_back.append(reasons_frame(rows, status, [text] * len(rows)))
    found = ChunkPlan(chunk.number, chunk.file, chunk.first_row, actions, pd.concat(held_back))
    if is_event:
        found.event_ids = examined.keys.take(pa.array(found.rows_to_send))
    return found


def reasons_frame(rows: Sequence[int] | Ints, status: str, reasons: Sequence[str]) -> pd.DataFrame:
    """Return rows that are not sent, by position."""
    return pd.DataFrame(
        {"status": status, "reason": list(reasons), "bytes": pd.NA}, index=pd.Index(np.asarray(rows, dtype=np.int64))
    )


def _count_fields(draft: Draft, examined: Examined, fields: Sequence[str]) -> None:
    comparison = examined.comparison
    known = np.isin(examined.actions[comparison.rows], (Action.CHANGED, Action.CLEARED, Action.KEPT))
    for counter, found in ((draft.changed_fields, comparison.changed), (draft.cleared_fields, comparison.cleared)):
        counter.update(
            {name: int(count) for name, count in zip(fields, found[known].sum(axis=0), strict=True) if count}
        )


def _details(chunk: Chunk, examined: Examined, fields: Sequence[str], *, sends_nulls: bool) -> pd.DataFrame:
    """Return the rows to send: position, subject, action, and the names of the changed fields."""
    comparison = examined.comparison
    sent = np.isin(examined.actions[comparison.rows], SENT)
    rows = comparison.rows[sent]
    known = np.isin(examined.actions[rows], (Action.CHANGED, Action.CLEARED))
    differs = comparison.changed[sent] | (comparison.cleared[sent] if sends_nulls else False)
    names = np.full(len(rows), "", dtype=object)
    for row in np.flatnonzero(known).tolist():
        names[row] = ", ".join(name for name, is_different in zip(fields, differs[row], strict=True) if is_different)
    return pd.DataFrame(
        {
            "file": pd.array([chunk.file] * len(rows), dtype="string"),
            "row": chunk.first_row + rows,
            "subject": pd.array(examined.keys.take(pa.array(rows)), dtype=pd.StringDtype("pyarrow")),
            "action": [Action(action).name.lower() for action in examined.actions[rows].tolist()],
            "fields": pd.array(names, dtype="string"),
            "bytes": examined.sizes[rows],
        }
    )


def _adopt(examined: Examined, fields: Sequence[str], state: State) -> None:
    same = examined.comparison.to_adopt
    if len(same):
        rows = examined.comparison.rows[same]
        state.adopt(
            texts_of(examined.keys.take(pa.array(rows))),
            pack_digests(examined.digests[rows]),
            state.field_set(fields),
            pack_hashes(examined.comparison.hashes[same]),
        )


def _settle_duplicates(
    draft: Draft, source: Source, call_spec: CallSpec, examiner: Examiner, key_hashes: Sequence[UInts],
    options: SyncOptions,
) -> None:  # fmt: skip
    """Hold back the rows of subjects that come more than once, or all but the last."""
    repeated = repeated_keys(key_hashes)
    if len(repeated) == 0:
        return
    found = {place: rows for place, keys in enumerate(key_hashes) if len(rows := rows_of(keys, repeated))}
    reasons: dict[int, dict[int, str]] = {place: {} for place in found}
    for group in _exact_groups(draft, source, call_spec, examiner, found):
        reason = _duplicate_reason(draft, group, options)
        for place, row in group[:-1] if options.duplicates == "last" else group:
            reasons[place][row] = reason
    keeps_last = options.duplicates == "last"
    for place, told in reasons.items():
        draft.chunks[place].hold_back(told, "unchanged" if keeps_last else "invalid", is_replaced=keeps_last)
        if draft.details:
            details = draft.details[place]
            draft.details[place] = details[~(details["row"] - draft.chunks[place].first_row).isin(list(told))]


def _duplicate_reason(draft: Draft, group: Sequence[tuple[int, int]], options: SyncOptions) -> str:
    """Say which rows are the same subject; without the subject, which is an id of somebody."""
    names = [draft.chunks[place].where(row) for place, row in group]
    if options.duplicates == "last":
        return f"{names[-1]} is the same subject, and is used instead"
    more = f" and {len(names) - _PLACES_NAMED:,} more" if len(names) > _PLACES_NAMED else ""
    remedy = render(parameter("duplicates", "last"))
    return f"{' and '.join(names[:_PLACES_NAMED])}{more} are the same subject; keep one, or set {remedy}"


def _exact_groups(
    draft: Draft, source: Source, call_spec: CallSpec, examiner: Examiner, found: Mapping[int, Ints]
) -> list[list[tuple[int, int]]]:
    """Compare the keys themselves, as text: what was found so far is hashes."""
    numbers = {draft.chunks[place].number: place for place in found}
    skipped = frozenset(chunk.number for chunk in draft.chunks) - numbers.keys()
    keys: list[str] = []
    places: list[tuple[int, int]] = []
    with read_ahead(source, call_spec, done=skipped) as chunks:
        for chunk, prepared in chunks:
            if chunk.number not in numbers:
                continue
            place = numbers[chunk.number]
            rows = found[place]
            keys += texts_of(examiner.keys_of(prepared).take(pa.array(rows)))
            places += [(place, row) for row in rows.tolist()]
    return groups_of(keys, places)
