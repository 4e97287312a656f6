"""One run of the flow: from slices of calls to batches, with what is learnt on the way noted row by row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import validation
from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.client import Client
from cio_frames.delivery.batching import Batch, batches
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import Outcome
from cio_frames.encoding import NO_ID, Calls, with_ids
from cio_frames.encoding.text import TEXT, EncodeError, offsets_of, unescaped
from cio_frames.pipeline import ordering
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.pipeline.prepared import Prepared, encoders_for
from cio_frames.results import Outcomes


class EncodedSlice(NamedTuple):
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
    invalid: Bools
    timestamp_ms: Ints


class EncodeRun:
    """One run of the flow: encodes slice by slice, notes what it learns, hands out batches.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    client : Client
        Whose limits count.
    observer : Observer, optional
        Its ``on_rows`` is called with the number of rows that are held back.
    message_ids : MessageIds, optional
        Gives the calls their ids, where these rows are some of more.
    named : bool
        Whether calls get ids at all. Where they are only measured, what takes the room of one will do.
    settled : numpy array of bool, optional
        Rows that are written and not sent, since an earlier run has sent them.

    >>> from cio_frames.columns import ColumnMapping
    >>> from cio_frames.pipeline import CallSpec
    >>> people = pd.DataFrame({"user_id": ["ada", None]})
    >>> sending = EncodeRun(Prepared(people, CallSpec("identify", ColumnMapping())), Client(write_key="secret"))
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
        observer: Observer | None = None,
        message_ids: MessageIds | None = None,
        with_message_ids: bool = True,
        settled: Bools | None = None,
        encoders: int | None = None,
    ) -> None:
        self._encoders = encoders_for(prepared.rows) if encoders is None else encoders
        self._prepared = prepared
        self._client = client
        self._observer = observer or NullObserver()
        self.outcomes = Outcomes(prepared.rows)
        self.failed, self._reasons = validation.rows_by_reason(prepared.failures, prepared.rows)
        # Told at once: delivery may stop before a row's slice is encoded, and it is invalid all the same.
        self.outcomes.tell_reasons(np.flatnonzero(self.failed), self._reasons[self.failed])
        self.encode_errors: list[EncodeError] = []
        self.too_large: list[tuple[Ints, npt.NDArray[np.object_]]] = []
        self.warnings: list[pd.DataFrame] = []
        # Made when there is a fault: mostly there is none.
        self._told: _Told | None = None
        # Calls that bring ids of their own along need none; others, also in other frames, may be like them.
        needless = not with_message_ids or (message_ids is None and prepared.are_named())
        self._message_ids = None if needless else message_ids or MessageIds()
        self._settled = np.zeros(prepared.rows, dtype=bool) if settled is None else settled
        person = prepared.person_keys()
        several = ordering.has_duplicates(person)
        # Few bits sort fast.
        self._lane = (person % client.workers).astype(np.min_scalar_type(client.workers)) if several else None
        if message_ids is not None:
            # Where ids are shared with other frames, any row may be like one of theirs.
            self._may_repeat = np.ones(prepared.rows, dtype=bool)
        elif with_message_ids and several:
            self._may_repeat = ordering.may_collide(person, prepared.timestamps_ms())
        else:
            self._may_repeat = person == ordering.NOBODY
        self._turn = 0

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Yield the batches to send, each with its lane."""
        for encoded in self.encoded_slices():
            yield from self.cut(encoded)

    def cut(self, encoded: EncodedSlice) -> Iterator[tuple[int, Batch]]:
        """Yield the batches of one slice, each with its lane; where nobody has several rows, lanes take turns."""
        start, payloads = encoded.start, encoded.payloads
        rows = np.flatnonzero(np.asarray(payloads.is_valid()) & ~self._settled[start : start + len(payloads)])
        bounds = np.array([0, len(rows)])
        if self._lane is not None:
            lane = self._lane[start + rows]
            # Lane by lane, and in row order within each.
            order = np.argsort(lane, kind="stable")
            rows, bounds = rows[order], np.searchsorted(lane[order], np.arange(self._client.workers + 1))
        some = payloads if self._lane is None and len(rows) == len(payloads) else payloads.take(pa.array(rows))
        offsets, buffer = offsets_of(some), memoryview(some.buffers()[2] or b"")
        limit = self._client.max_body_bytes
        for number, (first, last) in enumerate(pairwise(bounds.tolist())):
            for batch in batches(start + rows[first:last], offsets[first : last + 1], buffer, max_body_bytes=limit):
                yield (self._turn % self._client.workers if self._lane is None else number), batch
                self._turn += 1

    def record(self, outcome: Outcome) -> None:
        """Note an outcome of delivery."""
        self.outcomes.tell(
            outcome.rows,
            outcome.status,
            reason=outcome.reason,
            batch=outcome.batch,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )

    def encoded_slices(self) -> Iterator[EncodedSlice]:
        """Yield what was written, slice by slice."""
        for start, calls, hashed in self._prepared.slices(threads=self._encoders, hashed=self._message_ids is not None):
            stop = start + len(calls.texts)
            invalid = self.failed[start:stop].copy()
            for encode_error in calls.encode_errors:
                invalid[encode_error.rows] = True
                self._note(encode_error._replace(rows=start + encode_error.rows))
            self.outcomes.tell_reasons(start + np.flatnonzero(invalid), self._reasons[start:stop][invalid])
            payloads, ids = self._named(calls, hashed, self._may_repeat[start:stop] & ~invalid)
            sizes = np.diff(offsets_of(payloads)) - 1
            large = ~invalid & (sizes > self._client.max_call_bytes)
            if large.any():
                reasons = _too_large(sizes[large], self._client.max_call_bytes)
                self._hold_back(start + np.flatnonzero(large), reasons)
            self.outcomes.measured(start + np.flatnonzero(~invalid), sizes[~invalid])
            payloads = _without(payloads, invalid | large)
            if self._prepared.warns:
                payloads = self._without_large_events(payloads, start)
            gone = np.asarray(payloads.is_null())
            self.outcomes.named(unescaped(_without(ids, gone)))
            self._observer.on_rows(int(gone.sum()))
            yield EncodedSlice(start, payloads, sizes, invalid, calls.ms)

    def _without_large_events(self, payloads: pa.Array, start: int) -> pa.Array:
        """Note the events whose properties are too much for Journeys, and return the payloads that go out."""
        for cases in validation.event_data_warnings(payloads, start):
            if not self._prepared.call_spec.strict_schema:
                self.warnings.append(cases)
                continue
            rows = cases["position"].to_numpy(dtype=np.int64)
            self._note(EncodeError(rows, cases["reason"].iloc[0], None, cases["check"].iloc[0]))
            self.outcomes.tell_reasons(rows, self._reasons[rows])
            held_back = np.zeros(len(payloads), dtype=bool)
            held_back[rows - start] = True
            payloads = _without(payloads, held_back)
        return payloads

    def _named(self, calls: Calls, hashed: UInts | None, may_repeat: Bools) -> tuple[pa.Array, pa.Array]:
        """Return the calls with their message ids, and these."""
        given = calls.message_ids
        if self._message_ids is None or hashed is None:
            none = pa.repeat(pa.scalar(NO_ID, TEXT), len(calls.texts))
            return calls.texts, none if given is None else pc.fill_null(given, NO_ID)
        made = self._message_ids.of(hashed, calls.ms, may_repeat=may_repeat)
        nameless = np.asarray(calls.texts.is_valid())
        if given is not None:
            nameless &= np.asarray(given.is_null())
        return with_ids(calls.texts, made, nameless), made if given is None else pc.coalesce(given, made)

    def _note(self, encode_error: EncodeError) -> None:
        """Add a reason to rows that cannot be sent, where nothing has been told of the same column yet."""
        self._told = self._told or _Told(self._prepared.failures, self._prepared.rows)
        news = self._told.news(encode_error)
        before = self._reasons[news.rows]
        first = pd.isna(before)
        self._reasons[news.rows[first]] = encode_error.reason
        self._reasons[news.rows[~first]] = before[~first] + f"; {encode_error.reason}"
        self.encode_errors.append(news)

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

    def news(self, encode_error: EncodeError) -> EncodeError:
        """Return a fault of those rows only that nothing has been told of the same column; what is told is noted."""
        if encode_error.label is None:
            return encode_error
        if encode_error.label not in self._by_label:
            self._by_label[encode_error.label] = self._found(encode_error.label)
        told = self._by_label[encode_error.label]
        rows = encode_error.rows[~told[encode_error.rows]]
        told[rows] = True
        return encode_error._replace(rows=rows)

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


def _without(array: pa.Array, gone: Bools) -> pa.Array:
    return pc.if_else(pa.array(gone), pa.scalar(None, TEXT), array) if gone.any() else array
