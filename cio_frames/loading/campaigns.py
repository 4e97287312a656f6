"""Before a load: how many of its rows can start campaigns, that is, send mail to real people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from cio_frames.encoding.arrays import instants_of
from cio_frames.encoding.series import column_of, slice_of
from cio_frames.loading.sources import Source
from cio_frames.pipeline import Request
from cio_frames.report.survey import CAMPAIGN_HOURS

# The calls that are stored as events; https://docs.customer.io/journeys/importing-old-data speaks of events only.
EVENTS = ("track", "page", "screen")


def rows_that_can_start_campaigns(source: Source, request: Request, now: pd.Timestamp) -> int:
    """Return how many rows are events younger than 72 hours, or without a time; of files no more is read than that.

    >>> from cio_frames.columns import ColumnMapping
    >>> from cio_frames.loading.sources import source_of
    >>> seen = pd.DataFrame({"user_id": ["ada"] * 3, "timestamp": ["2026-01-01", "2026-01-09", None]})
    >>> request = Request("page", ColumnMapping())
    >>> rows_that_can_start_campaigns(source_of(seen), request, pd.Timestamp("2026-01-10", tz="UTC"))
    2
    """
    if request.call not in (*EVENTS, "batch"):
        return 0
    columns = [found for _, labels in source.labels() if (found := _timestamp(labels, request)) is not None]
    if not columns and source.rows() is not None and request.call != "batch":
        return source.rows() or 0
    kind = request.mapping.type_column if request.call == "batch" else None
    wanted = [label for label in {*columns, kind} if label is not None]
    return sum(
        young_rows(chunk.frame, request, now)
        for chunk in source.chunks(wanted=lambda labels: [label for label in labels if label in wanted])
    )


def young_rows(frame: pd.DataFrame, request: Request, now: pd.Timestamp) -> int:
    """Return how many rows of a frame are young events."""
    counts = np.ones(len(frame), dtype=bool)
    if request.call == "batch":
        counts = frame[request.mapping.type_column].isin(EVENTS).to_numpy(dtype=bool)
    elif request.call not in EVENTS:
        return 0
    label = _timestamp(list(frame.columns), request)
    if label is None:
        return int(counts.sum())
    column = column_of(frame[label])
    instants, _ = instants_of(slice_of(column, 0, len(frame)), request.form)
    edge = (now - pd.Timedelta(hours=CAMPAIGN_HOURS)).value // 1_000_000
    # What cannot be read is held back later.
    young = (instants.missing | (instants.ms > edge)) & ~instants.unreadable & ~instants.unclear
    return int((counts & young).sum())


def _timestamp(labels: Sequence[Hashable], request: Request) -> Hashable | None:
    """Return the column with timestamps."""
    given = request.mapping.timestamp
    if given is not None:
        return given if given in labels else None
    return "timestamp" if "timestamp" in labels else None
