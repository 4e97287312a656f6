"""How a run goes over time, and the first rows that did not arrive."""

import pandas as pd

import cio_frames as cio
from cio_frames.loading.held_back import read_first_undelivered
from cio_frames.loading.timeline import Timeline


def test_a_run_of_any_length_has_a_bounded_number_of_steps_and_loses_no_count():
    now = [0.0]
    timeline = Timeline(clock=lambda: now[0])
    for second in range(100_000):
        now[0] = float(second)
        timeline.add(good=2, undelivered=1, requests=3, batches=2)
    steps = timeline.steps()
    assert 60 <= len(steps) <= 120
    assert sum(step.good for step in steps) == 200_000
    assert sum(step.undelivered for step in steps) == 100_000
    assert sum(step.repeats for step in steps) == 100_000
    assert len(steps) * timeline.step_seconds >= 100_000 - timeline.step_seconds


def test_a_resumed_load_counts_its_own_rows_and_names_undelivered_rows_of_all_runs(sandbox, tmp_path):
    people = pd.DataFrame({"user_id": ["ada", None, "bob"]})
    done = cio.load(people, "identify", client=sandbox.client, output=tmp_path / "out")
    again = cio.load(people, "identify", client=sandbox.client, output=tmp_path / "out")
    assert [sum(step.rows for step in each.run.steps) for each in (done, again)] == [3, 0]
    assert again.run.destination == sandbox.client.destination
    assert dict(done.run.mapping) == {"user_id": "userId"}
    (row,) = read_first_undelivered(again.undelivered)
    assert (row.row, row.status) == (1, "invalid")


def test_a_file_of_undelivered_rows_that_is_gone_or_no_parquet_names_no_rows(tmp_path):
    (tmp_path / "undelivered.parquet").write_text("no", encoding="utf-8")
    assert read_first_undelivered(tmp_path / "undelivered.parquet") == []
    assert read_first_undelivered(tmp_path / "missing.parquet") == []


def test_of_many_rows_the_first_five_of_each_reason_are_named(sandbox, tmp_path):
    people = pd.DataFrame({"user_id": [None] * 30, "email": ["nobody"] * 10 + [None] * 20})
    result = cio.load(people, "identify", client=sandbox.client, output=tmp_path / "out")
    rows = [row.row for row in read_first_undelivered(result.undelivered)]
    assert rows == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


def test_json_and_page_name_source_destination_version_and_mapping(sandbox, tmp_path):
    people = pd.DataFrame({"user_id": ["ada"]})
    people.to_parquet(tmp_path / "people.parquet")
    result = cio.load(tmp_path / "people.parquet", "identify", client=sandbox.client, output=tmp_path / "out")
    found = result.as_dict()
    assert found["source"] == str(tmp_path / "people.parquet")
    assert found["destination"] == f"sandbox at {sandbox.url}"
    assert found["version"] == cio.__version__
    assert found["mapping"] == [{"column": "user_id", "field": "userId"}]
    dry = cio.load(people, "identify", dry_run=True).as_dict()
    assert dry["destination"] == ""
