"""Spec and columns to a pandera schema, and what a frame breaks of it. The only package that knows pandera."""

from cio_frames.validation.failures import FAILURE_COLUMNS, failures_of, rows_by_reason
from cio_frames.validation.schemas import as_schema, fields_frame, schema

__all__ = [
    "FAILURE_COLUMNS",
    "as_schema",
    "failures_of",
    "fields_frame",
    "rows_by_reason",
    "schema",
]
