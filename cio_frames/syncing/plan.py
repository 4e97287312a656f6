"""A plan: what a sync would do, to be looked at, kept as a file, and applied as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames._util.own_files import write_own_text
from cio_frames._util.version import package_version
from cio_frames.client import Client
from cio_frames.errors import ConfigurationError
from cio_frames.pipeline.call_spec import OnUndelivered
from cio_frames.report.plan_page import plan_page, plan_summary
from cio_frames.syncing.compare import Action
from cio_frames.syncing.draft import Draft
from cio_frames.syncing.plan_file import write_plan_file

# In the order in which a plan tells them.
_ACTIONS = {
    "new": (Action.NEW,),
    "changed": (Action.CHANGED,),
    "cleared": (Action.CLEARED,),
    "sent again": (Action.UNCERTAIN, Action.REFRESHED),
    "returned": (Action.RETURNED,),
}
_QUIET = {"unchanged": (Action.UNCHANGED, Action.REPLACED), "rejected before": (Action.REJECTED_BEFORE,)}


@dataclass(frozen=True)
class PlanDigests:
    """What tells a plan from others: the plan holds only where all of it is the same.

    >>> PlanDigests("f1", "m1", "s1", "r1").differences(PlanDigests("f2", "m1", "s1", "r1"))
    ['the rows of the source']
    """

    frame: str
    mapping: str
    state: str
    removed: str

    def differences(self, other: PlanDigests) -> list[str]:
        """Return what is not the same, in words."""
        words = {
            "frame": "the rows of the source",
            "mapping": "the mapping of columns to fields",
            "state": "the state (another run has moved it)",
            "removed": "the subjects that are missing",
        }
        return [word for name, word in words.items() if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True)
class Plan:
    """What a sync would do; nothing was sent.

    Examples
    --------
    >>> import tempfile
    >>> import cio_frames as cio
    >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
    >>> with cio.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     plan = people.cio.plan("identify", state=f"{folder}/people.sqlite")
    ...     page, text = plan.to_html(), plan.to_json()
    ...     plan.to_parquet(f"{folder}/people.plan.parquet")
    ...     result = plan.apply(client=sandbox.client)
    >>> plan
    <Plan of identify: 1 new · 1 invalid>
    >>> plan.changes[["row", "subject", "action"]].to_numpy().tolist()
    [[0, 'u:ada', 'new']]
    >>> plan.sends, plan.as_dict()["counts"]
    (1, {'new': 1, 'invalid': 1})
    >>> result["status"].tolist()
    ['delivered', 'invalid']

    Attributes
    ----------
    what : str
        The call and event.
    rows : int
        How many rows the source has.
    counts : dict of str to int
        How many rows are new, changed, cleared, and so on; ``removed`` counts subjects that are missing and would be
        removed or marked now, ``missing`` those that would not.
    changed_fields, cleared_fields : dict of str to int
        How many known subjects change each field, or lose its value.
    mapping_change : str
        Which fields came and went since the last run, in words; empty where none did.
    guards : tuple of str
        Which guards would stop this plan, in words.
    reasons : dict of str to int
        Why rows are held back.
    removal : str
        What happens to missing subjects whose time has come.
    source, state : str
        The names of what was compared.
    source_changed : pandas.Timestamp or None
        When the last of the source's files was changed, in UTC.
    mapping : tuple of (str, str)
        Columns and the fields that they feed.
    destination : str or None
        Where the client that was passed would send them, such as ``"Customer.io EU"``.
    version : str
        The version of this package.
    """

    what: str
    rows: int
    counts: Mapping[str, int]
    changed_fields: Mapping[str, int]
    cleared_fields: Mapping[str, int]
    mapping_change: str
    guards: tuple[str, ...]
    reasons: Mapping[str, int]
    removal: str
    source: str
    state: str
    changes: pd.DataFrame = field(repr=False)
    removed: pd.DataFrame = field(repr=False)
    digests: PlanDigests = field(repr=False)
    made_at: pd.Timestamp = field(repr=False)
    apply_with: Callable[..., Any] = field(repr=False)
    values: Callable[[], list[str | None]] = field(repr=False)
    job: Mapping[str, Any] | None = field(repr=False, default=None)
    destination: str | None = None
    source_changed: pd.Timestamp | None = None
    mapping: tuple[tuple[str, str], ...] = field(repr=False, default=())
    version: str = field(default_factory=package_version)

    def apply(
        self, *, client: Client | None = None, allow_campaigns: bool = False,
        output: str | PathLike[str] | None = None, on_undelivered: OnUndelivered = "return",
        progress: bool | None = None,
    ) -> Any:  # fmt: skip
        """Send what this plan lists; refuse if the source, the mapping or the state changed since.

        Parameters
        ----------
        client : Client, optional
            Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
        allow_campaigns : bool
            Whether to send events that can start campaigns: younger than 72 hours.
        output : path, optional
            Folder for the results of a plan of files. Default is named after source and call.
        on_undelivered : {"return", "raise"}
            Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
        progress : bool, optional
            Whether to show a progress bar. Default is to show it in a terminal or notebook.

        Returns
        -------
        pandas.DataFrame or SyncResult
            As from a sync.

        Raises
        ------
        ConfigurationError
            The plan does not hold any more, or the state belongs to another workspace; nothing was sent.
        GuardError
            A guard trips; nothing was sent.
        """
        return self.apply_with(
            self.digests, client=client, allow_campaigns=allow_campaigns, output=output,
            on_undelivered=on_undelivered, progress=progress,
        )  # fmt: skip

    @property
    def sends(self) -> int:
        """How many rows would be sent."""
        return len(self.changes)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts for programs."""
        return {
            "what": self.what,
            "source": self.source,
            "state": self.state,
            "rows": self.rows,
            "counts": dict(self.counts),
            "changed_fields": dict(self.changed_fields),
            "cleared_fields": dict(self.cleared_fields),
            "mapping_change": self.mapping_change,
            "guards": list(self.guards),
            "reasons": dict(self.reasons),
            "removal": self.removal,
            "made_at": self.made_at.isoformat(),
            "destination": self.destination,
            "version": self.version,
        }

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the facts as JSON, and write them to a file where one is named."""
        text = json.dumps(self.as_dict(), indent=2)
        if path is not None:
            write_own_text(path, text)
        return text

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the plan as one self-contained page, and write it to a file where one is named.

        The page holds counts, names of fields and subjects that are missing are counted; no value of any row is on it.
        """
        text = plan_page(self)
        if path is not None:
            write_own_text(path, text)
        return text

    def to_parquet(self, path: str | PathLike[str], *, show_values: bool = False) -> None:
        """Write a plan file: one row for each planned call, with what ``cio-frames apply`` needs.

        Parameters
        ----------
        path : path
            The file.
        show_values : bool
            Whether to write the values that would be sent too; they are people's data.
        """
        write_plan_file(self, Path(path), values=self.values() if show_values else None)

    def __repr__(self) -> str:
        counts = " · ".join(f"{count:,} {name}" for name, count in self.counts.items())
        return f"<Plan of {self.what}: {counts or 'no rows'}>"

    def _repr_html_(self) -> str:
        return plan_summary(self)


def count_actions(draft: Draft) -> dict[str, int]:
    """Return how many rows would be new, changed and so on, those that occur."""
    counts = {name: draft.count(*actions) for name, actions in _ACTIONS.items()}
    counts["kept cleared"] = draft.count(Action.KEPT)
    # Whose time has not come is missing, and is not removed yet.
    counts["removed"] = len(draft.missing.due)
    counts["missing"] = draft.missing.count - len(draft.missing.due)
    counts |= {name: draft.count(*actions) for name, actions in _QUIET.items()}
    for chunk in draft.chunks:
        for status, count in chunk.held_back["status"].astype(str).value_counts().items():
            if status in ("invalid", "too_large"):
                counts[str(status)] = counts.get(str(status), 0) + int(count)
    return {name: count for name, count in counts.items() if count}


def refuse_stale(plan: PlanDigests, now: PlanDigests) -> None:
    """Refuse a plan that does not hold any more."""
    differences = plan.differences(now)
    if differences:
        raise ConfigurationError(
            f"The plan is stale: since it was made, {' and '.join(differences)} changed. Nothing was sent. Make a new "
            "plan, read it, and apply that one."
        )
