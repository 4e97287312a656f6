"""The ledger of loads: what it holds, who may use it, and what it refuses."""

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from cio_frames.loading.ledger import Ledger
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


def test_the_write_key_and_the_cells_are_not_in_the_ledger():
    people(25).to_parquet("people.parquet")
    with FaultServer([Answer(), Answer(500)]) as server:
        load("people.parquet", cio.Client(write_key="s3cr3t-key", endpoint=server.url, workers=1, attempts=1))
    kept = b"".join(path.read_bytes() for path in (Path("out")).glob("ledger*"))
    assert b"s3cr3t-key" not in kept
    assert b"u24" not in kept


def test_two_loads_on_one_ledger_at_once_are_refused(sandbox):
    people(3).to_parquet("people.parquet")
    with (
        Ledger(Path("out/ledger.sqlite")),
        pytest.raises(cio.ConfigurationError, match="is locked: another load is using it"),
    ):
        load("people.parquet", sandbox.client)
    assert load("people.parquet", sandbox.client).ok


def test_one_ledger_may_know_several_loads(sandbox):
    people(3).to_parquet("people.parquet")
    options = {"client": sandbox.client, "ledger": "all.sqlite"}
    cio.load("people.parquet", "identify", **options)
    cio.load("people.parquet", "page", allow_campaigns=True, **options)
    found = loads_in(Path("all.sqlite"))
    assert found[["call", "phase", "rows", "rows_done", "delivered"]].to_numpy().tolist() == [
        ["identify", "done", 3, 3, 3],
        ["page", "done", 3, 3, 3],
    ]


def test_another_database_is_refused_as_a_ledger_and_left_as_it_is(sandbox, folder):
    people(3).to_parquet("people.parquet")
    with cio.Sandbox(db="calls.db"):
        pass
    before = (folder / "calls.db").read_bytes()
    with pytest.raises(cio.ConfigurationError, match=r"calls.db is a SQLite database, but not a cio_frames ledger"):
        load("people.parquet", sandbox.client, ledger="calls.db")
    assert (folder / "calls.db").read_bytes() == before
    assert not (folder / "calls.db.lock").exists()


def test_the_loads_of_a_file_that_is_not_a_ledger_cannot_be_listed_and_the_remedy_is_named(folder):
    with pytest.raises(cio.ConfigurationError, match=r"Ledger not found: none\. Name the ledger\.sqlite"):
        loads_in(folder.__class__("none"))
    with sqlite3.connect("other.sqlite") as database:
        database.execute("CREATE TABLE orders (id)")
    (folder / "text").write_text("no database at all, but long enough to be looked at as one" * 20)
    for name in ("other.sqlite", "text"):
        with pytest.raises(
            cio.ConfigurationError,
            match=r"(is not a cio_frames ledger|file is not a database)\. Name the ledger\.sqlite of a load",
        ):
            loads_in(folder.__class__(name))


def test_a_load_that_starts_over_is_listed_once(sandbox, folder):
    people(3).to_parquet("people.parquet")
    people(2).to_parquet("other.parquet")
    cio.load("other.parquet", "identify", client=sandbox.client, output="other", ledger="ledger")
    load("people.parquet", sandbox.client, ledger="ledger")
    people(4).to_parquet("people.parquet")
    load("people.parquet", sandbox.client, fresh=True, ledger="ledger")
    listed = loads_in(folder / "ledger")
    assert listed[["source", "rows_done"]].to_numpy().tolist() == [["other.parquet", 2], ["people.parquet", 4]]
    with sqlite3.connect("ledger") as database:
        assert database.execute("SELECT count(*) FROM chunks").fetchone() == (2,)


def test_the_results_of_another_load_are_not_overwritten(sandbox):
    people(3).to_parquet("people.parquet")
    people(2).to_parquet("others.parquet")
    load("people.parquet", sandbox.client)
    with pytest.raises(cio.ConfigurationError, match=r"holds the results of another load, of 'people\.parquet'"):
        load("others.parquet", sandbox.client)
    with pytest.raises(cio.ConfigurationError, match="to resume a load, name the source as it was named before"):
        load("./people.parquet", sandbox.client)
