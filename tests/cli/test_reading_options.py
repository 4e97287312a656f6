"""Options of how files are read, from the command line to what is sent, and what is said of files."""

import io
import json
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def folder(run, tmp_path):
    """The current folder, with the sandbox in the environment."""
    return tmp_path


def test_a_file_of_another_country_is_loaded_with_its_options(ends, folder, sandbox):
    rows = "user_id;city;spent;seen\nu1;Köln;12,50;31/12/2024\nu2;n/a;-;01/02/2024\n"
    (folder / "shop.csv").write_bytes(rows.encode("cp1252"))
    options = ["--delimiter", ";", "--encoding", "cp1252", "--decimal", ",", "--null-values", "n/a,-"]
    status, printed = ends("load", "shop.csv", "--call", "identify", *options)
    assert (status, printed.err.count("Note")) == (0, 0)
    assert sandbox.calls()["traits"].tolist() == [
        {"city": "Köln", "spent": 12.5, "seen": "31/12/2024"},
        {"seen": "01/02/2024"},
    ]


def test_a_cell_of_another_type_than_the_one_named_makes_its_row_invalid(ends, folder, sandbox):
    (folder / "p.csv").write_text("user_id,logins\nu1,5\nu2,n/a\nu3,\n")
    for command in ("load", "validate"):
        status, printed = ends(command, "p.csv", "--call", "identify", "--type", "logins=number")
        assert status == 1
        assert "logins: must be a number" in printed.out
    assert sandbox.calls()["traits"].tolist() == [{"logins": 5}, {}]
    undelivered = pd.read_parquet("p.identify.load/undelivered.parquet")
    assert undelivered["logins"].tolist() == ["n/a"]


@pytest.mark.parametrize("command", ["load", "validate"])
def test_what_is_left_out_and_what_is_guessed_is_said_on_stderr(ends, folder, command):
    (folder / "in" / "country=de").mkdir(parents=True)
    (folder / "in" / "country=de" / "p.csv").write_text("user_id,n\n" + "u,1\n" * 9 + "user_id,n\nu,inf\n")
    (folder / "in" / "notes.txt").touch()
    status, printed = ends(command, "in", "--call", "identify", *(["--dry-run"] if command == "load" else []))
    assert status == 0
    for words in (
        "Note: 1 file was left out: 1 .txt.",
        "Note: Columns from names of folders: country. To leave them out, pass --no-partitions.",
        "Note: 1 line that repeats the first line is not a row",
        "Note: n: 9 of 10 cells are numbers, 1 is text ('inf' in line 12), so all are sent as text. If these cells are "
        "missing values, pass --null-values inf; if they are mistakes, pass --type n=number.",
    ):
        assert words in printed.err
    assert "country" not in ends(command, "in", "--call", "identify", "--no-partitions")[1].err


def test_programs_read_the_same_in_json(ends, folder):
    (folder / "in").mkdir()
    (folder / "in" / "p.csv").write_text("user_id\nu\n")
    (folder / "in" / "notes.txt").touch()
    for command in ("load", "validate"):
        facts = json.loads(ends(command, "in", "--call", "identify", "--json")[1].out)
        assert facts["left_out"] == {".txt": 1}
        assert facts["notes"] == ["1 file was left out: 1 .txt."]


def test_validate_judges_a_folder_file_by_file_as_a_load_does(ends, folder, sandbox):
    (folder / "in").mkdir()
    pq.write_table(pa.table({"user_id": ["u1", None], "n": [2**53 + 1, 1]}), "in/1.parquet")
    pq.write_table(pa.table({"userId": ["u2"], "n": [0.5]}), "in/2.parquet")
    (folder / "in/3.csv").write_text("user_id,n\nu3,007\n")
    status, printed = ends("validate", "in", "--call", "identify", "--json")
    found = json.loads(printed.out)
    assert (status, found["rows"], found["rows_held_back"]) == (1, 4, 1)
    assert found["checks"][0]["first_positions"] == [1]
    assert ends("load", "in", "--call", "identify")[0] == 1
    assert sandbox.calls()["traits"].tolist() == [{"n": 2**53 + 1}, {"n": 0.5}, {"n": "007"}]


def test_a_dash_is_standard_input(ends, folder, sandbox, monkeypatch):
    for name, options in (("load", ["--output", "out"]), ("validate", [])):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"user_id\nada\n"), isatty=lambda: False))
        status, printed = ends(name, "-", "--call", "identify", *options)
        assert status == 0
        assert "Standard input is not resumable" in printed.err
    assert sandbox.calls()["userId"].tolist() == ["ada"]


def test_all_wrong_options_are_reported_at_once(ends, folder):
    (folder / "p.csv").write_text("user_id\nu\n")
    status, printed = ends(
        "load", "p.csv", "--call", "identify", "--delimiter", ";;", "--encoding", "utf-99", "--type", "n=float"
    )
    assert status == 2
    for words in ("--delimiter must be", "--encoding must be", "--type: the type of 'n' must be one of"):
        assert words in printed.err
