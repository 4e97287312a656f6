"""Tables that are folders: Delta, Iceberg and Hudi, whose rows are not those of the files in the folder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.fs as pafs

from cio_frames.errors import FrameError

# Where in a table's folder its log is.
_LOG_PATH = re.compile(r"(?P<root>.*?)/(?:(?P<delta>_delta_log)|(?P<hudi>\.hoodie)|(?P<iceberg>metadata))/(?P<name>.*)")


@dataclass(frozen=True, slots=True)
class TableFolder:
    """A folder that is a table.

    Attributes
    ----------
    path : str
        The folder.
    kind : {"Delta", "Iceberg", "Hudi"}
        What wrote it.
    """

    path: str
    kind: Literal["Delta", "Iceberg", "Hudi"]


_REMEDIES = {
    "Delta": "Load the folder of the table itself.",
    "Iceberg": "Read it with the package pyiceberg: load catalog.load_table(...).scan().to_arrow_batch_reader().",
    "Hudi": "Read it with the package hudi or with Spark, and load the Arrow batches or Parquet files that come of it.",
}


def tables_below(paths: Iterable[str]) -> list[TableFolder]:
    """Return the tables that files belong to, by the logs among them.

    >>> tables_below(["lake/people/_delta_log/00.json", "lake/people/part-0.parquet"])
    [TableFolder(path='lake/people', kind='Delta')]
    """
    found = dict[str, TableFolder]()
    for path in paths:
        mark = _LOG_PATH.fullmatch(path if "/" in path else f"./{path}")
        if mark is None or (mark["iceberg"] and not _is_iceberg(mark["name"])):
            continue
        kind: Literal["Delta", "Iceberg", "Hudi"] = "Delta" if mark["delta"] else "Hudi" if mark["hudi"] else "Iceberg"
        found.setdefault(mark["root"], TableFolder(mark["root"], kind))
    return list(found.values())


def table_above(system: pafs.FileSystem, path: str) -> TableFolder | None:
    """Return the table whose folder is this one, or has it in it somewhere below."""
    folder = absolute(system, path)
    while True:
        beside = system.get_file_info([f"{folder}/_delta_log", f"{folder}/.hoodie", f"{folder}/metadata"])
        is_delta, is_hudi, has_metadata = (info.type == pafs.FileType.Directory for info in beside)
        if is_delta or is_hudi:
            return TableFolder(folder, "Delta" if is_delta else "Hudi")
        if has_metadata and any(map(_is_iceberg, _file_names(system, f"{folder}/metadata"))):
            return TableFolder(folder, "Iceberg")
        above = posixpath.dirname(folder)
        if above in (folder, ""):
            return None
        folder = above


def absolute(system: pafs.FileSystem, path: str) -> str:
    """Return a path from the root of its file system.

    >>> absolute(pafs.LocalFileSystem(), "/data/./orders/../people/")
    '/data/people'
    """
    whole = Path(path).absolute().as_posix() if isinstance(system, pafs.LocalFileSystem) else path
    return posixpath.normpath(whole)


def refuse_tables(source: str, tables: Sequence[TableFolder]) -> None:
    """Refuse to read the files of a table as they are: some hold rows that were deleted or replaced.

    >>> refuse_tables("lake/people/part-0.parquet", [TableFolder("lake/people", "Delta")])
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: lake/people/part-0.parquet is part of a Delta table, lake/people. Its files hold \
deleted and replaced rows too, so that they are not read one by one. Load the folder of the table itself.
    """
    for table in tables:
        what = f"{source} is" if table.path == source else f"{source} is part of"
        if table.path != source and table.path.startswith(f"{source.rstrip('/')}/"):
            what = f"{source} contains"
        name = "" if table.path == source else f", {table.path}"
        article = "an" if table.kind == "Iceberg" else "a"
        raise FrameError(
            f"{what} {article} {table.kind} table{name}. Its files hold deleted and replaced rows too, so that they "
            f"are not read one by one. {_REMEDIES[table.kind]}"
        )


def _is_iceberg(name: str) -> bool:
    return name.endswith(".metadata.json")


def _file_names(system: pafs.FileSystem, folder: str) -> list[str]:
    return [info.base_name for info in system.get_file_info(pafs.FileSelector(folder))]
