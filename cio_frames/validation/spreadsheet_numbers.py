"""Ids and phone numbers that a spreadsheet has turned into numbers such as ``4.91701E+11``: their digits are lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames._util.arrays import Bools, Cells
from cio_frames.arrow.kinds import is_text
from cio_frames.arrow.normalize import column_of
from cio_frames.columns import Columns, FieldSource
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.failures import failure_cases

_FIELDS = frozenset({"userId", "anonymousId", "previousId", "groupId"})
# With the sign and two digits that spreadsheets and pandas write; 1e5 may be an id.
_SCIENTIFIC = r"^[0-9](\.[0-9]+)?[eE]\+[0-9]{2,3}$"
_CHECK = "scientific_notation"


def spreadsheet_number_failures(frame: pd.DataFrame, columns: Columns, *, exact_ids: bool) -> Iterator[pd.DataFrame]:
    """Yield the ids and phone numbers in scientific notation; ``exact_ids`` says that ids are meant so.

    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["4.91701E+11", "1e5"], "phone": ["491701234567", None]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [cases] = spreadsheet_number_failures(people, columns, exact_ids=False)
    >>> cases[["position", "column", "check"]].to_numpy().tolist()
    [[0, 'user_id', 'scientific_notation']]
    """
    for source in columns.sources:
        if source.path[-1] != "phone" and (exact_ids or not _is_id(source)):
            continue
        column = column_of(frame.iloc[:, source.position])
        rows = np.flatnonzero(_in_scientific_notation(column))
        if len(rows):
            cells = frame.iloc[rows, source.position].to_numpy(dtype=object)
            yield failure_cases(rows, source.label, _CHECK, f"{source.label}: {CHECKS[_CHECK]}", values=cells)


def _is_id(source: FieldSource) -> bool:
    return len(source.path) == 1 and source.path[0] in _FIELDS


def _in_scientific_notation(column: pa.ChunkedArray | Cells) -> Bools:
    if isinstance(column, np.ndarray):
        texts = [cell if isinstance(cell, str) else None for cell in column]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    elif pa_types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    # Hardly any id has a plus sign in it, and to look for one is fast.
    if not is_text(column.type) or not pc.any(pc.match_substring(column, "+")).as_py():
        return np.zeros(len(column), dtype=bool)
    return np.asarray(pc.fill_null(pc.match_substring_regex(column, _SCIENTIFIC), False))
