"""Job files, and ``cio-frames run``."""

import json

import pandas as pd
import pytest

import cio_frames as cio
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


def test_a_job_runs_from_anywhere_and_writes_what_it_says(run, job, sandbox):
    job.write_text(JOB + "allow_campaigns: true\n", encoding="utf-8")
    done = run("run", job)
    assert done.exit_code == 0, done.output
    found = sandbox.calls()
    assert found["properties"].tolist() == [{"total": 1.5}, {"total": 2}]
    assert found["timestamp"].iloc[0] == "2020-07-01T10:00:00.000Z"
    assert len(pd.read_parquet(job.parent / "answers/results")) == 2
    assert json.loads((job.parent / "answers/report.json").read_text())["statuses"] == {"delivered": 2}


def test_a_finished_job_is_not_sent_again_from_another_folder(run, job, monkeypatch, sandbox):
    job.write_text(JOB + "allow_campaigns: true\n", encoding="utf-8")
    assert run("run", job).exit_code == 0
    monkeypatch.chdir(job.parent)
    done = run("run", job.name)
    assert done.exit_code == 0, done.output
    assert len(sandbox.calls()) == 2


def test_without_an_output_the_answers_are_beside_the_job_file(run, job):
    lines = JOB.splitlines()[:-2]
    job.write_text("\n".join([*lines, "allow_campaigns: true"]), encoding="utf-8")
    assert run("run", job).exit_code == 0
    assert len(pd.read_parquet(job.parent / "in.track-order-completed.load/results")) == 2


def test_a_job_that_sends_nothing_if_rows_are_invalid_reports_them(run, job, sandbox):
    (job.parent / "in/orders.csv").write_text("customer,at,total\na,2020-07-01,1\n,2020-07-01,2\n", encoding="utf-8")
    job.write_text(JOB + "on_invalid: raise\n", encoding="utf-8")
    done = run("run", job)
    assert done.exit_code == 1
    assert "1 invalid  customer: " in done.stdout
    assert "1 of 2 rows are invalid, and nothing was sent. Correct them, or set on_invalid: skip" in done.stderr
    assert json.loads((job.parent / "answers/report.json").read_text())["statuses"] == {"ready": 1, "invalid": 1}
    assert len(sandbox.calls()) == 0


def test_a_job_sets_region_and_limits_and_where_the_report_goes(job):
    job.write_text(JOB.replace("{workers: 2,", "{region: eu, workers: 2,"), encoding="utf-8")
    found = read_job(job)
    assert found.client == {"region": "eu", "workers": 2, "requests_per_second": 500}
    assert found.report == job.parent / "answers/report.json"
    assert found.options["output"] == job.parent / "answers"


def test_events_that_can_start_campaigns_are_sent_with_a_key_only(run, job, sandbox):
    done = run("run", job)
    assert done.exit_code == 2
    assert "allow_campaigns" in done.stderr
    assert len(sandbox.calls()) == 0


def test_a_dry_run_of_a_job_sends_nothing(run, job, sandbox):
    done = run("run", job, "--dry-run")
    assert "2 ready" in done.stdout
    assert "1 rows are events younger than 72 hours" in done.stdout
    assert len(sandbox.calls()) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: a\ncall: track\nevnt: b\n", "line 3: unknown key 'evnt', did you mean 'event'?"),
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
        ("source: a\ncall: track\nallow_campaigns: maybe\n", "line 3: expected true or false"),
        ("- a list\n", "line 1: expected a mapping"),
        ("source: a\ncall: trck\n", "line 2: "),
        ("source: a\ncall: identify\nevent: b\n", "line 3: "),
        ("source: a\ncall: track\nnulls: maybe\n", "line 3: "),
        ("source: a\ncall: track\ntimezone: Europe/Berln\n", "line 3: "),
        ("source: a\ncall: track\non_invalid: explode\n", "line 3: on_invalid: explode is invalid. Use skip or raise"),
        ("source: a\ncall: track\nschema: plan.yaml\n", "line 3: "),
        ("source: a\ncall: track\nclient:\n  workers: 2\n  region: asia\n", "line 5: "),
        ("source: a\ncall: track\nclient: {workers: -1}\n", "line 3: "),
        ("source: a\ncall: track\nclient:\n  requests_per_second: fast\n", "line 4: requests_per_second"),
        ("source: a\ncall: track\nclient:\n  endpoint: http://example.com\n", "line 4: "),
        ("source: a\ncall: track\nclient:\n  max_call_bytes: 500000\n", "line 4: max_body_bytes"),
    ],
)
def test_a_mistake_in_a_job_file_is_reported_with_its_line(tmp_path, text, words):
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
    assert "the requests take at least 2.00 s" in run("run", job, "--dry-run").stdout
    job.write_text(JOB.replace("workers: 2", "max_call_bytes: 100"), encoding="utf-8")
    assert "2 too_large" in run("run", job, "--dry-run").stdout


