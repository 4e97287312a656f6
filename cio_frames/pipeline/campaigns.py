"""Which rows can start campaigns, that is, send mail to real people: events that are young, or have no time."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from cio_frames import spec
from cio_frames._util.arrays import Bools
from cio_frames.arrow.normalize import column_of, slice_of
from cio_frames.columns import position_of
from cio_frames.encoding.arrays import instants_of
from cio_frames.errors import CampaignsError, ConfigurationError, parameter
from cio_frames.pipeline.call_groups import find_event_column
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.report.times import CAMPAIGN_HOURS
from cio_frames.validation import ACTING_FAMILY

_ROWS_LOOKED_AT = 100
_SECONDS_A_DAY = 86_400
# Names of columns with the time of an event, and of columns with other times.
_EVENT_TIME = re.compile(r"(?:^|[_. ])(?:at|on|time|timestamp|date|datetime|when|ts)$|(?:[a-z])(?:At|On|Time|Date)$")
_EVENT_VERB = re.compile(r"creat|happen|occur|order|plac|purchas|view|visit|event|sent|seen|paid|complet", re.I)
_OTHER_TIME = re.compile(r"birth|dob|expir|due|until|valid|renew|end(?:s|ed)?[_A-Z]|updat|modif|load|import|sync", re.I)


@dataclass(frozen=True, slots=True)
class CampaignRows:
    """How many rows can start campaigns, by cause.

    Attributes
    ----------
    young : int
        Events younger than 72 hours.
    untimed : int
        Events without a timestamp.
    """

    young: int = 0
    untimed: int = 0

    def __bool__(self) -> bool:
        return self.young > 0 or self.untimed > 0

    def __add__(self, other: CampaignRows) -> CampaignRows:
        return CampaignRows(self.young + other.young, self.untimed + other.untimed)


def makes_events(call_spec: CallSpec) -> bool:
    """Return whether any row of a call can be an event that starts campaigns.

    >>> from cio_frames.columns import ColumnMapping
    >>> makes_events(CallSpec("page", ColumnMapping())), makes_events(CallSpec("identify", ColumnMapping()))
    (True, False)
    >>> makes_events(CallSpec("track", ColumnMapping(), "User Deleted"))
    False
    """
    return call_spec.call in (*spec.EVENT_CALLS, "batch") and call_spec.event not in acting_events()


@cache
def acting_events() -> frozenset[str]:
    """Return the names of the events that Customer.io acts on and does not store.

    >>> "User Deleted" in acting_events(), "Order Completed" in acting_events()
    (True, False)
    """
    events = spec.events_by_any_name().items()
    return frozenset(name for name, event in events if event.family == ACTING_FAMILY)


def count_campaign_rows(
    frame: pd.DataFrame, call_spec: CallSpec, now: pd.Timestamp, *, invalid: Callable[[], Bools] | None = None
) -> CampaignRows:
    """Return how many rows are events younger than 72 hours, and how many are events without a timestamp.

    Rows that ``invalid`` names do not count, nor do times that cannot be read: neither is sent.

    >>> from cio_frames.columns import ColumnMapping
    >>> seen = pd.DataFrame({"user_id": ["ada"] * 3, "timestamp": ["2026-01-01", "2026-01-09", None]})
    >>> count_campaign_rows(seen, CallSpec("page", ColumnMapping()), pd.Timestamp("2026-01-10", tz="UTC"))
    CampaignRows(young=1, untimed=1)

    Raises
    ------
    FrameError
        The column that says which call a row is, or the time, is missing or ambiguous.
    """
    if not makes_events(call_spec):
        return CampaignRows()
    untimed = _are_events(frame, call_spec)
    young = np.zeros(len(frame), dtype=bool)
    position = timestamp_position(list(frame.columns), call_spec)
    if position is not None:
        young, untimed = _split_by_time(frame, position, call_spec, now, untimed)
    if invalid is not None and (young | untimed).any():
        is_invalid = invalid()
        young, untimed = young & ~is_invalid, untimed & ~is_invalid
    return CampaignRows(int(young.sum()), int(untimed.sum()))


def _split_by_time(
    frame: pd.DataFrame, position: int, call_spec: CallSpec, now: pd.Timestamp, events: Bools
) -> tuple[Bools, Bools]:
    """Return which events are young, and which have no timestamp."""
    instants, _ = instants_of(slice_of(column_of(frame.iloc[:, position]), 0, len(frame)), call_spec.options)
    edge = (now - pd.Timedelta(hours=CAMPAIGN_HOURS)).value // 1_000_000
    readable = events & ~instants.unreadable & ~instants.ambiguous
    return readable & ~instants.missing & (instants.ms > edge), readable & instants.missing


def campaigns_error(
    found: CampaignRows, frame: pd.DataFrame, call_spec: CallSpec, first_row: int = 0
) -> CampaignsError:
    """Return the error for rows that can start campaigns, with the column of ``frame`` that probably has their time.

    ``first_row`` is the position of the first row that is not sent; those before it are.
    """
    labels = list(frame.columns)
    likely = find_time_column(frame, call_spec) if timestamp_position(labels, call_spec) is None else None
    return CampaignsError(found.young, found.untimed, likely, first_row)


def campaign_columns(labels: Sequence[Hashable], call_spec: CallSpec) -> list[Hashable]:
    """Return the columns that tell which rows can start campaigns: the time, the call, the event."""
    position = timestamp_position(labels, call_spec)
    time = [] if position is None else [labels[position]]
    kinds = (
        call_spec.mapping.type_column if call_spec.call == "batch" else None,
        find_event_column(set(labels), call_spec),
    )
    return [*time, *(label for label in kinds if label is not None)]


def timestamp_position(labels: Sequence[Hashable], call_spec: CallSpec) -> int | None:
    """Return the position of the column with timestamps; None if there is none.

    >>> from cio_frames.columns import ColumnMapping
    >>> timestamp_position(["user_id", "timestamp"], CallSpec("page", ColumnMapping()))
    1
    """
    label = "timestamp" if call_spec.mapping.timestamp is None else call_spec.mapping.timestamp
    return position_of(labels, label, call_spec.call) if label in set(labels) else None


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
            "and can start campaigns. Set the clock; or send such events too with "
            f"{parameter('allow_campaigns', True)}."
        )


def find_time_column(frame: pd.DataFrame, call_spec: CallSpec) -> Hashable | None:
    """Return the column that probably has the time of each event, by its name and its first values.

    >>> from cio_frames.columns import ColumnMapping
    >>> orders = pd.DataFrame({"user_id": ["ada"], "born": ["1815-12-10"], "happened_at": ["2026-01-01"], "total": [1]})
    >>> find_time_column(orders, CallSpec("page", ColumnMapping()))
    'happened_at'
    """
    sample = frame.head(_ROWS_LOOKED_AT)
    best: Hashable | None = None
    best_score = 0
    for position, label in enumerate(sample.columns):
        if not _holds_times(sample.iloc[:, position], call_spec):
            continue
        name = str(label)
        score = 1 + 4 * bool(_EVENT_TIME.search(name)) + 2 * bool(_EVENT_VERB.search(name))
        score -= 8 * bool(_OTHER_TIME.search(name))
        if score > best_score:
            best, best_score = label, score
    return best


def _are_events(frame: pd.DataFrame, call_spec: CallSpec) -> Bools:
    """Return which rows are events that Customer.io stores."""
    labels = list(frame.columns)
    is_event = np.ones(len(frame), dtype=bool)
    tracks = is_event
    if call_spec.call == "batch":
        kinds = frame.iloc[:, position_of(labels, call_spec.mapping.type_column, call_spec.call)]
        is_event = kinds.isin(spec.EVENT_CALLS).to_numpy(dtype=bool)
        tracks = np.fromiter((isinstance(kind, str) and kind == "track" for kind in kinds), bool, len(kinds))
    event_column = find_event_column(frame.columns, call_spec)
    if event_column is not None:
        names = frame.iloc[:, position_of(labels, event_column, call_spec.call)].astype(object)
        acts = np.fromiter((isinstance(name, str) and name in acting_events() for name in names), bool, len(names))
        is_event = is_event & ~(tracks & acts)
    return is_event.copy()


def _holds_times(cells: pd.Series[Any], call_spec: CallSpec) -> bool:
    """Return whether most values can be read as timestamps."""
    instants, _ = instants_of(slice_of(column_of(cells), 0, len(cells)), call_spec.options)
    values = ~instants.missing
    readable = values & ~instants.unreadable & ~instants.ambiguous
    return bool(readable.any()) and int(readable.sum()) * 2 > int(values.sum())
