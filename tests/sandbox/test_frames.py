import orjson
import pandas as pd
import pytest

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import Sandbox, frames
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.parsing import AcceptedCalls
from cio_frames.sandbox.store import LogEntry, RequestLine, Store

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


def log_entry(payloads):
    return LogEntry(RequestLine(RECEIVED, "/v1/batch", 200, 0, len(payloads), True), AcceptedCalls(payloads), [])


def store_with(*calls):
    store = Store()
    store.add([log_entry([orjson.dumps({"messageId": f"m{n}"} | call) for n, call in enumerate(calls)])])
    store.catch_up()
    return store


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("calls", CALLS),
        ("people", ["userId", "email", "anonymousId", "cioId", "createdAt", "traits"]),
        ("events", ["type", "event", "userId", "anonymousId", "cioId", "timestamp", "properties", "request"]),
        ("objects", ["objectTypeId", "objectId", "attributes", "people"]),
        ("relationships", ["objectTypeId", "objectId", "userId", "anonymousId", "cioId", "attributes"]),
        ("devices", ["userId", "anonymousId", "cioId", "token", "type", "lastUsed", "attributes"]),
        ("suppressed", ["userId", "email", "suppressedAt", "ignored"]),
        ("requests", ["number", "path", "status", "bytes", "calls", "strict"]),
        ("problems", ["request", "item", "messageId", "reason"]),
    ],
)
def test_an_empty_frame_has_its_columns(name, columns):
    frame = getattr(Sandbox(), name)()
    assert (len(frame), frame.columns.tolist()) == (0, columns)


def test_the_calls_frame_has_the_apis_field_names_and_none_for_absent_fields():
    frame = frames.calls_frame(
        store_with(
            {"type": "track", "userId": "7", "event": "Seen", "sentAt": "2024-05-01T00:00:00Z"},
            {"type": "group", "groupId": "acme", "traits": {"seats": 3}},
        )
    )
    assert frame["event"].tolist() == ["Seen", None]
    assert frame["sentAt"].tolist() == ["2024-05-01T00:00:00Z", None]
    assert frame["traits"].tolist() == [None, {"seats": 3}]
    assert frame["receivedAt"].tolist() == [RECEIVED, RECEIVED]
    assert frame["request"].tolist() == [0, 0]


def test_the_calls_frame_keeps_the_order_of_receipt_over_many_pages():
    store = Store()
    for number in range(50):
        store.add([log_entry([f'{{"type":"identify","userId":"{number}-{i}"}}'.encode() for i in range(100)])])
    frame = frames.calls_frame(store)
    assert frame["userId"].tolist() == [f"{number}-{i}" for number in range(50) for i in range(100)]
    assert frame["request"].tolist() == [number for number in range(50) for _ in range(100)]


def test_the_events_frame_has_track_page_and_screen_calls_with_their_names():
    frame = frames.events_frame(
        store_with(
            {
                "type": "track",
                "userId": "7",
                "event": " Seen ",
                "timestamp": "2024-01-01T00:00:00Z",
                "properties": {"a": 1},
            },
            {"type": "page", "anonymousId": "a", "name": "Home"},
            {"type": "screen", "userId": "7"},
            {"type": "identify", "userId": "7"},
        ),
        Assumptions(),
    )
    assert frame["type"].tolist() == ["track", "page", "screen"]
    assert frame["event"].tolist() == ["Seen", "Home", None]
    assert frame["timestamp"].tolist() == ["2024-01-01T00:00:00Z", RECEIVED, RECEIVED]
    assert frame["properties"].tolist() == [{"a": 1}, None, None]
    assert frame["cioId"].tolist() == ["cio_00000001", None, "cio_00000001"]


def test_frames_have_number_dtypes_and_a_missing_item_is_na():
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


@pytest.mark.parametrize("name", ["people", "events", "objects", "relationships", "devices", "suppressed"])
def test_without_state_only_calls_requests_and_problems_are_supported(name):
    sandbox = Sandbox(state=False)
    with pytest.raises(ConfigurationError, match=r"state=False.*calls\(\), requests\(\) and problems\(\)"):
        getattr(sandbox, name)()
    assert len(sandbox.calls()) == len(sandbox.requests()) == len(sandbox.problems()) == 0
