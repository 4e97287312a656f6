"""All findings about the rows of a frame besides its schema: warnings, and errors where a call cannot be taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from cio_frames.columns import ColumnMapping, Columns
from cio_frames.spec.tracking_plan import TrackingPlan
from cio_frames.validation.column_names import name_warnings
from cio_frames.validation.column_reader import ColumnReader
from cio_frames.validation.column_values import object_type_cases, value_warnings
from cio_frames.validation.identifiers import no_ulid_warnings
from cio_frames.validation.journeys_limits import limit_warnings
from cio_frames.validation.merges import merge_cases
from cio_frames.validation.subject_ids import id_cases
from cio_frames.validation.unknown import misspelled_name_warnings, unknown_event_warnings, unknown_property_warnings
from cio_frames.validation.warning_counts import ColumnWarning


def warnings_of(
    reader: ColumnReader,
    columns: Columns,
    *,
    mapping: ColumnMapping,
    tracking_plan: TrackingPlan,
    exact_ids: bool = False,
) -> Iterator[pd.DataFrame | ColumnWarning]:
    """Yield failure cases by position, and warnings about columns.

    With ``exact_ids``, ids are meant as they stand.
    """
    if not exact_ids:
        yield from id_cases(reader, columns)
    yield from merge_cases(reader, columns, "warning" if exact_ids else "error")
    yield from object_type_cases(reader, columns)
    yield from limit_warnings(reader, columns)
    yield from no_ulid_warnings(reader, columns)
    yield from misspelled_name_warnings(reader, columns)
    yield from unknown_event_warnings(reader, columns, tracking_plan)
    yield from unknown_property_warnings(reader, columns)
    yield from name_warnings(reader, columns, mapping)
    yield from value_warnings(reader, columns)
