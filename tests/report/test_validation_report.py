"""What a report says of the rows, for programs."""

import datetime as dt
import json
import pickle

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames import pipeline
from cio_frames.columns import ColumnMapping
from cio_frames.encoding import NO_TIME
from cio_frames.report import Survey

NOW = pd.Timestamp("2026-11-24T12:00:00", tz="UTC")

BYTES_REASON = "bytes are not supported in JSON; decode them to text, or store the column as text: CAST(... AS VARCHAR)"


def facts(frame, call="identify", event=None, **mapping):
    call_spec = pipeline.CallSpec(call, ColumnMapping(**mapping), event)
    return pipeline.build_report(frame, call_spec, checked_at=NOW).facts


def column(frame, label, call="identify"):
    (found,) = (each for each in facts(frame, call).column_facts if each.label == label)
    return found


def people(**columns):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(next(iter(columns.values()))))], **columns})


ABOVE = ("whole numbers above 2**53, which many JSON readers round", 1)
ZONED = pd.Timestamp("2026-01-01T00:00:00.123456789", tz="UTC")


@pytest.mark.parametrize(
    ("values", "wire_type", "losses"),
    [
        ([1, 2], "integer", ()),
        ([1.5, None], "number", ()),
        ([True, False], "boolean", ()),
        (["a", None], "string", ()),
        (pd.Categorical(["a", "b"]), "string", ()),
        ([[1], None], "array", ()),
        ([{"a": 1}, None], "object", ()),
        ([None, None], "nothing", ()),
        ([[1], "a"], "mixed", ()),
        ([dt.date(2026, 1, 1), None], "time", ()),
        ([2**53, 2**53 + 1], "integer", (ABOVE,)),
        (np.array([2**63, 1], "uint64"), "integer", (ABOVE,)),
        ([ZONED, ZONED.floor("ms")], "time", (("nanoseconds cut to milliseconds", 1),)),
        (pd.Series([ZONED, None]).dt.as_unit("us"), "time", (("microseconds cut to milliseconds", 1),)),
        (pd.to_datetime(["2026-01-01", None]), "time", (("times without a zone, read in UTC", 1),)),
        (pd.Series([dt.datetime(2026, 1, 1, 0, 0, 0, 1), "a"], dtype=object), "mixed",
         (("microseconds cut to milliseconds", 1), ("times without a zone, read in UTC", 1))),
        (pd.array(pa.array([[1]] * 2, pa.list_(pa.int8())), dtype=pd.ArrowDtype(pa.list_(pa.int8()))), "array", ()),
    ],
)  # fmt: skip
def test_what_becomes_of_a_column(values, wire_type, losses):
    found = column(people(x=values), "x")
    assert (found.field, found.wire_type, found.losses) == ("traits.x", wire_type, losses)
    assert found.filled == pd.Series(values).notna().sum()


def test_ids_that_are_floats_are_told():
    found = column(pd.DataFrame({"user_id": [7.0, 8.0, None]}), "user_id")
    assert (found.wire_type, found.losses) == ("string", (("whole floats sent without their .0", 2),))


def test_large_numbers_that_are_sent_as_text_lose_nothing():
    assert column(pd.DataFrame({"user_id": [2**53 + 1]}), "user_id").losses == ()


def test_sizes_requests_and_bytes_are_those_of_a_load(sandbox):
    frame = people(bio=["a" * 30_000] * 40 + ["a" * 33_000])
    found = facts(frame)
    result = frame.cio.identify(client=sandbox.client)
    assert found.call_bytes.tolist() == result["bytes"].tolist()
    assert found.requests == result["batch"].nunique() == sandbox.calls()["request"].nunique()
    sizes = result.loc[result["status"].eq("delivered")].groupby("batch")["bytes"].agg(["sum", "size"])
    assert sorted(found.bodies) == sorted(sizes["sum"] + sizes["size"] - 1 + len('{"batch":[]}'))
    assert found.body_bytes == found.bodies.sum()


def test_a_report_makes_no_message_ids_and_counts_their_room(monkeypatch):
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "message_id": ["m", None]})
    sizes = frame.cio.identify(dry_run=True)["bytes"].tolist()
    monkeypatch.setattr(pipeline.prepared, "digests", lambda calls, **asked: pytest.fail("ids were made"))
    assert facts(frame).call_bytes.tolist() == sizes


