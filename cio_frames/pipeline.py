"""Where the stages meet: columns, validate, encode, batch, deliver, result frame.

Everything left of deliver is pure: no clock, no network. A dry run is the same flow without deliver.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import ahead, lanes, spec, validation
from cio_frames.batching import Batch, batches
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping, Columns, position_of, resolve
from cio_frames.delivery import Delivery, Ended, Outcome, deliver
from cio_frames.encoding import NO_TIME, Calls, Encoder, Form
from cio_frames.encoding.text import TEXT, Fault, join, offsets_of, unescaped
from cio_frames.errors import (
    AuthenticationError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
)
from cio_frames.message_ids import ID_CHARACTERS, MessageIds, UInts, digests, may_be_alike
from cio_frames.plan import Plan, vendor_plan
from cio_frames.progress import bar
from cio_frames.report import Survey, ValidationReport, column_facts, merged
from cio_frames.results import Outcomes

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Fragments of this many rows stay in the processor's cache, and memory stays flat.
SLICE_ROWS = 50_000


# Arrow and orjson work side by side in threads; hashing and numpy's smaller steps do not, so that more than this gain
# little and take memory.
MOST_ENCODERS = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: which calls, from which columns, checked and written how.

    Attributes
    ----------
    call : str
        One of the six calls, or ``"batch"`` where a column says which call each row is.
    event : str or None
        One event name for all track calls.
    schema : "spec", None, or a pandera schema
        What rows are checked against; ``"spec"`` is the plan.
    plan : Plan
        What is known of calls and events.
    strict_schema : bool
        Whether warnings hold rows back as errors do.
    """

    call: spec.CallName | Literal["batch"]
    mapping: ColumnMapping
    event: str | None = None
    schema: Any = "spec"
    form: Form = field(default_factory=Form)
    plan: Plan = field(default_factory=vendor_plan)
    strict_schema: bool = False

    @property
    def what(self) -> str:
        """The call in words."""
        return f"{self.call} {self.event!r}" if self.event else self.call

    @property
    def against(self) -> str:
        """What rows are checked against, in words."""
        edition = f"Customer.io\u2019s spec of {spec.api().edition}"
        match self.schema:
            case None:
                words = f"no schema: only how rows can be written, by {edition}"
            case "spec":
                words = f"{edition}, with {self.plan.title} on top" if self.plan.title else edition
            case _:
                words = f"a schema of your own, and {edition} beside it"
        return f"{words}; warnings hold back too" if self.strict_schema else words


