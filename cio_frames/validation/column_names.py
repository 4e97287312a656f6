"""Names of columns, and of the index, under which something else happens than was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from cio_frames import spec
from cio_frames.columns import ColumnMapping, Columns, FieldSource
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.column_reader import ColumnReader
from cio_frames.validation.warning_counts import ColumnWarning

# Reserved attributes that an identify has fields for, or that nobody can set.
_RESERVED_TRAITS = frozenset({"id", "cio_id", "anonymous_id"})
# Names that pandas, Spark and Postgres make up for columns without one.
_MADE_UP = re.compile(r"Unnamed: \d+(_level_\d+)?|__index_level_\d+__|_c\d+|\?column\?|")


def name_warnings(reader: ColumnReader, columns: Columns, mapping: ColumnMapping) -> Iterator[ColumnWarning]:
    """Yield warnings about names of columns, and about names of the index.

    >>> import pandas as pd
    >>> from cio_frames.columns import resolve
    >>> people = pd.DataFrame({"user_id": ["ada"], "id": [5], "_margin": [0.2]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(found.check, found.column) for found in name_warnings(ColumnReader(people), columns, ColumnMapping())]
    [('reserved_trait', 'id'), ('private_name', '_margin')]
    """
    bag = columns.call.bag
    for source in columns.sources:
        if source.path[0] != bag:
            continue
        check = _check_of_name(source, columns, chosen=getattr(mapping, str(bag)) is not None)
        if check is not None:
            yield ColumnWarning(check, source.label, reader.filled(source), CHECKS[check])
    yield from _index_names(reader, columns)


def _check_of_name(source: FieldSource, columns: Columns, *, chosen: bool) -> str | None:
    name = source.path[1]
    if columns.call.name == "identify" and source.path[1:] == (name,) and name in _RESERVED_TRAITS:
        return "reserved_trait"
    # A column that the caller names is meant.
    if chosen:
        return None
    if _MADE_UP.fullmatch(name):
        return "unnamed_column"
    return "private_name" if name.startswith("_") else None


def _index_names(reader: ColumnReader, columns: Columns) -> Iterator[ColumnWarning]:
    names = [name for name in reader.frame.index.names if isinstance(name, str)]
    for name, wire in spec.WIRE_NAMES.items():
        is_fed = columns.source(wire) is not None or any(path[0] == wire for path in columns.constants)
        if wire in columns.call.fields and not is_fed:
            for label in {name, wire}.intersection(names):
                rows = np.ones(reader.rows, dtype=bool)
                yield ColumnWarning("index_name", label, rows, CHECKS["index_name"])
