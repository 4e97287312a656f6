"""Where files are, and what kind they are: paths, folders, patterns, and addresses of other file systems."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs

from cio_frames.errors import ConfigurationError, FrameError

PARQUET_ENDINGS = (".parquet", ".pq")
CSV_ENDINGS = (".csv", ".csv.gz")
# Of folders in which loads leave their answers, where nobody names another.
ANSWERS_ENDING = ".load"
_GIVE_UP, _GIVE_UP_SECONDS = "retry_limit_seconds", 60
_WORDS_KEPT = 400
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
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
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def is_parquet(self) -> bool:
        """Whether it is Parquet; CSV otherwise."""
        return self.path.lower().endswith(PARQUET_ENDINGS)

    def stamp(self) -> tuple[int, str | None]:
        """Return its size in bytes and when it was last changed: what a load is tied to.

        Raises
        ------
        FrameError
            It is not there any more, or cannot be reached.
        """
        with reached(self.path):
            info = self.system.get_file_info(self.path)
        if info.type != pafs.FileType.File:
            raise FrameError(f"There is no file {self.path}.")
        return int(info.size or 0), info.mtime.isoformat() if info.mtime else None

    def opened(self) -> IO[bytes]:
        """Open it for reading from its start."""
        file = cast(IO[bytes], self.system.open_input_stream(self.path, compression=None))
        return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if self.path.lower().endswith(".gz") else file


def found_files(source: str | Path, *, but: Path | None = None) -> list[DataFile]:
    """Return the files that a path, a folder, a pattern or an address stands for, in the order of their names.

    Parameters
    ----------
    source : str or Path
        A file; a folder, read with all folders in it, but for names that begin with a dot or an underscore, and for
        folders with the answers of loads (``*.load``), and those beside a ledger or a lock; a pattern with ``*``,
        ``**`` or ``?``; or an address that pyarrow or fsspec know, such as ``s3://bucket/orders/``.
    but : Path, optional
        A folder that is left out, wherever it is.

    Raises
    ------
    FrameError
        Nothing is there, it is of no known kind, or cannot be reached.
    ConfigurationError
        Nobody here knows this kind of address.

    Examples
    --------
    >>> from cio_frames.spec.package_data import package_folder
    >>> [Path(file.path).name for file in found_files(package_folder("sample_data") / "orders.c*")]
    ['orders.csv']
    """
    with reached(str(source)):
        return _found(source, but)


def _found(source: str | Path, but: Path | None) -> list[DataFile]:
    system, path = _system(str(source))
    info = system.get_file_info(path)
    if info.type == pafs.FileType.File:
        return _some(_of_known_kind([DataFile(path, system)]), f"{source} is of no kind known here")
    is_pattern = _PATTERN.search(path) is not None
    if info.type == pafs.FileType.NotFound and not is_pattern:
        raise FrameError(f"There is no file {source}.")
    found = _of_known_kind(_matching(system, path) if is_pattern else _below(system, path))
    # Who names the answers themselves means them.
    named = is_pattern and not _PATTERN.search(path.rpartition("/")[2])
    data = found if named else _without_answers(found)
    outside = _outside(but, data)
    if data and not outside:
        raise FrameError(
            f"All files of {source} are in {but}, where the answers of this load go, and are no data. Name another "
            "folder for them with output= (--output)."
        )
    nothing = f"Nothing matches {source}" if is_pattern else f"The folder {source} has no file to load"
    return _some(outside, f"{nothing} but the answers of an earlier load" if found and not data else nothing)


def _without_answers(files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Leave out what earlier loads have left, in folders of whatever name: answers are no data."""
    homes = {file.path: home for file in files if (home := _home_of_answers(file)) is not None}
    rejects = {f"{home}/rejects.parquet" for home in homes.values()}
    left = homes.keys() | rejects
    # Rejects are a file, or a folder of files.
    return [file for file in files if file.path not in left and file.path.rpartition("/")[0] not in rejects]


def _home_of_answers(file: DataFile) -> str | None:
    """Return the folder of the load whose answers a file holds; None where it holds none."""
    home = re.fullmatch(r"(.*)/results/part-\d{5,}\.parquet", file.path)
    if home is None:
        return None
    with reached(file.path):
        beside = file.system.get_file_info([f"{home[1]}/ledger.sqlite", f"{home[1]}/.lock"])
    return home[1] if any(info.type == pafs.FileType.File for info in beside) else None


