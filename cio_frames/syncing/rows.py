"""Rows of a chunk as shipments: message ids, the fields to clear, and what the state is to say once they are taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints
from cio_frames.columns import Path
from cio_frames.loading.outputs import MESSAGE_ID
from cio_frames.pipeline import CallSpec, Prepared
from cio_frames.syncing.compare import SENT, Action
from cio_frames.syncing.digests import field_name
from cio_frames.syncing.examine import Examined, Examiner
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import Evidence, Pending, pack_digests, pack_hashes, texts_of
from cio_frames.syncing.shipping import Shipment
from cio_frames.syncing.state import State
from cio_frames.syncing.sync_ids import sync_message_ids

# The other end may hold a value, and which one is not known.
_SOME_VALUE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class RowShipper:
    """Makes shipments of the rows that a plan sends."""

    call_spec: CallSpec
    examiner: Examiner
    options: SyncOptions
    state: State
    run: int

    def shipments(self, part: pd.DataFrame, rows: Ints, event_ids: pa.Array | None) -> Iterator[tuple[Ints, Shipment]]:
        """Yield the rows to send of a chunk as shipments, each with their positions in the chunk."""
        call_spec = self.call_spec
        if event_ids is not None:
            part, call_spec = _with_message_ids(part, call_spec, event_ids.to_pylist())
        prepared = Prepared(part, call_spec)
        examined = self.examiner.examine(prepared)
        is_back = examined.actions == Action.RETURNED
        is_sent = np.isin(examined.actions, SENT)
        for back in (False, True):
            chosen = np.flatnonzero(is_sent & (is_back == back))
            if len(chosen):
                yield rows[chosen], self._shipment(part, prepared, examined, chosen, is_back=back)

    def _shipment(
        self, part: pd.DataFrame, prepared: Prepared, examined: Examined, chosen: Ints, *, is_back: bool
    ) -> Shipment:
        fields, comparison = self.examiner.fields, examined.comparison
        field_set, field_sets = self.state.field_set(fields), self.state.field_sets
        places = np.searchsorted(comparison.rows, chosen)
        records = comparison.records.take(places)
        keys = texts_of(examined.keys.take(pa.array(chosen)))
        contents = pack_digests(examined.digests[chosen])
        ids = sync_message_ids(self.state.state_id, self.run, keys, records.revision, examined.digests[chosen])
        present = comparison.hashes[places] != 0
        for row in np.flatnonzero(records.pending != None).tolist():  # noqa: E711 -- cell by cell
            earlier = Pending.unpack(records.pending[row], field_sets)
            present[row] |= np.isin(fields, list(earlier.names(field_sets)))
            if earlier.digest == contents[row]:
                # The same call again, as far as anybody knows.
                ids[row] = earlier.message_id
        own_ids = prepared.message_ids()
        if own_ids is not None:
            given = own_ids.take(pa.array(chosen)).to_pylist()
            ids = [made if own is None else own for own, made in zip(given, ids, strict=True)]
        frame, call_spec = _with_message_ids(part.iloc[chosen], self.call_spec, ids)
        if is_back:
            constants = {
                f"traits.{name}": value for name, value in self.options.set_returned.items() if name not in fields
            }
            mapping = replace(call_spec.mapping, constants={**call_spec.mapping.constants, **constants})
            call_spec = replace(call_spec, mapping=mapping)
        cleared = comparison.cleared[places]
        nulls = _nulls(prepared, cleared, fields) if self.options.cleared == "null" else {}
        nulled = cleared & np.isin(fields, [field_name(path) for path in nulls])
        before, _ = records.hashes_of(fields, field_sets)
        stored = np.where(cleared & ~nulled, np.maximum(before, _SOME_VALUE), comparison.hashes[places])
        return Shipment(
            frame=frame,
            call_spec=call_spec,
            keys=keys,
            contents=contents,
            pending=[
                Pending(message_id, content, field_set, maybe).pack()
                for message_id, content, maybe in zip(ids, contents, present, strict=True)
            ],
            before=records.pending,
            settle=_Delivered(
                self.state, keys, contents, np.asarray((cleared & ~nulled).any(axis=1)), field_set, pack_hashes(stored)
            ),
            nulls=nulls,
        )


@dataclass(frozen=True, slots=True)
class _Delivered:
    """Moves the state for rows that the other end took."""

    state: State
    keys: list[str]
    contents: list[bytes]
    # Rows whose cleared values stay at the other end: their digest does not say what it holds.
    kept: Bools
    field_set: int
    hashes: list[bytes]

    def __call__(self, rows: Ints, evidence: Evidence) -> None:
        chosen = rows.tolist()
        digests = [None if self.kept[row] else self.contents[row] for row in chosen]
        keys, hashes = [self.keys[row] for row in chosen], [self.hashes[row] for row in chosen]
        self.state.deliver(keys, digests, self.field_set, hashes, evidence)


def _with_message_ids(
    frame: pd.DataFrame, call_spec: CallSpec, message_ids: list[str]
) -> tuple[pd.DataFrame, CallSpec]:
    """Return the frame with a column of message ids, and a call that uses it."""
    frame = frame.assign(**{MESSAGE_ID: pd.array(message_ids, dtype="string")})
    return frame, replace(call_spec, mapping=replace(call_spec.mapping, message_id=MESSAGE_ID))


def _nulls(prepared: Prepared, cleared: Bools, fields: tuple[str, ...]) -> dict[Path, Bools]:
    """Return for each field that some row clears in which rows it is sent as null."""
    places = {name: place for place, name in enumerate(fields)}
    found: dict[Path, Bools] = {}
    for group in prepared.call_groups:
        for source in group.columns.sources:
            place = places.get(field_name(source.path)) if source.path[0] == "traits" else None
            if place is not None and cleared[:, place].any():
                found[source.path] = cleared[:, place]
    return found
