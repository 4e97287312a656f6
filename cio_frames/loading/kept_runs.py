"""The runs of a load, in a file in its output folder, so that a load that is resumed knows of earlier ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames._util.private_files import make_private_file
from cio_frames.report.run_facts import RunSummary

_RUNS_FILE = ".runs.json"


def write_runs_file(folder: Path, runs: Sequence[RunSummary]) -> None:
    """Write the runs of a load into its output folder; a run that is killed leaves what was written last."""
    temporary = folder / f"{_RUNS_FILE}.new"
    # Results matter more: a full disk is reported by them.
    with suppress(OSError):
        make_private_file(temporary)
        temporary.write_text(json.dumps(list(map(_to_record, runs)), indent=1), encoding="utf-8")
        temporary.replace(folder / _RUNS_FILE)


def read_runs_file(folder: Path) -> tuple[RunSummary, ...]:
    """Return the runs of a load; none if there is no such file."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return tuple(map(_from_record, json.loads((folder / _RUNS_FILE).read_text(encoding="utf-8"))))
    return ()


def _to_record(run: RunSummary) -> dict[str, Any]:
    return {
        "started_at": run.started_at.isoformat(),
        "seconds": round(run.seconds, 3),
        "good": run.good,
        "undelivered": run.undelivered,
        "requests": run.requests,
        "repeats": run.repeats,
        "has_ended": run.has_ended,
    }


def _from_record(record: dict[str, Any]) -> RunSummary:
    counts = {name: int(record[name]) for name in ("good", "undelivered", "requests", "repeats")}
    return RunSummary(
        started_at=pd.Timestamp(record["started_at"]),
        seconds=float(record["seconds"]),
        has_ended=bool(record["has_ended"]),
        **counts,
    )
