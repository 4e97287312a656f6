"""Which rows of a frame are invalid, and why. The only package that uses pandera.

pandera takes as long to import as pandas, so it is imported when a schema is first needed and not with this package.
"""

from typing import TYPE_CHECKING, Any

from cio_frames.validation.checks import CHECKS, NO_ULID
from cio_frames.validation.column_reader import ColumnReader
from cio_frames.validation.declared_types import declared_type_failures
from cio_frames.validation.failures import concat_failures, failure_cases, rows_by_reason
from cio_frames.validation.identifiers import ACTING_FAMILY, repeated_id_warnings
from cio_frames.validation.journeys_limits import event_data_warnings
from cio_frames.validation.members import check_constants
from cio_frames.validation.pandera_import import import_pandera
from cio_frames.validation.schemas import as_schema, events, schema, schema_of
from cio_frames.validation.source_warnings import MessageIdCount, PeopleRows, SourceWarnings
from cio_frames.validation.spreadsheet_numbers import spreadsheet_number_failures
from cio_frames.validation.warning_counts import (
    MAX_FIRST_POSITIONS,
    ColumnWarning,
    WarningCount,
    count_column,
    count_of,
    count_rows,
    from_records,
    merge_warning_counts,
    to_records,
    warning_lines,
    warning_summary,
)
from cio_frames.validation.warnings import warnings_of

if TYPE_CHECKING:
    from cio_frames.validation.pandera_runner import failures_of

__all__ = [
    "ACTING_FAMILY",
    "CHECKS",
    "MAX_FIRST_POSITIONS",
    "NO_ULID",
    "ColumnReader",
    "ColumnWarning",
    "MessageIdCount",
    "PeopleRows",
    "SourceWarnings",
    "WarningCount",
    "as_schema",
    "check_constants",
    "concat_failures",
    "count_column",
    "count_of",
    "count_rows",
    "declared_type_failures",
    "event_data_warnings",
    "events",
    "failure_cases",
    "failures_of",
    "from_records",
    "merge_warning_counts",
    "repeated_id_warnings",
    "rows_by_reason",
    "schema",
    "schema_of",
    "spreadsheet_number_failures",
    "to_records",
    "warning_lines",
    "warning_summary",
    "warnings_of",
]


def __getattr__(name: str) -> Any:
    if name == "failures_of":
        import_pandera()
        from cio_frames.validation.pandera_runner import failures_of

        return failures_of
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
