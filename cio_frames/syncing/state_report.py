"""What a state says, for people and programs; and how to make it forget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.syncing.records import Evidence
from cio_frames.syncing.state import State

_RUNS_SHOWN = 10
_EXPORT_COLUMNS = "key, revision, evidence, delivered_at, pending IS NOT NULL, coalesce(rejections, 0)"


def describe_state(path: Path) -> dict[str, Any]:
    """Return what a state is tied to, how many subjects it has by evidence, and its last runs.

    Raises
    ------
    ConfigurationError
        There is no such file, or it is not a state.
    """
    with _existing(path, read_only=True) as state:
        counts: dict[str, int] = {}
        for kind in Evidence:
            if count := state.count(f"WHERE evidence = {int(kind)}"):
                counts[kind.name.lower()] = count
        mapping = state.facts.get("mapping") or {}
        return {
            "state": str(path),
            "call": state.facts.get("call"),
            "endpoint": state.facts.get("endpoint"),
            "fields": ", ".join(mapping.get("fields", ())),
            "created_at": state.facts.get("created_at"),
            "subjects": counts,
            "pending": state.count("WHERE pending IS NOT NULL"),
            "missing": len(state.missing()),
            "runs": [
                {"run": run.number, "kind": run.kind, "phase": run.phase, "as_of": run.as_of, "counts": run.counts}
                for run in state.runs()[-_RUNS_SHOWN:]
            ],
        }


def export_subjects(path: Path) -> pd.DataFrame:
    """Return one row for each subject: what is known of it, and no value."""
    with _existing(path, read_only=True) as state:
        rows = [row for block in state.scan(_EXPORT_COLUMNS) for row in block]
    frame = pd.DataFrame(rows, columns=["subject", "revision", "evidence", "delivered_at", "uncertain", "rejections"])
    names = {int(kind): kind.name.lower() for kind in Evidence}
    return frame.assign(
        subject=frame["subject"].astype("string"),
        evidence=frame["evidence"].map(names).astype("string"),
        delivered_at=pd.to_datetime(frame["delivered_at"].astype("Int64"), unit="s", utc=True),
        uncertain=frame["uncertain"].astype(bool),
    )


def forget_subjects(path: Path, subjects: Sequence[str]) -> int:
    """Remove subjects from a state, and return how many it had."""
    with _existing(path) as state:
        run = state.begin("forget", source=str(path), as_of=None)
        gone = state.forget(subjects)
        state.end(run, "done", {"forgotten": gone})
        return gone


def _existing(path: Path, *, read_only: bool = False) -> State:
    if not path.exists():
        raise ConfigurationError(f"The state {path} was not found. Name the file of {parameter('state')}.")
    return State(path, create=False, read_only=read_only)
