"""A hash of rows that does not depend on their order: whether a frame holds what a run has sent before."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds
import xxhash

from cio_frames._util.arrays import UInts
from cio_frames.arrow.buffers import TEXT
from cio_frames.pipeline.ordering import person_keys

# Odd 64-bit numbers whose products are spread evenly.
_CONTENT_MIXERS = (np.uint64(0x9FB21C651E98DF25), np.uint64(0xA24BAED4963EE407))
_SHIFT = np.uint64(32)
_NULL = np.uint64(0x51A3F2C96B7D4E17)


def rows_hash(table: pa.Table) -> int:
    """Return the sum of the hashes of a table's rows; sums of parts add up to that of the whole.

    >>> table = pa.table({"id": ["ada", "bob", None], "n": [1, 2, 3]})
    >>> rows_hash(table) == (rows_hash(table[2:]) + rows_hash(table[:2])) % 2**64
    True
    >>> rows_hash(table) == rows_hash(pa.table({"id": ["ada", "bob", None], "n": [1, 3, 2]}))
    False
    """
    total = np.zeros(len(table), dtype=np.uint64)
    for name in sorted(table.column_names):
        salt = np.uint64(xxhash.xxh3_64_intdigest(name.encode()))
        total += _mix_content(_hash_column(table[name].combine_chunks()) ^ salt)
    return int(_mix_content(total + np.uint64(1)).sum(dtype=np.uint64))


def _mix_content(numbers: UInts) -> UInts:
    mixed = (numbers ^ (numbers >> _SHIFT)) * _CONTENT_MIXERS[0]
    return (mixed ^ (mixed >> _SHIFT)) * _CONTENT_MIXERS[1]


def _hash_column(column: pa.Array) -> UInts:
    """Return a number for each cell; equal cells of one type have equal ones."""
    kind = column.type
    missing = np.asarray(column.is_null())
    if kinds.is_boolean(kind) or kinds.is_integer(kind):
        numbers = column.cast(pa.int64(), safe=False).fill_null(0)
    elif kinds.is_floating(kind):
        numbers = pc.fill_null(column.cast(pa.float64()), 0.0).view(pa.int64())
    elif kinds.is_timestamp(kind) or kinds.is_time(kind) or kinds.is_duration(kind) or kinds.is_date(kind):
        numbers = _ticks(column).fill_null(0)
    else:
        numbers = person_keys([_as_text(column, missing)])
    return np.where(missing, _NULL, np.asarray(numbers).astype(np.int64).view(np.uint64))


def _ticks(column: pa.Array) -> pa.Array:
    return column.cast(pa.int32()).cast(pa.int64()) if column.type.bit_width == 32 else column.cast(pa.int64())


def _as_text(column: pa.Array, missing: object) -> pa.Array:
    if kinds.is_string(column.type) or kinds.is_large_string(column.type):
        return column.cast(TEXT)
    # Of nested and rare types, the Python objects hold all of the meaning.
    return pa.array([None if cell is None else repr(cell) for cell in column.to_pylist()], TEXT)
