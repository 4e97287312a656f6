import json
import struct

import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.loading.delta import DeltaFolder

deltalake = pytest.importorskip("deltalake")

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def rows(path):
    table = pa.Table.from_batches(DeltaFolder(str(path)).batches(1_000))
    return table.to_pylist()


def test_the_rows_are_those_of_the_current_version_oldest_first(tmp_path):
    path = str(tmp_path / "people")
    for batch in range(4):
        people = pa.table({"user_id": [f"a{batch}", f"b{batch}"], "country": ["d e", None]})
        deltalake.write_deltalake(path, people, mode="append", partition_by=["country"])
    deltalake.DeltaTable(path).delete("user_id = 'a2'")
    found = rows(path)
    assert [row["user_id"] for row in found if row["country"] == "d e"] == ["a0", "a1", "a3"]
    assert [row["user_id"] for row in found if row["country"] is None] == ["b0", "b1", "b2", "b3"]


def test_the_version_that_is_read_is_the_one_that_was_opened(tmp_path):
    path = str(tmp_path / "people")
    deltalake.write_deltalake(path, pa.table({"user_id": ["a"]}))
    opened = DeltaFolder(path)
    deltalake.write_deltalake(path, pa.table({"user_id": ["b"]}), mode="overwrite")
    assert opened.version == 0
    assert pa.Table.from_batches(opened.batches(10)).to_pylist() == [{"user_id": "a"}]
    assert DeltaFolder(path).version == 1


def test_columns_that_came_later_are_missing_before(tmp_path):
    path = str(tmp_path / "people")
    deltalake.write_deltalake(path, pa.table({"user_id": ["a"]}))
    deltalake.write_deltalake(path, pa.table({"user_id": ["b"], "plan": ["x"]}), mode="append", schema_mode="merge")
    assert rows(path) == [{"user_id": "a", "plan": None}, {"user_id": "b", "plan": "x"}]
    assert DeltaFolder(path).schema().names == ["user_id", "plan"]


def z85(content):
    text = ""
    for (number,) in struct.iter_unpack(">I", content + b"\0" * (-len(content) % 4)):
        text += "".join(_Z85[number // 85**power % 85] for power in range(4, -1, -1))
    return text


def test_rows_that_a_deletion_vector_marks_are_not_read(tmp_path):
    path = tmp_path / "people"
    deltalake.write_deltalake(str(path), pa.table({"user_id": ["a", "b", "c"]}))
    log = path / "_delta_log" / "00000000000000000000.json"
    # One bitmap, with row 1 in it.
    bitmap = struct.pack("<IIHHIH", 12_346, 1, 0, 0, 16, 1)
    vector = struct.pack("<iqi", 1_681_511_377, 1, 0) + bitmap
    lines = []
    for line in log.read_text().splitlines():
        action = json.loads(line)
        if "protocol" in action:
            features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7} | features
        if "add" in action:
            action["add"]["deletionVector"] = {
                "storageType": "i", "pathOrInlineDv": z85(vector), "sizeInBytes": len(vector), "cardinality": 1,
            }  # fmt: skip
        lines.append(json.dumps(action))
    log.write_text("\n".join(lines) + "\n")
    assert [row["user_id"] for row in rows(path)] == ["a", "c"]


@pytest.mark.parametrize("content", ["{}", "not json", ""])
def test_a_broken_log_is_refused_by_name(tmp_path, content):
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "00000000000000000000.json").write_text(content)
    with pytest.raises(cio.FrameError, match="Cannot read the Delta table"):
        DeltaFolder(str(tmp_path))


def test_a_data_file_that_is_gone_is_told_with_the_table(tmp_path):
    deltalake.write_deltalake(str(tmp_path), pa.table({"user_id": ["a"]}))
    next(tmp_path.glob("*.parquet")).unlink()
    with pytest.raises(cio.FrameError, match="Cannot read the Delta table"):
        rows(tmp_path)
