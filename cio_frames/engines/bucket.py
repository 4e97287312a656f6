"""One sender of several: takes the next free bucket, sends its rows chunk by chunk, and writes their answers.

What is written about a chunk, each as a whole file, is the protocol between senders, and with those that come later::

    leaving/<bucket>-<chunk>-<try>   before its first request
    answers/<bucket>-<chunk>.parquet when it is through: the commit; it is never sent again
    open/<bucket>-<chunk>-<try>.parquet  the answers of a try that did not end well
    stop.json                        everybody ends

A chunk that left without answers may have been sent: all rows of it that are sent again are marked ``resent``. Their
message ids are the same. As in a load, rows that something on their way has blocked are tried once more by the next
run.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints
from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.deliverer import Deliverer
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import BLOCKED, Delivery, Outcome, StopReason
from cio_frames.delivery.rate_limiter import RateLimiter
from cio_frames.delivery.reasons import EARLIER_MAY_BE_ACCEPTED
from cio_frames.engines.leases import LEASE_SECONDS, Lease, LeaseWatch
from cio_frames.engines.stage import ASKED, StagedFile
from cio_frames.engines.store import RunStore
from cio_frames.errors import CioFramesError, render
from cio_frames.loading.address_secrets import mask_secrets
from cio_frames.loading.chunk_run import count_reasons
from cio_frames.loading.chunks import read_ahead, use_stored_message_ids
from cio_frames.loading.ledger_counts import FINAL_STATUSES
from cio_frames.loading.run import ObserversOf, no_observers
from cio_frames.loading.sources import source_of
from cio_frames.loading.table import parquet_table
from cio_frames.loading.tuning import DEFAULT_TUNING, LoadTuning
from cio_frames.pipeline import CallSpec, EncodeRun, Prepared
from cio_frames.pipeline.as_of import AsOf
from cio_frames.pipeline.campaigns import refuse_wrong_clock
from cio_frames.pipeline.message_ids import MessageIds, Seen
from cio_frames.results import GOOD, Outcomes
from cio_frames.validation import to_records

STOP = "stop.json"
# A kill repeats at most so many rows.
BUCKET_CHUNK_ROWS = 50_000
FACTS = b"cio_frames"
_MAX_TAKEN_AT_ONCE = 16
# Columns of undelivered rows that say why; the names are those of a load.
_WHY = ("status", "reason", "message_id")
_LEASE_LOST = "another worker took over these rows; its answers count"
_STOPPED_ELSEWHERE = "another worker stopped the load"


@dataclass(frozen=True, slots=True)
class SenderPlan:
    """What all senders of a run share.

    Attributes
    ----------
    store : RunStore
        The folder of the run.
    call_spec : CallSpec
        The call.
    client : Client
        Where to; its rate limit is the share of one sender.
    as_of : AsOf
        What stands for the time of calls without a timestamp, in their message ids.
    files : tuple of StagedFile
        The buckets.
    senders : int
        How many senders there are.
    guards_campaigns : bool
        Whether a clock by which young events look old ends the run.
    lease_seconds : float
        After how long a silent sender has lost its bucket.
    tuning : LoadTuning
        Sizes and waits.
    observers_of : callable
        Returns who else is notified of each batch before it leaves, and of each outcome; of this process.
    """

    store: RunStore
    call_spec: CallSpec
    client: Client
    as_of: AsOf
    files: tuple[StagedFile, ...]
    senders: int
    guards_campaigns: bool = False
    lease_seconds: float = LEASE_SECONDS
    tuning: LoadTuning = field(default_factory=lambda: replace(DEFAULT_TUNING, chunk_rows=BUCKET_CHUNK_ROWS))
    observers_of: ObserversOf = no_observers


class LeaseLostError(Exception):
    """Another worker has taken over the bucket."""


class StoppedElsewhereError(Exception):
    """Another sender has stopped the run."""


def run_sender(plan: SenderPlan, number: int) -> int:
    """Send buckets that nobody else sends until all are sent or the run stops; return how many.

    The senders begin at different places. A sender that finds nothing to take waits for the others, and takes over from
    one that is silent. An error of one ends all.
    """
    try:
        plan.store.require_reachable(ASKED)
        return _send_free_buckets(plan, number)
    except Exception as error:
        # What cannot write this any more cannot begin a chunk either.
        with suppress(CioFramesError):
            put_failure(plan.store, error)
        raise


def _send_free_buckets(plan: SenderPlan, number: int) -> int:
    # Not the limiter that all deliveries of a process share: this is the share of one sender.
    limiter = RateLimiter(plan.client.requests_per_second)
    key_accepted = any_accepted(plan.store)
    # One for all buckets, which may be small: connections stay open, and failures in a row are counted.
    with Deliverer(
        plan.client, rate_limiter=limiter, backoff=plan.tuning.backoff, key_accepted=key_accepted
    ) as deliverer:
        return _send_with(deliverer, plan, number)


def any_accepted(store: RunStore) -> bool:
    """Return whether the API has accepted calls of a run before, and so the key."""
    names = (name for folder in ("answers", "open") for name in store.names(folder))
    return any(status in GOOD for name in names for status, _, _ in read_facts(store, name)["reasons"])


def _send_with(deliverer: Deliverer, plan: SenderPlan, number: int) -> int:
    watch = LeaseWatch(plan.store, lease_seconds=plan.lease_seconds)
    count = len(plan.files)
    first = number * count // plan.senders
    waiting = [*plan.files[first:], *plan.files[:first]]
    sent = 0
    while waiting and not plan.store.exists(STOP):
        left: list[StagedFile] = []
        while waiting:
            if plan.store.exists(STOP):
                return sent
            next_files, waiting = _cut_next(waiting, plan)
            files = [file for file in next_files if not is_finished(plan.store, file)]
            leases = watch.try_take_each([file.stem for file in files])
            left += [file for file, lease in zip(files, leases, strict=True) if lease is None]
            taken = [(file, lease) for file, lease in zip(files, leases, strict=True) if lease is not None]
            with ExitStack() as held:
                for _, lease in taken:
                    held.enter_context(lease)
                for file, lease in taken:
                    is_through = BucketRun(plan, file, lease, deliverer).run()
                    sent += is_through
                    if not is_through:
                        # Lost to another worker, which may be lost as well; or all senders end.
                        left.append(file)
        waiting = left
        if waiting:
            time.sleep(min(plan.lease_seconds / 10, 1.0))
    return sent


def _cut_next(waiting: list[StagedFile], plan: SenderPlan) -> tuple[list[StagedFile], list[StagedFile]]:
    """Return the buckets to take at once, and the others.

    At an address, each time costs a wait; but what one sender has taken, another cannot send.
    """
    count = 1 if plan.store.is_local else min(max(len(waiting) // (2 * plan.senders), 1), _MAX_TAKEN_AT_ONCE)
    return waiting[:count], waiting[count:]


def is_finished(store: RunStore, file: StagedFile) -> bool:
    """Return whether a bucket needs no sender in this run."""
    return store.exists(f"done/{file.stem}")


class ChunkState(NamedTuple):
    """What earlier tries of a chunk have left.

    Attributes
    ----------
    tries : int
        How many have begun.
    answers : pandas.DataFrame or None
        The answers of the last try that ended, without a commit.
    may_be_sent : bool
        Whether a later try left without answers.
    blocked : sequence of int
        The rows that were blocked on their way, once for each time.
    """

    tries: int
    answers: pd.DataFrame | None
    may_be_sent: bool
    blocked: Sequence[int] = ()


class BucketRun:
    """Sends the rows of one bucket."""

    def __init__(self, plan: SenderPlan, file: StagedFile, lease: Lease, deliverer: Deliverer) -> None:
        self._plan = plan
        self._deliverer = deliverer
        self._store = plan.store
        self._file = file
        self._lease = lease
        self._seen = Seen()
        self._next_number = 0

    def run(self) -> bool:
        """Send the chunks that are not committed; return whether the bucket is through."""
        source = source_of(self._store.address(self._file.name), chunk_rows=self._plan.tuning.chunk_rows)
        call_spec = use_stored_message_ids(source, self._plan.call_spec)
        positions = self._store.read_table(self._file.positions)
        if not self._file.rows:
            # A frame without rows has answers too: their columns.
            result = Outcomes(0).frame(pd.RangeIndex(0)).assign(resent=np.empty(0, dtype=bool))
            facts = {"reasons": [], "bytes": 0, "requests": 0, "resent": 0}
            self._store.put_table(f"answers/{self._file.stem}-00000.parquet", answers_table(positions, result, facts))
        with read_ahead(source, call_spec) as chunks:
            for chunk, prepared in chunks:
                stem = f"{self._file.stem}-{chunk.number:05d}"
                message_ids = MessageIds(self._plan.as_of, self._seen.copy())
                beside = positions.slice(chunk.first_row, prepared.rows)
                if self._store.exists(f"answers/{stem}.parquet"):
                    _encode_only(prepared, self._plan.client, message_ids)
                elif not self._send_chunk(stem, prepared, message_ids, beside):
                    return False
                self._seen.add(message_ids.numbers)
        self._store.put(f"done/{self._file.stem}", b"")
        return True

    def _send_chunk(self, stem: str, prepared: Prepared, message_ids: MessageIds, positions: pa.Table) -> bool:
        """Send one chunk and write its answers; return whether the next one can be sent."""
        if not self._lease.renew() or self._store.exists(STOP):
            return False
        state = read_state(self._store, stem)
        to_send = rows_to_send(state, prepared.rows)
        guards_campaigns = self._plan.guards_campaigns
        observer = _SenderObserver(
            self._store, self._lease, prepared.rows,
            guards_campaigns=guards_campaigns, others=self._plan.observers_of(prepared),
        )  # fmt: skip
        encode_run = observer.encode_run = EncodeRun(
            prepared, self._plan.client, observer=observer, message_ids=message_ids, settled=to_send.settled
        )
        if state.answers is not None:
            # Also those of blocked rows, which keep them where this try does not reach them.
            _record_answers(encode_run, state.answers, to_send.settled | _are_blocked(state.answers))
        self._store.put(f"leaving/{stem}-{state.tries}", b"")
        delivery = self._deliverer.deliver(encode_run.batches(), observer=observer, first_number=self._next_number)
        self._next_number += delivery.requests
        # Whoever took over while this worker was frozen has sent the chunk again, and its answers count.
        if isinstance(delivery.error, LeaseLostError) or not self._lease.renew():
            return False
        self._write_answers(stem, state, prepared, observer, delivery, positions, to_send)
        if not self._lease.is_held():
            return False
        # The two refer to each other, and would keep the rows of the chunk until Python looks for such cycles.
        del observer.encode_run
        if delivery.stop_reason is not None:
            put_stop(self._store, delivery)
        return delivery.stop_reason is None

    def _write_answers(
        self,
        stem: str,
        state: ChunkState,
        prepared: Prepared,
        observer: _SenderObserver,
        delivery: Delivery,
        positions: pa.Table,
        to_send: RowsToSend,
    ) -> None:
        encode_run = observer.encode_run
        encode_run.outcomes.mark_unsent(render(delivery.why) or "not sent")
        encode_run.outcomes.mark_unknown(to_send.in_doubt, EARLIER_MAY_BE_ACCEPTED)
        resent = to_send.again & observer.left | _were_resent(state, prepared.rows)
        result = encode_run.outcomes.frame(pd.RangeIndex(prepared.rows)).assign(resent=resent)
        blocked = [*state.blocked, *observer.blocked]
        is_open = ~_are_final(result, blocked)
        is_final = delivery.stop_reason is None and not is_open.any()
        facts = {
            "reasons": count_reasons(result),
            "bytes": int(result["bytes"].sum()),
            "requests": delivery.requests,
            "resent": int(resent.sum()),
            "warnings": to_records(encode_run.warning_counts()),
            "blocked": blocked,
            "try": state.tries,
            "open": Counter(result["status"][is_open].astype(str)),
        }
        table = answers_table(positions, result, facts)
        kept = ~result["status"].isin(GOOD).to_numpy()
        if kept.any():
            rows = prepared.frame.reset_index(drop=True)[kept]
            why = {f"_cio_{name}": result.loc[kept, name].astype("string") for name in _WHY}
            undelivered = parquet_table(rows.assign(**why))
            self._store.put_table(f"undelivered/{stem}.parquet", undelivered, only_if=self._lease.is_held)
        else:
            self._store.delete(f"undelivered/{stem}.parquet")
        name = f"answers/{stem}.parquet" if is_final else f"open/{stem}-{state.tries}.parquet"
        self._store.put_table(name, table, only_if=self._lease.is_held)


class _SenderObserver(NullObserver):
    """Records outcomes, and ends the delivery where the lease is lost or another sender has stopped.

    ``left`` are the rows that were about to leave, ``blocked`` those that something on their way has refused. Others
    are notified of each batch before it leaves, and of each outcome after it is recorded.
    """

    encode_run: EncodeRun

    def __init__(
        self, store: RunStore, lease: Lease, rows: int, *, guards_campaigns: bool, others: Sequence[Observer] = ()
    ) -> None:
        self._others = others
        self.left: Bools = np.zeros(rows, dtype=bool)
        self.blocked: list[int] = []
        self._guards_campaigns = guards_campaigns
        self._store = store
        self._lease = lease
        self._looked = time.monotonic()

    def before_send(self, batch: Batch) -> None:
        if not self._lease.is_held():
            raise LeaseLostError(_LEASE_LOST)
        now = time.monotonic()
        if now - self._looked > 1.0:
            self._looked = now
            if self._store.exists(STOP):
                raise StoppedElsewhereError(_STOPPED_ELSEWHERE)
        for observer in self._others:
            observer.before_send(batch)
        self.left[batch.rows] = True

    def on_outcome(self, outcome: Outcome) -> None:
        if outcome.was_blocked:
            self.blocked += outcome.rows.tolist()
        self.encode_run.record(outcome)
        for observer in self._others:
            observer.on_outcome(outcome)

    def on_clock(self, seconds_ahead: float) -> None:
        if self._guards_campaigns:
            refuse_wrong_clock(seconds_ahead)


def _encode_only(prepared: Prepared, client: Client, message_ids: MessageIds) -> None:
    """Encode a committed chunk, so that its calls are counted where later ones look the same."""
    for _ in EncodeRun(prepared, client, message_ids=message_ids).encoded_slices():
        pass


def read_state(store: RunStore, stem: str) -> ChunkState:
    """Return what earlier tries of a chunk have left."""
    tries = 0
    while store.exists(f"leaving/{stem}-{tries}"):
        tries += 1
    ended = next((number for number in reversed(range(tries)) if store.exists(f"open/{stem}-{number}.parquet")), None)
    if ended is None:
        return ChunkState(tries, None, may_be_sent=tries > 0)
    name = f"open/{stem}-{ended}.parquet"
    answers = store.read_table(name).replace_schema_metadata(None).to_pandas()
    return ChunkState(tries, answers, ended < tries - 1, read_facts(store, name)["blocked"])


def read_facts(store: RunStore, name: str) -> dict[str, Any]:
    """Return the counts of a file of answers, from its end."""
    facts: dict[str, Any] = json.loads(store.read_footer(name).metadata[FACTS])
    return facts


class RowsToSend(NamedTuple):
    """What earlier tries mean for the rows of a chunk.

    Attributes
    ----------
    settled : numpy array of bool
        Which have a final answer.
    again : numpy array of bool
        Which of the others have been sent, or may have been.
    in_doubt : numpy array of bool
        Which of these may have been accepted.
    """

    settled: Bools
    again: Bools
    in_doubt: Bools


def rows_to_send(state: ChunkState, rows: int) -> RowsToSend:
    """Return which rows have a final answer, and what is known of the others.

    >>> answers = pd.DataFrame(
    ...     {
    ...         "status": ["delivered", "unknown", "unsent", "rejected"],
    ...         "reason": [None, "timeout", "not sent", BLOCKED],
    ...         "batch": [0, 1, None, 2],
    ...     }
    ... )
    >>> found = rows_to_send(ChunkState(1, answers, may_be_sent=False, blocked=[3]), 4)
    >>> [np.flatnonzero(each).tolist() for each in found]
    [[0], [1, 3], [1]]
    """
    settled, in_doubt = np.zeros(rows, dtype=bool), np.full(rows, state.may_be_sent)
    if state.answers is not None:
        # What is invalid without a request is found again.
        settled = _are_final(state.answers, state.blocked) & state.answers["batch"].notna().to_numpy()
        in_doubt |= state.answers["status"].eq("unknown").to_numpy(dtype=bool)
    again = in_doubt | (_count_rows(state.blocked, rows) > 0)
    return RowsToSend(settled, again & ~settled, in_doubt & ~settled)


def _count_rows(positions: Sequence[int], rows: int) -> Ints:
    return np.bincount(np.asarray(positions, dtype=np.int64), minlength=rows)


def _are_blocked(answers: pd.DataFrame) -> Bools:
    """Return which rows were refused by something on their way."""
    reasons = answers["reason"].astype("string").str.contains(BLOCKED, regex=False)
    return (answers["status"].eq("rejected") & reasons.fillna(False)).to_numpy(dtype=bool)


def _are_final(answers: pd.DataFrame, blocked: Sequence[int]) -> Bools:
    """Return which rows no later run sends; ``blocked`` are rows that were blocked, once for each time."""
    times = _count_rows(blocked, len(answers))
    is_final: Bools = answers["status"].isin(FINAL_STATUSES).to_numpy(dtype=bool)
    return is_final & ~(_are_blocked(answers) & (times < 2))


def _were_resent(state: ChunkState, rows: int) -> Bools:
    return np.zeros(rows, dtype=bool) if state.answers is None else state.answers["resent"].to_numpy(dtype=bool)


def _record_answers(encode_run: EncodeRun, answers: pd.DataFrame, settled: Bools) -> None:
    """Record the final answers of an earlier try."""
    columns = ["status", "reason", "batch", "http_status", "attempts"]
    known = answers.loc[settled, columns].astype(object)
    rows = np.flatnonzero(settled)
    for _, same in known.assign(row=rows).groupby(columns, dropna=False, sort=False):
        values: list[Any] = [None if pd.isna(each) else each for each in same.iloc[0, :-1]]
        status, reason, batch, http_status, attempts = values
        encode_run.outcomes.record(
            same["row"].to_numpy(dtype=np.int64),
            status,
            reason=reason,
            batch=int(batch),
            http_status=None if http_status is None else int(http_status),
            attempts=int(attempts),
        )


def answers_table(positions: pa.Table, result: pd.DataFrame, facts: Mapping[str, Any]) -> pa.Table:
    """Return the answers of some rows with their positions, and with counts in the file's own facts."""
    answers = pa.Table.from_pandas(result.astype({"status": "string"}), preserve_index=False)
    table = pa.table([*positions.columns, *answers.columns], names=[*positions.column_names, *answers.column_names])
    return table.replace_schema_metadata({FACTS: json.dumps(facts).encode()})


def put_stop(store: RunStore, delivery: Delivery) -> None:
    """Tell all senders to end; the first reason counts."""
    if isinstance(delivery.error, StoppedElsewhereError) or delivery.stop_reason is None:
        return
    error = delivery.error
    why = error.text_by_door() if isinstance(error, CioFramesError) else delivery.why
    stop_all(store, delivery.stop_reason, why)


def put_failure(store: RunStore, error: Exception) -> None:
    """Tell all senders to end because of an error of one."""
    # The text of an error that is not of this package may hold people's data.
    name = type(error).__name__
    why = error.text_by_door() if isinstance(error, CioFramesError) else f"A sender ended with {name}."
    stop_all(store, StopReason.FAILED, why)


def stop_all(store: RunStore, reason: StopReason, why: str) -> None:
    """Tell all senders to end, unless they are told already."""
    stop = {"stop_reason": reason.name, "why": mask_secrets(why, store.root)}
    store.create(STOP, json.dumps(stop).encode())


def read_stop(store: RunStore) -> tuple[StopReason, str] | None:
    """Return why the run stopped, if it did."""
    content = store.get(STOP)
    if content is None:
        return None
    read = json.loads(content)
    return StopReason[read["stop_reason"]], str(read["why"])
