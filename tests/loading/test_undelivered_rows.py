"""Undelivered rows of files of any type can be loaded again, and say the same."""

import sys
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading.table import parquet_table
from cio_frames.loading.undelivered import clear_empty_columns
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


def load_without_success(frames, folder):
    """Load files whose rows get no answer; return the undelivered rows."""
    (folder / "in").mkdir()
    for number, frame in enumerate(frames):
        pq.write_table(pa.table({"user_id": [f"u{number}"], "n": frame}), f"in/{number}.parquet")
    with FaultServer([Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1, retry_budget_seconds=1)
        return load("in", client).undelivered


def said(sandbox):
    calls = sandbox.calls().sort_values("userId")
    return [traits.get("n") for traits in calls["traits"]]


UTC, BERLIN = pa.timestamp("ms", "UTC"), pa.timestamp("us", "Europe/Berlin")


# Columns of two files, and whether one file can hold the undelivered rows of both.
DIFFERING = {
    "integers and text": (pa.array([2]), pa.array(["many"]), False),
    "integers and floats": (pa.array([2]), pa.array([2.5]), True),
    "integers too long for floats": (pa.array([2**60 + 1]), pa.array([2.5]), False),
    "integers and floats with nothing in them": (pa.array([2**60 + 1]), pa.array([None], pa.float64()), True),
    "short and long integers": (pa.array([0], pa.int8()), pa.array([2**60 + 1]), True),
    "integers that no type holds": (pa.array([-1]), pa.array([2**64 - 1], pa.uint64()), False),
    "decimals and integers": (pa.array([Decimal("1.50")]), pa.array([3]), True),
    "decimals and floats": (pa.array([Decimal("1.50")]), pa.array([1.5]), False),
    "floats of two widths": (pa.array([0.1], pa.float32()), pa.array([0.1]), False),
    "truth values and text": (pa.array([False]), pa.array(["no"]), False),
    "structs and text": (pa.array([{"c": "x"}]), pa.array(["x"]), False),
    "structs of two kinds": (pa.array([{"c": 1}]), pa.array([{"c": "x"}]), False),
    "lists and numbers": (pa.array([[1]]), pa.array([1]), False),
    "maps and structs": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), pa.array([{"k": 1}]), False),
    "times in two zones": (pa.array([0], UTC), pa.array([10**12], BERLIN), True),
    "times with and without a zone": (pa.array([0], UTC), pa.array([0], pa.timestamp("ms")), False),
    "times that nanoseconds do not reach": (
        pa.array([32_503_680_000], pa.timestamp("s")),
        pa.array([0], pa.timestamp("ns")),
        False,
    ),
    "times and days": (pa.array([0], pa.timestamp("ms")), pa.array([0], pa.date32()), False),
    "categories and text": (pa.array(["a"]).dictionary_encode(), pa.array(["b"]), True),
}


@pytest.mark.parametrize("name", DIFFERING)
def test_undelivered_rows_of_files_whose_types_differ_are_sent_the_same_when_loaded(sandbox, folder, name):
    *columns, one_file = DIFFERING[name]
    undelivered = load_without_success(columns, folder)
    assert undelivered.is_file() == one_file
    assert load("in", sandbox.client, output="direct").statuses == {"delivered": 2}
    assert load(undelivered, sandbox.client, output="again").statuses == {"delivered": 2}
    expected, found = (said(sandbox)[at::2] for at in (0, 1))
    assert found == expected
    assert [type(cell) for cell in found if not isinstance(cell, int)] == [
        type(cell) for cell, other in zip(expected, found, strict=True) if not isinstance(other, int)
    ] or name == "integers and floats"


def test_undelivered_rows_are_in_one_file_or_several_as_their_types_need(sandbox, folder):
    undelivered = load_without_success([pa.array([2]), pa.array(["many"])], folder)
    assert undelivered.is_dir()
    assert len(list(undelivered.iterdir())) == 2
    with FaultServer([Answer(200), Answer(500)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1, attempts=1, retry_budget_seconds=1)
        assert load("in", client, fresh=True).undelivered.is_file()
    assert load("in", sandbox.client, fresh=True).undelivered is None
    assert not undelivered.exists()


def test_mixed_cells_are_json_text_in_undelivered_rows(sandbox):
    frame = pd.DataFrame({"user_id": None, "n": [2, "x", {"k": 1}, True], "z": [1j, 2j, 3j, 4j]})
    undelivered = pd.read_parquet(load([frame], sandbox.client).undelivered)
    assert undelivered["n"].tolist() == ["2", "x", '{"k": 1}', "true"]
    assert undelivered["z"].tolist()[0] == "1j"


def wide_frame(columns):
    """Return columns of several kinds, some of which Parquet cannot hold."""
    kinds = [list(range(20)), ["x"] * 20, [None] * 20, [1, "x"] * 10, [1.5, None] * 10]
    cells = {f"c{number}": kinds[0 if number % 7 else number % len(kinds)] for number in range(columns)}
    return pd.DataFrame(cells).assign(user_id=[f"u{row}" for row in range(20)])


def count_calls(function, *arguments):
    calls = []
    sys.setprofile(lambda stack, event, argument: calls.append(1) if event.endswith("call") else None)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return len(calls)


def test_the_undelivered_rows_of_a_wide_frame_take_work_in_proportion_to_its_columns():
    def write(frame):
        clear_empty_columns(parquet_table(frame))

    write(wide_frame(50))
    # Four times the columns, and somewhat more for finding those that Parquet cannot hold.
    assert count_calls(write, wide_frame(1_200)) < 6 * count_calls(write, wide_frame(300))


def test_the_undelivered_rows_of_3000_columns_are_kept_cell_by_cell(sandbox):
    frame = wide_frame(3_000).assign(email="not an address")
    result = load([frame], sandbox.client)
    kept = pd.read_parquet(result.undelivered)
    assert result.statuses == {"invalid": 20}
    assert kept["c1"].tolist() == list(range(20))
    # Numbers beside text, which Parquet cannot hold in one column.
    assert kept["c28"].tolist() == ["1", "x"] * 10


def test_a_folder_of_results_may_have_a_colon_in_its_name(sandbox):
    some = pd.DataFrame({"user_id": ["ada", None]})
    result = load(some, sandbox.client, output="ns:key:load")
    assert result.statuses == {"delivered": 1, "invalid": 1}
    assert pd.read_parquet(result.undelivered.absolute())["_cio_status"].tolist() == ["invalid"]
    # Its own results are known as such.
    assert load(some, sandbox.client, output="ns:key:load", fresh=True).statuses == result.statuses
