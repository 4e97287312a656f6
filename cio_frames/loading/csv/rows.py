"""The rows of a CSV file as columns of text: the header, blank lines and repeated headers are told from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import IO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from cio_frames._util.arrays import Bools, Ints
from cio_frames.errors import FrameError
from cio_frames.loading.csv.decoding import refuse_other_encoding, utf8_blocks
from cio_frames.loading.csv.header import check_names, refuse_likely_separator
from cio_frames.loading.csv.options import CsvOptions
from cio_frames.loading.csv.records import CsvDialect, Records, read_records, undo_escapes

OpenFile: TypeAlias = Callable[[], IO[bytes]]


class CsvRows:
    r"""The rows of a CSV file, as text.

    Parameters
    ----------
    open_file : callable
        Opens the file; called several times.
    name : str
        The file's name in errors.
    options : CsvOptions
        How it is written.
    delimiter : str
        The separator, if the options name none.

    Attributes
    ----------
    names : list of str
        The names in the header, blank ones included.

    Examples
    --------
    >>> import io
    >>> rows = CsvRows(lambda: io.BytesIO(b"a,b\n1,\n\na,b\n2,x\n"), "a.csv", CsvOptions(), ",")
    >>> [(table.to_pylist(), places.tolist()) for table, _, places in rows.tables({"b": 1})]
    [([{'b': None}, {'b': 'x'}], [1, 4])]
    """

    def __init__(self, open_file: OpenFile, name: str, options: CsvOptions, delimiter: str) -> None:
        self._open = open_file
        self._name = name
        self._options = options
        self._delimiter = options.delimiter or delimiter
        escape = options.escape_char.encode() if options.escape_char else None
        self._dialect = CsvDialect(self._delimiter.encode(), escape)

    @cached_property
    def names(self) -> list[str]:
        """Return the names in the first line."""
        for records in self._records():
            filled = np.flatnonzero(~records.blank())
            if len(filled):
                header = records.content[records.starts[filled[0]] : records.ends[filled[0]]]
                refuse_other_encoding(records, self._name)
                if self._options.delimiter is None:
                    refuse_likely_separator(header.decode(), self._delimiter, self._name)
                cells = self._parsed(header, [f"f{n}" for n in range(records.fields[filled[0]])], null_values=[])
                names = [column[0].as_py() for column in cells.columns]
                check_names(names, self._name)
                return names
        raise FrameError(
            f"Cannot read {self._name}: the file is empty. It needs a header, a first line with the names of columns."
        )

    def tables(self, columns: Mapping[str, int]) -> Iterator[tuple[pa.Table, Records, Ints]]:
        """Yield some columns of the rows as text, with the records that rows are from, and which of these they are."""
        names = [f"f{n}" for n in range(len(self.names))]
        for records in self._records():
            filled = ~records.blank()
            refuse_other_encoding(records, self._name)
            self._refuse_ragged(records, filled)
            content, places = records.kept(filled)
            if not len(places):
                continue
            table = self._parsed(content, names, null_values=["", *self._options.null_values])
            header = self._repeats_header(table)
            if header is not None:
                table, places = table.filter(pc.invert(header)), places[~np.asarray(header)]
            yield table.select([*columns.values()]).rename_columns([*columns]), records, places

    def _records(self) -> Iterator[Records]:
        with self._open() as file:
            yield from read_records(utf8_blocks(file, self._options.encoding, self._name), self._dialect, self._name)

    def _refuse_ragged(self, records: Records, filled: Bools) -> None:
        """Refuse rows that are short or long."""
        ragged = np.flatnonzero(filled & (records.fields != len(self.names)))
        if not len(ragged):
            return
        line, fields = records.line(ragged[0]), int(records.fields[ragged[0]])
        found = "1 field" if fields == 1 else f"{fields} fields"
        remedy = (
            "The file may be incomplete; write the separators of empty cells at the end of a line too."
            if fields < len(self.names)
            else "Write cells that have a separator in them in quotes, and name every column."
        )
        raise FrameError(f"Cannot read {self._name}: line {line} has {found}, expected {len(self.names)}. {remedy}")

    def _parsed(self, content: bytes, names: list[str], *, null_values: list[str]) -> pa.Table:
        """Return records as columns of text."""
        text = undo_escapes(content, self._dialect)
        return pacsv.read_csv(
            pa.BufferReader(text),
            pacsv.ReadOptions(column_names=names, block_size=max(len(text), 1)),
            pacsv.ParseOptions(
                delimiter=self._delimiter, escape_char=self._options.escape_char or False, newlines_in_values=True
            ),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                check_utf8=False,
                null_values=null_values,
                strings_can_be_null=bool(null_values),
            ),
        )

    def _repeats_header(self, table: pa.Table) -> pa.Array | None:
        """Return which rows have the names of the columns in their cells; None where there are none."""
        first = self.names[0]
        found = pc.is_in(table.column(0), pa.array([first or None, f"\ufeff{first}"], pa.string()))
        for name, column in zip(self.names[1:], table.columns[1:], strict=True):
            if not pc.any(found).as_py():
                return None
            found = pc.and_(found, pc.is_in(column, pa.array([name or None], pa.string())))
        return found.combine_chunks() if pc.any(found).as_py() else None
