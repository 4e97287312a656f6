"""Occurrence numbers for loads of any size: what was seen is on disk, and hardly ever read again.

A load numbers calls that look the same, so it has to know every call that it has sent. In memory, 64 bits each would be
800 MB for 100,000,000 calls. Here they are in sorted runs in a temporary file. A Bloom filter, two bytes for each call,
says of nearly every new call that it was not seen, so that the runs are read for those that were, and for a few by
mistake.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from cio_frames._util.arrays import Bools, Ints
from cio_frames.pipeline.message_ids import Seen

# Numbers of one run, 32 MB of them.
RUN_NUMBERS = 4_000_000
# Of each run the first number of each block is kept in memory.
_BLOCK_NUMBERS = 512
_BYTES_PER_NUMBER = 8
_BITS_PER_NUMBER = 16
_PROBES = 3
# If so large a share of the blocks would be read, the whole run is.
_SHARE_OF_BLOCKS = 0.25
# Odd 64-bit numbers whose products are spread evenly.
_FILTER_MIXERS = tuple(np.uint64(each) for each in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class SpillingSeen(Seen):
    """Counts earlier occurrences of numbers that arrive a slice at a time, with most of them on disk.

    Numbers that are added are remembered for good, and spilled; numbers that are counted are remembered in memory, so
    that a copy of it can be used for a chunk, and thrown away.

    Parameters
    ----------
    folder : Path
        Where to put the temporary file; it has no name, and vanishes with the process.
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
        self._spilled: list[_SpilledRun] = []
        self._filters: list[_BloomFilter] = []
        self._file: _RunFile | None = None

    def before(self, numbers: npt.NDArray[Any]) -> Ints:
        """Return how often each number occurred before, and remember them all in memory."""
        counts = super().before(numbers)
        if self._spilled:
            may_be_known = np.flatnonzero(self._may_contain(numbers))
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
        other._spilled, other._filters, other._file = self._spilled, self._filters, self._file
        return other

    def _spill(self) -> None:
        """Write what is in memory as one run."""
        run = np.sort(np.concatenate(self._runs)).astype(np.uint64)
        self._runs = []
        if self._file is None:
            self._file = _RunFile(self._folder)
        start = self._file.append(run)
        # Not appended: a copy keeps the list that it has.
        self._spilled = [*self._spilled, _SpilledRun(self._file, start, len(run), run[::_BLOCK_NUMBERS].copy())]
        if not self._filters or not self._filters[-1].has_room(len(run)):
            # Each is twice as large as the one before, so that there are few of them.
            capacity = max(2 * self._filters[-1].capacity if self._filters else 0, len(run))
            self._filters = [*self._filters, _BloomFilter(capacity)]
        self._filters[-1].add(run)

    def _may_contain(self, numbers: npt.NDArray[Any]) -> Bools:
        found = self._filters[0].may_contain(numbers)
        for each in self._filters[1:]:
            found |= each.may_contain(numbers)
        return found

    def _count_spilled(self, numbers: npt.NDArray[Any]) -> Ints:
        wanted, places = np.unique(numbers, return_inverse=True)
        counts = np.zeros(len(wanted), dtype=np.int64)
        for run in self._spilled:
            counts += run.count(wanted)
        return counts[places]


class _RunFile:
    """A temporary file of numbers without a name, which copies share; closed when the last of them is gone."""

    def __init__(self, folder: Path) -> None:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- lives as long as this object
        self._file: IO[bytes] = file
        # Chunks are numbered in one thread and remembered in another.
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)

    def append(self, numbers: npt.NDArray[np.uint64]) -> int:
        """Write numbers to the end, and return where they begin."""
        with self._lock:
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(numbers.tobytes())
            self._file.flush()
        return start

    def read(self, start: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)


class _SpilledRun:
    """Sorted numbers in a file."""

    def __init__(self, file: _RunFile, start: int, length: int, block_starts: npt.NDArray[np.uint64]) -> None:
        self._file = file
        self._start = start
        self._length = length
        self._block_starts = block_starts

    def count(self, wanted: npt.NDArray[np.uint64]) -> Ints:
        """Return how often each of some sorted numbers is in the run."""
        # A number can begin in the block before the one that begins with it, and go on over several.
        first = np.maximum(np.searchsorted(self._block_starts, wanted, side="left") - 1, 0)
        last = np.maximum(np.searchsorted(self._block_starts, wanted, side="right") - 1, 0)
        counts = np.zeros(len(wanted), dtype=np.int64)
        for block_range, places in self._reads(first, last):
            numbers = self._read(*block_range)
            some = wanted[places]
            counts[places] = np.searchsorted(numbers, some, side="right") - np.searchsorted(numbers, some)
        return counts

    def _reads(self, first: Ints, last: Ints) -> Iterator[tuple[tuple[int, int], slice]]:
        """Yield ranges of blocks to read, each with the numbers to look for there."""
        if len(first) > _SHARE_OF_BLOCKS * len(self._block_starts):
            yield (0, len(self._block_starts) - 1), slice(0, len(first))
            return
        start = 0
        while start < len(first):
            stop = start + 1
            while stop < len(first) and first[stop] <= last[stop - 1]:
                stop += 1
            yield (int(first[start]), int(last[stop - 1])), slice(start, stop)
            start = stop

    def _read(self, first: int, last: int) -> npt.NDArray[np.uint64]:
        start, stop = first * _BLOCK_NUMBERS, min((last + 1) * _BLOCK_NUMBERS, self._length)
        place, size = self._start + start * _BYTES_PER_NUMBER, (stop - start) * _BYTES_PER_NUMBER
        return np.frombuffer(self._file.read(place, size), dtype=np.uint64)


class _BloomFilter:
    """Says of numbers that they were not added, or that they may have been; wrong for one in two hundred."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._count = 0
        self._log2 = max((capacity * _BITS_PER_NUMBER - 1).bit_length(), 6)
        self._bits = np.zeros(2 ** (self._log2 - 3), dtype=np.uint8)

    def has_room(self, count: int) -> bool:
        return self._count + count <= self.capacity

    def add(self, numbers: npt.NDArray[np.uint64]) -> None:
        self._count += len(numbers)
        for places in self._places(numbers):
            np.bitwise_or.at(
                self._bits, places >> np.uint64(3), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
            )

    def may_contain(self, numbers: npt.NDArray[Any]) -> Bools:
        found = np.ones(len(numbers), dtype=bool)
        for places in self._places(numbers):
            bits = self._bits[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8)
            found &= (bits & 1).astype(bool)
        return found

    def _places(self, numbers: npt.NDArray[Any]) -> Iterator[npt.NDArray[np.uint64]]:
        for mixer in _FILTER_MIXERS[:_PROBES]:
            mixed = numbers.astype(np.uint64) * mixer
            yield (mixed ^ (mixed >> np.uint64(32))) * mixer >> np.uint64(64 - self._log2)
