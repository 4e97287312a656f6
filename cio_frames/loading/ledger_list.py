"""The loads of a ledger as a frame, also while one of them is running."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd

from cio_frames.errors import ConfigurationError, Door, parameter, render
from cio_frames.loading.io_errors import system_message, translate_io_errors
from cio_frames.loading.ledger_counts import count_load
from cio_frames.loading.ledger_file import (
    SealedTables,
    lock_path,
    open_read_only,
    refuse_other_version,
    table_names,
)
from cio_frames.loading.lock import is_locked

_NAME_LEDGER = f"Name the ledger.sqlite of a load: it is in the load's output, or where {parameter('ledger')} was set."
_COLUMNS = (
    "load", "source", "call", "event", "phase", "why", "rows", "rows_done", "delivered", "started_at", "ended_at",
    "output", "as_of",
)  # fmt: skip
# Of these the process has ended if nobody holds the lock.
_UNFINISHED = ("running", "starting over")


def loads_in(path: Path, *, door: Door = "python") -> pd.DataFrame:
    """Return the loads of a ledger, also while one of them is running.

    Parameters
    ----------
    path : Path
        The ledger.
    door : {"python", "command line", "job file"}
        In whose words ``why`` is.

    Returns
    -------
    pandas.DataFrame
        Columns load, source, call, event, phase, why, rows (of the source, if known), rows_done, delivered,
        started_at, ended_at, output, as_of. The phase is running, stopped, killed or done; or discarded, if a run that was
        to start over was killed before it began.

    Raises
    ------
    ConfigurationError
        The file does not exist, is not a ledger, is of another version, or is damaged.
    """
    if not path.exists():
        raise ConfigurationError(f"Ledger not found: {path}. {_NAME_LEDGER}")
    with (
        translate_io_errors(path, _unlistable, sqlite3.DatabaseError),
        closing(open_read_only(path)) as database,
    ):
        if "loads" not in table_names(database):
            raise ConfigurationError(f"{path} is not a cio_frames ledger. {_NAME_LEDGER}")
        refuse_other_version(database, path)
        tables = SealedTables(database)
        found = []
        for row in tables.rows("loads"):
            counts = count_load(tables, row["load"])
            delivered = sum(rows for (status, _), rows in counts.reasons.items() if status == "delivered")
            found.append(row | {"rows_done": counts.rows_done, "delivered": delivered})
    loads = pd.DataFrame(found, columns=pd.Index(_COLUMNS))
    if not is_locked(lock_path(path)):
        loads["phase"] = loads["phase"].replace(dict.fromkeys(_UNFINISHED, "killed"))
    loads["why"] = loads["why"].map(lambda why: render(why, door), na_action="ignore")
    return loads


def _unlistable(path: str | Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"Cannot read the ledger {path}: {system_message(error)}. {_NAME_LEDGER}")
