"""Any table as a pandas frame: Arrow tables, and what hands out Arrow, such as polars frames and DuckDB relations.

Libraries are asked for what they can do, by attribute; none is imported.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from cio_frames.arrow.extensions import extension_name
from cio_frames.arrow.normalize import pandas_array, plain_frame
from cio_frames.arrow.plain import has_invalid_text, is_plain_type, plain_column
from cio_frames.errors import FrameError, parameter


class ArrowStream(Protocol):
    """A table with the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a stream of record batches."""


# What the functions take for a frame.
AnyFrame: TypeAlias = pd.DataFrame | ArrowStream

# Methods without arguments that return batches or a reader of them, most specific first: Iceberg, ADBC, DuckDB,
# scanners of pyarrow, Snowflake, BigQuery.
_BATCH_METHODS = (
    "to_arrow_batch_reader",
    "fetch_record_batch",
    "fetch_arrow_reader",
    "to_arrow_reader",
    "to_reader",
    "fetch_arrow_batches",
    "to_arrow_iterable",
)
# Libraries whose frames are spread over processes, and how a frame is brought onto this machine.
_ENGINES = {
    "dask": ("Dask", "df.compute()"),
    "dask_expr": ("Dask", "df.compute()"),
    "pyspark": ("Spark", "df.toPandas()"),
}
# What pandas calls an index without a name in a file.
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


def as_frame(given: Any) -> pd.DataFrame:
    """Return a pandas frame with plain types of any table: a pandas frame, or one with ``__arrow_c_stream__``.

    >>> as_frame(pa.table({"user_id": ["ada"]})).dtypes["user_id"]
    string[pyarrow]

    Raises
    ------
    FrameError
        It is not a table.
    """
    if isinstance(given, pd.DataFrame):
        return plain_frame(given, check_text=True)
    table = _read_table(given)
    if table is not None:
        return frame_of_table(_without_unnamed_index(table))
    if type(given).__module__.partition(".")[0] == "modin" and hasattr(given, "_to_pandas"):
        # It has no Arrow stream.
        return plain_frame(given._to_pandas(), check_text=True)
    raise FrameError(
        f"df must be a pandas DataFrame, or a table of polars, DuckDB or pyarrow; got {describe_other(given)}"
    )


def frame_of_table(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame that keeps Arrow's types; an index that pandas has saved is a column.

    >>> people = pd.DataFrame({"plan": ["team"]}, index=pd.Index(["ada"], name="user_id"))
    >>> frame_of_table(pa.Table.from_pandas(people)).to_dict("records")
    [{'plan': 'team', 'user_id': 'ada'}]
    """
    if not table.num_columns:
        return pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    is_plain = all(extension_name(field.type, field) is None and is_plain_type(field.type) for field in table.schema)
    if is_plain and not any(map(has_invalid_text, table.columns)):
        # What pandas says of the columns may be broken, or of columns that another program has changed since.
        plain = table.replace_schema_metadata(None)
        return cast(pd.DataFrame, plain.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True))
    columns = {
        place: pandas_array(plain_column(column, field, check_text=True))
        for place, (column, field) in enumerate(zip(table.columns, table.schema, strict=True))
    }
    return pd.DataFrame(columns).set_axis(table.column_names, axis=1)


def engine_of(given: Any) -> str | None:
    """Return the engine that a frame runs on, Dask or Spark, or None for a frame of this process.

    >>> engine_of(pd.DataFrame()) is None
    True
    """
    found = (_ENGINES.get(kind.__module__.partition(".")[0]) for kind in type(given).__mro__)
    names = [engine[0] for engine in found if engine is not None]
    # Asked of the type: a lazy frame computes its columns.
    is_frame = type(given).__name__.endswith("DataFrame") or hasattr(type(given), "columns")
    return names[0] if names and is_frame else None