def test_a_job_file_that_does_not_exist_is_reported(tmp_path):
    with pytest.raises(cio.ConfigurationError, match=r"none.yaml.*No such file"):
        read_job(tmp_path / "none.yaml")


def test_all_mistakes_in_a_job_file_are_reported_at_once_in_the_order_of_lines(run, ends, tmp_path, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    path = tmp_path / "job.yaml"
    path.write_text(
        "source: a\n"
        "call: trck\n"
        "evnt: x\n"
        "columns: {userid: a, timestamp: 7}\n"
        "client: {workers: 0, region: mars}\n"
        "allow_campaigns: maybe\n"
        "nulls: maybe\n"
        "timezone: Mars/X\n"
        "on_invalid: explode\n",
        encoding="utf-8",
    )
    status, printed = ends("run", path)
    assert (status, printed.out) == (2, "")
    lines = printed.err.splitlines()
    assert lines[0] == "cio-frames: 11 mistakes:"
    assert "CIO_WRITE_KEY" in lines[-1]
    numbers = [int(line.partition(", line ")[2].partition(":")[0]) for line in lines[1:-1]]
    assert numbers == [2, 3, 4, 4, 5, 5, 6, 7, 8, 9]


def test_a_column_that_the_source_does_not_have_is_reported_in_the_words_of_a_job_file(run, job, ends):
    job.write_text(JOB.replace("user_id: customer,", "user_id: custmer,"), encoding="utf-8")
    status, printed = ends("run", job)
    assert status == 2
    assert "user_id: custmer: column not found in" in printed.err
    assert "Did you mean 'customer'?" in printed.err


@pytest.mark.parametrize("as_of", ["2026-11-27", "'2026-11-27'", "2026-11-27T00:00:00Z"])
def test_the_moment_of_a_job_is_a_date_or_a_time(run, job, sandbox, as_of):
    job.write_text(JOB + f"allow_campaigns: true\nas_of: {as_of}\n", encoding="utf-8")
    assert run("run", job).exit_code == 0
    facts = json.loads((job.parent / "answers/report.json").read_text())
    assert facts["as_of"] == "2026-11-27T00:00:00.000Z"


def test_the_moment_of_the_command_line_is_used_in_place_of_that_of_the_job(run, job, sandbox):
    job.write_text(JOB + "allow_campaigns: true\nas_of: 2026-11-27\n", encoding="utf-8")
    done = run("run", job, "--as-of", "2026-11-28", "--json")
    assert json.loads(done.stdout)["as_of"] == "2026-11-28T00:00:00.000Z"


@pytest.mark.parametrize("as_of", ["tomorrow", "[2026-11-27]", "12"])
def test_a_moment_that_is_none_is_a_mistake_with_its_line(job, as_of):
    job.write_text(JOB + f"as_of: {as_of}\n", encoding="utf-8")
    with pytest.raises(cio.ConfigurationError, match=r"line 9: (as_of: must be a date or time|expected text)"):
        read_job(job)
