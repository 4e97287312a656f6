"""Loads from s3:// over real sockets, from the S3 server of moto."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import pandas as pd
import pyarrow.fs as pafs
import pytest

import cio_frames as cio
from cio_frames.loading.tuning import LoadTuning
from tests.engines.helpers import run_locally, split_frame
from tests.loading.helpers import load_rows

pytest.importorskip("moto", reason="moto is not installed: pip install 'cio-frames[outside]'")

SECRET = "not-a-secret-for-anyone"


@pytest.fixture(scope="module")
def address():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(400):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


@pytest.fixture
def s3(address, monkeypatch, tmp_path):
    """A bucket that the environment names, as it would a bucket of AWS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    system = pafs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True, region="us-east-1")
    system.create_dir("bucket")
    yield system
    system.delete_dir_contents("bucket")


def people(rows, first=0):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(first, first + rows)], "n": range(rows)})


def put(system, path, frame):
    with system.open_output_stream(path) as file:
        frame.to_parquet(file, row_group_size=100)


def load(source, client, **options):
    return load_rows(source, client, tuning=LoadTuning(chunk_rows=100), **options)


def test_a_folder_in_a_bucket_is_loaded_with_what_its_folders_say(s3, sandbox):
    put(s3, "bucket/in/country=de/a.parquet", people(250))
    put(s3, "bucket/in/country=fr/b.parquet", people(10, 250))
    with s3.open_output_stream("bucket/in/_SUCCESS"):
        pass
    loaded = load("s3://bucket/in/", sandbox.client)
    assert loaded.statuses == {"delivered": 260}
    assert set(loaded.frame()["file"]) == {"bucket/in/country=de/a.parquet", "bucket/in/country=fr/b.parquet"}
    assert {call["traits"]["country"] for call in sandbox.calls().to_dict("records")} == {"de", "fr"}


def test_patterns_and_csv_files_in_a_bucket_are_loaded(s3, sandbox):
    with s3.open_output_stream("bucket/in/a.csv") as file:
        file.write(people(5).to_csv(index=False).encode())
    put(s3, "bucket/in/b.parquet", people(3))
    assert load("s3://bucket/in/*.csv", sandbox.client).statuses == {"delivered": 5}
    assert load("s3://bucket/in/b.parquet", sandbox.client, output="other").statuses == {"delivered": 3}


def test_an_object_that_has_changed_is_refused(s3, sandbox):
    put(s3, "bucket/people.parquet", people(5))
    load("s3://bucket/people.parquet", sandbox.client)
    put(s3, "bucket/people.parquet", people(6))
    with pytest.raises(cio.ConfigurationError, match=r"bucket/people.parquet has changed"):
        load("s3://bucket/people.parquet", sandbox.client)


@pytest.mark.parametrize("source", ["s3://bucket/none.parquet", "s3://nobucket/in/"])
def test_what_is_not_in_a_bucket_is_told(s3, sandbox, source):
    with pytest.raises(cio.FrameError, match=f"File not found: {source}"):
        load(source, sandbox.client)


def test_a_bucket_that_cannot_be_reached_is_told_without_the_secret(s3, sandbox, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(cio.FrameError, match=r"Cannot reach s3://bucket/in/: .*NETWORK_CONNECTION") as error:
        load("s3://bucket/in/", sandbox.client)
    assert SECRET not in str(error.value)
    assert not os.path.exists("out")  # noqa: PTH110


def test_a_run_on_an_engine_stages_and_answers_in_a_bucket(s3, sandbox):
    frame = people(300).assign(customer=lambda rows: rows["user_id"], at=pd.Timestamp("2024-05-01", tz="UTC"))
    output = f"s3://somebody:{SECRET}@bucket/run"
    for senders in (1, 2):
        result, answers = run_locally(split_frame(frame, 3), f"{output}-{senders}", sandbox.client, senders=senders)
        assert result.statuses == {"delivered": 300}
        assert sorted(answers["message_id"]) == sorted(sandbox.calls()["messageId"].unique())
        sent = len(sandbox.requests())
        again, _ = run_locally(split_frame(frame, 2), f"{output}-{senders}", sandbox.client, senders=senders)
        assert again.why.startswith("This load was done before")
        assert len(sandbox.requests()) == sent
        with pytest.raises(cio.ConfigurationError, match="has other rows than those") as error:
            run_locally([frame[1:]], f"{output}-{senders}", sandbox.client, senders=senders)
        assert SECRET not in str(error.value)


def test_a_bucket_of_a_run_that_does_not_exist_is_an_error_without_the_secrets_of_its_address(s3, sandbox):
    frame = people(3).assign(customer="ada", at="2024-05-01")
    with pytest.raises(cio.ConfigurationError) as error:
        run_locally([frame], f"s3://somebody:{SECRET}@misspelt/run", sandbox.client)
    assert str(error.value).startswith("Cannot use the folder s3://misspelt/run of output=: ")
    assert SECRET not in f"{error.value!s}{error.value.args}{error.value.__cause__}"
    assert len(sandbox.requests()) == 0
