"""What a caller asks of a sync, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from cio_frames import spec
from cio_frames.errors import ConfigurationError, FrameError, parameter
from cio_frames.pipeline.as_of import AsOfValue, read_as_of
from cio_frames.pipeline.call_spec import CallSpec, require_choice
from cio_frames.syncing.choices import Cleared, Duplicates, Limit, Removed, RemovedWord, SyncCall
from cio_frames.syncing.compare import CompareOptions
from cio_frames.syncing.guards import Guards

CALLS = get_args(SyncCall)
DEFAULT_GRACE_RUNS = 2
DEFAULT_KEEP_DAYS = 400


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a caller asks of a sync, beside the call and the client.

    Attributes
    ----------
    state : Path
        The SQLite file.
    removed : str
        What happens to subjects that are missing: keep, report, delete, suppress, delete_relationships, or ``set``.
    set_removed, set_returned : dict
        Traits for subjects that are missing, and for those that are back.
    complete : bool
        Whether the source holds every subject.
    as_of : pandas.Timestamp
        The moment that the run is about; its date counts for ``grace_runs``.
    """

    state: Path
    as_of: pd.Timestamp
    removed: str = "keep"
    set_removed: Mapping[str, Any] = field(default_factory=dict)
    set_returned: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = False
    cleared: str = "keep"
    ignore: tuple[str, ...] = ()
    guards: Guards = field(default_factory=Guards)
    grace_runs: int = DEFAULT_GRACE_RUNS
    accept_mapping: bool = False
    accept_key: bool = False
    refresh_days: int | None = None
    duplicates: str = "invalid"
    keep_days: int = DEFAULT_KEEP_DAYS
    retry_rejected: bool = False
    audit: Path | None = None

    @property
    def compare(self) -> CompareOptions:
        """How rows are compared."""
        return CompareOptions(send_nulls=self.cleared == "null", retry_rejected=self.retry_rejected)

    @property
    def removal_acts(self) -> bool:
        """Whether something is sent about missing subjects."""
        return self.removed not in ("keep", "report")


def sync_options(
    call_spec: CallSpec,
    *,
    state: str | PathLike[str] | None,
    removed: Removed = "keep",
    returned: Mapping[str, Any] | None = None,
    complete: bool = False,
    cleared: str = "keep",
    ignore: str | Sequence[str] = (),
    max_changed: Limit = None,
    max_removed: Limit = None,
    min_rows: Limit = None,
    grace_runs: int = DEFAULT_GRACE_RUNS,
    accept_mapping: bool = False,
    accept_key: bool = False,
    refresh_days: int | None = None,
    duplicates: str = "invalid",
    keep_days: int = DEFAULT_KEEP_DAYS,
    retry_rejected: bool = False,
    as_of: AsOfValue = None,
    audit: str | PathLike[str] | None = None,
) -> SyncOptions:
    """Check the options of a sync and put them together.

    >>> from cio_frames.pipeline import build_call_spec
    >>> sync_options(build_call_spec("identify"), state="people.sqlite", removed="delete")
    Traceback (most recent call last):
    ...
    cio_frames.errors.ConfigurationError: removed='delete' requires complete=True: your claim that the source holds \
every subject, because who is missing from it is removed.

    Raises
    ------
    ConfigurationError
        Options are missing, or contradict each other.
    FrameError
        A value is invalid, or the call has no state.
    """
    call = call_spec.call
    if call not in CALLS:
        raise FrameError(f"sync supports {', '.join(CALLS[:-1])} and {CALLS[-1]}, not {call}. Use a load for {call}.")
    if call_spec.options.send_nulls:
        raise FrameError(f"{parameter('nulls', 'send')} is unsupported in a sync. Use {parameter('cleared', 'null')}.")
    if state is None:
        raise ConfigurationError(f"A state file is required: {parameter('state', 'people.sqlite')}.")
    is_set = isinstance(removed, Mapping)
    kind = "set" if is_set else str(removed)
    _check_removed(call, kind, removed, returned, complete=complete)
    require_choice("cleared", cleared, get_args(Cleared))
    require_choice("duplicates", duplicates, get_args(Duplicates))
    for name, is_given in (("cleared", cleared != "keep"), ("ignore", bool(ignore)), ("refresh_days", refresh_days)):
        if call in spec.EVENT_CALLS and is_given:
            raise FrameError(f"{parameter(name)} does not apply to {call}: an event is sent once, as it is.")
    for name, value, least in (
        ("grace_runs", grace_runs, 1),
        ("refresh_days", refresh_days, 1),
        ("keep_days", keep_days, 1),
    ):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise FrameError(f"{parameter(name)} must be a whole number of at least {least}, got {value!r}.")
    return SyncOptions(
        state=Path(state),
        as_of=pd.Timestamp.now("UTC") if as_of is None else pd.Timestamp(read_as_of(as_of).ms, unit="ms", tz="UTC"),
        removed=kind,
        set_removed=dict(removed) if isinstance(removed, Mapping) else {},
        set_returned=dict(returned or {}),
        complete=complete,
        cleared=cleared,
        ignore=(ignore,) if isinstance(ignore, str) else tuple(map(str, ignore)),
        guards=Guards(max_changed, max_removed, min_rows),
        grace_runs=grace_runs,
        accept_mapping=accept_mapping,
        accept_key=accept_key,
        refresh_days=refresh_days,
        duplicates=duplicates,
        keep_days=keep_days,
        retry_rejected=retry_rejected,
        audit=None if audit is None else Path(audit),
    )


def _check_removed(
    call: str, kind: str, removed: Removed, returned: Mapping[str, Any] | None, *, complete: bool
) -> None:
    if kind != "set":
        require_choice("removed", kind, get_args(RemovedWord))
    if call in spec.EVENT_CALLS and kind != "keep":
        raise FrameError(f"{parameter('removed')} does not apply to {call}: an event stays.")
    if kind == "delete_relationships" and call != "group":
        raise FrameError(f"{parameter('removed', kind)} is for group calls. For people use 'delete' or 'suppress'.")
    if kind == "suppress" and call == "group":
        raise FrameError(
            f"{parameter('removed', kind)} is for people. For group calls use 'delete' or 'delete_relationships'."
        )
    if kind == "set" and (not removed or not isinstance(returned, Mapping) or not returned):
        raise ConfigurationError(
            f"{parameter('returned')} is required where {parameter('removed')} sets traits: the traits to set when a "
            f"removed subject is back, for example {parameter('returned')} {{'active': True}}."
        )
    if kind != "set" and returned:
        raise ConfigurationError(f"{parameter('returned')} requires {parameter('removed')} with traits to set.")
    if kind not in ("keep", "report") and not complete:
        raise ConfigurationError(
            f"{parameter('removed', removed if kind == 'set' else kind)} requires {parameter('complete', True)}: your "
            "claim that the source holds every subject, because who is missing from it is removed."
        )
