"""``cio-frames load`` and ``loads``."""

import json
import logging
from pathlib import Path

import pytest

from cio_frames.cli.printing import log_progress


def test_a_load_prints_counts_and_path_and_writes_its_answers_to_a_folder(run, orders, order_options, answers, sandbox):
    done = run("load", orders, *order_options)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["2", "delivered"]
    assert lines[-1] == f"Results: {Path('orders.track-order-completed.load') / 'results'}"
    assert list(answers()["status"]) == ["delivered"] * 2
    assert sorted(sandbox.calls()["userId"]) == ["00004", "1e5"]


def test_a_load_in_json_is_for_programs(run, orders, order_options, tmp_path):
    done = run("load", orders, *order_options, "--json", "--output", tmp_path / "answer")
    facts = json.loads(done.stdout)
    assert {key: facts[key] for key in ("rows", "statuses", "reasons", "requests", "results")} == {
        "rows": 2,
        "statuses": {"delivered": 2},
        "reasons": [],
        "requests": 1,
        "results": str(tmp_path / "answer" / "results"),
    }


def test_a_load_with_an_invalid_row_exits_with_1_and_names_reason_and_file(run, orders, order_options, sandbox):
    orders.write_text(orders.read_text() + ",1997-01-03,5\n")
    done = run("load", orders, *order_options)
    assert done.exit_code == 1
    assert "1 invalid  customer_id: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Undelivered: orders.track-order-completed.load/")
    assert len(sandbox.calls()) == 2


def test_valid_rows_are_sent_although_a_cell_beside_them_is_not_a_number(run, orders, order_options):
    orders.write_text(orders.read_text() + "x,1997-01-03,free\n")
    done = run("load", orders, *order_options)
    assert "2 delivered" in done.stdout
    assert "1 invalid  total: " in done.stdout