def describe_other(given: Any) -> str:
    """Return what something that is not a table is, and how to make a frame of it, as the end of a sentence.

    >>> describe_other({"user_id": ["ada"]})
    'a dict. Convert it first: pandas.DataFrame(...).'
    """
    engine = engine_of(given)
    if engine is not None and type(given).__name__.endswith(("Series", "Column")):
        kind = type(given).__name__
        remedy = "series.to_frame('user_id')" if kind.endswith("Series") else "frame.select('user_id')"
        return f"a {engine} {kind}, which is a single column. Take a frame: {remedy}."
    if engine is not None:
        convert = next(convert for name, convert in _ENGINES.values() if name == engine)
        return (
            f"a {engine} DataFrame, which runs on its own engine: install cio-frames[{engine.lower()}], and name a "
            f"folder for the results with {parameter('output')}. If it fits into memory, convert it first: {convert}."
        )
    match given:
        case pd.Series():
            return "a pandas Series, which is a single column. Convert it first: series.to_frame('user_id')."
        case pd.Index():
            return "a pandas Index, which is a single column. Convert it first: index.to_frame(name='user_id')."
        case dict() | list() | tuple() | set() | frozenset():
            return f"a {type(given).__name__}. Convert it first: pandas.DataFrame(...)."
        case np.ndarray():
            return "a numpy array. Convert it first, with names: pandas.DataFrame(array, columns=['user_id', ...])."
        case str() | bytes():
            return "text. Load a file with cio_frames.load('orders.parquet', 'identify')."
        case _ if hasattr(given, "__fspath__"):
            return "a path. Load a file with cio_frames.load('orders.parquet', 'identify')."
        case _ if _is_column(given):
            return "a single column. Convert it first: pyarrow.table({'user_id': column})."
        case _ if inspect.isgenerator(given) or isinstance(given, Iterator):
            return f"a {type(given).__name__}. Load frame by frame with cio_frames.load(frames, 'identify')."
        case None:
            return "None. Pass a frame."
    kind = f"{type(given).__module__}.{type(given).__qualname__}".removeprefix("builtins.")
    methods = ("to_pandas", "toPandas", "collect")
    to_pandas = next((name for name in methods if callable(getattr(type(given), name, None))), None)
    remedy = f"Convert it first: df.{to_pandas}()." if to_pandas else "Convert it first: pandas.DataFrame(...)."
    return f"{kind}. {remedy}"


def open_table(given: Any) -> pa.Table | ds.Dataset | Iterator[pa.RecordBatch] | None:
    """Return what another library's table or cursor holds as Arrow, or None if it hands out no Arrow.

    Frames in memory become a table, and what has to be computed or fetched its batches as they come, once.

    >>> open_table(pa.record_batch({"n": [1, 2]})).num_rows
    2

    Raises
    ------
    FrameError
        It is a single column.
    """
    if engine_of(given) is not None or isinstance(given, (pd.DataFrame, ds.Dataset, pa.Table, type)):
        return None
    if _is_column(given):
        raise FrameError(f"source must be a table; got {describe_other(given)}")
    if isinstance(given, pa.RecordBatch) or _is_polars_frame(given):
        return _read_table(given)
    if hasattr(given, "__arrow_c_stream__"):
        return _batches_of(pa.RecordBatchReader.from_stream(given))
    for name in _BATCH_METHODS:
        if callable(method := getattr(given, name, None)):
            return _batches_of(method())
    if callable(method := getattr(given, "to_pyarrow_dataset", None)):
        return cast(ds.Dataset, method())
    if callable(method := getattr(given, "scan", None)):
        return open_table(method())
    if callable(method := getattr(given, "collect_batches", None)):
        return _batches_of(method())
    if callable(method := getattr(given, "collect", None)):
        return open_table(method())
    return None


def _batches_of(found: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a reader, or of whatever yields batches or tables."""
    for each in found:
        if isinstance(each, pa.RecordBatch):
            yield each
        else:
            yield from cast(pa.Table, _read_table(each)).to_batches()


def _read_table(given: Any) -> pa.Table | None:
    """Return all rows of a table with an Arrow stream, or None for anything else, a single column among it."""
    if isinstance(given, pa.Table):
        return given
    if isinstance(given, pa.RecordBatch):
        return pa.Table.from_batches([given])
    if engine_of(given) is not None or _is_column(given) or isinstance(given, type):
        return None
    if hasattr(given, "__arrow_c_stream__"):
        try:
            reader = pa.RecordBatchReader.from_stream(given)
        except pa.ArrowInvalid:
            # The stream is not one of structs, so it is a column.
            return None
        return reader.read_all()
    if hasattr(given, "__arrow_c_array__"):
        try:
            return pa.Table.from_batches([pa.record_batch(given)])
        except (pa.ArrowException, TypeError, ValueError):
            return None
    return None


def _is_column(given: Any) -> bool:
    if isinstance(given, (pa.Array, pa.ChunkedArray, pd.Series, pd.Index)):
        return True
    hands_out_arrow = hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")
    return hands_out_arrow and type(given).__name__.endswith(("Series", "Array", "Column"))


def _is_polars_frame(given: Any) -> bool:
    return type(given).__module__.partition(".")[0] == "polars" and hasattr(given, "__arrow_c_stream__")


def _without_unnamed_index(table: pa.Table) -> pa.Table:
    """Leave out the columns of an index that nobody has named."""
    return table.drop_columns([name for name in table.column_names if _UNNAMED_INDEX.fullmatch(name)])
