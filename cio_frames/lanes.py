"""Which lane carries which row, so that one person's calls never overtake each other.

The API does not promise order (https://docs.customer.io/journeys/importing-old-data). So all calls of one person
travel one lane, in row order, one request at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_NOBODY = -1


def people(ids: Sequence[pa.Array]) -> Ints:
    """Return a number for the person of each row, -1 where a row has no id.

    Two ids in one row are one person: an identify with both, an alias.

    Parameters
    ----------
    ids : sequence of pyarrow string arrays, each of shape (n,)
        User ids, anonymous ids, previous ids; null where a row has none.

    Examples
    --------
    >>> people([pa.array(["a", "b", None]), pa.array([None, "x", "x"])]).tolist()
    [0, 1, 1]
    """
    distinct = pa.chunked_array(ids).combine_chunks().dictionary_encode()
    codes: Ints = np.asarray(pc.fill_null(distinct.indices.cast(pa.int64()), _NOBODY)).reshape(len(ids), -1)
    if len(ids) == 1 or not ((codes != _NOBODY).sum(axis=0) > 1).any():
        return np.asarray(codes.max(axis=0))
    return _joined(codes, len(distinct.dictionary))


def _joined(codes: Ints, count: int) -> Ints:
    """Give ids that share a row, directly or by way of others, one number."""
    person = np.arange(count + 1)
    person[_NOBODY] = count
    while True:
        numbers = person[codes]
        smallest = numbers.min(axis=0)
        before = person.copy()
        for row_codes, row_numbers in zip(codes, numbers, strict=True):
            known = row_codes != _NOBODY
            # Whoever had the same number takes the new one too: long chains of aliases are joined in few rounds.
            np.minimum.at(person, row_numbers[known], smallest[known])
        person = person[person]
        if np.array_equal(person, before):
            return np.where(smallest == count, _NOBODY, smallest)


def repeated(person: Ints) -> Bools:
    """Return which rows are of a person with several rows, or of nobody known.

    >>> repeated(np.array([0, 1, 0, -1])).tolist()
    [True, False, True, True]
    """
    counts = np.bincount(person + 1)
    return np.asarray((counts[person + 1] > 1) | (person == _NOBODY))
