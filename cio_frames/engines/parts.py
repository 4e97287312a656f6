"""What workers do with the rows of a partition or a file when nothing is sent: dry runs and reports."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from cio_frames.client import Client
from cio_frames.engines.stage import StagedFile
from cio_frames.engines.store import RunStore
from cio_frames.loading.dry_run import dry_run_load
from cio_frames.loading.result import LoadResult
from cio_frames.loading.sources import source_of
from cio_frames.pipeline import CallSpec, Prepared, run_call
from cio_frames.pipeline.report_builder import ReportBuilder
from cio_frames.report import MAX_CASES_KEPT


def dry_run_file(
    store: RunStore, call_spec: CallSpec, client: Client, now: pd.Timestamp, file: StagedFile
) -> LoadResult:
    """Return the counts of a staged file's rows."""
    return dry_run_load(source_of(store.address(file.name)), call_spec, client, progress=False, now=now)


def dry_run_partition(
    call_spec: CallSpec, client: Client, now: pd.Timestamp, frames: Iterator[pd.DataFrame], partition: int
) -> LoadResult:
    """Return the counts of a partition's rows."""
    return dry_run_load(source_of(list(frames)), call_spec, client, progress=False, now=now)


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
