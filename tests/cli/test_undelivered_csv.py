"""Undelivered rows as CSV: a load opens the file again, and sends what it would have sent."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

PEOPLE = pd.DataFrame(
    {
        "user_id": ["ada", None, None],
        "zip": ["10115", "07", "08"],
        "code": ["1", "2", "3"],
        "logins": [1, 2, None],
        "total": [1.5, 2.0, 0.25],
        "big": [1, 2**59, 3],
        "active": [True, False, None],
        "seen_at": pd.to_datetime(["2024-01-01T10:00:00.123+02:00"] * 3),
        "born": [dt.date(2024, 1, 31)] * 3,
        "note": ["plain", 'a "quote", and\na line', "x;y"],
        "plan": pd.Categorical(["team", "free", "team"]),
    }
)


@pytest.fixture
def people(tmp_path):
    PEOPLE.to_parquet(tmp_path / "people.parquet")
    return tmp_path / "people.parquet"


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_file_is_loaded_again_as_what_it_was(run, people, kind):
    if kind == "csv":
        people = people.with_suffix(".csv")
        PEOPLE.to_csv(people, index=False)
    done = run("load", people, "--call", "identify", "--undelivered-csv", "again.csv")
    assert done.exit_code == 1
    # Text of digits is a number in a CSV file, unless its type is named.
    options = ["--type", "code=text"] if kind == "parquet" else []
    assert f"Undelivered as CSV: again.csv{' (load it with --type code=text)' if options else ''}\n" in done.stdout
    # The id that was missing comes from another column now: both files make the same calls.
    before, after = (
        run("payloads", file, "--call", "identify", "--anonymous-id", "zip", *reading).stdout.splitlines()
        for file, reading in ((people, []), ("again.csv", options))
    )
    assert len(after) == 2
    assert after == before[1:]


def test_the_job_file_has_a_key_for_it(run, people):
    job = people.with_name("job.yaml")
    job.write_text("source: people.parquet\ncall: identify\nundelivered_csv: out/again.csv\n", encoding="utf-8")
    assert run("run", job).exit_code == 1
    assert len(pd.read_csv("out/again.csv")) == 2


def test_a_file_of_an_earlier_load_is_removed_if_all_rows_were_delivered(run, people, tmp_path):
    command = ["load", people, "--call", "identify", "--undelivered-csv", "again.csv", "--fresh"]
    assert run(*command).exit_code == 1
    PEOPLE.assign(user_id=["ada", "bob", "cem"]).to_parquet(people)
    assert run(*command).exit_code == 0
    assert not (tmp_path / "again.csv").exists()


def test_what_a_csv_file_does_not_have_is_said(run, people):
    PEOPLE.assign(items=[[1], [2], [3]]).to_parquet(people)
    done = run("load", people, "--call", "identify", "--undelivered-csv", "again.csv")
    assert done.exit_code == 1
    assert "column 'items' has the type list" in done.stderr
    assert not people.with_name("again.csv").exists()


def test_what_is_not_the_same_in_a_csv_file_is_pointed_out(run, people):
    columns = {"total": [1.0, np.inf, 2.0], "note": ["a", "", ""], "big": [1, 2**60, 2]}
    PEOPLE[["user_id"]].assign(**columns).to_parquet(people)
    done = run("load", people, "--call", "identify", "--undelivered-csv", "again.csv")
    assert "(load it with --type total=number)" in done.stdout
    assert "note in CSV: empty texts are missing values\n" in done.stdout
    assert "big in CSV: numbers are text, since some have more than 18 digits\n" in done.stdout


def test_it_may_not_be_a_file_that_is_read(ends, people, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    status, printed = ends("load", people, "--call", "identify", "--undelivered-csv", people)
    assert (status, "--undelivered-csv" in printed.err) == (2, True)
    assert len(pd.read_parquet(people)) == 3


def test_a_sync_does_not_write_it(ends, people, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    job = people.with_name("job.yaml")
    job.write_text(
        "source: people.parquet\ncall: identify\nstate: s.sqlite\nundelivered_csv: again.csv\n", encoding="utf-8"
    )
    status, printed = ends("run", job)
    assert (status, "undelivered_csv: is supported by loads only" in printed.err) == (2, True)


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_a_file_of_others_is_not_replaced(run, people, sandbox, option):
    theirs = people.with_name("again.csv")
    theirs.write_text("user_id,plan\nada,free\n", encoding="utf-8")
    done = run("load", people, "--call", "identify", "--undelivered-csv", theirs, *option)
    assert "cio_frames did not write it: it is not replaced" in str(done.exception)
    assert theirs.read_text(encoding="utf-8") == "user_id,plan\nada,free\n"
    assert len(sandbox.requests()) == 0
