"""Which rows fail a schema, and why, by position.

pandera names rows by index label, and labels repeat; it also leaves a column's other checks out once a cell cannot be
coerced. So the frame that it sees has positions for labels, and what passes is checked again until nothing new is
found. Which rows fail is read from each check's own answer: pandera's table of failure cases costs many times the
check itself where every row fails.
"""

from __future__ import annotations

import decimal
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pandera
from pandera.config import ValidationDepth, config_context

from cio_frames._util.arrays import Bools, Ints
from cio_frames.columns import Columns, FieldSource
from cio_frames.encoding.cells import HALF_PAIR
from cio_frames.errors import FrameError, MissingColumnsError
from cio_frames.validation import members
from cio_frames.validation.cells import NEEDED
from cio_frames.validation.checks import why_no_text

Severity = Literal["error", "warning"]
_Part = TypeVar("_Part")

FAILURE_COLUMNS = ["position", "column", "check", "severity", "value", "reason"]


class _HalfPair(bytes):
    """A text with half a surrogate pair in it, as pandera can print it; and no text."""


@dataclass(frozen=True, slots=True)
class _Broken:
    """One check, and the rows that break it; without rows it could not be run at all."""

    field: Any
    check: str
    severity: Severity
    positions: Ints
    values: npt.NDArray[np.object_]
    of_frame: bool


def failure_cases(
    positions: Ints, column: Any, check: str, reasons: Any, *, severity: Severity = "error", values: Any = None
) -> pd.DataFrame:
    """Return one row per row of the frame that breaks a check.

    >>> failure_cases(np.array([3]), "total", "number", "total: a number is needed")["position"].tolist()
    [3]
    """
    rows = pd.RangeIndex(len(positions))
    return pd.DataFrame(
        {
            "position": positions,
            "column": pd.Series([column] * len(rows), index=rows, dtype=object),
            "check": pd.Series(check, index=rows, dtype=object),
            "severity": pd.Series(severity, index=rows, dtype=object),
            "value": pd.Series(values, index=rows, dtype=object),
            "reason": pd.Series(reasons, index=rows, dtype=object),
        },
        columns=FAILURE_COLUMNS,
    )


def concat_failures(found: list[pd.DataFrame]) -> pd.DataFrame:
    """Return failure cases of several checks as one frame, by position."""
    some = [cases for cases in found if len(cases)]
    if not some:
        return _no_cases()
    cases = some[0] if len(some) == 1 else pd.concat(some, ignore_index=True)
    return _by_position(cases)


@cache
def _no_cases() -> pd.DataFrame:
    """Return no cases: one frame for all who have none, which nobody changes."""
    return failure_cases(np.empty(0, dtype=np.int64), None, "", None)


def _by_position(cases: pd.DataFrame) -> pd.DataFrame:
    """Return failure cases in the order of rows, as they are where that is theirs already."""
    if cases["position"].is_monotonic_increasing:
        return cases
    return cases.sort_values("position", kind="stable", ignore_index=True)


