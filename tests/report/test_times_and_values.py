"""Times as buckets and bars, distinct values, and the places of rows."""

import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.loading.validating import validate_source
from cio_frames.pipeline.call_spec import build_call_spec
from cio_frames.report.distinct import DistinctCounts
from cio_frames.report.lines import Place, SourcePart, line_number, place_of
from cio_frames.report.repeated_rows import RepeatedRows
from cio_frames.report.times import TimeCounts, time_chart

HOUR = 3_600_000
NOW = pd.Timestamp("2026-11-28 12:00", tz="UTC")


def counted(*parts):
    counts = TimeCounts()
    for part in parts:
        counts.add(np.asarray(part, dtype=np.int64))
    return counts


def now_ms(hours_ago):
    return NOW.value // 1_000_000 - np.asarray(hours_ago) * HOUR


@pytest.mark.parametrize("hours", [2, 3_000, 3_000_000])
def test_buckets_are_bounded_and_lose_no_row(hours):
    ms = np.random.default_rng(3).integers(0, hours * HOUR, 50_000)
    buckets = counted(*np.array_split(ms, 7)).buckets()
    assert len(buckets.counts) <= 2_048
    assert buckets.counts.sum() == 50_000
    assert buckets.starts[0] <= ms.min() < buckets.starts[0] + buckets.width_ms


def test_parts_that_are_counted_apart_are_counted_as_one():
    ms = np.random.default_rng(4).integers(-400_000 * HOUR, 400_000 * HOUR, 20_000)
    whole = counted(ms).buckets()
    narrow, wide = counted(ms[:5]), counted(ms[5:])
    narrow.extend(wide)
    assert narrow.buckets().width_ms == whole.width_ms
    assert narrow.buckets().counts.tolist() == whole.counts.tolist()
    again = counted(ms[5:])
    again.extend(counted(ms[:5]))
    assert again.buckets().counts.tolist() == whole.counts.tolist()


def test_a_chart_has_up_to_a_hundred_bars_that_lose_no_row_and_stay_inside():
    for span in (1, 60, 5_000, 900_000):
        buckets = counted(now_ms(np.linspace(0, span, 4_000))).buckets()
        chart = time_chart(buckets, NOW)
        assert len(chart.bars) <= 101
        assert sum(bar.count for bar in chart.bars) == 4_000
        assert max(bar.place + bar.width for bar in chart.bars) <= 100.01
        assert chart.band_start + chart.band_width <= 100.01
        assert span < 60 or chart.band_start + chart.band_width > 95


def test_the_band_is_drawn_where_the_last_72_hours_are_near_and_not_where_they_are_far():
    near = time_chart(counted(now_ms([200, 80])).buckets(), NOW)
    assert near.band_width == pytest.approx(100 * 72 / 200, rel=0.02)
    assert time_chart(counted(now_ms([90_000, 89_000])).buckets(), NOW).band_width == 0
    assert time_chart(counted().buckets(), NOW) is None


def test_distinct_values_of_parts_are_counted_as_those_of_the_whole():
    values = np.random.default_rng(5).integers(0, 900, 5_000)
    one, first, second = DistinctCounts(1), DistinctCounts(1), DistinctCounts(1)
    one.add("a", pa.chunked_array([values]))
    first.add("a", pa.chunked_array([values[:2_000]]))
    second.add("a", pa.chunked_array([values[2_000:]]))
    first.extend(second)
    assert one.count("a") == first.count("a") == (len(np.unique(values)), False)


def test_more_values_than_there_is_room_for_are_at_least_as_many():
    counts = DistinctCounts(1, limit=100)
    counts.add("a", pa.chunked_array([np.arange(60)]))
    counts.add("a", pa.chunked_array([np.arange(60, 160)]))
    counts.add("a", pa.chunked_array([np.arange(10)]))
    assert counts.count("a") == (100, True)


