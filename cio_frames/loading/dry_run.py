"""A load without sending: everything is read, checked, encoded and cut into batches, and then counted."""

from __future__ import annotations

import time
from collections import Counter

import pandas as pd

from cio_frames._util.progress import LoadProgress
from cio_frames.client import DRY_RUN_KEY, Client
from cio_frames.loading.chunks import read_ahead, use_stored_message_ids
from cio_frames.loading.held_back import HeldBack
from cio_frames.loading.mapping import MappingSeen
from cio_frames.loading.result import LoadResult
from cio_frames.loading.source import Chunk, Source, last_change, source_label
from cio_frames.loading.tuning import DEFAULT_TUNING, LoadTuning
from cio_frames.pipeline import CallSpec, EncodeRun
from cio_frames.pipeline.report_builder import survey_slices
from cio_frames.report import Survey
from cio_frames.report.run_facts import RunFacts
from cio_frames.results import GOOD
from cio_frames.validation import SourceWarnings

_ROWS_NAMED_PER_REASON = 5


def dry_run_load(
    source: Source,
    call_spec: CallSpec,
    client: Client,
    *,
    progress: bool | None,
    now: pd.Timestamp,
    tuning: LoadTuning = DEFAULT_TUNING,
    warnings: SourceWarnings | None = None,
) -> LoadResult:
    """Return the counts of a load that is not sent; what its warnings are made of is added to ``warnings``."""
    started = time.monotonic()
    call_spec = use_stored_message_ids(source, call_spec)
    survey = Survey(now, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
    reasons: Counter[tuple[str, str | None]] = Counter()
    first_rows = FirstHeldBack(tuning.reasons_listed)
    warnings = SourceWarnings() if warnings is None else warnings
    mapping = MappingSeen()
    bytes_ = 0
    with (
        LoadProgress(source.rows(), progress, call_spec.what, seconds_between_lines=tuning.log_seconds) as shown,
        read_ahead(source, call_spec) as chunks,
    ):
        for chunk, prepared in chunks:
            mapping.add(prepared)
            shown.set_total(source.rows())
            encode_run = EncodeRun(prepared, client, message_ids=None)
            held_back = prepared.rows
            for _, batch in encode_run.batches(survey_slices(prepared, encode_run, survey)):
                encode_run.outcomes.record(batch.rows, "ready")
                survey.add_request(body_bytes=batch.body_bytes)
                shown.update(len(batch))
                held_back -= len(batch)
            shown.update(held_back)
            result = encode_run.outcomes.frame(pd.RangeIndex(prepared.rows))
            bytes_ += int(result["bytes"].sum())
            reasons.update(_count_by_reason(result))
            first_rows.add(chunk, result)
            warnings.add(encode_run.warning_counts(), encode_run.people_rows())
    facts = survey.facts([])
    return LoadResult(
        what=call_spec.what,
        phase="dry run",
        reasons=reasons,
        bytes=bytes_,
        requests=facts.requests,
        seconds=time.monotonic() - started,
        rows_now=sum(reasons.values()),
        least_seconds=facts.requests / client.requests_per_second,
        earliest=facts.earliest,
        latest=facts.latest,
        recent=facts.recent,
        first_held_back=tuple(first_rows.rows),
        notes=source.notes(),
        warnings=tuple(warnings.warnings()),
        run=RunFacts(
            source=source_label(source),
            source_changed=last_change(source),
            destination=client.destination if client.write_key != DRY_RUN_KEY else "",
            started_at=now,
            mapping=mapping.pairs(),
            body_bytes=tuple(facts.bodies.tolist()),
            max_body_bytes=client.max_body_bytes,
        ),
    )


class FirstHeldBack:
    """The first rows of each reason that are held back."""

    def __init__(self, max_reasons: int) -> None:
        self.rows: list[HeldBack] = []
        self._max_reasons = max_reasons
        self._counts: Counter[str | None] = Counter()

    def add(self, chunk: Chunk, result: pd.DataFrame) -> None:
        """Add those of a chunk."""
        held_back = result[~result["status"].isin(GOOD)]
        # All that is too large counts as one reason, though every size makes a text of its own.
        keys = held_back["reason"].where(held_back["status"].ne("too_large"))
        rank = held_back.groupby(keys, dropna=False, sort=False).cumcount()
        first = held_back[rank.lt(_ROWS_NAMED_PER_REASON)]
        for position, status, reason in zip(first.index, first["status"].astype(str), first["reason"], strict=True):
            key = None if status == "too_large" else reason
            is_listed = key in self._counts or len(self._counts) < self._max_reasons
            if is_listed and self._counts[key] < _ROWS_NAMED_PER_REASON:
                self._counts[key] += 1
                self.rows.append(HeldBack(chunk.file, chunk.first_row + position, status, reason))


def _count_by_reason(result: pd.DataFrame) -> dict[tuple[str, str | None], int]:
    reasons = result["reason"].astype(object).where(result["reason"].notna(), None)
    return dict(Counter(zip(result["status"].astype(str), reasons, strict=True)))