def failures_of(
    frame: pd.DataFrame,
    columns: Columns,
    schema: pandera.DataFrameSchema,
    *,
    own_columns: bool = True,
) -> pd.DataFrame:
    """Return one row per broken check.

    Parameters
    ----------
    frame : pandas.DataFrame
        The caller's frame.
    columns : Columns
        Which of its columns feeds which field.
    schema : pandera.DataFrameSchema
        Its columns are named by field. Checks with ``raise_warning=True`` are warnings.
    own_columns : bool
        Whether a name that no column feeds is looked for among the frame's own columns. In a schema of the API's a
        name is a field's and nothing else: a column that is renamed, or not sent, is none of its concern.

    Returns
    -------
    pandas.DataFrame
        Columns position, column (the frame's own label), check, severity, value, reason.

    Raises
    ------
    FrameError
        The schema asks for a column that is not there, or one of its checks cannot be run on this frame.
    """
    if schema.strict is True:
        _refuse_unknown(columns, schema)
    view = _view(frame, columns, schema, own_columns=own_columns)
    schema, warned = _asked_in_full(schema, view.columns)
    found: list[_Broken] = []
    waiting = np.ones(len(view), dtype=bool)
    while True:
        broken = list(_broken(view[waiting] if not waiting.all() else view, schema, warned))
        rows = [each for each in broken if len(each.positions)]
        others = [each for each in broken if not len(each.positions)]
        found += rows
        if not others:
            break
        errors = [each.positions for each in rows if each.severity == "error"]
        if not errors:
            _refuse(others[0], columns, own_columns)
        # Something could not be checked; it can once the rows known to be bad are out of the way.
        waiting[np.concatenate(errors)] = False
    fields = {source.name: source for source in columns.sources}
    told = concat_failures([_told(each, fields) for each in found])
    # Of one column pandera can tell the same twice.
    twice = len({each.field for each in found}) < len(found)
    return told.drop_duplicates(["position", "reason"], ignore_index=True) if twice else told


def _asked_in_full(
    schema: pandera.DataFrameSchema, names: pd.Index[Any]
) -> tuple[pandera.DataFrameSchema, list[pandera.Check]]:
    """Return a schema whose warnings fail as its errors do, and which of its checks are warnings.

    Of each column's check pandera need name one failing cell only: which rows fail is in the check's answer.
    """
    if schema.index is not None:
        raise FrameError(
            "A schema with index= cannot be applied: rows are known by position here. Make the index a column with "
            ".reset_index(), and check that."
        )
    schema = _copied(schema)
    # Columns have no order here: they are found by field.
    schema.ordered = False
    warned: list[pandera.Check] = []

    def asked(check: Any, cases: int | None) -> Any:
        check = _copied(check)
        check.n_failure_cases = cases
        if check.raise_warning:
            check.raise_warning = False
            warned.append(check)
        return check

    schema.checks = [asked(check, None) for check in schema.checks]
    columns = {name: _copied(column) for name, column in _spelled_out(schema.columns, names)}
    for column in columns.values():
        column.checks = [asked(check, 1) for check in column.checks]
    schema.columns = columns
    return schema, warned


def _copied(part: _Part) -> _Part:
    """Return a part of a schema that can be changed without changing the caller's; older pandera's copies cannot."""
    copied: _Part = object.__new__(type(part))
    copied.__dict__.update(vars(part))
    return copied


def _spelled_out(columns: Mapping[Any, pandera.Column], names: pd.Index[Any]) -> Iterator[tuple[Any, pandera.Column]]:
    """Yield columns, those that are named by a pattern under each name that matches.

    pandera tells of all columns of a pattern under the name of the last one.
    """
    for name, column in columns.items():
        matching = [each for each in names if _matches(name, each)] if column.regex else []
        for each in matching:
            plain = _copied(column).set_name(each)
            plain.regex = False
            yield each, plain
        if not matching:
            yield name, column


def _matches(pattern: str, name: Any) -> bool:
    return isinstance(name, str) and re.match(pattern, name) is not None


def _view(frame: pd.DataFrame, columns: Columns, schema: pandera.DataFrameSchema, *, own_columns: bool) -> pd.DataFrame:
    """Return the columns that a schema asks for, named by field, with positions for labels."""
    positions = {source.name: source.position for source in columns.sources}
    fields = {source.name: source.field for source in columns.sources}
    own = {label: place for place, label in enumerate(frame.columns)} if own_columns else {}
    whole_frame = bool(schema.checks) or schema.strict or schema.dtype is not None
    wanted = {*schema.columns, *_names(schema.unique), *(positions if whole_frame else ())}
    for pattern in (name for name, column in schema.columns.items() if column.regex):
        wanted |= {name for name in (*positions, *own) if _matches(pattern, name)}
    series = {}
    for name in sorted(wanted, key=str):
        place = positions.get(name, own.get(name))
        if place is not None:
            column = frame.iloc[:, place].set_axis(pd.RangeIndex(len(frame)))
            series[name] = members.as_objects(column, fields[name]) if name in fields else column
            series[name] = _printable(series[name])
    return pd.DataFrame(series, index=pd.RangeIndex(len(frame)), copy=False)


