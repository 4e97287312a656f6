"""Warnings counted for people and for programs: one line each, however many rows or chunks they are about."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence, Sized
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from cio_frames._util.arrays import Bools
from cio_frames.validation.checks import CHECKS, COLUMN_CHECKS, SOURCE_CHECKS

Scope = Literal["row", "column", "source"]

MAX_FIRST_POSITIONS = 5
_MAX_LABELS = 10
_MAX_REASON_COUNTS = 50


class ColumnWarning(NamedTuple):
    """A warning about a column of a frame, or about its index, and the rows that it concerns."""

    check: str
    column: Hashable
    rows: Bools
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class WarningCount:
    """A warning, and how many rows it concerns.

    Attributes
    ----------
    check : str
        The name of the check.
    column : str or None
        The column; None for a warning about rows as a whole, or about the source.
    scope : {"row", "column", "source"}
        ``row`` if each row has the warning in its result, ``column`` if one line stands for all rows of a column,
        ``source`` for what shows only over all rows.
    rows : int
        How many rows it concerns; of duplicates, how many people or emails.
    sentence : str
        What it says, without the column.
    hint : str
        What was probably meant, such as another name.
    at_least : bool
        Whether ``rows`` is a lower bound, since not everything could be remembered.
    first_positions : tuple of int
        The first rows in a frame, counted from 0.
    """

    check: str
    column: str | None
    scope: Scope
    rows: int
    sentence: str
    hint: str = ""
    at_least: bool = False
    first_positions: tuple[int, ...] = ()

    @property
    def reason(self) -> str:
        """The whole sentence.

        >>> WarningCount("duplicate_people", None, "source", 2, "people have several rows", at_least=True).reason
        'at least 2 people have several rows'
        """
        if self.scope == "source":
            sentence = SOURCE_CHECKS.get(self.check, self.sentence) if self.rows == 1 else self.sentence
            return f"{'at least ' if self.at_least else ''}{self.rows:,} {sentence}{self.hint}"
        return (
            f"{self.column}: {self.sentence}{self.hint}" if self.column is not None else f"{self.sentence}{self.hint}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the warning as JSON-compatible values, for programs."""
        return {
            "check": self.check,
            "column": self.column,
            "scope": self.scope,
            "rows": self.rows,
            "at_least": self.at_least,
            "reason": self.reason,
        }


def count_column(warning: ColumnWarning, positions: Any = None) -> WarningCount:
    """Return how many rows a warning about a column concerns.

    ``positions`` are those of the rows in the whole frame, if the warning is about some of its rows.
    """
    first = np.flatnonzero(warning.rows)[:MAX_FIRST_POSITIONS]
    first = first if positions is None else positions[first]
    return WarningCount(
        warning.check,
        _label_text(warning.column),
        "column",
        int(warning.rows.sum()),
        warning.sentence,
        warning.hint,
        first_positions=tuple(int(position) for position in first),
    )


def count_rows(cases: pd.DataFrame, excluded: Bools | None = None) -> list[WarningCount]:
    """Return failure cases of rows, counted by check, column and reason; the rows that are excluded do not count.

    >>> from cio_frames.validation.failures import failure_cases
    >>> cases = failure_cases(np.array([0, 3]), "user_id", "id_word", "user_id: not an id", severity="warning")
    >>> [(each.check, each.rows, each.reason) for each in count_rows(cases)]
    [('id_word', 2, 'user_id: not an id')]
    """
    if excluded is not None and len(cases):
        cases = cases[~excluded[cases["position"].to_numpy(dtype=np.int64)]]
    if not len(cases):
        return []
    counted = cases.groupby(["check", "column", "reason"], dropna=False, sort=False)["position"].nunique()
    counted = counted.sort_values(ascending=False, kind="stable")
    found = []
    keys: list[Any] = counted.index[:_MAX_REASON_COUNTS].tolist()
    for (check, column, reason), rows in zip(keys, counted.tolist(), strict=False):
        label = None if _is_missing(column) else _label_text(column)
        sentence = reason if label is None else str(reason).removeprefix(f"{label}: ")
        found.append(WarningCount(str(check), label, "row", int(rows), str(sentence)))
    if len(counted) > _MAX_REASON_COUNTS:
        rest = int(counted.iloc[_MAX_REASON_COUNTS:].sum())
        found.append(WarningCount("others", None, "row", rest, "other warnings, see the results"))
    return found


