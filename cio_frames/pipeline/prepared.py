"""A frame with its columns resolved and its rows checked and grouped by call; encodes them slice by slice."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import validation
from cio_frames._util import prefetch
from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.normalize import plain_frame
from cio_frames.columns import Columns, FieldSource, Path
from cio_frames.encoding import NO_TIME, Calls, Encoder
from cio_frames.errors import MissingColumnsError
from cio_frames.pipeline import ordering
from cio_frames.pipeline.call_groups import GroupedRows, group_rows, may_fail_alone, missing_column_failures
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.pipeline.campaigns import acting_events
from cio_frames.pipeline.message_ids import digests
from cio_frames.pipeline.people import email_keys, people_rows

# Fragments of this many rows stay in the processor's cache, and memory stays flat.
SLICE_ROWS = 50_000
# Arrow and orjson run in parallel threads; hashing and numpy's smaller steps do not, so that more threads gain little
# and take memory.
MAX_ENCODERS = 2


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Rows of a frame that make the same call from the same columns."""

    rows: Ints
    frame: pd.DataFrame
    encoder: Encoder
    columns: Columns


class Slice(NamedTuple):
    """The calls of consecutive rows, the position of the first, and the digests for message ids, or None."""

    start: int
    calls: Calls
    digests: UInts | None


