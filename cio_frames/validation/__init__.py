"""Spec and columns to a pandera schema, and what a frame breaks of it. The only package that knows pandera."""

from cio_frames.validation.pandera_runner import concat_failures, failure_cases, failures_of, rows_by_reason
from cio_frames.validation.journeys_limits import NO_ULID, event_data_warnings, repeated_id_warnings
from cio_frames.validation.members import check_constants
from cio_frames.validation.schemas import as_schema, events, schema, schema_of
from cio_frames.validation.warnings import warnings_of

__all__ = [
    "NO_ULID",
    "as_schema",
    "check_constants",
    "concat_failures",
    "event_data_warnings",
    "events",
    "failure_cases",
    "failures_of",
    "repeated_id_warnings",
    "rows_by_reason",
    "schema",
    "schema_of",
    "warnings_of",
]
