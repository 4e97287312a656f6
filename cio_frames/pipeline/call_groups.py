"""The rows of a frame by kind of call, with the columns that feed each kind."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cio_frames import spec, validation
from cio_frames._util.arrays import Ints
from cio_frames.columns import ColumnMapping, Columns, position_of, resolve
from cio_frames.errors import MissingColumnsError
from cio_frames.pipeline.call_spec import CallSpec


class GroupedRows(NamedTuple):
    """Rows by kind of call.

    Attributes
    ----------
    groups : list of (rows, Columns)
        Rows that make the same call from the same columns.
    failures : list of pandas.DataFrame
        Failure cases of rows that make no call.
    decided_by_cells : bool
        Whether cells say which call or event a row is.
    """

    groups: list[tuple[Ints, Columns]]
    failures: list[pd.DataFrame]
    decided_by_cells: bool


def group_rows(frame: pd.DataFrame, call_spec: CallSpec) -> GroupedRows:
    """Return the rows of a frame by kind of call, with the columns of each kind.

    Raises
    ------
    MissingColumnsError
        A column that is named is missing, or one without which no row can make a call.
    FrameError
        The columns cannot make a call.

    Examples
    --------
    >>> from cio_frames.pipeline import build_call_spec
    >>> mixed = pd.DataFrame({"type": ["identify", "page", "identify"], "user_id": ["ada", "bob", "cy"]})
    >>> grouped = group_rows(mixed, build_call_spec("batch"))
    >>> [(columns.call.name, rows.tolist()) for rows, columns in grouped.groups]
    [('identify', [0, 2]), ('page', [1])]
    """
    # The column that names events is not a property, whether it was named or found.
    event_column = find_event_column(frame.columns, call_spec)
    mapping = call_spec.mapping if event_column is None else replace(call_spec.mapping, event=event_column)
    grouped = GroupedRows([], [], call_spec.call == "batch" or event_column is not None)
    if call_spec.call == "batch":
        _check_named_columns(frame, mapping)
    missing = False
    for rows, call, event in _rows_by_call(frame, call_spec, event_column, grouped.failures):
        try:
            columns = resolve(list(frame.columns), call_spec.tracking_plan.calls[call], mapping, event)
        except MissingColumnsError as error:
            if not may_fail_alone(grouped, call_spec):
                raise suggest_index(error, frame) from None
            missing = True
            grouped.failures.append(missing_column_failures(rows, error))
        else:
            grouped.groups.append((rows, columns))
    if grouped.decided_by_cells and not grouped.groups and (missing or len(frame) == 0):
        _check_any_call(frame, call_spec, mapping)
    return grouped


def may_fail_alone(grouped: GroupedRows, call_spec: CallSpec) -> bool:
    """Return whether a missing column makes some rows invalid, rather than being an error of the whole call.

    What cells decide is a matter of their rows. A schema of the caller's own is about all rows.
    """
    return grouped.decided_by_cells and call_spec.schema in ("spec", None)


def suggest_index(error: MissingColumnsError, frame: pd.DataFrame) -> MissingColumnsError:
    """Return an error with the index as the remedy, if it has the name of a missing column.

    >>> people = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ada"], name="user_id"))
    >>> suggest_index(MissingColumnsError("identify", ["user_id"], ["plan"]), people).remedy
    "The index is named 'user_id': make it a column with .reset_index()."
    """
    found = next((name for name in frame.index.names if name is not None and str(name) in error.missing), None)
    if found is None:
        return error
    remedy = f"The index is named {found!r}: make it a column with .reset_index()."
    return MissingColumnsError(error.call, error.missing, list(frame.columns), remedy)


def missing_column_failures(rows: Ints, error: MissingColumnsError) -> pd.DataFrame:
    """Return the failure cases of rows whose call requires a column that the frame does not have."""
    reason = f"{error.call} requires column {' or '.join(error.missing)}, which is missing"
    return validation.failure_cases(rows, None, "column_in_dataframe", reason)


def find_event_column(labels: Collection[Hashable], call_spec: CallSpec) -> Hashable | None:
    """Return the column with each row's event name, if there is one.

    >>> from cio_frames.pipeline import build_call_spec
    >>> (
    ...     find_event_column(["user_id", "event"], build_call_spec("track")),
    ...     find_event_column([], build_call_spec("page")),
    ... )
    ('event', None)
    """
    if call_spec.call not in ("track", "batch") or call_spec.event is not None:
        return None
    if call_spec.mapping.event is not None:
        return call_spec.mapping.event
    return "event" if "event" in labels else None


def _check_named_columns(frame: pd.DataFrame, mapping: ColumnMapping) -> None:
    """Raise MissingColumnsError if a column is named and missing, whatever calls the rows turn out to be."""
    for name in spec.WIRE_NAMES:
        label = getattr(mapping, name)
        if label is not None and not isinstance(label, Mapping):
            _select_column(frame, label, "batch")


def _check_any_call(frame: pd.DataFrame, call_spec: CallSpec, mapping: ColumnMapping) -> None:
    """Raise MissingColumnsError if the columns can make none of the calls that cells can ask for."""
    first: MissingColumnsError | None = None
    for call in spec.CALL_NAMES if call_spec.call == "batch" else (call_spec.call,):
        try:
            resolve(list(frame.columns), call_spec.tracking_plan.calls[call], mapping)
        except MissingColumnsError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def _rows_by_call(
    frame: pd.DataFrame, call_spec: CallSpec, event_column: Hashable | None, failures: list[pd.DataFrame]
) -> Iterator[tuple[Ints, spec.CallName, spec.Event | str | None]]:
    """Yield the rows of each call and event; rows of an unknown call become failures."""
    if call_spec.call != "batch":
        yield from _rows_by_event(frame, np.arange(len(frame)), call_spec.call, call_spec, event_column)
        return
    label = call_spec.mapping.type_column
    types = _select_column(frame, label, "batch")
    known = types.isin(spec.CALL_NAMES).to_numpy(dtype=bool, na_value=False)
    reason = f"{label}: must be one of {', '.join(spec.CALL_NAMES)}"
    values = types[~known].to_numpy(dtype=object)
    failures.append(validation.failure_cases(np.flatnonzero(~known), label, "type", reason, values=values))
    known_rows = np.flatnonzero(known)
    known_types = types.iloc[known_rows]
    for call in spec.CALL_NAMES:
        rows = known_rows[known_types.eq(call).to_numpy(dtype=bool, na_value=False)]
        if len(rows):
            yield from _rows_by_event(frame, rows, call, call_spec, event_column)


def _rows_by_event(
    frame: pd.DataFrame, rows: Ints, call: spec.CallName, call_spec: CallSpec, event_column: Hashable | None
) -> Iterator[tuple[Ints, spec.CallName, spec.Event | str | None]]:
    """Yield track rows by semantic event, then those of all custom events together; rows of other calls as they are."""
    plan = call_spec.tracking_plan
    if call != "track":
        yield rows, call, None
        return
    if event_column is None:
        yield rows, call, plan.event(call_spec.event) or call_spec.event
        return
    cells = _select_column(frame, event_column, call).iloc[rows].astype(object)
    # Cells that are not text are reported later, with the other cells that cannot be encoded.
    known = [plan.event(cell) if isinstance(cell, str) else None for cell in cells]
    names = np.array(["" if event is None else event.name for event in known], dtype=object)
    for name in sorted(set(names) - {""}):
        yield rows[names == name], call, plan.event(name)
    custom = rows[names == ""]
    if len(custom) or len(frame) == 0:
        yield custom, call, None


def _select_column(frame: pd.DataFrame, label: Hashable, call: str) -> pd.Series[Any]:
    """Return one column by label; raise if it is missing or ambiguous."""
    return frame.iloc[:, position_of(list(frame.columns), label, call)]
