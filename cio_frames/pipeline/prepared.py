"""A frame made ready: its columns found, its rows checked and parted by kind of call, encoded slice by slice."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import spec, validation
from cio_frames._util import prefetch
from cio_frames._util.arrays import Ints, UInts
from cio_frames.arrow.buffers import TEXT
from cio_frames.columns import ColumnMapping, Columns, position_of, resolve
from cio_frames.encoding import NO_TIME, Calls, Encoder
from cio_frames.errors import MissingColumnsError
from cio_frames.pipeline import ordering
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.pipeline.message_ids import digests

# Fragments of this many rows stay in the processor's cache, and memory stays flat.
SLICE_ROWS = 50_000
# Arrow and orjson work side by side in threads; hashing and numpy's smaller steps do not, so that more than this gain
# little and take memory.
MOST_ENCODERS = 2


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Rows of a frame that make the same kind of call from the same columns."""

    rows: Ints
    frame: pd.DataFrame
    encoder: Encoder
    columns: Columns


class Slice(NamedTuple):
    """Some rows' calls, the position of the first, and the digests that message ids are made of, where they are."""

    start: int
    calls: Calls
    digests: UInts | None


class Prepared:
    """A frame whose columns are found and whose rows are checked; encodes them slice by slice.

    Attributes
    ----------
    failures : pandas.DataFrame
        Broken checks that hold rows back, by position.
    warnings : pandas.DataFrame
        Broken checks that do not, by position; looked for only where ``warn`` is set.
    """

    def __init__(self, frame: pd.DataFrame, call_spec: CallSpec, *, warn: bool = False) -> None:
        self.rows = len(frame)
        self.frame = frame
        self.call_spec = call_spec
        self.call_groups: list[CallGroup] = []
        warn = warn or call_spec.strict_schema
        self.warns = warn and call_spec.schema is not None
        found = self._take_apart(warn=warn)
        if self.warns:
            found += self._repeated_ids()
        broken = validation.concat_failures(found)
        if call_spec.strict_schema:
            # Of an id that is no ULID no row can be mended.
            stays = broken["check"].eq(validation.NO_ULID)
            broken = broken.assign(severity=broken["severity"].where(stays, "error"))
        self.failures, self.warnings = broken, broken[:0]
        if len(broken):
            holds_back = broken["severity"].eq("error")
            self.failures, self.warnings = (broken[some].reset_index(drop=True) for some in (holds_back, ~holds_back))

    def _take_apart(self, *, warn: bool) -> list[pd.DataFrame]:
        """Find the columns of each kind of row, and return what is broken."""
        frame, call_spec = self.frame, self.call_spec
        found: list[pd.DataFrame] = []
        # The column that names events is no property, also where it was found and not given.
        label = _event_label(frame, call_spec) if call_spec.call in ("track", "batch") else None
        mapping = call_spec.mapping if label is None else replace(call_spec.mapping, event=label)
        decided_by_cells = call_spec.call == "batch" or label is not None
        lacking = False
        if call_spec.call == "batch":
            _refuse_missing_labels(frame, mapping)
        for rows, call, event in _kinds_of_row(frame, call_spec, found):
            some = frame if len(rows) == self.rows else frame.iloc[rows]
            try:
                columns = resolve(list(frame.columns), call_spec.tracking_plan.calls[call], mapping, event)
                broken = _broken(some, columns, call_spec, warn=warn)
            except MissingColumnsError as error:
                if not decided_by_cells or call_spec.schema not in ("spec", None):
                    raise
                # What cells decide is for these rows alone to suffer from.
                lacking = True
                found.append(_without_columns(rows, error))
                continue
            self.call_groups.append(CallGroup(rows, some, Encoder(some, columns, call_spec.options), columns))
            if len(broken):
                found.append(broken.assign(position=rows[broken["position"].to_numpy(dtype=np.int64)]))
        if decided_by_cells and not self.call_groups and (lacking or self.rows == 0):
            _refuse_hopeless(frame, call_spec, mapping)
        return found

    def _repeated_ids(self) -> Iterator[pd.DataFrame]:
        """Yield the rows whose message id is not theirs alone, whatever kinds of call they are."""
        source = next(
            (found for call_group in self.call_groups if (found := call_group.columns.source("messageId"))), None
        )
        ids = self._ids("messageId")
        if source is not None and ids is not None:
            yield from validation.repeated_id_warnings(ids, source.label)

    def person_keys(self) -> Ints:
        """Return a number for the person of each row, -1 for nobody."""
        ids = [
            found
            for wires in (("userId",), ("anonymousId",), ("previousId",))
            if (found := self._ids(wires[0])) is not None
        ]
        groups = self._ids("groupId")
        if groups is not None:
            # Without a person it is the object whose updates must keep their order.
            nobody = pa.array(np.all([np.asarray(pc.is_null(some)) for some in ids], axis=0)) if ids else True
            ids.append(pc.if_else(nobody, groups, pa.scalar(None, TEXT)))
        return ordering.person_keys(ids) if ids else np.full(self.rows, -1)

    def timestamps_ms(self) -> Ints:
        """Return each row's timestamp in milliseconds, NO_TIME where it has none, or none that is quickly read."""
        found = np.full(self.rows, NO_TIME)
        for call_group in self.call_groups:
            found[call_group.rows] = call_group.encoder.timestamps_ms()
        return found

    def _ids(self, wire: str) -> pa.Array | None:
        """Return one kind of id of all rows, in their order."""
        found = [
            (call_group, ids) for call_group in self.call_groups if (ids := call_group.encoder.ids(wire)) is not None
        ]
        if not found:
            return None
        if len(found) == 1 and len(found[0][0].rows) == self.rows:
            return found[0][1]
        everywhere = np.full(self.rows, -1, dtype=np.int64)
        rows = np.concatenate([call_group.rows for call_group, _ in found])
        everywhere[rows] = np.arange(len(rows))
        ids = pa.chunked_array([ids for _, ids in found]).combine_chunks()
        return ids.take(pa.array(everywhere, mask=everywhere < 0))

    def are_named(self) -> bool:
        """Return whether every row has a message id of its own."""
        ids = self._ids("messageId")
        return ids is not None and not ids.null_count

    def events(self) -> npt.NDArray[np.object_]:
        """Return the name of what each row adds to a person's activity: an event, ``page`` or ``screen``, or None."""
        names = np.full(self.rows, None, dtype=object)
        for call_group in self.call_groups:
            call = call_group.columns.call.name
            if call in ("page", "screen"):
                names[call_group.rows] = call
            elif call == "track":
                constant = call_group.columns.constants.get(("event",))
                ids = call_group.encoder.ids("event") if constant is None else None
                names[call_group.rows] = constant if ids is None else ids.to_numpy(zero_copy_only=False)
        return names

    def slices(self, *, threads: int = 1, hashed: bool = True) -> Iterator[Slice]:
        """Yield calls slice by slice, in row order; without digests where no ids are to be made."""
        make = partial(self._slice, hashed=hashed)
        yield from prefetch.map_ordered(make, range(0, self.rows, SLICE_ROWS), threads=threads)

    def _slice(self, start: int, *, hashed: bool) -> Slice:
        calls = _merged(self.call_groups, start, min(start + SLICE_ROWS, self.rows))
        return Slice(start, calls, digests(calls.texts, end_bytes=calls.end_bytes) if hashed else None)


