"""Before a load: how many of its rows can start campaigns, that is, send mail to real people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from cio_frames.arrow.normalize import column_of, slice_of
from cio_frames.columns import position_of
from cio_frames.encoding.arrays import instants_of
from cio_frames.errors import FrameError
from cio_frames.loading.sources import Chunk, Source
from cio_frames.pipeline import CallSpec
from cio_frames.report.survey import CAMPAIGN_HOURS

# The calls that are stored as events; https://docs.customer.io/journeys/importing-old-data speaks of events only.
EVENTS = ("track", "page", "screen")


def rows_that_can_start_campaigns(source: Source, call_spec: CallSpec, now: pd.Timestamp) -> int:
    """Return how many rows are events younger than 72 hours, or without a time; of files no more is read than that.

    >>> from cio_frames.columns import ColumnMapping
    >>> from cio_frames.loading.sources import source_of
    >>> seen = pd.DataFrame({"user_id": ["ada"] * 3, "timestamp": ["2026-01-01", "2026-01-09", None]})
    >>> request = CallSpec("page", ColumnMapping())
    >>> rows_that_can_start_campaigns(source_of(seen), request, pd.Timestamp("2026-01-10", tz="UTC"))
    2
    """
    if call_spec.call not in (*EVENTS, "batch"):
        return 0
    columns = [
        labels[place] for name, labels in source.labels() if (place := _timestamp(labels, call_spec, name)) is not None
    ]
    if not columns and source.rows() is not None and call_spec.call != "batch":
        return source.rows() or 0
    kind = call_spec.mapping.type_column if call_spec.call == "batch" else None
    wanted = [label for label in {*columns, kind} if label is not None]
    return sum(
        young_rows(chunk, call_spec, now)
        for chunk in source.chunks(wanted=lambda labels: [label for label in labels if label in wanted])
    )


def young_rows(chunk: Chunk, call_spec: CallSpec, now: pd.Timestamp) -> int:
    """Return how many rows of a chunk are young events."""
    frame, labels = chunk.frame, list(chunk.frame.columns)
    counts = np.ones(len(frame), dtype=bool)
    if call_spec.call == "batch":
        kind = _position(labels, call_spec.mapping.type_column, call_spec, chunk.where)
        counts = frame.iloc[:, kind].isin(EVENTS).to_numpy(dtype=bool)
    elif call_spec.call not in EVENTS:
        return 0
    place = _timestamp(labels, call_spec, chunk.where)
    if place is None:
        return int(counts.sum())
    column = column_of(frame.iloc[:, place])
    instants, _ = instants_of(slice_of(column, 0, len(frame)), call_spec.options)
    edge = (now - pd.Timedelta(hours=CAMPAIGN_HOURS)).value // 1_000_000
    # What cannot be read is held back later.
    young = (instants.missing | (instants.ms > edge)) & ~instants.unreadable & ~instants.ambiguous
    return int((counts & young).sum())


def _timestamp(labels: Sequence[Hashable], call_spec: CallSpec, where: str) -> int | None:
    """Return where the column with timestamps is, if there is one."""
    given = call_spec.mapping.timestamp
    label = "timestamp" if given is None else given
    return _position(labels, label, call_spec, where) if label in labels else None


def _position(labels: Sequence[Hashable], label: Hashable, call_spec: CallSpec, where: str) -> int:
    try:
        return position_of(labels, label, call_spec.call)
    except FrameError as error:
        raise error.at(where) from error
