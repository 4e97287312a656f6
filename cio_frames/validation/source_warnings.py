"""Warnings that show only over all rows of a source: people, emails and message ids that come again, circular merges.

Of each row a few 64-bit hashes are kept, up to a limit. Beyond it a share of the hashes is kept, chosen by the hash
itself, so that whatever comes again is found or missed as a whole: the counts are then lower bounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from cio_frames._util.arrays import Bools, Ints
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.merges import in_circle
from cio_frames.validation.warning_counts import MAX_FIRST_POSITIONS, WarningCount, merge_warning_counts

# Hashes of this many rows take 40 MB, with those of their emails 120 MB.
MAX_KEYS = 5_000_000
_BLOCK_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class PeopleRows:
    """Whom the valid rows of a chunk are about, as hashes; -1 stands for nobody.

    Attributes
    ----------
    rows : int
        How many rows the chunk has.
    positions : numpy array of int64
        The rows that identify people.
    people : numpy array of int64
        Who they are about.
    email_positions, email_people, emails : numpy arrays of int64
        The rows of these that have an id and an email, and the hashes of both.
    merged, into : numpy arrays of int64
        The ids of aliases.
    message_ids : numpy array of int64
        The message ids that a column has.
    message_id_column : str or None
        That column.
    """

    rows: int
    positions: Ints
    people: Ints
    email_positions: Ints
    email_people: Ints
    emails: Ints
    merged: Ints
    into: Ints
    message_ids: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    message_id_column: str | None = None


class SourceWarnings:
    """Collects the warnings of a source, chunk by chunk.

    Parameters
    ----------
    max_keys : int
        How many rows to remember.
    is_partial : bool
        Whether earlier chunks are missing, so that counts over the source are lower bounds.

    Examples
    --------
    >>> none = np.empty(0, dtype=np.int64)
    >>> rows = np.arange(3)
    >>> found = SourceWarnings()
    >>> found.add([], PeopleRows(3, rows, np.array([7, 8, 7]), none, none, none, none, none))
    >>> [each.reason for each in found.warnings()]
    ['1 person has more than one row; the last row wins']
    """

    def __init__(self, max_keys: int = MAX_KEYS, *, is_partial: bool = False) -> None:
        self._counts: list[WarningCount] = []
        self._people = _KeyStore(max_keys)
        self._emails = _KeyStore(max_keys)
        self._merges = _KeyStore(max_keys)
        self.message_ids = MessageIdCount(max_keys)
        self._rows = 0
        self._is_partial = is_partial

    def add(self, counts: Iterable[WarningCount], people: PeopleRows | None) -> None:
        """Add the warnings of a chunk and whom its rows are about."""
        self._counts = merge_warning_counts([*self._counts, *(_move(each, self._rows) for each in counts)])
        if people is None:
            return
        self._people.add(self._rows + people.positions, people.people)
        self._emails.add(self._rows + people.email_positions, people.emails, people.email_people)
        if len(people.merged):
            self._merges.add(np.arange(len(people.merged)), people.merged, people.into)
        self.message_ids.add(people.message_ids, people.message_id_column)
        self._rows += people.rows

    def extend(self, other: SourceWarnings) -> None:
        """Add what was collected of later chunks."""
        self._counts = merge_warning_counts([*self._counts, *other._counts])
        for mine, theirs in (
            (self._people, other._people),
            (self._emails, other._emails),
            (self._merges, other._merges),
        ):
            mine.extend(theirs, self._rows)
        self.message_ids.extend(other.message_ids)
        self._rows += other._rows
        self._is_partial = self._is_partial or other._is_partial

    def warnings(self) -> list[WarningCount]:
        """Return all warnings so far."""
        found = [
            self._count("duplicate_people", *self._people.repeated_keys(), self._people),
            self._count("email_of_two_ids", *self._emails.keys_with_several_values(), self._emails),
        ]
        merged, into = self._merges.pairs()
        if len(merged):
            # Aliases in a circle within one chunk are errors, and not among these.
            codes = np.unique(np.concatenate([merged, into]), return_inverse=True)[1]
            circle = int(in_circle(codes[: len(merged)], codes[len(merged) :]).sum())
            found.append(self._count("alias_circle", circle, (), self._merges))
        counts = self.message_ids.correct(self._counts, is_partial=self._is_partial)
        return merge_warning_counts([*counts, *(each for each in found if each.rows)])

    def _count(self, check: str, count: int, positions: tuple[int, ...], store: _KeyStore) -> WarningCount:
        at_least = self._is_partial or store.is_sample
        sentence = _SOURCE_SENTENCES.get(check, CHECKS[check])
        return WarningCount(check, None, "source", count, sentence, at_least=at_least, first_positions=positions)


class MessageIdCount:
    """Counts the rows whose message id an earlier row of the source has.

    >>> found = MessageIdCount()
    >>> for ids in ([7, 8], [8, 7, 9]):
    ...     found.add(np.array(ids), "id")
    >>> [(each.reason, each.rows) for each in found.correct([])]
    [('id: duplicate ULID; Journeys ignores an event with the id of an earlier row', 2)]
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._ids = _KeyStore(max_keys)
        self._column: str | None = None

    def add(self, ids: Ints, column: str | None) -> None:
        """Add the hashes of the ids of some rows, which are in a column of this name."""
        self._column = self._column or column
        self._ids.add(ids, ids)

    def extend(self, other: MessageIdCount) -> None:
        """Add what was counted of later rows."""
        self._column = self._column or other._column
        self._ids.extend(other._ids, 0)

    def correct(self, counts: Iterable[WarningCount], *, is_partial: bool = False) -> list[WarningCount]:
        """Return warnings with this count in place of that of chunks, each of which was looked at by itself."""
        kept: list[WarningCount] = []
        among = 0
        for each in counts:
            if each.check == _REPEATED_ID:
                among += each.rows
                self._column = each.column
            else:
                kept.append(each)
        ids = self._ids.pairs()[0]
        rows = max(len(ids) - len(np.unique(ids)), among)
        if not rows:
            return kept
        at_least = is_partial or self._ids.is_sample
        return [*kept, WarningCount(_REPEATED_ID, self._column, "row", rows, CHECKS[_REPEATED_ID], at_least=at_least)]


