"""A load without sending: everything is read, checked, written as JSON and cut into bodies, and then counted."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pandas as pd

from cio_frames._util.progress import LoadProgress
from cio_frames.client import Client
from cio_frames.loading.result import HeldBack, LoadResult
from cio_frames.loading.run import read_ahead, with_ids_of_rejects
from cio_frames.loading.sources import Chunk, Source
from cio_frames.pipeline import CallSpec, EncodeRun
from cio_frames.report import Survey
from cio_frames.results import GOOD

# Rows that are named, so that there is something to look at: so many of each kind, and of so many kinds.
_ROWS_OF_A_KIND = 5
_KINDS_NAMED = 50


def dry_run(
    source: Source, call_spec: CallSpec, client: Client, *, progress: bool | None, now: pd.Timestamp
) -> LoadResult:
    """Return what a load would come to."""
    began = time.monotonic()
    call_spec = with_ids_of_rejects(source, call_spec)
    survey = Survey(now, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
    reasons: Counter[tuple[str, str | None]] = Counter()
    first = _First()
    bytes_ = 0
    with (
        LoadProgress(source.rows(), progress, call_spec.what) as shown,
        read_ahead(source, call_spec) as chunks,
    ):
        for chunk, prepared in chunks:
            encode_run = EncodeRun(prepared, client, with_message_ids=False)
            events = prepared.events()
            for written in encode_run.encoded_slices():
                kept = np.flatnonzero(np.asarray(written.payloads.is_valid()))
                survey.add_timestamps(written.timestamp_ms[kept], events[written.start + kept])
                for _, batch in encode_run.cut(written):
                    encode_run.outcomes.record(batch.rows, "ready")
                    survey.add_request(body_bytes=len(batch.body))
                shown.update(len(written.sizes))
            result = encode_run.outcomes.frame(pd.RangeIndex(prepared.rows))
            bytes_ += int(result["bytes"].sum())
            reasons.update(_reasons(result))
            first.note(chunk, result)
    facts = survey.facts([])
    return LoadResult(
        what=call_spec.what,
        state="dry run",
        reasons=reasons,
        bytes=bytes_,
        requests=facts.requests,
        seconds=time.monotonic() - began,
        rows_now=sum(reasons.values()),
        least_seconds=facts.requests / client.requests_per_second,
        earliest=facts.earliest,
        latest=facts.latest,
        recent=facts.recent,
        first_held_back=tuple(first.rows),
    )


class _First:
    """The first rows of each kind that are held back."""

    def __init__(self) -> None:
        self.rows: list[HeldBack] = []
        self._kinds: Counter[str | None] = Counter()

    def note(self, chunk: Chunk, result: pd.DataFrame) -> None:
        """Note those of a chunk."""
        held_back = result[~result["status"].isin(GOOD)]
        # What is too large is of one kind, though every size makes a reason of its own.
        kinds = held_back["reason"].where(held_back["status"].ne("too_large"))
        some = held_back[held_back.groupby(kinds, dropna=False, sort=False).cumcount().lt(_ROWS_OF_A_KIND)]
        for position, status, reason in zip(some.index, some["status"].astype(str), some["reason"], strict=True):
            kind = None if status == "too_large" else reason
            if self._kinds[kind] < _ROWS_OF_A_KIND and (kind in self._kinds or len(self._kinds) < _KINDS_NAMED):
                self._kinds[kind] += 1
                self.rows.append(HeldBack(chunk.file, chunk.first_row + position, status, reason))


def _reasons(result: pd.DataFrame) -> dict[tuple[str, str | None], int]:
    pairs = zip(
        result["status"].astype(str), result["reason"].astype(object).where(result["reason"].notna(), None), strict=True
    )
    return dict(Counter(pairs))
