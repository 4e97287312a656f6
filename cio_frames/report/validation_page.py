"""A validation report as one HTML page that loads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from cio_frames.report.answers import campaigns_sentence, repeated_rows_sentence, validation_headline, validation_lede
from cio_frames.report.facts import Facts
from cio_frames.report.findings import MAX_CHECKS, Findings, short_text
from cio_frames.report.lines import SourcePart, place_of
from cio_frames.report.sizes import histogram
from cio_frames.report.tallies import CaseTallies
from cio_frames.report.templates import template_environment
from cio_frames.report.times import time_chart
from cio_frames.validation import WarningCount, warning_lines

_MAX_COLUMNS = 1_000
_MAX_EVENTS = 50


class ReportContent(Protocol):
    """What a page needs of a report."""

    @property
    def what(self) -> str:
        """The call and the event."""

    @property
    def rows(self) -> int:
        """How many rows were checked."""

    @property
    def against(self) -> str:
        """The spec, tracking plan or schema that rows were checked against."""

    @property
    def source(self) -> str | None:
        """The file, folder or address of the rows."""

    @property
    def source_changed(self) -> pd.Timestamp | None:
        """When the last of its files was changed."""

    @property
    def destination(self) -> str | None:
        """Where the rows would go."""

    @property
    def version(self) -> str:
        """The version of this package."""

    @property
    def parts(self) -> Sequence[SourcePart]:
        """Which rows are in which file."""

    @property
    def failure_cases(self) -> pd.DataFrame:
        """One row per broken check: position, index, column, check, severity, value, reason."""

    @property
    def tallies(self) -> CaseTallies | None:
        """Counts of all cases, if not all of them are in failure_cases."""

    @property
    def warnings(self) -> Sequence[WarningCount]:
        """All warnings, counted."""

    @property
    def facts(self) -> Facts | None:
        """Sizes, requests, times and columns, if they are known."""


def validation_page(report: ReportContent, *, show_values: bool) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    report : ValidationReport
        Or another object with the same content.
    show_values : bool
        Whether to include the values of failing cells and the index labels of their rows: both may be people's data.
        Labels of columns and names of events are always included.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> cases = pd.DataFrame(
    ...     {
    ...         "position": [1],
    ...         "index": [1],
    ...         "column": ["total"],
    ...         "check": "number",
    ...         "severity": "error",
    ...         "value": ["free"],
    ...         "reason": ["total: must be a number"],
    ...     }
    ... )
    >>> about = {
    ...     "source": "a.csv",
    ...     "source_changed": None,
    ...     "destination": None,
    ...     "version": "1",
    ...     "parts": (),
    ...     "tallies": None,
    ... }
    >>> report = SimpleNamespace(
    ...     what="identify", rows=3, against="the spec", failure_cases=cases, warnings=(), facts=None, **about
    ... )
    >>> text = validation_page(report, show_values=False)
    >>> "1 of 3 rows is held back" in text, "free" in text
    (True, False)
    """
    findings = Findings(report.failure_cases, report.rows, report.tallies)
    facts = report.facts
    show_index = show_values and findings.index_differs
    checks, more_checks = findings.checks(show_values=show_values, show_index=show_index)
    places = {
        finding.position: place_of(report.parts, finding.position) for check in checks for finding in check.findings
    }
    tallies = findings.tallies([column.label for column in facts.column_facts] if facts else [])
    return template_environment().get_template("report.html.j2").render(
        what=short_text(report.what),
        against=short_text(report.against),
        report=report,
        places=places,
        has_files=len({part.file for part in report.parts}) > 1,
        has_lines=any(place.line is not None for place in places.values()),
        times=time_chart(facts.time_buckets, facts.checked_at) if facts and facts.time_buckets else None,
        total=findings.total,
        headline=validation_headline(findings.total),
        lede=validation_lede(findings.total),
        campaigns=campaigns_sentence(facts.recent) if facts else None,
        checks=checks,
        more_checks=more_checks,
        max_checks=MAX_CHECKS,
        show_index=show_index,
        show_values=show_values,
        tallies=tallies[:_MAX_COLUMNS],
        more_tallies=len(tallies[_MAX_COLUMNS:]),
        warning_lines=list(map(short_text, warning_lines([each for each in report.warnings if each.scope != "row"]))),
        facts=facts,
        repeated_rows=repeated_rows_sentence(facts.repeated_rows) if facts else "",
        columns=facts.column_facts[:_MAX_COLUMNS] if facts else (),
        recent=_recent_events(facts) if facts else [],
        max_events=_MAX_EVENTS,
        call_sizes=histogram(facts.call_bytes, facts.max_call_bytes, facts.call_counts) if facts else None,
        body_sizes=histogram(facts.bodies, facts.max_body_bytes) if facts else None,
    )  # fmt: skip


def _recent_events(facts: Facts) -> list[tuple[str, int]]:
    """Return which events can start campaigns, the most frequent first."""
    found = [(short_text(event), rows) for event, rows in facts.recent.items() if rows]
    return sorted(found, key=lambda pair: -pair[1])
