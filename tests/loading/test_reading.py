import gzip

import pandas as pd
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


def test_a_csv_column_becomes_numbers_only_where_all_of_it_is_plainly_numbers(csv):
    frame = read(csv("id,n,x,flag,mixed,phone\n007,1,1.5,true,1,+49 30\n8,,2,False,x,1\n"))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items() if name not in ("id", "mixed", "phone")} == {
        "n": "Int64",
        "x": "Float64",
        "flag": "boolean",
    }
    assert list(frame["id"]) == ["007", "8"]
    assert list(frame["mixed"]) == ["1", "x"]
    assert list(frame["phone"]) == ["+49 30", "1"]


def test_only_an_empty_csv_cell_is_missing(csv):
    frame = read(csv("country,x\nNA,1\n,2\nnull,3\nnan,4\n"))
    assert frame["country"].isna().tolist() == [False, True, False, False]
    assert frame["country"].dropna().tolist() == ["NA", "null", "nan"]


def test_columns_that_are_ids_stay_text_whatever_they_look_like(csv):
    frame = read(csv("id,n\n1e5,1\n10.0,2\n"), types_of=lambda labels: {"id": "string"})
    assert list(frame["id"]) == ["1e5", "10.0"]


def test_digits_beyond_64_bits_stay_text(csv):
    assert list(read(csv("n\n12345678901234567890\n"))["n"]) == ["12345678901234567890"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(csv):
    assert list(read(csv("user_id\nada\n", "utf-8-sig")).columns) == ["user_id"]


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
    ("name", "content"), [("a.parquet", b"not parquet"), ("b.csv", b'a,b\n"1,2\n3'), ("c.csv", b"")]
)
def test_a_broken_file_is_refused_by_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(cio.FrameError, match=f"Cannot read .*{name}"):
        read(path)


def test_a_file_that_is_not_utf_8_is_refused(csv):
    with pytest.raises(cio.FrameError, match=r"is not UTF-8 text\. Save it as UTF-8"):
        read(csv("name\nJosé\n", "latin-1"))


def test_one_bad_cell_does_not_turn_the_numbers_beside_it_into_text(csv):
    types = {"total": "number", "flag": "boolean"}
    frame = read(csv("total,flag,own\n1.5,true,1\nx,yes,x\n,,\n7,False,2\n"), types_of=lambda labels: types)
    assert frame["total"].tolist()[:2] == [1.5, "x"]
    assert frame["total"].tolist()[3] == 7
    assert frame["flag"].tolist()[:2] + frame["flag"].tolist()[3:] == [True, "yes", False]
    assert frame["own"].dropna().tolist() == ["1", "x", "2"]
    assert frame["total"].isna().tolist() == [False, False, True, False]


def test_rows_with_more_fields_than_names_are_refused(csv):
    with pytest.raises(cio.FrameError, match="more fields than the header has names"):
        read(csv("user_id,v\n1,2,3\n4,5,6\n"))


@pytest.mark.parametrize("header", ["user_id,a,a", 'a,"a",user_id', "\ufeffa,user_id,a"])
def test_a_name_that_is_repeated_in_a_csv_header_is_refused_by_that_name(csv, header):
    with pytest.raises(cio.FrameError, match=r"rows.csv: the header has the column 'a' 2 times. Name each"):
        read(csv(f"{header}\n1,2,3\n"))


def test_a_csv_header_may_leave_names_out_and_number_them(csv):
    assert list(read(csv("a,,,a.1\n1,2,3,4\n")).columns) == ["a", "Unnamed: 1", "Unnamed: 2", "a.1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\nsecret,1\nsecret,2,3\n", "line 3 has 3 fields, expected 2"),
        ('a,b\nsecret,1\n"secret,2\nsecret,3\n', "the quote that opens in line 3 is never closed"),
        ("", "the file is empty"),
        ("a,b,c\nsecret,1,2\nsecret,1\n", "line 3 has 2 of 3 fields"),
        ("a,b,c\nsecret,1,2\nsecret", "line 3 has 1 of 3 fields"),
        ('a,b\n"two\nlines",1\n\nsecret\n', "line 3 has 1 of 2 fields"),
    ],
)
def test_a_ragged_csv_file_is_refused_with_its_line_and_without_its_cells(csv, text, words):
    with pytest.raises(cio.FrameError) as error:
        read(csv(text))
    assert f"rows.csv: {words}" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_cell_at_the_end_of_a_line_may_be_empty_and_blank_lines_are_no_rows(csv):
    frame = read(csv("a,b\n1,\n\n  \n2,3\n\n"))
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].isna().tolist() == [True, False]


def test_a_csv_file_of_one_column_may_have_blank_lines(csv):
    assert read(csv("user_id\nada\n\ngrace\n"))["user_id"].tolist() == ["ada", "grace"]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda whole: whole[:-20], "the compressed data is incomplete"),
        (lambda whole: whole[:40] + bytes(20) + whole[60:], "the compressed data is damaged"),
        (lambda whole: b"user_id\nada\n", "the compressed data is damaged"),
    ],
)
def test_a_damaged_compressed_file_is_refused_with_the_cause(tmp_path, broken, words):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(broken(gzip.compress("".join(f"secret{n},{n * n}\n" for n in range(500)).encode())))
    with pytest.raises(cio.FrameError, match=rf"rows\.csv\.gz: {words}") as error:
        read(path)
    assert "secret" not in str(error.value)
