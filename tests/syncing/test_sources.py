"""What a sync takes beside frames: rows that come once, tables of other libraries, and what it refuses to write."""

from __future__ import annotations

import io
import sqlite3
import sys

import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from tests.syncing.helpers import people_frame, sync


@pytest.fixture
def state(tmp_path):
    return tmp_path / "people.sqlite"


@pytest.fixture
def options(sandbox, state, tmp_path):
    return {"state": state, "client": sandbox.client, "output": tmp_path / "out", "progress": False}


def parts(frame, size=7):
    return (frame.iloc[start : start + size] for start in range(0, len(frame), size))


def test_frames_of_a_generator_are_compared_first_and_sent_then(sandbox, options):
    people = people_frame(20, address=[{"city": "Oslo"}, {"zip": "1"}] * 10)

    first = cio.sync(parts(people), "identify", **options)
    second = cio.sync(parts(people.assign(plan=["changed", *people["plan"].iloc[1:]])), "identify", **options)

    assert first.statuses == {"delivered": 20}
    assert second.statuses == {"delivered": 1, "unchanged": 19}
    # A dict has the keys that it had, and not those of the others.
    assert sandbox.calls()["traits"].iloc[1]["address"] == {"zip": "1"}


def test_rows_that_come_once_and_the_same_frame_are_the_same(sandbox, options, state):
    people = people_frame(20, address=[{"city": "Oslo"}, {"zip": "1"}] * 10)
    cio.sync(parts(people), "identify", **options)

    assert sync(people, state, sandbox.client)["status"].eq("unchanged").all()


def test_a_subject_that_comes_again_in_a_later_frame_of_a_generator_is_found(options):
    people = pd.concat([people_frame(9), people_frame(1)])

    result = cio.sync(parts(people), "identify", **options)

    assert result.statuses == {"delivered": 8, "invalid": 2}
    assert pd.read_parquet(result.undelivered)["user_id"].tolist() == ["u0", "u0"]


def test_a_cursor_is_read_in_the_thread_that_made_it(options):
    with sqlite3.connect(":memory:") as database:
        people_frame(20).to_sql("people", database, index=False)
        rows = pd.read_sql("SELECT * FROM people", database, chunksize=6)
        result = cio.sync(rows, "identify", **options)
    database.close()

    assert result.statuses == {"delivered": 20}


def test_a_reader_of_record_batches_can_be_synced(options):
    table = pa.Table.from_pandas(people_frame(20), preserve_index=False)

    result = cio.sync(pa.RecordBatchReader.from_batches(table.schema, table.to_batches(7)), "identify", **options)

    assert result.statuses == {"delivered": 20}


def test_a_plan_of_a_generator_can_be_applied_in_the_same_process(sandbox, options, state):
    people = people_frame(20)
    plan = cio.plan(parts(people), "identify", state=state)

    result = plan.apply(client=sandbox.client, output=options["output"], progress=False)

    assert (plan.counts, result.statuses) == ({"new": 20}, {"delivered": 20})
    assert sandbox.calls()["userId"].tolist() == people["user_id"].tolist()


def test_standard_input_can_be_synced(options, monkeypatch):
    for expected in ("delivered", "unchanged"):
        text = people_frame(5).to_csv(index=False).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        result = cio.sync("-", "identify", **options)
        assert result.statuses == {expected: 5}
        assert not any("start over" in note for note in result.notes.sentences())


def test_no_file_is_left_of_rows_that_come_once(options, tmp_path):
    cio.sync(parts(people_frame(20)), "identify", **options)

    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("people.sqlite")}
    assert left == {"out"}


def test_a_table_in_memory_gives_a_result_frame(sandbox, state):
    table = pa.Table.from_pandas(people_frame(4), preserve_index=False)

    result = sync(table, state, sandbox.client)

    assert result["status"].eq("delivered").all()


def test_a_file_that_is_read_is_not_written(options, tmp_path):
    source = tmp_path / "people.csv"
    people_frame(3).to_csv(source, index=False)
    for names in ({"audit": source}, {"state": source}):
        with pytest.raises(cio.ConfigurationError, match="would overwrite a file that is read"):
            cio.sync(source, "identify", **{**options, **names})


def test_secrets_of_an_address_are_in_no_error(state):
    with pytest.raises(cio.FrameError) as caught:
        cio.sync("memory://user:hunter2hunter2@nowhere/people.csv", "identify", state=state, dry_run=True)
    assert "hunter2hunter2" not in str(caught.value)


def test_a_dry_run_of_files_counts_and_names_the_first_rows_that_are_held_back(tmp_path, state):
    people = people_frame(9)
    people.loc[3, "user_id"] = None
    people.to_parquet(tmp_path / "people.parquet")

    result = cio.sync(tmp_path / "people.parquet", "identify", state=state, dry_run=True)

    assert (result.phase, result.statuses, result.counts) == (
        "dry run",
        {"invalid": 1, "ready": 8},
        {"new": 8, "invalid": 1},
    )
    assert "row 3 of" in str(result.first_held_back[0])
    with pytest.raises(cio.InvalidRowsError, match="1 of 9 rows cannot be sent"):
        cio.sync(tmp_path / "people.parquet", "identify", state=state, dry_run=True, on_invalid="raise")


@pytest.mark.parametrize("make", [lambda: [], lambda: iter(()), lambda: "people.parquet", lambda: people_frame(0)])
def test_a_source_without_rows_can_be_compared(options, state, tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    people_frame(0).to_parquet("people.parquet")

    plan = cio.plan(make(), "identify", state=state)
    cio.sync(make(), "identify", **options)
    claimed = cio.baseline(make(), "identify", state=state, confirm=0)

    assert (plan.counts, len(plan.changes)) == ({}, 0)
    assert cio.summary(claimed).rows == 0


def test_the_folder_of_a_load_is_left_to_it(options, tmp_path):
    people = people_frame(3)
    people.to_parquet(tmp_path / "people.parquet")
    cio.load(people, "identify", client=options["client"], output=options["output"], progress=False)

    with pytest.raises(cio.ConfigurationError, match="holds the results of a load"):
        cio.sync(tmp_path / "people.parquet", "identify", **options)

    assert len(list((tmp_path / "out" / "results").glob("part-*.parquet"))) == 1


def test_a_sync_without_removals_leaves_no_list_of_earlier_ones(options, tmp_path):
    policy = {"removed": "delete", "complete": True, "grace_runs": 1}
    cio.sync([people_frame(40)], "identify", **options)
    left = cio.sync([people_frame(39)], "identify", **policy, **options)
    again = cio.sync([people_frame(39)], "identify", **policy, **options)

    assert (left.removals, left.removed.name) == ({"delivered": 1}, "removed.parquet")
    assert (again.removals, again.removed, left.removed.exists()) == ({}, None, False)


def test_a_file_of_others_in_the_folder_of_a_sync_is_not_replaced(sandbox, state, tmp_path):
    source, theirs = tmp_path / "people.csv", tmp_path / "out/removed.parquet"
    people_frame(3).to_csv(source, index=False)
    theirs.parent.mkdir()
    people_frame(1).to_parquet(theirs)
    with pytest.raises(cio.ConfigurationError, match=r"removed\.parquet was not written by this version"):
        sync(source, state, sandbox.client, output=theirs.parent)
    assert len(pd.read_parquet(theirs)) == 1
    assert len(sandbox.requests()) == 0
