"""What a ledger knows of a load's rows: of finished chunks, and of those that were broken off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cio_frames._util.arrays import Ints
from cio_frames.delivery.outcomes import Outcome
from cio_frames.loading.ledger_file import SealedTables, unpack_positions
from cio_frames.results import Status

# Statuses that a later run does not change.
FINAL_STATUSES: frozenset[Status] = frozenset(("delivered", "acknowledged", "rejected", "invalid", "too_large"))
NO_ANSWER_IN_LEDGER = "sent, and the load was broken off before an answer was noted; it may have been accepted"
_NEVER_SENT = ("invalid", "too_large")


@dataclass(slots=True)
class LoadCounts:
    """Counts of a load's rows.

    Attributes
    ----------
    reasons : Counter of (status, reason)
        Rows of each.
    bytes, requests, resent : int
        Of finished chunks: bytes of calls, requests, and rows that were sent again.
    rows_done : int
        Rows that are answered for.
    """

    reasons: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    bytes: int = 0
    requests: int = 0
    resent: int = 0
    rows_done: int = 0


def count_load(tables: SealedTables, load: int) -> LoadCounts:
    """Return the counts of a load."""
    counts = LoadCounts()
    chunks = {row["chunk"]: row for row in tables.rows("chunks", load=load)}
    for row in chunks.values():
        counts.bytes += row["bytes"]
        counts.requests += row["requests"]
        counts.resent += row["resent"]
        if row["is_done"]:
            counts.reasons.update(_stored(row))
            counts.rows_done += row["rows"]
    for chunk, (sent, outcomes) in _unfinished(tables, load, chunks).items():
        found = _count_unfinished(sent, outcomes, chunks.get(chunk))
        counts.reasons.update(found)
        counts.rows_done += sum(rows for (status, _), rows in found.items() if status in FINAL_STATUSES)
    return counts


def _stored(row: Mapping[str, Any]) -> dict[tuple[str, str | None], int]:
    return {(status, reason): rows for status, reason, rows in json.loads(row["counts"])}


def _unfinished(
    tables: SealedTables, load: int, chunks: Mapping[int, Mapping[str, Any]]
) -> dict[int, tuple[list[Ints], list[Outcome]]]:
    """Return what left and what was answered of each chunk that is not done."""
    found: dict[int, tuple[list[Ints], list[Outcome]]] = {
        chunk: ([], []) for chunk, row in chunks.items() if not row["is_done"]
    }
    for row in tables.rows("sent_batches", load=load):
        found.setdefault(row["chunk"], ([], []))[0].append(unpack_positions(row["positions"]))
    for row in tables.rows("outcomes", load=load):
        found.setdefault(row["chunk"], ([], []))[1].append(outcome_of(row))
    return found


def _count_unfinished(
    sent: Sequence[Ints], outcomes: Sequence[Outcome], stored: Mapping[str, Any] | None
) -> Counter[tuple[str, str | None]]:
    """Return the counts of a chunk that was broken off, or that has rows to send again."""
    if stored is not None and (len(sent), len(outcomes)) == (stored["batches"], stored["outcomes"]):
        return Counter(_stored(stored))
    rows = 1 + max([-1, *(int(each.max(initial=-1)) for each in (*sent, *(outcome.rows for outcome in outcomes)))])
    left, answered = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    latest = np.full(rows, -1)
    for positions in sent:
        left[positions] += 1
    for number, outcome in enumerate(outcomes):
        answered[outcome.rows] += 1
        latest[outcome.rows] = number
    in_doubt = left > answered
    counts: Counter[tuple[str, str | None]] = Counter()
    counts["unknown", NO_ANSWER_IN_LEDGER] = int(in_doubt.sum())
    for number, times in enumerate(np.bincount(latest[~in_doubt & (latest >= 0)], minlength=len(outcomes)).tolist()):
        counts[outcomes[number].status, outcomes[number].reason] += times
    if stored is not None:
        # An earlier run has tried the chunk to the end: of it come the rows that never leave.
        counts.update({key: rows for key, rows in _stored(stored).items() if key[0] in _NEVER_SENT})
        counts["unsent", None] += stored["rows"] - sum(counts.values())
    return +counts


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a row of the ledger holds."""
    return Outcome(
        unpack_positions(row["positions"]), row["status"], row["batch"], row["attempts"], row["http_status"],
        row["reason"],
    )  # fmt: skip


def count_sends(sent: Sequence[Ints], outcomes: Sequence[Outcome], rows: int) -> tuple[Ints, Ints]:
    """Return how many runs have sent each row of a chunk, and at least how many requests have carried it.

    >>> count_sends([np.array([0, 1])], [], 3)
    (array([1, 1, 0]), array([1, 1, 0]))
    """
    left, answered, attempts = (np.zeros(rows, dtype=np.int64) for _ in range(3))
    for positions in sent:
        left[positions] += 1
    times = left.copy()
    for outcome in outcomes:
        attempts[outcome.rows] += outcome.attempts
        answered[outcome.rows] += outcome.attempts > 0
        # It was about to leave, and did not.
        times[outcome.rows] -= outcome.status == "unsent" and outcome.attempts > 0
    return times, attempts + np.maximum(left - answered, 0)
