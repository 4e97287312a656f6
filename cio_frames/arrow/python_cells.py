"""Arrow cells as Python objects, for checks that look into them and for types that only objects can hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Ints
from cio_frames.arrow.extensions import extension_name, is_json_extension, meaning_of, parse_json, storage_of
from cio_frames.arrow.unsupported import (
    REPEATED_KEY,
    TIME_OF_DAY,
    UnsupportedValue,
    extension_not_supported,
    type_not_supported,
)

_PER_MICROSECOND = {"s": 1_000_000, "ms": 1_000, "us": 1}
_MICROSECONDS_PER_DAY = 86_400_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Years 1 to 9999, which Python's dates have.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896


def python_cells(array: pa.Array | pa.ChunkedArray, field: pa.Field | None = None) -> npt.NDArray[np.object_]:
    """Return cells of any Arrow type as Python objects that are sent as the array itself is.

    Maps are dicts; times without a zone and floats are numpy's, which are of their own width. Values without a JSON
    form are :class:`~cio_frames.arrow.unsupported.UnsupportedValue`. The field is that of the array's table or type.

    >>> python_cells(pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64()))).tolist()
    [{'a': 1}, None]
    """
    if isinstance(array, pa.ChunkedArray):
        chunks = [python_cells(chunk, field) for chunk in array.chunks]
        return np.concatenate([*chunks, np.empty(0, dtype=object)])
    found = np.empty(len(array), dtype=object)
    # One by one: numpy would make a two-dimensional array of lists of equal length.
    for row, cell in zip(_valid_rows(array), _valid_cells(array, field), strict=True):
        found[row] = cell
    return found


def _valid_rows(array: pa.Array) -> list[int]:
    kind = array.type
    if pa_types.is_union(kind):
        # Unions have no nulls of their own.
        return [row for row, cell in enumerate(array) if cell.as_py() is not None]
    if pa_types.is_run_end_encoded(kind):
        runs = np.zeros(len(array.values), dtype=bool)
        runs[_valid_rows(array.values)] = True
        valid = runs[run_positions(array)]
    elif pa_types.is_dictionary(kind):
        known = np.zeros(len(array.dictionary), dtype=bool)
        known[_valid_rows(array.dictionary)] = True
        valid = np.append(known, [False])[dictionary_codes(array)]
    else:
        valid = np.asarray(array.is_valid())
    return np.flatnonzero(valid).tolist()


def _valid_cells(array: pa.Array, field: pa.Field | None) -> Iterator[Any]:
    """Yield the cells that are not null."""
    kind = array.type
    name = extension_name(kind, field)
    if name is not None:
        yield from _extension_cells(array, name)
    elif pa_types.is_union(kind) or pa_types.is_interval(kind):
        reason = type_not_supported(kind)
        yield from (UnsupportedValue(reason, str(cell)) for cell in array.to_pylist() if cell is not None)
    elif pa_types.is_run_end_encoded(kind):
        cells = python_cells(array.values)[run_positions(array)]
        yield from cells[_valid_rows(array)]
    elif pa_types.is_dictionary(kind):
        yield from python_cells(array.dictionary)[dictionary_codes(array)[_valid_rows(array)]]
    elif pa_types.is_struct(kind):
        columns = [(member.name, python_cells(array.field(place), member)) for place, member in enumerate(kind)]
        for row in _valid_rows(array):
            yield _as_dict([(label, cells[row]) for label, cells in columns])
    elif pa_types.is_map(kind):
        names, items, lengths = map_entries(array)
        keys = [_hashable_key(key) for key in python_cells(names, kind.key_field)]
        values = python_cells(items, kind.item_field)
        stops = np.cumsum(lengths).tolist()
        for row in _valid_rows(array):
            place = slice(stops[row] - int(lengths[row]), stops[row])
            yield _as_dict(list(zip(keys[place], values[place], strict=True)))
    elif pa_types.is_nested(kind):
        values, lengths = list_parts(array)
        members = python_cells(values, kind.value_field)
        stops = np.cumsum(lengths).tolist()
        for row in _valid_rows(array):
            yield list(members[stops[row] - int(lengths[row]) : stops[row]])
    else:
        yield from _flat_cells(array.drop_null())


def _flat_cells(present: pa.Array) -> Iterator[Any]:
    kind = present.type
    if pa_types.is_timestamp(kind) and kind.tz is not None:
        yield from _zoned_times(present)
    elif pa_types.is_timestamp(kind) or pa_types.is_duration(kind):
        yield from present.to_numpy(zero_copy_only=False)
    elif pa_types.is_date(kind):
        yield from _dates(present)
    elif pa_types.is_time(kind):
        yield from _times_of_day(present)
    elif pa_types.is_floating(kind):
        yield from present.to_numpy(zero_copy_only=False)
    else:
        yield from present.to_pylist()


def _extension_cells(array: pa.Array, name: str) -> Iterator[Any]:
    storage = storage_of(array).drop_null()
    convert = meaning_of(name, array.type)
    if is_json_extension(name, array.type):
        yield from map(parse_json, storage.to_pylist())
    elif convert is not None:
        yield from _flat_cells(convert(storage))
    else:
        reason = extension_not_supported(name)
        yield from (UnsupportedValue(reason, _storage_text(cell)) for cell in storage.to_pylist())


def _storage_text(cell: Any) -> str:
    return cell.hex() if isinstance(cell, bytes) else str(cell)


def _zoned_times(times: pa.Array) -> Iterator[Any]:
    """Yield times with a zone, without what is finer than Python's times; numpy's for years that Python lacks."""
    counts = times.cast(pa.int64()).to_numpy()
    unit = times.type.unit
    for count, moment in zip(counts.tolist(), times.to_numpy(zero_copy_only=False), strict=True):
        microseconds = count // 1_000 if unit == "ns" else count * _PER_MICROSECOND[unit]
        is_known = _FIRST_DAY <= microseconds // _MICROSECONDS_PER_DAY <= _LAST_DAY
        yield _EPOCH + dt.timedelta(microseconds=microseconds) if is_known else moment


def _dates(dates: pa.Array) -> Iterator[Any]:
    days = dates.cast(pa.date32(), safe=False).cast(pa.int32()).to_numpy().tolist()
    for day in days:
        is_known = _FIRST_DAY <= day <= _LAST_DAY
        yield dt.date(1970, 1, 1) + dt.timedelta(day) if is_known else np.datetime64(day, "D")


def _times_of_day(times: pa.Array) -> Iterator[Any]:
    """Yield times of day; pyarrow itself would turn 24:00 into 00:00."""
    unit, bits = times.type.unit, times.type.bit_width
    for count in times.view(pa.int32() if bits == 32 else pa.int64()).to_pylist():
        microseconds = count // 1_000 if unit == "ns" else count * _PER_MICROSECOND[unit]
        if 0 <= microseconds < _MICROSECONDS_PER_DAY:
            yield (_EPOCH + dt.timedelta(microseconds=microseconds)).time()
        else:
            yield UnsupportedValue(TIME_OF_DAY, f"{count} {unit}", "time_of_day")


def _as_dict(pairs: list[tuple[Any, Any]]) -> Any:
    found = dict(pairs)
    return found if len(found) == len(pairs) else UnsupportedValue(REPEATED_KEY, str(pairs), "duplicate_key")


def _hashable_key(cell: Any) -> Any:
    return cell if isinstance(cell, Hashable) else str(cell)


def dictionary_codes(array: pa.DictionaryArray) -> Ints:
    """Return for each row which value of the dictionary it has, -1 for null.

    >>> dictionary_codes(pa.array(["a", None, "a"]).dictionary_encode()).tolist()
    [0, -1, 0]
    """
    codes = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), -1))
    # Inside of a null struct the code may be anything.
    return np.where(codes < len(array.dictionary), codes, -1)


def run_positions(array: pa.Array) -> Ints:
    """Return for each row of a run-end-encoded array which of its values it has.

    >>> run_positions(pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"]))).tolist()
    [0, 0, 1]
    """
    ends = np.asarray(array.run_ends).astype(np.int64)
    positions: Ints = np.searchsorted(ends, array.offset + np.arange(len(array)), side="right")
    return positions


def list_parts(array: pa.Array) -> tuple[pa.Array, Ints]:
    """Return the items of all lists one after the other, and how many each has; null lists have none.

    >>> items, lengths = list_parts(pa.array([[1, 2], None, [3]]))
    >>> items.to_pylist(), lengths.tolist()
    ([1, 2, 3], [2, 0, 1])
    """
    if hasattr(array, "sizes"):
        # A list view: pyarrow before 20 cannot count its items otherwise.
        counts = np.asarray(array.sizes)[: len(array)]
    else:
        counts = np.asarray(pc.fill_null(pc.list_value_length(array), 0))
    return array.flatten(), np.where(np.asarray(array.is_null()), 0, counts).astype(np.int64)


def map_entries(array: pa.MapArray) -> tuple[pa.Array, pa.Array, Ints]:
    """Return the keys and the items of all maps one after the other, and how many entries each has.

    >>> keys, items, lengths = map_entries(pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())))
    >>> keys.to_pylist(), items.to_pylist(), lengths.tolist()
    (['a'], [1], [1, 0])
    """
    # Not by a cast: of an array that does not begin where its buffers begin, pyarrow makes an invalid one.
    entries = array.values
    kind = pa.list_(pa.field("entries", entries.type, nullable=False))
    pairs = pa.Array.from_buffers(kind, len(array), array.buffers()[:2], offset=array.offset, children=[entries])
    members, lengths = list_parts(pairs)
    return members.field(0), members.field(1), lengths