class Prepared:
    """A frame with its columns resolved and its rows checked; encodes them slice by slice.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    call_spec : CallSpec
        What the caller asks for.
    slice_rows : int, optional
        How many rows to encode at a time. Default is SLICE_ROWS.
    nulls : dict of path to numpy array of bool, optional
        Rows in which a missing value of a field is sent as ``null``, whatever the call spec says.

    Attributes
    ----------
    failures : pandas.DataFrame
        Failure cases that make rows invalid, by position.
    warnings : pandas.DataFrame
        Failure cases that do not, by position.
    column_warnings : list of WarningCount
        Warnings about columns, each once for all rows.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        call_spec: CallSpec,
        *,
        slice_rows: int | None = None,
        nulls: Mapping[Path, Bools] | None = None,
    ) -> None:
        # Frames of a caller's own come as they are; those of the functions and of loads are plain already.
        frame = plain_frame(frame)
        self.rows = len(frame)
        self.frame = frame
        self.call_spec = call_spec
        self.slice_rows = slice_rows or SLICE_ROWS
        self._nulls = nulls or {}
        self.call_groups: list[CallGroup] = []
        self.warns = call_spec.schema is not None
        self.column_warnings: list[validation.WarningCount] = []
        self._hashes: dict[str, Ints | None] = {}
        self._emails: list[Ints | None] = []
        found = self._check_groups(group_rows(frame, call_spec))
        if self.warns:
            found += self._repeated_ids()
        cases = validation.concat_failures([*found, *validation.declared_type_failures(frame, call_spec.column_types)])
        if call_spec.column_types:
            # The schema may say the same of a column.
            cases = cases.drop_duplicates(["position", "column", "check"], ignore_index=True)
        if call_spec.strict_schema:
            # A message id that is not a ULID stays a warning: the row cannot be fixed.
            stays = cases["check"].eq(validation.NO_ULID)
            cases = cases.assign(severity=cases["severity"].where(stays, "error"))
        self.failures, self.warnings = cases, cases[:0]
        if len(cases):
            is_error = cases["severity"].eq("error")
            self.failures, self.warnings = (cases[some].reset_index(drop=True) for some in (is_error, ~is_error))

    def people_rows(self, held_back: Bools) -> validation.PeopleRows | None:
        """Return whom the rows that are not held back are about, for warnings over all rows of a source."""
        if not self.warns:
            return None
        groups = [(call_group.rows, call_group.columns) for call_group in self.call_groups]
        found = people_rows(self.rows, groups, self._emails, self._hash_ids, held_back)
        source, ids = self._message_id_source(), self._hash_ids("messageId")
        if source is None or ids is None:
            return found
        kept = ids[~held_back & (ids != ordering.NOBODY)]
        return replace(found, message_ids=kept, message_id_column=str(source.label))

    def _check_groups(self, grouped: GroupedRows) -> list[pd.DataFrame]:
        """Check the rows of each group, make its encoder, and return the failure cases of all rows."""
        found = grouped.failures
        for rows, columns in grouped.groups:
            frame = self.frame if len(rows) == self.rows else self.frame.iloc[rows]
            try:
                failures = _failures_of_group(frame, columns, self.call_spec)
            except MissingColumnsError as error:
                if not may_fail_alone(grouped, self.call_spec):
                    raise
                found.append(missing_column_failures(rows, error))
                continue
            nulls = {path: mask[rows] for path, mask in self._nulls.items()}
            encoder = Encoder(frame, columns, self.call_spec.options, nulls=nulls)
            self.call_groups.append(CallGroup(rows, frame, encoder, columns))
            cases = [failures]
            if self.warns:
                reader = validation.ColumnReader(frame, encoder.column)
                cases += self._warnings_of_group(reader, rows, columns)
                self._emails.append(email_keys(reader, columns))
            for each in cases:
                if len(each):
                    found.append(each.assign(position=rows[each["position"].to_numpy(dtype=np.int64)]))
        return found

    def _warnings_of_group(
        self, reader: validation.ColumnReader, rows: Ints, columns: Columns
    ) -> Iterator[pd.DataFrame]:
        """Yield the failure cases of a group's warnings; those about columns are counted, or hold their rows back."""
        call_spec = self.call_spec
        for found in validation.warnings_of(
            reader, columns, mapping=call_spec.mapping, tracking_plan=call_spec.tracking_plan,
            exact_ids=call_spec.exact_ids,
        ):  # fmt: skip
            if isinstance(found, pd.DataFrame):
                yield found
            elif call_spec.strict_schema and found.check != validation.NO_ULID:
                reason = f"{found.column}: {found.sentence}{found.hint}"
                yield validation.failure_cases(np.flatnonzero(found.rows), found.column, found.check, reason)
            elif found.rows.any():
                self.column_warnings.append(validation.count_column(found, rows))

    def _repeated_ids(self) -> Iterator[pd.DataFrame]:
        """Yield the rows that share a message id with others, whatever calls they are."""
        source, ids = self._message_id_source(), self._ids("messageId")
        if source is not None and ids is not None:
            yield from validation.repeated_id_warnings(ids, source.label)

    def _message_id_source(self) -> FieldSource | None:
        found = (call_group.columns.source("messageId") for call_group in self.call_groups)
        return next((source for source in found if source), None)

    def invalid_rows(self) -> Bools:
        """Return which rows failed the checks or have no id; encoding may find more that cannot be sent."""
        invalid: Bools = np.asarray(self.person_keys() == ordering.NOBODY)
        invalid[self.failures["position"].to_numpy(dtype=np.int64)] = True
        return invalid

    def person_keys(self, joined: ordering.JoinedIds | None = None) -> Ints:
        """Return a number for the person of each row, -1 for rows without a person.

        ``joined`` are the ids that other frames have joined; those that this one joins are added.
        """
        wires = self._person_wires()
        if joined is None and len(wires) == 1 and not self._has_ids("groupId"):
            hashes = self._hash_ids(wires[0])
            if hashes is not None:
                return hashes
        ids = self.person_ids()
        if not ids:
            return np.full(self.rows, ordering.NOBODY)
        return ordering.person_keys(ids) if joined is None else joined.person_keys(ids)

    def person_ids(self) -> list[pa.Array]:
        """Return the ids that say who or what each row is about, one array for each kind of id that occurs."""
        ids = [found for wire in self._person_wires() if (found := self._ids(wire)) is not None]
        group_ids = self._ids("groupId")
        if group_ids is not None:
            # Without a person it is the object whose updates must keep their order.
            no_person = pa.array(np.all([np.asarray(pc.is_null(some)) for some in ids], axis=0)) if ids else True
            ids.append(pc.if_else(no_person, group_ids, pa.scalar(None, TEXT)))
        return ids

    def _person_wires(self) -> list[str]:
        return [wire for wire in ("userId", "anonymousId", "previousId") if self._has_ids(wire)]

    def _has_ids(self, wire: str) -> bool:
        return any(call_group.columns.source(wire) is not None for call_group in self.call_groups)

    def _hash_ids(self, wire: str) -> Ints | None:
        """Return a number for one kind of id of each row, -1 for rows without one; None if no row has one."""
        if wire not in self._hashes:
            ids = self._ids(wire)
            self._hashes[wire] = None if ids is None else ordering.person_keys([ids])
        return self._hashes[wire]

    def timestamps_ms(self) -> Ints:
        """Return each row's timestamp in milliseconds, NO_TIME if it has none, or none that is quick to read."""
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
        indices = np.full(self.rows, -1, dtype=np.int64)
        rows = np.concatenate([call_group.rows for call_group, _ in found])
        indices[rows] = np.arange(len(rows))
        ids = pa.chunked_array([ids for _, ids in found]).combine_chunks()
        return ids.take(pa.array(indices, mask=indices < 0))

    def message_ids(self) -> pa.Array | None:
        """Return the message ids that rows bring; None if no column has any."""
        return self._ids("messageId")

    def all_have_message_ids(self) -> bool:
        """Return whether every row brings its own message id."""
        ids = self.message_ids()
        return ids is not None and not ids.null_count

    def events(self) -> npt.NDArray[np.object_]:
        """Return what each row adds to a person's activity: the name of an event, ``page``, ``screen``, or None.

        Events that Customer.io acts on and does not store add nothing.
        """
        names = np.full(self.rows, None, dtype=object)
        for call_group in self.call_groups:
            call = call_group.columns.call.name
            if call in ("page", "screen"):
                names[call_group.rows] = call
            elif call == "track":
                constant = call_group.columns.constants.get(("event",))
                ids = call_group.encoder.ids("event") if constant is None else None
                if ids is not None:
                    names[call_group.rows] = ids.to_numpy(zero_copy_only=False)
                elif constant not in acting_events():
                    names[call_group.rows] = constant
        return names

    def slices(self, *, threads: int = 1, with_digests: bool = True) -> Iterator[Slice]:
        """Yield calls slice by slice, in row order; digests are needed for message ids only."""
        encode = partial(self.encode_slice, with_digests=with_digests)
        starts = [0, *range(self._slice_end(0), self.rows, self.slice_rows)] if self.rows else []
        yield from prefetch.map_ordered(encode, starts, threads=threads)

    def encode_slice(self, start: int, *, with_digests: bool = True) -> Slice:
        """Return the calls of one slice, given by the position of its first row."""
        calls = _merge_calls(self.call_groups, start, self._slice_end(start))
        return Slice(start, calls, digests(calls.texts, end_bytes=calls.end_bytes) if with_digests else None)

    def _slice_end(self, start: int) -> int:
        # Of several, the first is small, so that the first request leaves soon.
        is_first = start == 0 and self.rows > self.slice_rows
        return min(start + (max(self.slice_rows // 10, 1) if is_first else self.slice_rows), self.rows)


def _failures_of_group(frame: pd.DataFrame, columns: Columns, call_spec: CallSpec) -> pd.DataFrame:
    """Return the failure cases of the rows of one group."""
    match call_spec.schema:
        case None:
            return validation.concat_failures([])
        case "spec":
            validation.check_constants(columns)
            schema = validation.schema_of(columns.call, columns.event)
        case own_schema:
            schema = validation.as_schema(own_schema)
    found = validation.failures_of(frame, columns, schema, own_columns=call_spec.schema != "spec")
    numbers = validation.spreadsheet_number_failures(frame, columns, exact_ids=call_spec.exact_ids)
    return validation.concat_failures([found, *numbers])


def _merge_calls(call_groups: list[CallGroup], start: int, stop: int) -> Calls:
    """Return the calls of rows ``start`` to ``stop`` from all groups, in row order."""
    rows_of, calls_of = [], []
    for call_group in call_groups:
        first, last = np.searchsorted(call_group.rows, [start, stop])
        if last > first:
            rows_of.append(call_group.rows[first:last] - start)
            calls_of.append(call_group.encoder.calls(int(first), int(last)))
    if len(calls_of) == 1 and len(rows_of[0]) == stop - start:
        return calls_of[0]
    indices = np.full(stop - start, -1, dtype=np.int64)
    all_rows = np.concatenate([*rows_of, np.empty(0, dtype=np.int64)]).astype(np.int64)
    indices[all_rows] = np.arange(len(all_rows))
    take = pa.array(indices, mask=indices < 0)
    ids = [pa.nulls(len(calls.texts), TEXT) if calls.message_ids is None else calls.message_ids for calls in calls_of]
    all_ms = np.concatenate([*(calls.timestamps_ms for calls in calls_of), [NO_TIME]])
    return Calls(
        texts=_take_text([calls.texts for calls in calls_of], take),
        message_ids=None if all(calls.message_ids is None for calls in calls_of) else _take_text(ids, take),
        timestamps_ms=np.where(indices < 0, NO_TIME, all_ms[indices]),
        encode_errors=[
            encode_error._replace(rows=rows[encode_error.rows])
            for rows, calls in zip(rows_of, calls_of, strict=True)
            for encode_error in calls.encode_errors
        ],
    )


def _take_text(arrays: list[pa.Array], indices: pa.Array) -> pa.Array:
    return pa.chunked_array(arrays, TEXT).combine_chunks().take(indices)


def encoder_threads(rows: int, slice_rows: int = SLICE_ROWS, processors: int | None = None) -> int:
    """Return the number of threads to encode with.

    >>> [encoder_threads(rows, processors=8) for rows in (50_000, 50_001)], encoder_threads(50_001, processors=1)
    ([1, 2], 1)
    """
    if rows <= slice_rows:
        return 1
    return min(MAX_ENCODERS, processors or os.cpu_count() or 1)