@dataclass(frozen=True, slots=True)
class Part:
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

    def __init__(self, frame: pd.DataFrame, request: Request, *, warn: bool = False) -> None:
        self.rows = len(frame)
        self.frame = frame
        self.request = request
        self.parts: list[Part] = []
        found: list[pd.DataFrame] = []
        # The column that names events is no property, also where it was found and not given.
        label = _event_label(frame, request) if request.call in ("track", "batch") else None
        mapping = request.mapping if label is None else replace(request.mapping, event=label)
        for rows, call, event in _kinds_of_row(frame, request, found):
            some = frame if len(rows) == self.rows else frame.iloc[rows]
            columns = resolve(list(frame.columns), request.plan.calls[call], mapping, event)
            self.parts.append(Part(rows, some, Encoder(some, columns, request.form), columns))
            broken = _broken(some, columns, request, warn=warn or request.strict_schema)
            found.append(broken.assign(position=rows[broken["position"].to_numpy(dtype=np.int64)]))
        self.warns = (warn or request.strict_schema) and request.schema is not None
        if self.warns:
            found += self._repeated_ids()
        broken = validation.together(found)
        if request.strict_schema:
            broken["severity"] = "error"
        error = broken["severity"].eq("error")
        self.failures, self.warnings = (
            (broken, broken[:0]) if error.all() else (broken[some].reset_index(drop=True) for some in (error, ~error))
        )

    def _repeated_ids(self) -> Iterator[pd.DataFrame]:
        """Yield the rows whose message id is not theirs alone, whatever kinds of call they are."""
        source = next((found for part in self.parts if (found := part.columns.source("messageId"))), None)
        ids = self._ids("messageId")
        if source is not None and ids is not None:
            yield from validation.repeated_id_warnings(ids, source.label)

    def people(self) -> Ints:
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
        return lanes.people(ids) if ids else np.full(self.rows, -1)

    def moments(self) -> Ints:
        """Return each row's timestamp in milliseconds, NO_TIME where it has none, or none that is quickly read."""
        found = np.full(self.rows, NO_TIME)
        for part in self.parts:
            found[part.rows] = part.encoder.moments()
        return found

    def _ids(self, wire: str) -> pa.Array | None:
        """Return one kind of id of all rows, in their order."""
        found = [(part, ids) for part in self.parts if (ids := part.encoder.ids(wire)) is not None]
        if not found:
            return None
        if len(found) == 1 and len(found[0][0].rows) == self.rows:
            return found[0][1]
        everywhere = np.full(self.rows, -1, dtype=np.int64)
        rows = np.concatenate([part.rows for part, _ in found])
        everywhere[rows] = np.arange(len(rows))
        ids = pa.chunked_array([ids for _, ids in found]).combine_chunks()
        return ids.take(pa.array(everywhere, mask=everywhere < 0))

    def events(self) -> npt.NDArray[np.object_]:
        """Return the name of what each row adds to a person's activity: an event, ``page`` or ``screen``, or None."""
        names = np.full(self.rows, None, dtype=object)
        for part in self.parts:
            call = part.columns.call.name
            if call in ("page", "screen"):
                names[part.rows] = call
            elif call == "track":
                constant = part.columns.constants.get(("event",))
                ids = part.encoder.ids("event") if constant is None else None
                names[part.rows] = constant if ids is None else ids.to_numpy(zero_copy_only=False)
        return names

    def slices(self, *, threads: int = 1, hashed: bool = True) -> Iterator[Slice]:
        """Yield calls slice by slice, in row order; without digests where no ids are to be made."""
        make = partial(self._slice, hashed=hashed)
        yield from ahead.results(make, range(0, self.rows, SLICE_ROWS), threads=threads)

    def _slice(self, start: int, *, hashed: bool) -> Slice:
        calls = _merged(self.parts, start, min(start + SLICE_ROWS, self.rows))
        given = calls.message_ids is not None and not calls.message_ids.null_count
        return Slice(start, calls, digests(calls.texts) if hashed and not given else None)


def types_of(labels: Sequence[Hashable], request: Request) -> dict[Hashable, str]:
    """Return the types that the spec gives to the fields that columns feed.

    >>> request = Request("track", ColumnMapping(user_id="customer"), "Order Completed")
    >>> types_of(["customer", "order_id", "total", "own"], request)
    {'customer': 'string', 'order_id': 'string', 'total': 'number'}
    """
    found: dict[Hashable, str] = {}
    for call in spec.CALL_NAMES if request.call == "batch" else (request.call,):
        try:
            event = request.plan.event(request.event) or request.event
            columns = resolve(labels, request.plan.calls[call], request.mapping, event)
        except FrameError:
            # Not every kind of call need be possible in a mixed file; what is really missing is told later.
            continue
        typed = [source for source in columns.sources if source.field.type and source.field.format != "date-time"]
        found |= {source.label: str(source.field.type) for source in typed}
    return found


def _broken(frame: pd.DataFrame, columns: Columns, request: Request, *, warn: bool) -> pd.DataFrame:
    """Return the checks that rows break, and on demand those that are no more than warnings."""
    match request.schema:
        case None:
            return validation.together([])
        case "spec":
            validation.check_constants(columns)
            schema = validation.schema_of(columns.call, columns.event)
        case given:
            schema = validation.as_schema(given)
    broken = validation.failures_of(frame, columns, schema, own_columns=request.schema != "spec")
    return validation.together([broken, *validation.warnings_of(frame, columns, request.plan)]) if warn else broken


def _kinds_of_row(
    frame: pd.DataFrame, request: Request, failures: list[pd.DataFrame]
) -> Iterator[tuple[Ints, spec.CallName, spec.Event | str | None]]:
    """Yield rows that are one kind of call, with its event; rows of no kind become failures."""
    if request.call != "batch":
        yield from _by_event(frame, np.arange(len(frame)), request.call, request)
        return
    label = request.mapping.type_column
    types = _column(frame, label, "batch")
    known = types.isin(spec.CALL_NAMES).to_numpy(dtype=bool, na_value=False)
    reason = f"{label}: must be one of {', '.join(spec.CALL_NAMES)}"
    values = types[~known].to_numpy(dtype=object)
    failures.append(validation.failure_cases(np.flatnonzero(~known), label, "type", reason, values=values))
    for call in spec.CALL_NAMES:
        rows = np.flatnonzero(types.eq(call).to_numpy(dtype=bool, na_value=False))
        if len(rows):
            yield from _by_event(frame, rows, call, request)


