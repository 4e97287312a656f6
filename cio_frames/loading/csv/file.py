"""A CSV file as frames: read once to see whether it is sound and what its columns hold, and once for the rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames._util.arrays import Ints
from cio_frames.errors import FrameError, parameter
from cio_frames.loading.csv.header import is_invented
from cio_frames.loading.csv.kinds import ColumnKind, ColumnTally, float_ids, mixed_column, plain_ids, typed_column
from cio_frames.loading.csv.options import CsvOptions, csv_option
from cio_frames.loading.csv.records import Records
from cio_frames.loading.csv.rows import CsvRows, OpenFile
from cio_frames.loading.csv.times import iso_cells_of_another_form, iso_texts, mostly_day_or_month_first
from cio_frames.loading.source import TypesOf

# The kinds of column that fit a type.
_TYPED = {"number": ("integer", "number", "exact"), "integer": ("integer", "number", "exact"), "boolean": ("boolean",)}


@dataclass(frozen=True, slots=True)
class CsvSurvey:
    """What a CSV file has in it, after one look at all of it.

    Attributes
    ----------
    rows : int
        How many rows it has.
    kinds : dict
        What its columns hold, but for those that are text whatever they look like.
    types : dict
        What columns should hold.
    float_ids : dict of str to int
        How many ids of a column end in ``.0``, which pandas writes and which is taken off.
    repeated_headers : int
        How many lines repeat the names of the columns, and are not rows.
    warnings : tuple of str
        Sentences about columns.
    """

    rows: int
    kinds: Mapping[str, ColumnKind]
    types: Mapping[Hashable, str]
    float_ids: Mapping[str, int]
    repeated_headers: int
    warnings: Sequence[str]


class CsvFile:
    r"""A CSV file.

    Parameters
    ----------
    open_file : callable
        Opens the file; called several times.
    name : str
        What errors call it.
    options : CsvOptions
        How it is written.
    default_delimiter : str
        The separator where the options name none.
    keep : collection of column labels
        Columns that are read also if nobody seems to have named them, such as ``Unnamed: 0``.

    Examples
    --------
    >>> import io
    >>> file = CsvFile(lambda: io.BytesIO(b"user_id,logins\n007,5\nada,n/a\n"), "people.csv", CsvOptions())
    >>> file.labels()
    ['user_id', 'logins']
    >>> survey = file.survey(lambda labels: {"user_id": "string"})
    >>> [list(frame["user_id"]) for frame in file.frames(survey, rows=1)]
    [['007'], ['ada']]
    """

    def __init__(
        self, open_file: OpenFile, name: str, options: CsvOptions, default_delimiter: str = ",",
        keep: Collection[Hashable] = (),
    ) -> None:  # fmt: skip
        self._name = name
        self._options = options
        self._keep = keep
        self._rows = CsvRows(open_file, name, options, default_delimiter)

    def labels(self) -> list[str]:
        """Return the names of its columns, but for those that nobody gave."""
        return list(self._places())

    def _places(self) -> dict[str, int]:
        """Return which columns are read; one without a name is called as pandas would call it."""
        names = {name or f"Unnamed: {place}": place for place, name in enumerate(self._rows.names)}
        return {name: place for name, place in names.items() if name in self._keep or not is_invented(name)}

    def nameless(self) -> int:
        """Return how many columns nobody has named; they are not read."""
        return len(self._rows.names) - len(self.labels())

    def survey(self, types_of: TypesOf) -> CsvSurvey:
        """Read the file once, check that it is sound, and return what it has in it.

        Parameters
        ----------
        types_of : callable
            Given the columns, says which types the spec has: those of JSON Schema, or ``date-time``, ``id``
            (without the ``.0`` of pandas), or ``strict id`` (refused with it). Text stays text whatever it looks like.

        Raises
        ------
        FrameError
            A row is short or long, a quote is stray, a cell is not text of this encoding, times are not of the form
            that they should be; told by its line.
        """
        types = self.resolve_types(types_of)
        tallies = {name: ColumnTally() for name in self.labels() if not self._is_text(types.get(name))}
        ids = {name: 0 for name in self.labels() if types.get(name) in ("id", "strict id")}
        times = [name for name in self.labels() if types.get(name) == "date-time"]
        rows = lines = 0
        for table, records, places in self._rows.tables(self._places()):
            rows += len(table)
            lines += len(records) - int(records.blank().sum())

            def line(row: int, records: Records = records, places: Ints = places) -> int:
                return records.line(places[row])

            for name, tally in tallies.items():
                tally.add(table.column(name).combine_chunks(), self._options.decimal, line)
            for name in ids:
                found = float_ids(table.column(name)).combine_chunks()
                ids[name] += int(found.true_count)
                if types[name] == "strict id" and found.true_count:
                    self._refuse_float_id(name, line(pc.index(found, True).as_py()))
            for name in times:
                self._refuse_other_times(name, table.column(name).combine_chunks(), line)
        said = (tally.warning(name) for name, tally in tallies.items() if types.get(name) not in _TYPED)
        return CsvSurvey(
            rows=rows,
            kinds={name: tally.kind() for name, tally in tallies.items()},
            types=types,
            float_ids={name: count for name, count in ids.items() if count},
            # The first line is the header.
            repeated_headers=max(lines - 1 - rows, 0),
            warnings=tuple(each for each in said if each is not None),
        )

    def frames(self, survey: CsvSurvey, rows: int) -> Iterator[pd.DataFrame]:
        """Yield the rows, so many at a time."""
        waiting: list[pa.Table] = []
        count = 0
        for table, _, _ in self._rows.tables(self._places()):
            waiting.append(table)
            count += len(table)
            if count >= rows:
                whole = pa.concat_tables(waiting)
                for start in range(0, count - count % rows, rows):
                    yield self._frame(whole.slice(start, rows), survey)
                waiting, count = [whole.slice(count - count % rows)], count % rows
        if count:
            yield self._frame(pa.concat_tables(waiting), survey)

    def resolve_types(self, types_of: TypesOf) -> dict[Hashable, str]:
        """Return the types of its columns: those of the spec, and those that the options name."""
        own = {"text": "string", "number": "number", "boolean": "boolean"}
        return {**types_of(self.labels()), **{name: own[kind] for name, kind in self._options.types.items()}}

    def _is_text(self, type_name: str | None) -> bool:
        return type_name in ("string", "id", "strict id") or (
            type_name == "date-time" and self._options.time_format is not None
        )

    def _frame(self, table: pa.Table, survey: CsvSurvey) -> pd.DataFrame:
        columns = {name: self._column(name, table.column(name), survey) for name in table.column_names}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))

    def _column(self, name: str, text: pa.ChunkedArray, survey: CsvSurvey) -> pd.Series[Any]:
        mark, kind, wanted = self._options.decimal, survey.kinds.get(name, "text"), survey.types.get(name)
        if wanted == "id":
            return typed_column(plain_ids(text), "text", mark)
        if wanted == "date-time" and self._options.time_format is not None:
            return typed_column(iso_texts(text, self._options.time_format), "text", mark)
        if wanted in _TYPED and kind not in _TYPED[wanted]:
            return mixed_column(text, "boolean" if wanted == "boolean" else "number", mark)
        return typed_column(text, kind, mark)

    def _refuse_float_id(self, name: str, line: int) -> None:
        raise FrameError(
            f"{self._name}: line {line} has an id in {name!r} that ends in .0, as pandas writes whole numbers beside "
            "missing values, and this call cannot be undone. Write ids without it, or pass "
            f"{parameter('exact_ids', True)} if it is part of them."
        )

    def _refuse_other_times(self, name: str, text: pa.Array, line: Callable[[int], int]) -> None:
        """Refuse times in which day and month could change places."""
        if self._options.time_format is None:
            if mostly_day_or_month_first(text):
                raise FrameError(
                    f"{self._name}: times in {name!r} are written as day and month in an order that is not known. Pass "
                    f"{csv_option('time_format', '%d/%m/%Y')} or {csv_option('time_format', '%m/%d/%Y')}."
                )
            return
        other = np.flatnonzero(iso_cells_of_another_form(text, self._options.time_format))
        if len(other):
            raise FrameError(
                f"{self._name}: line {line(other[0])} has a time in {name!r} that is ISO 8601, not "
                f"{self._options.time_format!r}. Write all times in one form."
            )
