"""The rows of an engine's frame as files: frozen once as they come, then, if need be, exchanged by person.

Rows are frozen on the worker that has them: the engine computes them once, and whatever happens later reads the same
bytes. An exchange takes two steps more. Each frozen part is split into one Arrow file with a batch for each bucket;
then the batches of one bucket, of all parts, become a staged file, in order. So it depends on no engine's shuffle,
which may change types, or the order of rows.

A staged file has exactly the columns of the frame. Beside it are the positions of its rows: partition, row, the columns
of ``keep=``, and the levels of the index.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cio_frames._util.arrays import Ints
from cio_frames.arrow.normalize import column_of, slice_of
from cio_frames.arrow.tables import frame_of_table
from cio_frames.encoding import EncodeOptions
from cio_frames.encoding.arrays import instants_of
from cio_frames.engines.content import rows_hash
from cio_frames.engines.exchange import Links, bucket_numbers, distinct_pairs, exchange_keys, id_hashes
from cio_frames.engines.staged_columns import concat_staged, is_json_field, staged_column
from cio_frames.engines.store import RunStore
from cio_frames.errors import FrameError, parameter
from cio_frames.pipeline import CallSpec, Prepared
from cio_frames.pipeline.ordering import NOBODY

# What is frozen at a time, and the row groups of staged files: a chunk of a load.
PART_ROWS = 200_000
ASKED, STAGED = "asked.json", "staged.json"
# Columns of the engine beside those of the frame, in files that no load reads.
_POSITION_PREFIX = "_cio_position_"
_INDEX, _ORDER = f"{_POSITION_PREFIX}index_", f"{_POSITION_PREFIX}order_"
_PARTITION, _ROW = f"{_POSITION_PREFIX}partition", f"{_POSITION_PREFIX}row"


@dataclass(frozen=True, slots=True)
class StagePlan:
    """How a frame is staged.

    Attributes
    ----------
    store : RunStore
        Where to.
    call_spec : CallSpec
        The call that the rows will make.
    order_by : tuple of str
        Columns that decide the order of a person's rows; if there are none, it is the order of the frame.
    keep : tuple of str
        Columns that answers repeat.
    buckets : int
        Into how many files people are distributed; 0 if rows stay in the files of their partitions.
    joins_ids : bool
        Whether rows can have several ids.
    part_rows : int
        The most rows of a frozen part.
    """

    store: RunStore
    call_spec: CallSpec
    order_by: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    buckets: int = 0
    joins_ids: bool = False
    part_rows: int = PART_ROWS


@dataclass(frozen=True, slots=True)
class FrozenPart:
    """A part of a partition that was written.

    Attributes
    ----------
    name : str
        Its file in ``frozen/``, or in ``staged/`` if rows are not exchanged.
    partition, rows : int
        Whose rows, and how many.
    content : int
        The hash of its rows.
    pairs : str or None
        The file with the pairs of ids that share a row.
    """

    name: str
    partition: int
    rows: int
    content: int
    pairs: str | None = None


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that is ready to be sent."""

    name: str
    rows: int
    partition: int | None = None

    @property
    def stem(self) -> str:
        """Its name without folder and ending; what is written about it begins with it."""
        return self.name.rpartition("/")[2].removesuffix(".parquet")

    @property
    def positions(self) -> str:
        """The file with the positions of its rows."""
        return f"positions/{self.stem}.parquet"


@dataclass(frozen=True)
class StagedFrame:
    """A frame that is staged as a whole.

    Attributes
    ----------
    files : tuple of StagedFile
        In the order in which one sender sends them.
    partition_count : int
        How many partitions the frame had.
    content : int
        The hash of all rows, whatever their order.
    is_exchanged : bool
        Whether each file has the rows of some people, instead of those of a partition.
    """

    files: tuple[StagedFile, ...]
    partition_count: int
    content: int
    is_exchanged: bool

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(file.rows for file in self.files)

    def to_json(self) -> bytes:
        """Return it for ``staged.json``."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(content: bytes) -> StagedFrame:
        """Read ``staged.json``.

        >>> staged = StagedFrame((StagedFile("staged/part-00000.parquet", 3, 0),), 1, 7, False)
        >>> StagedFrame.from_json(staged.to_json()) == staged
        True
        """
        read = json.loads(content)
        files = tuple(StagedFile(**each) for each in read.pop("files"))
        return StagedFrame(files=files, **read)


def freeze_partition(plan: StagePlan, frames: Iterator[pd.DataFrame], partition: int) -> list[FrozenPart]:
    """Write the rows of one partition; what is returned names the files, and any others are ignored."""
    plan.store.require_reachable(ASKED)
    found = []
    first_row = 0
    for number, frame in enumerate(_cut_frames(frames, plan.part_rows)):
        # A task that is run twice writes other files.
        stem = f"part-{partition:06d}-{number:05d}-{uuid.uuid4().hex[:8]}"
        table = table_of(frame, plan.call_spec.options)
        _require_columns(plan, table.column_names, partition)
        positions = _positions(plan, frame, table, partition, first_row)
        content = rows_hash(table)
        first_row += len(table)
        if plan.buckets:
            name, pairs = _freeze_for_exchange(plan, frame, table, positions, stem)
            found.append(FrozenPart(name, partition, len(table), content, pairs))
            continue
        part = StagedFile(f"staged/{stem}.parquet", len(table), partition)
        _put_staged(plan, part, table, positions)
        found.append(FrozenPart(part.name, partition, len(table), content))
    return found


def _require_columns(plan: StagePlan, labels: Sequence[str], partition: int) -> None:
    for name, needed in (("order_by", plan.order_by), ("keep", plan.keep)):
        missing = [label for label in needed if label not in labels]
        if missing:
            raise FrameError(
                f"{parameter(name)}: column {missing[0]!r} is missing in partition {partition}, although the frame has "
                "it in others. Make all partitions alike. Nothing was sent."
            )


def hash_partition(options: EncodeOptions, frames: Iterator[pd.DataFrame], partition: int) -> int:
    """Return the hash of a partition's rows."""
    return sum(rows_hash(table_of(frame, options)) for frame in _cut_frames(frames, PART_ROWS)) % 2**64


