import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import requests
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app, main

STRICT = {"X-Strict-Mode": "1"}

ORDER = ["--call", "track", "--event", "Order Completed", "--user-id", "customer_id", "--timestamp", "ordered_on"]


@pytest.fixture
def run(monkeypatch, tmp_path, sandbox):
    """Run a command in an empty folder, with the sandbox in the environment."""
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,ordered_on,total\n00004,1997-01-01,29.33\n1e5,1997-01-02,5\n")
    return path


@pytest.fixture
def ends(capsys):
    """Run the program as a shell would, and return its exit status and what it said."""

    def ended(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return end.value.code, capsys.readouterr()

    return ended


FOLDER = "orders.track-order-completed.load"


def answers(folder=FOLDER):
    """Return the results of a load."""
    return pd.read_parquet(Path(folder) / "results")


def test_a_load_prints_counts_and_path_and_leaves_its_answers_in_a_folder(run, orders, sandbox):
    done = run("load", orders, *ORDER)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["2", "delivered"]
    assert lines[-1] == f"Results: {Path(FOLDER) / 'results'}"
    assert list(answers()["status"]) == ["delivered"] * 2
    assert sorted(sandbox.calls()["userId"]) == ["00004", "1e5"]


def test_a_load_in_json_is_for_programs(run, orders, tmp_path):
    done = run("load", orders, *ORDER, "--json", "--output", tmp_path / "answer")
    facts = json.loads(done.stdout)
    assert {key: facts[key] for key in ("rows", "statuses", "reasons", "requests", "results", "state")} == {
        "rows": 2,
        "statuses": {"delivered": 2},
        "reasons": [],
        "requests": 1,
        "results": str(tmp_path / "answer" / "results"),
        "state": "done",
    }


def test_a_load_with_bad_rows_ends_with_1_and_says_why(run, orders, sandbox):
    orders.write_text(orders.read_text() + ",1997-01-03,5\n")
    done = run("load", orders, *ORDER)
    assert done.exit_code == 1
    assert "1 invalid  customer_id: is missing, and is needed" in done.stdout
    assert len(sandbox.calls()) == 2


def test_a_dry_run_needs_no_key_and_sends_nothing(run, orders, sandbox, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    done = run("load", orders, *ORDER, "--dry-run")
    assert (done.exit_code, len(sandbox.requests())) == (0, 0)
    assert "2 ready" in done.stdout


def test_columns_are_chosen_and_renamed_by_options(run, orders, sandbox):
    run("load", orders, *ORDER, "--properties", "total=value", "--properties", "customer_id")
    assert sandbox.calls()["properties"][0] == {"value": 29.33, "customer_id": "00004"}


def test_a_mixed_file_is_loaded_by_its_type_column(run, tmp_path, sandbox):
    path = tmp_path / "mixed.csv"
    path.write_text("kind,user_id,event,timestamp\nidentify,1,,\ntrack,1,Seen,2020-01-01\n")
    assert run("load", path, "--call", "batch", "--type-column", "kind").exit_code == 0
    assert list(sandbox.calls()["type"]) == ["identify", "track"]
    assert list(sandbox.calls()["userId"]) == ["1", "1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load", "none.csv", "--call", "track", "--event", "x"], "There is no file"),
        (["load", "{orders}", "--call", "sing"], "There is no call 'sing'"),
        (
            ["load", "{orders}", "--call", "track", "--event", "x", "--user-id", "custmer_id"],
            "Did you mean 'customer_id'?",
        ),
        (["load", "{orders}", *ORDER, "--region", "mars"], "no region 'mars'"),
        (["load", "{orders}", *ORDER, "--on-invalid", "maybe"], "neither 'skip' nor 'raise'"),
        (["load", "{orders}", "--cal", "track"], "No such option"),
        (["schema", "Order Complete"], "Did you mean 'Order Completed'?"),
        (["events", "ecommerc"], "there are ab_test, customerio, ecommerce"),
    ],
)
def test_a_command_that_cannot_be_carried_out_ends_with_2_and_says_what_to_do(
    run, ends, orders, monkeypatch, arguments, words
):
    status, said = ends(*(argument.replace("{orders}", str(orders)) for argument in arguments))
    assert status == 2
    assert words in said.err.replace("\n", " ")
    assert said.out == ""


