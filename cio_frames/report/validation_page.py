"""A report as one self-contained page of HTML.

All words of a frame (labels, values, reasons, names of events) go through Jinja2's escaping, into text only, never into
attributes. The page may run its own script and style, by their hash, and nothing else, and may ask nobody for anything.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files
from typing import Protocol

import jinja2
import pandas as pd

from cio_frames.report.facts import Facts
from cio_frames.report.findings import MAX_CHECKS, Findings, plain
from cio_frames.report.sizes import histogram

_TEMPLATES = files("cio_frames.report") / "templates"
_MAX_COLUMNS = 1_000
_MAX_EVENTS = 50


class Shown(Protocol):
    """What a page asks of a report."""

    @property
    def what(self) -> str:
        """The call and the event."""

    @property
    def rows(self) -> int:
        """How many rows were checked."""

    @property
    def against(self) -> str:
        """What they were checked against, in words."""

    @property
    def failure_cases(self) -> pd.DataFrame:
        """One row per broken check: position, index, column, check, severity, value, reason."""

    @property
    def facts(self) -> Facts | None:
        """What else is known."""


def page(report: Shown, *, show_values: bool) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    report : ValidationReport
        Or anything that has what a page shows.
    show_values : bool
        Whether the values of failing cells, and the index labels of their rows, are in the file: both may be
        people's data. Labels of columns and names of events are in either way.

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
    ...         "reason": ["total: a number is needed"],
    ...     }
    ... )
    >>> report = SimpleNamespace(what="identify", rows=3, against="the spec", failure_cases=cases, facts=None)
    >>> text = page(report, show_values=False)
    >>> "1 of 3 rows is held back" in text, "free" in text
    (True, False)
    """
    findings = Findings(report.failure_cases, report.rows)
    facts = report.facts
    show_index = show_values and findings.index_tells_more
    checks, more_checks = findings.checks(show_values=show_values, show_index=show_index)
    tallies = findings.tallies([column.label for column in facts.columns] if facts else [])
    return environment().get_template("report.html.j2").render(
        what=plain(report.what),
        against=plain(report.against),
        total=findings.total,
        checks=checks,
        more_checks=more_checks,
        max_checks=MAX_CHECKS,
        show_index=show_index,
        show_values=show_values,
        tallies=tallies[:_MAX_COLUMNS],
        more_tallies=len(tallies[_MAX_COLUMNS:]),
        facts=facts,
        columns=facts.columns[:_MAX_COLUMNS] if facts else (),
        recent=_recent(facts) if facts else [],
        max_events=_MAX_EVENTS,
        call_sizes=histogram(facts.call_bytes, facts.max_call_bytes) if facts else None,
        body_sizes=histogram(facts.bodies, facts.max_body_bytes) if facts else None,
    )  # fmt: skip


def _recent(facts: Facts) -> list[tuple[str, int]]:
    """Return which events can start campaigns, the most frequent first."""
    found = [(plain(event), rows) for event, rows in facts.recent.items() if rows]
    return sorted(found, key=lambda pair: -pair[1])


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates, with what all pages share."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("cio_frames.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "counted": _counted,
        "moment": _moment,
        "number": _number,
        "plain": plain,
        "share": _share,
        "width": _width,
    }
    script, style = _asset("page.js"), _asset("page.css")
    found.globals |= {
        "script": script,
        "style": style,
        "policy": f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'",
    }
    return found


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _number(number: int) -> str:
    return f"{number:,}"


def _counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _share(part: int, whole: int) -> str:
    """Return a share that is 0% or 100% only where it is exactly that."""
    share = 100 * part / max(whole, 1)
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}%".replace(".0%", "%")


def _width(part: int, whole: int) -> float:
    """Return a share in percent for drawing: what is there can be seen."""
    return round(max(100 * part / max(whole, 1), 0.8), 2) if part else 0


def _moment(time: pd.Timestamp) -> str:
    return f"{time.day} {time.month_name()} {time.year}, {time:%H:%M} UTC"