def _without_columns(rows: Ints, error: MissingColumnsError) -> pd.DataFrame:
    """Return the failure of rows whose call needs a column that the frame does not have."""
    wanted = " or ".join(error.missing)
    reason = f"no column {wanted}, and {error.call} needs it"
    return validation.failure_cases(rows, None, "column_in_dataframe", reason)


def _refuse_hopeless(frame: pd.DataFrame, call_spec: CallSpec, mapping: ColumnMapping) -> None:
    """Refuse a frame whose columns make none of the calls that its cells could ask for."""
    first: MissingColumnsError | None = None
    for call in spec.CALL_NAMES if call_spec.call == "batch" else (call_spec.call,):
        try:
            resolve(list(frame.columns), call_spec.tracking_plan.calls[call], mapping)
        except MissingColumnsError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def _refuse_missing_labels(frame: pd.DataFrame, mapping: ColumnMapping) -> None:
    """Refuse a column that was named and is not there, whatever calls the rows turn out to be."""
    for name in spec.WIRE_NAMES:
        label = getattr(mapping, name)
        if label is not None and not isinstance(label, Mapping):
            _column(frame, label, "batch")


def _broken(frame: pd.DataFrame, columns: Columns, call_spec: CallSpec, *, warn: bool) -> pd.DataFrame:
    """Return the checks that rows break, and on demand those that are no more than warnings."""
    match call_spec.schema:
        case None:
            return validation.concat_failures([])
        case "spec":
            validation.check_constants(columns)
            schema = validation.schema_of(columns.call, columns.event)
        case given:
            schema = validation.as_schema(given)
    broken = validation.failures_of(
        frame,
        columns,
        schema,
        own_columns=call_spec.schema != "spec",
    )
    return (
        validation.concat_failures([broken, *validation.warnings_of(frame, columns, call_spec.tracking_plan)])
        if warn
        else broken
    )


