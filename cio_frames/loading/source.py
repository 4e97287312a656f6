"""What a load reads: a source of rows, cut into chunks.

A chunk is the unit of a load: read, checked, sent and answered for as a whole. A source is cut the same way every time,
so that a load that is resumed finds the same chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import pandas as pd

from cio_frames.loading.notes import SourceNotes

Labels: TypeAlias = Sequence[Hashable]
# Given columns, the types that the spec has for them: those of JSON Schema, and date-time, id, and strict id.
TypesOf: TypeAlias = Callable[[Labels], Mapping[Hashable, str]]
# Given columns, those to read; None for all.
Wanted: TypeAlias = Callable[[Labels], Labels | None]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a source.

    Attributes
    ----------
    number : int
        Which chunk of the source, from 0.
    frame : pandas.DataFrame
        Its rows.
    file : str or None
        The file they are from.
    first_row : int
        The position of its first row in that file, or among all frames.
    number_in_file : int
        Which chunk of that file, from 0.
    frame_number : int
        Among frames, the number of the one that its first row is from.
    is_cut_short : bool
        Whether reading failed before all of its rows had come.
    """

    number: int
    frame: pd.DataFrame
    file: str | None
    first_row: int
    number_in_file: int = 0
    frame_number: int = 0
    is_cut_short: bool = False

    @property
    def where(self) -> str:
        """The place of its rows in errors."""
        return self.file or f"frame {self.frame_number}"


class Source(Protocol):
    """What a load reads.

    Attributes
    ----------
    name : str
        Its name in the ledger.
    repeatable : bool
        Whether its rows can be read more than once.
    resumable : bool
        Whether its rows can be read by a later run.
    chunk_rows : int
        The most rows of a chunk that it cuts.
    """

    name: str
    repeatable: bool
    resumable: bool
    chunk_rows: int

    def stamps(self) -> list[dict[str, Any]] | None:
        """Return what tells whether the source has changed; None if nothing can."""

    def settings(self) -> dict[str, Any]:
        """Return how it is read, where that decides what is in its rows; ready for JSON."""

    def notes(self) -> SourceNotes:
        """Return what a user should know of it, as far as it has been read."""

    def rows(self) -> int | None:
        """Return the number of rows, if that is known before they are read."""

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield the name and the columns of each file."""

    def chunks(
        self, *, done: frozenset[int] = frozenset(), types_of: TypesOf = ..., wanted: Wanted = ...
    ) -> Iterator[Chunk]:
        """Yield the rows, except chunks that are done."""

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns, also if not all were read."""


def last_change(source: Source) -> pd.Timestamp | None:
    """Return when the last of a source's files was changed, in UTC; None if that is not known."""
    changes = [pd.Timestamp(stamp["changed"]) for stamp in source.stamps() or () if stamp.get("changed")]
    return max(changes, default=None)


def source_label(source: Source) -> str:
    """Return what pages call a source: its file, folder or address, or that it is a frame."""
    of_frames = {"frame": "a DataFrame", "frames": "DataFrames"}
    return of_frames.get(source.name, source.name) if source.stamps() is None else source.name
