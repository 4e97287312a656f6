"""A Delta table as a source of rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd

from cio_frames.arrow.tables import frame_of_table
from cio_frames.loading.delta import DeltaFolder
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.parquet import recut_batches
from cio_frames.loading.source import Chunk, TypesOf, Wanted


class DeltaSource:
    """The rows of a Delta table at the version that it has when it is opened."""

    repeatable = True
    resumable = True

    def __init__(self, path: str, chunk_rows: int) -> None:
        self.name = path
        self.chunk_rows = chunk_rows
        self._table = DeltaFolder(path)

    def stamps(self) -> None:
        """Return None, so that a load that is resumed compares the rows: their order is not part of a version."""

    def settings(self) -> dict[str, Any]:
        """Return the version that is read."""
        return {"delta_version": self._table.version}

    def notes(self) -> SourceNotes:
        """Return the version that is read."""
        return SourceNotes(delta_version=self._table.version)

    def rows(self) -> int | None:
        """Return None: the rows are counted as they are read."""

    def labels(self) -> Iterator[tuple[str, list[Hashable]]]:
        """Yield its columns."""
        yield self.name, list(frame_of_table(self._table.schema().empty_table()).columns)

    def chunks(
        self,
        *,
        done: frozenset[int] = frozenset(),
        types_of: TypesOf = lambda labels: {},
        wanted: Wanted = lambda labels: None,
    ) -> Iterator[Chunk]:
        """Yield all rows with all columns."""
        first_row = 0
        batches = self._table.batches(max(self.chunk_rows // 4, 1))
        for number, frame in enumerate(recut_batches(batches, self.chunk_rows)):
            yield Chunk(number, frame, self.name, first_row, number)
            first_row += len(frame)

    def read_all_columns(self, chunk: Chunk) -> pd.DataFrame:
        """Return a chunk's rows with all columns."""
        return chunk.frame
