"""What validation found and what a load did, for people and for programs."""

from cio_frames.report.column_facts import column_facts, merge_column_facts, with_distinct
from cio_frames.report.distinct import DistinctCounts
from cio_frames.report.facts import ColumnFacts, Facts
from cio_frames.report.failure_cases import FailureCasesFile
from cio_frames.report.lines import SourcePart
from cio_frames.report.survey import Survey
from cio_frames.report.tallies import MAX_CASES_KEPT, CaseTallies
from cio_frames.report.validation_report import ValidationReport

__all__ = [
    "MAX_CASES_KEPT",
    "CaseTallies",
    "ColumnFacts",
    "DistinctCounts",
    "Facts",
    "FailureCasesFile",
    "SourcePart",
    "Survey",
    "ValidationReport",
    "column_facts",
    "merge_column_facts",
    "with_distinct",
]
