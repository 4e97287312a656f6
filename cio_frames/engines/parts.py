"""What workers do with the rows of a partition or a file when nothing is sent: dry runs and reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from cio_frames.client import Client
from cio_frames.engines.stage import StagedFile
from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import merge_dry_run_counts
from cio_frames.loading.dry_run import dry_run_load
from cio_frames.loading.result import LoadResult
from cio_frames.loading.source import Source
from cio_frames.loading.sources import source_of
from cio_frames.pipeline import CallSpec, Prepared, run_call
from cio_frames.pipeline.report_builder import ReportBuilder
from cio_frames.report import MAX_CASES_KEPT
from cio_frames.validation import SourceWarnings


class DryRunPart(NamedTuple):
    """The counts of some rows of a frame, and what warnings over all rows are made of."""

    result: LoadResult
    warnings: SourceWarnings


def dry_run_file(
    store: RunStore, call_spec: CallSpec, client: Client, now: pd.Timestamp, file: StagedFile
) -> DryRunPart:
    """Return the counts of a staged file's rows, which are named by their positions in the frame."""
    found = _dry_run_source(source_of(store.address(file.name)), call_spec, client, now)
    if not found.result.first_held_back:
        return found
    positions = store.read_table(file.positions, columns=["partition", "row"]).to_pandas()
    rows = [row.row for row in found.result.first_held_back]
    places = positions.iloc[rows].itertuples(index=False)
    named = [
        row._replace(file=f"partition {place.partition}", row=int(place.row))
        for row, place in zip(found.result.first_held_back, places, strict=True)
    ]
    return found._replace(result=replace(found.result, first_held_back=tuple(named)))


def dry_run_partition(
    call_spec: CallSpec, client: Client, now: pd.Timestamp, frames: Iterator[pd.DataFrame], partition: int
) -> DryRunPart:
    """Return the counts of a partition's rows."""
    return _dry_run_source(source_of(list(frames)), call_spec, client, now)


def _dry_run_source(source: Source, call_spec: CallSpec, client: Client, now: pd.Timestamp) -> DryRunPart:
    warnings = SourceWarnings()
    result = dry_run_load(source, call_spec, client, progress=False, now=now, warnings=warnings)
    return DryRunPart(result, warnings)


def merge_dry_runs(parts: Sequence[DryRunPart], client: Client, *, seconds: float) -> LoadResult:
    """Return the counts of parts of a frame as those of one; bodies were cut part by part.

    >>> found = DryRunPart(LoadResult("page", "dry run", {("ready", None): 2}, requests=1), SourceWarnings())
    >>> merge_dry_runs([found, found], Client(write_key="k"), seconds=0.0).statuses
    {'ready': 4}
    """
    warnings = SourceWarnings()
    for part in parts:
        warnings.extend(part.warnings)
    merged = merge_dry_run_counts([part.result for part in parts], client, seconds=seconds)
    return replace(merged, warnings=tuple(warnings.warnings()))


def dry_run_answers(call_spec: CallSpec, client: Client, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the result frame of some rows that are not sent."""
    return run_call(frame, call_spec, client=client, dry_run=True).assign(resent=False)


def report_partition(
    call_spec: CallSpec, client: Client, now: pd.Timestamp, frames: Iterator[pd.DataFrame], partition: int
) -> ReportBuilder:
    """Return what a report says of a partition's rows."""
    builder = report_builder(call_spec, client, now)
    for frame in frames:
        builder.add(Prepared(frame, call_spec))
    return builder


def report_builder(call_spec: CallSpec, client: Client, now: pd.Timestamp) -> ReportBuilder:
    """Return a builder whose size does not depend on the rows, so that it can travel."""
    return ReportBuilder(call_spec, client, now, max_cases=MAX_CASES_KEPT)
