"""Secrets in the address of a source stay out of ledgers, results, errors and lists."""

from pathlib import Path

import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import cio_frames as cio
from cio_frames.cli.app import main
from cio_frames.loading import loads_in
from cio_frames.loading.address_secrets import without_secrets
from tests.loading.helpers import load_rows as load

SECRET = "SECRETKEYxyz"


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://AKIA:SECRETKEYxyz@bucket/a.parquet", "s3://bucket/a.parquet"),
        ("s3://AKIA:SECRETKEYxyz@bucket/a/*.parquet?region=eu", "s3://bucket/a/*.parquet?region=eu"),
        ("ftp://user:SECRETKEYxyz@host:2121/a.csv", "ftp://host:2121/a.csv"),
        ("https://host/a.csv?X-Amz-Signature=SECRETKEYxyz&X-Amz-Expires=60", "https://host/a.csv"),
        ("https://host/a.csv?page=2&sig=SECRETKEYxyz&se=2026", "https://host/a.csv?page=2"),
        ("https://host/a.csv?Expires=1&Signature=SECRETKEYxyz&Key-Pair-Id=K", "https://host/a.csv"),
        ("gs://bucket/a.csv?access_token=SECRETKEYxyz", "gs://bucket/a.csv"),
        ("s3://bucket/a.parquet?secret_key=SECRETKEYxyz", "s3://bucket/a.parquet"),
        ("https://user:SECRETKEYxyz@[::1/a.csv", "https://[::1/a.csv"),
        ("orders@home?key=1.csv", "orders@home?key=1.csv"),
    ],
)
def test_an_address_is_named_without_its_secrets(address, name):
    assert without_secrets(address) == name


def memory_address(secret):
    return f"memory://user:{secret}@people/a.parquet"


@pytest.fixture
def memory(monkeypatch):
    """A file system whose addresses may hold a password, as those of ftp do."""
    files = MemoryFileSystem()
    strip = MemoryFileSystem._strip_protocol
    monkeypatch.setattr(MemoryFileSystem, "_strip_protocol", staticmethod(lambda path: strip(without_secrets(path))))
    with files.open("/people/a.parquet", "wb") as file:
        pd.DataFrame({"user_id": ["ada", None]}).to_parquet(file)
    yield files
    files.rm("/people", recursive=True)


def test_a_secret_is_in_no_file_and_another_one_is_the_same_source(sandbox, memory, folder, capsys):
    result = load(memory_address(SECRET), sandbox.client)
    assert result.statuses == {"delivered": 1, "invalid": 1}
    assert load(memory_address("another-one"), sandbox.client).why.startswith("This load was done before")
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert loads_in(Path("out/ledger.sqlite"))["source"].tolist() == ["memory://people/a.parquet"]
    main_output(capsys, ["loads"])


def main_output(capsys, arguments):
    with pytest.raises(SystemExit):
        main(arguments)
    printed = "".join(capsys.readouterr())
    assert SECRET not in printed
    return printed


@pytest.mark.parametrize(
    "address",
    [
        f"s3://AKIA:{SECRET}@localhost:1/a.parquet?endpoint_override=localhost:1&scheme=http",
        f"ftp://user:{SECRET}@127.0.0.1:1/a.csv",
        f"nothing://user:{SECRET}@host/a.csv",
        f"http://127.0.0.1:1/a.csv?sig={SECRET}",
        f"memory://user:{SECRET}@people/none.csv",
    ],
)
def test_a_secret_is_in_no_error(sandbox, monkeypatch, capsys, address):
    with pytest.raises(cio.CioFramesError) as error:
        load(address, sandbox.client)
    assert SECRET not in f"{error.value} {error.value!r} {error.value.args} {error.value.__cause__!r}"
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    for command in ("load", "validate"):
        assert "cio-frames: " in main_output(capsys, [command, address, "--call", "identify"])
