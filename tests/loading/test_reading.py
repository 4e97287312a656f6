import gzip

import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.loading import read


@pytest.fixture
def csv(tmp_path):
    def written(text, encoding="utf-8"):
        path = tmp_path / "rows.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return written


def test_parquet_keeps_its_types(tmp_path):
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"n": pd.array([2**53 + 1, None], dtype="Int64"), "l": [[1], None]}).to_parquet(path)
    frame = read(path)
    assert frame["n"].iloc[0] == 2**53 + 1
    assert str(frame["l"].dtype).startswith("list")


@pytest.mark.parametrize(
    ("name", "words"),
    [("rows.txt", "Unsupported file type"), ("none.parquet", "File not found")],
)
def test_an_unsupported_or_missing_file_is_refused(tmp_path, name, words):
    (tmp_path / "rows.txt").write_text("x")
    with pytest.raises(cio.FrameError, match=words):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"PAR1 and no more", "Cannot read .*a.parquet: ArrowInvalid"),
        ("b.parquet", b"not parquet", "b.parquet is plain text, not Parquet"),
        ("c.csv", b'a,b\n"1,2\n3', "Cannot read .*c.csv: the quote that opens in line 2 is never closed"),
        ("d.csv", b"", r"d.csv is empty \(0 bytes\)"),
        ("e.csv", b"\n\n", "Cannot read .*e.csv: the file is empty"),
        ("f.tsv", b"PK\x03\x04", "f.tsv is a zip archive"),
        ("g.jsonl", b"not json", "g.jsonl: line 1 is not valid JSON"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(cio.FrameError, match=words):
        read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"user_id,n\n007,1\n8,2\n"),
        ("b.tsv", b"user_id\tn\n007\t1\n8\t2\n"),
        ("c.CSV.GZ", gzip.compress(b"user_id,n\n007,1\n", mtime=0) + gzip.compress(b"8,2\n", mtime=0)),
        ("d.csv.zst", pa.compress(b"user_id,n\n007,1\n8,2\n", "zstd", asbytes=True)),
        ("e.jsonl", b'{"user_id": "007", "n": 1}\n{"n": 2, "user_id": "8"}\n'),
        ("f.ndjson.gz", gzip.compress(b'{"user_id": "007", "n": 1}\n{"n": 2, "user_id": "8"}\n', mtime=0)),
        ("g.json", b'{"user_id": "007", "n": 1}\n{"n": 2, "user_id": "8"}\n'),
    ],
)
def test_a_file_is_read_by_its_extension(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path).to_dict("list") == {"user_id": ["007", "8"], "n": [1, 2]}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda whole: whole[:-20], "the compressed data is incomplete"),
        (lambda whole: whole[:40] + bytes(20) + whole[60:], "the compressed data is damaged"),
        (lambda whole: whole[:-4] + bytes(4), "the compressed data is damaged"),
    ],
)
def test_a_damaged_compressed_file_is_refused_with_the_cause(tmp_path, broken, words):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(broken(gzip.compress("".join(f"secret{n},{n * n}\n" for n in range(500)).encode())))
    with pytest.raises(cio.FrameError, match=rf"rows\.csv\.gz: {words}") as error:
        read(path)
    assert "secret" not in str(error.value)