def test_times_and_the_rows_that_can_start_campaigns():
    frame = pd.DataFrame(
        {
            "user_id": "ada",
            "event": ["Old", "Old", "New", "New", "None"],
            "timestamp": ["1969-01-01", "2026-11-21T12:00:00", "2026-11-21T12:00:00.001", "2026-11-24", None],
        }
    )
    found = facts(frame, "track")
    assert (found.earliest, found.latest) == (pd.Timestamp("1969", tz="UTC"), pd.Timestamp("2026-11-24", tz="UTC"))
    assert (found.untimed, found.recent) == (1, {"New": 2, "None": 1})


def test_rows_that_are_held_back_start_no_campaigns():
    frame = pd.DataFrame({"user_id": ["ada", None], "total": ["x", 1]})
    assert facts(frame, "track", "Order Completed").recent == {}


def test_pages_and_screens_are_events_and_other_calls_are_none():
    frame = pd.DataFrame({"user_id": ["ada"] * 3, "type": ["page", "screen", "identify"]})
    assert facts(frame, "batch", type_column="type").recent == {"page": 1, "screen": 1}


def test_mixed_calls_have_their_columns_once():
    frame = pd.DataFrame({"user_id": ["ada"] * 2, "type": ["page", "screen"], "x": [1, 2]})
    found = facts(frame, "batch", type_column="type").column_facts
    assert [(each.label, each.filled) for each in found] == [("user_id", 2), ("x", 2)]


def test_a_year_that_nanoseconds_cannot_count():
    assert facts(people(timestamp=["9999-12-31"])).latest.year == 9999


@pytest.fixture
def report():
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "email": ["<b>", "a@b.c"]}, index=["x", "y"])
    return cio.validate(frame, "identify")


def test_json_is_for_programs_and_has_no_cells(report, tmp_path):
    text = report.to_json(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text
    found = json.loads(text)
    assert (found["ok"], found["rows"], found["rows_held_back"], found["requests"]) == (False, 2, 1, 1)
    assert found["checks"][0]["column"] == "email"
    assert "<b>" not in text


@pytest.mark.parametrize(("options", "value"), [({}, None), ({"show_values": True}, "<b>")])
def test_parquet_has_the_cells_on_demand(report, tmp_path, options, value):
    report.to_parquet(tmp_path / "cases.parquet", **options)
    found = pd.read_parquet(tmp_path / "cases.parquet").astype(object)
    assert list(found.columns) == list(report.failure_cases.columns)
    cells = [None if pd.isna(found[name].iloc[0]) else found[name].iloc[0] for name in ("index", "value")]
    assert cells == [value and "x", value]
    assert found["column"].iloc[0] == "email"


def test_parquet_of_labels_and_values_of_every_kind(tmp_path):
    frame = pd.DataFrame([["ada", [1]], [None, {"a": b"b"}]], index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]))
    frame.columns = ["user_id", 0]
    cio.validate(frame, "identify").to_parquet(tmp_path / "cases.parquet", show_values=True)
    assert len(pd.read_parquet(tmp_path / "cases.parquet")) == 2


def test_half_surrogates_do_not_keep_a_report_from_being_written(tmp_path):
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "bio": pd.Series(["half \ud83d", "ok"], dtype=object)})
    report = cio.validate(frame, "identify")
    report.to_html(tmp_path / "report.html", show_values=True)
    report.to_json(tmp_path / "report.json")
    report.to_parquet(tmp_path / "cases.parquet", show_values=True)
    assert "half ?" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "half ?" in pd.read_parquet(tmp_path / "cases.parquet")["value"].tolist()
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["rows"] == 2


def test_the_frame_whose_rows_are_asked_for_must_be_the_one_checked(report):
    with pytest.raises(cio.FrameError, match="1 rows, but 2 were checked"):
        report.invalid(pd.DataFrame({"user_id": [1]}))


def test_a_report_survives_pickling(report):
    assert pickle.loads(pickle.dumps(report)).to_json() == report.to_json()


def told(frame, *call, **options):
    cases = cio.validate(frame, *call, **options).failure_cases
    return [tuple(case) for case in cases[["position", "column", "check", "reason"]].values.tolist()]


def test_a_missing_id_is_a_check_of_its_own_whoever_finds_it():
    frame = pd.DataFrame({"user_id": ["ada", None, ""], "total": 1})
    reason = "user_id: required value is missing"
    assert told(frame, "track", "Order Completed") == [
        (1, "user_id", "not_nullable", reason),
        (2, "user_id", "not_nullable", reason),
    ]
    reason = "group_id: required value is missing"
    assert told(frame.assign(group_id=[None, "g", "g"])[:1], "group") == [(0, "group_id", "not_nullable", reason)]


def test_a_row_without_any_of_two_ids_misses_no_one_column():
    frame = pd.DataFrame({"user_id": [None, "ada"], "anonymous_id": [None, None]})
    assert told(frame, "identify") == [(0, None, "not_nullable", "user_id or anonymous_id: required value is missing")]


