"""Folders that say something of all rows in them: ``country=de/`` is the column ``country``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pandas as pd

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_DTYPES: Mapping[Any, str] = {int: "Int64", str: "string"}

Partition = Mapping[str, str | None]


def parse_partition(folders: Sequence[str]) -> dict[str, str | None]:
    """Return what folders say, by column.

    >>> parse_partition(["orders", "country=de", "year=2026"])
    {'country': 'de', 'year': '2026'}
    """
    return dict(_parse(folders))


def _parse(folders: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    for folder in folders:
        name, equals, value = folder.partition("=")
        if equals and name:
            yield unquote(name), None if value == _NO_VALUE else unquote(value)


def add_partition(frame: pd.DataFrame, partition: Partition, types: Mapping[str, Any]) -> pd.DataFrame:
    """Return a file's rows with the columns of its folders at the end.

    >>> add_partition(pd.DataFrame({"user_id": ["ada"]}), {"year": "2026"}, {"year": int}).to_dict("records")
    [{'user_id': 'ada', 'year': 2026}]
    """
    values = {name: value for name, value in partition.items() if name not in frame.columns}
    if not values:
        return frame
    columns = {
        name: pd.Series(pd.NA if value is None else types[name](value), index=frame.index, dtype=_DTYPES[types[name]])
        for name, value in values.items()
    }
    return pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)


def partition_types(partitions: Iterable[Partition]) -> dict[str, Any]:
    """Return the type of each folder name's values: whole numbers if all of them are, text by default.

    >>> partition_types([{"year": "2025", "country": "de"}, {"year": "2026"}])
    {'year': <class 'int'>, 'country': <class 'str'>}
    """
    values: dict[str, list[str]] = {}
    for partition in partitions:
        for name, value in partition.items():
            values.setdefault(name, []).extend([] if value is None else [value])
    return {
        name: int if texts and all(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text) for text in texts) else str
        for name, texts in values.items()
    }
