"""What a check of a frame found, for people and for programs."""

from cio_frames.report.facts import ColumnFacts, Facts
from cio_frames.report.survey import Survey, column_facts, merged
from cio_frames.report.validation_report import ValidationReport

__all__ = ["ColumnFacts", "Facts", "Survey", "ValidationReport", "column_facts", "merged"]
