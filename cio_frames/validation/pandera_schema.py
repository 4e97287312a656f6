"""A user's schema made ready to run: a changed copy that reports every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from cio_frames.columns import Columns
from cio_frames.errors import FrameError, parameter

if TYPE_CHECKING:
    import pandera.pandas as pandera

_SchemaPart = TypeVar("_SchemaPart")


def prepare_schema(
    schema: pandera.DataFrameSchema, names: pd.Index[Any]
) -> tuple[pandera.DataFrameSchema, list[pandera.Check]]:
    """Return a schema whose warnings fail as its errors do, and which of its checks are warnings.

    Of each column's check pandera need name one failing cell only: which rows fail is in the check's answer.
    """
    if schema.index is not None:
        raise FrameError(
            "Unsupported schema: index= is not supported, since rows are known by position here. Make the index a "
            "column with .reset_index(), and check that column."
        )
    schema = _copy_part(schema)
    # Columns have no order here: they are found by field.
    schema.ordered = False
    warning_checks: list[pandera.Check] = []

    def prepare_check(check: Any, cases: int | None) -> Any:
        check = _copy_part(check)
        check.n_failure_cases = cases
        if check.raise_warning:
            check.raise_warning = False
            warning_checks.append(check)
        return check

    schema.checks = [prepare_check(check, None) for check in schema.checks]
    columns = {name: _copy_part(column) for name, column in _expand_patterns(schema.columns, names)}
    for column in columns.values():
        column.checks = [prepare_check(check, 1) for check in column.checks]
    schema.columns = columns
    return schema, warning_checks


def _copy_part(part: _SchemaPart) -> _SchemaPart:
    """Return a part of a schema that can be changed without changing the caller's; older pandera cannot copy them."""
    copied: _SchemaPart = object.__new__(type(part))
    copied.__dict__.update(vars(part))
    return copied


def _expand_patterns(
    columns: Mapping[Any, pandera.Column], names: pd.Index[Any]
) -> Iterator[tuple[Any, pandera.Column]]:
    """Yield columns, those that are named by a pattern under each name that matches.

    pandera reports all columns of a pattern under the name of the last one.
    """
    for name, column in columns.items():
        matching = [each for each in names if matches_name(name, each)] if column.regex else []
        for each in matching:
            named = _copy_part(column).set_name(each)
            named.regex = False
            yield each, named
        if not matching:
            yield name, column


def matches_name(pattern: str, name: Any) -> bool:
    """Return whether a column's name matches a pattern of a schema."""
    return isinstance(name, str) and re.match(pattern, name) is not None


def refuse_unknown_columns(columns: Columns, schema: pandera.DataFrameSchema) -> None:
    """Raise if a strict schema does not have every column; pandera reports only the first one, in some versions."""
    unknown = [
        source.label
        for source in columns.sources
        if not any(
            matches_name(name, source.name) if each.regex else name == source.name
            for name, each in schema.columns.items()
        )
    ]
    if unknown:
        raise FrameError(
            f"The schema has strict=True, and these columns are not in it: {', '.join(map(repr, unknown))}. Add them "
            f"to the schema, choose columns with {parameter('traits')} or {parameter('properties')}, or remove "
            "strict=True."
        )
