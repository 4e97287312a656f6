"""What a notebook shows of a validation report, a load, and a sync plan: the content of their pages in short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from cio_frames._util.notebook_html import (
    draw_bar,
    draw_figures,
    draw_file,
    draw_fold,
    draw_output,
    draw_table,
    draw_text,
)
from cio_frames.report.answers import (
    campaigns_sentence,
    load_headline,
    repeated_rows_sentence,
    status_shares,
    validation_headline,
    validation_lede,
    validation_shares,
)
from cio_frames.report.facts import ColumnFacts
from cio_frames.report.findings import Findings, short_text
from cio_frames.report.run_facts import RunFacts
from cio_frames.report.templates import format_share
from cio_frames.report.times import TimeChart, time_chart
from cio_frames.report.validation_page import ReportContent
from cio_frames.validation import WarningCount, warning_lines

_MAX_CHECKS_SHOWN = 20
_MAX_COLUMNS_SHOWN = 100
_MAX_REASONS_SHOWN = 10
_MAX_WARNINGS_SHOWN = 10


class CheckedFrame(ReportContent, Protocol):
    """A report with its summary."""

    def summary(self) -> pd.DataFrame:
        """Return one row per column, check and severity."""


def validation_output(report: CheckedFrame) -> str:
    """Return a report as a notebook shows it, without values of cells."""
    total = Findings(report.failure_cases, report.rows, report.tallies).total
    facts = report.facts
    parts = [draw_text(validation_lede(total))]
    if total.rows:
        parts += [draw_bar(validation_shares(total)), draw_figures(validation_shares(total))]
    if facts is not None and total.rows:
        can_start, meaning = campaigns_sentence(facts.recent)
        parts.append(draw_text(meaning.removeprefix(", "), bold=can_start and f"{can_start},"))
        parts.append(draw_text(repeated_rows_sentence(facts.repeated_rows)))
    lines = warning_lines([each for each in report.warnings if each.scope != "row"])
    parts += draw_lines("Warning:", lines)
    summary = report.summary()
    of_rows = summary[[severity == "error" for severity in summary["severity"]]] if len(lines) else summary
    parts.append(draw_table(_CHECK_HEADERS, [_check_row(row, total.rows) for row in _records(of_rows)]))
    if len(of_rows) > _MAX_CHECKS_SHOWN:
        parts.append(draw_text(f"{len(of_rows) - _MAX_CHECKS_SHOWN:,} more findings are in report.summary()."))
    if facts is not None:
        rows = [_column_row(each) for each in facts.column_facts[:_MAX_COLUMNS_SHOWN]]
        parts.append(draw_fold(f"{len(facts.column_facts):,} columns", draw_table(_COLUMN_HEADERS, rows)))
        chart = time_chart(facts.time_buckets, facts.checked_at) if facts.time_buckets is not None else None
        parts.append(draw_fold("Times", _draw_chart(chart)) if chart is not None else "")
    where = f" of {short_text(report.source)}" if report.source else ""
    about = f"{short_text(report.what)}{where}, checked against {short_text(report.against)}. "
    parts.append(draw_text(f"{about}The whole page: report.to_html('report.html').", kind="about"))
    return draw_output(validation_headline(total), *parts)


_CHECK_HEADERS = ("Finding", "Outcome", "Column", "Rows", "Share", "First positions")
_COLUMN_HEADERS = ("Column", "Field", "In JSON", "Filled", "Distinct", "Changes")
_CHART_HEIGHT = 70


def _column_row(each: ColumnFacts) -> list[object]:
    distinct = "unknown" if each.distinct is None else f"{'at least ' if each.distinct_is_cut else ''}{each.distinct:,}"
    losses = "; ".join(f"{what} ({cells:,})" for what, cells in each.losses)
    return [short_text(each.label), short_text(each.field), each.wire_type, each.filled, distinct, losses]


def _draw_chart(chart: TimeChart) -> str:
    rects = [
        f'<rect class="good" x="{bar.place}%" width="{bar.width}%" y="{_CHART_HEIGHT - height:.1f}" '
        f'height="{height:.1f}"><title>{bar.count:,} rows from {bar.start:%Y-%m-%d %H:%M} UTC</title></rect>'
        for bar in chart.bars
        for height in [max(_CHART_HEIGHT * bar.height, 2)]
    ]
    band = ""
    if chart.band_width:
        place = f'x="{chart.band_start}%" width="{chart.band_width}%"'
        band = f'<rect class="band" {place} y="0" height="{_CHART_HEIGHT}"/>'
    span = f"{chart.start:%Y-%m-%d} to {chart.end:%Y-%m-%d}"
    text = f"Rows by timestamp, {span}; each bar is {chart.bar_width}, the tallest has {chart.most:,} rows."
    shaded = " Shaded: the last 72 hours." if band else ""
    svg = f'<svg width="100%" height="{_CHART_HEIGHT}" role="img" aria-label="{text}">{band}{"".join(rects)}</svg>'
    return svg + draw_text(text + shaded, kind="about")


def _records(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in row.items()}
        for row in summary.head(_MAX_CHECKS_SHOWN).to_dict(orient="records")
    ]


def _check_row(row: Mapping[str, Any], rows: int) -> list[object]:
    is_whole = bool(pd.isna(row["column"])) if pd.api.types.is_scalar(row["column"]) else False
    return [
        short_text(row["first_reason"]),
        "held back" if row["severity"] == "error" else "warning",
        "the row as a whole" if is_whole else short_text(row["column"]),
        int(row["rows"]),
        format_share(int(row["rows"]), rows),
        ", ".join(f"{position:,}" for position in row["first_positions"]),
    ]


def draw_lines(bold: str, lines: Sequence[str]) -> list[str]:
    """Return lines as paragraphs, the first of them, and how many more there are."""
    more = len(lines) - _MAX_WARNINGS_SHOWN
    drawn = [draw_text(short_text(line), bold=bold) for line in lines[:_MAX_WARNINGS_SHOWN]]
    return [*drawn, draw_text(f"{more:,} more.") if more > 0 else ""]


class LoadOutput(Protocol):
    """What a notebook shows of a load."""

    @property
    def what(self) -> str:
        """The call and the event."""

    @property
    def phase(self) -> str:
        """Where the load is."""

    @property
    def why(self) -> str:
        """Why it stopped."""

    @property
    def statuses(self) -> Mapping[str, int]:
        """How many rows have each status."""

    @property
    def reasons(self) -> Mapping[tuple[str, str | None], int]:
        """How many rows have each status and reason."""

    @property
    def warnings(self) -> Sequence[WarningCount]:
        """The warnings, counted."""

    @property
    def recent(self) -> Mapping[str, int]:
        """Dry run: rows that can start campaigns, by event."""

    @property
    def requests(self) -> int:
        """How many requests were made."""

    @property
    def bytes(self) -> int:
        """The size of all calls."""

    @property
    def undelivered(self) -> object | None:
        """The file of undelivered rows."""

    @property
    def run(self) -> RunFacts | None:
        """What the run was."""


def load_output(result: LoadOutput) -> str:
    """Return a load as a notebook shows it: counts and reasons, and no cell of any row."""
    shares = status_shares(result.statuses)
    by_rows = sorted(result.reasons.items(), key=lambda found: -found[1])
    reasons = [(status, short_text(reason), rows) for (status, reason), rows in by_rows if reason]
    parts = [draw_text(short_text(result.why)), draw_bar(shares), draw_figures(shares)]
    if result.recent:
        can_start, meaning = campaigns_sentence(result.recent)
        parts.append(draw_text(meaning.removeprefix(", "), bold=f"{can_start},"))
    parts += draw_lines("Warning:", warning_lines(result.warnings))
    parts.append(draw_table(("Status", "Reason", "Rows"), reasons[:_MAX_REASONS_SHOWN]))
    if len(reasons) > _MAX_REASONS_SHOWN:
        parts.append(draw_text(f"{len(reasons) - _MAX_REASONS_SHOWN:,} more reasons are in result.reasons."))
    if result.undelivered is not None:
        parts.append(draw_file("Undelivered rows, each with its reason:", result.undelivered))
    run = result.run
    where = f" of {short_text(run.source)}" if run else ""
    # Without the port of a sandbox, so that a notebook that runs again shows the same.
    where += f" to {run.destination.partition(' at ')[0]}" if run and run.destination else ""
    about = f"{short_text(result.what)}{where}, {result.phase}: {result.requests:,} requests, {result.bytes:,} bytes"
    parts.append(draw_text(f"{about} of calls. The whole page: result.to_report('load.html').", kind="about"))
    return draw_output(load_headline(result.statuses, result.phase), *parts)
