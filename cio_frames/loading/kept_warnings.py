"""Warnings of a load on disk: those of a chunk in the metadata of its results, those of the source in a file beside.

So a load that is resumed, or was done before, still knows what earlier runs found.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.validation import WarningCount, from_records, to_records

_KEY = b"cio_frames.warnings"
# Readers of a folder of Parquet files leave out names that begin like this.
_FILE_NAME = "_warnings.json"


def with_warnings(table: pa.Table, warnings: Sequence[WarningCount]) -> pa.Table:
    """Return a table that carries warnings in its metadata.

    >>> kept = WarningCount("id_word", "user_id", "row", 2, "not an id")
    >>> json.loads(with_warnings(pa.table({"row": [0]}), [kept]).schema.metadata[b"cio_frames.warnings"])[0]["rows"]
    2
    """
    if not warnings:
        return table
    metadata = {**(table.schema.metadata or {}), _KEY: json.dumps(to_records(warnings)).encode()}
    return table.replace_schema_metadata(metadata)


def read_part_warnings(path: Path) -> list[WarningCount]:
    """Return the warnings that the results of a chunk carry; none if the file is missing."""
    # Missing or damaged results are reported where they are needed.
    with suppress(OSError, pa.ArrowException, ValueError):
        return from_records(json.loads((pq.read_schema(path.absolute()).metadata or {}).get(_KEY, b"[]")))
    return []


def write_warnings_file(folder: Path, warnings: Sequence[WarningCount]) -> None:
    """Write the warnings of a whole load into the folder of its results; without any there is no file."""
    # Results and undelivered rows matter more: a full disk is reported by them.
    with suppress(OSError):
        if not warnings:
            (folder / _FILE_NAME).unlink(missing_ok=True)
            return
        (folder / _FILE_NAME).write_text(json.dumps(to_records(warnings), indent=1), encoding="utf-8")


def read_source_warnings(folder: Path) -> list[WarningCount]:
    """Return what an earlier run of a load has found over all rows that it read: lower bounds for all rows."""
    return [replace(each, at_least=True) for each in read_warnings_file(folder) if each.scope == "source"]


def read_warnings_file(folder: Path) -> list[WarningCount]:
    """Return the warnings of a whole load that is done; none if there is no such file."""
    with suppress(OSError, ValueError):
        return from_records(json.loads((folder / _FILE_NAME).read_text(encoding="utf-8")))
    return []