def _names(unique: str | list[str] | None) -> list[str]:
    return [unique] if isinstance(unique, str) else unique or []


def _printable(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column without what pandera fails of as a whole: half surrogates are bytes, signalling NaN are None."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        distinct = pd.Series(series.cat.categories)
        return series if _printable(distinct) is distinct else _printable(series.astype(object))
    if series.dtype != object and not (isinstance(series.dtype, pd.StringDtype) and series.dtype.storage == "python"):
        return series
    if any(issubclass(kind, decimal.Decimal) for kind in set(map(type, series))):
        cells = [None if isinstance(cell, decimal.Decimal) and cell.is_snan() else cell for cell in series]
        series = pd.Series(cells, index=series.index, dtype=object)
    try:
        "".join(cell for cell in series if isinstance(cell, str)).encode()
    except UnicodeEncodeError:
        cells = [_HalfPair(cell.encode("utf-8", "replace")) if _is_broken(cell) else cell for cell in series]
        return pd.Series(cells, index=series.index, dtype=object)
    return series


def _is_broken(cell: Any) -> bool:
    return isinstance(cell, str) and any("\ud800" <= character <= "\udfff" for character in cell)


def _broken(view: pd.DataFrame, schema: pandera.DataFrameSchema, warned: list[pandera.Check]) -> Iterator[_Broken]:
    """Run a schema and yield what is broken, with positions where pandera knows them."""
    try:
        with warnings.catch_warnings():
            # What pandera does to its own tables under pandas 2.2 is no news to our users.
            warnings.filterwarnings("ignore", "The behavior of DataFrame concatenation", FutureWarning)
            with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
                schema.validate(view, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        for error in errors.schema_errors:
            yield from _broken_by(error, view, warned)


def _broken_by(error: pandera.errors.SchemaError, view: pd.DataFrame, warned: list[pandera.Check]) -> Iterator[_Broken]:
    """Yield the rows that one of pandera's errors is about, or no row where it is about the frame."""
    of_frame = isinstance(error.schema, pandera.DataFrameSchema)
    check = error.check if isinstance(error.check, str) else error.check.error or str(error.check.name)
    severity: Severity = "warning" if any(error.check is each for each in warned) else "error"
    answer = error.check_output
    if not of_frame and isinstance(error.check, pandera.Check) and isinstance(answer, pd.Series):
        # pandera leaves nulls out of most checks, so the answer has some positions only.
        positions = answer.index[~answer.to_numpy(dtype=bool, na_value=False)].to_numpy(dtype=np.int64)
        values = view[error.schema.name].loc[positions].to_numpy(dtype=object)
        yield _Broken(error.schema.name, check, severity, positions, values, of_frame)
        return
    if isinstance(answer, (bool, np.bool_)):
        # One answer for all rows: the column or the frame as a whole is not as it should be, and so no row is.
        if len(view):
            positions = view.index.to_numpy(dtype=np.int64)
            yield _Broken(error.schema.name, check, severity, positions, _cells([None] * len(view)), of_frame)
        return
    cases = error.failure_cases
    if not isinstance(cases, pd.DataFrame):
        yield _Broken(error.schema.name, check, severity, np.empty(0, dtype=np.int64), _cells([cases]), of_frame)
        return
    places = pd.to_numeric(cases["index"], errors="coerce")
    known = places.notna().to_numpy()
    values = cases["failure_case"].to_numpy(dtype=object)
    field = error.schema.name if not of_frame else None
    if of_frame:
        # A check of whole rows is reported once per column; it is one failure.
        known = known & ~places.duplicated().to_numpy()
    if known.any():
        yield _Broken(field, check, severity, places[known].to_numpy(dtype=np.int64), values[known], of_frame)
    elif len(cases):
        yield _Broken(field, check, severity, np.empty(0, dtype=np.int64), values, of_frame)


def _cells(values: list[Any]) -> npt.NDArray[np.object_]:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def _refuse_unknown(columns: Columns, schema: pandera.DataFrameSchema) -> None:
    """Say which columns a strict schema does not know; pandera tells of the first one only, in some versions."""
    unknown = [
        source.label
        for source in columns.sources
        if not any(
            _matches(name, source.name) if each.regex else name == source.name for name, each in schema.columns.items()
        )
    ]
    if unknown:
        raise FrameError(
            f"The schema has strict=True and does not know {', '.join(map(repr, unknown))}. Add what is sent to the "
            "schema, leave it out with traits= or properties=, or leave strict=True out."
        )


def _refuse(broken: _Broken, columns: Columns, own_columns: bool) -> None:
    """Say why a schema cannot be applied to a frame at all; values stay out of the text."""
    labels = {source.name: source.label for source in columns.sources}
    label = labels.get(broken.field, broken.field)
    pattern = broken.check.startswith("no_regex_column_match")
    if pattern or broken.check == "column_in_dataframe":
        what = columns.event.name if columns.event else columns.call.name
        missing = broken.field if pattern else broken.values[0]
        remedy = "A schema names columns by field: user_id, timestamp, traits and properties by their own name."
        if not own_columns:
            remedy = f"Add it, or give yours that name: frame.rename(columns={{'your_column': {str(missing)!r}}})."
        raise MissingColumnsError(what, [str(missing)], list(labels.values()), remedy)
    if broken.check.startswith("dtype("):
        raise FrameError(
            f"Column {label!r} is of dtype {broken.values[0]}, and the schema needs "
            f"{broken.check}. Convert it with .astype(), or give the schema coerce=True."
        )
    where = "the frame as a whole" if broken.of_frame else f"column {label!r}"
    raise FrameError(
        f"The check {broken.check!r} of {where} cannot be run: it ends with an error of its own. "
        "Try it alone with schema.validate(frame, lazy=True)."
    )


def _told(broken: _Broken, fields: Mapping[str, FieldSource]) -> pd.DataFrame:
    """Put what is broken into words, one row per row of the frame."""
    words = _words(broken.check)
    source = fields.get(broken.field)
    label = source.label if source is not None else broken.field
    reasons: Any = words if broken.of_frame else f"{label}: {words}"
    if source is not None and broken.check == members.ERROR:
        inside = (members.mistake_in(value, source.field) for value in broken.values)
        reasons = [f"{label}{place}" if place else f"{label}: {words}" for place in inside]
    elif not broken.of_frame and broken.check == NEEDED["string"]:
        why = why_no_text(broken.values)
        reasons = [
            f"{label}: {HALF_PAIR if isinstance(value, _HalfPair) else each or words}"
            for value, each in zip(broken.values, why, strict=True)
        ]
    column = None if broken.of_frame else label
    return failure_cases(
        broken.positions, column, broken.check, reasons, severity=broken.severity, values=broken.values
    )


def _words(check: str) -> str:
    """Return what a check asks for, in words."""
    words: Mapping[str, Callable[[], str]] = {
        "not_nullable": lambda: "is missing, and is needed",
        "field_uniqueness": lambda: "stands more than once, and must be unique",
        "multiple_fields_uniqueness": lambda: "the same stands in more than one row, and must be unique",
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
    if len(failures) == 0:
        return failed, reasons
    cases = _by_position(failures)
    places, words = cases["position"].to_numpy(dtype=np.int64), cases["reason"].to_numpy(dtype=object)
    failed[places] = True
    # The first reason of every row, then the second of those that have one: few turns, each over whole columns.
    turns = np.arange(len(places)) - np.searchsorted(places, places)
    for turn in range(turns.max(initial=-1) + 1):
        now = turns == turn
        reasons[places[now]] = words[now] if turn == 0 else reasons[places[now]] + "; " + words[now]
    return failed, reasons