_REPEATED_ID = "repeated_message_id"


def _move(warning: WarningCount, rows: int) -> WarningCount:
    """Return a warning of a chunk with positions in the source; the chunk comes after so many rows."""
    positions = tuple(position + rows for position in warning.first_positions)
    return replace(warning, first_positions=positions) if positions and rows else warning


_SOURCE_SENTENCES = {"alias_circle": "aliases merge ids in a circle over the source; keep one direction"}


class _KeyStore:
    """Keys of rows, each with a value, up to a limit."""

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._positions: list[Ints] = []
        self._keys: list[Ints] = []
        self._values: list[Ints] = []
        self._count = 0
        self._shift = 0

    @property
    def is_sample(self) -> bool:
        """Whether only a share of the keys is here."""
        return self._shift > 0

    def add(self, positions: Ints, keys: Ints, values: Ints | None = None) -> None:
        """Add the keys of some rows."""
        if not len(keys):
            return
        self._positions.append(positions)
        self._keys.append(keys)
        self._values.append(keys if values is None else values)
        self._thin_out(-1)
        self._count = sum(map(len, self._keys))
        while self._count > self._max_keys:
            self._shift += 1
            for number in range(len(self._keys)):
                self._thin_out(number)
            self._count = sum(map(len, self._keys))

    def extend(self, other: _KeyStore, first_row: int) -> None:
        """Add the keys of later rows; of the same share of all keys."""
        if other._shift > self._shift:
            self._shift = other._shift
            for number in range(len(self._keys)):
                self._thin_out(number)
        for positions, keys, values in zip(other._positions, other._keys, other._values, strict=True):
            self.add(positions + first_row, keys, values)

    def _thin_out(self, number: int) -> None:
        """Keep the share of one chunk's keys that is kept by now."""
        if self._shift:
            kept = self._keys[number] & ((1 << self._shift) - 1) == 0
            for arrays in (self._positions, self._values, self._keys):
                arrays[number] = arrays[number][kept]

    def pairs(self) -> tuple[Ints, Ints]:
        """Return all keys and their values."""
        return _join(self._keys), _join(self._values)

    def repeated_keys(self) -> tuple[int, tuple[int, ...]]:
        """Return how many keys several rows have, and the first of these rows."""
        repeated = _repeated(_join(self._keys))
        return len(repeated), self._first_positions(repeated)

    def keys_with_several_values(self) -> tuple[int, tuple[int, ...]]:
        """Return how many keys have several values, and the first rows of these."""
        keys, values = self.pairs()
        candidates = _repeated(keys)
        if not len(candidates):
            return 0, ()
        among = _is_in(keys, candidates)
        order = np.argsort(keys[among], kind="stable")
        keys, values = keys[among][order], values[among][order]
        differs = (keys[1:] == keys[:-1]) & (values[1:] != values[:-1])
        several = _distinct(keys[1:][differs])
        return len(several), self._first_positions(several)

    def _first_positions(self, keys: Ints) -> tuple[int, ...]:
        if not len(keys) or self.is_sample:
            return ()
        found: list[int] = []
        # Mostly they are among the first rows.
        for every, positions in zip(self._keys, self._positions, strict=True):
            for start in range(0, len(every), _BLOCK_ROWS):
                block = slice(start, start + _BLOCK_ROWS)
                found += positions[block][_is_in(every[block], keys)].tolist()
                if len(found) >= MAX_FIRST_POSITIONS:
                    return tuple(found[:MAX_FIRST_POSITIONS])
        return tuple(found)


def _join(arrays: list[Ints]) -> Ints:
    return arrays[0] if len(arrays) == 1 else np.concatenate([*arrays, np.empty(0, dtype=np.int64)])


def _repeated(keys: Ints) -> Ints:
    """Return the keys that occur more than once, in order.

    >>> _repeated(np.array([3, 1, 3, 3])).tolist()
    [3]
    """
    ordered = np.sort(keys)
    return _distinct(ordered[1:][ordered[1:] == ordered[:-1]])


def _distinct(ordered: Ints) -> Ints:
    """Return each of some keys that are in order once."""
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _is_in(keys: Ints, ordered: Ints) -> Bools:
    """Return which keys are among some that are in order.

    >>> _is_in(np.array([5, 2, 9]), np.array([2, 5])).tolist()
    [True, True, False]
    """
    places = np.searchsorted(ordered, keys)
    return np.asarray(ordered[np.minimum(places, len(ordered) - 1)] == keys)
