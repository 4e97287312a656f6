"""Undelivered rows of many chunks in few files: in one, unless no single type can hold a column of all of them.

A type can hold the columns of two files if both are sent as the same JSON from it, except that ``2`` may become
``2.0``. Text can hold everything, but would be sent as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

_TIME_UNITS = ("s", "ms", "us", "ns")


@dataclass(slots=True)
class PartGroup:
    """Parts whose rows fit into one file.

    Attributes
    ----------
    types : dict
        Each column's type.
    parts : list of Path
        Parquet files.
    """

    types: dict[str, pa.DataType] = field(default_factory=dict)
    parts: list[Path] = field(default_factory=list)

    def try_add(self, part: Path) -> bool:
        """Add a part if its rows fit; return whether they do."""
        types = dict(self.types)
        for each in pq.read_schema(part.absolute()):
            common = common_type(types.get(each.name, each.type), each.type)
            if common is None:
                return False
            types[each.name] = common
        affected = [part] if types == self.types else [*self.parts, part]
        if not all(_can_cast_part(each, types) for each in affected):
            return False
        self.types = types
        self.parts.append(part)
        return True

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows, part by part, with all columns."""
        schema = self.schema
        for part in self.parts:
            table = pq.read_table(part.absolute())
            found = dict(zip(table.column_names, table.columns, strict=True))
            columns = [
                found[name].cast(kind) if name in found else pa.nulls(len(table), kind)
                for name, kind in self.types.items()
            ]
            yield pa.table(columns, schema=schema)

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return pa.schema(self.types)


def group_parts(parts: Sequence[Path]) -> list[PartGroup]:
    """Return parts in as few groups as fit into one file each, in order."""
    groups: list[PartGroup] = []
    for part in parts:
        if not any(group.try_add(part) for group in groups):
            groups.append(PartGroup())
            groups[-1].try_add(part)
    return groups


def clear_empty_columns(table: pa.Table) -> pa.Table:
    """Return a table whose columns of nulls have the null type, which fits any type of other parts."""
    columns = {
        name: pa.nulls(len(table)) if column.null_count == len(table) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns).replace_schema_metadata(table.schema.metadata)


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return a type from which the values of two types are sent unchanged; None if there is none.

    It does not say that all values fit.

    >>> common_type(pa.int8(), pa.float64()), common_type(pa.int64(), pa.string())
    (DataType(double), None)
    """
    one, other = (kind.value_type if kinds.is_dictionary(kind) else kind for kind in (one, other))
    if one == other:
        return one
    if _is_text_type(one) and _is_text_type(other):
        return pa.large_string()
    if kinds.is_integer(one) and kinds.is_integer(other):
        return pa.uint64() if pa.uint64() in (one, other) else pa.int64()
    if pa.float64() in (one, other) and (kinds.is_integer(one) or kinds.is_integer(other)):
        return pa.float64()
    if kinds.is_timestamp(one) and kinds.is_timestamp(other):
        return _common_timestamp(one, other)
    if all(kinds.is_decimal(kind) or kinds.is_integer(kind) for kind in (one, other)):
        return _common_decimal(one, other)
    try:
        return pa.unify_schemas([pa.schema({"": one}), pa.schema({"": other})]).field(0).type
    except pa.ArrowException:
        return None


def _common_decimal(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    digits = [(kind.precision, kind.scale) if kinds.is_decimal(kind) else (20, 0) for kind in (one, other)]
    scale = max(scale for _, scale in digits)
    return pa.decimal256(min(76, max(precision - scale for precision, scale in digits) + scale), scale)


def _common_timestamp(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    # A time without a zone depends on timezone=, one with a zone does not.
    if (one.tz is None) != (other.tz is None):
        return None
    return pa.timestamp(max(one.unit, other.unit, key=_TIME_UNITS.index), one.tz if one.tz == other.tz else "UTC")


def _can_cast_part(part: Path, types: Mapping[str, pa.DataType]) -> bool:
    changed = {each.name: types[each.name] for each in pq.read_schema(part.absolute()) if each.type != types[each.name]}
    if not changed:
        return True
    try:
        _cast_columns(pq.read_table(part.absolute(), columns=list(changed)), changed)
    except pa.ArrowException:
        return False
    return True


def _cast_columns(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.table(
        {name: column.cast(types[name]) for name, column in zip(table.column_names, table.columns, strict=True)}
    )


def _is_text_type(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))
