"""Spark: functions run on the batches of partitions through mapInArrow, which Spark Connect has too."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame

from cio_frames.arrow.tables import frame_of_table
from cio_frames.engines.engine import AnswerFiles, Found, TaskItem
from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import read_answer_files
from cio_frames.errors import FrameError

# Where a cluster does not say how many partitions a frame has.
_DEFAULT_PARTITIONS = 64
_MONTHS = ("interval year", "interval month", "interval year to month")
_ANSWER_TYPES = (
    "status string, reason string, warning string, message_id string, bytes bigint, batch bigint, http_status bigint, "
    "attempts bigint, resent boolean"
)


class SparkEngine:
    """A Spark frame."""

    name = "Spark"
    keeps_order = False
    frame_type = DataFrame

    def __init__(self, frame: DataFrame) -> None:
        if frame.isStreaming:
            raise FrameError(
                "df is a streaming Spark frame, which has no end. Send its batches, each with a folder of its own: "
                "frame.writeStream.foreachBatch(lambda batch, number: cio.load(batch, ..., output=f's3://.../{number}'))."
            )
        self._frame = frame
        self.labels = list(frame.columns)
        types = {field.name: field.dataType.simpleString() for field in frame.schema}
        self.labels_not_kept = [label for label, kind in types.items() if "map<" in kind]
        for label, kind in types.items():
            if kind in _MONTHS:
                raise FrameError(
                    f"Column {label!r} has the type {kind}, which Arrow for Python cannot read. Cast it to string, or "
                    "leave it out."
                )

    @property
    def partition_hint(self) -> int:
        """About how many partitions the frame has."""
        try:
            return int(self._frame.rdd.getNumPartitions())
        # Spark Connect has no RDDs.
        except Exception:
            return _DEFAULT_PARTITIONS

    def over_partitions(self, function: Callable[[Iterator[pd.DataFrame], int], Found]) -> list[Found]:
        """Run a function on each partition and its number."""
        run = partial(_on_spark_partition, function, self.labels)
        return _unpickle(self._numbered().mapInArrow(run, "found binary"))

    def _numbered(self) -> DataFrame:
        """Return the frame with names that Spark does not take for an expression, such as those with a dot."""
        return self._frame.toDF(*(f"c{number}" for number in range(len(self.labels))))

    def over_items(self, function: Callable[[TaskItem], Found], items: Sequence[TaskItem]) -> list[Found]:
        """Run a function on each item, each in a task."""
        if not len(items):
            return []
        numbers = self._frame.sparkSession.range(0, len(items), 1, len(items))
        found = _unpickle(numbers.mapInArrow(partial(_on_items, function, list(items)), "found binary"))
        return [each for _, each in sorted(found, key=lambda pair: pair[0])]

    def read_answers(self, store: RunStore, files: AnswerFiles) -> DataFrame:
        """Return the answers, with the columns of ``keep=`` first."""
        kept = list(files.keep)
        numbers = self._frame.sparkSession.range(0, len(files.groups), 1, max(len(files.groups), 1))
        return numbers.mapInArrow(partial(_read_groups, store, files.groups, kept), self._answer_schema(kept))

    def dry_run(self, function: Callable[[pd.DataFrame], pd.DataFrame], keep: Sequence[str]) -> DataFrame:
        """Return what a function makes of the rows."""
        kept = list(keep)
        run = partial(_dry_run, function, self.labels, kept)
        return self._numbered().mapInArrow(run, self._answer_schema(kept))

    def count_values(self, labels: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the combinations of cells that columns have, each with its number of rows."""
        return [tuple(row) for row in self._frame.groupBy(*labels).count().collect()]

    def _answer_schema(self, kept: Sequence[str]) -> Any:
        answers = self._frame.sparkSession.createDataFrame([], _ANSWER_TYPES).schema
        own = {field.name: field for field in self._frame.schema}
        schema = type(answers)([*(own[name] for name in kept), *answers])
        for each in schema:
            each.nullable = True
        return schema


def _unpickle(frame: DataFrame) -> list[Any]:
    return [pickle.loads(bytes(row.found)) for row in frame.collect()]  # noqa: S301 -- of our own tasks


def _pickled(found: object) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([pickle.dumps(found)], pa.binary())], ["found"])


def _frames_of(labels: list[str], batches: Iterator[pa.RecordBatch]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        yield frame_of_table(pa.Table.from_batches([batch]).rename_columns(labels))


def _on_spark_partition(
    function: Callable[[Iterator[pd.DataFrame], int], Found], labels: list[str], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    context = TaskContext.get()
    yield _pickled(function(_frames_of(labels, batches), 0 if context is None else context.partitionId()))


def _on_items(
    function: Callable[[TaskItem], Found], items: list[TaskItem], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield _pickled((number, function(items[number])))


def _read_groups(
    store: RunStore, groups: tuple[tuple[str, ...], ...], kept: list[str], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield from _answer_batches(read_answer_files(store, groups[number]), kept)


def _dry_run(
    function: Callable[[pd.DataFrame], pd.DataFrame],
    labels: list[str],
    kept: list[str],
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    for frame in _frames_of(labels, batches):
        yield from _answer_batches(pd.concat([frame[kept], function(frame)], axis=1), kept)


def _answer_batches(answers: pd.DataFrame, kept: list[str]) -> list[pa.RecordBatch]:
    names = [*kept, *(each.split()[0] for each in _ANSWER_TYPES.split(", "))]
    table = pa.Table.from_pandas(answers[names].astype({"status": "string"}), preserve_index=False)
    text = pa.string()
    schema = pa.schema([each.with_type(text) if pa.types.is_large_string(each.type) else each for each in table.schema])
    batches: list[pa.RecordBatch] = table.replace_schema_metadata(None).cast(schema.remove_metadata()).to_batches()
    return batches
