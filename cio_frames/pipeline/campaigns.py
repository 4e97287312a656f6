"""Which rows can start campaigns, that is, send mail to real people: events that are young, or have no time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from cio_frames import spec
from cio_frames.arrow.normalize import column_of, slice_of
from cio_frames.columns import position_of
from cio_frames.encoding.arrays import instants_of
from cio_frames.errors import ConfigurationError, parameter
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.report.survey import CAMPAIGN_HOURS

_SECONDS_A_DAY = 86_400


def makes_events(call_spec: CallSpec) -> bool:
    """Return whether any row of a call can be an event.

    >>> from cio_frames.columns import ColumnMapping
    >>> makes_events(CallSpec("page", ColumnMapping())), makes_events(CallSpec("identify", ColumnMapping()))
    (True, False)
    """
    return call_spec.call in (*spec.EVENT_CALLS, "batch")


def count_campaign_rows(frame: pd.DataFrame, call_spec: CallSpec, now: pd.Timestamp) -> int:
    """Return how many rows are events younger than 72 hours, or without a timestamp.

    >>> from cio_frames.columns import ColumnMapping
    >>> seen = pd.DataFrame({"user_id": ["ada"] * 3, "timestamp": ["2026-01-01", "2026-01-09", None]})
    >>> count_campaign_rows(seen, CallSpec("page", ColumnMapping()), pd.Timestamp("2026-01-10", tz="UTC"))
    2

    Raises
    ------
    FrameError
        The column that says which call a row is, or the time, is missing or ambiguous.
    """
    if not makes_events(call_spec):
        return 0
    labels = list(frame.columns)
    is_event = np.ones(len(frame), dtype=bool)
    if call_spec.call == "batch":
        kind = position_of(labels, call_spec.mapping.type_column, call_spec.call)
        is_event = frame.iloc[:, kind].isin(spec.EVENT_CALLS).to_numpy(dtype=bool)
    position = timestamp_position(labels, call_spec)
    if position is None:
        return int(is_event.sum())
    column = column_of(frame.iloc[:, position])
    instants, _ = instants_of(slice_of(column, 0, len(frame)), call_spec.options)
    edge = (now - pd.Timedelta(hours=CAMPAIGN_HOURS)).value // 1_000_000
    # What cannot be read is held back by validation.
    is_young = (instants.missing | (instants.ms > edge)) & ~instants.unreadable & ~instants.ambiguous
    return int((is_event & is_young).sum())


def timestamp_position(labels: Sequence[Hashable], call_spec: CallSpec) -> int | None:
    """Return the position of the column with timestamps; None if there is none.

    >>> from cio_frames.columns import ColumnMapping
    >>> timestamp_position(["user_id", "timestamp"], CallSpec("page", ColumnMapping()))
    1
    """
    label = "timestamp" if call_spec.mapping.timestamp is None else call_spec.mapping.timestamp
    return position_of(labels, label, call_spec.call) if label in labels else None


def refuse_wrong_clock(seconds_ahead: float) -> None:
    """Raise if this machine's clock is so far ahead that young events look old, and start campaigns unasked.

    >>> refuse_wrong_clock(3_600.0)
    >>> refuse_wrong_clock(4 * 86_400.0)
    Traceback (most recent call last):
    cio_frames.errors.ConfigurationError: This machine's clock is 4 days ahead of the server's: events younger than 72 \
hours look older, and can start campaigns. Set the clock; or send such events too with allow_campaigns=True.

    Raises
    ------
    ConfigurationError
        It is a day ahead, or more.
    """
    days = seconds_ahead / _SECONDS_A_DAY
    if days >= 1:
        raise ConfigurationError(
            f"This machine's clock is {days:,.0f} days ahead of the server's: events younger than 72 hours look older, "
            f"and can start campaigns. Set the clock; or send such events too with {parameter('allow_campaigns', True)}."
        )
