"""The files of a folder: all that are in it, each once, and which of them hold rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pyarrow.fs as pafs

from cio_frames.errors import FrameError

PARQUET_ENDINGS = (".parquet", ".pq")
_TEXT_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
COMPRESSED_ENDINGS = (".gz", ".zst")
READABLE_ENDINGS = (
    *PARQUET_ENDINGS, *(f"{ending}{packed}" for ending in _TEXT_ENDINGS for packed in ("", *COMPRESSED_ENDINGS)),
)  # fmt: skip
# In folders these are manifests and settings as often as rows.
_ONLY_BY_NAME = tuple(f".json{packed}" for packed in ("", *COMPRESSED_ENDINGS))
_PACKED = (*COMPRESSED_ENDINGS, ".zip", ".bz2", ".xz", ".snappy", ".lz4")


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What is in a folder.

    Attributes
    ----------
    paths : list of str
        All files below it.
    broken_links : int
        How many links lead nowhere.
    """

    paths: Sequence[str]
    broken_links: int = 0


@dataclass(frozen=True, slots=True)
class SelectedFiles:
    """The files of a folder that hold rows, and how many others there are.

    Attributes
    ----------
    paths : list of str
        Files to read.
    left_out : dict of str to int
        How many files are not read, by extension.
    """

    paths: Sequence[str]
    left_out: Counter[str] = field(default_factory=Counter)


def list_folder(system: pafs.FileSystem, folder: str) -> FolderListing:
    """Return all files below a folder; on this machine links are followed, and each file is listed once."""
    if isinstance(system, pafs.LocalFileSystem):
        return _list_local(folder)
    infos = system.get_file_info(pafs.FileSelector(folder, recursive=True))
    return FolderListing([info.path for info in infos if info.type == pafs.FileType.File])


def _list_local(folder: str) -> FolderListing:
    """List a folder, and then what links lead to, unless it is listed already or has the folder in it."""
    top = os.path.realpath(folder)
    found: dict[str, str] = {}
    seen, links, broken = {top}, list[str](), 0
    waiting = [(folder, top)]
    while waiting or links:
        if not waiting:
            link = links.pop(0)
            target = os.path.realpath(link)
            if os.path.isfile(target):  # noqa: PTH113 -- as fast as it can be, for folders of many files
                found.setdefault(target, link)
            elif not os.path.isdir(target):  # noqa: PTH112
                broken += 1
            elif target not in seen and not f"{top}/".startswith(f"{target.rstrip('/')}/"):
                seen.add(target)
                waiting.append((link, target))
            continue
        shown, real = waiting.pop(0)
        with os.scandir(shown) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                path, target = f"{shown.rstrip('/')}/{entry.name}", f"{real.rstrip('/')}/{entry.name}"
                if entry.is_symlink():
                    links.append(path)
                elif entry.is_dir():
                    if target not in seen:
                        seen.add(target)
                        waiting.append((path, target))
                elif entry.is_file():
                    found.setdefault(target, path)
    return FolderListing(sorted(found.values()), broken)


def select_files(listing: FolderListing, folder: str, results_ending: str, *, by_name: bool = False) -> SelectedFiles:
    """Return the files that hold rows; names with a dot or an underscore in front do not, as in Spark.

    ``name=value`` is the folder of a partition, whatever its first letter. ``by_name`` says that the files were named
    by a pattern with their extension.

    >>> found = select_files(FolderListing(["e/1.csv", "e/2.txt", "e/_src=web/3.csv", "e/_SUCCESS"]), "e", ".load")
    >>> found.paths, dict(found.left_out)
    (['e/1.csv', 'e/_src=web/3.csv'], {'.txt': 1})
    """
    prefix = f"{folder.rstrip('/')}/"
    paths, left_out = [], Counter[str]()
    for path in listing.paths:
        *folders, name = path.removeprefix(prefix).split("/")
        if any(part.endswith(results_ending) for part in folders):
            continue
        readable = name.lower().endswith(READABLE_ENDINGS)
        if any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in (*folders, name)):
            left_out["hidden"] += readable
        elif readable and (by_name or not name.lower().endswith(_ONLY_BY_NAME)):
            paths.append(path)
        else:
            left_out[_ending(name)] += 1
    left_out["broken link"] += listing.broken_links
    return SelectedFiles(paths, +left_out)


def _ending(name: str) -> str:
    """Return what a file's kind is called: its extension, and the one before that if it is packed."""
    *_, before, last = ["", "", *(suffix.lower() for suffix in PurePosixPath(name).suffixes)]
    if not last:
        return "without extension"
    return f"{before}{last}" if last in _PACKED and before[1:].isalpha() else last


def left_out_sentence(left_out: Counter[str]) -> str | None:
    """Return how many files were not read; None if there are none.

    >>> left_out_sentence(Counter({".txt": 2, "hidden": 1}))
    '3 files were left out: 2 .txt, 1 hidden (a name that begins with a dot or an underscore).'
    """
    if not left_out:
        return None
    count = left_out.total()
    notes = {"hidden": "hidden (a name that begins with a dot or an underscore)"}
    kinds = ", ".join(f"{number:,} {notes.get(kind, kind)}" for kind, number in left_out.most_common())
    return f"{count:,} {'file was' if count == 1 else 'files were'} left out: {kinds}."


def refuse_twins(paths: Iterable[str]) -> None:
    """Refuse files that most likely are the same rows in two forms, such as ``orders.csv`` and ``orders.csv.gz``."""
    forms: dict[str, str] = {}
    for path in paths:
        lower = path.lower()
        ending = max((each for each in READABLE_ENDINGS if lower.endswith(each)), key=len, default="")
        stem = path[: len(path) - len(ending)]
        other = forms.setdefault(stem, path)
        if other != path:
            raise FrameError(
                f"{other} and {Path(path).name} have the same name, so that they may hold the same rows. Move one of "
                f"them, or name the files to load by a pattern such as '*{ending}'."
            )
