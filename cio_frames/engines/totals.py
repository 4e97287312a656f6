"""Adds up what workers found: answers of a run, dry runs, and reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames.arrow.buffers import TEXT
from cio_frames.client import Client
from cio_frames.engines.bucket import FACTS, answers_table, read_facts
from cio_frames.engines.stage import StagedFile, StagedFrame
from cio_frames.engines.store import RunStore
from cio_frames.errors import CioFramesError
from cio_frames.loading.address_secrets import without_secrets
from cio_frames.loading.chunk_run import count_reasons
from cio_frames.loading.held_back import HeldBack
from cio_frames.loading.result import LoadResult
from cio_frames.pipeline.ordering import person_keys
from cio_frames.results import Outcomes
from cio_frames.validation import MessageIdCount, WarningCount, from_records, merge_warning_counts, to_records

RESULT = "result.json"
# In the place of the number of a chunk, in files for rows that no sender reached.
FILLER = "unreached"
_MAY_HAVE_LEFT = "its sender ended before an answer came; it may have been accepted"
_UNREADABLE = "its answer cannot be read now; it may have been sent"


def answer_names(store: RunStore, staged: StagedFrame) -> dict[str, list[str]]:
    """Return the files with the latest answers of each staged file, in order: commits, and tries without one."""
    latest: dict[str, str] = {}
    for name in store.names("open"):
        # The tries of a chunk come in order, unless there are more than ten.
        chunk, _, number = name.removesuffix(".parquet").rpartition("-")
        key = chunk.removeprefix("open/")
        if key not in latest or int(latest[key].removesuffix(".parquet").rpartition("-")[2]) < int(number):
            latest[key] = name
    for name in store.names("answers"):
        latest[name.removeprefix("answers/").removesuffix(".parquet")] = name
    found: dict[str, list[str]] = {file.stem: [] for file in staged.files}
    for chunk in sorted(latest):
        stem = chunk.rpartition("-")[0]
        if stem in found:
            found[stem].append(latest[chunk])
    return found


def answer_unreached_rows(
    store: RunStore, staged: StagedFrame, why: str, *, chunk_rows: int
) -> list[Mapping[str, Any]]:
    """Write answers for the rows that have none, so that every row has one; return the facts of what is not written.

    Chunks go out in order, and each writes answers; so these rows are the end of a file. The first chunk of them may
    have left.
    """
    unwritten: list[Mapping[str, Any]] = []
    for file, names in zip(staged.files, answer_names(store, staged).values(), strict=True):
        answered = sum(store.read_footer(name).num_rows for name in names)
        rows = file.rows - answered
        if not rows:
            continue
        outcomes = Outcomes(rows)
        if store.exists(f"leaving/{file.stem}-{answered // chunk_rows:05d}-0"):
            outcomes.record(np.arange(min(chunk_rows, rows)), "unknown", reason=_MAY_HAVE_LEFT)
        outcomes.mark_unsent(_not_reached(why))
        result = outcomes.frame(pd.RangeIndex(rows)).assign(resent=False)
        open_rows = Counter(result["status"].astype(str))
        facts = {"reasons": count_reasons(result), "bytes": 0, "requests": 0, "resent": 0, "open": open_rows}
        try:
            positions = store.read_table(file.positions).slice(answered)
            store.put_table(f"open/{file.stem}-{FILLER}-0.parquet", answers_table(positions, result, facts))
        except CioFramesError:
            # The store may be full. The result that the caller gets has these rows all the same.
            unwritten.append(facts)
    return unwritten


def _not_reached(why: str) -> str:
    return f"not sent: the load stopped before: {why}" if why else "not sent: the load stopped before"


def count_repeated_ids(store: RunStore, staged: StagedFrame, column: str) -> MessageIdCount:
    """Return how many rows have the message id of another one, of those that may have been sent.

    Where rows are in buckets, those with the same id may be in two.
    """
    found = MessageIdCount()
    for names in answer_names(store, staged).values():
        for name in names:
            table = store.read_table(name, columns=["status", "message_id"])
            sent = pc.invert(pc.is_in(table["status"], pa.array(["invalid", "too_large"])))
            ids = table["message_id"].filter(sent).drop_null().cast(TEXT).combine_chunks()
            found.add(person_keys([ids]), column)
    return found


def mark_overtaken_answers(store: RunStore, names: Iterable[str]) -> None:
    """Mark rows as sent again where answers are those of an earlier try than the last that left.

    At an address, a worker that was frozen while it wrote its answers may replace those of its successor.
    """
    last_tries: dict[str, int] = {}
    for name in names:
        chunk, _, number = name.removeprefix("leaving/").rpartition("-")
        last_tries[chunk] = max(last_tries.get(chunk, 0), int(number))
    for chunk, last in last_tries.items():
        name = f"answers/{chunk}.parquet"
        if not last or not store.exists(name) or (facts := read_facts(store, name)).get("try", last) >= last:
            continue
        table = store.read_table(name)
        resent = pc.or_(table["resent"], pc.is_valid(table["batch"]))
        facts |= {"resent": pc.sum(resent).as_py() or 0, "try": last}
        marked = table.set_column(table.column_names.index("resent"), "resent", resent)
        store.put_table(name, marked.replace_schema_metadata({FACTS: json.dumps(facts).encode()}))


def count_open_rows(store: RunStore, staged: StagedFrame) -> Counter[str]:
    """Return how many rows a later run tries again, by status."""
    found: Counter[str] = Counter()
    for names in answer_names(store, staged).values():
        for name in names:
            if name.startswith("open/"):
                found.update(read_facts(store, name)["open"])
    return found


def total_of_answers(
    store: RunStore,
    staged: StagedFrame,
    what: str,
    *,
    phase: str,
    why: str,
    as_of: str,
    seconds: float,
    unwritten: Sequence[Mapping[str, Any]] = (),
    id_column: str | None = None,
) -> LoadResult:
    """Return the counts of all answers so far, read from the ends of their files; of some there are only facts.

    ``id_column`` is the column of message ids, if there is one and ids that come again are warned of.
    """
    reasons: Counter[tuple[str, str | None]] = Counter()
    sums: Counter[str] = Counter()
    warnings: list[WarningCount] = []
    read = [read_facts(store, name) for names in answer_names(store, staged).values() for name in names]
    for facts in (*read, *unwritten):
        for status, reason, count in facts["reasons"]:
            reasons[status, reason] += count
        sums.update({key: facts[key] for key in ("bytes", "requests", "resent")})
        warnings = merge_warning_counts([*warnings, *from_records(facts.get("warnings", []))])
    if id_column is not None:
        warnings = count_repeated_ids(store, staged, id_column).correct(warnings)
    undelivered = store.names("undelivered")
    return LoadResult(
        what=what,
        phase=phase,
        reasons=dict(reasons.most_common()),
        source_rows=staged.rows,
        unrendered_why=why,
        resent=sums["resent"],
        bytes=sums["bytes"],
        requests=sums["requests"],
        seconds=seconds,
        rows_now=sum(reasons.values()),
        results=place_in(store, "answers"),
        undelivered=place_in(store, "undelivered") if undelivered else None,
        reader=partial(read_answers_of, store, staged),
        as_of=as_of,
        warnings=tuple(warnings),
    )


def all_unknown(staged: StagedFrame, what: str, *, why: str, as_of: str, seconds: float) -> LoadResult:
    """Return the counts of a run whose answers cannot be read now: any row may have been sent."""
    reasons: dict[tuple[str, str | None], int] = {("unknown", _UNREADABLE): staged.rows}
    return LoadResult(
        what, "stopped", reasons, unrendered_why=why, source_rows=staged.rows, as_of=as_of, seconds=seconds
    )


def place_in(store: RunStore, name: str) -> Path | str:
    """Return where a folder or file of a store is: a path, or an address without its secrets."""
    return Path(store.root, name) if store.is_local else without_secrets(store.address(name))


def read_answers_of(store: RunStore, staged: StagedFrame) -> pd.DataFrame:
    """Return the answers of all rows of a run so far, in the order of the frame."""
    names = [name for found in answer_names(store, staged).values() for name in found]
    if not names:
        return pd.DataFrame()
    return read_answer_files(store, names).sort_values(["partition", "row"], kind="stable", ignore_index=True)


def put_result(store: RunStore, result: LoadResult) -> None:
    """Keep the counts of a run that is done."""
    kept = {
        "what": result.what,
        "reasons": [[status, reason, rows] for (status, reason), rows in result.reasons.items()],
        "source_rows": result.source_rows,
        "as_of": result.as_of,
        "warnings": to_records(result.warnings),
        **{name: getattr(result, name) for name in ("resent", "bytes", "requests")},
        **{name: _relative(store, getattr(result, name)) for name in ("results", "undelivered", "ledger")},
    }
    store.put(RESULT, json.dumps(kept).encode())


def read_result(store: RunStore, staged: StagedFrame, *, why: str) -> LoadResult | None:
    """Return the counts of a run that is done; None if there is none."""
    content = store.get(RESULT)
    if content is None:
        return None
    read: dict[str, Any] = json.loads(content)
    for name in ("results", "undelivered", "ledger"):
        read[name] = None if read[name] is None else place_in(store, read[name])
    read["warnings"] = tuple(from_records(read["warnings"]))
    reasons = {(status, reason): rows for status, reason, rows in read.pop("reasons")}
    reader = partial(read_answers_of, store, staged)
    return LoadResult(phase="done", unrendered_why=why, reasons=reasons, reader=reader, **read)


def _relative(store: RunStore, place: Path | str | None) -> str | None:
    if isinstance(place, Path):
        return place.resolve().relative_to(store.root).as_posix()
    # At an address there is no ledger, and results and undelivered rows lie directly in the output.
    return None if place is None else place.partition("?")[0].rpartition("/")[2]


def merge_dry_run_counts(found: Sequence[LoadResult], client: Client, *, seconds: float) -> LoadResult:
    """Return the counts of dry runs of parts of a frame as those of one, without warnings."""
    reasons: Counter[tuple[str, str | None]] = Counter()
    recent: Counter[str] = Counter()
    for each in found:
        reasons.update(each.reasons)
        recent.update(each.recent)
    requests = sum(each.requests for each in found)
    return LoadResult(
        what=found[0].what if found else "",
        phase="dry run",
        reasons=dict(reasons.most_common()),
        source_rows=sum(reasons.values()),
        bytes=sum(each.bytes for each in found),
        requests=requests,
        seconds=seconds,
        rows_now=sum(reasons.values()),
        least_seconds=requests / client.requests_per_second,
        earliest=min((each.earliest for each in found if each.earliest is not None), default=None),
        latest=max((each.latest for each in found if each.latest is not None), default=None),
        recent=dict(recent.most_common()),
        first_held_back=tuple(_first_rows(row for each in found for row in each.first_held_back)),
    )


_ROWS_PER_REASON, _REASONS_LISTED = 5, 50


def _first_rows(rows: Iterable[HeldBack]) -> Iterator[HeldBack]:
    counts: Counter[str | None] = Counter()
    for row in rows:
        key = None if row.status == "too_large" else row.reason
        if counts[key] < _ROWS_PER_REASON and (key in counts or len(counts) < _REASONS_LISTED):
            counts[key] += 1
            yield row


@dataclass(frozen=True, slots=True)
class LoadAnswers:
    """Turns the results of a load of staged files into answers with positions.

    Attributes
    ----------
    store : RunStore
        The folder of the run.
    staged : StagedFrame
        What was loaded.
    """

    store: RunStore
    staged: StagedFrame

    def write(self, results: Path | None, why: str) -> None:
        """Write one file of answers for each staged file."""
        parts = _results_by_file(results)
        for file in self.staged.files:
            answers = self._answers_of(file, parts(Path(file.name).name), why)
            self.store.put_table(f"answers/{file.stem}-00000.parquet", answers)

    def _answers_of(self, file: StagedFile, found: pd.DataFrame, why: str) -> pa.Table:
        positions = self.store.read_table(file.positions)
        result = found.drop(columns=["file", "row"], errors="ignore")
        if len(found) < file.rows or not len(found):
            outcomes = Outcomes(file.rows - len(found))
            outcomes.mark_unsent(_not_reached(why))
            rest = outcomes.frame(pd.RangeIndex(file.rows - len(found))).assign(resent=False)
            rest = rest.astype({"status": "string"})
            result = rest if not len(found) else pd.concat([result, rest[result.columns]], ignore_index=True)
        facts = {"reasons": count_reasons(result), "bytes": int(result["bytes"].sum()), "requests": 0, "resent": 0}
        return answers_table(positions, result, facts)


def _results_by_file(results: Path | None) -> Callable[[str], pd.DataFrame]:
    """Return a function that returns the results of one file after the other, and reads each part of them once."""
    parts = iter(sorted(results.glob("part-*.parquet")) if results is not None and results.exists() else [])
    waiting = pd.DataFrame({"file": pd.Series(dtype="string")})

    def next_file(name: str) -> pd.DataFrame:
        nonlocal waiting
        found = [waiting]
        while (found[-1]["file"].map(_base_name) == name).all() and (part := next(parts, None)) is not None:
            found.append(pd.read_parquet(part))
        whole = pd.concat([each for each in found if len(each)] or found[-1:], ignore_index=True)
        own = whole["file"].map(_base_name).eq(name).to_numpy(dtype=bool)
        waiting = whole[~own]
        return whole[own].reset_index(drop=True)

    return next_file


def _base_name(path: str) -> str:
    return path.rpartition("/")[2]


def read_answer_files(store: RunStore, names: Sequence[str]) -> pd.DataFrame:
    """Return the answers in some files as they are in a result frame, with their positions."""
    frame = pd.concat([_as_result(store.read_table(name)) for name in names], ignore_index=True)
    return frame.astype({"status": _STATUS_DTYPE})


_STATUS_DTYPE = Outcomes(0).frame(pd.RangeIndex(0))["status"].dtype
_RESULT_TYPES = Outcomes(0).frame(pd.RangeIndex(0)).drop(columns="status").dtypes.to_dict()


def _as_result(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return frame.astype({"status": "string", **_RESULT_TYPES, "resent": bool})
