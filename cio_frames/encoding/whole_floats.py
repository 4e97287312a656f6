"""JSON of many rows without the fraction of whole floats: ``7.0`` becomes ``7``, all rows at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import TEXT
from cio_frames.arrow.kinds import EXACT_BELOW

_WHOLE_FLOAT = re.compile(rb"[0-9]\.0[],}\n]")
_AFTER_NUMBER = np.zeros(256, dtype=bool)
_AFTER_NUMBER[list(b"],}\n")] = True
# orjson writes numbers of more digits with an exponent.
_MAX_DIGITS = 16


def join_json_rows(rows: Sequence[bytes | None]) -> pa.Array:
    """Return JSON texts of orjson's as an Arrow array, with whole floats below 2**53 as integers, minus zero as 0.

    >>> join_json_rows([b'{"n":7.0,"s":"7.0,"}', None, b"-0.0", b"[9007199254740992.0]"]).to_pylist()
    ['{"n":7,"s":"7.0,"}', None, '0', '[9007199254740992.0]']
    """
    joined = b"\n".join([b"" if row is None else row for row in rows]) + b"\n"
    if not rows or _WHOLE_FLOAT.search(joined) is None:
        return pa.array(rows, pa.large_binary()).cast(TEXT)
    content = np.frombuffer(joined, dtype=np.uint8)
    # JSON has no line breaks outside of text, and orjson escapes those inside.
    ends = np.flatnonzero(content == ord("\n"))
    kept = np.ones(len(content), dtype=bool)
    kept[ends] = False
    _drop_fractions(kept, content, _outside_text(joined, _fractions(content)))
    offsets = np.concatenate([[0], ends - np.searchsorted(np.flatnonzero(~kept), ends)])
    missing = np.array([row is None for row in rows], dtype=bool)
    validity = pa.array(~missing).buffers()[1] if missing.any() else None
    return pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(content[kept]), validity)


def _fractions(content: npt.NDArray[np.uint8]) -> Ints:
    """Return where a point stands before a zero and the end of a number, perhaps inside of text."""
    points = np.flatnonzero(content[:-2] == ord("."))
    found: Ints = points[(content[points + 1] == ord("0")) & _AFTER_NUMBER[content[points + 2]]]
    return found


def _outside_text(joined: bytes, places: Ints) -> Ints:
    """Return the places that are not inside of text: those after an even number of quotes."""
    if b"\\" in joined:
        joined = joined.replace(rb"\\", b"__").replace(rb"\"", b"__")
    quotes = np.flatnonzero(np.frombuffer(joined, dtype=np.uint8) == ord('"'))
    outside: Ints = places[np.searchsorted(quotes, places) % 2 == 0]
    return outside


def _drop_fractions(kept: Bools, content: npt.NDArray[np.uint8], points: Ints) -> None:
    """Mark fractions and the sign of zero as not kept; numbers from 2**53 on keep theirs."""
    long = points[points >= _MAX_DIGITS]
    for back in range(1, _MAX_DIGITS + 1):
        long = long[(content[long - back] >= ord("0")) & (content[long - back] <= ord("9"))]
    large = [point for point in long.tolist() if int(content[point - _MAX_DIGITS : point].tobytes()) >= EXACT_BELOW]
    kept[points] = kept[points + 1] = False
    kept[large] = kept[np.array(large, dtype=np.int64) + 1] = True
    zeros = points[(points >= 2) & (content[points - 1] == ord("0")) & (content[points - 2] == ord("-"))]
    kept[zeros - 2] = False
