"""Delta tables, read by the package deltalake: the rows of their current version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.errors import ConfigurationError, FrameError


class DeltaFolder:
    """A Delta table at the version that it has now.

    Parameters
    ----------
    path : str
        Its folder or address.

    Attributes
    ----------
    version : int
        The version that is read, also if another is written meanwhile.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._table = _open_table(path)
        self.version = int(self._table.version())

    def schema(self) -> pa.Schema:
        """Return its columns, those of partitions among them."""
        return pa.schema(self._table.schema().to_arrow())

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield its rows, so many at a time, those that were written first before the others."""
        from deltalake.exceptions import DeltaProtocolError

        with translate_delta_errors(self._path):
            try:
                dataset = self._table.to_pyarrow_dataset(
                    parquet_read_options=ds.ParquetReadOptions(coerce_int96_timestamp_unit="us")
                )
            except DeltaProtocolError:
                yield from self._query()
            else:
                yield from self._oldest_first(dataset).to_batches(batch_size=rows)

    def _oldest_first(self, dataset: ds.FileSystemDataset) -> ds.FileSystemDataset:
        """Return the files in the order in which they were written: what is sent last, stays."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        # By their own names, since folders are encoded once more in one of the two.
        names = (path.rpartition("/")[2] for path in actions["path"].to_pylist())
        times = dict(zip(names, actions["modification_time"].to_pylist(), strict=True))

        def age(fragment: ds.Fragment) -> tuple[int, str]:
            return times.get(fragment.path.rpartition("/")[2], 0), fragment.path

        fragments = sorted(dataset.get_fragments(), key=age)
        return ds.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)

    def _query(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a table with deletion vectors or renamed columns, which Arrow alone does not know."""
        from deltalake import QueryBuilder

        # In one partition, so that the order of files does not hang on which is read first.
        builder = QueryBuilder({"datafusion.execution.target_partitions": "1"}).register("source", self._table)
        yield from pa.RecordBatchReader.from_stream(builder.execute("SELECT * FROM source"))


def _open_table(path: str) -> Any:
    try:
        from deltalake import DeltaTable
    except ImportError as error:
        raise ConfigurationError(
            f"{path} is a Delta table, and the package that reads it is not installed. Install it: pip install "
            "'cio-frames[delta]'."
        ) from error
    with translate_delta_errors(path):
        return DeltaTable(path)


@contextmanager
def translate_delta_errors(path: str) -> Iterator[None]:
    """Raise an error with the table's name for what deltalake and Arrow raise inside."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (OSError, ValueError, pa.ArrowException, DeltaError) as error:
        raise FrameError(
            f"Cannot read the Delta table {path}: {type(error).__name__}. Check that its files are complete, that "
            "deltalake.DeltaTable(...) opens it, and that credentials are set."
        ) from error
