"""Which files a path, a folder, a pattern or an address stands for."""

from __future__ import annotations

import gzip
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import IO, Literal, TypeAlias, cast

import pyarrow as pa
import pyarrow.fs as pafs

from cio_frames.errors import FrameError, parameter
from cio_frames.loading.file_systems import open_file_system, unreachable
from cio_frames.loading.folder import (
    COMPRESSED_ENDINGS,
    PARQUET_ENDINGS,
    READABLE_ENDINGS,
    FolderListing,
    list_folder,
    refuse_twins,
    select_files,
)
from cio_frames.loading.io_errors import refuse_undecodable_name, translate_io_errors
from cio_frames.loading.partitions import Partition, parse_partition
from cio_frames.loading.table_formats import TableFolder, absolute, refuse_tables, table_above, tables_below

FileFormat: TypeAlias = Literal["Parquet", "CSV", "TSV", "JSON Lines"]

# Of folders in which loads leave their results, if no other is named.
RESULTS_ENDING = ".load"
# The first is what earlier versions wrote.
UNDELIVERED_NAMES = ("rejects.parquet", "undelivered.parquet")
_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file to read.

    Attributes
    ----------
    path : str
        Where it is in its file system.
    system : pyarrow.fs.FileSystem
        Its file system.
    partition : dict of str to str or None
        What its folders say of all of its rows: ``country=de/`` is the column ``country``.
    """

    path: str
    system: pafs.FileSystem
    partition: Partition = field(default_factory=dict)

    @property
    def format(self) -> FileFormat:
        """Its format, by its extension.

        >>> DataFile("orders.tsv.gz", pafs.LocalFileSystem()).format
        'TSV'
        """
        name = self.path.lower().removesuffix(self.compression or "")
        if name.endswith(PARQUET_ENDINGS):
            return "Parquet"
        return "CSV" if name.endswith(".csv") else "TSV" if name.endswith(".tsv") else "JSON Lines"

    @property
    def compression(self) -> Literal[".gz", ".zst"] | None:
        """How text in it is compressed, by its extension."""
        found = next((ending for ending in COMPRESSED_ENDINGS if self.path.lower().endswith(ending)), None)
        return cast(Literal[".gz", ".zst"] | None, found)

    def stamp(self) -> tuple[int, str | None]:
        """Return its size in bytes and when it was last changed: what a load is tied to.

        Raises
        ------
        FrameError
            It does not exist any more, or cannot be reached.
        """
        with translate_io_errors(self.path, unreachable, pa.ArrowException):
            info = self.system.get_file_info(self.path)
        if info.type != pafs.FileType.File:
            raise FrameError(f"File not found: {self.path}.")
        return int(info.size or 0), info.mtime.isoformat() if info.mtime else None

    def open_bytes(self) -> IO[bytes]:
        """Open it for reading its text from the start."""
        file = self.open_compressed()
        match self.compression:
            case ".gz":
                return cast(IO[bytes], gzip.GzipFile(fileobj=file))
            case ".zst":
                return cast(IO[bytes], pa.CompressedInputStream(file, "zstd"))
        return file

    def open_compressed(self) -> IO[bytes]:
        """Open it for reading its bytes as they are."""
        return cast(IO[bytes], self.system.open_input_stream(self.path, compression=None))


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """What a path, a folder, a pattern or an address stands for.

    Attributes
    ----------
    files : list of DataFile
        The files to read, in the order of their names.
    left_out : dict of str to int
        How many files beside them are not read, by extension.
    delta_table : str or None
        The folder, if it is a Delta table: then its files are not read one by one.
    """

    files: Sequence[DataFile]
    left_out: Counter[str] = field(default_factory=Counter)
    delta_table: str | None = None


def find_files(source: str | Path, *, exclude: Path | None = None, partitions: bool = True) -> FoundFiles:
    """Return the files that a path, a folder, a pattern or an address stands for.

    Parameters
    ----------
    source : str or Path
        A file; a folder, read with all folders in it, except names that begin with a dot or an underscore, and
        folders with the results of loads (``*.load``, and those beside a ledger or a lock); a pattern with ``*``,
        ``**`` or ``?``; or an address that pyarrow or fsspec know, such as ``s3://bucket/orders/``. What exists is not
        a pattern.
    exclude : Path, optional
        A folder whose files are not data.
    partitions : bool
        Whether the ``name=value`` folders directly above a file become columns.

    Raises
    ------
    FrameError
        Nothing is found, its type is unsupported, it is part of a table of another format, or it cannot be reached.
    ConfigurationError
        The URL scheme is unsupported.

    Examples
    --------
    >>> from cio_frames.spec.package_data import package_folder
    >>> [Path(file.path).name for file in find_files(package_folder("sample_data") / "orders.c*").files]
    ['orders.csv']
    """
    refuse_undecodable_name(source)
    with translate_io_errors(str(source), unreachable, pa.ArrowException):
        system, path = open_file_system(str(source))
        info = system.get_file_info(path)
        if info.type == pafs.FileType.File:
            refuse_tables(str(source), _present(table_above(system, posixpath.dirname(absolute(system, path)))))
            found = FoundFiles(_require_files(_readable([path]), f"Unsupported file type: {source}", system))
        elif info.type == pafs.FileType.Directory:
            found = _find_in_folder(str(source), system, path, exclude)
        elif Path(source).is_fifo():
            raise FrameError(f"{source} is a pipe. Pipe the rows into standard input, and name it '-'.")
        elif _PATTERN.search(path) is None:
            raise FrameError(f"File not found: {source}.")
        else:
            found = _find_matching(str(source), system, path, exclude)
    for file in found.files:
        refuse_undecodable_name(file.path)
    if not partitions:
        return found
    files = [DataFile(file.path, system, _partition_above(system, file.path)) for file in found.files]
    return FoundFiles(files, found.left_out, found.delta_table)


def _find_in_folder(source: str, system: pafs.FileSystem, folder: str, exclude: Path | None) -> FoundFiles:
    table = table_above(system, folder)
    if table is not None and table.kind == "Delta" and table.path == absolute(system, folder):
        return FoundFiles([], delta_table=source)
    refuse_tables(source, _present(table))
    listing = list_folder(system, folder)
    message = f"No file to load in the folder {source}"
    return _select(source, system, folder, listing, exclude, message=message, tables=tables_below(listing.paths))


def _find_matching(source: str, system: pafs.FileSystem, pattern: str, exclude: Path | None) -> FoundFiles:
    folder, rest = _split_pattern(system, pattern)
    message = f"No file matches {source}"
    if system.get_file_info(folder).type != pafs.FileType.Directory:
        raise FrameError(f"{message}: {folder} is not a folder.")
    refuse_tables(source, _present(table_above(system, folder)))
    listing = list_folder(system, folder)
    if folder == ".":
        listing = FolderListing([path.removeprefix("./") for path in listing.paths], listing.broken_links)
    prefix = "" if folder == "." else f"{folder.rstrip('/')}/"
    expression = re.compile(re.escape(prefix) + _as_expression(rest))
    matching = [path for path in listing.paths if expression.fullmatch(path)]
    # A pattern that names a file of results means that file.
    names_results = not _PATTERN.search(rest.rpartition("/")[2])
    return _select(
        source, system, folder, FolderListing(matching), exclude, message=message, names_results=names_results,
        by_name=rest.lower().endswith((".json", ".json.gz", ".json.zst")), tables=tables_below(listing.paths),
    )  # fmt: skip


def _select(
    source: str, system: pafs.FileSystem, folder: str, listing: FolderListing, exclude: Path | None, *,
    message: str, tables: Sequence[TableFolder], names_results: bool = False, by_name: bool = False,
) -> FoundFiles:  # fmt: skip
    """Return the files of a listing that hold rows."""
    selected = select_files(listing, folder, RESULTS_ENDING, by_name=by_name)
    data = selected.paths if names_results else _without_results(system, selected.paths)
    remaining = _outside(exclude, system, data)
    if data and not remaining:
        raise FrameError(
            f"All files of {source} are in {exclude}, the folder for the results of this load, and are not read as "
            f"data. Name another folder for the results with {parameter('output')}."
        )
    folders = {f"{posixpath.dirname(path)}/" for path in remaining}
    refuse_tables(source, [each for each in tables if any(path.startswith(f"{each.path}/") for path in folders)])
    refuse_twins(remaining)
    if selected.paths and not data:
        message += " except the results of an earlier load"
    return FoundFiles(_require_files(remaining, message, system), selected.left_out)


def _present(table: TableFolder | None) -> list[TableFolder]:
    return [] if table is None else [table]


def _partition_above(system: pafs.FileSystem, path: str) -> Partition:
    """Return what the folders directly above a file say of its rows."""
    folders = reversed(absolute(system, path).split("/")[:-1])
    return parse_partition([*takewhile(lambda name: "=" in name[1:], folders)][::-1])


def _without_results(system: pafs.FileSystem, paths: Sequence[str]) -> Sequence[str]:
    """Leave out what earlier loads have written, in folders of any name: results are not data."""
    matches = {path: re.fullmatch(r"(.*)/results/part-\d{5,}\.parquet", path) for path in paths}
    homes = _homes_of_loads(system, {match[1] for match in matches.values() if match is not None})
    undelivered = {f"{home}/{name}" for home in homes for name in UNDELIVERED_NAMES}
    # Undelivered rows are a file, or a folder of files.
    return [
        path
        for path, match in matches.items()
        if not (match is not None and match[1] in homes)
        and path not in undelivered
        and posixpath.dirname(path) not in undelivered
    ]


def _homes_of_loads(system: pafs.FileSystem, folders: Iterable[str]) -> set[str]:
    """Return the folders that have a ledger or a lock in them."""
    beside = {folder: [f"{folder}/ledger.sqlite", f"{folder}/.lock"] for folder in folders}
    return {
        folder
        for folder, paths in beside.items()
        if any(info.type == pafs.FileType.File for info in system.get_file_info(paths))
    }


def _outside(folder: Path | None, system: pafs.FileSystem, paths: Sequence[str]) -> Sequence[str]:
    """Leave out the results of the load that is about to read these files."""
    if folder is None or not isinstance(system, pafs.LocalFileSystem):
        return paths
    excluded = folder.resolve()
    return [path for path in paths if excluded not in Path(path).resolve().parents]


def _readable(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path.lower().endswith(READABLE_ENDINGS)]


def _require_files(paths: Sequence[str], message: str, system: pafs.FileSystem) -> list[DataFile]:
    if not paths:
        raise FrameError(
            f"{message}; supported are .parquet, .pq, and .csv, .tsv, .jsonl, .ndjson, .json (JSON Lines), also with "
            ".gz or .zst."
        )
    return [DataFile(path, system) for path in sorted(paths)]


def _split_pattern(system: pafs.FileSystem, pattern: str) -> tuple[str, str]:
    """Return the folder that a pattern begins in, and the rest: a name that exists is not a pattern."""
    parts = pattern.split("/")
    for place, part in enumerate(parts):
        path = "/".join(parts[: place + 1])
        if _PATTERN.search(part) and system.get_file_info(path).type == pafs.FileType.NotFound:
            folder = "/".join(parts[:place])
            return folder or ("/" if pattern.startswith("/") else "."), "/".join(parts[place:])
    return ".", pattern


def _as_expression(pattern: str) -> str:
    """Return a pattern of paths as a regular expression.

    >>> bool(re.fullmatch(_as_expression("a/**/*.csv"), "a/b/c/d.csv"))
    True
    >>> bool(re.fullmatch(_as_expression("a/*.csv"), "a/b/d.csv"))
    False
    """
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
    return "".join(wildcards.get(part, part if part.startswith("[") else re.escape(part)) for part in parts)
