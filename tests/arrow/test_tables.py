"""Any table with an Arrow stream is a frame; what is not a table is refused with the conversion to use."""

import json

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import cio_frames as cio
from cio_frames.loading.tuning import LoadTuning
from tests.loading.helpers import load_rows

PEOPLE = pa.table({"user_id": ["ada", None, "cy"], "plan": ["team", "free", None], "n": [1.0, 2.5, None]})


def rows_of(table):
    return pd.DataFrame(table.to_pydict())


class ColumnsFirst:
    """A table of a library that nobody here knows: it has an Arrow stream, and iterates over its columns."""

    def __init__(self, table):
        self._table = table

    def __iter__(self):
        return iter(self._table.columns)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class Cursor:
    """A cursor of an ADBC driver."""

    def __init__(self, table):
        self._table = table

    def fetch_record_batch(self):
        return self._table.to_reader(max_chunksize=2)


class SnowflakeCursor:
    """A cursor that yields tables."""

    def __init__(self, table):
        self._table = table

    def fetch_arrow_batches(self):
        return iter([self._table[:1], self._table[1:]])


class IcebergTable:
    """A table that has to be scanned."""

    def __init__(self, table):
        self._table = table

    def scan(self):
        return IcebergScan(self._table)


class IcebergScan:
    """A scan of a table."""

    def __init__(self, table):
        self._table = table

    def to_arrow_batch_reader(self):
        return self._table.to_reader()


class DeltaTable:
    """A table that is a dataset."""

    def __init__(self, table):
        self._table = table

    def to_pyarrow_dataset(self):
        return ds.dataset(self._table)


def as_duckdb(table):
    return duckdb.from_arrow(table)


