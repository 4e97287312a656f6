"""One chunk of a load on its way: what leaves, what is answered, and what is written once all is."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from cio_frames._util.arrays import UInts
from cio_frames._util.progress import LoadProgress
from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.delivery.outcomes import Outcome
from cio_frames.delivery.reasons import EARLIER_MAY_BE_ACCEPTED
from cio_frames.errors import render
from cio_frames.loading.ledger import Ledger
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.resume import ContentHash, EarlierRuns, hash_payloads
from cio_frames.loading.source import Chunk, Source
from cio_frames.pipeline import EncodeRun, Prepared
from cio_frames.pipeline.campaigns import refuse_wrong_clock
from cio_frames.pipeline.lanes import LaneChoice
from cio_frames.results import GOOD
from cio_frames.validation import PeopleRows, WarningCount

# In each chunk, reasons are counted one by one up to this number; a reason may name a size, and differ by row.
_MAX_REASONS_COUNTED = 50
_OTHER_REASONS = "other reasons, see the results"


class ChunkRun(NullObserver):
    """Sends one chunk: yields its batches, writes to the ledger what leaves and what is answered, and notifies others.

    Attributes
    ----------
    is_answered : threading.Event
        Set once all of its batches are cut and have an outcome.
    is_finished : threading.Event
        Set once its results are written, or writing them has failed.
    is_encoded : bool
        Whether all of its batches are cut.
    requests : int
        How many requests have carried its rows.
    rows_held_back : int
        How many of its rows cannot be sent; known once its results are written.
    """

    def __init__(
        self,
        chunk: Chunk,
        prepared: Prepared,
        *,
        client: Client,
        ledger: Ledger,
        load: int,
        earlier_runs: EarlierRuns,
        lanes: LaneChoice,
        progress: LoadProgress,
        observers: Sequence[Observer] = (),
        guards_campaigns: bool,
    ) -> None:
        self.chunk = chunk
        self.is_answered = threading.Event()
        self.is_finished = threading.Event()
        self.requests = 0
        self.rows_held_back = 0
        self._rows = prepared.rows
        self._ledger = ledger
        self._load = load
        self._progress = progress
        self._observers = observers
        self._guards_campaigns = guards_campaigns
        self._lock = threading.Lock()
        self._unanswered_rows = 0
        self.is_encoded = False
        self._content = ContentHash()
        self._message_ids = earlier_runs.message_ids(chunk.number)
        earlier_runs.refuse_changed_rows(chunk.number, prepared)
        final_rows = earlier_runs.final_rows(chunk.number, prepared)
        # A proxy: in a cycle of the two, the rows of a finished chunk would stay until Python looks for cycles.
        observer: Observer = weakref.proxy(self)
        self._encode_run = EncodeRun(
            prepared, client, observer=observer, message_ids=self._message_ids, lanes=lanes, settled=final_rows
        )
        for outcome in earlier_runs.outcomes(chunk.number):
            self._encode_run.record(outcome)
        progress.add_earlier_rows(int(final_rows.sum()))

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Yield the batches to send, each with its lane."""
        encode_run = self._encode_run
        for lane, batch in encode_run.batches(self._content.of(encode_run.encoded_slices())):
            with self._lock:
                self._unanswered_rows += len(batch)
            yield lane, batch
        with self._lock:
            self.is_encoded = True
            self._note_if_answered()

    @property
    def call_numbers(self) -> UInts:
        """What tells its calls from those of later chunks; complete after the last batch."""
        return self._message_ids.numbers

    def warnings(self) -> tuple[list[WarningCount], PeopleRows | None]:
        """Return its warnings, and whom its rows are about; complete after the last batch."""
        return self._encode_run.warning_counts(), self._encode_run.people_rows()

    def before_send(self, batch: Batch) -> None:
        """Note in the ledger that a batch is about to leave."""
        # Before the ledger has the batch: if one of them refuses it, its rows were certainly not sent.
        for observer in self._observers:
            observer.before_send(batch)
        payloads = batch.buffer[batch.offsets[0] : batch.offsets[-1]]
        self._ledger.record_batch(self._load, self.chunk.number, batch.rows, hash_payloads(payloads))

    def on_request(self, size_bytes: int) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1
        self._progress.update(0, size_bytes, 1)
        for observer in self._observers:
            observer.on_request(size_bytes)

    def on_outcome(self, outcome: Outcome) -> None:
        """Note an outcome in the ledger and in the result."""
        self._ledger.record_outcome(self._load, self.chunk.number, outcome)
        self._encode_run.record(outcome)
        for observer in self._observers:
            observer.on_outcome(outcome)
        with self._lock:
            self._unanswered_rows -= len(outcome.rows)
            self._note_if_answered()

    def on_clock(self, seconds_ahead: float) -> None:
        """Refuse to continue with a clock by which young events look old."""
        if self._guards_campaigns:
            refuse_wrong_clock(seconds_ahead)

    def on_rows(self, count: int) -> None:
        """Count rows that are finished."""
        self._progress.update(count)

    def _note_if_answered(self) -> None:
        if self.is_encoded and not self._unanswered_rows:
            self.is_answered.set()

    def finish(self, source: Source, outputs: OutputFolder, *, why: str = "") -> Counter[str]:
        """Write its results, and return the rows that a later run tries again, by status.

        ``why`` is the reason of rows that were not sent.
        """
        number, outcomes = self.chunk.number, self._encode_run.outcomes
        history = self._ledger.row_history(self._load, number, self._rows)
        outcomes.set_attempts(history.requests)
        outcomes.mark_unsent(render(why) or "not sent")
        outcomes.mark_unknown(history.in_doubt, EARLIER_MAY_BE_ACCEPTED)
        result = outcomes.frame(pd.RangeIndex(self._rows)).assign(resent=history.runs > 1)
        all_delivered = set(result["status"].unique()) <= GOOD
        outputs.write_chunk(
            self.chunk,
            None if all_delivered else source.read_all_columns(self.chunk),
            result,
            warnings=self._encode_run.warning_counts(),
        )
        held_back = outcomes.held_back()
        self.rows_held_back = int(held_back.sum())
        is_open = ~history.is_final & ~held_back
        open_rows = Counter(result["status"][is_open].astype(str))
        self._ledger.finish_chunk(
            self._load,
            number,
            file=self.chunk.file,
            first_row=self.chunk.first_row,
            rows=self._rows,
            is_done=self.is_answered.is_set() and not open_rows and not self.chunk.is_cut_short,
            counts=count_reasons(result),
            sizes=(int(result["bytes"].sum()), self.requests),
            resent=int(result["resent"].sum()),
            call_numbers=self.call_numbers,
            next_batch=self._ledger.next_batch(self._load),
            content_hash=self._content.hexdigest,
        )
        return open_rows


def count_reasons(result: pd.DataFrame) -> list[tuple[str, str | None, int]]:
    """Return how many rows have each status and reason: the most frequent, and the others of each status together.

    >>> count_reasons(pd.DataFrame({"status": ["delivered"], "reason": [None]}))
    [('delivered', None, 1)]
    """
    tallied = result.groupby(["status", "reason"], observed=True, dropna=False).size().sort_values(ascending=False)
    rows = tallied.rename("rows").reset_index().astype(object).itertuples(index=False)
    counts = [(str(status), None if pd.isna(reason) else str(reason), int(count)) for status, reason, count in rows]
    others: dict[str, int] = {}
    for status, _, count in counts[_MAX_REASONS_COUNTED:]:
        others[status] = others.get(status, 0) + count
    return counts[:_MAX_REASONS_COUNTED] + [(status, _OTHER_REASONS, count) for status, count in others.items()]
