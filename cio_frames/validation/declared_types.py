"""Types that a caller says columns have: a cell of another type makes its row invalid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from cio_frames.arrow.normalize import filled_cells
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.failures import failure_cases
from cio_frames.validation.type_checks import COLUMN_TYPE_CHECKS


def declared_type_failures(frame: pd.DataFrame, types: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """Yield the cells that are not of the type that their column is said to have; missing ones are of any type.

    >>> frame = pd.DataFrame({"user_id": ["a", "b", "c"], "logins": [1, "n/a", None]})
    >>> [cases] = declared_type_failures(frame, {"logins": "number", "gone": "number"})
    >>> cases[["position", "column", "check", "reason"]].to_numpy().tolist()
    [[1, 'logins', 'number', 'logins: must be a number']]
    """
    for place, label in enumerate(frame.columns):
        kind = types.get(label, "text") if isinstance(label, str) else "text"
        if kind == "text":
            continue
        column = frame.iloc[:, place]
        fits = COLUMN_TYPE_CHECKS[kind](column).to_numpy(dtype=bool) | ~filled_cells(column)
        rows = np.flatnonzero(~fits)
        if len(rows):
            cells = column.iloc[rows].to_numpy(dtype=object)
            yield failure_cases(rows, label, kind, f"{label}: {CHECKS[kind]}", values=cells)