TABLES = {
    "pyarrow table": lambda table: table,
    "pyarrow reader": lambda table: table.to_reader(),
    "pyarrow batch": lambda table: table.to_batches()[0],
    "polars": pl.from_arrow,
    "duckdb": as_duckdb,
    "unknown library": ColumnsFirst,
}
SOURCES = TABLES | {
    "lazy polars": lambda table: pl.from_arrow(table).lazy(),
    "cursor": Cursor,
    "snowflake": SnowflakeCursor,
    "iceberg": IcebergTable,
    "delta": DeltaTable,
    "scanner": lambda table: ds.dataset(table).scanner(),
    "list of polars": lambda table: [pl.from_arrow(table[:1]), pl.from_arrow(table[1:])],
    "generator of polars": lambda table: (pl.from_arrow(each) for each in (table[:1], table[1:])),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_any_library_is_sent_as_the_same_rows_in_pandas(kind, sandbox):
    frame = rows_of(PEOPLE)
    expected = cio.identify(frame, dry_run=True)
    result = cio.identify(TABLES[kind](PEOPLE), client=sandbox.client)
    assert isinstance(result, pd.DataFrame)
    assert result["status"].tolist() == ["delivered", "invalid", "delivered"]
    assert len(cio.validate(TABLES[kind](PEOPLE), "identify").failure_cases) == 1
    payloads = [json.loads(text)["traits"] for text in cio.payloads(TABLES[kind](PEOPLE), "identify").dropna()]
    assert payloads == [{"plan": "team", "n": 1}, {}]
    assert expected["bytes"].tolist() == result["bytes"].tolist()


@pytest.mark.parametrize("kind", SOURCES)
def test_a_load_takes_what_hands_out_arrow(kind, sandbox, tmp_path):
    result = cio.load(SOURCES[kind](PEOPLE), "identify", client=sandbox.client, output=tmp_path / "out")
    assert result.statuses == {"delivered": 2, "invalid": 1}
    assert sorted(sandbox.calls()["userId"]) == ["ada", "cy"]


@pytest.mark.parametrize("kind", ["polars", "duckdb", "cursor", "delta"])
def test_rows_are_cut_into_chunks_whatever_the_batches(kind, sandbox, tmp_path):
    table = pa.table({"user_id": [f"u{number}" for number in range(25)]})
    source = SOURCES[kind](table)
    result = load_rows(source, sandbox.client, output=tmp_path / "out", tuning=LoadTuning(chunk_rows=10))
    assert len(list((tmp_path / "out" / "results").glob("part-*.parquet"))) == 3
    assert result.statuses == {"delivered": 25}


def test_an_operation_takes_any_table(sandbox):
    people = pl.DataFrame({"user_id": ["ada"]})
    assert cio.suppress_people(people, confirm=1, client=sandbox.client)["status"].tolist() == ["delivered"]


def test_an_index_that_nobody_has_named_is_not_sent():
    table = pa.Table.from_pandas(pd.DataFrame({"user_id": ["ada"]}, index=["x"]))
    assert json.loads(cio.payloads(table, "identify")[0])["traits"] == {}


def test_an_index_with_a_name_is_a_column_of_a_table():
    table = pa.Table.from_pandas(pd.DataFrame({"plan": ["team"]}, index=pd.Index(["ada"], name="user_id")))
    assert json.loads(cio.payloads(table, "identify")[0])["userId"] == "ada"


class DaskFrame:
    """A frame of Dask's, as far as it is looked at."""

    columns = ()


DaskFrame.__module__, DaskFrame.__name__ = "dask.dataframe.core", "DataFrame"


class SparkFrame:
    """A frame of Spark's, whose Arrow stream fails for times."""

    def __arrow_c_stream__(self, requested_schema=None):
        raise AssertionError("not asked")


SparkFrame.__module__, SparkFrame.__name__ = "pyspark.sql.dataframe", "DataFrame"

OTHERS = [
    ({"user_id": ["ada"]}, "dict", r"pandas\.DataFrame\(\.\.\.\)"),
    ([{"user_id": "ada"}], "list|dict", r"pandas\.DataFrame\(\.\.\.\)"),
    (pd.Series(["ada"]), "pandas Series", "to_frame"),
    (pd.Index(["ada"]), "pandas Index", "to_frame"),
    (np.array(["ada"]), "numpy array", "columns="),
    (pa.array(["ada"]), "single column", r"pyarrow\.table"),
    (pa.chunked_array([["ada"]]), "single column", r"pyarrow\.table"),
    (pl.Series(["ada"]), "single column", r"pyarrow\.table"),
    (DaskFrame(), "Dask DataFrame", r"cio-frames\[dask\].*output.*df\.compute\(\)"),
    (SparkFrame(), "Spark DataFrame", r"cio-frames\[spark\].*output.*df\.toPandas\(\)"),
    (None, "None", "DataFrame"),
    (7, "int", "DataFrame"),
]


@pytest.mark.parametrize(("given", "kind", "remedy"), OTHERS, ids=[kind for _, kind, _ in OTHERS])
def test_what_is_not_a_table_is_refused_with_its_kind_and_a_remedy(given, kind, remedy):
    for send in (
        lambda: cio.identify(given, dry_run=True),
        lambda: cio.validate(given, "identify"),
        lambda: cio.payloads(given, "identify"),
        lambda: cio.suppress_people(given, dry_run=True),
        lambda: cio.load(given, "identify", dry_run=True),
    ):
        with pytest.raises(cio.FrameError, match=f"(?s)({kind}).*{remedy}"):
            send()


@pytest.mark.parametrize("given", ["people.parquet", iter([pd.DataFrame({"user_id": ["ada"]})])])
def test_a_function_says_that_files_and_generators_are_for_load(given):
    with pytest.raises(cio.FrameError, match=r"cio_frames\.load"):
        cio.identify(given, dry_run=True)


class PickyFrame(pd.DataFrame):
    """A subclass of pandas' frame that cannot be made of some rows."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if len(self) == 1:
            raise ValueError("one row is too few")

    @property
    def _constructor(self):
        return PickyFrame


def test_a_frame_of_a_subclass_is_one_of_pandas(sandbox, tmp_path):
    people = PickyFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
    assert cio.identify(people, dry_run=True)["status"].tolist() == ["ready", "invalid"]
    result = cio.load(people, "identify", client=sandbox.client, output=tmp_path / "out")
    assert result.statuses == {"delivered": 1, "invalid": 1}
