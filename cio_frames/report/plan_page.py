"""A sync plan as a page that a team reviews, and as a notebook shows it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from cio_frames.report.templates import template_environment

_MAX_FIELDS_SHOWN = 500
_TOP_FIELDS = 5
# What a bar shows from left to right, and in which color.
_SENT = ("new", "changed", "cleared", "sent again", "returned")
_HELD_BACK = ("invalid", "too_large", "rejected before")


class ShownPlan(Protocol):
    """What a page asks of a plan."""

    @property
    def what(self) -> str:
        """The call and the event."""

    @property
    def rows(self) -> int:
        """How many rows the source has."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows are new, changed, and so on."""

    @property
    def changed_fields(self) -> Mapping[str, int]:
        """How many known subjects change each field."""

    @property
    def cleared_fields(self) -> Mapping[str, int]:
        """How many known subjects lose the value of each field."""

    @property
    def mapping_change(self) -> str:
        """Which fields came and went, in words."""

    @property
    def guards(self) -> tuple[str, ...]:
        """Which guards would stop the plan, in words."""

    @property
    def reasons(self) -> Mapping[str, int]:
        """Why rows are held back."""

    @property
    def removal(self) -> str:
        """What happens to missing subjects."""

    @property
    def source(self) -> str:
        """The name of what was compared."""

    @property
    def state(self) -> str:
        """The state that it was compared with."""

    @property
    def removed(self) -> pd.DataFrame:
        """One row for each missing subject: subject, runs_missing, acts_now."""

    @property
    def made_at(self) -> pd.Timestamp:
        """When it was made."""


def plan_page(plan: ShownPlan) -> str:
    """Return the page; it holds counts, names of fields and reasons, and no value of any row."""
    return template_environment().get_template("plan.html.j2").render(
        plan=plan,
        sent=_sum(plan, _SENT),
        held_back=_sum(plan, _HELD_BACK),
        acts_now=int(plan.removed["acts_now"].sum()),
        missing=plan.counts.get("missing", 0),
        fields=_fields(plan)[:_MAX_FIELDS_SHOWN],
        more_fields=len(_fields(plan)[_MAX_FIELDS_SHOWN:]),
        reasons=sorted(plan.reasons.items(), key=lambda found: -found[1]),
    )  # fmt: skip


def plan_summary(plan: ShownPlan) -> str:
    """Return a plan as a notebook shows it: counts, a bar, the fields that change most."""
    named = {html.escape(name.replace("_", " ")): count for name, count in plan.counts.items()}
    counts = " · ".join(f"<b>{count:,}</b> {name}" for name, count in named.items())
    parts = [f"<p>{html.escape(plan.what)}: {counts or 'no rows'}</p>", _bar(plan)]
    for title, fields in (("Changed", plan.changed_fields), ("Cleared", plan.cleared_fields)):
        top = sorted(fields.items(), key=lambda found: -found[1])[:_TOP_FIELDS]
        if top:
            parts.append(f"<p>{title} most: {', '.join(f'{html.escape(name)} ({count:,})' for name, count in top)}</p>")
    if plan.mapping_change:
        parts.append(f"<p>Mapping: {html.escape(plan.mapping_change)}</p>")
    parts += [f"<p><b>Guard:</b> {html.escape(finding)}</p>" for finding in plan.guards]
    return "".join(part for part in parts if part)


def _bar(plan: ShownPlan) -> str:
    sent, held_back = _sum(plan, _SENT), _sum(plan, _HELD_BACK)
    quiet = max(plan.rows - sent - held_back, 0)
    shares = [(sent, "#1f5673", "sent"), (held_back, "#b23a2c", "held back"), (quiet, "#9bb8c4", "unchanged")]
    start, rects = 0.0, []
    for count, color, name in shares:
        width = 100 * count / max(plan.rows, 1)
        if count:
            place = f'x="{start:.3f}%" width="{max(width, 0.5):.3f}%" height="10"'
            rects.append(f'<rect {place} fill="{color}"><title>{count:,} {name}</title></rect>')
        start += width
    return f'<svg width="100%" height="10" role="img" style="max-width:42rem">{"".join(rects)}</svg>' if rects else ""


def _sum(plan: ShownPlan, names: tuple[str, ...]) -> int:
    return sum(plan.counts.get(name, 0) for name in names)


def _fields(plan: ShownPlan) -> list[tuple[str, int, int]]:
    names = dict.fromkeys((*plan.changed_fields, *plan.cleared_fields))
    found = [(name, plan.changed_fields.get(name, 0), plan.cleared_fields.get(name, 0)) for name in names]
    return sorted(found, key=lambda row: -(row[1] + row[2]))