@pytest.mark.parametrize(
    ("cells", "distinct"),
    [
        (["a", "b", "a", None], 2),
        ([1.5, 1.5, np.nan], 1),
        (pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-01"]), 2),
        (pd.Categorical(["a", "a", "b"]), 2),
        ([True, False, True], 2),
        ([{"a": 1}, {"a": 1}], None),
        ([["a"], ["a"]], None),
        ([None, None], 0),
        (["a", 1, "a"], 2),
    ],
)
def test_the_facts_of_a_column_have_its_distinct_values(cells, distinct):
    frame = pd.DataFrame({"user_id": [f"p{row}" for row in range(len(cells))], "note": cells})
    facts = cio.validate(frame, "identify").facts.columns.set_index("label")
    assert facts.loc["user_id", "distinct"] == len(cells)
    assert facts.loc["note", "distinct"] == distinct or (distinct is None and facts["distinct"].isna()["note"])


@pytest.mark.parametrize(
    ("file", "line"),
    [("a.csv", 9), ("a.CSV.gz", 9), ("a.tsv", 9), ("a.jsonl", 8), ("a.parquet", None), ("a", None), (None, None)],
)
def test_lines_are_known_for_files_of_text(file, line):
    assert line_number(file, 7) == line


def test_rows_are_found_in_the_parts_of_a_source():
    parts = [SourcePart(0, "a.csv", 0), SourcePart(3, "a.csv", 3), SourcePart(5, "b.parquet", 0)]
    assert place_of(parts, 4) == Place("a.csv", 4, 6)
    assert place_of(parts, 6) == Place("b.parquet", 1, None)
    assert place_of([], 6) == Place(None, 6, None)


def test_json_has_the_source_the_destination_and_the_version(tmp_path):
    import json

    client = cio.Client(write_key="k", region="eu")
    report = pd.DataFrame({"user_id": ["ada"]}).cio.validate("identify", client=client)
    found = json.loads(report.to_json())
    assert (found["source"], found["destination"]) == ("a DataFrame", "Customer.io EU")
    assert found["version"] == cio.__version__
    assert found["columns"][0]["distinct"] == 1


def test_rows_that_equal_an_earlier_one_in_all_that_is_sent_are_counted():
    rows = {"user_id": ["ada", "ada", "bob", None, None, "ada"], "total": [1, 1, 1, 1, 1, 2], "unused": range(6)}
    report = cio.validate(pd.DataFrame(rows), "track", "Seen", properties=["total"])
    assert report.facts.repeated_rows == 1
    assert json.loads(report.to_json())["repeated_rows"] == 1
    assert "1 row equals an earlier row in every field that is sent." in report._repr_html_()


@pytest.mark.parametrize(("rows", "found"), [(["a", "b"], 0), ([], None), ([None], None)])
def test_rows_that_do_not_repeat_are_told_from_rows_that_were_not_compared(rows, found):
    frame = pd.DataFrame({"user_id": pd.Series(rows, dtype=object)})
    assert cio.validate(frame, "identify").facts.repeated_rows == found


def test_rows_are_compared_over_parts_and_up_to_a_limit():
    texts = [pa.array(part, pa.large_string()) for part in (["a", "b"], [None, "b"], ["a"])]
    ahead, behind = RepeatedRows(), RepeatedRows(limit=2)
    for part in texts[:2]:
        ahead.add(part)
        behind.add(part)
    assert (ahead.count(), behind.count()) == (1, None)
    later = RepeatedRows()
    later.add(texts[2])
    ahead.extend(later)
    assert ahead.count() == 2
    behind.extend(later)
    assert behind.count() is None


def test_reports_and_loads_name_when_their_file_was_changed(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("user_id\nada\n", encoding="utf-8")
    os.utime(path, (1_750_000_000, 1_750_000_000))
    shown = "<dt>Source changed</dt><dd>15 June 2025, 15:06 UTC</dd>"
    report, _ = validate_source(path, build_call_spec("identify"))
    report.to_html(tmp_path / "report.html")
    assert shown in (tmp_path / "report.html").read_text("utf-8")
    assert json.loads(report.to_json())["source_changed"] == "2025-06-15T15:06:40+00:00"
    cio.load(path, "identify", dry_run=True, progress=False).to_report(tmp_path / "load.html")
    assert shown in (tmp_path / "load.html").read_text("utf-8")
    assert cio.validate(pd.DataFrame({"user_id": ["ada"]}), "identify").source_changed is None
