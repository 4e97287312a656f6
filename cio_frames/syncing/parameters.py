"""From the parameters of the public functions to a job, and from a job to a plan file and back."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from cio_frames.arrow.tables import as_frame
from cio_frames.client import Client
from cio_frames.loading.address_secrets import without_secrets
from cio_frames.loading.csv.options import csv_options_from
from cio_frames.loading.load import with_column_types
from cio_frames.loading.read_options import ReadOptions
from cio_frames.pipeline import CallSpec, build_call_spec
from cio_frames.pipeline.call_spec import OnUndelivered
from cio_frames.syncing.jobs import SyncJob
from cio_frames.syncing.options import SyncOptions, sync_options
from cio_frames.syncing.plan import PlanDigests
from cio_frames.syncing.plan_file import read_plan_file
from cio_frames.syncing.result import SyncResult

# What the parameters of the public functions are for, beside those of the call.
SYNC_OPTIONS = tuple(name for name in inspect.signature(sync_options).parameters if name != "call_spec")
RUN_PARAMETERS = (
    "client", "dry_run", "on_invalid", "on_undelivered", "allow_campaigns", "progress", "output", "confirm",
)  # fmt: skip


def make_job(given: Any, parameters: Mapping[str, Any]) -> tuple[SyncJob, dict[str, Any]]:
    """Return a job, and the options of its run, from the parameters of a public function."""
    chosen = dict(parameters)
    run_options = {name: chosen.pop(name) for name in RUN_PARAMETERS if name in chosen}
    read_options = ReadOptions(csv_options_from(chosen.pop("csv", None)), chosen.pop("partitions", True))
    of_call, options = split_options(chosen)
    call_spec = build_call_spec(**of_call)
    return job_of(given, call_spec, sync_options(call_spec, **options), chosen, read_options), run_options


def job_of(
    given: Any, call_spec: CallSpec, options: SyncOptions, parameters: Mapping[str, Any], read_options: ReadOptions
) -> SyncJob:
    """Return a job; ``parameters`` are what the caller gave, for plan files."""
    stored = {**parameters, **read_options.as_dict(), "as_of": options.as_of.isoformat()}
    call_spec = with_column_types(call_spec, read_options)
    if _is_table(given):
        given = as_frame(given)
    return SyncJob(given, call_spec, options, _stored_job(given, stored), read_options)


def split_options(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of the call, and those of the sync."""
    of_call = {name: value for name, value in parameters.items() if name not in SYNC_OPTIONS}
    return of_call, {name: value for name, value in parameters.items() if name in SYNC_OPTIONS}


def apply_plan_file(
    path: Path, *, client: Client | None, max_age: str | None, output: str | PathLike[str] | None,
    allow_campaigns: bool = False, on_undelivered: OnUndelivered = "return", progress: bool | None,
) -> SyncResult:  # fmt: skip
    """Send what a plan file lists, if it still holds."""
    file = read_plan_file(path, max_age=max_age, now=pd.Timestamp.now("UTC"))
    job, _ = make_job(file.job["source"], file.job["parameters"])
    result = job.apply(
        PlanDigests(**file.digests), client=client, output=output, allow_campaigns=allow_campaigns,
        on_undelivered=on_undelivered, progress=progress,
    )  # fmt: skip
    assert isinstance(result, SyncResult)  # noqa: S101 -- a plan file is about files, and not about a frame
    return result


def _is_table(given: Any) -> bool:
    """Return whether the rows are in memory, so that their results come back as a frame too."""
    library = type(given).__module__.partition(".")[0]
    is_frame = library in ("polars", "modin") and type(given).__name__ == "DataFrame"
    return is_frame or isinstance(given, (pa.Table, pa.RecordBatch))


def _stored_job(given: Any, parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what makes the same job again from a file; None where only this process can."""
    if not isinstance(given, (str, PathLike)):
        return None
    # No schema means something; elsewhere None is the default.
    chosen = {name: value for name, value in parameters.items() if value is not None or name == "schema"}
    paths = {name: os.fspath(value) for name, value in chosen.items() if isinstance(value, PathLike)}
    # A plan file is read by others than who made it.
    job = {"source": without_secrets(os.fspath(given)), "parameters": chosen | paths}
    try:
        json.dumps(job)
    except TypeError:
        return None
    return job
