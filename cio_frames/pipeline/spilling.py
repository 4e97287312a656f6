"""Occurrence numbers for loads of any size: what was seen is on disk, and hardly ever read again.

A load numbers calls that look the same, so it has to know every call that it has sent. In memory, 64 bits each would be
800 MB for 100,000,000 calls. Here they are in few sorted runs, each in a temporary file. A Bloom filter, one to two
bytes for each call, says of nearly every new call that it was not seen, so that the runs are read for those that were,
and for a few by mistake.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.pipeline.message_ids import Seen

# Numbers of one run, 8 MB of them.
RUN_NUMBERS = 1_000_000
# Of each run the first number of each block is kept in memory.
_BLOCK_NUMBERS = 512
_BYTES_PER_NUMBER = 8
# So many runs of about the same length become one: a number is looked for in few of them, and written few times.
_RUNS_TO_MERGE = 4
# So many numbers are in memory while runs are merged.
_MERGED_AT_ONCE = 500_000
# If so large a share of the blocks would be read, the whole run is.
_SHARE_OF_BLOCKS = 0.25
# A filter begins with twice as many bits per number.
_LEAST_BITS_PER_NUMBER = 8
_BITS_SET = 4
_WORD_BITS = 64
_FILTERED_AT_ONCE = 250_000
# Odd 64-bit numbers whose products are spread evenly.
_FILTER_MIXERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


class SpillingSeen(Seen):
    """Counts earlier occurrences of numbers that arrive a slice at a time, with most of them on disk.

    Numbers that are added are remembered for good, and spilled; numbers that are counted are remembered in memory, so
    that a copy of it can be used for a chunk, and thrown away.

    Parameters
    ----------
    folder : Path
        Where to put temporary files; they have no names, and vanish with the process.
    run_numbers : int
        How many numbers to keep in memory before they are spilled.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     seen = SpillingSeen(Path(folder), run_numbers=2)
    ...     seen.add(np.array([7, 5, 7, 9], dtype=np.uint64))
    ...     seen.copy().before(np.array([8, 7, 8], dtype=np.uint64)).tolist()
    [0, 2, 1]
    """

    def __init__(self, folder: Path, *, run_numbers: int = RUN_NUMBERS) -> None:
        super().__init__()
        self._folder = folder
        self._run_numbers = run_numbers
        # The longest first.
        self._spilled: list[_SpilledRun] = []
        self._filter: _BloomFilter | None = None

    def before(self, numbers: npt.NDArray[Any]) -> Ints:
        """Return how often each number occurred before, and remember them all in memory."""
        counts = super().before(numbers)
        if self._filter is not None:
            may_be_known = np.flatnonzero(self._filter.may_contain(numbers))
            if len(may_be_known):
                counts[may_be_known] += self._count_spilled(numbers[may_be_known])
        return counts

    def add(self, numbers: npt.NDArray[Any]) -> None:
        """Remember numbers for good."""
        super().add(numbers)
        if sum(map(len, self._runs)) >= self._run_numbers:
            self._spill()

    def copy(self) -> SpillingSeen:
        """Return a copy that can remember more numbers without this one; what is on disk is shared."""
        other = SpillingSeen(self._folder, run_numbers=self._run_numbers)
        other._runs = self._runs.copy()
        other._spilled, other._filter = self._spilled, self._filter
        return other

    def _spill(self) -> None:
        """Write what is in memory as one run."""
        run = np.concatenate(self._runs).astype(np.uint64, copy=False)
        self._runs = []
        run.sort(kind="stable")
        # Not appended: a copy keeps the list that it has.
        self._spilled = [*self._spilled, _SpilledRun(self._folder, [run])]
        self._add_to_filter(run)
        while self._ends_with_alike_runs():
            alike = self._spilled[-_RUNS_TO_MERGE:]
            self._spilled = [*self._spilled[:-_RUNS_TO_MERGE], _SpilledRun(self._folder, _merge_runs(alike))]

    def _ends_with_alike_runs(self) -> bool:
        lengths = [run.length for run in self._spilled[-_RUNS_TO_MERGE:]]
        return len(lengths) == _RUNS_TO_MERGE and max(lengths) < 2 * min(lengths)

    def _add_to_filter(self, run: UInts) -> None:
        """Add the last run; numbers that a full filter has are read again for one that is twice as large."""
        if self._filter is not None and self._filter.has_room(len(run)):
            self._filter.add(run)
            return
        # The old one is not needed any more, unless a copy has it.
        self._filter = None
        larger = _BloomFilter(2 * sum(each.length for each in self._spilled))
        for each in self._spilled:
            for numbers in each.read_all():
                larger.add(numbers)
        self._filter = larger

    def _count_spilled(self, numbers: npt.NDArray[Any]) -> Ints:
        wanted, places = np.unique(numbers, return_inverse=True)
        counts = np.zeros(len(wanted), dtype=np.int64)
        for run in self._spilled:
            counts += run.count(wanted)
        return counts[places]


class _SpilledRun:
    """Sorted numbers in a temporary file without a name, closed when the last copy that has it is gone."""

    def __init__(self, folder: Path, pieces: Iterable[UInts]) -> None:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- lives as long as this object
        self._file: IO[bytes] = file
        weakref.finalize(self, file.close)
        # Chunks are numbered in one thread and remembered in another.
        self._lock = threading.Lock()
        self.length = 0
        starts = []
        for piece in pieces:
            first = -self.length % _BLOCK_NUMBERS
            starts.append(piece[first::_BLOCK_NUMBERS].copy())
            self.length += len(piece)
            for at in range(0, len(piece), _MERGED_AT_ONCE):
                file.write(piece[at : at + _MERGED_AT_ONCE].tobytes())
        file.flush()
        self._block_starts = np.concatenate(starts)

    def count(self, wanted: UInts) -> Ints:
        """Return how often each of some sorted numbers is in the run."""
        # A number can begin in the block before the one that begins with it, and span several.
        first = np.maximum(np.searchsorted(self._block_starts, wanted, side="left") - 1, 0)
        last = np.maximum(np.searchsorted(self._block_starts, wanted, side="right") - 1, 0)
        counts = np.zeros(len(wanted), dtype=np.int64)
        for block_range, places in self._reads(first, last):
            numbers = self._read_blocks(*block_range)
            some = wanted[places]
            counts[places] = np.searchsorted(numbers, some, side="right") - np.searchsorted(numbers, some)
        return counts

    def read_all(self) -> Iterator[UInts]:
        """Yield all numbers, a piece at a time."""
        for start in range(0, self.length, _MERGED_AT_ONCE):
            yield self.read(start, min(start + _MERGED_AT_ONCE, self.length))

    def read(self, start: int, stop: int) -> UInts:
        """Return the numbers from one position to another."""
        with self._lock:
            self._file.seek(start * _BYTES_PER_NUMBER)
            return np.frombuffer(self._file.read((stop - start) * _BYTES_PER_NUMBER), dtype=np.uint64)

    def _reads(self, first: Ints, last: Ints) -> Iterator[tuple[tuple[int, int], slice]]:
        """Yield ranges of blocks to read, each with the numbers to look for there."""
        blocks = len(self._block_starts)
        if len(first) > _SHARE_OF_BLOCKS * blocks:
            # All of the run, and not all at once.
            step = max(_MERGED_AT_ONCE // _BLOCK_NUMBERS, 1)
            for start in range(0, blocks, step):
                places = slice(*np.searchsorted(first, [start, start + step]).tolist())
                if places.start < places.stop:
                    yield (start, max(int(last[places].max()), start)), places
            return
        start = 0
        while start < len(first):
            stop = start + 1
            while stop < len(first) and first[stop] <= last[stop - 1]:
                stop += 1
            yield (int(first[start]), int(last[stop - 1])), slice(start, stop)
            start = stop

    def _read_blocks(self, first: int, last: int) -> UInts:
        return self.read(first * _BLOCK_NUMBERS, min((last + 1) * _BLOCK_NUMBERS, self.length))


def _merge_runs(runs: Sequence[_SpilledRun]) -> Iterator[UInts]:
    """Yield the numbers of several runs in order, a piece at a time."""
    positions = [0] * len(runs)
    share = max(_MERGED_AT_ONCE // len(runs), 1)
    waiting: list[UInts] = [np.empty(0, dtype=np.uint64)] * len(runs)
    while True:
        for at, run in enumerate(runs):
            if not len(waiting[at]) and positions[at] < run.length:
                stop = min(positions[at] + share, run.length)
                waiting[at], positions[at] = run.read(positions[at], stop), stop
        unread = [waiting[at][-1] for at, run in enumerate(runs) if positions[at] < run.length]
        if not unread:
            yield np.sort(np.concatenate(waiting), kind="stable")
            return
        # Whatever is read later is at least as large.
        bound = min(unread)
        cuts = [int(np.searchsorted(each, bound, side="right")) for each in waiting]
        yield np.sort(np.concatenate([each[:cut] for each, cut in zip(waiting, cuts, strict=True)]), kind="stable")
        waiting = [each[cut:] for each, cut in zip(waiting, cuts, strict=True)]


class _BloomFilter:
    """Says of numbers that they were not added, or that they may have been; wrong for about one in a hundred.

    All bits of a number are in one word of 64: one place in memory to look at.
    """

    def __init__(self, capacity: int) -> None:
        self._count = 0
        log2 = max((capacity * _LEAST_BITS_PER_NUMBER // _WORD_BITS).bit_length(), 1)
        self._shift = np.uint64(64 - log2)
        self._words = np.zeros(2**log2, dtype=np.uint64)

    def has_room(self, count: int) -> bool:
        """Return whether so many numbers can be added."""
        return (self._count + count) * _LEAST_BITS_PER_NUMBER <= len(self._words) * _WORD_BITS

    def add(self, numbers: UInts) -> None:
        """Add numbers."""
        self._count += len(numbers)
        for start in range(0, len(numbers), _FILTERED_AT_ONCE):
            words, bits = self._places(numbers[start : start + _FILTERED_AT_ONCE])
            np.bitwise_or.at(self._words, words, bits)

    def may_contain(self, numbers: npt.NDArray[Any]) -> Bools:
        """Return which numbers may have been added."""
        words, bits = self._places(numbers)
        return np.asarray(self._words[words] & bits == bits)

    def _places(self, numbers: npt.NDArray[Any]) -> tuple[Ints, UInts]:
        """Return the word of each number, and its bits there."""
        mixed = numbers.astype(np.uint64) * _FILTER_MIXERS[0]
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _FILTER_MIXERS[1]
        words = (mixed >> self._shift).astype(np.int64)
        # The last bits of a product depend on few bits of its factors.
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _FILTER_MIXERS[0]
        bits = np.zeros(len(numbers), dtype=np.uint64)
        for number in range(_BITS_SET):
            place = (mixed >> np.uint64(64 - 6 * (number + 1))) & np.uint64(63)
            bits |= np.uint64(1) << place
        return words, bits
