"""Runs a pandera schema over a frame; the only code that calls pandera's ``validate``.

pandera names rows by index label, and labels repeat; it also skips a column's other checks once a cell cannot be
coerced. So the frame that it gets has positions for labels, and the rows that pass are checked again until nothing new
is found. Which rows fail is read from each check's own answer: pandera's table of failure cases costs many times the
check itself if every row fails.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.config import ValidationDepth, config_context

from cio_frames._util.arrays import Cells, Ints
from cio_frames.columns import Columns, FieldSource, suggest_column
from cio_frames.errors import FrameError, MissingColumnsError
from cio_frames.validation import members
from cio_frames.validation.checks import CHECKS, check_name
from cio_frames.validation.failures import Severity, concat_failures, failure_cases
from cio_frames.validation.pandera_schema import prepare_schema, refuse_unknown_columns
from cio_frames.validation.pandera_view import SurrogateText, view_by_field
from cio_frames.validation.type_checks import json_text_reasons, text_reasons, time_reasons


@dataclass(frozen=True, slots=True)
class _BrokenCheck:
    """One check, and the rows that break it; without rows it failed to run.

    ``pandera_check`` is pandera's name, or its whole text for a dtype; ``sentence`` is the check's own error text.
    """

    field: Any
    pandera_check: str
    sentence: str | None
    severity: Severity
    positions: Ints
    values: Cells
    of_frame: bool

    @property
    def name(self) -> str:
        """The stable name of the check."""
        return check_name(self.pandera_check)


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
        Whether a name that no column feeds is looked up among the frame's own columns. In the API's schemas a name is
        always a field's, so a column that is renamed or not sent is not checked.

    Returns
    -------
    pandas.DataFrame
        Columns position, column (the frame's own label), check, severity, value, reason.

    Raises
    ------
    FrameError
        A column of the schema is missing, or one of its checks fails to run on this frame.
    """
    if schema.strict is True:
        refuse_unknown_columns(columns, schema)
    view = view_by_field(frame, columns, schema, own_columns=own_columns)
    schema, warning_checks = prepare_schema(schema, view.columns)
    found: list[_BrokenCheck] = []
    pending = np.ones(len(view), dtype=bool)
    while True:
        broken = list(_run_schema(view[pending] if not pending.all() else view, schema, warning_checks))
        with_rows = [each for each in broken if len(each.positions)]
        without_rows = [each for each in broken if not len(each.positions)]
        found += with_rows
        if not without_rows:
            break
        errors = [each.positions for each in with_rows if each.severity == "error"]
        if not errors:
            _raise_unrunnable(without_rows[0], columns, own_columns)
        # A check failed to run; it may run without the rows that are known to be invalid.
        pending[np.concatenate(errors)] = False
    sources = {source.name: source for source in columns.sources}
    cases = concat_failures([_failure_cases_of(each, sources) for each in found])
    # pandera can report the same of one column twice.
    may_repeat = len({each.field for each in found}) < len(found)
    return cases.drop_duplicates(["position", "reason"], ignore_index=True) if may_repeat else cases


