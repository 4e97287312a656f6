"""What a sync of files came to, and where the results of its rows are kept meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from cio_frames._util.progress import print_counts
from cio_frames.loading.outputs import OutputFolder
from cio_frames.loading.result import LoadResult
from cio_frames.loading.source import Chunk, Source
from cio_frames.results import GOOD, RESULT_ATTRS, count_open_removals, status_counts
from cio_frames.syncing.draft import ChunkPlan
from cio_frames.validation import WarningCount, count_of, from_records, to_records, warning_lines


@dataclass(frozen=True, slots=True, repr=False)
class SyncResult(LoadResult):
    """What a sync came to; the result of every row is in its files.

    Examples
    --------
    >>> import tempfile
    >>> import cio_frames as cio
    >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
    >>> with cio.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     people.to_parquet(f"{folder}/people.parquet")
    ...     options = {"state": f"{folder}/people.sqlite", "client": sandbox.client, "output": f"{folder}/out"}
    ...     first = cio.sync(f"{folder}/people.parquet", "identify", **options)
    ...     result = cio.sync(f"{folder}/people.parquet", "identify", **options)
    ...     results = result.frame()
    ...     result.to_report(f"{folder}/report.html")
    >>> first.statuses, result.statuses, result.counts
    ({'delivered': 1, 'invalid': 1}, {'unchanged': 1, 'invalid': 1}, {'unchanged': 1, 'invalid': 1})
    >>> result
    <SyncResult of identify, done: 1 unchanged, 1 invalid>
    >>> result.ok, result.rows, result.rows_held_back, result.undelivered_rows
    (False, 2, 1, 1)
    >>> result.why, result.why_text("command line")
    ('', '')
    >>> results["status"].tolist(), result.as_dict()["removals"], result.open_removals
    (['unchanged', 'invalid'], {}, 0)

    Attributes
    ----------
    counts : dict of str to int
        What the plan of this run said: how many rows were new, changed, cleared, missing, unchanged, and so on.
    removals : dict of str to int
        How many missing subjects have each status.
    removed : Path or None
        ``removed.parquet``: one row for each subject that was removed or marked, or could not be.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    removals: Mapping[str, int] = field(default_factory=dict)
    removed: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is left to do: every row is delivered or unchanged, and every removal was taken."""
        # Not super(): a dataclass with slots is another class than the one that is written here.
        rows_are_good = self.phase != "stopped" and set(self.statuses) <= GOOD
        return rows_are_good and self.open_removals == 0

    @property
    def open_removals(self) -> int:
        """How many missing subjects were to be removed or marked, and were not."""
        return count_open_removals(self.removals)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts for programs."""
        return {
            **LoadResult.as_dict(self),
            "counts": dict(self.counts),
            "removals": dict(self.removals),
            "removed": self.removed and str(self.removed),
        }

    def __repr__(self) -> str:
        return LoadResult.__repr__(self).replace("LoadResult", "SyncResult", 1)


def add_facts(result: pd.DataFrame, warnings: Sequence[WarningCount], removals: Mapping[str, int]) -> None:
    """Add to a result frame what is not about single rows: warnings, and how many missing subjects have each status."""
    facts: dict[str, Any] = {"removals": dict(removals)} if removals else {}
    if warnings:
        facts["warnings"] = to_records(warnings)
    if facts:
        result.attrs[RESULT_ATTRS] = {"rows": len(result), **facts}


def print_sync_counts(what: str, result: pd.DataFrame | SyncResult, wanted: bool | None) -> None:
    """End an interactive sync with one line: counts by status, and by outcome of removals, warnings, where to look."""
    remarks = []
    warnings: Sequence[WarningCount]
    if isinstance(result, SyncResult):
        statuses, removals, warnings = result.statuses, result.removals, result.warnings
        if result.undelivered is not None:
            remarks.append(f"see {result.undelivered}")
    else:
        facts = result.attrs.get(RESULT_ATTRS, {})
        statuses, removals = status_counts(result), facts.get("removals", {})
        warnings = from_records(facts.get("warnings", []))
        if not result["status"].isin(GOOD).all():
            remarks.append("see result['reason']")
    if removals:
        remarks.append("removed: " + ", ".join(f"{count:,} {status}" for status, count in removals.items()))
    lines = warning_lines(warnings)
    if lines:
        remarks.append(f"{count_of(lines, 'warning')}, see cio.summary(result)")
    if isinstance(result, SyncResult) and result.why:
        remarks.append(result.why.rstrip("."))
    print_counts(what, statuses, wanted, remarks=remarks)


class MemorySink:
    """Keeps the results of frames in memory."""

    def __init__(self) -> None:
        self._results: dict[int, pd.DataFrame] = {}

    def write(self, plan: ChunkPlan, result: pd.DataFrame) -> None:
        """Keep the results of one chunk."""
        self._results[plan.number] = result

    def frame(self, index: pd.Index[Any]) -> pd.DataFrame:
        """Return the results of all rows under an index."""
        found = [self._results[number] for number in sorted(self._results)]
        whole = pd.concat(found) if len(found) > 1 else found[0]
        return whole.set_axis(index)


class FolderSink:
    """Writes the results of files to the folder of a sync."""

    def __init__(self, outputs: OutputFolder, source: Source) -> None:
        self._outputs = outputs
        self._source = source
        self.reasons: Counter[tuple[str, str | None]] = Counter()
        self.bytes = 0

    def write(self, plan: ChunkPlan, result: pd.DataFrame) -> None:
        """Write the results of one chunk."""
        # Counted first: that they cannot be written does not change what became of the rows.
        counted = result.groupby(["status", "reason"], observed=True, dropna=False).size().rename("rows").reset_index()
        for status, reason, count in counted.astype(object).itertuples(index=False):
            self.reasons[str(status), None if pd.isna(reason) else str(reason)] += int(count)
        self.bytes += int(result["bytes"].sum())
        chunk = Chunk(plan.number, pd.DataFrame(index=pd.RangeIndex(len(result))), plan.file, plan.first_row)
        is_good = set(result["status"].unique()) <= GOOD
        self._outputs.write_chunk(chunk, None if is_good else self._all_columns(chunk), result)

    def _all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return the rows of a chunk with all of their columns."""
        others = frozenset(range(chunk.number))
        found = next(found for found in self._source.chunks(done=others) if found.number == chunk.number)
        return self._source.read_all_columns(found)

    def write_removed(self, removed: pd.DataFrame) -> Path:
        """Write what became of subjects that were missing."""
        return self._outputs.write_removed(pa.Table.from_pandas(removed, preserve_index=False))
