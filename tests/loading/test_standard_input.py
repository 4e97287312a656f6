import gzip
import io
import os
import stat
import sys

import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.loading.standard_input import SpooledInput

LINES = b'{"user_id": "ada"}\n' * 1_000


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (b"user_id\nada\n", ".csv"),
        (LINES, ".jsonl"),
        (gzip.compress(LINES, mtime=0), ".jsonl.gz"),
        (gzip.compress(b"user_id\nada\n", mtime=0), ".csv.gz"),
        (pa.compress(LINES, "zstd", asbytes=True), ".jsonl.zst"),
    ],
)
def test_standard_input_is_kept_in_a_private_file_named_by_what_it_is(content, extension):
    spooled = SpooledInput(io.BytesIO(content))
    assert "".join(spooled.path.suffixes) == extension
    assert stat.S_IMODE(spooled.path.stat().st_mode) == 0o600
    assert spooled.path.read_bytes() == content


def test_parquet_can_come_from_standard_input():
    content = io.BytesIO()
    pd.DataFrame({"user_id": ["ada"]}).to_parquet(content)
    content.seek(0)
    spooled = SpooledInput(content)
    assert pd.read_parquet(spooled.path)["user_id"].tolist() == ["ada"]


def test_the_file_ends_with_the_load():
    spooled = SpooledInput(io.BytesIO(b"user_id\nada\n"))
    path = spooled.path
    del spooled
    assert not path.exists()


def test_an_empty_input_is_refused():
    with pytest.raises(cio.FrameError, match="Standard input is empty"):
        SpooledInput(io.BytesIO())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among files")
def test_a_named_pipe_is_refused_with_the_name_of_standard_input(tmp_path):
    os.mkfifo(tmp_path / "people.csv")
    with pytest.raises(cio.FrameError, match=r"people.csv is a pipe\. Pipe .* name it '-'"):
        cio.load(tmp_path / "people.csv", "identify", dry_run=True)
