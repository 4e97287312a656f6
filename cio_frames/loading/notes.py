"""What a user should know of a source: what was left out of it, and what is not sent as it stands there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cio_frames.errors import Door, parameter, render
from cio_frames.loading.folder import left_out_sentence

# Each file can have some, and a folder many files.
_MAX_WARNINGS = 50


@dataclass(slots=True)
class SourceNotes:
    """What a user should know of a source.

    Attributes
    ----------
    left_out : dict of str to int
        How many files of a folder are not read, by extension.
    partitions : dict of str to None
        Columns that come from names of folders.
    nameless_columns : int
        Columns that are not sent, since nobody has named them.
    repeated_headers : int
        Lines that are not rows, since they repeat the names of the columns.
    float_ids : dict of str to int
        How many ids of a column are sent without their ``.0``.
    utc_columns : dict of str to None
        Columns whose INT96 times are read as UTC.
    warnings : dict of str to None
        Sentences about columns of files, in words that differ by door.
    delta_version : int or None
        The version of a Delta table that is read.
    is_standard_input : bool
        Whether the rows come from standard input, so that a load of them is not resumable.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    partitions: dict[str, None] = field(default_factory=dict)
    nameless_columns: int = 0
    repeated_headers: int = 0
    float_ids: Counter[str] = field(default_factory=Counter)
    utc_columns: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    delta_version: int | None = None
    is_standard_input: bool = False

    def add(self, other: SourceNotes) -> None:
        """Add the notes of one more file."""
        self.left_out += other.left_out
        self.partitions |= other.partitions
        self.nameless_columns += other.nameless_columns
        self.repeated_headers += other.repeated_headers
        self.float_ids += other.float_ids
        self.utc_columns |= other.utc_columns
        self.warnings |= other.warnings

    def sentences(self, door: Door = "python") -> list[str]:
        """Return the notes as sentences, in the words of one door.

        >>> notes = SourceNotes(left_out=Counter({".txt": 1}), repeated_headers=2, partitions={"country": None})
        >>> for sentence in notes.sentences():
        ...     print(sentence)
        1 file was left out: 1 .txt.
        Columns from names of folders: country. To leave them out, pass partitions=False.
        2 lines that repeat the first line are not rows, and were skipped.
        """
        return [render(sentence, door) for sentence in (*self._of_source(), *self._of_columns())]

    def as_dict(self, door: Door = "python") -> dict[str, Any]:
        """Return the notes ready for JSON."""
        return {
            "left_out": dict(self.left_out),
            "partitions": list(self.partitions),
            "repeated_headers": self.repeated_headers,
            "delta_version": self.delta_version,
            "notes": self.sentences(door),
        }

    def _of_source(self) -> list[str]:
        found = []
        if self.is_standard_input:
            found.append("Standard input is not resumable: if this load stops, it can only start over.")
        if self.delta_version is not None:
            found.append(f"This is a Delta table; its version {self.delta_version:,} is read.")
        if (left_out := left_out_sentence(self.left_out)) is not None:
            found.append(left_out)
        if self.partitions:
            names = ", ".join(self.partitions)
            found.append(
                f"Columns from names of folders: {names}. To leave them out, pass {parameter('partitions', False)}."
            )
        if self.repeated_headers == 1:
            found.append("1 line that repeats the first line is not a row, and was skipped.")
        elif self.repeated_headers:
            found.append(f"{self.repeated_headers:,} lines that repeat the first line are not rows, and were skipped.")
        return found

    def _of_columns(self) -> list[str]:
        found = []
        if self.nameless_columns:
            count = f"{self.nameless_columns:,} {'column' if self.nameless_columns == 1 else 'columns'}"
            found.append(f"{count} without a name, or named by pandas ('Unnamed: 0', '__index_level_0__'): not sent.")
        if self.utc_columns:
            names = ", ".join(self.utc_columns)
            found.append(f"INT96 times are read as UTC, since Spark or a relative wrote them: {names}.")
        for name, ids_count in self.float_ids.items():
            ids = (
                f"{ids_count:,} {'id ends in .0 and is' if ids_count == 1 else 'ids end in .0 and are'} sent without it"
            )
            found.append(
                f"{name}: {ids} (1001.0 as 1001), since pandas writes whole numbers so beside missing values. To send "
                f"them as they stand, pass {parameter('exact_ids', True)}."
            )
        warnings = list(self.warnings)
        more = len(warnings) - _MAX_WARNINGS
        return [*found, *warnings[:_MAX_WARNINGS], *([f"{more:,} more columns have such cells."] if more > 0 else [])]