def _by_event(
    frame: pd.DataFrame, rows: Ints, call: spec.CallName, request: Request
) -> Iterator[tuple[Ints, spec.CallName, spec.Event | str | None]]:
    """Yield track rows by semantic event, and those of other events together; other calls as they are."""
    label = _event_label(frame, request) if call == "track" else None
    if label is None:
        yield rows, call, (request.plan.event(request.event) or request.event) if call == "track" else None
        return
    cells = _column(frame, label, call).iloc[rows].astype(object)
    # What is no text is told of later, with the other cells that cannot be sent.
    known = [request.plan.event(cell) if isinstance(cell, str) else None for cell in cells]
    names = np.array(["" if event is None else event.name for event in known], dtype=object)
    for name in sorted(set(names) - {""}):
        yield rows[names == name], call, request.plan.event(name)
    others = rows[names == ""]
    if len(others) or len(frame) == 0:
        yield others, call, None


def _event_label(frame: pd.DataFrame, request: Request) -> Hashable | None:
    if request.event is not None:
        return None
    if request.mapping.event is not None:
        return request.mapping.event
    return "event" if "event" in frame.columns else None


def _column(frame: pd.DataFrame, label: Hashable, call: str) -> pd.Series[Any]:
    """Return one column by label, or say what is wrong with it."""
    return frame.iloc[:, position_of(list(frame.columns), label, call)]


def _merged(parts: list[Part], start: int, stop: int) -> Calls:
    """Return the calls of rows ``start`` to ``stop`` from all parts, in row order."""
    places, found = [], []
    for part in parts:
        first, last = np.searchsorted(part.rows, [start, stop])
        if last > first:
            places.append(part.rows[first:last] - start)
            found.append(part.encoder.calls(int(first), int(last)))
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
        ms=np.where(order < 0, NO_TIME, np.concatenate([*(calls.ms for calls in found), [NO_TIME]])[order]),
        faults=[
            fault._replace(rows=rows[fault.rows])
            for rows, calls in zip(places, found, strict=True)
            for fault in calls.faults
        ],
    )


def _taken(arrays: list[pa.Array], take: pa.Array) -> pa.Array:
    return pa.chunked_array(arrays, TEXT).combine_chunks().take(take)


class Written(NamedTuple):
    """One slice of rows, written.

    Attributes
    ----------
    start : int
        The position of its first row.
    payloads : pyarrow.LargeStringArray
        Each call's JSON with a comma behind it; null where a row stays here.
    sizes : numpy array of int64
        Each call's bytes, without the comma.
    lost : numpy array of bool
        Rows that are invalid.
    ms : numpy array of int64
        The calls' timestamps in milliseconds, NO_TIME where there is none.
    """

    start: int
    payloads: pa.Array
    sizes: Ints
    lost: Bools
    ms: Ints


