"""What a call needs of an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pandas as pd

from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import read_answer_files
from cio_frames.errors import CioFramesError

TaskItem = TypeVar("TaskItem")
Found = TypeVar("Found")


class Engine(Protocol):
    """An engine with a frame.

    Attributes
    ----------
    name : str
        Its name in texts.
    keeps_order : bool
        Whether rows and partitions have an order.
    labels : list of str
        The columns of the frame.
    partition_hint : int
        About how many partitions the frame has.
    labels_not_kept : collection of str
        The columns that answers cannot repeat.
    """

    name: str
    keeps_order: bool
    labels: list[str]
    partition_hint: int
    labels_not_kept: Collection[str]

    def over_partitions(self, function: Callable[[Iterator[pd.DataFrame], int], Found]) -> list[Found]:
        """Run a function on the rows of each partition and its number; a worker that dies makes it run again."""

    def over_items(self, function: Callable[[TaskItem], Found], items: Sequence[TaskItem]) -> list[Found]:
        """Run a function on each item, on workers, all at once if there are enough of them."""

    def read_answers(self, store: RunStore, files: AnswerFiles) -> Any:
        """Return the answers as a frame of the engine; to read them sends nothing."""

    def dry_run(self, function: Callable[[pd.DataFrame], pd.DataFrame], keep: Sequence[str]) -> Any:
        """Return what a function that sends nothing makes of the rows, as a frame of the engine."""

    def count_values(self, labels: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the combinations of cells that columns of the frame have, each with its number of rows at the end."""


@dataclass(frozen=True, slots=True)
class AnswerFiles:
    """The files with the answers of a run.

    Attributes
    ----------
    groups : tuple of tuple of str
        The files of each partition; where rows were exchanged, those of each bucket.
    is_exchanged : bool
        Whether each group has rows of many partitions.
    keep : tuple of str
        The columns of the frame that answers repeat.
    partition_count : int
        How many partitions the frame had when it was staged.
    """

    groups: tuple[tuple[str, ...], ...]
    is_exchanged: bool
    keep: tuple[str, ...] = ()
    partition_count: int = 0


@dataclass(frozen=True, slots=True)
class TaskError:
    """An error of ours in a task, as a value: an engine would run a task that raises again, up to four times."""

    error: CioFramesError


def catch_errors(function: Callable[..., Found], *values: Any) -> Found | TaskError:
    """Return what a function returns, or its error if it is one of this package.

    >>> from cio_frames.errors import FrameError
    >>> def refuse(value):
    ...     raise FrameError("No.")
    >>> catch_errors(refuse, 1)
    TaskError(error=FrameError('No.'))
    """
    try:
        return function(*values)
    except CioFramesError as error:
        return TaskError(error)


def raise_first(found: Sequence[Found | TaskError]) -> list[Found]:
    """Return what tasks returned; raise the first error.

    >>> raise_first([1, 2])
    [1, 2]
    """
    for each in found:
        if isinstance(each, TaskError):
            raise each.error
    return list(found)  # type: ignore[arg-type]


class LocalEngine:
    """Frames of this process, one for each partition; for tests, and where a part of a run has no workers."""

    name = "local"
    keeps_order = True
    labels_not_kept: Collection[str] = ()

    def __init__(self, frames: Sequence[pd.DataFrame] = ()) -> None:
        self._frames = frames
        self.labels = list(frames[0].columns) if frames else []
        self.partition_hint = len(frames)

    def over_partitions(self, function: Callable[[Iterator[pd.DataFrame], int], Found]) -> list[Found]:
        """Run a function on each frame."""
        return [function(iter([frame]), number) for number, frame in enumerate(self._frames)]

    def over_items(self, function: Callable[[TaskItem], Found], items: Sequence[TaskItem]) -> list[Found]:
        """Run a function on each item, in threads."""
        pool = ThreadPoolExecutor(max(min(len(items), MAX_THREADS), 1))
        try:
            return list(pool.map(function, items))
        finally:
            # After Ctrl-C, whoever started the threads tells them to end: they are not waited for before.
            pool.shutdown(wait=False, cancel_futures=True)

    def read_answers(self, store: RunStore, files: AnswerFiles) -> pd.DataFrame:
        """Return the answers of all rows, in the order of their partitions."""
        found = pd.concat([read_answer_files(store, names) for names in files.groups])
        return found.sort_values(["partition", "row"], kind="stable", ignore_index=True)

    def dry_run(self, function: Callable[[pd.DataFrame], pd.DataFrame], keep: Sequence[str]) -> pd.DataFrame:
        """Return what a function makes of all rows."""
        return pd.concat([function(frame) for frame in self._frames], ignore_index=True)

    def count_values(self, labels: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the combinations of cells that columns have, each with its number of rows."""
        return count_combinations(pd.concat(self._frames), labels)


def count_combinations(frame: pd.DataFrame, labels: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the combinations of cells that columns of a frame have, each with its number of rows at the end.

    >>> count_combinations(pd.DataFrame({"status": ["ready", "ready"], "reason": [None, None]}), ["status", "reason"])
    [('ready', None, 2)]
    """
    cells = frame[list(labels)].astype("string")
    counted = cells.groupby(list(labels), dropna=False, sort=False).size()
    found = counted.rename("rows").reset_index().astype(object)
    return [tuple(None if pd.isna(cell) else cell for cell in row) for row in found.itertuples(index=False)]


# Without an engine, buckets are written so many at a time.
MAX_THREADS = 4