def _run_schema(
    view: pd.DataFrame, schema: pandera.DataFrameSchema, warning_checks: list[pandera.Check]
) -> Iterator[_BrokenCheck]:
    """Run a schema and yield the broken checks, with positions if pandera knows them."""
    try:
        with warnings.catch_warnings():
            # What pandera does to its own tables under pandas 2.2 does not concern users.
            warnings.filterwarnings("ignore", "The behavior of DataFrame concatenation", FutureWarning)
            with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
                schema.validate(view, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        for error in errors.schema_errors:
            yield from _broken_by(error, view, warning_checks)


def _broken_by(
    error: pandera.errors.SchemaError, view: pd.DataFrame, warning_checks: list[pandera.Check]
) -> Iterator[_BrokenCheck]:
    """Yield the rows of one of pandera's errors, or no rows for an error about the frame."""
    of_frame = isinstance(error.schema, pandera.DataFrameSchema)
    check, sentence = _check_and_sentence(error.check)
    severity: Severity = "warning" if any(error.check is each for each in warning_checks) else "error"
    answer = error.check_output
    if not of_frame and isinstance(error.check, pandera.Check) and isinstance(answer, pd.Series):
        # pandera excludes nulls from most checks, so the answer has some positions only.
        positions = answer.index[~answer.to_numpy(dtype=bool, na_value=False)].to_numpy(dtype=np.int64)
        values = view[error.schema.name].loc[positions].to_numpy(dtype=object)
        yield _BrokenCheck(error.schema.name, check, sentence, severity, positions, values, of_frame)
        return
    if isinstance(answer, (bool, np.bool_)):
        # One answer for all rows: the column or the frame as a whole is invalid, and so is every row.
        if len(view):
            positions, values = view.index.to_numpy(dtype=np.int64), _object_array([None] * len(view))
            yield _BrokenCheck(error.schema.name, check, sentence, severity, positions, values, of_frame)
        return
    no_rows = np.empty(0, dtype=np.int64)
    cases = error.failure_cases
    if not isinstance(cases, pd.DataFrame):
        yield _BrokenCheck(error.schema.name, check, sentence, severity, no_rows, _object_array([cases]), of_frame)
        return
    places = pd.to_numeric(cases["index"], errors="coerce")
    known = places.notna().to_numpy()
    values = cases["failure_case"].to_numpy(dtype=object)
    field = error.schema.name if not of_frame else None
    if of_frame:
        # pandera reports a check of whole rows once per column; it is one failure.
        known = known & ~places.duplicated().to_numpy()
    if known.any():
        positions = places[known].to_numpy(dtype=np.int64)
        yield _BrokenCheck(field, check, sentence, severity, positions, values[known], of_frame)
    elif len(cases):
        yield _BrokenCheck(field, check, sentence, severity, no_rows, values, of_frame)


def _check_and_sentence(check: Any) -> tuple[str, str | None]:
    """Return pandera's name of a check, and the text that the check has for its errors."""
    return (check, None) if isinstance(check, str) else (str(check.name), check.error)


def _object_array(values: list[Any]) -> Cells:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _raise_unrunnable(broken: _BrokenCheck, columns: Columns, own_columns: bool) -> None:
    """Raise why a schema cannot be applied to a frame; values stay out of the text."""
    labels = {source.name: source.label for source in columns.sources}
    label = labels.get(broken.field, broken.field)
    is_pattern = broken.pandera_check.startswith("no_regex_column_match")
    if is_pattern or broken.pandera_check == "column_in_dataframe":
        name = columns.event.name if columns.event else columns.call.name
        missing = broken.field if is_pattern else broken.values[0]
        remedy = "Columns of a schema are named by field: user_id, timestamp, traits and properties by their own name."
        if not own_columns:
            remedy = f"Add it, or rename yours: frame.rename(columns={{'your_column': {str(missing)!r}}})."
        hint = suggest_column([str(missing)], list(labels.values()))
        raise MissingColumnsError(name, [str(missing)], list(labels.values()), f"{hint} {remedy}".strip())
    if broken.name == "dtype":
        raise FrameError(
            f"Column {label!r} has dtype {broken.values[0]}; the schema requires {_dtype_of(broken.pandera_check)}. "
            "Convert it with .astype(), or set coerce=True in the schema."
        )
    where = "the frame as a whole" if broken.of_frame else f"column {label!r}"
    raise FrameError(
        f"The check {broken.sentence or broken.pandera_check!r} of {where} raised an error of its own. "
        "Run it alone with schema.validate(frame, lazy=True)."
    )


def _dtype_of(pandera_check: str) -> str:
    """Return the dtype in pandera's text of a check.

    >>> _dtype_of("coerce_dtype('int64')")
    'int64'
    """
    return re.sub(r"^(?:coerce_)?dtype\('?(.*?)'?\)$", r"\1", pandera_check, flags=re.S)


def _failure_cases_of(broken: _BrokenCheck, sources: Mapping[str, FieldSource]) -> pd.DataFrame:
    """Return the failure cases of a broken check, one row per row of the frame."""
    sentence = _sentence_of(broken)
    source = sources.get(broken.field)
    label = source.label if source is not None else broken.field
    reasons: Any = sentence if broken.of_frame else f"{label}: {sentence}"
    is_ours = source is not None and broken.sentence == CHECKS.get(broken.name)
    if source is not None and is_ours and broken.name == "members":
        paths = (members.find_mistake(value, source.field) for value in broken.values)
        reasons = [f"{label}{path}" if path else f"{label}: {sentence}" for path in paths]
    elif is_ours and broken.name == "string":
        known = text_reasons(broken.values)
        reasons = [
            f"{label}: {CHECKS['lone_surrogate'] if isinstance(value, SurrogateText) else reason or sentence}"
            for value, reason in zip(broken.values, known, strict=True)
        ]
    elif is_ours and broken.name == "date_time":
        reasons = [f"{label}: {reason or sentence}" for reason in time_reasons(broken.values)]
    elif is_ours and broken.name in ("array", "object"):
        reasons = [f"{label}: {reason}" for reason in json_text_reasons(broken.values, sentence)]
    elif is_ours and broken.name == "email":
        reasons = [f"{label}: {sentence}{_SPACE_REMEDY if _has_space(value) else ''}" for value in broken.values]
    column = None if broken.of_frame else label
    return failure_cases(broken.positions, column, broken.name, reasons, severity=broken.severity, values=broken.values)


_JSON_REMEDY = ", found JSON text; parse it with json.loads, or store it as a list or struct in Parquet"
_SPACE_REMEDY = ", found white space around it; remove it, for example with .str.strip()"


def _has_space(value: Any) -> bool:
    return isinstance(value, str) and value != value.strip() and "@" in value


def _sentence_of(broken: _BrokenCheck) -> str:
    if broken.sentence:
        return broken.sentence
    if broken.name == "dtype":
        return f"not valid as {_dtype_of(broken.pandera_check)}"
    return CHECKS.get(broken.pandera_check, broken.pandera_check)