class Sending:
    """One run of the flow: encodes slice by slice, notes what it learns, hands out batches.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    client : Client
        Whose limits count.
    counted : callable
        Told how many rows were found to stay here.
    message_ids : MessageIds, optional
        Gives the calls their ids, where these rows are some of more.
    named : bool
        Whether calls get ids at all. Where they are only measured, what takes the room of one will do.
    settled : numpy array of bool, optional
        Rows that are written and not sent, since an earlier run has sent them.

    >>> from cio_frames.columns import ColumnMapping
    >>> people = pd.DataFrame({"user_id": ["ada", None]})
    >>> sending = Sending(Prepared(people, Request("identify", ColumnMapping())), Client(write_key="secret"))
    >>> [(lane, batch.rows.tolist()) for lane, batch in sending.batches()]
    [(0, [0])]
    >>> sending.outcomes.frame(people.index)["reason"].tolist()[1]
    'user_id: is missing, and is needed'
    """

    def __init__(
        self,
        prepared: Prepared,
        client: Client,
        *,
        counted: Callable[[int], Any] = lambda rows: None,
        message_ids: MessageIds | None = None,
        named: bool = True,
        settled: Bools | None = None,
        encoders: int | None = None,
    ) -> None:
        self._encoders = _encoders(prepared.rows) if encoders is None else encoders
        self._prepared = prepared
        self._client = client
        self._counted = counted
        self.outcomes = Outcomes(prepared.rows)
        self.failed, self._reasons = validation.rows_by_reason(prepared.failures, prepared.rows)
        # Told at once: delivery may stop before a row's slice is encoded, and it is invalid all the same.
        self.outcomes.tell_reasons(np.flatnonzero(self.failed), self._reasons[self.failed])
        self.faults: list[Fault] = []
        self.too_large: list[tuple[Ints, npt.NDArray[np.object_]]] = []
        self.warnings: list[pd.DataFrame] = []
        self._told = _Told(prepared.failures, prepared.rows)
        self._message_ids = (message_ids or MessageIds()) if named else None
        self._settled = np.zeros(prepared.rows, dtype=bool) if settled is None else settled
        person = prepared.people()
        repeated = lanes.repeated(person)
        self._lane = person % client.workers if (repeated & (person >= 0)).any() else None
        self._may_repeat = repeated
        if message_ids is not None:
            # Where ids are shared with other frames, any row may be like one of theirs.
            self._may_repeat = np.ones(prepared.rows, dtype=bool)
        elif named and repeated.any():
            self._may_repeat = repeated & may_be_alike(person, prepared.moments())
        self._turn = 0

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Yield the batches to send, each with its lane."""
        for written in self.written():
            yield from self.cut(written)

    def cut(self, written: Written) -> Iterator[tuple[int, Batch]]:
        """Yield the batches of one slice, each with its lane."""
        start, payloads = written.start, written.payloads
        kept = np.flatnonzero(np.asarray(payloads.is_valid()) & ~self._settled[start : start + len(payloads)])
        if self._lane is None:
            yield from self._cut(start, kept, payloads, None)
            return
        lane = self._lane[start + kept]
        for number in range(self._client.workers):
            yield from self._cut(start, kept[lane == number], payloads, number)

    def _cut(self, start: int, rows: Ints, payloads: pa.Array, lane: int | None) -> Iterator[tuple[int, Batch]]:
        """Cut the payloads of some rows into bodies; without a lane they take turns."""
        if len(rows) == 0:
            return
        some = payloads if len(rows) == len(payloads) else payloads.take(pa.array(rows))
        buffer = memoryview(some.buffers()[2])
        for batch in batches(start + rows, offsets_of(some), buffer, max_body_bytes=self._client.max_body_bytes):
            yield (self._turn if lane is None else lane) % self._client.workers, batch
            self._turn += 1

    def written(self) -> Iterator[Written]:
        """Yield what was written, slice by slice."""
        for start, calls, hashed in self._prepared.slices(threads=self._encoders, hashed=self._message_ids is not None):
            stop = start + len(calls.texts)
            lost = self.failed[start:stop].copy()
            for fault in calls.faults:
                lost[fault.rows] = True
                self._note(fault._replace(rows=start + fault.rows))
            self.outcomes.tell_reasons(start + np.flatnonzero(lost), self._reasons[start:stop][lost])
            ids = self._ids(calls, hashed, self._may_repeat[start:stop] & ~lost)
            payloads = join([calls.texts, ',"messageId":"', ids, '"},'])
            sizes = np.diff(offsets_of(payloads)) - 1
            large = ~lost & (sizes > self._client.max_call_bytes)
            if large.any():
                reasons = _too_large(sizes[large], self._client.max_call_bytes)
                self._hold_back(start + np.flatnonzero(large), reasons)
            self.outcomes.measured(start + np.flatnonzero(~lost), sizes[~lost])
            payloads = _without(payloads, lost | large)
            if self._prepared.warns:
                payloads = self._without_large_events(payloads, start)
            gone = np.asarray(payloads.is_null())
            self.outcomes.named(unescaped(_without(ids, gone)))
            self._counted(int(gone.sum()))
            yield Written(start, payloads, sizes, lost, calls.ms)

    def _without_large_events(self, payloads: pa.Array, start: int) -> pa.Array:
        """Note the events whose properties are too much for Journeys, and return the payloads that go out."""
        for cases in validation.event_data_warnings(payloads, start):
            if not self._prepared.request.strict_schema:
                self.warnings.append(cases)
                continue
            rows = cases["position"].to_numpy(dtype=np.int64)
            self._note(Fault(rows, cases["reason"].iloc[0], None, cases["check"].iloc[0]))
            self.outcomes.tell_reasons(rows, self._reasons[rows])
            held_back = np.zeros(len(payloads), dtype=bool)
            held_back[rows - start] = True
            payloads = _without(payloads, held_back)
        return payloads

    def _ids(self, calls: Calls, hashed: UInts | None, may_repeat: Bools) -> pa.Array:
        given = calls.message_ids
        if given is not None and not given.null_count:
            return given
        if self._message_ids is None or hashed is None:
            made = pa.repeat(pa.scalar("0" * ID_CHARACTERS, TEXT), len(calls.texts))
        else:
            made = self._message_ids.of(hashed, calls.ms, may_repeat=may_repeat)
        return made if given is None else pc.coalesce(given, made)

    def _note(self, fault: Fault) -> None:
        """Add a reason to rows that cannot be sent, where nothing has been told of the same column yet."""
        news = self._told.news(fault)
        before = self._reasons[news.rows]
        first = pd.isna(before)
        self._reasons[news.rows[first]] = fault.reason
        self._reasons[news.rows[~first]] = before[~first] + f"; {fault.reason}"
        self.faults.append(news)

    def _hold_back(self, rows: Ints, reasons: npt.NDArray[np.object_]) -> None:
        """Say that rows are too large for a call, each with its size."""
        self.outcomes.tell(rows, "too_large", reason=reasons)
        self.too_large.append((rows, reasons))


class _Told:
    """Of which columns which rows have been told of already."""

    def __init__(self, failures: pd.DataFrame, rows: int) -> None:
        self._rows = rows
        self._positions: Ints = failures["position"].to_numpy(dtype=np.int64)
        self._codes, self._labels = pd.factorize(failures["column"].to_numpy(dtype=object))
        self._by_label: dict[Hashable, Bools] = {}

    def news(self, fault: Fault) -> Fault:
        """Return a fault of those rows only that nothing has been told of the same column; what is told is noted."""
        if fault.label is None:
            return fault
        if fault.label not in self._by_label:
            self._by_label[fault.label] = self._found(fault.label)
        told = self._by_label[fault.label]
        rows = fault.rows[~told[fault.rows]]
        told[rows] = True
        return fault._replace(rows=rows)

    def _found(self, label: Hashable) -> Bools:
        """Return the rows of which validation has told something about a column."""
        told = np.zeros(self._rows, dtype=bool)
        code = next((code for code, each in enumerate(self._labels) if each == label), len(self._labels))
        told[self._positions[self._codes == code]] = True
        return told


def _too_large(sizes: Ints, limit: int) -> npt.NDArray[np.object_]:
    """Return in words how much too large calls are; there are fewer sizes than calls.

    >>> _too_large(np.array([32_001]), 32_000).tolist()
    ['32,001 bytes, and a call may have 32,000']
    """
    codes, distinct = pd.factorize(sizes)
    words = [f"{size:,} bytes, and a call may have {limit:,}" for size in distinct.tolist()]
    return np.array(words, dtype=object)[codes]


def _encoders(rows: int) -> int:
    """Return in how many threads to encode."""
    return max(1, min(MOST_ENCODERS, os.cpu_count() or 1, math.ceil(rows / SLICE_ROWS)))


def _without(array: pa.Array, gone: Bools) -> pa.Array:
    return pc.if_else(pa.array(gone), pa.scalar(None, TEXT), array) if gone.any() else array


def run(
    frame: pd.DataFrame,
    request: Request,
    *,
    client: Client | None,
    dry_run: bool,
    on_invalid: Literal["skip", "raise"],
    progress: bool | None,
) -> pd.DataFrame:
    """Send a frame, or only say what would be sent, and return the result frame."""
    if on_invalid not in ("skip", "raise"):
        raise FrameError(f"on_invalid={on_invalid!r} is neither 'skip' nor 'raise'.")
    if client is not None and not isinstance(client, Client):
        raise FrameError(f"client= takes a Client, not {type(client).__name__}; write Client(write_key=...).")
    # Without a client a dry run has the default limits, and needs no key.
    client = client or (Client(write_key="dry-run") if dry_run else Client.from_env())
    prepared = Prepared(frame, request)
    if on_invalid == "raise":
        _raise_invalid(prepared, client)
    if dry_run:
        sending = Sending(prepared, client)
        for number, (_, batch) in enumerate(sending.batches()):
            sending.outcomes.tell(batch.rows, "ready", batch=number)
        return sending.outcomes.frame(frame.index)
    with bar(len(frame), progress, request.what) as rows:
        sending = Sending(prepared, client, counted=rows.update)
        delivery = deliver(sending.batches(), client, told=_teller(sending.outcomes, rows.update))
    return _finished(sending.outcomes, delivery, frame.index)


def _raise_invalid(prepared: Prepared, client: Client) -> None:
    """Raise where any row is invalid, before anything is sent."""
    report = _report(prepared, client, pd.Timestamp.now("UTC"))
    if not report.ok:
        raise InvalidRowsError(report)


def _teller(outcomes: Outcomes, counted: Callable[[int], Any]) -> Callable[[Outcome], None]:
    """Return what delivery calls with each outcome."""

    def told(outcome: Outcome) -> None:
        outcomes.tell(
            outcome.rows,
            outcome.status,
            reason=outcome.reason,
            batch=outcome.batch,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )
        counted(len(outcome.rows))

    return told


def _finished(outcomes: Outcomes, delivery: Delivery, index: pd.Index[Any]) -> pd.DataFrame:
    """Return the result frame, or raise with it where delivery ended early for more than one batch's sake."""
    outcomes.unsent(delivery.why or "not sent")
    result = outcomes.frame(index)
    match delivery.ended:
        case Ended.UNAUTHORIZED:
            raise AuthenticationError(delivery.why, result)
        case Ended.INTERRUPTED:
            raise InterruptedLoad(delivery.why, result)
        case Ended.UNEXPECTED | Ended.FAILED:
            raise DeliveryError(delivery.why, result) from delivery.error
    return result


