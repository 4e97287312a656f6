import pandas as pd
import pytest

from cio_frames.sandbox import Sandbox, frames
from cio_frames.sandbox.intake import Kept
from cio_frames.sandbox.store import Request, Store

CALLS = [
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "previousId",
    "groupId",
    "event",
    "name",
    "timestamp",
    "traits",
    "properties",
    "context",
    "integrations",
    "sentAt",
    "originalTimestamp",
    "receivedAt",
    "request",
]
RECEIVED = "2024-05-01T10:00:00.000Z"


def received(*payloads):
    store = Store()
    kept = [Kept(frames.orjson.loads(payload)["type"], payload) for payload in payloads]
    store.add(Request(RECEIVED, "/v1/batch", 200, 0, len(kept), True), kept, [])
    return store


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("calls", CALLS),
        ("people", ["userId", "anonymousId", "traits"]),
        ("events", ["type", "event", "userId", "anonymousId", "timestamp", "properties"]),
        ("requests", ["number", "path", "status", "bytes", "calls", "strict"]),
        ("problems", ["request", "item", "messageId", "reason"]),
    ],
)
def test_an_empty_frame_has_its_columns(name, columns):
    frame = getattr(Sandbox(), name)()
    assert (len(frame), frame.columns.tolist()) == (0, columns)


def test_calls_have_the_wires_names_and_none_where_a_field_is_absent():
    frame = frames.calls_frame(
        received(
            '{"type":"track","messageId":"m1","userId":"7","event":"Seen","sentAt":"2024-05-01T00:00:00Z"}',
            '{"type":"group","messageId":"m2","groupId":"acme","traits":{"seats":3}}',
        ).calls()
    )
    assert frame["event"].tolist() == ["Seen", None]
    assert frame["sentAt"].tolist() == ["2024-05-01T00:00:00Z", None]
    assert frame["traits"].tolist() == [None, {"seats": 3}]
    assert frame["receivedAt"].tolist() == [RECEIVED, RECEIVED]
    assert frame["request"].tolist() == [0, 0]


def test_calls_come_in_order_of_receipt_over_many_pages():
    store = Store()
    for number in range(3):
        kept = [Kept("identify", f'{{"type":"identify","userId":"{number}-{i}"}}') for i in range(9_000)]
        store.add(Request(RECEIVED, "/v1/batch", 200, 0, 9_000, True), kept, [])
    frame = frames.calls_frame(store.calls())
    assert frame["userId"].tolist() == [f"{number}-{i}" for number in range(3) for i in range(9_000)]
    assert frame["request"].tolist() == [number for number in range(3) for _ in range(9_000)]


def test_an_update_of_a_person_keeps_absent_traits_and_erases_null_and_empty_ones():
    frame = frames.people_frame(
        received(
            '{"type":"identify","userId":"7","traits":{"plan":"free","city":"Ulm","age":3,"seen":0}}',
            '{"type":"identify","userId":"7","traits":{"plan":"pro","city":null,"age":"","tags":[]}}',
        ).calls()
    )
    assert frame["userId"].tolist() == ["7"]
    assert frame["traits"].tolist() == [{"plan": "pro", "seen": 0, "tags": []}]


def test_people_are_known_by_user_id_or_else_by_anonymous_id_and_by_what_they_did():
    frame = frames.people_frame(
        received(
            '{"type":"page","anonymousId":"a"}',
            '{"type":"track","userId":"7","event":"Seen"}',
            '{"type":"screen","anonymousId":"b"}',
            '{"type":"identify","userId":"8","anonymousId":"c","traits":{"plan":"pro"}}',
            '{"type":"group","groupId":"acme","userId":"9"}',
            '{"type":"track","event":"Report Delivery Event"}',
            '{"type":"track","userId":null,"anonymousId":"a","event":"Seen"}',
        ).calls()
    )
    assert frame["userId"].tolist() == [None, "7", None, "8"]
    assert frame["anonymousId"].tolist() == ["a", None, "b", "c"]
    assert frame["traits"].tolist() == [{}, {}, {}, {"plan": "pro"}]


def test_events_are_what_people_did_under_one_name():
    frame = frames.events_frame(
        received(
            '{"type":"track","userId":"7","event":" Seen ","timestamp":"2024-01-01T00:00:00Z","properties":{"a":1}}',
            '{"type":"page","anonymousId":"a","name":"Home"}',
            '{"type":"screen","userId":"7"}',
            '{"type":"identify","userId":"7"}',
        ).calls()
    )
    assert frame["type"].tolist() == ["track", "page", "screen"]
    assert frame["event"].tolist() == ["Seen", "Home", None]
    assert frame["timestamp"].tolist() == ["2024-01-01T00:00:00Z", RECEIVED, RECEIVED]
    assert frame["properties"].tolist() == [{"a": 1}, None, None]


def test_numbers_are_numbers_and_a_missing_item_is_missing():
    sandbox = Sandbox()
    assert sandbox.requests().dtypes.astype(str).to_dict() == {
        "number": "int64",
        "path": "object",
        "status": "int64",
        "bytes": "int64",
        "calls": "int64",
        "strict": "bool",
    }
    assert frames.problems_frame([(0, None, None, "why"), (0, 3, "m", "why")])["item"].tolist() == [pd.NA, 3]
