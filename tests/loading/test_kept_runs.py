"""What a load that is resumed knows of its earlier runs."""

import re

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading.kept_runs import read_runs_file, write_runs_file
from cio_frames.report.run_facts import RunSummary


def summary(**other):
    facts = {"seconds": 1.5, "good": 3, "undelivered": 1, "requests": 2, "repeats": 1, "has_ended": True}
    return RunSummary(started_at=pd.Timestamp("2026-11-28 10:00", tz="UTC"), **{**facts, **other})


def test_runs_are_read_as_they_were_written_and_a_damaged_file_is_none(tmp_path):
    runs = summary(), summary(has_ended=False)
    write_runs_file(tmp_path, runs)
    assert read_runs_file(tmp_path) == runs
    assert [path.name for path in tmp_path.iterdir()] == [".runs.json"]
    for damaged in ("[", "[{}]", "[1]", "{}", '[{"good": "x"}]'):
        (tmp_path / ".runs.json").write_text(damaged, encoding="utf-8")
        assert read_runs_file(tmp_path) == ()
    assert read_runs_file(tmp_path / "none") == ()


@pytest.fixture
def stopped(tmp_path):
    """Yield a function that runs a load, whose first request got no answer, once more."""
    people = pd.DataFrame({"user_id": ["ada", None, "bob"]})
    people.to_csv(tmp_path / "people.csv", index=False)
    with cio.Sandbox(faults=["503@0"]) as sandbox:
        client = cio.Client(write_key="sandbox", endpoint=sandbox.url, attempts=1)

        def load(**options):
            return cio.load(
                tmp_path / "people.csv", "identify", client=client, output=tmp_path / "load", progress=False, **options
            )

        assert load().phase == "stopped"
        yield load


def test_a_resumed_load_names_all_of_its_runs_and_a_new_one_none(stopped, tmp_path):
    result = stopped()
    assert result.phase == "done"
    assert [(run.good, run.undelivered, run.requests, run.has_ended) for run in result.run.runs] == [
        (0, 3, 1, True),
        (2, 1, 1, True),
    ]
    result.to_report(tmp_path / "load.html")
    page = (tmp_path / "load.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr><td>[^<]+UTC</td>(.*?)</tr>", page)
    assert [re.findall(r">([\d.]+)<", row)[1:] for row in rows] == [["0", "3", "1", "0"], ["2", "1", "1", "0"]]
    again = stopped()
    assert [run.good for run in again.run.runs] == [0, 2]
    assert stopped(fresh=True).run.runs == ()


def test_a_run_that_was_killed_is_told_from_one_that_ended(stopped, tmp_path):
    write_runs_file(tmp_path / "load", [summary(has_ended=False)])
    stopped().to_report(tmp_path / "load.html")
    page = (tmp_path / "load.html").read_text(encoding="utf-8")
    assert "28 November 2026, 10:00 UTC, killed</td>" in page
    assert "A run that was killed has the numbers of the last part of rows that it finished" in page
