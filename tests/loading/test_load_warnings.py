"""A load says what validate says: over chunks, in its result, as JSON, on its page, and on the command line."""

import dataclasses
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app

from .helpers import load_rows

ROWS = 35


def people():
    frame = pd.DataFrame({"user_id": [f"u{number}" for number in range(ROWS)]})
    frame["email"] = [f"e{number}@example.com" for number in range(ROWS)]
    frame["birthday"] = "05/12/1995"
    frame["_margin"] = [1.5] * (ROWS - 1) + [None]
    # Across the chunks of ten rows.
    frame.loc[33, "user_id"] = "u1"
    frame.loc[32, "email"] = "E2@example.com"
    frame.loc[[4, 24], "user_id"] = ["nan", "u24 "]
    return frame


EXPECTED = [
    ("id_word", "row", 1),
    ("id_white_space", "row", 1),
    ("duplicate_people", "source", 1),
    ("email_of_two_ids", "source", 1),
    ("day_month_year", "column", 35),
    ("private_name", "column", 34),
]


def counted(warnings):
    return [(each.check, each.scope, each.rows) for each in warnings]


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people().to_parquet("people.parquet")
    return "people.parquet"


@pytest.mark.parametrize("door", ["validate", "dry run", "load"])
def test_every_door_finds_the_same(door, source, sandbox):
    if door == "validate":
        warnings = cio.validate(people(), "identify").warnings
    else:
        warnings = load_rows(source, sandbox.client, dry_run=door == "dry run").warnings
    assert counted(warnings) == EXPECTED


def test_the_results_on_disk_have_the_warnings_of_rows(source, sandbox):
    results = load_rows(source, sandbox.client).frame()
    assert results.columns.tolist()[:5] == ["file", "row", "status", "reason", "warning"]
    assert results.loc[results["warning"].notna(), "row"].tolist() == [4, 24]


def test_a_load_that_is_resumed_knows_what_earlier_runs_found(source):
    with cio.Sandbox(faults=["503@3"]) as sandbox:
        client = dataclasses.replace(sandbox.client, attempts=1, workers=1)
        stopped = load_rows(source, client)
        assert (stopped.phase, counted(stopped.warnings)) == ("stopped", EXPECTED)
        done = load_rows(source, client)
    assert (done.phase, counted(done.warnings)) == ("done", EXPECTED)
    # The rows of earlier runs are not read again, so there may be more.
    assert [each.at_least for each in done.warnings] == [False, False, True, True, False, False]


def test_a_load_that_was_done_before_still_has_its_warnings(source, sandbox):
    load_rows(source, sandbox.client)
    assert counted(load_rows(source, sandbox.client).warnings) == EXPECTED


def test_json_has_the_warnings_and_validate_has_the_same(source, sandbox):
    run = CliRunner()
    printed = run.invoke(app, ["load", source, "--call", "identify", "--dry-run", "--json"])
    loaded = json.loads(printed.stdout)["warnings"]
    assert [(each["check"], each["scope"], each["rows"]) for each in loaded] == EXPECTED
    printed = run.invoke(app, ["validate", source, "--call", "identify", "--json"])
    assert json.loads(printed.stdout)["warnings"] == loaded


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_command_line_prints_a_line_for_each(dry_run, source, sandbox, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", sandbox.client.write_key)
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    command = ["load", source, "--call", "identify", *(["--dry-run"] if dry_run else [])]
    printed = CliRunner().invoke(app, command).stdout
    assert "     warning: 1 person has more than one row; the last row wins\n" in printed
    assert printed.count("warning: ") == len(EXPECTED)


def test_the_page_of_a_load_lists_them(source, sandbox, tmp_path):
    load_rows(source, sandbox.client).to_report(tmp_path / "load.html")
    page = (tmp_path / "load.html").read_text()
    assert "1 person has more than one row; the last row wins" in page
    assert "u24" not in page


def test_strict_schema_holds_the_rows_back_in_loads_as_in_validate(source):
    loaded = cio.load(source, "identify", dry_run=True, strict_schema=True, traits=["email"])
    report = cio.validate(people(), "identify", strict_schema=True, traits=["email"])
    assert loaded.rows_held_back == report.rows_held_back == 2


def test_without_a_schema_there_are_none(source):
    assert cio.load(source, "identify", dry_run=True, schema=None).warnings == ()


def test_all_places_count_the_same_warnings(sandbox, capsys, tmp_path):
    orders = pd.DataFrame({"user_id": ["ada"], "timestamp": ["2020-01-01"], "lot": ["a"], "box": ["b"]})
    options = {"client": sandbox.client, "progress": True, "output": tmp_path / "out"}
    loaded = cio.load(orders, "track", "Order Completed", **options)
    assert repr(loaded) == "<LoadResult of track 'Order Completed', done: 1 delivered; 1 warning>"
    assert cio.summary(loaded).line == "1 delivered; 1 warning"
    assert "1 delivered; 1 warning, see cio.summary(result)" in capsys.readouterr().err
