"""What has to be done about each row: the content of some rows beside what the state knows of their subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.syncing.digests import SubjectContent
from cio_frames.syncing.hashing import hash_texts
from cio_frames.syncing.index import StateIndex
from cio_frames.syncing.records import HELD, Evidence, Pending, SubjectRecords, pack_digests, texts_of
from cio_frames.syncing.state import State

Actions = npt.NDArray[np.int8]
MOST_REJECTIONS = 3
# Begins what stands for the content of a call that deletes, suppresses or marks a subject.
REMOVAL_MARK = b"removed:"


class Action(IntEnum):
    """What a sync does about a row."""

    UNCHANGED = 0
    NEW = 1
    CHANGED = 2
    CLEARED = 3
    # Sent before, and not answered.
    UNCERTAIN = 4
    REFRESHED = 5
    RETURNED = 6
    # Values became missing, and cleared= keeps them at the other end.
    KEPT = 7
    # Refused too often with this content.
    REJECTED_BEFORE = 8
    SUPPRESSED = 9
    # Invalid, or too large.
    HELD_BACK = 10
    # A later row of the same subject is sent instead.
    REPLACED = 11


SENT = (Action.NEW, Action.CHANGED, Action.CLEARED, Action.UNCERTAIN, Action.REFRESHED, Action.RETURNED)
# Nothing is sent, and that is right.
UNSENT_AND_GOOD = (Action.UNCHANGED, Action.KEPT, Action.REPLACED)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How rows are compared.

    Attributes
    ----------
    send_nulls : bool
        Whether a value that became missing is sent as ``null``, once.
    retry_rejected : bool
        Whether rows that were rejected three times are sent once more.
    """

    send_nulls: bool = False
    retry_rejected: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing some rows.

    Attributes
    ----------
    actions : numpy array of int8
        An :class:`Action` for each row.
    rows : numpy array of int64
        The rows that are not certain to be unchanged, in order; what follows is about these.
    records : SubjectRecords
        What the state knows of them.
    hashes : numpy array of uint64, shape (rows, fields)
        The hash of each field.
    changed, cleared : numpy array of bool, shape (rows, fields)
        Fields whose value differs, and those that became missing.
    gained : numpy array of bool
        Rows that differ in fields alone that the state did not know.
    lost : numpy array of bool
        Rows that had a field which the frame does not have.
    """

    actions: Actions
    rows: Ints
    records: SubjectRecords
    hashes: UInts
    changed: Bools
    cleared: Bools
    gained: Bools
    lost: Bools

    @property
    def to_adopt(self) -> Ints:
        """Which of ``rows`` are the same under another set of fields."""
        same = self.actions[self.rows] == Action.UNCHANGED
        return np.flatnonzero(same & np.isin(self.records.evidence, HELD))


def compare(
    content: SubjectContent, keys: pa.Array, sendable: Bools, fields: Sequence[str], state: State, index: StateIndex,
    options: CompareOptions,
) -> Comparison:  # fmt: skip
    """Compare some rows with the state.

    Parameters
    ----------
    content : SubjectContent
        What the rows would change.
    keys : pyarrow.LargeStringArray
        Their subjects.
    sendable : numpy array of bool
        Rows that can be sent; the others are held back.
    fields : sequence of str
        The fields of the whole frame, sorted.
    """
    actions: Actions = np.full(content.rows, Action.HELD_BACK, dtype=np.int8)
    known = np.asarray(keys.is_valid())
    places = np.full(content.rows, -1, dtype=np.int64)
    places[known] = index.find(hash_texts(keys.drop_null() if not known.all() else keys))
    unchanged = index.are_unchanged(places, content.digests)
    actions[sendable & unchanged] = Action.UNCHANGED
    rows = np.flatnonzero(sendable & known & ~unchanged)
    actions[rows] = Action.NEW
    records = SubjectRecords.empty(len(rows))
    maybe_known = np.flatnonzero(places[rows] >= 0)
    if len(maybe_known):
        records.put(maybe_known, state.look_up(texts_of(keys.take(pa.array(rows[maybe_known])))))
    hashes = content.hashes(rows, fields)
    found = _differences(hashes, records, fields, state)
    actions[rows] = _actions(found, records, content.digests[rows], state, options)
    return Comparison(actions, rows, records, hashes, *found)


def _differences(
    hashes: UInts, records: SubjectRecords, fields: Sequence[str], state: State
) -> tuple[Bools, Bools, Bools, Bools]:
    """Return which fields changed and were cleared, and which rows gained or lost fields alone."""
    before, tracked = records.hashes_of(fields, state.field_sets)
    held = np.isin(records.evidence, HELD)[:, np.newaxis]
    changed = (hashes != 0) & (hashes != before)
    cleared = (hashes == 0) & (before != 0) & held
    # What an unanswered call may have brought may have to be cleared too.
    for row in np.flatnonzero(records.pending != None).tolist():  # noqa: E711 -- cell by cell
        names = Pending.unpack(records.pending[row], state.field_sets).names(state.field_sets)
        cleared[row] |= (hashes[row] == 0) & np.array([name in names for name in fields], dtype=bool)
    gained = changed.any(axis=1) & ~(changed & tracked).any(axis=1) & ~cleared.any(axis=1) & held[:, 0]
    lost = np.zeros(len(records), dtype=bool)
    for number in np.unique(records.field_set[records.field_set > 0]).tolist():
        gone = [name for name in state.field_sets[number] if name not in set(fields)]
        if gone:
            rows = np.flatnonzero(records.field_set == number)
            lost[rows] = (records.take(rows).hashes_of(gone, state.field_sets)[0] != 0).any(axis=1)
    return changed, cleared, gained, lost


def _actions(
    found: tuple[Bools, Bools, Bools, Bools],
    records: SubjectRecords,
    digests: UInts,
    state: State,
    options: CompareOptions,
) -> Actions:
    changed, cleared = found[0].any(axis=1), found[1].any(axis=1)
    held = np.isin(records.evidence, HELD)
    pending = records.pending != None  # noqa: E711 -- cell by cell
    actions: Actions = np.full(len(records), Action.UNCHANGED, dtype=np.int8)
    packed = np.array(pack_digests(digests), dtype=object)
    # The state has this very content, and it is due again; a row that is not due is not looked at here.
    actions[held & (records.digest == packed)] = Action.REFRESHED
    actions[held & cleared] = Action.CLEARED if options.send_nulls else Action.KEPT
    actions[held & changed] = Action.CHANGED
    actions[~held] = Action.NEW
    actions[pending] = Action.UNCERTAIN
    actions[(records.evidence == Evidence.MARKED) | _removal_pending(records, state)] = Action.RETURNED
    actions[records.evidence == Evidence.SUPPRESSED] = Action.SUPPRESSED
    if not options.retry_rejected:
        refused = (records.rejections >= MOST_REJECTIONS) & (records.rejected_digest == packed)
        actions[refused] = Action.REJECTED_BEFORE
    return actions


def _removal_pending(records: SubjectRecords, state: State) -> Bools:
    found = np.zeros(len(records), dtype=bool)
    for row in np.flatnonzero(records.pending != None).tolist():  # noqa: E711 -- cell by cell
        found[row] = Pending.unpack(records.pending[row], state.field_sets).digest.startswith(REMOVAL_MARK)
    return found
