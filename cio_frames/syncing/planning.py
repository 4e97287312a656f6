"""The first reading of a source: what a sync would do about each row, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames import spec
from cio_frames._util.progress import LoadProgress
from cio_frames.client import Client
from cio_frames.errors import parameter, render
from cio_frames.loading.chunks import read_ahead, require_columns
from cio_frames.loading.source import Chunk, Source
from cio_frames.pipeline import CallSpec
from cio_frames.syncing.compare import SENT, Action
from cio_frames.syncing.draft import ChunkPlan, Draft, reasons_frame
from cio_frames.syncing.duplicates import settle_duplicates
from cio_frames.syncing.examine import Examined, Examiner, fields_of
from cio_frames.syncing.identity import MappingChange, mapping_of, refuse_other_call
from cio_frames.syncing.index import StateIndex, days_since_1970
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import pack_digests, pack_hashes, texts_of
from cio_frames.syncing.removal import find_missing
from cio_frames.syncing.state import State
from cio_frames.validation import SourceWarnings

_ACTION_NAMES = pd.CategoricalDtype(pd.Index([action.name.lower() for action in Action]))
# So many rows to send are kept in memory between comparing and sending, of all chunks.
_ROWS_KEPT = 50_000
# Warnings over all rows are about a sample of so many people.
_KEYS_OF_WARNINGS = 500_000


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
    gained = lost = kept = 0
    warnings = SourceWarnings(max_keys=_KEYS_OF_WARNINGS)
    with (
        LoadProgress(source.rows(), progress, f"compare {call_spec.what}") as shown,
        read_ahead(source, call_spec) as chunks,
    ):
        for chunk, prepared in chunks:
            draft.columns.add(prepared)
            examined = examiner.examine(prepared)
            plan = _chunk_plan(chunk, examined, is_event=call_spec.call in spec.EVENT_CALLS)
            kept += len(plan.rows_to_send)
            if keep_rows and kept <= _ROWS_KEPT:
                plan.frame = prepared.frame.iloc[plan.rows_to_send]
            draft.chunks.append(plan)
            _count_fields(draft, examined, fields)
            warnings.add(examined.warnings, examined.people)
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
    index.note_all_found()
    draft.frame_digest = examiner.frame_digest
    draft.warnings = tuple(warnings.warnings())
    settle_duplicates(draft, source, call_spec, examiner, options)
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
            # Of few different values, which take a byte or two a row so.
            "file": pd.Categorical([chunk.file] * len(rows), categories=[] if chunk.file is None else [chunk.file]),
            "row": chunk.first_row + rows,
            "subject": pd.array(examined.keys.take(pa.array(rows)), dtype=pd.StringDtype("pyarrow")),
            "action": pd.Categorical.from_codes(examined.actions[rows], dtype=_ACTION_NAMES),
            "fields": pd.array(names, dtype=pd.StringDtype("pyarrow")),
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
