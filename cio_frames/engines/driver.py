"""The public functions on the frames of engines: what they call if their frame is not of this process.

Nothing is sent before the frame is staged as a whole and all guards have passed. With one sender, the staged files are
a source of a load in this process, with its ledger and its guarantees. With several, each is a task of the engine that
sends buckets.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from importlib import import_module
from typing import Any

import pandas as pd

from cio_frames._util.engine_frames import supported_engine
from cio_frames.arrow.tables import describe_other
from cio_frames.client import Client, offline_client
from cio_frames.engines.engine import AnswerFiles, Engine, catch_errors, raise_first
from cio_frames.engines.parts import (
    dry_run_answers,
    dry_run_partition,
    merge_dry_runs,
    report_builder,
    report_partition,
)
from cio_frames.engines.request import (
    EngineRequest,
    build_request,
    can_join_ids,
    check_call,
    complete_request,
    empty_frame,
    message_id_column,
)
from cio_frames.engines.sending import EngineRun, FinishedRun, RunTuning
from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import answer_names
from cio_frames.errors import FrameError, InvalidRowsError
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.loading.load import print_load_counts
from cio_frames.loading.result import LoadResult
from cio_frames.pipeline import CallSpec
from cio_frames.report import ValidationReport
from cio_frames.results import RESULT_ATTRS, raise_for_status
from cio_frames.validation import WarningCount


def engine_for(frame: Any) -> Engine:
    """Return a frame with its engine, which is imported now; refuse it if the engine is not installed."""
    name = str(supported_engine(frame))
    try:
        engine_type = getattr(import_module(f"cio_frames.engines.{name}_engine"), f"{name.title()}Engine")
    except ImportError as error:
        raise FrameError(f"df must be a table of this process; got {describe_other(frame)}") from error
    if not isinstance(frame, engine_type.frame_type):
        raise FrameError(f"df must be a table of this process; got {describe_other(frame)}")
    engine: Engine = engine_type(frame)
    return engine


def columns_only(frame: Any) -> pd.DataFrame:
    """Return a frame of this process with the columns of an engine's frame, and no rows."""
    return empty_frame(engine_for(frame).labels)


def call_on_engine(frame: Any, call_spec: CallSpec, options: dict[str, Any]) -> Any:
    """Make a call of each row, and return the answers as a frame of the engine."""
    engine, request = engine_for(frame), build_request(**options)
    check_call(engine, call_spec)
    if request.dry_run:
        client = request.client or offline_client()
        if request.on_invalid == "raise":
            found = count_dry_run(engine, call_spec, client)
            if found.rows_held_back:
                raise InvalidRowsError(found)
        return engine.dry_run(partial(dry_run_answers, call_spec, client), request.keep)
    run = run_request(engine, call_spec, request)
    print_load_counts(run.result, request.progress)
    if request.on_undelivered == "raise":
        raise_for_status(run.result)
    answers = answers_of(engine, run, request.keep)
    # As a result frame of pandas has it; frames that are made of this one do not.
    answers.attrs = {RESULT_ATTRS: {"as_of": run.result.as_of}}
    return answers


def load_on_engine(frame: Any, call_spec: CallSpec, options: dict[str, Any]) -> LoadResult:
    """Make a call of each row, and return the counts."""
    engine, request = engine_for(frame), build_request(**options)
    check_call(engine, call_spec)
    if request.dry_run:
        return count_dry_run(engine, call_spec, request.client or offline_client())
    return run_request(engine, call_spec, request).result


def run_request(
    engine: Engine, call_spec: CallSpec, request: EngineRequest, tuning: RunTuning | None = None
) -> FinishedRun:
    """Send a frame, or resume an earlier run of it."""
    with masked_errors(request.output):
        return make_run(engine, call_spec, request, tuning).run(engine)


def make_run(engine: Engine, call_spec: CallSpec, request: EngineRequest, tuning: RunTuning | None = None) -> EngineRun:
    """Return a run that can begin, after everything that can be checked without the rows."""
    request = complete_request(engine, call_spec, request)
    client = request.client or Client.from_env()
    store = RunStore(str(request.output))
    joins_ids, id_column = can_join_ids(engine, call_spec), message_id_column(engine, call_spec)
    return EngineRun(store, call_spec, client, request, joins_ids=joins_ids, id_column=id_column, tuning=tuning)


def answers_of(engine: Engine, run: FinishedRun, keep: tuple[str, ...] = ()) -> Any:
    """Return the answers of a run as a frame of the engine."""
    names = answer_names(run.store, run.staged)
    if run.staged.is_exchanged:
        groups = [tuple(found) for found in names.values() if found]
    else:
        by_partition: dict[int | None, list[str]] = {}
        for file in run.staged.files:
            by_partition.setdefault(file.partition, []).extend(names[file.stem])
        groups = [tuple(found) for found in by_partition.values()]
    files = AnswerFiles(tuple(groups), run.staged.is_exchanged, keep, run.staged.partition_count)
    return engine.read_answers(run.store, files)


def count_answers(frame: Any) -> LoadResult:
    """Return the counts of a frame of answers, which is computed for it; nothing is sent."""
    engine = engine_for(frame)
    if not {"status", "reason"} <= set(engine.labels):
        raise FrameError("The frame is not a result frame: it has no columns 'status' and 'reason'.")
    labels = ["status", "reason", *(["warning"] if "warning" in engine.labels else [])]
    reasons: Counter[tuple[str, str | None]] = Counter()
    warnings: Counter[str] = Counter()
    for status, reason, *warning, rows in engine.count_values(labels):
        reasons[status, reason] += rows
        warnings.update({text: rows for text in warning if text is not None})
    counted = [WarningCount("", None, "row", rows, text) for text, rows in warnings.most_common()]
    return LoadResult("answers", "done", dict(reasons.most_common()), warnings=tuple(counted))


def count_dry_run(engine: Engine, call_spec: CallSpec, client: Client) -> LoadResult:
    """Return the counts of a frame that is not sent; nothing is staged."""
    started = time.monotonic()
    count = partial(catch_errors, dry_run_partition, call_spec, client, pd.Timestamp.now("UTC"))
    found = raise_first(engine.over_partitions(count))
    return merge_dry_runs(found, client, seconds=time.monotonic() - started)


def validate_on_engine(frame: Any, call_spec: CallSpec, options: dict[str, Any]) -> ValidationReport:
    """Check the rows of all partitions, and return one report."""
    engine = engine_for(frame)
    check_call(engine, call_spec)
    client = options.get("client") or offline_client()
    now = pd.Timestamp.now("UTC")
    whole = report_builder(call_spec, client, now)
    parts = raise_first(engine.over_partitions(partial(catch_errors, report_partition, call_spec, client, now)))
    for part in parts:
        whole.extend(part)
    library = type(frame).__module__.partition(".")[0]
    destination = options["client"].destination if options.get("client") else None
    return whole.report(source=f"a DataFrame of {library}", destination=destination)


def payloads_on_engine(frame: Any, call_spec: CallSpec, options: dict[str, Any]) -> Any:
    """Refuse: payloads are for looking at a few rows."""
    name = engine_for(frame).name
    few = "frame.head()" if name == "Dask" else "frame.limit(5).toPandas()"
    raise FrameError(f"payloads is not supported for {name} frames. Take a few rows as pandas: {few}.")
