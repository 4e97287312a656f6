import gzip
import io
import zipfile

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading.file_kinds import refuse_other_kind


def excel():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


def zipped():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("orders.csv", "user_id\nada\n")
    return content.getvalue()


def parquet():
    content = io.BytesIO()
    pd.DataFrame({"user_id": ["ada"]}).to_parquet(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("expected", "start", "words"),
    [
        ("CSV", gzip.compress(b"user_id\n", mtime=0), "compressed with gzip, not CSV. Name it .csv.gz"),
        ("CSV", excel(), "an Excel file, not CSV. Save the sheet as CSV"),
        ("CSV", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file"),
        ("CSV", zipped(), "a zip archive, not CSV. Extract it"),
        ("CSV", parquet(), "a Parquet file, not CSV. Name it .parquet"),
        ("CSV", b'{"user_id": "ada"}\n', "JSON, not CSV. Write one object per line, and name it .jsonl"),
        ("CSV", b'[{"user_id": "ada"}]', "JSON, not CSV"),
        ("CSV", b"SQLite format 3\x00", "a SQLite database, not CSV"),
        ("CSV", b"", "empty (0 bytes)"),
        ("Parquet", b"", "empty (0 bytes)"),
        ("Parquet", b"<!DOCTYPE html><html>", "an HTML page, not Parquet"),
        ("Parquet", b"\n<html></html>", "an HTML page, not Parquet"),
        ("Parquet", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "an XML file, not Parquet"),
        ("Parquet", b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer, not the file itself"),
        ("Parquet", b"user_id,plan\nada,team\n", "plain text, not Parquet. Name it .csv"),
        ("Parquet", b"\x00\x01\x02", "damaged, not Parquet"),
        ("gzip", b"user_id,plan\nada,team\n", "plain text, not gzip. Name it .csv"),
        ("gzip", b"\x28\xb5\x2f\xfd", "compressed with zstd, not gzip"),
        ("zstd", b"BZh91AY", "compressed with bzip2, not zstd"),
        ("JSON Lines", b"PAR1", "a Parquet file, not JSON Lines"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named_by_what_it_is(expected, start, words):
    with pytest.raises(cio.FrameError) as error:
        refuse_other_kind("orders", expected, start)
    assert f"orders is {words}" in str(error.value)


@pytest.mark.parametrize(
    ("expected", "start"),
    [
        ("CSV", b"user_id,plan\n"),
        ("CSV", b'"user_id","plan"\n'),
        ("CSV", "ünïcode,plan\n".encode("utf-16")),
        ("Parquet", parquet()),
        ("gzip", gzip.compress(b"", mtime=0)),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("JSON Lines", b'{"user_id": "ada"}\n'),
    ],
)
def test_a_file_that_is_what_its_name_says_passes(expected, start):
    refuse_other_kind("orders", expected, start)
