"""Message ids of a sync: from the state, the run, the subject's revision and the content.

So going from A to B and back to A makes three ids, and a state that was lost or restored from a copy does not repeat an
old one. They do not use ``as_of``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cio_frames._util.arrays import Ints, UInts
from cio_frames.arrow.buffers import TEXT
from cio_frames.encoding.text import join
from cio_frames.pipeline.message_ids import digests, encode_ulids

_BYTES = 32


def sync_message_ids(state_id: str, run: int, keys: Sequence[str], revisions: Ints, contents: UInts) -> list[str]:
    """Return an id for each call.

    >>> contents = np.zeros((2, 2), dtype=np.uint64)
    >>> first, second = sync_message_ids("a1", 1, ["u:ada", "u:ada"], np.array([0, 1]), contents)
    >>> len(first), first == second
    (26, False)
    """
    subjects = join([f"{state_id}/{run}/", pa.array(revisions).cast(TEXT), "/", pa.array(keys, TEXT)])
    both = np.concatenate([digests(subjects), contents], axis=1).astype(">u8").tobytes()
    offsets = np.arange(0, len(both) + 1, _BYTES, dtype=np.int64)
    pairs = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(keys), [None, pa.py_buffer(offsets), pa.py_buffer(both)]
    )
    hashed = digests(pairs)
    found: list[str] = encode_ulids(hashed[:, 0], hashed[:, 1]).to_pylist()
    return found
