"""Times of a CSV file in the form that the caller names, as ISO 8601 text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Bools

_ISO_DAY = r"^\d{4}-?\d\d-?\d\d"
# Programs read these by the habits of their country.
_DAY_OR_MONTH_FIRST = r"^\d{1,2}[./-]\d{1,2}[./-]\d{2}(\d\d)?( |$)"


def iso_texts(text: pa.Array, time_format: str) -> pa.Array:
    """Return times as ISO 8601 text; a cell of another form stays as it is.

    >>> iso_texts(pa.array(["31/12/2024", "soon", None]), "%d/%m/%Y").to_pylist()
    ['2024-12-31 00:00:00.000000', 'soon', None]
    """
    times = _parse_times(text, time_format)
    return pc.coalesce(times.cast(text.type), text)


def iso_cells_of_another_form(text: pa.Array, time_format: str) -> Bools:
    """Return which cells are ISO 8601 but not of this form, so that day and month would change places between rows.

    >>> iso_cells_of_another_form(pa.array(["31/12/2024", "2024-12-31", "soon"]), "%d/%m/%Y").tolist()
    [False, True, False]
    """
    iso = pc.match_substring_regex(text, _ISO_DAY)
    if not pc.any(iso).as_py():
        return np.zeros(len(text), dtype=bool)
    return np.array(pc.fill_null(pc.and_(iso, pc.is_null(_parse_times(text, time_format))), False))


def mostly_day_or_month_first(text: pa.Array) -> bool:
    """Return whether most cells are dates such as ``01/02/2024``, which have two meanings.

    >>> mostly_day_or_month_first(pa.array(["01/02/2024", "3.2.24 10:00", None]))
    True
    """
    filled = len(text) - text.null_count
    return bool(filled) and int(pc.match_substring_regex(text, _DAY_OR_MONTH_FIRST).true_count) * 2 > filled


def _parse_times(text: pa.Array, time_format: str) -> pa.Array:
    cells = pd.Series(text.to_numpy(zero_copy_only=False), dtype=object)
    has_zone = "%z" in time_format
    times = pd.to_datetime(cells, format=time_format, errors="coerce", utc=has_zone)
    return pa.array(times, from_pandas=True).cast(pa.timestamp("us", "UTC" if has_zone else None), safe=False)
