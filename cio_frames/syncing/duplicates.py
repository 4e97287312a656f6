"""Subjects that a source has more than once, found by the index of the state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cio_frames._util.arrays import UInts
from cio_frames.errors import parameter, render
from cio_frames.loading.chunks import read_ahead
from cio_frames.loading.source import Source
from cio_frames.pipeline import CallSpec
from cio_frames.syncing.draft import Draft
from cio_frames.syncing.examine import Examiner
from cio_frames.syncing.hashing import hash_texts
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import texts_of

_PLACES_NAMED = 5


def groups_of(keys: Sequence[str], places: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return the places of each key that really comes more than once, in order.

    >>> groups_of(["a", "b", "a"], [(0, 1), (0, 4), (1, 0)])
    [[(0, 1), (1, 0)]]
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for key, place in zip(keys, places, strict=True):
        found.setdefault(key, []).append(place)
    return [group for group in found.values() if len(group) > 1]


def settle_duplicates(
    draft: Draft, source: Source, call_spec: CallSpec, examiner: Examiner, options: SyncOptions
) -> None:
    """Hold back the rows of subjects that come more than once, or all but the last."""
    repeated = draft.index.repeated_keys
    if len(repeated) == 0:
        return
    reasons: dict[int, dict[int, str]] = {place: {} for place in range(len(draft.chunks))}
    for group in _exact_groups(source, call_spec, examiner, repeated):
        reason = _duplicate_reason(draft, group, options)
        for place, row in group[:-1] if options.duplicates == "last" else group:
            reasons[place][row] = reason
    keeps_last = options.duplicates == "last"
    for place, reasons_of in reasons.items():
        if not reasons_of:
            continue
        draft.chunks[place].hold_back(reasons_of, "unchanged" if keeps_last else "invalid", is_replaced=keeps_last)
        if draft.details:
            details = draft.details[place]
            draft.details[place] = details[~(details["row"] - draft.chunks[place].first_row).isin(list(reasons_of))]


def _duplicate_reason(draft: Draft, group: Sequence[tuple[int, int]], options: SyncOptions) -> str:
    """Say which rows are the same subject; without the subject, which is an id of somebody."""
    names = [draft.chunks[place].where(row) for place, row in group]
    if options.duplicates == "last":
        return f"{names[-1]} is the same subject, and is used instead"
    more = f" and {len(names) - _PLACES_NAMED:,} more" if len(names) > _PLACES_NAMED else ""
    remedy = render(parameter("duplicates", "last"))
    return f"{' and '.join(names[:_PLACES_NAMED])}{more} are the same subject; keep one, or set {remedy}"


def _exact_groups(
    source: Source, call_spec: CallSpec, examiner: Examiner, repeated: UInts
) -> list[list[tuple[int, int]]]:
    """Read the source again and compare the keys themselves, as text: what was found so far is hashes."""
    keys: list[str] = []
    places: list[tuple[int, int]] = []
    with read_ahead(source, call_spec) as chunks:
        for place, found in enumerate(examiner.keys_of(prepared) for _, prepared in chunks):
            rows = np.flatnonzero(np.isin(hash_texts(found), repeated))
            keys += texts_of(found.take(pa.array(rows)))
            places += [(place, row) for row in rows.tolist()]
    return groups_of(keys, places)
