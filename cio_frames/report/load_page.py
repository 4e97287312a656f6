"""The summary of a load as one HTML page that loads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cio_frames.report.answers import campaigns_sentence, load_headline, status_advice, status_shares
from cio_frames.report.findings import short_text
from cio_frames.report.lines import line_number
from cio_frames.report.run_facts import RunFacts, RunStep
from cio_frames.report.sizes import histogram
from cio_frames.report.templates import template_environment
from cio_frames.validation import WarningCount, warning_lines

_MAX_REASON_ROWS = 500


class LoadSummary(Protocol):
    """What a page needs of the result of a load; the template reads its other attributes too."""

    @property
    def what(self) -> str:
        """The call and the event."""

    @property
    def phase(self) -> str:
        """Where the load is."""

    @property
    def rows(self) -> int:
        """How many rows the source has."""

    @property
    def statuses(self) -> Mapping[str, int]:
        """How many rows have each status."""

    @property
    def reasons(self) -> Mapping[tuple[str, str | None], int]:
        """How many rows have each status and reason."""

    @property
    def recent(self) -> Mapping[str, int]:
        """Dry run: rows that can start campaigns, by event."""

    @property
    def warnings(self) -> Sequence[WarningCount]:
        """The warnings, counted."""

    @property
    def run(self) -> RunFacts | None:
        """What the run was."""


class NamedRow(Protocol):
    """A row that was not delivered."""

    @property
    def file(self) -> str | None:
        """Its file."""

    @property
    def row(self) -> int:
        """Its position there, from 0."""

    @property
    def status(self) -> str:
        """Its status."""

    @property
    def reason(self) -> str | None:
        """The reason."""


@dataclass(frozen=True, slots=True)
class StepBar:
    """One step of a run as the page draws it: times in seconds, heights and the step's counts."""

    place: int
    start: float
    end: float
    good_height: float
    undelivered_height: float
    repeats_height: float
    step: RunStep


_MAX_HEIGHT = 120.0
_MAX_REPEATS_HEIGHT = 24.0


def step_bars(run: RunFacts) -> list[StepBar]:
    """Return the steps of a run with the heights of their bars; none if nothing was sent.

    >>> import pandas as pd
    >>> steps = (RunStep(good=3, undelivered=1, requests=3, batches=1), RunStep(good=2, requests=1, batches=1))
    >>> run = RunFacts(source="", destination="", started_at=pd.Timestamp(0), step_seconds=0.5, steps=steps)
    >>> [(bar.start, bar.good_height, bar.undelivered_height, bar.repeats_height) for bar in step_bars(run)]
    [(0.0, 90.0, 30.0, 24.0), (0.5, 60.0, 0.0, 0.0)]
    """
    most = max((step.rows for step in run.steps), default=0)
    most_repeats = max((step.repeats for step in run.steps), default=0)
    if not any(step.requests for step in run.steps):
        return []
    return [
        StepBar(
            place,
            place * run.step_seconds,
            (place + 1) * run.step_seconds,
            _MAX_HEIGHT * step.good / max(most, 1),
            _MAX_HEIGHT * step.undelivered / max(most, 1),
            _MAX_REPEATS_HEIGHT * step.repeats / max(most_repeats, 1),
            step,
        )
        for place, step in enumerate(run.steps)
    ]


def load_page(
    result: LoadSummary, *, first_undelivered: Sequence[NamedRow] = (), undelivered_link: str | None = None
) -> str:
    """Return the page; it has counts and reasons, and no cell of any row.

    Parameters
    ----------
    result : LoadSummary
        The result of a load.
    first_undelivered : sequence of NamedRow
        The first rows that were not delivered.
    undelivered_link : str, optional
        The address of the file with all of them, as the page links to it.
    """
    reasons = sorted(
        ((status, reason, rows) for (status, reason), rows in result.reasons.items() if reason),
        key=lambda found: -found[2],
    )
    run, statuses = result.run, result.statuses
    lines = [line_number(row.file, row.row) for row in first_undelivered]
    body_bytes = np.array(run.body_bytes if run else (), dtype=np.int64)
    template = template_environment().get_template("load.html.j2")
    return template.render(
        result=result,
        run=run,
        headline=load_headline(statuses, result.phase),
        shares=status_shares(statuses),
        advice=status_advice(statuses, result.phase),
        campaigns=campaigns_sentence(result.recent) if result.recent else None,
        bars=step_bars(run) if run else [],
        body_sizes=histogram(body_bytes, run.max_body_bytes) if run and run.max_body_bytes else None,
        first_undelivered=list(zip(first_undelivered, lines, strict=True)),
        has_files=len({row.file for row in first_undelivered}) > 1,
        has_lines=any(line is not None for line in lines),
        undelivered_link=undelivered_link,
        reasons=reasons[:_MAX_REASON_ROWS],
        more_reasons=len(reasons[_MAX_REASON_ROWS:]),
        warning_lines=list(map(short_text, warning_lines(result.warnings))),
    )
