"""Every call that can start campaigns stops for them: frames and loads, with causes apart."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.pipeline import build_call_spec, run_call
from cio_frames.pipeline.campaigns import acting_events, find_time_column
from tests.loading.helpers import load_rows

NOW = pd.Timestamp("2026-11-27T12:00:00Z")
ACTING = [
    "User Deleted",
    "User Suppressed",
    "User Unsuppressed",
    "Device Created or Updated",
    "Device Deleted",
    "Object Deleted",
    "Relationship Deleted",
    "Report Delivery Event",
    "Report Content Event",
]


def send(sandbox, frame, call="track", event=None, **options):
    """Send a frame at noon of a day."""
    columns = {name: options.pop(name) for name in ("timestamp", "event_column") & options.keys()}
    call_spec = build_call_spec(call, event, **columns)
    return run_call(frame, call_spec, client=sandbox.client, clock=lambda: NOW, progress=False, **options)


def times():
    """Two old events, two young ones, one without a time."""
    moments = ["2026-11-24T11:59:59Z", "2020-01-01", "2026-11-24T12:00:01Z", "2027-01-01", None]
    return pd.DataFrame({"user_id": ["a", "b", "c", "d", "e"], "name": "x", "url": "u", "at": moments})


@pytest.mark.parametrize(("call", "event"), [("track", "Seen"), ("page", None), ("screen", None)])
@pytest.mark.parametrize("dtype", ["text", "datetime", "objects", "arrow"])
def test_a_call_that_makes_events_stops_with_counts_by_cause(sandbox, call, event, dtype):
    frame = times()
    parsed = pd.to_datetime(frame["at"], format="ISO8601", utc=True)
    frame["at"] = {
        "text": frame["at"],
        "datetime": parsed,
        "objects": parsed.astype(object),
        "arrow": parsed.astype("timestamp[ms, UTC][pyarrow]"),
    }[dtype]
    with pytest.raises(cio.CampaignsError) as caught:
        send(sandbox, frame, call, event, timestamp="at")
    assert (caught.value.young, caught.value.untimed, caught.value.time_column) == (2, 1, None)
    assert "2 younger than 72 hours, 1 without a timestamp. Nothing was sent." in str(caught.value)
    assert sandbox.calls().empty
    assert len(send(sandbox, frame, call, event, timestamp="at", allow_campaigns=True)) == 5
    assert set(send(sandbox, frame.head(2), call, event, timestamp="at")["status"]) == {"delivered"}


@pytest.mark.parametrize("door", ["method", "function", "load"])
def test_every_door_names_the_column_that_looks_like_the_time(sandbox, tmp_path, door):
    history = pd.DataFrame({"user_id": ["a"], "happened_at": pd.to_datetime(["2020-01-01"]), "total": [1]})
    given = {"client": sandbox.client}
    doors = {
        "method": lambda: history.cio.track("Order Completed", **given),
        "function": lambda: cio.track(history, "Order Completed", **given),
        "load": lambda: cio.load(history, "track", "Order Completed", output=tmp_path / "out", **given),
    }
    with pytest.raises(
        cio.CampaignsError, match=r"1 without a timestamp \('happened_at' looks like one; pass timestamp="
    ):
        doors[door]()
    assert sandbox.calls().empty


def test_calls_that_make_no_events_do_not_stop(sandbox):
    people = pd.DataFrame({"user_id": ["a"], "group_id": ["g"], "previous_id": ["p"]})
    for call in ("identify", "group", "alias"):
        assert send(sandbox, people, call)["status"].tolist() == ["delivered"]


def test_a_dry_run_counts_and_does_not_stop(sandbox):
    result = send(sandbox, times(), "page", timestamp="at", dry_run=True)
    assert result.attrs["cio"]["campaign_rows"] == {"young": 2, "untimed": 1}
    assert set(result["status"]) == {"ready"}


def test_an_as_of_makes_no_event_older(sandbox):
    with pytest.raises(cio.CampaignsError):
        send(sandbox, times()[["user_id"]], "track", "Seen", as_of="2020-01-01")


def test_rows_that_cannot_be_sent_do_not_count(sandbox):
    frame = pd.DataFrame({"user_id": [None, "b", "c"], "at": [None, "never", "2020-01-01"]})
    assert send(sandbox, frame, "track", "Seen", timestamp="at")["status"].tolist() == [
        "invalid",
        "invalid",
        "delivered",
    ]


@pytest.mark.parametrize("event", ACTING)
def test_events_that_customer_io_acts_on_do_not_count(event):
    assert event in acting_events()
    frame = pd.DataFrame({"user_id": ["a"], "anonymous_id": "x", "what": event})
    for columns in ({"event": event}, {"event_column": "what"}):
        result = cio.track(frame, **columns, dry_run=True, schema=None)
        assert "campaign_rows" not in result.attrs.get("cio", {})
        assert cio.validate(frame, "track", **columns, schema=None).facts.recent == {}


def test_all_other_events_of_the_spec_count():
    assert set(acting_events()) == {*ACTING, "Group Deleted"}


@pytest.mark.parametrize("operation", ["delete_people", "suppress_people", "unsuppress_people"])
def test_operations_do_not_stop(sandbox, operation):
    given = {} if operation == "unsuppress_people" else {"confirm": 1}
    people = pd.DataFrame({"user_id": ["a"]})
    assert getattr(people.cio, operation)(client=sandbox.client, **given)["status"].tolist() == ["delivered"]


@pytest.mark.parametrize("names", ["objects", "category", "arrow"])
def test_in_mixed_calls_only_events_without_a_time_count(sandbox, names):
    kinds = ["identify", "track", "track", "page", "track", "group"]
    events = pd.Series([None, "Seen", "User Deleted", None, "Seen", None], dtype=object)
    dtype = {"objects": object, "category": "category", "arrow": "string[pyarrow]"}[names]
    frame = pd.DataFrame({"type": pd.Series(kinds).astype(dtype), "user_id": "a", "group_id": "g"})
    frame = frame.assign(event=events.astype(dtype), timestamp=[None, None, None, None, "2020-01-01", None], url="u")
    with pytest.raises(cio.CampaignsError) as caught:
        send(sandbox, frame, "batch")
    assert (caught.value.young, caught.value.untimed) == (0, 2)


@pytest.mark.parametrize("kind", [".csv", ".parquet", "frames"])
def test_a_load_and_a_frame_count_alike(sandbox, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    frame = times().assign(event=["Seen", "User Deleted", "Seen", "Seen", "User Deleted"])
    source = [frame.head(2), frame.tail(3)]
    if kind != "frames":
        source = tmp_path / f"rows{kind}"
        frame.to_csv(source, index=False) if kind == ".csv" else frame.to_parquet(source)
    with pytest.raises(cio.CampaignsError) as of_frame:
        send(sandbox, frame, timestamp="at")
    with pytest.raises(cio.CampaignsError) as of_load:
        load_rows(source, sandbox.client, call="track", timestamp="at", clock=lambda: NOW)
    assert of_load.value.args == of_frame.value.args == (2, 0, None, 0)


@pytest.mark.parametrize("kind", [".csv", ".parquet", "frames"])
def test_a_load_names_the_column_that_looks_like_the_time(sandbox, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"user_id": ["a", "b"], "born": "1815-12-10", "placed": ["2020-01-01", "2020-01-02"]})
    source = [frame]
    if kind != "frames":
        source = tmp_path / f"rows{kind}"
        frame.to_csv(source, index=False) if kind == ".csv" else frame.to_parquet(source)
    with pytest.raises(cio.CampaignsError, match=r"2 without a timestamp \('placed' looks like one"):
        load_rows(source, sandbox.client, call="track", event="Seen")


def test_a_frame_that_stops_in_the_middle_of_a_generator_comes_with_a_result(sandbox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = pd.DataFrame({"user_id": ["a", "b"], "timestamp": "2020-01-01"})
    young = pd.DataFrame({"user_id": ["c"], "seen_at": pd.to_datetime(["2020-01-01"])})
    with pytest.raises(cio.CampaignsError, match=r"Row 2 and later ones were not sent.*See \.result\.") as caught:
        load_rows((frame for frame in (old, young)), sandbox.client, call="page")
    assert caught.value.result.statuses == {"delivered": 2}
    assert caught.value.time_column == "seen_at"
    assert len(sandbox.calls()) == 2


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"happened_at": ["2020-01-01"]}, "happened_at"),
        ({"orderedOn": [dt.date(2020, 1, 1)], "n": [1]}, "orderedOn"),
        ({"birthday": ["1815-12-10"]}, None),
        ({"birthday": ["1815-12-10"], "viewed": pd.to_datetime(["2020-01-01"])}, "viewed"),
        ({"expires_at": ["2030-01-01"], "created": ["2020-01-01T10:00:00Z"]}, "created"),
        ({"updated_at": ["2020-01-02"], "created_at": ["2020-01-01"]}, "created_at"),
        ({"total": [20200101], "note": ["at noon"], "sku": ["2020"]}, None),
        ({("when", "at"): pd.to_datetime(["2020-01-01"])}, ("when", "at")),
        ({7: pd.to_datetime(["2020-01-01"])}, 7),
        ({"at": [None], "on": [pd.NaT]}, None),
        ({"payload": [{"at": "2020-01-01"}], "tags": [["2020-01-01"]]}, None),
        ({"a": [np.nan], "placed": ["2020-01-01"]}, "placed"),
    ],
)
def test_the_column_that_looks_like_the_time_is_found_by_its_name_and_its_values(columns, expected):
    frame = pd.DataFrame({key: pd.Series(values) for key, values in columns.items()})
    assert find_time_column(frame, build_call_spec("page")) == expected


def test_a_key_that_is_wrong_is_found_after_the_guard(sandbox):
    client = dataclasses.replace(sandbox.client, write_key="wrong")
    with pytest.raises(cio.CampaignsError):
        cio.page(pd.DataFrame({"user_id": ["a"]}), client=client)
