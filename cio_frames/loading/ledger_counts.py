"""What a ledger knows of a load's rows: of finished chunks, and of those that were broken off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cio_frames._util.arrays import Bools, Ints
from cio_frames.delivery.outcomes import Outcome
from cio_frames.delivery.reasons import EARLIER_MAY_BE_ACCEPTED
from cio_frames.loading.ledger_file import SealedTables, unpack_positions
from cio_frames.results import Status

# Statuses that a later run does not change, but for rows that were blocked on their way: see row_history.
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
    history = row_history(sent, outcomes, rows)
    counts: Counter[tuple[str, str | None]] = Counter()
    counts["unknown", NO_ANSWER_IN_LEDGER] = int(history.is_unanswered.sum())
    is_answered = (history.latest >= 0) & ~history.is_unanswered
    # Of an outcome that is unsent now, an earlier one may say more.
    takes_back = np.array([*(outcome.status == "unsent" for outcome in outcomes), False])[history.latest]
    in_doubt = history.in_doubt & takes_back
    known, doubtful = (
        np.bincount(history.latest[rows_of], minlength=len(outcomes)).tolist()
        for rows_of in (is_answered & ~in_doubt, is_answered & in_doubt)
    )
    for number, outcome in enumerate(outcomes):
        counts[outcome.status, outcome.reason] += known[number]
        counts["unknown", f"{outcome.reason}{EARLIER_MAY_BE_ACCEPTED}"] += doubtful[number]
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


@dataclass(frozen=True, slots=True)
class RowHistory:
    """What all runs so far have shown of a chunk's rows, row by row.

    Attributes
    ----------
    runs : numpy array of int
        How many runs have sent it.
    requests : numpy array of int
        At least how many requests have carried it: of a run that was killed before the answer came it is only known
        that a row left.
    latest : numpy array of int
        The number of its latest outcome; -1 without one.
    is_final : numpy array of bool
        Whether a later run does not send it. One that was blocked on its way is tried once more.
    is_unanswered : numpy array of bool
        Whether it is not final, and an answer to one of the runs was never noted.
    in_doubt : numpy array of bool
        Whether it is not final, and one of the runs may have brought it.
    """

    runs: Ints
    requests: Ints
    latest: Ints
    is_final: Bools
    is_unanswered: Bools
    in_doubt: Bools


def row_history(sent: Sequence[Ints], outcomes: Sequence[Outcome], rows: int) -> RowHistory:
    """Return the history of a chunk's rows, from the batches that left and from the outcomes, each in their order.

    >>> history = row_history([np.array([0, 1])], [Outcome(np.array([0]), "delivered", batch=0, attempts=2)], 3)
    >>> history.runs.tolist(), history.requests.tolist(), history.in_doubt.tolist()
    ([1, 1, 0], [2, 1, 0], [False, True, False])
    """
    left, answered, requests = (np.zeros(rows, dtype=np.int64) for _ in range(3))
    is_final, was_unknown, was_blocked = (np.zeros(rows, dtype=bool) for _ in range(3))
    latest = np.full(rows, -1)
    for positions in sent:
        left[positions] += 1
    runs = left.copy()
    for number, outcome in enumerate(outcomes):
        positions = outcome.rows
        latest[positions] = number
        requests[positions] += outcome.attempts
        answered[positions] += outcome.attempts > 0
        # It was about to leave, and did not.
        runs[positions] -= outcome.status == "unsent" and outcome.attempts > 0
        is_final[positions] = outcome.status in FINAL_STATUSES and (not outcome.was_blocked or was_blocked[positions])
        was_unknown[positions] |= outcome.status == "unknown"
        was_blocked[positions] |= outcome.was_blocked
    is_unanswered = ~is_final & (left > answered)
    return RowHistory(
        runs, requests + np.maximum(left - answered, 0), latest, is_final, is_unanswered,
        in_doubt=is_unanswered | (~is_final & was_unknown),
    )  # fmt: skip
