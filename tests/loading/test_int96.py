import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cio_frames.loading.int96 import utc_schema

OPEN_END = dt.datetime(9999, 12, 31)


@pytest.fixture
def written(tmp_path):
    def write(metadata=None):
        nested = pa.array(
            [[{"at": OPEN_END, "n": 1}]], pa.list_(pa.struct([("n", pa.int64()), ("at", pa.timestamp("us"))]))
        )
        table = pa.table({"user_id": ["u1"], "valid_to": pa.array([OPEN_END], pa.timestamp("us")), "nested": nested})
        path = tmp_path / "i.parquet"
        pq.write_table(table.replace_schema_metadata(metadata), path, use_deprecated_int96_timestamps=True)
        return pq.ParquetFile(path, coerce_int96_timestamp_unit="us")

    return write


def test_int96_written_by_spark_is_in_utc_wherever_it_is_nested(written):
    file = written({"org.apache.spark.version": "3.5.0"})
    schema, changed = utc_schema(file)
    assert changed == ["valid_to", "nested"]
    row = file.read().cast(schema).to_pylist()[0]
    assert row["valid_to"] == OPEN_END.replace(tzinfo=dt.UTC)
    assert row["nested"] == [{"n": 1, "at": OPEN_END.replace(tzinfo=dt.UTC)}]


def test_int96_of_others_has_no_zone(written):
    schema, changed = utc_schema(written())
    assert not changed
    assert schema.field("valid_to").type == pa.timestamp("us")
