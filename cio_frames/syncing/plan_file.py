"""Plan files: Parquet with one row for each planned call, and what the plan depends on in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from cio_frames._util.own_files import refuse_to_replace
from cio_frames.errors import ConfigurationError, parameter

if TYPE_CHECKING:
    from cio_frames.syncing.plan import Plan

_PLAN_KEY = b"cio_frames.plan"
_FORMAT = 1


@dataclass(frozen=True)
class PlanFile:
    """What a plan file says.

    Attributes
    ----------
    job : dict
        Source, call and options, to make the plan again.
    digests : dict
        What the plan depends on.
    made_at : pandas.Timestamp
        When it was made.
    """

    job: Mapping[str, Any]
    digests: Mapping[str, str]
    made_at: pd.Timestamp
    calls: pd.DataFrame


def write_plan_file(plan: Plan, path: Path, *, values: Sequence[str | None] | None) -> None:
    """Write a plan to a file."""
    changes = plan.changes.reindex(columns=["file", "row", "subject", "action", "fields", "bytes"])
    if values is not None:
        changes = changes.assign(values=pd.array(list(values), dtype="string"))
    removed = plan.removed[plan.removed["acts_now"]] if len(plan.removed) else plan.removed
    removals = pd.DataFrame({"subject": removed["subject"], "action": plan.removal}).reindex(columns=changes.columns)
    dtypes = {"file": "string", "row": "Int64", "bytes": "Int64", "subject": "string", "action": "string"}
    # Of one dtype before they are joined: pandas would guess that of columns without a value.
    calls = changes.astype(dtypes)
    if len(removals):
        calls = pd.concat([calls, removals.astype({**dtypes, "fields": object})], ignore_index=True)
    table = pa.Table.from_pandas(calls, preserve_index=False)
    facts = {
        "format": _FORMAT,
        "job": plan.job,
        "digests": asdict(plan.digests),
        "made_at": plan.made_at.isoformat(),
        "calls": _digest(table),
        "summary": plan.as_dict(),
    }
    refuse_to_replace(path, is_plan_file)
    metadata = {**(table.schema.metadata or {}), _PLAN_KEY: json.dumps(facts).encode()}
    try:
        pq.write_table(table.replace_schema_metadata(metadata), path.absolute())
    except OSError as error:
        raise ConfigurationError(f"cannot write the plan {path}: {error.strerror or error}.") from error


def is_plan_file(path: Path) -> bool:
    """Return whether a file is a plan."""
    try:
        return _PLAN_KEY in (pq.read_schema(path.absolute()).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def read_plan_file(path: Path, *, max_age: str | None, now: pd.Timestamp) -> PlanFile:
    """Return what a plan file says.

    Raises
    ------
    ConfigurationError
        The file is not a plan, was edited, is about a frame in memory, or is older than ``max_age``.
    """
    try:
        table = pq.read_table(path.absolute())
        facts = json.loads((table.schema.metadata or {})[_PLAN_KEY])
    except FileNotFoundError as error:
        raise ConfigurationError(f"The plan {path} was not found.") from error
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a plan file. Make one with: cio-frames plan SOURCE --out people.plan.parquet"
        ) from error
    if facts["format"] > _FORMAT:
        raise ConfigurationError(f"The plan {path} is of a newer version of cio_frames. Upgrade, or make a new plan.")
    if facts["calls"] != _digest(table):
        raise ConfigurationError(f"The plan {path} was edited since it was made. Nothing was sent. Make a new plan.")
    if facts["job"] is None:
        raise ConfigurationError(
            f"The plan {path} was made of a frame in memory, and is for reading. Apply it in Python: plan.apply()."
        )
    made_at = pd.Timestamp(facts["made_at"])
    if max_age is not None and now - made_at > duration(max_age):
        raise ConfigurationError(
            f"The plan {path} was made at {made_at:%Y-%m-%d %H:%M} UTC; {parameter('max_age')} allows {max_age}. "
            "Nothing was sent. Make a new plan."
        )
    return PlanFile(facts["job"], facts["digests"], made_at, table.to_pandas())


def duration(text: str) -> pd.Timedelta:
    """Return a duration such as 12h, 90min or 2d.

    >>> duration("90min")
    Timedelta('0 days 01:30:00')
    """
    try:
        found = pd.Timedelta(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{parameter('max_age')} must be a duration such as 12h or 90min, got {text!r}."
        ) from error
    return found


def _digest(table: pa.Table) -> str:
    """Return a hash of the rows."""
    found = xxhash.xxh3_128()
    for name in table.column_names:
        found.update(name.encode())
        found.update(json.dumps(table[name].to_pylist()).encode())
    return str(found.hexdigest())
