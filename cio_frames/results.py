"""The result frame: one row per input row, with what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from cio_frames._util.arrays import Ints

Status = Literal["delivered", "acknowledged", "invalid", "too_large", "rejected", "unknown", "unsent", "ready"]
STATUSES: tuple[Status, ...] = (
    "delivered",
    "acknowledged",
    "invalid",
    "too_large",
    "rejected",
    "unknown",
    "unsent",
    "ready",
)
# What a load ends with where nothing went wrong, by strict mode on, off, and not sending at all.
GOOD: frozenset[str] = frozenset({"delivered", "acknowledged", "ready"})


_NO_NUMBER = -1
_TEXT = pd.StringDtype("pyarrow")
_STATUS = pd.CategoricalDtype(pd.Index(STATUSES))
_COLUMNS = pd.Index(["status", "reason", "message_id", "bytes", "batch", "http_status", "attempts"])


class Outcomes:
    """What became of every row so far; every row is ``unsent`` until told otherwise.

    >>> outcomes = Outcomes(2)
    >>> outcomes.tell(np.array([1]), "invalid", reason="total: must be a number")
    >>> outcomes.frame(pd.RangeIndex(2))["status"].tolist()
    ['unsent', 'invalid']
    """

    def __init__(self, rows: int) -> None:
        self._status = np.full(rows, STATUSES.index("unsent"), dtype=np.int8)
        self._reason = np.full(rows, None, dtype=object)
        # Turning objects into text takes a while, and mostly there are none.
        self._reasoned = False
        self._bytes = np.full(rows, _NO_NUMBER, dtype=np.int64)
        self._batch = np.full(rows, _NO_NUMBER, dtype=np.int64)
        self._http_status = np.full(rows, _NO_NUMBER, dtype=np.int64)
        self._attempts = np.zeros(rows, dtype=np.int64)
        self._message_ids: list[pa.Array] = []

    def tell(
        self,
        rows: Ints,
        status: Status,
        *,
        reason: str | npt.NDArray[np.object_] | None = None,
        batch: int = _NO_NUMBER,
        http_status: int | None = None,
        attempts: int = 0,
    ) -> None:
        """Say what became of some rows, given by position; the reason is one for all, or one each."""
        self._status[rows] = STATUSES.index(status)
        self._reason[rows] = reason
        self._reasoned = self._reasoned or reason is not None
        self._batch[rows] = batch
        self._http_status[rows] = _NO_NUMBER if http_status is None else http_status
        self._attempts[rows] = attempts

    def tell_reasons(self, rows: Ints, reasons: npt.NDArray[np.object_]) -> None:
        """Say that rows are invalid, each for its own reason."""
        self._status[rows] = STATUSES.index("invalid")
        self._reason[rows] = reasons
        self._reasoned = self._reasoned or len(rows) > 0

    def tried(self, attempts: Ints) -> None:
        """Say how many requests carried each row, those of earlier runs among them."""
        self._attempts[:] = attempts

    def measured(self, rows: Ints, sizes: Ints) -> None:
        """Note the sizes of calls in bytes."""
        self._bytes[rows] = sizes

    def named(self, message_ids: pa.Array) -> None:
        """Note the message ids of the next rows; rows are named in order, null for those without."""
        self._message_ids.append(message_ids)

    def unsent(self, reason: str) -> None:
        """Give a reason to the rows that nothing has been told of."""
        waiting = self._status == STATUSES.index("unsent")
        if waiting.any():
            self._reason[waiting & pd.isna(self._reason)] = reason
            self._reasoned = True

    def frame(self, index: pd.Index[Any]) -> pd.DataFrame:
        """Return the result frame under the input's index."""
        count = len(self._status)
        named = sum(map(len, self._message_ids))
        columns = (
            pd.Categorical.from_codes(self._status, dtype=_STATUS, validate=False),
            pd.array(self._reason, dtype=_TEXT) if self._reasoned else _text([_nulls(count)]),
            _text([*self._message_ids, _nulls(count - named)]),
            _nullable(self._bytes),
            _nullable(self._batch),
            _nullable(self._http_status),
            _nullable(self._attempts),
        )
        # The columns are nobody else's.
        result = pd.DataFrame(dict(enumerate(columns)), index=index, copy=False)
        result.columns = _COLUMNS.view()
        return result


def _nulls(count: int) -> pa.Array:
    return pa.nulls(count, pa.large_string())


def _text(arrays: Sequence[pa.Array]) -> Any:
    return pd.array(pa.chunked_array(arrays, pa.large_string()), dtype=_TEXT)


def _nullable(numbers: Ints) -> Any:
    return pd.arrays.IntegerArray(numbers, numbers == _NO_NUMBER)


def status_counts(result: pd.DataFrame) -> dict[str, int]:
    """Return how many rows have each status, those that occur.

    >>> outcomes = Outcomes(3)
    >>> status_counts(outcomes.frame(pd.RangeIndex(3)))
    {'unsent': 3}
    """
    counts = result["status"].value_counts(sort=False)
    return {str(status): int(count) for status, count in counts.items() if count}
