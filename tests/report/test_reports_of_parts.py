"""A report on rows that come in parts says what one report on all of them says, in bounded memory."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.client import offline_client
from cio_frames.loading.validating import validate_source
from cio_frames.pipeline import Prepared
from cio_frames.pipeline.call_spec import build_call_spec
from cio_frames.pipeline.report_builder import ReportBuilder
from cio_frames.report import FailureCasesFile, Survey

NOW = pd.Timestamp("2026-11-28", tz="UTC")
SPEC = build_call_spec("track", "Order Completed")
ROWS = 400
ORDERS = pd.DataFrame(
    {
        "user_id": [None if row % 7 == 0 else f"u{row % 90}" for row in range(ROWS)],
        "total": ["free" if row % 5 == 0 else str(row) for row in range(ROWS)],
        "Total": ["x" * 1_100 if row % 3 == 0 else None for row in range(ROWS)],
        "timestamp": pd.date_range("2026-11-25", periods=ROWS, freq="20min", tz="UTC"),
    }
).assign(total=lambda frame: frame["total"].map(lambda text: text if text == "free" else float(text)))


def builder(**options):
    return ReportBuilder(SPEC, offline_client(), NOW, **options)


def report_of(frame, **options):
    found = builder(**options)
    found.add(Prepared(frame, SPEC))
    return found.report()


def in_parts(frame, size, *, merged, **options):
    whole = builder(**options)
    for start in range(0, len(frame), size):
        part = frame.iloc[start : start + size].reset_index(drop=True)
        if not merged:
            whole.add(Prepared(part, SPEC))
            continue
        alone = builder(**options)
        alone.add(Prepared(part, SPEC))
        whole.extend(pickle.loads(pickle.dumps(alone)))
    return whole.report()


def facts_of(report):
    found = json.loads(report.to_json())
    # Bodies are cut part by part.
    for name in ("requests", "body_bytes", "largest_body_bytes"):
        del found[name]
    return found


@pytest.mark.parametrize("merged", [False, True], ids=["one builder", "builders of workers"])
@pytest.mark.parametrize("size", [23, 37, 400])
@pytest.mark.parametrize("max_cases", [None, 3, 1_000])
def test_parts_are_counted_as_the_whole(merged, size, max_cases):
    whole = report_of(ORDERS)
    parts = in_parts(ORDERS, size, merged=merged, max_cases=max_cases)
    assert facts_of(parts) == facts_of(whole)
    pd.testing.assert_frame_equal(parts.summary(), whole.summary())
    assert (parts.rows_held_back, parts.rows_with_warnings) == (whole.rows_held_back, whole.rows_with_warnings)


@pytest.mark.parametrize("merged", [False, True], ids=["one builder", "builders of workers"])
def test_of_each_kind_of_case_the_first_are_kept(merged):
    whole = report_of(ORDERS)
    parts = in_parts(ORDERS, 37, merged=merged, max_cases=3)
    keys = ["column", "check", "severity"]
    expected = whole.failure_cases.groupby(keys, dropna=False).head(3)
    columns = ["position", *keys, "reason"]
    assert sorted(parts.failure_cases[columns].astype(str).to_numpy().tolist()) == sorted(
        expected[columns].astype(str).to_numpy().tolist()
    )
    with pytest.raises(cio.FrameError, match="holds the first thousand failure cases"):
        parts.invalid(ORDERS)


def test_the_page_of_a_report_with_some_cases_has_the_counts_of_all(tmp_path):
    whole, parts = report_of(ORDERS), in_parts(ORDERS, 37, merged=False, max_cases=3)
    whole.to_html(tmp_path / "whole.html")
    parts.to_html(tmp_path / "parts.html")
    for count in (whole.rows_held_back, int(whole.summary()["rows"].max())):
        assert f"{count:,}" in (tmp_path / "parts.html").read_text(encoding="utf-8")
    assert (tmp_path / "parts.html").stat().st_size < (tmp_path / "whole.html").stat().st_size


def test_all_cases_of_a_source_go_to_a_file_although_few_are_kept(tmp_path):
    rows = 5_000
    people = pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)], "email": "nobody"})
    people.to_parquet(tmp_path / "people.parquet")
    spec = build_call_spec("identify")
    with FailureCasesFile(tmp_path / "cases.parquet", show_values=True) as file:
        report, _ = validate_source(tmp_path / "people.parquet", spec, chunk_rows=600, on_cases=file.add)
    assert report.rows_held_back == rows
    assert len(report.failure_cases) == 1_000
    found = pd.read_parquet(tmp_path / "cases.parquet")
    assert found["position"].tolist() == list(range(rows))
    assert set(found["value"]) == {"nobody"}


def test_sizes_of_many_calls_are_counted_and_drawn_the_same(tmp_path):
    sizes = np.random.default_rng(1).integers(100, 40_000, 1_200_000)
    many, halves = ([Survey(NOW, max_call_bytes=32_000, max_body_bytes=475_000) for _ in range(2)] for _ in range(2))
    many[0].add_call_sizes(sizes)
    halves[0].add_call_sizes(sizes[:700_000])
    halves[1].add_call_sizes(sizes[700_000:])
    halves[0].extend(halves[1])
    for survey in (many[0], halves[0]):
        facts = survey.facts([])
        assert facts.call_counts.sum() == len(sizes)
        assert np.repeat(facts.call_bytes, facts.call_counts).tolist() == np.sort(sizes).tolist()
