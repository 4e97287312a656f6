"""JSON Lines as frames: one object per line, read once for the names in it and once for the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import IO, Any

import orjson
import pandas as pd

from cio_frames.errors import FrameError
from cio_frames.loading.csv.records import MAX_RECORD_BYTES, READ_BYTES
from cio_frames.loading.csv.rows import OpenFile
from cio_frames.loading.file_kinds import SNIFFED_BYTES, refuse_other_kind

_LINE_END = re.compile(rb"\r?\n")


class JsonLinesFile:
    r"""A file with one JSON object per line; names that are missing in a line are missing values.

    Parameters
    ----------
    open_file : callable
        Opens the file; called several times.
    name : str
        What errors call it.

    Examples
    --------
    >>> import io
    >>> file = JsonLinesFile(
    ...     lambda: io.BytesIO(b'{"user_id":"ada","n":1}\n{"user_id":"bob","tags":["x"]}\n'), "a.jsonl"
    ... )
    >>> file.labels()
    ['user_id', 'n', 'tags']
    >>> next(file.frames(rows=10))["n"].tolist()
    [1, None]
    """

    def __init__(self, open_file: OpenFile, name: str) -> None:
        self._open = open_file
        self._name = name

    @cached_property
    def _names(self) -> list[str]:
        names: dict[str, None] = {}
        for objects in self._objects():
            for each in objects:
                if not names.keys() >= each.keys():
                    names |= dict.fromkeys(each)
        return list(names)

    def labels(self) -> list[str]:
        """Return all names in the file, in the order of their first lines."""
        return self._names

    def frames(self, rows: int) -> Iterator[pd.DataFrame]:
        """Yield the rows, so many at a time."""
        waiting: list[dict[str, Any]] = []
        for objects in self._objects():
            waiting += objects
            while len(waiting) >= rows:
                yield self._frame(waiting[:rows])
                waiting = waiting[rows:]
        if waiting:
            yield self._frame(waiting)

    def _frame(self, objects: list[dict[str, Any]]) -> pd.DataFrame:
        # As objects, so that a missing value does not make floats of the whole numbers beside it.
        columns = {name: pd.Series([each.get(name) for each in objects], dtype=object) for name in self._names}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(objects)))

    def _objects(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the objects, some at a time."""
        line = 1
        with self._open() as file:
            for block in self._blocks(file):
                yield self._parsed(block, line)
                line += block.count(b"\n")

    def _blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        """Yield whole lines."""
        rest = b""
        block = file.read(READ_BYTES)
        if block:
            refuse_other_kind(self._name, "JSON Lines", block[:SNIFFED_BYTES])
        while block:
            whole, end, rest = (rest + block).rpartition(b"\n")
            if end:
                yield whole + end
            elif len(rest) > MAX_RECORD_BYTES:
                raise FrameError(
                    f"{self._name}: a line is longer than {MAX_RECORD_BYTES:,} bytes. Write one object per line."
                )
            block = file.read(READ_BYTES)
        if rest:
            yield rest

    def _parsed(self, block: bytes, first_line: int) -> list[dict[str, Any]]:
        """Return the objects of whole lines: all of them parsed at once, one by one only to find a mistake."""
        lines = [line for line in _LINE_END.split(block.removeprefix(b"\xef\xbb\xbf")) if line.strip()]
        try:
            objects = orjson.loads(b"[" + b",".join(lines) + b"]")
        except orjson.JSONDecodeError:
            objects = []
        if len(objects) != len(lines) or not set(map(type, objects)) <= {dict}:
            self._refuse_first_mistake(block, first_line)
        return list(objects)

    def _refuse_first_mistake(self, block: bytes, first_line: int) -> None:
        for number, line in enumerate(block.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=first_line):
            if not line.strip():
                continue
            try:
                is_object = isinstance(orjson.loads(line), dict)
                why = "is not a JSON object"
            except orjson.JSONDecodeError:
                is_object, why = False, "is not valid JSON"
            if not is_object:
                raise FrameError(
                    f"{self._name}: line {number} {why}. Write one object per line; pandas does with "
                    'to_json(..., orient="records", lines=True).'
                )