def _outside(folder: Path | None, files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Leave out the answers of the load that is about to read these files."""
    if folder is None or not files or not isinstance(files[0].system, pafs.LocalFileSystem):
        return files
    without = folder.resolve()
    return [file for file in files if without not in Path(file.path).resolve().parents]


def _of_known_kind(files: Sequence[DataFile]) -> list[DataFile]:
    return [file for file in files if file.path.lower().endswith((*PARQUET_ENDINGS, *CSV_ENDINGS))]


def _some(files: Sequence[DataFile], otherwise: str) -> list[DataFile]:
    if not files:
        raise FrameError(f"{otherwise}; there are {', '.join((*PARQUET_ENDINGS, *CSV_ENDINGS))}.")
    return sorted(files, key=lambda file: file.path)


def _system(source: str) -> tuple[pafs.FileSystem, str]:
    if not re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", source):
        return pafs.LocalFileSystem(), Path(source).as_posix()
    scheme = source.partition("://")[0]
    if scheme in ("gs", "gcs") and _GIVE_UP not in source:
        # Otherwise it tries for a quarter of an hour where there is no network, or no credentials.
        source += f"{'&' if '?' in source else '?'}{_GIVE_UP}={_GIVE_UP_SECONDS}"
    try:
        return cast(tuple[pafs.FileSystem, str], pafs.FileSystem.from_uri(source))
    # Schemes that pyarrow does not know, and those that it was built without.
    except (pa.ArrowInvalid, NotImplementedError):
        return _system_of_fsspec(source, scheme)


def _system_of_fsspec(source: str, scheme: str) -> tuple[pafs.FileSystem, str]:
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:
        # Of the addresses that it knows, fsspec itself says what is missing.
        known = isinstance(error, ImportError) and "install" in str(error).lower()
        remedy = str(error) if known else "Install fsspec and its package for them"
        raise ConfigurationError(f"Nothing here knows addresses that begin with {scheme}://. {remedy}.") from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), path


@contextmanager
def reached(what: str) -> Iterator[None]:
    """Say in words of ours what cannot be reached, and why."""
    try:
        yield
    except OSError as error:
        raise FrameError(
            f"{what} cannot be reached: {words_of(error)}. Check its name, the permissions or credentials it needs, "
            "and the network, and run the same again."
        ) from error


def words_of(error: OSError) -> str:
    """Return why a file cannot be had: what the system says, or the file system of an address.

    >>> words_of(FileNotFoundError(2, "No such file or directory"))
    'No such file or directory'
    """
    return (error.strerror or " ".join(str(error).split()) or type(error).__name__)[:_WORDS_KEPT].rstrip(".")


def _below(system: pafs.FileSystem, folder: str) -> list[DataFile]:
    base = folder.rstrip("/")
    found = system.get_file_info(pafs.FileSelector(folder, recursive=True))
    files = [info.path for info in found if info.type == pafs.FileType.File]
    inside = {path: path[len(base) + 1 :].split("/") for path in files if path.startswith(f"{base}/")}
    return [
        DataFile(path, system, dict(_partition(parts[:-1])))
        for path, parts in inside.items()
        if not any(part.startswith((".", "_")) for part in parts)
        and not any(part.endswith(ANSWERS_ENDING) for part in parts[:-1])
    ]


def _matching(system: pafs.FileSystem, pattern: str) -> list[DataFile]:
    folder = pattern[: _PATTERN.search(pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
    fits = re.compile(_as_expression(pattern))
    return [file for file in _below(system, folder or ("/" if pattern.startswith("/") else ".")) if _fits(fits, file)]


def _fits(expression: re.Pattern[str], file: DataFile) -> bool:
    return expression.fullmatch(file.path.removeprefix("./")) is not None


def _as_expression(pattern: str) -> str:
    """Return a pattern of paths as a regular expression.

    >>> bool(re.fullmatch(_as_expression("a/**/*.csv"), "a/b/c/d.csv"))
    True
    >>> bool(re.fullmatch(_as_expression("a/*.csv"), "a/b/d.csv"))
    False
    """
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
    return "".join(words.get(part, part if part.startswith("[") else re.escape(part)) for part in parts)


def _partition(folders: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    for folder in folders:
        name, equals, value = folder.partition("=")
        if equals and name:
            yield unquote(name), None if value == _NO_PARTITION else unquote(value)


def with_partition(frame: pd.DataFrame, file: DataFile, types: Mapping[str, Any]) -> pd.DataFrame:
    """Return a file's rows with what its folders say of them as columns at the end."""
    values = {name: value for name, value in file.partition.items() if name not in frame.columns}
    if not values:
        return frame
    columns = {
        name: pd.Series(pd.NA if value is None else types[name](value), index=frame.index, dtype=_DTYPES[types[name]])
        for name, value in values.items()
    }
    return pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)


_DTYPES: Mapping[Any, str] = {int: "Int64", str: "string"}


def partition_types(files: Sequence[DataFile]) -> dict[str, Any]:
    """Return what the values of each folder name are: whole numbers where all of them are, else text.

    >>> system = pafs.LocalFileSystem()
    >>> files = [DataFile("", system, {"year": "2025", "country": "de"}), DataFile("", system, {"year": "2026"})]
    >>> partition_types(files)
    {'year': <class 'int'>, 'country': <class 'str'>}
    """
    values: dict[str, list[str]] = {}
    for file in files:
        for name, value in file.partition.items():
            values.setdefault(name, []).extend([] if value is None else [value])
    return {
        name: int if all(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value) for value in some) and some else str
        for name, some in values.items()
    }