@pytest.mark.parametrize("label", ["ratio: a to b", "user_id: x", 7, ("total", 1)])
def test_a_cell_without_a_form_in_json_is_told_under_its_columns_own_label(label):
    frame = pd.DataFrame({"user_id": ["ada", "bob"]})
    frame[label] = pd.Series([b"1", 1], dtype=object)
    properties = {label: "ratio"}
    ((position, column, check, reason),) = told(frame, "track", "Mine", properties=properties)
    assert (position, column, check) == (0, label, "unsupported_type")
    assert reason == f"{label}: {BYTES_REASON}"


def test_what_validation_has_told_of_a_column_is_not_told_again_and_of_another_is():
    frame = pd.DataFrame({"user_id": ["ada"], "sub total": [b"1"], "total": [b"1"]})
    properties = {"sub total": "discount", "total": "own"}
    result = frame.cio.track("Order Completed", properties=properties, dry_run=True)
    assert result["reason"].tolist() == [f"sub total: must be a number; total: {BYTES_REASON}"]
    cases = told(frame, "track", "Order Completed", properties=properties)
    assert [case[1:3] for case in cases] == [
        ("sub total", "number"),
        ("total", "unsupported_type"),
    ]


def test_a_column_that_feeds_two_fields_is_told_of_once():
    frame = pd.DataFrame({"user_id": ["ada"], "x": [b"1"]})
    result = frame.cio.track("Mine", properties=["x"], context="x", dry_run=True)
    assert result["reason"].tolist() == ["x: must be an object (dict)"]


def test_calls_that_are_too_large_are_told_each_with_its_size():
    frame = people(bio=["a" * 33_000, "", "a" * 33_001])
    sizes = frame.cio.identify(dry_run=True)["bytes"].tolist()
    assert told(frame, "identify")[::2] == [
        (row, None, "max_call_bytes", f"call is {sizes[row]:,} bytes; the limit is 32,000") for row in (0, 2)
    ]


def test_the_value_of_a_cell_that_cannot_be_written_or_is_too_long_is_told():
    frame = pd.DataFrame({"user_id": ["ada", "b" * 151], "x": [np.inf, 1.0]}, index=[5, 5])
    cases = cio.validate(frame, "identify").failure_cases
    assert cases[["column", "value"]].values.tolist() == [["x", np.inf], ["user_id", "b" * 151]]


SPEC = "Customer.io\u2019s spec of August 2025"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, SPEC),
        ({"schema": "{plan}"}, f"{SPEC}, with plan.yaml on top"),
        ({"schema": None}, f"no schema: only how rows can be written, by {SPEC}"),
        ({"schema": pandera.DataFrameSchema({})}, f"a schema of your own, and {SPEC} beside it"),
        ({"strict_schema": True}, f"{SPEC}; warnings hold back too"),
    ],
)
def test_a_report_says_what_rows_were_checked_against(tmp_path, options, words):
    (tmp_path / "plan.yaml").write_text("events: {Tea Ordered: {}}\n", encoding="utf-8")
    if options.get("schema") == "{plan}":
        options = {"schema": tmp_path / "plan.yaml"}
    report = cio.validate(people(x=[1]), "identify", **options)
    assert report.against == json.loads(report.to_json())["against"] == words
    report.to_html(tmp_path / "report.html")
    assert f"<dd>{words}</dd>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_survey_of_many_slices_is_no_larger_than_of_one_and_says_the_same():
    now = pd.Timestamp("2026-01-10", tz="UTC")
    rng = np.random.default_rng(1)
    ms = rng.integers(0, now.value // 1_000_000, 100_000)
    ms[::7] = NO_TIME
    names = np.where(rng.random(100_000) < 0.3, "Seen", None).astype(object)
    one, many = (Survey(now, max_call_bytes=32_000, max_body_bytes=475_000) for _ in range(2))
    one.add_timestamps(ms, names)
    for start in range(0, 100_000, 1_000):
        many.add_timestamps(ms[start : start + 1_000], names[start : start + 1_000])
    found, expected = many.facts([]), one.facts([])
    for name in ("earliest", "latest", "untimed", "recent"):
        assert getattr(found, name) == getattr(expected, name)
    pd.testing.assert_series_equal(found.times, expected.times)
    young = (ms == NO_TIME) | (ms > (now - pd.Timedelta(hours=72)).value // 1_000_000)
    assert expected.recent == {"Seen": int((young & (names == "Seen")).sum())}
    assert len(pickle.dumps(vars(many))) < 40_000
