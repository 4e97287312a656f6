"""Dask: partitions become tasks; answers come back aligned with the frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd

from cio_frames.engines.engine import AnswerFiles, Found, TaskItem, count_combinations
from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import read_answer_files


class DaskEngine:
    """A Dask frame; tasks run on the cluster of the current client, or in threads of this process."""

    name = "Dask"
    keeps_order = True
    frame_type = dd.DataFrame
    labels_not_kept: Collection[str] = ()

    def __init__(self, frame: dd.DataFrame) -> None:
        self._frame = frame
        self.labels: list[Any] = list(frame.columns)
        self.partition_hint = int(frame.npartitions)

    def over_partitions(self, function: Callable[[Iterator[pd.DataFrame], int], Found]) -> list[Found]:
        """Run a function on each partition and its number."""
        run = dask.delayed(partial(_on_dask_partition, function), pure=False)
        tasks = [run(part, number) for number, part in enumerate(self._frame.to_delayed())]
        return list(dask.compute(*tasks))

    def over_items(self, function: Callable[[TaskItem], Found], items: Sequence[TaskItem]) -> list[Found]:
        """Run a function on each item, each in a task."""
        run = dask.delayed(function, pure=False)
        return list(dask.compute(*[run(item) for item in items]))

    def read_answers(self, store: RunStore, files: AnswerFiles) -> dd.DataFrame:
        """Return the answers under the index of the frame, in its partitions.

        The frame may have been cut otherwise when it was sent: then answers are in the partitions of that time.
        """
        names = [self._frame.index.name]
        meta = _aligned(names, read_answer_files(store, files.groups[0]).iloc[:0])
        if files.is_exchanged:
            parts = self._return_to_partitions(store, files)
        else:
            parts = [dask.delayed(read_answer_files)(store, group) for group in files.groups]
        aligned = [dask.delayed(partial(_aligned, names))(part) for part in parts]
        is_cut_alike = len(aligned) == self._frame.npartitions
        divisions = self._frame.divisions if is_cut_alike else None
        return dd.from_delayed(aligned, meta=meta, divisions=divisions, verify_meta=False)

    def _return_to_partitions(self, store: RunStore, files: AnswerFiles) -> list[Any]:
        """Return the answers of each partition, by a shuffle of the answers."""
        count = files.partition_count
        answers = dd.from_map(partial(read_answer_files, store), list(files.groups))
        by_partition = answers.set_index("partition", drop=False, divisions=[*range(count), count - 1])
        return list(by_partition.to_delayed())

    def dry_run(self, function: Callable[[pd.DataFrame], pd.DataFrame], keep: Sequence[str]) -> dd.DataFrame:
        """Return what a function makes of each partition, under the index of the frame."""
        columns = {label: pd.Series(dtype=dtype) for label, dtype in self._frame.dtypes.items()}
        index = pd.Index([], dtype=self._frame.index.dtype, name=self._frame.index.name)
        run = partial(_with_kept, function, tuple(keep))
        # With meta, Dask does not call it with rows that it made up.
        return self._frame.map_partitions(run, meta=run(pd.DataFrame(columns, index=index)))

    def count_values(self, labels: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the combinations of cells that columns have in each partition, each with its number of rows."""
        found = self.over_partitions(partial(_count_partition, list(labels)))
        return [row for rows in found for row in rows]


def _on_dask_partition(
    function: Callable[[Iterator[pd.DataFrame], int], Found], part: pd.DataFrame, number: int
) -> Found:
    return function(iter([part]), number)


def _count_partition(labels: list[str], frames: Iterator[pd.DataFrame], partition: int) -> list[tuple[Any, ...]]:
    return [row for frame in frames for row in count_combinations(frame, labels)]


def _with_kept(
    function: Callable[[pd.DataFrame], pd.DataFrame], keep: tuple[str, ...], part: pd.DataFrame
) -> pd.DataFrame:
    return pd.concat([part[list(keep)], function(part)], axis=1) if keep else function(part)


def _aligned(names: list[Any], answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers in the order of their rows under the index that these have."""
    answers = answers.sort_values("row", kind="stable")
    levels = [name for name in answers.columns if str(name).startswith("index_")]
    index = (
        pd.Index(answers[levels[0]]).rename(names[0])
        if len(levels) == 1
        else pd.MultiIndex.from_frame(answers[levels], names=names)
    )
    found = answers.drop(columns=["partition", "row", *levels])
    found.index = index
    return found
