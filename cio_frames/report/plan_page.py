"""A sync plan as a page that a team reviews, and as a notebook shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Protocol

import pandas as pd

from cio_frames._util.notebook_html import Share, draw_bar, draw_figures, draw_output, draw_text
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
    def source_changed(self) -> pd.Timestamp | None:
        """When the last of its files was changed."""

    @property
    def mapping(self) -> tuple[tuple[str, str], ...]:
        """Columns and the fields that they feed."""

    @property
    def removed(self) -> pd.DataFrame:
        """One row for each missing subject: subject, runs_missing, acts_now."""

    @property
    def destination(self) -> str | None:
        """Where they would go."""

    @property
    def version(self) -> str:
        """The version of this package."""

    @property
    def made_at(self) -> pd.Timestamp:
        """When it was made."""


def plan_page(plan: ShownPlan) -> str:
    """Return the page; it holds counts, names of fields and reasons, and no value of any row."""
    sent, acts_now = _sum(plan, _SENT), int(plan.removed["acts_now"].sum())
    return template_environment().get_template("plan.html.j2").render(
        plan=plan,
        headline=plan_headline(plan, sent, acts_now),
        sent=sent,
        held_back=_sum(plan, _HELD_BACK),
        acts_now=acts_now,
        missing=plan.counts.get("missing", 0),
        fields=_fields(plan)[:_MAX_FIELDS_SHOWN],
        more_fields=len(_fields(plan)[_MAX_FIELDS_SHOWN:]),
        reasons=sorted(plan.reasons.items(), key=lambda found: -found[1]),
    )  # fmt: skip


def plan_summary(plan: ShownPlan) -> str:
    """Return a plan as a notebook shows it: counts, a bar, the fields that change most."""
    sent, held_back, acts_now = _sum(plan, _SENT), _sum(plan, _HELD_BACK), int(plan.removed["acts_now"].sum())
    quiet = max(plan.rows - sent - held_back, 0)
    figures = [Share(count, name.replace("_", " "), _color(name)) for name, count in plan.counts.items()]
    bar = [Share(held_back, "held back", "held-back"), Share(sent, "sent", "sent"), Share(quiet, "unchanged", "good")]
    parts = [draw_text(finding, bold="Guard:") for finding in plan.guards]
    parts += [draw_bar(bar), draw_figures(figures)]
    for title, fields in (("Changed", plan.changed_fields), ("Cleared", plan.cleared_fields)):
        top = sorted(fields.items(), key=lambda found: -found[1])[:_TOP_FIELDS]
        if top:
            parts.append(draw_text(f"{title} most: {', '.join(f'{name} ({count:,})' for name, count in top)}"))
    if plan.mapping_change:
        parts.append(draw_text(plan.mapping_change, bold="The mapping changed:"))
    where = f" of {plan.source}, compared with {PurePath(plan.state).name}" if plan.source else ""
    parts.append(draw_text(f"{plan.what}{where}. The whole page: plan.to_html('plan.html').", kind="about"))
    return draw_output(plan_headline(plan, sent, acts_now), *parts)


def plan_headline(plan: ShownPlan, sent: int, acts_now: int) -> str:
    """Return the answer of a plan."""
    if plan.guards:
        return "This looks wrong, and would not be sent"
    if not plan.rows:
        return "There are no rows"
    return f"{sent:,} of {plan.rows:,} rows would be sent" if sent or acts_now else "Nothing would be sent"


def _color(name: str) -> str:
    return "held-back" if name in (*_HELD_BACK, "removed") else "sent" if name in _SENT else "good"


def _sum(plan: ShownPlan, names: tuple[str, ...]) -> int:
    return sum(plan.counts.get(name, 0) for name in names)


def _fields(plan: ShownPlan) -> list[tuple[str, int, int]]:
    names = dict.fromkeys((*plan.changed_fields, *plan.cleared_fields))
    found = [(name, plan.changed_fields.get(name, 0), plan.cleared_fields.get(name, 0)) for name in names]
    return sorted(found, key=lambda row: -(row[1] + row[2]))