def _kinds_of_row(
    frame: pd.DataFrame, call_spec: CallSpec, failures: list[pd.DataFrame]
) -> Iterator[tuple[Ints, spec.CallName, spec.Event | str | None]]:
    """Yield rows that are one kind of call, with its event; rows of no kind become failures."""
    if call_spec.call != "batch":
        yield from _by_event(frame, np.arange(len(frame)), call_spec.call, call_spec)
        return
    label = call_spec.mapping.type_column
    types = _column(frame, label, "batch")
    known = types.isin(spec.CALL_NAMES).to_numpy(dtype=bool, na_value=False)
    reason = f"{label}: must be one of {', '.join(spec.CALL_NAMES)}"
    values = types[~known].to_numpy(dtype=object)
    failures.append(validation.failure_cases(np.flatnonzero(~known), label, "type", reason, values=values))
    rows_known = np.flatnonzero(known)
    kinds = types.iloc[rows_known]
    for call in spec.CALL_NAMES:
        rows = rows_known[kinds.eq(call).to_numpy(dtype=bool, na_value=False)]
        if len(rows):
            yield from _by_event(frame, rows, call, call_spec)


def _by_event(
    frame: pd.DataFrame, rows: Ints, call: spec.CallName, call_spec: CallSpec
) -> Iterator[tuple[Ints, spec.CallName, spec.Event | str | None]]:
    """Yield track rows by semantic event, and those of other events together; other calls as they are."""
    label = _event_label(frame, call_spec) if call == "track" else None
    if label is None:
        yield (
            rows,
            call,
            (call_spec.tracking_plan.event(call_spec.event) or call_spec.event) if call == "track" else None,
        )
        return
    cells = _column(frame, label, call).iloc[rows].astype(object)
    # What is no text is told of later, with the other cells that cannot be sent.
    known = [call_spec.tracking_plan.event(cell) if isinstance(cell, str) else None for cell in cells]
    names = np.array(["" if event is None else event.name for event in known], dtype=object)
    for name in sorted(set(names) - {""}):
        yield rows[names == name], call, call_spec.tracking_plan.event(name)
    others = rows[names == ""]
    if len(others) or len(frame) == 0:
        yield others, call, None


def _event_label(frame: pd.DataFrame, call_spec: CallSpec) -> Hashable | None:
    if call_spec.event is not None:
        return None
    if call_spec.mapping.event is not None:
        return call_spec.mapping.event
    return "event" if "event" in frame.columns else None


def _column(frame: pd.DataFrame, label: Hashable, call: str) -> pd.Series[Any]:
    """Return one column by label, or say what is wrong with it."""
    return frame.iloc[:, position_of(list(frame.columns), label, call)]


def _merged(call_groups: list[CallGroup], start: int, stop: int) -> Calls:
    """Return the calls of rows ``start`` to ``stop`` from all parts, in row order."""
    places, found = [], []
    for call_group in call_groups:
        first, last = np.searchsorted(call_group.rows, [start, stop])
        if last > first:
            places.append(call_group.rows[first:last] - start)
            found.append(call_group.encoder.calls(int(first), int(last)))
    if len(found) == 1 and len(places[0]) == stop - start:
        return found[0]
    count = stop - start
    order = np.full(count, -1, dtype=np.int64)
    everywhere = np.concatenate([*places, np.empty(0, dtype=np.int64)]).astype(np.int64)
    order[everywhere] = np.arange(len(everywhere))
    take = pa.array(order, mask=order < 0)
    filled = [pa.nulls(len(calls.texts), TEXT) if calls.message_ids is None else calls.message_ids for calls in found]
    return Calls(
        texts=_taken([calls.texts for calls in found], take),
        message_ids=None if all(calls.message_ids is None for calls in found) else _taken(filled, take),
        timestamps_ms=np.where(
            order < 0, NO_TIME, np.concatenate([*(calls.timestamps_ms for calls in found), [NO_TIME]])[order]
        ),
        encode_errors=[
            encode_error._replace(rows=rows[encode_error.rows])
            for rows, calls in zip(places, found, strict=True)
            for encode_error in calls.encode_errors
        ],
    )


def _taken(arrays: list[pa.Array], take: pa.Array) -> pa.Array:
    return pa.chunked_array(arrays, TEXT).combine_chunks().take(take)


def encoders_for(rows: int) -> int:
    """Return in how many threads to encode."""
    if rows <= SLICE_ROWS:
        return 1
    return min(MOST_ENCODERS, os.cpu_count() or 1)
