"""Variables in the paths of job files: the environment, and the date that a run is about."""

from datetime import date

import pytest

import cio_frames as cio
from cio_frames.cli.job_file import read_job
from cio_frames.cli.job_variables import JobVariables

VARIABLES = JobVariables({"BUCKET": "exports", "EMPTY": ""}, date(2026, 3, 1))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("s3://${BUCKET}/orders.csv", "s3://exports/orders.csv"),
        ("${BUCKET}${EMPTY}/${BUCKET}", "exports/exports"),
        ("in/${date}.csv", "in/2026-03-01.csv"),
        ("in/${date-1}.csv", "in/2026-02-28.csv"),
        ("in/${date+31:%Y%m}/x.csv", "in/202604/x.csv"),
        ("in/${date:%Y/%m/%d}/*.parquet", "in/2026/03/01/*.parquet"),
        ("a$b/{x}", "a$b/{x}"),
    ],
)
def test_variables_are_replaced(text, path):
    assert VARIABLES.replace(text) == path


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("NOWHERE", "environment variable NOWHERE not found"),
        ("date-x", "is invalid. Write"),
        ("", "is invalid. Write"),
        ("CIO_WRITE_KEY", "is not allowed here"),
    ],
)
def test_an_unknown_variable_and_the_write_key_are_errors(tmp_path, monkeypatch, variable, message):
    monkeypatch.setenv("CIO_WRITE_KEY", "very-secret")
    path = tmp_path / "job.yaml"
    path.write_text(f"call: track\nsource: in/${{{variable}}}.csv\n", encoding="utf-8")
    with pytest.raises(cio.ConfigurationError, match=message) as error:
        read_job(path)
    assert error.value.line == 2
    assert "very-secret" not in str(error.value)


def test_the_paths_of_a_job_have_variables_and_other_keys_do_not(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM", "shop")
    path = tmp_path / "job.yaml"
    path.write_text(
        "source: in/${TEAM}-${date}.csv\ncall: track\nevent: ${TEAM}\noutput: out/${date}\n"
        "report: out/${date}.html\nas_of: 2026-11-27\n",
        encoding="utf-8",
    )
    job = read_job(path)
    assert job.source == str(tmp_path / "in/shop-2026-11-27.csv")
    assert job.options["output"] == tmp_path / "out/2026-11-27"
    assert job.report == tmp_path / "out/2026-11-27.html"
    assert job.call_spec.event == "${TEAM}"
    assert read_job(path, as_of="2025-01-01").source == str(tmp_path / "in/shop-2025-01-01.csv")


def test_a_run_as_of_another_day_loads_the_file_of_that_day(run, sandbox, tmp_path):
    (tmp_path / "people-20261127.csv").write_text("user_id\nada\n", encoding="utf-8")
    (tmp_path / "job.yaml").write_text("source: people-${date:%Y%m%d}.csv\ncall: identify\n", encoding="utf-8")
    assert run("run", "job.yaml", "--as-of", "2026-11-27").exit_code == 0
    assert sandbox.calls()["userId"].tolist() == ["ada"]


def test_the_date_is_todays_in_the_time_zone_of_the_job():
    # Two zones 26 hours apart never have the same date.
    dates = [JobVariables.of_run(timezone=f"Etc/GMT{zone}").replace("${date}") for zone in ("-14", "+12")]
    east, west = map(date.fromisoformat, dates)
    assert (east - west).days in (1, 2)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("evnt", "did you mean 'event'"),
        ("user_id", "belongs under 'columns'"),
        ("workers", "belongs under 'client'"),
        ("delimiter", "belongs under 'csv'"),
        ("write_key", "is read from the environment variable CIO_WRITE_KEY"),
    ],
)
def test_an_unknown_key_is_met_with_where_it_belongs(tmp_path, key, hint):
    path = tmp_path / "job.yaml"
    path.write_text(f"source: x.csv\ncall: track\n{key}: x\n", encoding="utf-8")
    with pytest.raises(cio.ConfigurationError, match=f"unknown key '{key}', .*{hint}"):
        read_job(path)


def test_a_key_of_the_job_is_recognized_below_another_key(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("source: x.csv\ncall: track\ncolumns: {timezone: UTC}\n", encoding="utf-8")
    with pytest.raises(cio.ConfigurationError, match="unknown key 'timezone', which belongs to the job itself"):
        read_job(path)