def test_a_dry_run_needs_no_key_sends_nothing_and_writes_nothing(run, orders, order_options, sandbox, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    done = run("load", orders, *order_options, "--dry-run")
    assert (done.exit_code, len(sandbox.requests())) == (0, 0)
    assert "2 ready" in done.stdout
    assert list(orders.parent.iterdir()) == [orders]


def test_a_dry_run_uses_the_client_options(run, orders, order_options):
    done = run("load", orders, *order_options, "--dry-run", "--requests-per-second", "0.5")
    assert "At the rate limit, the requests take at least 2.00 s." in done.stdout


def test_columns_are_selected_and_renamed_by_options(run, orders, order_options, sandbox):
    run("load", orders, *order_options, "--properties", "total=value", "--properties", "customer_id")
    assert sandbox.calls()["properties"][0] == {"value": 29.33, "customer_id": "00004"}


def test_a_mixed_file_is_loaded_by_its_type_column(run, tmp_path, sandbox):
    path = tmp_path / "mixed.csv"
    path.write_text("kind,user_id,event,timestamp\nidentify,1,,\ntrack,1,Seen,2020-01-01\n")
    assert run("load", path, "--call", "batch", "--type-column", "kind").exit_code == 0
    assert list(sandbox.calls()["type"]) == ["identify", "track"]
    assert list(sandbox.calls()["userId"]) == ["1", "1"]


def test_a_wrong_key_exits_with_1_keeps_the_key_secret_and_writes_the_answers(
    run, orders, order_options, answers, monkeypatch
):
    monkeypatch.setenv("CIO_WRITE_KEY", "wrong-key")
    done = run("load", orders, *order_options)
    assert done.exit_code == 1
    assert "write key" in done.stderr
    assert "wrong-key" not in done.output
    assert list(answers()["status"]) == ["unsent"] * 2


def test_on_invalid_raise_exits_with_1_sends_nothing_and_names_the_option(run, orders, order_options, sandbox):
    orders.write_text(orders.read_text() + ",1997-01-03,5\n")
    done = run("load", orders, *order_options, "--on-invalid", "raise")
    assert (done.exit_code, len(sandbox.requests())) == (1, 0)
    assert (
        "1 of 3 rows are invalid, and nothing was sent. Correct them, or set --on-invalid skip to send the others."
        in done.stderr
    )


def test_events_that_can_start_campaigns_are_sent_with_an_option_only(run, ends, teas, tea_options, sandbox):
    status, printed = ends("load", teas, *tea_options)
    assert (status, len(sandbox.requests())) == (2, 0)
    assert "--allow-campaigns" in printed.err
    assert run("load", teas, *tea_options, "--allow-campaigns").exit_code == 0
    assert len(sandbox.calls()) == 3


def test_a_load_checks_rows_against_a_tracking_plan(run, teas, tea_options, tracking_plan, sandbox):
    assert run("load", teas, *tea_options, "--allow-campaigns", "--schema", tracking_plan).exit_code == 1
    assert sorted(sandbox.calls()["userId"]) == ["bob", "cem"]


def test_strict_schema_does_not_send_rows_with_warnings(run, teas, tea_options, tracking_plan, sandbox):
    done = run("load", teas, *tea_options, "--allow-campaigns", "--schema", tracking_plan, "--strict-schema")
    assert done.exit_code == 1
    assert sorted(sandbox.calls()["userId"]) == ["cem"]


def test_a_load_writes_its_summary_as_page_or_json(run, orders, order_options, tmp_path):
    for name in ("new/report.html", "new/report.json"):
        assert run("load", orders, *order_options, "--fresh", "--report", tmp_path / name).exit_code == 0
    assert "<html" in (tmp_path / "new/report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "new/report.json").read_text())["statuses"] == {"delivered": 2}


def test_without_a_terminal_the_progress_log_goes_to_stderr(run, orders, order_options, capsys):
    log_progress()
    logging.getLogger("cio_frames.progress").info("track: 2 of 4 rows")
    assert capsys.readouterr().err.endswith(" track: 2 of 4 rows\n")


def test_loads_lists_loads_and_how_far_they_are(run, tmp_path):
    (tmp_path / "people.csv").write_text("user_id\na\nb\n")
    run("load", "people.csv", "--call", "identify")
    (row,) = json.loads(run("loads", "--json").stdout)
    assert (row["call"], row["rows_done"], row["delivered"]) == ("identify", 2, 2)
    assert "people.csv" in run("loads").stdout
    assert "people.csv" in run("loads", "people.identify.load").stdout
    assert "people.csv" in run("loads", "people.identify.load/ledger.sqlite").stdout


def test_loads_without_a_ledger_says_what_to_do(run, ends):
    assert "No ledger found here. Name one: cio-frames loads" in run("loads").stdout
    status, printed = ends("loads", "none.sqlite")
    assert status == 2
    assert "Ledger not found: none.sqlite" in printed.err


@pytest.mark.parametrize("command", ["load", "validate"])
def test_a_file_with_semicolons_is_refused_with_the_remedy(run, ends, tmp_path, sandbox, command):
    path = tmp_path / "people.csv"
    path.write_text("user_id;plan\nada;free\n", encoding="utf-8")
    status, printed = ends(command, path, "--call", "identify")
    assert (status, len(sandbox.requests())) == (2, 0)
    assert "its columns are probably separated by ';', not ','. Pass --delimiter ';'." in printed.err
    assert ends(command, path, "--call", "identify", "--delimiter", ";")[0] == 0


@pytest.mark.parametrize("command", ["load", "validate"])
def test_a_file_that_is_not_utf_8_is_refused_with_the_remedy(run, ends, tmp_path, sandbox, command):
    path = tmp_path / "people.csv"
    path.write_text("user_id,name\nada,Jos\u00e9\n", encoding="latin-1")
    status, printed = ends(command, path, "--call", "identify")
    assert (status, len(sandbox.requests())) == (2, 0)
    assert "UTF-8" in printed.err


def test_loads_at_two_moments_are_two_loads(run, orders, order_options, sandbox):
    for as_of in ("2026-11-27", "2026-11-27", "2026-11-28"):
        done = run("load", orders, *order_options, "--as-of", as_of)
        assert done.exit_code == 0, done.output
    assert len(sandbox.calls()) == 4


def test_a_moment_that_is_none_is_a_mistake_of_the_command(ends, orders, order_options):
    status, printed = ends("load", orders, *order_options, "--as-of", "yesterday", "--dry-run")
    assert status == 2
    assert "--as-of must be a date or time such as '2026-11-27'" in printed.err


@pytest.mark.parametrize(
    ("limit", "status"), [("1", 0), ("50%", 0), ("33.4%", 0), ("33.3%", 1), ("0", 1), ("100%", 0), (" 2 ", 0)]
)
def test_a_few_undelivered_rows_may_be_no_failure(run, orders, order_options, limit, status):
    orders.write_text(orders.read_text() + ",1997-01-03,5\n")
    for given in ((), ("--dry-run",)):
        done = run("load", orders, *order_options, "--max-undelivered", limit, *given)
        assert done.exit_code == status, done.output
        assert "1 invalid" in done.stdout


@pytest.mark.parametrize("limit", ["some", "-1", "101%", "1.5", "%", "1 in 10", ""])
def test_a_limit_that_is_none_is_a_mistake_of_the_command(ends, orders, order_options, limit):
    status, printed = ends("load", orders, *order_options, f"--max-undelivered={limit}", "--dry-run")
    assert status == 2
    assert "--max-undelivered must be a number of rows such as 20, or a share such as 1%" in printed.err


@pytest.mark.parametrize(("answer", "status", "sent"), [(False, 1, 0), (True, 0, 2)])
def test_a_terminal_is_asked_before_events_are_sent_that_can_start_campaigns(
    run, ends, teas, tea_options, sandbox, monkeypatch, answer, status, sent
):
    monkeypatch.setattr("cio_frames.cli.campaign_question.is_terminal", lambda stream: True)
    monkeypatch.setattr("typer.confirm", lambda question, err: answer)
    teas.write_text("user_id,tea\nada,assam\nbob,assam\n", encoding="utf-8")
    before = len(sandbox.calls())
    ended, printed = ends("load", teas, *tea_options, "--no-progress")
    assert (ended, len(sandbox.calls()) - before) == (status, sent)
    assert "2 rows are events that can start campaigns" in printed.err
    assert ("cio-frames: Events that can start campaigns were not sent.\n" in printed.err) is not answer
