"""Arrow cells as Python objects, for checks that look into them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types


def python_cells(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.object_]:
    """Return cells of any Arrow type: maps as dicts; times and floats as numpy's, which are of their own width.

    >>> python_cells(pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64()))).tolist()
    [{'a': 1}, None]
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa_types.is_dictionary(array.type):
        array = array.dictionary_decode()
    found = np.empty(len(array), dtype=object)
    # One by one: numpy would make a two-dimensional array of lists of equal length.
    for row, cell in zip(np.flatnonzero(np.asarray(array.is_valid())).tolist(), _valid_cells(array), strict=True):
        found[row] = cell
    return found


def _valid_cells(array: pa.Array) -> Iterator[Any]:
    """Yield the cells that are not null."""
    kind = array.type
    if pa_types.is_struct(kind):
        present = array.drop_null()
        columns = {member.name: python_cells(child) for member, child in zip(kind, present.flatten(), strict=True)}
        yield from ({name: cells[row] for name, cells in columns.items()} for row in range(len(present)))
    elif pa_types.is_map(kind):
        keys, values = [_hashable_key(name) for name in python_cells(array.keys)], python_cells(array.items)
        offsets = array.offsets.to_pylist()
        for row in np.flatnonzero(np.asarray(array.is_valid())).tolist():
            place = slice(offsets[row], offsets[row + 1])
            yield dict(zip(keys[place], values[place], strict=True))
    elif pa_types.is_nested(kind):
        present = array.drop_null()
        members = python_cells(pc.list_flatten(present))
        stops = np.cumsum(np.asarray(pc.list_value_length(present), dtype=np.int64))
        yield from (list(cells) for cells in np.split(members, stops)[:-1])
    elif pa_types.is_timestamp(kind) or pa_types.is_date(kind):
        yield from array.drop_null().to_numpy(zero_copy_only=False)
    elif pa_types.is_floating(kind):
        yield from array.drop_null().to_numpy()
    else:
        yield from array.drop_null().to_pylist()


def _hashable_key(cell: Any) -> Any:
    return cell if isinstance(cell, Hashable) else str(cell)
