"""Reports on parts of a frame as one."""

from __future__ import annotations

from collections.abc import Sequence

from cio_frames.report.validation_report import ValidationReport


def merge_reports(reports: Sequence[ValidationReport]) -> ValidationReport:
    """Return the report on a whole frame."""
    raise NotImplementedError
