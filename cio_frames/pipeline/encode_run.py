"""One run of the flow: from slices of calls to batches, with the outcome of every row that stays here."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import validation
from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.arrow.buffers import TEXT, offsets_of
from cio_frames.client import Client
from cio_frames.columns import Path
from cio_frames.delivery.batching import Batch, BatchCutter, batches
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import Outcome
from cio_frames.encoding import NO_ID, Calls, EncodeError, write_message_ids
from cio_frames.encoding.text import JsonText, unescape_json
from cio_frames.pipeline import ordering
from cio_frames.pipeline.lanes import LaneChoice, choose_lanes
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.pipeline.prepared import Prepared, encoder_threads
from cio_frames.results import Outcomes


class EncodedSlice(NamedTuple):
    """One slice of rows, encoded.

    Attributes
    ----------
    start : int
        The position of its first row.
    payloads : pyarrow.LargeStringArray
        The JSON of each call, followed by a comma; null for rows that are not sent.
    sizes : numpy array of int64
        The bytes of each call, without the comma.
    invalid : numpy array of bool
        Rows that are invalid.
    timestamp_ms : numpy array of int64
        The timestamps of the calls in milliseconds, NO_TIME for calls without one.
    message_ids : pyarrow.LargeStringArray
        The message ids of the calls; null for rows that are not sent, and for calls that get theirs only when they are.
    fields : dict of path to JsonText
        The text of each field that a column feeds; empty if the rows make several kinds of call.
    """

    start: int
    payloads: pa.Array
    sizes: Ints
    invalid: Bools
    timestamp_ms: Ints
    message_ids: pa.Array
    fields: Mapping[Path, JsonText]


class EncodeRun:
    """One run of the flow: encodes slice by slice, records outcomes, and yields batches.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    client : Client
        Its limits and number of lanes count.
    message_ids : MessageIds or None
        Makes the ids of the calls. None if calls are only measured: a placeholder of the same size is enough.
    observer : Observer, optional
        Receives the number of rows that are not sent, slice by slice.
    lanes : LaneChoice, optional
        The lanes of the rows; pass them if this frame is part of a load.
    settled : numpy array of bool, optional
        Rows that are encoded and not sent, because an earlier run sent them.
    encoders : int, optional
        The number of threads to encode with. Default depends on rows and processors.

    >>> from cio_frames.pipeline import build_call_spec
    >>> people = pd.DataFrame({"user_id": ["ada", None]})
    >>> prepared, client = Prepared(people, build_call_spec("identify")), Client(write_key="secret")
    >>> encode_run = EncodeRun(prepared, client, message_ids=None)
    >>> [(lane, batch.rows.tolist()) for lane, batch in encode_run.batches()]
    [(0, [0])]
    >>> encode_run.outcomes.frame(people.index)["reason"].tolist()[1]
    'user_id: required value is missing'
    """

    def __init__(
        self,
        prepared: Prepared,
        client: Client,
        *,
        message_ids: MessageIds | None,
        observer: Observer | None = None,
        lanes: LaneChoice | None = None,
        settled: Bools | None = None,
        encoders: int | None = None,
    ) -> None:
        self._encoders = encoders or encoder_threads(prepared.rows, prepared.slice_rows)
        self._prepared = prepared
        self._client = client
        self._observer = observer or NullObserver()
        self.outcomes = Outcomes(prepared.rows)
        self.failed, self._reasons = validation.rows_by_reason(prepared.failures, prepared.rows)
        # Recorded before encoding: delivery may stop before a row's slice is encoded, and it is invalid all the same.
        self.outcomes.record_invalid(np.flatnonzero(self.failed), self._reasons[self.failed])
        if len(prepared.warnings):
            has_warning, warnings = validation.rows_by_reason(prepared.warnings, prepared.rows)
            self.outcomes.add_warnings(np.flatnonzero(has_warning), warnings[has_warning])
        self.encode_errors: list[EncodeError] = []
        self.too_large: list[tuple[Ints, npt.NDArray[np.object_]]] = []
        self.warnings: list[pd.DataFrame] = []
        # Made at the first encode error: mostly there is none.
        self._reported: _ReportedCells | None = None
        is_shared = message_ids is not None and message_ids.is_shared
        # Calls that bring their own ids need none; if MessageIds is shared, calls of other frames may equal them.
        self._message_ids = None if not is_shared and prepared.all_have_message_ids() else message_ids
        self._settled = np.zeros(prepared.rows, dtype=bool) if settled is None else settled
        self._is_shared = is_shared
        self._given_lanes = lanes

    @cached_property
    def _lanes(self) -> LaneChoice:
        """The lanes of the rows: found while the second slice is encoded, in threads of its own."""
        return self._given_lanes or choose_lanes(self._prepared, self._client.workers)

    @cached_property
    def _may_repeat(self) -> Bools:
        if self._is_shared:
            # Any row may equal one of the frames that share the ids.
            return np.ones(self._prepared.rows, dtype=bool)
        if self._message_ids is not None and self._lanes.lane is not None:
            return ordering.may_collide(self._lanes.person, self._prepared.timestamps_ms())
        return np.asarray(self._lanes.person == ordering.NOBODY)

    def record(self, outcome: Outcome) -> None:
        """Record an outcome of delivery."""
        self.outcomes.record(
            outcome.rows,
            outcome.status,
            reason=outcome.reason,
            batch=outcome.batch,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )

    def batches(self, slices: Iterable[EncodedSlice] | None = None) -> Iterator[tuple[int, Batch]]:
        """Yield the batches to send, each with its lane; lanes take turns, so that none waits for another.

        Parameters
        ----------
        slices : iterable of EncodedSlice, optional
            What :meth:`encoded_slices` yields, if somebody else looks at it on the way.
        """
        slices = iter(self.encoded_slices() if slices is None else slices)
        # Before lanes are asked for, since that takes longer.
        slices = itertools.chain(list(itertools.islice(slices, 1)), slices)
        yield from self._batches_in_turn(slices) if self._lanes.lane is None else self._batches_by_person(slices)

    def _batches_in_turn(self, slices: Iterable[EncodedSlice]) -> Iterator[tuple[int, Batch]]:
        """Yield batches of people with one row each: any lane will do for any of them."""
        turns = (number % self._client.workers for number in itertools.count(self._lanes.first_lane))
        for encoded in slices:
            for _, rows, offsets, buffer in self._payloads_by_lane(encoded):
                for batch in batches(rows, offsets, buffer, max_body_bytes=self._client.max_body_bytes):
                    yield next(turns), batch

    def _batches_by_person(self, slices: Iterable[EncodedSlice]) -> Iterator[tuple[int, Batch]]:
        """Yield batches whose lane depends on the person."""
        cutter = BatchCutter(self._client.workers, max_body_bytes=self._client.max_body_bytes)
        for encoded in slices:
            yield from _take_turns([cutter.add(*payloads) for payloads in self._payloads_by_lane(encoded)])
        yield from cutter.rest()

    def _payloads_by_lane(self, encoded: EncodedSlice) -> Iterator[tuple[int, Ints, Ints, memoryview]]:
        """Yield the payloads of each lane that are to be sent, in row order: lane, rows, offsets, buffer."""
        start, payloads = encoded.start, encoded.payloads
        rows = np.flatnonzero(np.asarray(payloads.is_valid()) & ~self._settled[start : start + len(payloads)])
        bounds = np.array([0, len(rows)])
        if self._lanes.lane is not None:
            lane = self._lanes.lane[start + rows]
            # Lane by lane, and in row order within each.
            order = np.argsort(lane, kind="stable")
            rows, bounds = rows[order], np.searchsorted(lane[order], np.arange(self._client.workers + 1))
        is_whole = self._lanes.lane is None and len(rows) == len(payloads)
        sent = payloads if is_whole else payloads.take(pa.array(rows))
        offsets, buffer = offsets_of(sent), memoryview(sent.buffers()[2] or b"")
        for number, (first, last) in enumerate(pairwise(bounds.tolist())):
            yield number, start + rows[first:last], offsets[first : last + 1], buffer

    def encoded_slices(self) -> Iterator[EncodedSlice]:
        """Yield the encoded rows, slice by slice."""
        with_digests = self._message_ids is not None
        for start, calls, digests in self._prepared.slices(threads=self._encoders, with_digests=with_digests):
            stop = start + len(calls.texts)
            invalid = self.failed[start:stop].copy()
            for encode_error in calls.encode_errors:
                invalid[encode_error.rows] = True
                self._add_reason(encode_error._replace(rows=start + encode_error.rows))
            self.outcomes.record_invalid(start + np.flatnonzero(invalid), self._reasons[start:stop][invalid])
            payloads, ids = self._add_message_ids(calls, digests, self._may_repeat[start:stop] & ~invalid)
            sizes = np.diff(offsets_of(payloads)) - 1
            too_large = ~invalid & (sizes > self._client.max_call_bytes)
            if too_large.any():
                self._record_too_large(start + np.flatnonzero(too_large), sizes[too_large])
            self.outcomes.set_sizes(start + np.flatnonzero(~invalid), sizes[~invalid])
            payloads = _set_null(payloads, invalid | too_large)
            if self._prepared.warns:
                payloads = self._check_event_data(payloads, start)
            not_sent = np.asarray(payloads.is_null())
            ids = _set_null(ids, not_sent)
            self.outcomes.add_message_ids(unescape_json(ids))
            self._observer.on_rows(int(not_sent.sum()))
            yield EncodedSlice(start, payloads, sizes, invalid, calls.timestamps_ms, ids, calls.fields)

    def warning_counts(self) -> list[validation.WarningCount]:
        """Return the warnings of rows that are sent, and about columns, counted; complete after the last slice."""
        cases = validation.concat_failures([self._prepared.warnings, *self.warnings])
        return [*validation.count_rows(cases, self.outcomes.held_back()), *self._prepared.column_warnings]

    def people_rows(self) -> validation.PeopleRows | None:
        """Return whom the rows that are sent are about; None if nothing is checked."""
        return self._prepared.people_rows(self.outcomes.held_back())

    def all_warnings(self) -> list[validation.WarningCount]:
        """Return the warnings of a frame that is a whole source, with those that show only over all rows."""
        found = validation.SourceWarnings(max_keys=max(self._prepared.rows, 1))
        people = self.people_rows()
        if people is not None and self._lanes.lane is None:
            # Nobody has several rows, as was found out for the lanes.
            people = replace(people, positions=people.positions[:0], people=people.people[:0])
        found.add(self.warning_counts(), people)
        return found.warnings()

    def _check_event_data(self, payloads: pa.Array, start: int) -> pa.Array:
        """Record events whose properties are too much for Journeys, and return the payloads that are sent."""
        for cases in validation.event_data_warnings(payloads, start):
            if not self._prepared.call_spec.strict_schema:
                self.warnings.append(cases)
                rows = cases["position"].to_numpy(dtype=np.int64)
                self.outcomes.add_warnings(rows, cases["reason"].to_numpy(dtype=object))
                continue
            rows = cases["position"].to_numpy(dtype=np.int64)
            self._add_reason(EncodeError(rows, cases["reason"].iloc[0], None, cases["check"].iloc[0]))
            self.outcomes.record_invalid(rows, self._reasons[rows])
            invalid = np.zeros(len(payloads), dtype=bool)
            invalid[rows - start] = True
            payloads = _set_null(payloads, invalid)
        return payloads

    def _add_message_ids(self, calls: Calls, digests: UInts | None, may_repeat: Bools) -> tuple[pa.Array, pa.Array]:
        """Return the calls with their message ids, and the ids."""
        own_ids = calls.message_ids
        if self._message_ids is None or digests is None:
            placeholders = pa.repeat(pa.scalar(NO_ID, TEXT), len(calls.texts))
            return calls.texts, placeholders if own_ids is None else pc.fill_null(own_ids, NO_ID)
        made = self._message_ids.of(digests, calls.timestamps_ms, may_repeat=may_repeat)
        without_id = np.asarray(calls.texts.is_valid()) & np.asarray(made.is_valid())
        if own_ids is not None:
            without_id &= np.asarray(own_ids.is_null())
        return write_message_ids(calls.texts, made, without_id), made if own_ids is None else pc.coalesce(own_ids, made)

    def _add_reason(self, encode_error: EncodeError) -> None:
        """Add a reason to the rows for which the same column has none yet."""
        self._reported = self._reported or _ReportedCells(self._prepared.failures, self._prepared.rows)
        unreported = self._reported.drop_reported(encode_error)
        before = self._reasons[unreported.rows]
        is_first = pd.isna(before)
        self._reasons[unreported.rows[is_first]] = encode_error.reason
        self._reasons[unreported.rows[~is_first]] = before[~is_first] + f"; {encode_error.reason}"
        self.encode_errors.append(unreported)

    def _record_too_large(self, rows: Ints, sizes: Ints) -> None:
        reasons = size_reasons(sizes, self._client.max_call_bytes)
        self.outcomes.record(rows, "too_large", reason=reasons)
        self.too_large.append((rows, reasons))


def _take_turns(batches_by_lane: list[list[Batch]]) -> Iterator[tuple[int, Batch]]:
    """Yield the first batch of each lane, then the second of each, and so on."""
    for turn in itertools.zip_longest(*batches_by_lane):
        yield from ((lane, batch) for lane, batch in enumerate(turn) if batch is not None)


class _ReportedCells:
    """The rows that already have a reason for a column, column by column."""

    def __init__(self, failures: pd.DataFrame, rows: int) -> None:
        self._rows = rows
        self._positions: Ints = failures["position"].to_numpy(dtype=np.int64)
        self._codes, self._labels = pd.factorize(failures["column"].to_numpy(dtype=object))
        self._by_label: dict[Hashable, Bools] = {}

    def drop_reported(self, encode_error: EncodeError) -> EncodeError:
        """Return the error for the rows without a reason for its column, which have one from now on."""
        label = encode_error.label
        if label is None:
            return encode_error
        if label not in self._by_label:
            self._by_label[label] = self._reported_by_validation(label)
        reported = self._by_label[label]
        rows = encode_error.rows[~reported[encode_error.rows]]
        reported[rows] = True
        return encode_error._replace(rows=rows)

    def _reported_by_validation(self, label: Hashable) -> Bools:
        reported = np.zeros(self._rows, dtype=bool)
        code = next((code for code, each in enumerate(self._labels) if each == label), len(self._labels))
        reported[self._positions[self._codes == code]] = True
        return reported


def size_reasons(sizes: Ints, limit: int) -> npt.NDArray[np.object_]:
    """Return the reason of each call that is over the limit.

    >>> size_reasons(np.array([33_188]), 32_000).tolist()
    ['call is 33,188 bytes; the limit is 32,000']
    """
    # There are fewer sizes than calls.
    codes, distinct = pd.factorize(sizes)
    reasons = [f"call is {size:,} bytes; the limit is {limit:,}" for size in distinct.tolist()]
    return np.array(reasons, dtype=object)[codes]


def _set_null(array: pa.Array, where: Bools) -> pa.Array:
    return pc.if_else(pa.array(where), pa.scalar(None, TEXT), array) if where.any() else array
