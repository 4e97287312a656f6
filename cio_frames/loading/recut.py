"""Frames of any size as chunks of one size: many small ones together, a large one in parts.

What a chunk costs hardly depends on its rows, and what a kill leaves in doubt does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from cio_frames.loading.source import Chunk


def recut_frames(frames: Iterable[pd.DataFrame], chunk_rows: int) -> Iterator[Chunk]:
    """Yield the rows of frames as chunks.

    A chunk has the rows of several frames only if they have the same columns with the same types: what a cell is sent
    as depends on the type of its column. If reading fails, the rows before that come first.

    Parameters
    ----------
    frames : iterable of pandas.DataFrame
        With plain types.
    chunk_rows : int
        The most rows of a chunk.

    Examples
    --------
    >>> frames = [pd.DataFrame({"n": range(start, start + 3)}) for start in (0, 3, 6)]
    >>> [(chunk.frame["n"].tolist(), chunk.first_row, chunk.frame_number) for chunk in recut_frames(frames, 4)]
    [([0, 1, 2, 3], 0, 0), ([4, 5, 6, 7], 4, 1), ([8], 8, 2)]
    """
    cutter = _ChunkCutter(chunk_rows)
    try:
        for number, frame in enumerate(frames):
            yield from cutter.add(number, frame)
    except Exception:
        yield from cutter.rest(is_cut_short=True)
        raise
    yield from cutter.rest()


class _ChunkCutter:
    """Collects rows until there are enough for a chunk."""

    def __init__(self, chunk_rows: int) -> None:
        self._chunk_rows = chunk_rows
        self._number = 0
        self._first_row = 0
        self._waiting: list[pd.DataFrame] = []
        self._rows = 0
        # The frame that the first waiting row is from.
        self._frame_number = 0
        self._empty: pd.DataFrame | None = None

    def add(self, number: int, frame: pd.DataFrame) -> Iterator[Chunk]:
        """Yield the chunks that are full with the rows of one more frame."""
        if not len(frame):
            self._empty = frame if self._empty is None else self._empty
            return
        if self._waiting and not _have_same_types(self._waiting[-1], frame):
            yield self._cut()
        start = 0
        while start < len(frame):
            if not self._waiting:
                self._frame_number = number
            count = min(self._chunk_rows - self._rows, len(frame) - start)
            self._waiting.append(frame if count == len(frame) else frame.iloc[start : start + count])
            self._rows += count
            start += count
            if self._rows == self._chunk_rows:
                yield self._cut()

    def rest(self, *, is_cut_short: bool = False) -> Iterator[Chunk]:
        """Yield the rows that wait; of frames that are all empty, the first one."""
        if self._waiting:
            yield self._cut(is_cut_short=is_cut_short)
        elif not self._number and self._empty is not None:
            yield Chunk(0, self._empty, None, 0)

    def _cut(self, *, is_cut_short: bool = False) -> Chunk:
        waiting, rows = self._waiting, self._rows
        frame = waiting[0] if len(waiting) == 1 else pd.concat(waiting, ignore_index=True)
        chunk = Chunk(
            self._number, frame, None, self._first_row, frame_number=self._frame_number, is_cut_short=is_cut_short
        )
        self._waiting, self._rows = [], 0
        self._number += 1
        self._first_row += rows
        return chunk


def _have_same_types(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return (
        one.columns.is_unique
        and one.columns.equals(other.columns)
        and list(map(type, one.columns)) == list(map(type, other.columns))
        and one.dtypes.tolist() == other.dtypes.tolist()
    )