def _cut_frames(frames: Iterator[pd.DataFrame], rows: int) -> Iterator[pd.DataFrame]:
    """Yield small frames together and large ones cut; at least one frame, which may be empty."""
    waiting: list[pd.DataFrame] = []
    count, is_empty = 0, True
    for frame in frames:
        for start in range(0, max(len(frame), 1), rows):
            piece = frame.iloc[start : start + rows]
            if waiting and count + len(piece) > rows:
                yield waiting[0] if len(waiting) == 1 else pd.concat(waiting)
                is_empty, waiting, count = False, [], 0
            if len(piece) or (is_empty and not waiting):
                waiting.append(piece)
                count += len(piece)
    if waiting and (count or is_empty):
        yield waiting[0] if len(waiting) == 1 else pd.concat(waiting)


def table_of(frame: pd.DataFrame, options: EncodeOptions | None = None) -> pa.Table:
    """Return a frame as a table that a Parquet file can hold and from which the same calls are made.

    >>> table_of(pd.DataFrame({"plan": pd.Categorical(["free"]), "n": [1.5]})).to_pydict()
    {'plan': ['free'], 'n': [1.5]}

    Raises
    ------
    FrameError
        A column has cells without a JSON form, or is named twice.
    """
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    fields = []
    for position, label in enumerate(frame.columns):
        if label in columns:
            raise FrameError(f"Column {label!r} occurs twice. Rename one of them, or leave it out.")
        columns[label], field = staged_column(frame.iloc[:, position], options or EncodeOptions())
        fields.append(field)
    return pa.table(list(columns.values()), schema=pa.schema(fields)) if fields else pa.table({})