def report(
    frame: pd.DataFrame, request: Request, client: Client | None = None, *, checked_at: pd.Timestamp | None = None
) -> ValidationReport:
    """Check a frame, encode it, send nothing, and return what is wrong with it, and the facts of its rows."""
    prepared = Prepared(frame, request, warn=True)
    return _report(prepared, client or Client(write_key="dry-run"), checked_at or pd.Timestamp.now("UTC"))


def _report(prepared: Prepared, client: Client, checked_at: pd.Timestamp) -> ValidationReport:
    sending = Sending(prepared, client, named=False)
    survey = Survey(checked_at, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
    events = prepared.events()
    for written in sending.written():
        survey.sized(written.sizes[~written.lost])
        kept = np.flatnonzero(np.asarray(written.payloads.is_valid()))
        survey.timed(written.ms[kept], events[written.start + kept])
        for _, batch in sending.cut(written):
            survey.sent(body_bytes=len(batch.body))
    found = [prepared.failures]
    found += [
        validation.failure_cases(
            fault.rows, fault.label, fault.check, fault.reason, values=_cells(prepared.frame, fault)
        )
        for fault in sending.faults
    ]
    found += [validation.failure_cases(rows, None, "max_call_bytes", reasons) for rows, reasons in sending.too_large]
    found += [prepared.warnings, *sending.warnings]
    columns = [
        each
        for part in prepared.parts
        for each in column_facts(part.frame, part.columns, prepared.request.form.timezone)
    ]
    return ValidationReport(
        prepared.request.what,
        prepared.frame.index,
        validation.together(found),
        survey.facts(merged(columns)),
        against=prepared.request.against,
    )


def _cells(frame: pd.DataFrame, fault: Fault) -> npt.NDArray[np.object_] | None:
    """Return the cells that a fault is about, where its label says which column that is."""
    places = [place for place, label in enumerate(frame.columns) if label == fault.label]
    return frame.iloc[:, places[0]].iloc[fault.rows].to_numpy(dtype=object) if len(places) == 1 else None


# Fields that say who or what a call is about, and their names for people.
_ABOUT = {
    ("userId",): "id",
    ("properties", "objectId"): "object_id",
    ("properties", "objectTypeId"): "object_type_id",
    ("properties", "deliveryId"): "delivery_id",
    ("properties", "contentId"): "content_id",
}


def ids_of(frame: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Return who or what each row is about, one column per kind of id."""
    (part,) = Prepared(frame, request).parts
    found = {name: part.encoder.ids(*path) for path, name in _ABOUT.items()}
    return pd.DataFrame({name: ids.to_pylist() for name, ids in found.items() if ids is not None})


def payloads(frame: pd.DataFrame, request: Request, client: Client | None = None) -> pd.Series[Any]:
    """Return the JSON that would go out for each row; null where a row would stay here."""
    sending = Sending(Prepared(frame, request), client or Client(write_key="dry-run"))
    chunks = [pc.utf8_slice_codeunits(some, 0, -1) for some in (written.payloads for written in sending.written())]
    texts = pa.chunked_array(chunks, TEXT)
    return pd.Series(pd.array(texts, dtype=pd.StringDtype("pyarrow")), index=frame.index, name="payload")
