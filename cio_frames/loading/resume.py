"""What earlier runs of a load have done, and whether the source still holds what they sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import TEXT, offsets_of
from cio_frames.client import Client
from cio_frames.delivery.outcomes import Outcome
from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.fingerprint import refuse_changes
from cio_frames.loading.io_errors import START_OVER
from cio_frames.loading.ledger import Ledger, LoadRecord
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.source import Chunk
from cio_frames.pipeline import EncodedSlice, EncodeRun, Prepared
from cio_frames.pipeline.as_of import AsOf
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.pipeline.spilling import SpillingSeen
from cio_frames.results import GOOD

_SAME_FRAMES = (
    f"Pass the same frames as before to resume. To send other frames, name a folder of their own with "
    f"{parameter('output')}, since loads of frames share one by default; or {START_OVER}."
)


def refuse_missing_results(ledger: Ledger, record: LoadRecord, outputs: OutputFolder) -> None:
    """Refuse to resume if results are missing, since they can only be had again by sending all rows again."""
    done = ledger.done_chunks(record.load)
    if not done and outputs.path.resolve() != Path(record.output) and Path(record.output).exists():
        outputs.refuse_results(ledger.sources())
    with_undelivered = ledger.chunks_with_undelivered_rows(record.load) if record.phase != "done" else ()
    missing = outputs.count_missing(done, with_undelivered)
    if missing:
        raise ConfigurationError(
            f"Results not found: {missing:,} of {len(done):,} parts of this load are not in {outputs.path}; they were "
            f"written to {record.output}. Move them back, or name that folder with {parameter('output')}; or send all "
            f"rows again: {START_OVER}."
        )


def is_other_moment(record: LoadRecord, given: AsOf | None) -> bool:
    """Return whether an ``as_of`` is given and is not that of a load."""
    return given is not None and str(given) != record.as_of


def refuse_other_moment(record: LoadRecord, given: AsOf | None) -> None:
    """Refuse to resume a load with another ``as_of``: its message ids would be others."""
    if is_other_moment(record, given):
        refuse_changes({"as_of": record.as_of}, {"as_of": str(given)})


class EarlierRuns:
    """The chunks that earlier runs of a load have finished or begun.

    Chunks are asked about in the order of their numbers.
    """

    def __init__(self, ledger: Ledger, load: int, client: Client, as_of: AsOf) -> None:
        self._ledger = ledger
        self._load = load
        self._client = client
        self._as_of = as_of
        self.done_chunks: Mapping[int, int] = ledger.done_chunks(load)
        # Whether the API has accepted calls of this load, and so the key.
        self.any_accepted = any(status in GOOD for status, _ in ledger.totals(load).reasons)
        self._calls = SpillingSeen(ledger.path.parent)
        self._not_remembered = deque(self.done_chunks)

    def message_ids(self, chunk: int) -> MessageIds:
        """Return what makes a chunk's message ids; they must not depend on which chunks are done."""
        while self._not_remembered and self._not_remembered[0] < chunk:
            self.add_calls(self._ledger.call_numbers(self._load, self._not_remembered.popleft()))
        return MessageIds(self._as_of, self._calls.copy())

    def add_calls(self, numbers: npt.NDArray[np.uint64]) -> None:
        """Remember the calls of a finished chunk."""
        self._calls.add(numbers)

    def outcomes(self, chunk: int) -> list[Outcome]:
        """Return what earlier runs know of a chunk's rows, the latest last."""
        return [outcome for outcome in self._ledger.outcomes(self._load, chunk) if outcome.status != "unsent"]

    def final_rows(self, chunk: int, prepared: Prepared) -> Bools:
        """Return which rows of a chunk have a final status, so that they are not sent again."""
        return self._ledger.row_history(self._load, chunk, prepared.rows).is_final

    def refuse_changed_rows(self, chunk: int, prepared: Prepared) -> None:
        """Refuse to resume a chunk if rows that were sent have changed since."""
        sent = list(self._ledger.sent_batches(self._load, chunk))
        if not sent:
            return
        encode_run = EncodeRun(prepared, self._client, message_ids=self.message_ids(chunk))
        payloads = pa.chunked_array(
            [encoded.payloads for encoded in encode_run.encoded_slices()], TEXT
        ).combine_chunks()
        if not all(_has_content(payloads, rows, content_hash) for rows, content_hash in sent):
            raise ConfigurationError(
                "The source has changed since this load stopped: rows that were sent then have other content now. "
                f"Restore the original source to resume, or {START_OVER}."
            )

    def refuse_changed_frame(self, chunk: Chunk, prepared: Prepared) -> None:
        """Refuse a frame that differs from the one that was sent: rows after it would be lost, or sent twice."""
        encode_run = EncodeRun(prepared, self._client, message_ids=self.message_ids(chunk.number))
        content = ContentHash()
        for _ in content.of(encode_run.encoded_slices()):
            pass
        if content.hexdigest != self._ledger.content_hash(self._load, chunk.number):
            raise ConfigurationError(
                f"Frame {chunk.frame_number}, or one after it, has changed since this load sent it: it has other rows, "
                f"or another size. "
                f"{_SAME_FRAMES}"
            )


def refuse_missing_frames(chunks: Mapping[int, int]) -> None:
    """Refuse to call a load done if frames that it has sent, given with their rows, are missing now."""
    if chunks:
        raise ConfigurationError(
            f"{sum(chunks.values()):,} rows of frames that this load has sent are missing now. {_SAME_FRAMES}"
        )


def refuse_added_frames() -> None:
    """Refuse a frame that a load which is done has not had."""
    raise ConfigurationError(f"The source has more frames than when this load was done. {_SAME_FRAMES}")


def describe_open_rows(rows: Mapping[str, int]) -> str:
    """Return how many rows a later run tries again, and why.

    >>> describe_open_rows({"unknown": 1_000, "unsent": 200, "rejected": 1})
    '1,200 rows are unknown or unsent, and 1 row was blocked on its way and is tried once more'
    """
    blocked = rows.get("rejected", 0)
    others = sum(rows.values()) - blocked
    parts = []
    if others:
        parts.append(f"{others:,} rows are unknown or unsent" if others > 1 else "1 row is unknown or unsent")
    if blocked:
        many = f"{blocked:,} rows were blocked on their way and are tried once more"
        parts.append(many if blocked > 1 else "1 row was blocked on its way and is tried once more")
    return ", and ".join(parts)


class ContentHash:
    """A hash of all payloads of a chunk, made as they pass."""

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_64()

    def of(self, slices: Iterator[EncodedSlice]) -> Iterator[EncodedSlice]:
        """Yield the same slices, and hash their payloads."""
        for encoded in slices:
            self._hash.update(offsets_of(encoded.payloads).tobytes())
            self._hash.update(encoded.payloads.buffers()[2] or b"")
            yield encoded

    @property
    def hexdigest(self) -> str:
        """The hash of what has passed."""
        return str(self._hash.hexdigest())


def hash_payloads(payloads: memoryview) -> str:
    """Return the hash of one batch's payloads.

    >>> hash_payloads(memoryview(b"{},"))
    'd9b469133f0b46ab'
    """
    return str(xxhash.xxh3_64_hexdigest(payloads))


def _has_content(payloads: pa.Array, rows: Ints, content_hash: str) -> bool:
    if rows.max(initial=-1) >= len(payloads):
        return False
    batch = payloads.take(pa.array(rows))
    return not batch.null_count and hash_payloads(memoryview(batch.buffers()[2])) == content_hash
