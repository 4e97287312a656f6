"""The summary of a load as one HTML page that loads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cio_frames.report.findings import short_text
from cio_frames.report.templates import template_environment
from cio_frames.validation import WarningCount, warning_lines

_MAX_REASON_ROWS = 500


class LoadSummary(Protocol):
    """What a page needs of the result of a load; the template reads its other attributes too."""

    @property
    def what(self) -> str:
        """The call and the event."""

    @property
    def rows(self) -> int:
        """How many rows the source has."""

    @property
    def reasons(self) -> Mapping[tuple[str, str | None], int]:
        """How many rows have each status and reason."""

    @property
    def warnings(self) -> Sequence[WarningCount]:
        """The warnings, counted."""


def load_page(result: LoadSummary) -> str:
    """Return the page; it has counts and reasons, and no cell of any row."""
    reasons = sorted(
        ((status, reason, rows) for (status, reason), rows in result.reasons.items() if reason),
        key=lambda found: -found[2],
    )
    template = template_environment().get_template("load.html.j2")
    return template.render(
        result=result,
        reasons=reasons[:_MAX_REASON_ROWS],
        more_reasons=len(reasons[_MAX_REASON_ROWS:]),
        warning_lines=list(map(short_text, warning_lines(result.warnings))),
    )