def merge_warning_counts(found: Iterable[WarningCount]) -> list[WarningCount]:
    """Return the warnings of several parts of a source, each once; the most frequent first within their scope.

    >>> part = WarningCount("id_word", "user_id", "row", 2, "not an id")
    >>> [each.rows for each in merge_warning_counts([part, part])]
    [4]
    """
    merged: dict[tuple[Any, ...], WarningCount] = {}
    for each in found:
        key = (each.check, each.column, each.scope, each.sentence, each.hint)
        known = merged.get(key)
        if known is None:
            merged[key] = each
        elif each.scope == "source":
            # What shows over all rows is counted over all rows each time.
            merged[key] = replace(known, rows=max(known.rows, each.rows), at_least=known.at_least or each.at_least)
        else:
            positions = (*known.first_positions, *each.first_positions)[:MAX_FIRST_POSITIONS]
            at_least = known.at_least or each.at_least
            rows = known.rows + each.rows
            merged[key] = replace(known, rows=rows, at_least=at_least, first_positions=positions)
    order = {"row": 0, "source": 1, "column": 2}
    return sorted(merged.values(), key=lambda each: (order[each.scope], -each.rows))


def warning_lines(warnings: Sequence[WarningCount]) -> list[str]:
    """Return one line for each warning; columns with the same warning share one.

    >>> unknown = [
    ...     WarningCount("unknown_property", label, "column", 7, "not a known property of Order Completed")
    ...     for label in ("items", "store")
    ... ]
    >>> warning_lines(unknown)
    ['2 columns are not known properties of Order Completed: items, store']
    """
    groups: dict[tuple[Any, ...], list[WarningCount]] = {}
    for number, each in enumerate(warnings):
        alone = each.scope != "column" or each.check not in COLUMN_CHECKS
        groups.setdefault((number,) if alone else (each.check, each.sentence), []).append(each)
    return [_warning_line(group) for group in groups.values()]


def _warning_line(group: list[WarningCount]) -> str:
    first = group[0]
    if first.scope == "source":
        return first.reason
    if len(group) == 1:
        at_least = "at least " if first.at_least else ""
        return f"{first.reason} ({at_least}{first.rows:,} row{'' if first.rows == 1 else 's'})"
    labels = [f"{each.column}{_in_brackets(each.hint)}" for each in group]
    more = f" and {len(labels) - _MAX_LABELS:,} more" if len(labels) > _MAX_LABELS else ""
    # What the sentence of one column says beyond that of the check, such as the name of the event.
    specific = first.sentence.removeprefix(CHECKS[first.check])
    specific = "" if specific == first.sentence else specific
    return f"{len(group):,} {COLUMN_CHECKS[first.check]}{specific}: {', '.join(labels[:_MAX_LABELS])}{more}"


def count_of(things: Sized, noun: str) -> str:
    """Return how many things there are, with their noun.

    >>> count_of("ab", "warning"), count_of("a", "warning")
    ('2 warnings', '1 warning')
    """
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def _in_brackets(hint: str) -> str:
    hint = hint.removeprefix("; ")
    return f" ({hint})" if hint else ""


def warning_summary(warnings: Iterable[WarningCount]) -> pd.DataFrame:
    """Return warnings as a frame: check, column, scope, rows, at_least, reason."""
    names = ["check", "column", "scope", "rows", "at_least", "reason"]
    return pd.DataFrame([each.as_dict() for each in warnings], columns=names)


def to_records(warnings: Iterable[WarningCount]) -> list[dict[str, Any]]:
    """Return warnings as values that JSON can hold and :func:`from_records` reads."""
    return [asdict(each) | {"first_positions": list(each.first_positions)} for each in warnings]


def from_records(records: Iterable[Mapping[str, Any]]) -> list[WarningCount]:
    """Return warnings that were kept as JSON; keys of other versions are left out.

    >>> kept = WarningCount("id_word", "user_id", "row", 2, "not an id")
    >>> from_records(to_records([kept])) == [kept]
    True
    """
    return [WarningCount(**_fields_of(record)) for record in records]


def _fields_of(record: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(WarningCount)}
    kept = {name: value for name, value in record.items() if name in names}
    return kept | {"first_positions": tuple(kept.get("first_positions", ()))}


def _label_text(label: Hashable) -> str:
    return str(label).encode("utf-8", "replace").decode()


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell != cell
