"""The result frame: one row per input row, with its status and what else is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from cio_frames._util.arrays import Bools, Ints
from cio_frames._util.engine_frames import driver_of
from cio_frames.errors import FrameError, UndeliveredError, list_reasons

Status = Literal[
    "delivered", "acknowledged", "unchanged", "invalid", "too_large", "rejected", "unknown", "unsent", "ready"
]
STATUSES: tuple[Status, ...] = (
    "delivered",
    "acknowledged",
    "unchanged",
    "invalid",
    "too_large",
    "rejected",
    "unknown",
    "unsent",
    "ready",
)
# The statuses of rows when nothing went wrong: with strict mode on, with it off, nothing to send, and in a dry run.
GOOD: frozenset[str] = frozenset({"delivered", "acknowledged", "unchanged", "ready"})

# Under this key a result frame's attrs hold what is not about single rows: "as_of" and "campaign_rows" of
# the run, "rows" and "warnings"; of a sync "removals", the number of missing subjects by status.
RESULT_ATTRS = "cio"

_NOT_SET = -1
_TEXT = pd.StringDtype("pyarrow")
_STATUS = pd.CategoricalDtype(pd.Index(STATUSES))
_COLUMNS = pd.Index(["status", "reason", "warning", "message_id", "bytes", "batch", "http_status", "attempts"])


class Outcomes:
    """The status of every row so far; every row is ``unsent`` until something else is recorded.

    >>> outcomes = Outcomes(2)
    >>> outcomes.record(np.array([1]), "invalid", reason="total: must be a number")
    >>> outcomes.frame(pd.RangeIndex(2))["status"].tolist()
    ['unsent', 'invalid']
    """

    def __init__(self, rows: int) -> None:
        self._status = np.full(rows, STATUSES.index("unsent"), dtype=np.int8)
        self._reason = np.full(rows, None, dtype=object)
        # Turning objects into text takes a while, and mostly there are none.
        self._has_reasons = False
        self._warning: npt.NDArray[np.object_] | None = None
        self._bytes = np.full(rows, _NOT_SET, dtype=np.int64)
        self._batch = np.full(rows, _NOT_SET, dtype=np.int64)
        self._http_status = np.full(rows, _NOT_SET, dtype=np.int64)
        self._attempts = np.zeros(rows, dtype=np.int64)
        self._message_ids: list[pa.Array] = []

    def record(
        self,
        rows: Ints,
        status: Status,
        *,
        reason: str | npt.NDArray[np.object_] | None = None,
        batch: int = _NOT_SET,
        http_status: int | None = None,
        attempts: int = 0,
    ) -> None:
        """Record the status of rows, given by position; the reason is one for all, or one each."""
        self._status[rows] = STATUSES.index(status)
        self._reason[rows] = reason
        self._has_reasons = self._has_reasons or reason is not None
        self._batch[rows] = batch
        self._http_status[rows] = _NOT_SET if http_status is None else http_status
        self._attempts[rows] = attempts

    def record_invalid(self, rows: Ints, reasons: npt.NDArray[np.object_]) -> None:
        """Record that rows are invalid, each with its own reason."""
        self._status[rows] = STATUSES.index("invalid")
        self._reason[rows] = reasons
        self._has_reasons = self._has_reasons or len(rows) > 0

    def add_warnings(self, rows: Ints, warnings: npt.NDArray[np.object_]) -> None:
        """Add a warning to rows, each its own."""
        if self._warning is None:
            self._warning = np.full(len(self._status), None, dtype=object)
        before = self._warning[rows]
        is_first = pd.isna(before)
        self._warning[rows[is_first]] = warnings[is_first]
        self._warning[rows[~is_first]] = before[~is_first] + "; " + warnings[~is_first]

    def held_back(self) -> Bools:
        """Return which rows are invalid or too large, as far as known."""
        return np.isin(self._status, [STATUSES.index("invalid"), STATUSES.index("too_large")])

    def set_attempts(self, attempts: Ints) -> None:
        """Set how many requests carried each row, those of earlier runs included."""
        self._attempts[:] = attempts

    def set_sizes(self, rows: Ints, sizes: Ints) -> None:
        """Set the sizes of calls in bytes."""
        self._bytes[rows] = sizes

    def add_message_ids(self, message_ids: pa.Array) -> None:
        """Add the message ids of the next rows, in row order; null for rows without one."""
        self._message_ids.append(message_ids)

    def mark_unsent(self, reason: str) -> None:
        """Give a reason to the rows that nothing was recorded for."""
        unsent = self._status == STATUSES.index("unsent")
        if unsent.any():
            self._reason[unsent & pd.isna(self._reason)] = reason
            self._has_reasons = True

    def mark_unknown(self, rows: Bools, doubt: str) -> None:
        """Make rows unknown that are unsent now and may have been accepted before; the doubt ends their reason."""
        in_doubt = rows & (self._status == STATUSES.index("unsent"))
        if in_doubt.any():
            self._status[in_doubt] = STATUSES.index("unknown")
            self._reason[in_doubt] += doubt

    def frame(self, index: pd.Index[Any]) -> pd.DataFrame:
        """Return the result frame under the input's index."""
        count = len(self._status)
        id_count = sum(map(len, self._message_ids))
        columns = (
            pd.Categorical.from_codes(self._status, dtype=_STATUS, validate=False),
            pd.array(self._reason, dtype=_TEXT) if self._has_reasons else _text_array([_null_text(count)]),
            self._warnings_of_sent_rows(),
            _text_array([*self._message_ids, _null_text(count - id_count)]),
            _nullable_integers(self._bytes),
            _nullable_integers(self._batch),
            _nullable_integers(self._http_status),
            _nullable_integers(self._attempts),
        )
        # No copy: nothing else holds these arrays.
        result = pd.DataFrame(dict(enumerate(columns)), index=index, copy=False)
        result.columns = _COLUMNS.view()
        return result

    def _warnings_of_sent_rows(self) -> Any:
        """Return the warnings; a row that is not sent has a reason instead."""
        if self._warning is None:
            return _text_array([_null_text(len(self._status))])
        warning = self._warning.copy()
        warning[self.held_back()] = None
        return pd.array(warning, dtype=_TEXT)


