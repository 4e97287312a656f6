"""All warnings about the rows of a frame: these rows are sent, and counted."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from cio_frames.columns import Columns
from cio_frames.spec.tracking_plan import TrackingPlan
from cio_frames.validation.identifiers import no_ulid_warnings
from cio_frames.validation.journeys_limits import limit_warnings
from cio_frames.validation.lost_values import index_name_warnings, large_float_warnings
from cio_frames.validation.unknown import misspelled_name_warnings, unknown_event_warnings, unknown_property_warnings


def warnings_of(frame: pd.DataFrame, columns: Columns, tracking_plan: TrackingPlan) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning``, by position."""
    yield from limit_warnings(frame, columns)
    yield from no_ulid_warnings(frame, columns)
    yield from misspelled_name_warnings(frame, columns)
    yield from unknown_event_warnings(frame, columns, tracking_plan)
    yield from unknown_property_warnings(frame, columns)
    yield from index_name_warnings(frame, columns)
    yield from large_float_warnings(frame, columns)
