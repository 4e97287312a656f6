"""What goes over the wire, byte by byte but for the order of keys: golden/ was written by hand from the API's facts."""

import datetime as dt
import json
from pathlib import Path

import jsonschema
import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames import spec
from tests.faults import FaultServer

GOLDEN = Path(__file__).parent.parent / "golden"
COMMON = {"message_id": ["01HZX3J8Q00000000000000000"], "at": pd.to_datetime(["2024-05-31 00:00"])}


def row(**cells):
    return pd.DataFrame({name: [cell] for name, cell in cells.items()} | COMMON)


PRODUCTS = pa.array(
    [
        [
            {"product_id": "p-1", "price": 14.99, "quantity": 1, "coupon": None},
            {"product_id": "p-2", "price": 14.34, "quantity": 1, "coupon": "MAY"},
        ]
    ]
)

# By name of the golden file: the frame, and how it is sent.
CALLS = {
    "identify": (
        row(
            user_id="007",
            anonymous_id="a-1",
            email="ada@example.com",
            createdAt=dt.date(1997, 1, 1),
            plan="pro",
            age=None,
            tags=["a", "b"],
            **{"address.city": "Köln", "address.zip": "01067", "context.ip": "203.0.113.7"},
        ),
        lambda df, **how: df.cio.identify(**how),
    ),
    "track": (
        row(user_id="007", source='ad "A"', score=0.5),
        lambda df, **how: df.cio.track("Signed Up", integrations={"All": False}, **how),
    ),
    "page": (
        row(user_id="007", name="Home", url="https://example.com/", title="Welcome"),
        lambda df, **how: df.cio.page(**how),
    ),
    "screen": (row(anonymous_id="a-1", name="Basket", items=3), lambda df, **how: df.cio.screen(**how)),
    "group": (
        row(user_id="007", group_id="acme", object_type_id=1, name="Acme", **{"relationshipAttributes.role": "admin"}),
        lambda df, **how: df.cio.group(**how),
    ),
    "alias": (row(user_id="007", previous_id="a-1"), lambda df, **how: df.cio.alias(**how)),
    "order_completed": (
        row(user_id="007", order_id=1001.0, total=29.33).assign(
            products=pd.array(PRODUCTS, dtype=pd.ArrowDtype(PRODUCTS.type))
        ),
        lambda df, **how: df.cio.track("Order Completed", **how),
    ),
    "video_playback_started": (
        row(
            user_id="007",
            session_id="s-1",
            content_asset_ids=["c-1", "c-2"],
            position=0.0,
            total_length=392,
            full_screen=True,
        ),
        lambda df, **how: df.cio.track("Video Playback Started", **how),
    ),
    "experiment_viewed": (
        row(user_id="007", experiment_id="e-1", variation_name="blue"),
        lambda df, **how: df.cio.track("Experiment Viewed", **how),
    ),
    "email_opened": (
        row(user_id="007", email_id="m-1", campaign_name="May", **{"context.traits.email": "ada@example.com"}),
        lambda df, **how: df.cio.track("Email Opened", **how),
    ),
    "live_chat_message_sent": (
        row(user_id="007", conversation_id="c-1", agent_name="Grace").assign(id="m-1"),
        lambda df, **how: df.cio.track(
            "Live Chat Message Sent",
            message_id="message_id",
            properties={"conversation_id": "conversation_id", "id": "message_id", "agent_name": "agent_name"},
            **how,
        ),
    ),
    "application_opened": (
        row(user_id="007", from_background=False, version="2.10"),
        lambda df, **how: df.cio.track("Application Opened", **how),
    ),
    "delete_people": (row(user_id="007"), lambda df, **how: df.cio.delete_people(confirm=1, **how)),
    "suppress_people": (row(user_id="007"), lambda df, **how: df.cio.suppress_people(confirm=1, **how)),
    "unsuppress_people": (row(user_id="007"), lambda df, **how: df.cio.unsuppress_people(**how)),
    "add_devices": (
        row(user_id="007", token="t-1", device_type="ios", os_version="17.4"),
        lambda df, **how: df.cio.add_devices(**how),
    ),
    "delete_devices": (row(user_id="007", token="t-1"), lambda df, **how: df.cio.delete_devices(confirm=1, **how)),
    "delete_objects": (row(object_id="acme"), lambda df, **how: df.cio.delete_objects(confirm=1, **how)),
    "delete_relationships": (
        row(user_id="007", object_id="acme", object_type_id=2),
        lambda df, **how: df.cio.delete_relationships(confirm=1, **how),
    ),
    "report_deliveries": (
        row(delivery_id="d-1", metric="clicked", href="https://example.com/"),
        lambda df, **how: df.cio.report_deliveries(**how),
    ),
    "report_content": (
        row(action_type="viewed_content", content_id=7.0),
        lambda df, **how: df.cio.report_content(**how),
    ),
}


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CALLS)
def test_a_body_is_what_the_golden_file_says(name):
    frame, send = CALLS[name]
    with FaultServer() as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        result = send(frame, client=client, timestamp="at", timezone="Europe/Berlin")
        bodies = [json.loads(request.body) for request in server.received]
    assert list(result["status"]) == ["delivered"]
    assert bodies == [golden(name)]


def test_there_is_a_golden_file_for_each_and_no_other():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CALLS)


def test_every_call_every_operation_and_every_family_of_events_has_one():
    calls = [call for name in CALLS for call in golden(name)["batch"]]
    assert {call["type"] for call in calls} == set(spec.CALL_NAMES)
    events = [spec.semantic_event(call["event"]) for call in calls if "event" in call]
    assert {event.family for event in events if event} == {event.family for event in spec.semantic_events().values()}
    own = {event.name for event in spec.semantic_events().values() if event.family == "customerio"}
    assert own <= {call.get("event") for call in calls}


def as_json_schema(field):
    """Return what the spec says of a field as JSON Schema."""
    words = {"type": field.type, "format": field.format, "enum": list(field.enum) or None}
    schema = {word: value for word, value in words.items() if value is not None}
    schema |= {"properties": {name: as_json_schema(member) for name, member in field.properties.items()}}
    schema |= {"required": list(field.required)}
    if field.items is not None:
        schema["items"] = as_json_schema(field.items)
    if field.min_length is not None:
        schema["minLength"] = field.min_length
    return schema


def schema_of(call):
    """Return the JSON Schema of one call, with what its semantic event adds."""
    known = spec.calls()[call["type"]]
    schema = {
        "type": "object",
        "required": ["type", *known.required],
        "additionalProperties": False,
        "properties": {name: as_json_schema(field) for name, field in known.fields.items()},
    }
    event = spec.semantic_event(call.get("event", ""))
    ids = event.ids if event else known.ids
    extra = [{"anyOf": [{"required": [wire]} for wire in ids]}] if ids else []
    if event:
        extra.append({"properties": {"properties": as_json_schema(event.properties)}})
        extra.append(
            {
                "properties": {"context": as_json_schema(event.context)},
                "required": list(event.context.required and ["context"]),
            }
        )
    return schema | {"allOf": extra} if extra else schema


@pytest.mark.parametrize("name", CALLS)
def test_a_golden_file_keeps_to_the_schemas(name):
    for call in golden(name)["batch"]:
        jsonschema.validate(call, schema_of(call), format_checker=jsonschema.FormatChecker())


def test_a_call_that_breaks_the_schemas_would_be_noticed():
    call = golden("order_completed")["batch"][0]
    call["properties"]["products"][0]["price"] = "free"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(call, schema_of(call))