def test_no_key_ends_with_2_and_names_the_variable(run, ends, orders, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    status, said = ends("load", orders, *ORDER)
    assert status == 2
    assert "Set CIO_WRITE_KEY" in said.err


def test_a_wrong_key_ends_with_1_says_so_without_the_key_and_leaves_the_result(run, orders, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "wrong-key")
    done = run("load", orders, *ORDER)
    assert done.exit_code == 1
    assert "does not accept this write key" in done.stderr
    assert "wrong-key" not in done.output
    assert list(answers()["status"]) == ["unsent"] * 2


def test_on_invalid_raise_ends_with_1_and_sends_nothing(run, ends, orders, sandbox):
    orders.write_text(orders.read_text() + ",1997-01-03,5\n")
    status, said = ends("load", orders, *ORDER, "--on-invalid", "raise")
    assert (status, len(sandbox.requests())) == (1, 0)
    assert "1 of 3 rows cannot be sent" in said.err


def test_validate_says_what_is_wrong_and_sends_nothing(run, orders, sandbox):
    orders.write_text(orders.read_text() + "x,soon,5\n")
    done = run("validate", orders, *ORDER)
    assert done.exit_code == 1
    assert "1 of 3 rows cannot be sent" in done.stdout
    assert "ordered_on" in done.stdout
    assert len(sandbox.requests()) == 0


def test_validate_in_json_is_for_programs(run, orders):
    done = run("validate", orders, *ORDER, "--json")
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["rows"], facts["rows_held_back"], facts["checks"]) == (0, 2, 0, [])


