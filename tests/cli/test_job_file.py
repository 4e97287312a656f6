"""Job files, and the list of loads."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app
from cio_frames.cli.job_file import read_job

JOB = """\
source: in/*.csv
call: track
event: Order Completed
columns: {user_id: customer, timestamp: at, properties: [total]}
client: {workers: 2, requests_per_second: 500}
timezone: Europe/Berlin
output: answers
report: answers/report.json
"""


@pytest.fixture
def job(tmp_path):
    (tmp_path / "jobs/in").mkdir(parents=True)
    (tmp_path / "jobs/in/orders.csv").write_text("customer,at,total,notes\na,2020-07-01T12:00:00,1.5,x\nb,,2,y\n")
    path = tmp_path / "jobs/orders.yaml"
    path.write_text(JOB, encoding="utf-8")
    return path


@pytest.fixture
def run(monkeypatch, tmp_path, sandbox):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_job_runs_from_anywhere_and_leaves_what_it_says(run, job, sandbox):
    job.write_text(JOB + "allow_campaigns: true\n", encoding="utf-8")
    done = run("run", job)
    assert done.exit_code == 0, done.output
    found = sandbox.calls()
    assert found["properties"].tolist() == [{"total": 1.5}, {"total": 2}]
    assert found["timestamp"].iloc[0] == "2020-07-01T10:00:00.000Z"
    assert len(pd.read_parquet(job.parent / "answers/results")) == 2
    assert json.loads((job.parent / "answers/report.json").read_text())["statuses"] == {"delivered": 2}


def test_a_job_that_was_stopped_goes_on_from_wherever_it_is_run(run, job, monkeypatch, sandbox):
    job.write_text(JOB + "allow_campaigns: true\n", encoding="utf-8")
    assert run("run", job).exit_code == 0
    monkeypatch.chdir(job.parent)
    done = run("run", job.name)
    assert done.exit_code == 0, done.output
    assert "It was done before" in done.stderr
    assert len(sandbox.calls()) == 2


def test_the_answers_of_a_job_that_does_not_say_where_are_beside_it(run, job):
    lines = JOB.splitlines()[:-2]
    job.write_text("\n".join([*lines, "allow_campaigns: true"]), encoding="utf-8")
    assert run("run", job).exit_code == 0
    assert len(pd.read_parquet(job.parent / "in.track-order-completed.load/results")) == 2


def test_a_job_that_sends_nothing_where_rows_are_bad_says_which_and_reports_them(run, job, sandbox):
    (job.parent / "in/orders.csv").write_text("customer,at,total\na,2020-07-01,1\n,2020-07-01,2\n", encoding="utf-8")
    job.write_text(JOB + "on_invalid: raise\n", encoding="utf-8")
    done = run("run", job)
    assert done.exit_code == 1
    assert "1 invalid  customer: required value is missing" in done.stdout
    assert "1 of 2 rows cannot be sent, and nothing was" in done.stderr
    assert json.loads((job.parent / "answers/report.json").read_text())["statuses"] == {"ready": 1, "invalid": 1}
    assert len(sandbox.calls()) == 0


def test_a_job_says_region_and_limits_and_where_the_report_goes(job):
    job.write_text(JOB.replace("{workers: 2,", "{region: eu, workers: 2,"), encoding="utf-8")
    found = read_job(job)
    assert found.client == {"region": "eu", "workers": 2, "requests_per_second": 500}
    assert found.report == job.parent / "answers/report.json"
    assert found.options["output"] == job.parent / "answers"


def test_a_job_with_young_events_needs_a_word(run, job, sandbox):
    done = run("run", job)
    assert isinstance(done.exception, cio.CampaignsError)
    assert len(sandbox.calls()) == 0


def test_a_dry_run_of_a_job_sends_nothing(run, job, sandbox):
    done = run("run", job, "--dry-run")
    assert "2 ready" in done.stdout
    assert "1 rows are events younger than 72 hours" in done.stdout
    assert len(sandbox.calls()) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: a\ncall: track\nevnt: b\n", "line 3: unknown key 'evnt'"),
        ("source: a\n", "line 1: required key 'call' is missing"),
        ("source: a\ncall: track\ncolumns: {userid: b}\n", "line 3: unknown key 'userid'"),
        ("source: a\ncall: track\ncolumns:\n  user_id: 7\n", "line 4: expected text; put quotes around it"),
        ("source: a\ncall: track\ncolumns:\n  user_id: [a]\n", "line 4: expected text"),
        (
            "source: a\ncall: track\ncolumns:\n  user_id: a\n  properties: total\n",
            "line 5: expected a list of columns, or a",
        ),
        ("source: a\ncall: track\ncolumns:\n  traits: [a, 1]\n", "line 4: expected text"),
        ("source: a\ncall: track\ncolumns:\n  traits: {a: {b: c}}\n", "line 4: expected text"),
        ("source: a\ncall: track\ncolumns:\n  context: [a]\n", "line 4: expected text"),
        ("source: a\ncall: track\nclient:\n  write_key: b\n", "line 4: unknown key 'write_key'"),
        ("source: a\ncall: track\nallow_campaigns: maybe\n", "line 3: true or false is needed here"),
        ("- a list\n", "line 1: expected a mapping"),
        ("source: a\ncall: trck\n", "line 2: There is no call 'trck'"),
        ("source: a\ncall: identify\nevent: b\n", "line 3: event='b' is for track"),
        ("source: a\ncall: track\nnulls: maybe\n", "line 3: nulls='maybe' is neither"),
        ("source: a\ncall: track\ntimezone: Europe/Berln\n", "line 3: There is no time zone 'Europe/Berln'"),
        ("source: a\ncall: track\non_invalid: explode\n", "line 3: on_invalid='explode' is neither"),
        ("source: a\ncall: track\nschema: plan.yaml\n", "line 3: "),
        ("source: a\ncall: track\nclient:\n  workers: 2\n  region: asia\n", "line 5: There is no region 'asia'"),
        ("source: a\ncall: track\nclient: {workers: -1}\n", "line 3: workers=-1 cannot be"),
        (
            "source: a\ncall: track\nclient:\n  requests_per_second: fast\n",
            "line 4: requests_per_second is of type str",
        ),
        ("source: a\ncall: track\nclient:\n  endpoint: http://example.com\n", "line 4: endpoint='http://example.com'"),
        ("source: a\ncall: track\nclient:\n  max_call_bytes: 500000\n", "line 4: max_body_bytes=475000 has no room"),
    ],
)
def test_a_mistake_in_a_job_file_is_told_with_its_line(tmp_path, text, words):
    path = tmp_path / "job.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cio.ConfigurationError) as error:
        read_job(path)
    assert words in str(error.value)
    assert error.value.path == path
    assert f"line {error.value.line}: " in str(error.value)


def test_limits_of_a_job_that_fit_each_other_are_taken_together(tmp_path):
    path = tmp_path / "job.yaml"
    limits = {"max_call_bytes": 500_000, "max_body_bytes": 600_000}
    path.write_text(f"source: a\ncall: track\nclient: {json.dumps(limits)}\n", encoding="utf-8")
    assert read_job(path).client == limits


def test_a_dry_run_of_a_job_uses_the_settings_of_its_client_and_needs_no_key(run, job, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    job.write_text(JOB.replace("requests_per_second: 500", "requests_per_second: 0.5"), encoding="utf-8")
    assert "it takes 2.00 s at least" in run("run", job, "--dry-run").stdout
    job.write_text(JOB.replace("workers: 2", "max_call_bytes: 100"), encoding="utf-8")
    assert "2 too_large" in run("run", job, "--dry-run").stdout


def test_a_job_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(cio.ConfigurationError, match=r"Cannot read .*none.yaml: No such file"):
        read_job(tmp_path / "none.yaml")


def test_loads_lists_loads_and_how_far_they_are(run, tmp_path):
    (tmp_path / "people.csv").write_text("user_id\na\nb\n")
    run("load", "people.csv", "--call", "identify")
    (row,) = json.loads(run("loads", "--json").stdout)
    assert (row["call"], row["state"], row["rows_done"], row["delivered"]) == ("identify", "done", 2, 2)
    assert "people.csv" in run("loads", "people.identify.load").stdout
    assert "people.csv" in run("loads", "people.identify.load/ledger.sqlite").stdout


def test_where_there_is_no_ledger_loads_says_what_to_do(run, tmp_path):
    assert "Name one" in run("loads").stdout
    assert isinstance(run("loads", "none.sqlite").exception, cio.ConfigurationError)
