"""Which rows fail a schema, and why, by position.

pandera names rows by index label, and labels repeat; it also leaves a column's other checks out once a cell cannot be
coerced. So the frame that it sees has positions for labels, and what passes is checked again until nothing new is
found.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pandera
from pandera.config import ValidationDepth, config_context

from cio_frames.columns import Columns, Source
from cio_frames.errors import FrameError, MissingColumnsError
from cio_frames.validation import members

Bools = npt.NDArray[np.bool_]

FAILURE_COLUMNS = ["position", "column", "check", "value", "reason"]


def failures_of(frame: pd.DataFrame, columns: Columns, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    """Return one row per broken check.

    Parameters
    ----------
    frame : pandas.DataFrame
        The caller's frame.
    columns : Columns
        Which of its columns feeds which field.
    schema : pandera.DataFrameSchema
        Its columns are named by field; a name that is no field is looked for among the frame's own columns.

    Returns
    -------
    pandas.DataFrame
        Columns position, column (the frame's own label), check, value, reason.

    Raises
    ------
    FrameError
        The schema asks for a column that is not there, or one of its checks cannot be run on this frame.
    """
    view = _view(frame, columns, schema)
    found: list[pd.DataFrame] = []
    waiting = np.ones(len(view), dtype=bool)
    while True:
        cases = _cases(view[waiting] if not waiting.all() else view, schema)
        rows, others = cases[cases["position"].notna()], cases[cases["position"].isna()]
        found.append(rows)
        if others.empty:
            break
        if rows.empty:
            _refuse(others, columns)
        # Something could not be checked; it can once the rows known to be bad are out of the way.
        waiting[rows["position"].to_numpy(dtype=np.int64)] = False
    some = [cases for cases in found if len(cases)] or found[:1]
    return _told(pd.concat(some, ignore_index=True), columns)


def _view(frame: pd.DataFrame, columns: Columns, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    """Return the columns that a schema asks for, named by field, with positions for labels."""
    positions = {source.name: source.position for source in columns.sources}
    fields = {source.name: source.field for source in columns.sources}
    own = {label: place for place, label in enumerate(frame.columns)}
    whole_frame = bool(schema.checks) or schema.strict
    wanted = {*schema.columns, *(positions if whole_frame else ())}
    series = {}
    for name in sorted(wanted, key=str):
        place = positions.get(name, own.get(name))
        if place is not None:
            column = frame.iloc[:, place].set_axis(pd.RangeIndex(len(frame)))
            series[name] = members.as_objects(column, fields[name]) if name in fields else column
            series[name] = _printable(series[name])
    return pd.DataFrame(series, index=pd.RangeIndex(len(frame)), copy=False)


def _printable(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column whose half surrogates are bytes: pandera fails as a whole when it puts them into words."""
    if series.dtype != object and not (isinstance(series.dtype, pd.StringDtype) and series.dtype.storage == "python"):
        return series
    try:
        "".join(cell for cell in series if isinstance(cell, str)).encode()
    except UnicodeEncodeError:
        cells = [cell.encode("utf-8", "replace") if _is_broken(cell) else cell for cell in series]
        return pd.Series(cells, index=series.index, dtype=object)
    return series


def _is_broken(cell: Any) -> bool:
    return isinstance(cell, str) and any("\ud800" <= character <= "\udfff" for character in cell)


def _cases(view: pd.DataFrame, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    """Run a schema and return its failure cases, with positions where it knows them."""
    try:
        with warnings.catch_warnings():
            # What pandera does to its own tables under pandas 2.2 is no news to our users.
            warnings.filterwarnings("ignore", "The behavior of DataFrame concatenation", FutureWarning)
            with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
                schema.validate(view, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        return pd.DataFrame(
            {
                "position": pd.to_numeric(cases["index"], errors="coerce"),
                "field": cases["column"].astype(object),
                "check": cases["check"].astype(str).astype(object),
                "value": cases["failure_case"].astype(object),
                "scope": cases["schema_context"].astype(object),
            }
        )
    return pd.DataFrame(columns=["position", "field", "check", "value", "scope"])


def _refuse(cases: pd.DataFrame, columns: Columns) -> None:
    """Say why a schema cannot be applied to a frame at all; values stay out of the text."""
    case = cases.iloc[0]
    labels = {source.name: source.label for source in columns.sources}
    if case["check"] == "column_in_dataframe":
        what = columns.event.name if columns.event else columns.call.name
        remedy = "A schema names columns by field: user_id, timestamp, traits and properties by their own name."
        raise MissingColumnsError(what, [str(case["value"])], [str(label) for label in labels.values()], remedy)
    if case["check"].startswith("dtype("):
        raise FrameError(
            f"Column {labels.get(case['field'], case['field'])!r} is of dtype {case['value']}, and the schema needs "
            f"{case['check']}. Convert it with .astype(), or give the schema coerce=True."
        )
    raise FrameError(
        f"The check {case['check']!r} of column {labels.get(case['field'], case['field'])!r} cannot be run on this "
        "frame. Try it alone with schema.validate(frame, lazy=True)."
    )


def _told(cases: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Put failure cases into words, one row per row and check."""
    fields = {source.name: source for source in columns.sources}
    of_frame = cases["scope"].eq("DataFrameSchema")
    # A check of whole rows is reported once per column; it is one failure.
    cases = cases[~of_frame | ~cases.duplicated(["position", "check"])]
    places = [
        (None, "") if scope == "DataFrameSchema" else _place(fields.get(name), name, check, value)
        for name, check, value, scope in cases[["field", "check", "value", "scope"]].itertuples(index=False)
    ]
    told = pd.DataFrame(
        {
            "position": cases["position"].astype("int64"),
            "column": pd.Series([label for label, _ in places], index=cases.index, dtype=object),
            "check": cases["check"],
            "value": cases["value"].astype(object),
            "reason": [
                _words(check) if label is None else f"{label}{found or ': ' + _words(check)}"
                for (label, found), check in zip(places, cases["check"], strict=True)
            ],
        },
        columns=FAILURE_COLUMNS,
    )
    told = told.drop_duplicates(["position", "reason"])
    return told.sort_values("position", kind="stable", ignore_index=True)


def _place(source: Source | None, name: Any, check: str, value: Any) -> tuple[Any, str]:
    """Return the frame's label of a failing column, and what is wrong inside of its cell, where that is it."""
    if source is None:
        return name, ""
    inside = members.fault(value, source.field) if check == members.ERROR else None
    return source.label, inside or ""


def _words(check: str) -> str:
    """Return what a check asks for, in words."""
    words: Mapping[str, Callable[[], str]] = {
        "not_nullable": lambda: "is missing, and is needed",
        "field_uniqueness": lambda: "stands more than once, and must be unique",
    }
    if check in words:
        return words[check]()
    # Depending on its version, pandera tells of one cell twice: it cannot be coerced, and so it is of the wrong dtype.
    dtype = re.fullmatch(r"(?:coerce_)?dtype\('?(.*?)'?\)", check)
    return f"cannot be read as {dtype[1]}" if dtype else check


def rows_by_reason(failures: pd.DataFrame, rows: int) -> tuple[Bools, npt.NDArray[np.object_]]:
    """Return which rows fail, and all reasons of each in one text.

    >>> cases = pd.DataFrame({"position": [1, 1], "reason": ["a: is missing", "b: is missing"]})
    >>> failed, reasons = rows_by_reason(cases, 2)
    >>> failed.tolist(), reasons[1]
    ([False, True], 'a: is missing; b: is missing')
    """
    failed = np.zeros(rows, dtype=bool)
    reasons = np.full(rows, None, dtype=object)
    if len(failures):
        together = failures.drop_duplicates(["position", "reason"]).groupby("position")["reason"].agg("; ".join)
        places = together.index.to_numpy(dtype=np.int64)
        failed[places] = True
        reasons[places] = together.to_numpy(dtype=object)
    return failed, reasons
