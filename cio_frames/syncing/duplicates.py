"""Subjects that a source has more than once, found with eight bytes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.errors import parameter, render
from cio_frames.loading.chunks import read_ahead
from cio_frames.loading.source import Source
from cio_frames.pipeline import CallSpec
from cio_frames.syncing.draft import Draft
from cio_frames.syncing.examine import Examiner
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import texts_of

_PLACES_NAMED = 5


def repeated_keys(chunks: Sequence[UInts]) -> UInts:
    """Return the key hashes that come more than once; 0 stands for rows without a key.

    >>> repeated_keys([np.array([7, 5], dtype=np.uint64), np.array([7, 0, 0], dtype=np.uint64)]).tolist()
    [7]
    """
    keys = np.sort(np.concatenate([*chunks, np.empty(0, dtype=np.uint64)]))
    again = keys[1:][keys[1:] == keys[:-1]]
    return np.unique(again[again != 0])


def rows_of(keys: UInts, repeated: UInts) -> Ints:
    """Return the rows whose key hash is repeated."""
    found: Bools = np.isin(keys, repeated)
    return np.flatnonzero(found)


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
    for place, reasons_of in reasons.items():
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