def _plain_values(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return a column without a dictionary: parts of one frame can have dictionaries of different types."""
    return column.cast(column.type.value_type) if kinds.is_dictionary(column.type) else column


def _positions(plan: StagePlan, frame: pd.DataFrame, table: pa.Table, partition: int, first_row: int) -> pa.Table:
    rows = len(table)
    columns = {
        _PARTITION: pa.array(np.full(rows, partition, dtype=np.int32)),
        _ROW: pa.array(np.arange(first_row, first_row + rows)),
        **{f"{_POSITION_PREFIX}{name}": table[name] for name in plan.keep},
    }
    index = frame.index
    for level in range(index.nlevels):
        columns[f"{_INDEX}{level}"] = _plain_values(pa.array(index.get_level_values(level), from_pandas=True))
    return pa.table(columns)


def _freeze_for_exchange(
    plan: StagePlan, frame: pd.DataFrame, table: pa.Table, positions: pa.Table, stem: str
) -> tuple[str, str | None]:
    """Write a part that is exchanged: split at once if each row has one id, later if ids have to be joined first."""
    for number, label in enumerate(plan.order_by):
        positions = positions.append_column(f"{_ORDER}{number}", _order_values(plan, frame, table, label))
    whole = _side_by_side(table, positions)
    hashes = _hashes_of(plan, table)
    if plan.joins_ids:
        name, pairs = f"frozen/{stem}.parquet", f"pairs/{stem}.parquet"
        plan.store.put_table(pairs, _pairs_table(distinct_pairs(hashes)))
        plan.store.put_table(name, whole)
        return name, pairs
    name = f"frozen/{stem}.arrow"
    _put_split(plan, name, whole, _buckets_of(plan, table, hashes, Links()))
    return name, None


def _buckets_of(plan: StagePlan, table: pa.Table, hashes: Ints, links: Links) -> Ints:
    """Return the bucket of each row; of rows without a person, those that make the same call are in one."""
    keys = exchange_keys(hashes, links)
    nobody = np.flatnonzero(keys == NOBODY)
    if len(nobody):
        prepared = _prepare_unchecked(plan, table.take(pa.array(nobody)))
        digests = [each.digests[:, 1] for each in prepared.slices() if each.digests is not None]
        keys[nobody] = (np.concatenate(digests) >> np.uint64(1)).astype(np.int64)
    return bucket_numbers(keys, plan.buckets)


def _hashes_of(plan: StagePlan, table: pa.Table) -> Ints:
    return id_hashes(_prepare_unchecked(plan, table).person_ids(), len(table))


def _prepare_unchecked(plan: StagePlan, table: pa.Table) -> Prepared:
    # As a load will read it, so that ids are written the same way; rows are checked when they are sent.
    return Prepared(frame_of_table(table), replace(plan.call_spec, schema=None, strict_schema=False))


def _order_values(plan: StagePlan, frame: pd.DataFrame, table: pa.Table, label: str) -> pa.Array:
    column = table[label].combine_chunks()
    is_text = kinds.is_string(column.type) or kinds.is_large_string(column.type)
    if is_text and label == timestamp_label(plan.call_spec, table.column_names):
        # Text of times in several zones does not sort as the times do.
        instants, _ = instants_of(slice_of(column_of(frame[label]), 0, len(frame)), plan.call_spec.options)
        return pa.array(instants.ms, mask=instants.missing | instants.unreadable)
    if kinds.is_nested(column.type) or is_json_field(table.schema.field(label)):
        raise FrameError(
            f"{parameter('order_by', label)} has lists, objects or cells of several types, which have no order. Name a "
            "column of times, numbers or text."
        )
    return column


def timestamp_label(call_spec: CallSpec, labels: Sequence[str]) -> str | None:
    """Return the column with the time of each call, if there is one."""
    label = call_spec.mapping.timestamp
    if label is None:
        return "timestamp" if "timestamp" in labels else None
    return str(label)


def _side_by_side(table: pa.Table, other: pa.Table) -> pa.Table:
    return pa.table([*table.columns, *other.columns], schema=pa.schema([*table.schema, *other.schema]))


def _pairs_table(pairs: Ints) -> pa.Table:
    return pa.table({"one": pairs[:, 0], "other": pairs[:, 1]})


def read_pairs(store: RunStore, name: str) -> Ints:
    """Return the pairs of ids in a file."""
    table = store.read_table(name)
    return np.column_stack([np.asarray(table["one"]), np.asarray(table["other"])])


def put_links(store: RunStore, links: Links) -> str:
    """Write joined ids for the workers that split."""
    store.put_table("links.parquet", pa.table({"id": links.ids, "person": links.persons}))
    return "links.parquet"


def split_part(plan: StagePlan, links_name: str, part: FrozenPart) -> FrozenPart:
    """Split a frozen part whose ids had to be joined first into a batch for each bucket."""
    table = plan.store.read_table(links_name)
    links = Links(np.asarray(table["id"]), np.asarray(table["person"]))
    whole = plan.store.read_table(part.name)
    own = whole.select([name for name in whole.column_names if not name.startswith(_POSITION_PREFIX)])
    name = part.name.replace(".parquet", ".arrow")
    _put_split(plan, name, whole, _buckets_of(plan, own, _hashes_of(plan, own), links))
    return FrozenPart(name, part.partition, part.rows, part.content)


def _put_split(plan: StagePlan, name: str, whole: pa.Table, numbers: Ints) -> None:
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[order], np.arange(plan.buckets + 1))
    grouped = whole.take(pa.array(order))
    batches = (grouped.slice(bounds[each], bounds[each + 1] - bounds[each]) for each in range(plan.buckets))
    plan.store.put_batches(name, batches, whole.schema)


def gather_bucket(plan: StagePlan, parts: Sequence[FrozenPart], bucket: int) -> StagedFile:
    """Write the rows of one bucket from all parts, in order."""
    batches = [plan.store.read_batch(part.name, bucket) for part in parts]
    filled = [batch for batch in batches if len(batch)] or batches[:1]
    whole = concat_staged([pa.Table.from_batches([batch]) for batch in filled], plan.call_spec.options)
    for field in whole.schema:
        if field.name.startswith((_ORDER, _INDEX)) and is_json_field(field):
            what = "A column of " + parameter("order_by") if field.name.startswith(_ORDER) else "The index"
            raise FrameError(f"{what} has different types in different partitions. Convert it to one type.")
    keys = [*(name for name in whole.column_names if name.startswith(_ORDER)), _PARTITION, _ROW]
    # Rows without a value come last.
    order = pc.sort_indices(whole, sort_keys=[(key, "ascending") for key in keys])
    whole = whole.take(order)
    own = [name for name in whole.column_names if not name.startswith(_POSITION_PREFIX)]
    beside = [name for name in whole.column_names if name.startswith(_POSITION_PREFIX) and not name.startswith(_ORDER)]
    staged = StagedFile(f"staged/bucket-{bucket:06d}.parquet", len(whole))
    _put_staged(plan, staged, whole.select(own), whole.select(beside))
    return staged


def _put_staged(plan: StagePlan, staged: StagedFile, table: pa.Table, positions: pa.Table) -> None:
    plan.store.put_table(staged.name, table, row_group_rows=plan.part_rows)
    names = [name.removeprefix(_POSITION_PREFIX) for name in positions.column_names]
    plan.store.put_table(staged.positions, positions.rename_columns(names))
