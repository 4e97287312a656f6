"""The buffers of Arrow text arrays: their bytes and offsets without a copy, and slices that pyarrow reads wrongly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints

# One type for all text: 64-bit offsets, since a slice of calls can hold more than 2 GB.
TEXT = pa.large_string()

_MISREADS_SLICES = int(pa.__version__.split(".")[0]) < 24


def content_bytes(array: pa.Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of a text array, without a copy.

    >>> bytes(content_bytes(pa.array(["ab", "c"], TEXT)))
    b'abc'
    """
    offsets = offsets_of(array)
    content = array.buffers()[2]
    if content is None:
        return np.empty(0, dtype=np.uint8)
    return np.frombuffer(content, dtype=np.uint8)[offsets[0] : offsets[-1]]


def offsets_of(array: pa.Array) -> Ints:
    """Return where each text of an array starts in its buffer, and where the last one ends.

    >>> offsets_of(pa.array(["ab", "c"], TEXT)).tolist()
    [0, 2, 3]
    """
    if len(array) == 0:
        return np.zeros(1, dtype=np.int64)
    offsets: Ints = np.frombuffer(array.buffers()[1], dtype=np.int32 if pa.types.is_string(array.type) else np.int64)
    return offsets[array.offset : array.offset + len(array) + 1]


def unsliced(array: pa.Array) -> pa.Array:
    """Return an array that begins where its buffers begin, for versions of pyarrow that misread other arrays.

    Before version 24, ``if_else`` writes wrong bytes into text that is a slice of a longer array, without an error.

    >>> unsliced(pa.array(["a", "b"]).slice(1)).to_pylist()
    ['b']
    """
    return pa.concat_arrays([array]) if array.offset and _MISREADS_SLICES else array


def fixed_width_text(text: npt.NDArray[np.void], missing: Bools) -> pa.Array:
    """Return texts of equally many bytes as an Arrow array.

    >>> fixed_width_text(np.array([b"ab", b"cd"], dtype="V2"), np.array([False, True])).to_pylist()
    ['ab', None]
    """
    count, width = len(text), text.itemsize
    offsets = pa.py_buffer(np.arange(0, (count + 1) * width, width, dtype=np.int64)[: count + 1])
    validity = pa.array(~missing).buffers()[1] if missing.any() else None
    return pa.LargeStringArray.from_buffers(count, offsets, pa.py_buffer(text), validity)