def _null_text(count: int) -> pa.Array:
    return pa.nulls(count, pa.large_string())


def _text_array(arrays: Sequence[pa.Array]) -> Any:
    return pd.array(pa.chunked_array(arrays, pa.large_string()), dtype=_TEXT)


def _nullable_integers(numbers: Ints) -> Any:
    return pd.arrays.IntegerArray(numbers, numbers == _NOT_SET)


def raise_for_status(result: Any) -> Any:
    """Raise UndeliveredError unless every row of a result is good: delivered, or ready in a dry run.

    Parameters
    ----------
    result : pandas.DataFrame or LoadResult
        What a call or a load returned, or some rows of it.

    Returns
    -------
    pandas.DataFrame or LoadResult
        The same result.

    Raises
    ------
    UndeliveredError
        Rows were not delivered; ``.result`` is the result.
    FrameError
        ``result`` is not a result.

    Examples
    --------
    >>> import cio_frames as cio
    >>> people = pd.DataFrame({"user_id": ["ada", None]})
    >>> raise_for_status(people.cio.identify(dry_run=True))
    Traceback (most recent call last):
    cio_frames.errors.UndeliveredError: 1 of 2 rows were not delivered. Top reasons: user_id: required value \
is missing (1). Rows: 1 invalid, 1 ready. See .result for the status of each row.
    """
    if (driver := driver_of(result)) is not None:
        # The error has the counts: the rows are on the engine.
        raise_for_status(driver.count_answers(result))
        return result
    if isinstance(result, pd.DataFrame) and {"status", "reason"} <= set(result.columns):
        counts, is_good = status_counts(result), bool(result["status"].isin(GOOD).all())
        kept = result.attrs.get(RESULT_ATTRS, {})
        # pandas hands attrs on to a part of the rows.
        removals = kept.get("removals", {}) if kept.get("rows") == len(result) else {}
        found = result["reason"][~result["status"].isin(GOOD)].value_counts().items()
        reasons = [(str(reason), int(rows)) for reason, rows in found]
    elif hasattr(result, "statuses") and hasattr(result, "reasons"):
        counts, is_good, removals = result.statuses, result.ok, getattr(result, "removals", {})
        reasons = [(reason, rows) for (status, reason), rows in result.reasons.items() if reason and status not in GOOD]
    else:
        raise FrameError(f"raise_for_status takes the result of a call or a load, got {type(result).__name__}.")
    open_removals = count_open_removals(removals)
    if is_good and not open_removals:
        return result
    bad = sum(rows for status, rows in counts.items() if status not in GOOD)
    why = f" {list_reasons(reasons)}" if reasons else ""
    if open_removals:
        why += f" {open_removals:,} of {sum(removals.values()):,} missing subjects were not removed or marked."
    raise UndeliveredError(f"{bad:,} of {sum(counts.values()):,} rows were not delivered.{why}", result)


def count_open_removals(removals: Mapping[str, int]) -> int:
    """Return how many removals of a sync were not taken, given how many have each status.

    >>> count_open_removals({"delivered": 3, "skipped": 1, "rejected": 2})
    2
    """
    return sum(count for status, count in removals.items() if status not in {*GOOD, "skipped"})


def status_counts(result: pd.DataFrame) -> dict[str, int]:
    """Return the number of rows for each status that occurs.

    >>> outcomes = Outcomes(3)
    >>> status_counts(outcomes.frame(pd.RangeIndex(3)))
    {'unsent': 3}
    """
    counts = result["status"].value_counts(sort=False)
    return {str(status): int(count) for status, count in counts.items() if count}
