"""``cio-frames validate``."""

import json
import re

import pandas as pd
import pytest


def checks(run, path, *options):
    """Validate; return the exit status, and how many rows have which finding in which column."""
    done = run("validate", path, "--json", *options)
    found = json.loads(done.stdout)["checks"]
    return done.exit_code, {(check["column"], check["severity"]): check["rows"] for check in found}


def test_validate_prints_what_is_wrong_and_sends_nothing(run, orders, order_options, sandbox):
    orders.write_text(orders.read_text() + "x,soon,5\n")
    done = run("validate", orders, *order_options)
    assert done.exit_code == 1
    assert "1 of 3 rows" in done.stdout
    assert "ordered_on" in done.stdout
    assert len(sandbox.requests()) == 0


def test_validate_needs_no_key(run, orders, order_options, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    assert run("validate", orders, *order_options).exit_code == 0


def test_validate_in_json_is_for_programs(run, orders, order_options):
    done = run("validate", orders, *order_options, "--json")
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["rows"], facts["rows_held_back"], facts["checks"]) == (0, 2, 0, [])


def test_text_with_brackets_is_printed_as_it_is(run, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("[bold]id,timestamp\n,2026-01-01\n")
    assert "[bold]id" in run("validate", path, "--call", "identify", "--user-id", "[bold]id").stdout


def test_validate_checks_against_a_tracking_plan(run, teas, tea_options, tracking_plan):
    assert checks(run, teas, *tea_options) == (0, {})
    found = {("tea", "error"): 1, ("gram", "warning"): 2}
    assert checks(run, teas, *tea_options, "--schema", tracking_plan) == (1, found)
    strictly = {("tea", "error"): 1, ("gram", "error"): 2}
    assert checks(run, teas, *tea_options, "--schema", tracking_plan, "--strict-schema") == (1, strictly)


def test_no_schema_checks_only_that_rows_can_be_written(run, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("user_id,email\nada,nobody\n")
    assert checks(run, people, "--call", "identify") == (1, {("email", "error"): 1})
    assert checks(run, people, "--call", "identify", "--no-schema") == (0, {})


def test_a_tracking_plan_with_a_mistake_exits_with_2_and_names_its_line(run, ends, teas, tea_options, tmp_path):
    (tmp_path / "plan.yaml").write_text("events:\n  Tea Ordered:\n    propertys: {}\n", encoding="utf-8")
    status, printed = ends("validate", teas, *tea_options, "--schema", tmp_path / "plan.yaml")
    assert status == 2
    assert "line 3: unknown key 'propertys'" in printed.err


@pytest.mark.parametrize("shown", [False, True])
def test_validate_writes_a_page_and_the_failure_cases(run, teas, tea_options, tracking_plan, tmp_path, shown):
    page, cases = tmp_path / "report.html", tmp_path / "cases.parquet"
    values = ["--show-values"] if shown else []
    files = ["--report", page, "--failures", cases]
    done = run("validate", teas, *tea_options, "--schema", tracking_plan, *files, *values)
    assert done.exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert "track &#39;Tea Ordered&#39;</title>" in text
    assert ("coffee-of-ada" in text) is shown
    found = pd.read_parquet(cases)
    assert found["column"].tolist() == ["tea"]
    assert found["severity"].tolist() == ["error"]
    assert (found["value"].iloc[0] == "coffee-of-ada") is shown or pd.isna(found["value"].iloc[0])
    assert done.stdout.count("coffee-of-ada") == 0


def test_validate_prints_how_many_rows_can_start_campaigns_and_the_first_failing_rows(
    run, teas, tea_options, tracking_plan
):
    printed = run("validate", teas, *tea_options, "--schema", tracking_plan).stdout
    assert "2 rows are events younger than 72 hours, or without a time, and can start campaigns." in printed
    assert re.search(r"tea +error +1 +33\.3% +0 +tea: ", printed)
