"""Which files a path, a folder, a pattern or an address stands for."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import pyarrow.fs as pafs

from cio_frames.errors import FrameError, parameter
from cio_frames.loading.file_systems import open_file_system, unreachable
from cio_frames.loading.io_errors import translate_io_errors
from cio_frames.loading.partitions import Partition, parse_partition

PARQUET_ENDINGS = (".parquet", ".pq")
CSV_ENDINGS = (".csv", ".csv.gz")
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
    def is_parquet(self) -> bool:
        """Whether it is Parquet; it is CSV if not."""
        return self.path.lower().endswith(PARQUET_ENDINGS)

    def stamp(self) -> tuple[int, str | None]:
        """Return its size in bytes and when it was last changed: what a load is tied to.

        Raises
        ------
        FrameError
            It does not exist any more, or cannot be reached.
        """
        with translate_io_errors(self.path, unreachable):
            info = self.system.get_file_info(self.path)
        if info.type != pafs.FileType.File:
            raise FrameError(f"File not found: {self.path}.")
        return int(info.size or 0), info.mtime.isoformat() if info.mtime else None

    def open_bytes(self) -> IO[bytes]:
        """Open it for reading from its start."""
        file = cast(IO[bytes], self.system.open_input_stream(self.path, compression=None))
        return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if self.path.lower().endswith(".gz") else file


def find_files(source: str | Path, *, exclude: Path | None = None) -> list[DataFile]:
    """Return the files that a path, a folder, a pattern or an address stands for, in the order of their names.

    Parameters
    ----------
    source : str or Path
        A file; a folder, read with all folders in it, except names that begin with a dot or an underscore, and
        folders with the results of loads (``*.load``, and those beside a ledger or a lock); a pattern with ``*``,
        ``**`` or ``?``; or an address that pyarrow or fsspec know, such as ``s3://bucket/orders/``.
    exclude : Path, optional
        A folder whose files are not data.

    Raises
    ------
    FrameError
        Nothing is found, its type is unsupported, or it cannot be reached.
    ConfigurationError
        The URL scheme is unsupported.

    Examples
    --------
    >>> from cio_frames.spec.package_data import package_folder
    >>> [Path(file.path).name for file in find_files(package_folder("sample_data") / "orders.c*")]
    ['orders.csv']
    """
    with translate_io_errors(str(source), unreachable):
        return _find(source, exclude)


def _find(source: str | Path, exclude: Path | None) -> list[DataFile]:
    system, path = open_file_system(str(source))
    info = system.get_file_info(path)
    if info.type == pafs.FileType.File:
        return _require_files(_supported([DataFile(path, system)]), f"Unsupported file type: {source}")
    is_pattern = _PATTERN.search(path) is not None
    if info.type == pafs.FileType.NotFound and not is_pattern:
        raise FrameError(f"File not found: {source}.")
    found = _supported(_matching(system, path) if is_pattern else _below(system, path))
    # A pattern that names a file of results means that file.
    names_files = is_pattern and not _PATTERN.search(path.rpartition("/")[2])
    data = found if names_files else _without_results(found)
    remaining = _without_folder(exclude, data)
    if data and not remaining:
        raise FrameError(
            f"All files of {source} are in {exclude}, the folder for the results of this load, and are not read as "
            f"data. Name another folder for the results with {parameter('output')}."
        )
    message = f"No file matches {source}" if is_pattern else f"No file to load in the folder {source}"
    return _require_files(
        remaining, f"{message} except the results of an earlier load" if found and not data else message
    )


def _without_results(files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Leave out what earlier loads have written, in folders of any name: results are not data."""
    folders = {file.path: folder for file in files if (folder := _results_folder(file)) is not None}
    undelivered = {f"{folder}/{name}" for folder in folders.values() for name in UNDELIVERED_NAMES}
    excluded = folders.keys() | undelivered
    # Undelivered rows are a file, or a folder of files.
    return [file for file in files if file.path not in excluded and file.path.rpartition("/")[0] not in undelivered]


def _results_folder(file: DataFile) -> str | None:
    """Return the folder of the load whose results a file holds; None if it holds none."""
    folder = re.fullmatch(r"(.*)/results/part-\d{5,}\.parquet", file.path)
    if folder is None:
        return None
    with translate_io_errors(file.path, unreachable):
        beside = file.system.get_file_info([f"{folder[1]}/ledger.sqlite", f"{folder[1]}/.lock"])
    return folder[1] if any(info.type == pafs.FileType.File for info in beside) else None


def _without_folder(folder: Path | None, files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Leave out the results of the load that is about to read these files."""
    if folder is None or not files or not isinstance(files[0].system, pafs.LocalFileSystem):
        return files
    excluded = folder.resolve()
    return [file for file in files if excluded not in Path(file.path).resolve().parents]


def _supported(files: Sequence[DataFile]) -> list[DataFile]:
    return [file for file in files if file.path.lower().endswith((*PARQUET_ENDINGS, *CSV_ENDINGS))]


def _require_files(files: Sequence[DataFile], message: str) -> list[DataFile]:
    if not files:
        raise FrameError(f"{message}; supported are {', '.join((*PARQUET_ENDINGS, *CSV_ENDINGS))}.")
    return sorted(files, key=lambda file: file.path)


def _below(system: pafs.FileSystem, folder: str) -> list[DataFile]:
    base = folder.rstrip("/")
    infos = system.get_file_info(pafs.FileSelector(folder, recursive=True))
    paths = [info.path for info in infos if info.type == pafs.FileType.File]
    inside = {path: path[len(base) + 1 :].split("/") for path in paths if path.startswith(f"{base}/")}
    return [
        DataFile(path, system, parse_partition(parts[:-1]))
        for path, parts in inside.items()
        if not any(part.startswith((".", "_")) for part in parts)
        and not any(part.endswith(RESULTS_ENDING) for part in parts[:-1])
    ]


def _matching(system: pafs.FileSystem, pattern: str) -> list[DataFile]:
    folder = pattern[: _PATTERN.search(pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
    expression = re.compile(_as_expression(pattern))
    files = _below(system, folder or ("/" if pattern.startswith("/") else "."))
    return [file for file in files if expression.fullmatch(file.path.removeprefix("./"))]


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
