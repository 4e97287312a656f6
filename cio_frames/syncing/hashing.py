"""Hashes of 64 bits for whole text columns, without a Python loop over rows.

They find a subject in memory and tell which field of a row changed; the digest of a row is another hash. They are
written to state files, so a change here needs a new digest version.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import xxhash

from cio_frames._util.arrays import UInts
from cio_frames.arrow.buffers import content_bytes, offsets_of

# What is worked on at once stays in the processor's cache.
_HASHED_ROWS = 50_000
# Longer texts are few, and are hashed one by one.
_LONGEST = 128
_FIRST_BYTES = np.array([2 ** (8 * count) - 1 for count in range(9)], dtype=np.uint64)
# Odd numbers of 64 bits, and the shifts of a finalizer in which every bit reaches every other (Stafford's mix 13).
_SEED, _MULTIPLY = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_FIRST_MIX, _SECOND_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def hash_texts(texts: pa.Array) -> UInts:
    """Return a number for each text; 0 stands for null, and for nothing else.

    >>> one, other, missing, again = hash_texts(pa.array(["a", "b", None, "a"], pa.large_string())).tolist()
    >>> one == again, one == other, missing
    (True, False, 0)
    """
    blocks = [_hash_block(texts.slice(start, _HASHED_ROWS)) for start in range(0, len(texts), _HASHED_ROWS)]
    return np.concatenate([*blocks, np.empty(0, dtype=np.uint64)])


def _hash_block(texts: pa.Array) -> UInts:
    offsets = offsets_of(texts)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    content = np.zeros(offsets[-1] - offsets[0] + 8, dtype=np.uint8)
    content[:-8] = content_bytes(texts)
    # Every place in the buffer at which eight bytes could begin.
    words = np.ndarray(len(content) - 7, dtype="<u8", buffer=content, strides=(1,))
    mixed = lengths.astype(np.uint64) * _SEED
    longest = int(lengths.max(initial=0))
    for at in range(0, min(longest, _LONGEST), 8):
        more = lengths > at
        rows = slice(None) if more.all() else np.flatnonzero(more)
        word = words[starts[rows] + at] & _FIRST_BYTES[np.minimum(lengths[rows] - at, 8)]
        mixed[rows] = _mix(mixed[rows] ^ (word * _MULTIPLY))
    if longest > _LONGEST:
        view = memoryview(content.data)
        for row in np.flatnonzero(lengths > _LONGEST).tolist():
            mixed[row] = xxhash.xxh3_64_intdigest(view[starts[row] : starts[row] + lengths[row]])
    hashes = np.maximum(_mix(mixed), np.uint64(1))
    if texts.null_count:
        hashes[np.asarray(texts.is_null())] = 0
    return hashes


def _mix(numbers: UInts) -> UInts:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FIRST_MIX
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SECOND_MIX
    mixed: UInts = numbers ^ (numbers >> np.uint64(31))
    return mixed