def test_a_reason_with_brackets_is_printed_as_it_is(run, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("user_id,[bold]x\n1," + "a" * 33_000 + "\n")
    done = run("validate", path, "--call", "identify")
    assert "bytes, and a call may have 32,000" in done.stdout
    path.write_text("[bold]id,timestamp\n,2026-01-01\n")
    assert "[bold]id" in run("validate", path, "--call", "identify", "--user-id", "[bold]id").stdout


def test_events_of_a_family_are_listed(run):
    done = run("events", "ecommerce", "--json")
    found = json.loads(done.stdout)
    assert len({row["event"] for row in found}) == 28
    assert {"event", "family", "field", "type", "required", "format", "enum"} == set(found[0])
    assert "products[].price" in run("events", "ecommerce").stdout


def test_a_table_is_not_cut_where_no_terminal_is(run):
    lines = run("events").stdout.splitlines()
    names = {row["field"] for row in json.loads(run("events", "--json").stdout)}
    assert max(map(len, names)) >= 25
    assert [name for name in names if not any(name in line for line in lines)] == []
    assert all("\u2026" not in line for line in lines)


def test_the_schema_of_an_event_and_of_a_call_is_shown(run):
    assert "total" in run("schema", "Order Completed").stdout
    fields = {row["field"] for row in json.loads(run("schema", "identify", "--json").stdout)}
    assert {"userId", "traits.email", "context.ip"} <= fields


def test_the_demonstration_accounts_for_every_row_and_leaves_the_result(run, tmp_path):
    done = run("demo")
    assert done.exit_code == 0
    assert "The sandbox holds 2,357 people and 6,919 events." in done.stdout
    assert "Every row is accounted for: yes" in done.stdout
    result = pd.read_parquet(tmp_path / "demo-output" / "orders.result.parquet")
    assert result["status"].value_counts().loc[lambda counts: counts > 0].to_dict() == {
        "delivered": 6919,
        "invalid": 6,
        "too_large": 1,
    }


def test_the_demonstration_in_json_is_for_programs(run):
    facts = json.loads(run("demo", "--json").stdout)
    assert (facts["rows"], facts["people"], facts["events"], facts["unaccounted"]) == (9283, 2357, 6919, 0)


def test_a_demonstration_that_loses_a_row_ends_with_1(run, monkeypatch):
    from cio_frames.cli import demo

    monkeypatch.setattr(demo, "_disagreeing", lambda result, held: 3)
    done = run("demo")
    assert done.exit_code == 1
    assert "3 rows are not accounted for" in done.stderr


def test_a_demonstration_counts_what_it_was_told_against_what_arrived():
    from cio_frames.cli.demo import _disagreeing

    result = pd.DataFrame({"status": ["delivered", "delivered", "invalid"], "message_id": ["a", "b", None]})
    assert _disagreeing(result, pd.Series(["a", "b"])) == 0
    assert _disagreeing(result, pd.Series(["a"])) == 1
    assert _disagreeing(result, pd.Series(["a", "b", "c"])) == 1
    assert _disagreeing(result, pd.Series(["a", "b", "b"])) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C cannot be sent to one process")
def test_the_sandbox_runs_until_ctrl_c_and_keeps_what_it_received(tmp_path):
    command = [sys.executable, "-m", "cio_frames", "sandbox", "--port", "0", "--db", str(tmp_path / "calls.db")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        url = re.search(r"http://127\.0\.0\.1:\d+", running.stderr.readline())[0]
        client = cio.Client(write_key="sandbox", endpoint=url)
        pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=client)
        running.send_signal(signal.SIGINT)
        assert "1 calls received" in running.stderr.read()
    assert running.returncode == 0
    assert list(cio.Sandbox(db=tmp_path / "calls.db").calls()["userId"]) == ["ada"]


def test_the_sandbox_misbehaves_as_told():
    options = ["--port", "0", "--fault", "429@0,retry-after=7", "--latency", "200ms", "--no-state", "--seed", "5"]
    command = [sys.executable, "-m", "cio_frames", "sandbox", *options, "--assume", "empty_batch=refuse"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        url = re.search(r"http://127\.0\.0\.1:\d+", running.stderr.readline())[0]
        first, second = (
            requests.post(f"{url}/v1/batch", json={"batch": []}, auth=("sandbox", ""), headers=STRICT, timeout=5)
            for _ in range(2)
        )
        running.send_signal(signal.SIGINT)
        running.stderr.read()
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert first.elapsed.total_seconds() > 0.2
    assert second.status_code == 400


def test_a_sandbox_that_others_can_reach_says_so_loudly():
    command = [sys.executable, "-m", "cio_frames", "sandbox", "--port", "0", "--host", "0.0.0.0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        said = ""
        while "Ctrl-C" not in said:
            said += running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.stderr.read()
    assert "listens on 0.0.0.0, so other machines can reach it" in said


@pytest.mark.parametrize(
    "option", ["--fault=none", "--latency=30", "--assume=x=y", "--assume=gzip", "--batch-errors=x"]
)
def test_a_sandbox_option_that_is_none_ends_with_2(ends, option):
    status, said = ends("sandbox", "--port", "0", option)
    assert (status, said.out) == (2, "")
    assert "none" in said.err or "30" in said.err or "got" in said.err


def test_the_program_can_be_run_as_a_module():
    run = subprocess.run([sys.executable, "-m", "cio_frames", "--help"], capture_output=True, text=True, check=True)
    assert "identify" not in run.stderr
    assert "sandbox" in run.stdout


def test_good_rows_go_although_a_cell_beside_them_is_no_number(run, orders):
    orders.write_text(orders.read_text() + "x,1997-01-03,free\n")
    done = run("load", orders, *ORDER)
    assert "2 delivered" in done.stdout
    assert "1 invalid  total: a number is needed" in done.stdout


def test_answers_that_cannot_be_written_are_found_before_anything_is_sent(run, ends, orders, sandbox):
    status, said = ends("load", orders, *ORDER, "--output", orders / "inside")
    assert status == 2
    assert "cannot be" in said.err
    assert len(sandbox.requests()) == 0


def test_a_dry_run_leaves_nothing_behind(run, orders, tmp_path):
    run("load", orders, *ORDER, "--dry-run")
    assert list(tmp_path.iterdir()) == [orders]


@pytest.fixture
def teas(tmp_path):
    path = tmp_path / "teas.csv"
    path.write_text("user_id,tea,gram\nada,coffee-of-ada,5\nbob,assam,5\ncem,assam,\n", encoding="utf-8")
    return path


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(
        "events:\n"
        "  Tea Ordered:\n"
        "    properties:\n"
        "      tea: {type: string, enum: [assam, darjeeling]}\n"
        "      grams: {type: number}\n",
        encoding="utf-8",
    )
    return path


TEA = ["--call", "track", "--event", "Tea Ordered"]


def checked(run, path, *options):
    """Validate, and return which checks held back how many rows, and which warned of how many."""
    done = run("validate", path, *TEA, "--json", *options)
    checks = json.loads(done.stdout)["checks"]
    return done.exit_code, {(check["column"], check["severity"]): check["rows"] for check in checks}


def test_validate_checks_against_a_plan_of_ones_own(run, teas, plan):
    assert checked(run, teas) == (0, {})
    found = {("tea", "error"): 1, ("gram", "warning"): 2}
    assert checked(run, teas, "--schema", plan) == (1, found)
    strictly = {("tea", "error"): 1, ("gram", "error"): 2}
    assert checked(run, teas, "--schema", plan, "--strict-schema") == (1, strictly)
    assert checked(run, teas, "--no-schema") == (0, {})


def test_a_plan_with_a_mistake_ends_with_2_and_names_its_line(run, ends, teas, tmp_path):
    (tmp_path / "plan.yaml").write_text("events:\n  Tea Ordered:\n    propertys: {}\n", encoding="utf-8")
    status, said = ends("validate", teas, *TEA, "--schema", tmp_path / "plan.yaml")
    assert status == 2
    assert "line 3: unknown key 'propertys'" in said.err


@pytest.mark.parametrize("shown", [False, True])
def test_validate_leaves_a_page_and_the_failure_cases(run, teas, plan, tmp_path, shown):
    page, cases = tmp_path / "report.html", tmp_path / "cases.parquet"
    values = ["--show-values"] if shown else []
    done = run("validate", teas, *TEA, "--schema", plan, "--report", page, "--failures", cases, *values)
    assert done.exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert "<title>Validation report: track &#39;Tea Ordered&#39;</title>" in text
    assert ("coffee-of-ada" in text) is shown
    found = pd.read_parquet(cases)
    assert found["column"].tolist() == ["tea", "gram", "gram"]
    assert found["severity"].tolist() == ["error", "warning", "warning"]
    assert (found["value"].iloc[0] == "coffee-of-ada") is shown or pd.isna(found["value"].iloc[0])
    assert done.stdout.count("coffee-of-ada") == 0


@pytest.mark.parametrize("option", ["--report", "--failures"])
def test_a_report_that_cannot_be_written_ends_with_2(run, ends, teas, option):
    status, said = ends("validate", teas, *TEA, option, "none/report")
    assert status == 2
    assert "cannot be written" in said.err
    assert option in said.err


def test_validate_says_what_can_start_campaigns_and_which_rows_are_concerned_first(run, teas, plan):
    said = run("validate", teas, *TEA, "--schema", plan).stdout
    assert "2 rows are younger than 72 hours, or without a time, and can start campaigns." in said
    assert re.search(r"tea +error +1 +33\.3% +0 +tea: must be one of assam, darjeeling", said)


def test_a_load_keeps_to_a_plan_of_ones_own(run, teas, plan, sandbox):
    assert run("load", teas, *TEA, "--allow-campaigns", "--schema", plan).exit_code == 1
    assert sorted(sandbox.calls()["userId"]) == ["bob", "cem"]


def test_a_load_holds_back_what_is_warned_of_where_that_is_asked_for(run, teas, plan, sandbox):
    assert run("load", teas, *TEA, "--allow-campaigns", "--schema", plan, "--strict-schema").exit_code == 1
    assert sorted(sandbox.calls()["userId"]) == ["cem"]


def test_a_load_with_a_plan_that_is_wrong_sends_nothing(run, ends, teas, tmp_path, sandbox):
    (tmp_path / "plan.yaml").write_text("events: []\n", encoding="utf-8")
    status, said = ends("load", teas, *TEA, "--schema", tmp_path / "plan.yaml")
    assert (status, len(sandbox.requests())) == (2, 0)
    assert "plan.yaml" in said.err


@pytest.mark.parametrize("command", ["load", "validate"])
def test_a_file_with_semicolons_is_refused_and_the_remedy_named(run, ends, tmp_path, sandbox, command):
    path = tmp_path / "people.csv"
    path.write_text("user_id;plan\nada;free\n", encoding="utf-8")
    status, said = ends(command, path, "--call", "identify")
    assert (status, len(sandbox.requests())) == (2, 0)
    assert "one column whose name has semicolons in it" in said.err
    assert "Save it with commas, or read it with pandas.read_csv(file, sep=';', dtype=str)" in said.err


@pytest.mark.parametrize("command", ["load", "validate"])
def test_a_file_that_is_not_utf_8_is_refused_and_the_remedy_named(run, ends, tmp_path, sandbox, command):
    path = tmp_path / "people.csv"
    path.write_text("user_id,name\nada,Jos\u00e9\n", encoding="latin-1")
    status, said = ends(command, path, "--call", "identify")
    assert (status, len(sandbox.requests())) == (2, 0)
    assert "is not UTF-8 text. Save it as UTF-8" in said.err


def test_where_there_is_no_terminal_a_long_load_writes_a_line_now_and_then(run, monkeypatch, tmp_path):
    monkeypatch.setattr("cio_frames._util.progress._SECONDS_BETWEEN_LINES", 0)
    people = tmp_path / "people.csv"
    people.write_text("user_id\nada\nbob\n", encoding="utf-8")
    done = run("load", people, "--call", "identify", "--output", tmp_path / "answers")
    assert done.exit_code == 0
    assert re.search(r"^2\d{3}-\S+ \S+ identify: 2 rows, [\d,]+ bytes", done.stderr, re.M), done.stderr


@pytest.mark.parametrize("option", [["--workers", "-1"], ["--region", "asia"], ["--endpoint", "http://example.com"]])
def test_a_dry_run_checks_the_settings_of_the_client(tmp_path, monkeypatch, option):
    monkeypatch.delenv("CIO_WRITE_KEY", raising=False)
    path = tmp_path / "people.csv"
    path.write_text("user_id\na\n", encoding="utf-8")
    dry = ["load", str(path), "--call", "identify", "--dry-run"]
    done = CliRunner().invoke(app, [*dry, "--requests-per-second", "0.5"])
    assert "it takes 2.00 s at least" in done.stdout, done.output
    assert isinstance(CliRunner().invoke(app, [*dry, *option]).exception, cio.ConfigurationError)
