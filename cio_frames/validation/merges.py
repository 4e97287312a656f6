"""Merges that do nothing, or undo one another: an alias onto itself, aliases in a circle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import spec
from cio_frames._util.arrays import Bools, Ints
from cio_frames.columns import Columns
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.column_reader import ColumnReader, as_bools
from cio_frames.validation.failures import Severity, failure_cases
from cio_frames.validation.subject_ids import id_texts

# Chains of aliases are mostly short; longer ones are followed one by one.
_MAX_ROUNDS = 64


def merge_cases(reader: ColumnReader, columns: Columns, severity: Severity) -> Iterator[pd.DataFrame]:
    """Yield failure cases for aliases onto themselves and in a circle.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> aliases = pd.DataFrame({"user_id": ["a", "b", "c"], "previous_id": ["a", "c", "b"]})
    >>> columns = resolve(aliases.columns, spec.calls()["alias"], ColumnMapping())
    >>> found = merge_cases(ColumnReader(aliases), columns, "error")
    >>> [(cases["check"][0], cases["position"].tolist()) for cases in found]
    [('alias_itself', [0]), ('alias_circle', [1, 2])]
    """
    user, previous = columns.source(spec.USER_ID), columns.source(spec.PREVIOUS_ID)
    if columns.call.name != "alias" or user is None or previous is None:
        return
    into, merged = id_texts(reader, user), id_texts(reader, previous)
    if into is None or merged is None:
        return
    itself = np.flatnonzero(as_bools(pc.equal(into, merged)))
    if len(itself):
        reason = f"{previous.label}: {CHECKS['alias_itself']}"
        yield failure_cases(itself, previous.label, "alias_itself", reason, severity=severity)
    known = np.asarray(into.is_valid()) & np.asarray(merged.is_valid())
    known[itself] = False
    edges = np.flatnonzero(known)
    codes = pa.concat_arrays([merged, into]).dictionary_encode().indices
    codes = np.asarray(pc.fill_null(codes, 0), dtype=np.int64)
    circle = edges[in_circle(codes[: reader.rows][edges], codes[reader.rows :][edges])]
    if len(circle):
        reason = f"{previous.label}: {CHECKS['alias_circle']}"
        yield failure_cases(circle, previous.label, "alias_circle", reason, severity=severity)


def in_circle(merged: Ints, into: Ints) -> Bools:
    """Return which merges are part of a circle, or lead from one circle to another.

    Ids are numbers from 0.

    >>> in_circle(np.array([0, 1, 2, 3]), np.array([1, 0, 0, 4])).tolist()
    [True, True, False, False]
    """
    count = int(max(merged.max(initial=-1), into.max(initial=-1))) + 1
    rows = np.arange(len(merged))
    for _ in range(_MAX_ROUNDS):
        comes, goes = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        comes[into[rows]] = True
        goes[merged[rows]] = True
        # In a circle, something is merged into the one id, and the other is merged on.
        kept = rows[comes[merged[rows]] & goes[into[rows]]]
        if len(kept) in (0, len(rows)):
            break
        rows = kept
    else:
        kept = rows[_follow_chains(merged[rows].tolist(), into[rows].tolist())]
    found = np.zeros(len(merged), dtype=bool)
    found[kept] = True
    return found


def _follow_chains(merged: list[int], into: list[int]) -> list[int]:
    """Return the merges that are left once all that nothing is merged into are taken away, one after the other."""
    incoming: dict[int, int] = {}
    outgoing: dict[int, list[int]] = {}
    for row, (one, other) in enumerate(zip(merged, into, strict=True)):
        incoming[other] = incoming.get(other, 0) + 1
        outgoing.setdefault(one, []).append(row)
    ready = [one for one in outgoing if one not in incoming]
    removed = set()
    while ready:
        for row in outgoing.get(ready.pop(), ()):
            removed.add(row)
            other = into[row]
            incoming[other] -= 1
            if not incoming[other]:
                ready.append(other)
    return [row for row in range(len(merged)) if row not in removed]
