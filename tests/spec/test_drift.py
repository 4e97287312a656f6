import json
from pathlib import Path

import pytest

from cio_frames.spec.drift import drift

SMALL = Path(__file__).parent.parent / "data" / "openapi_small.json"


@pytest.fixture
def openapi():
    """Return a fresh copy of a description that agrees with schemas/ on one call and three events."""
    return json.loads(SMALL.read_text(encoding="utf-8"))


@pytest.fixture
def schemas(openapi):
    return openapi["components"]["schemas"]


def lines(openapi):
    """Return what drifted, but for the calls and events that a small file does not have."""
    return [str(change) for change in drift(openapi) if change.kind != "removed" or change.what]


def order(schemas):
    """Return the properties that are Order Completed's own in the small file."""
    return schemas["order_completed"]["allOf"][0]["properties"]


def test_a_file_that_agrees_has_not_drifted_and_what_differs_on_purpose_is_no_drift(openapi):
    assert lines(openapi) == []


def test_every_call_and_event_that_the_file_lacks_is_removed(openapi):
    removed = [str(change) for change in drift(openapi)]
    assert removed[:6] == [
        "removed  call track",
        "removed  call page",
        "removed  call screen",
        "removed  call group",
        "removed  call alias",
        "removed  call batch",
    ]
    assert len(removed) == 75  # six calls, and all but three of 72 events
    assert "removed  event Order Updated" in removed
    assert "removed  event Order Completed" not in removed


def test_an_event_is_removed_with_its_schema(openapi, schemas):
    del schemas["order_completed"]
    assert "removed  event Order Completed" in [str(change) for change in drift(openapi)]


@pytest.mark.parametrize(
    ("key", "schema", "name"),
    [
        ("tip", {"properties": {"event": {"enum": ["Tip Given"]}}}, "Tip Given"),
        ("tip", {"properties": {"event": {"const": "Tip Given"}}}, "Tip Given"),
        ("tip", {"title": "Tip: Given\n", "properties": {"amount": {"type": "number"}}}, "Tip: Given"),
        ("tip_given", {"properties": {"amount": {"type": "number"}}}, "Tip Given"),
    ],
)
def test_a_new_event_is_named_by_its_enum_else_its_title_else_its_key(openapi, schemas, key, schema, name):
    schemas[key] = schema
    assert lines(openapi) == [f"added    event {name}"]


@pytest.mark.parametrize(
    ("key", "title", "name"),
    [
        ("order_updated", "Some Properties", "Order Updated"),
        ("schema_7", "Order updated", "Order Updated"),
        ("payment_info_entered", "Payment Info Updated", "Payment Info Entered"),
        ("video", "Video Playback interrupted", "Video Playback Interrupted"),
        ("email_event_opened", "Email: Opened", "Email Opened"),
    ],
)
def test_an_event_of_ours_is_known_by_key_or_title_in_any_case_and_by_its_other_names(
    openapi, schemas, key, title, name
):
    schemas[key] = {"title": title, "properties": {"colour": {"type": "string"}}}
    found = [str(change) for change in drift(openapi)]
    assert found[0] == f"added    event {name}: colour (string)"
    assert f"removed  event {name}" not in found


@pytest.mark.parametrize("key", ["order_completed_bad", "amplitude_log_purchase", "context_mobile", "track"])
def test_schemas_that_are_known_to_be_no_events_are_none(openapi, schemas, key):
    schemas[key] = {"properties": {"total": {"type": "string"}}}
    assert lines(openapi) == []


def test_a_schema_of_a_single_value_or_one_that_others_refer_to_is_no_new_event(openapi, schemas):
    schemas["list_id"] = {"type": "string"}
    schemas["money"] = {"type": "object", "properties": {"cents": {"type": "integer"}}}
    order(schemas)["paid"] = {"$ref": "#/components/schemas/money"}
    assert lines(openapi) == ["added    event Order Completed: paid (object)"]


def test_a_field_is_added_with_its_type_and_format_and_not_the_fields_below_it(openapi, schemas):
    order(schemas)["tip"] = {"type": "number"}
    order(schemas)["paid_at"] = {"type": "string", "format": "date-time"}
    order(schemas)["address"] = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert lines(openapi) == [
        "added    event Order Completed: tip (number)",
        "added    event Order Completed: paid_at (string, date-time)",
        "added    event Order Completed: address (object)",
    ]


def test_a_field_is_removed_only_if_no_part_of_the_schema_has_it(openapi, schemas):
    del order(schemas)["order_id"]
    del order(schemas)["total"]
    assert lines(openapi) == ["removed  event Order Completed: total (number)"]


def test_a_type_is_changed(openapi, schemas):
    order(schemas)["total"]["type"] = "string"
    assert lines(openapi) == ["changed  event Order Completed: total type number -> string"]


@pytest.mark.parametrize(
    ("path", "format_", "line"),
    [
        ("timestamp", None, "timestamp format date-time -> none"),
        ("timestamp", "date", "timestamp format date-time -> date"),
        ("messageId", "uuid", "messageId format none -> uuid"),
    ],
)
def test_a_format_is_changed(openapi, schemas, path, format_, line):
    schemas["common_fields"]["properties"][path]["format"] = format_
    assert lines(openapi) == [f"changed  call identify: {line}"]


def test_values_of_an_enum_are_added_and_removed_one_by_one(openapi, schemas):
    device = schemas["create_update_device"]["properties"]["context"]["properties"]["device"]
    device["properties"]["type"]["enum"] = ["ios", "harmony"]
    assert lines(openapi) == [
        "added    event Device Created or Updated: context.device.type enum (harmony)",
        "removed  event Device Created or Updated: context.device.type enum (android)",
    ]


def test_an_enum_that_is_gone_or_new_is_one_change(openapi, schemas):
    del schemas["context_common"]["properties"]["channel"]["enum"]
    order(schemas)["coupon"] = {"type": "string", "enum": ["SPRING", "SUMMER"]}
    assert lines(openapi) == [
        "changed  call identify: context.channel enum browser, server, mobile -> none",
        "changed  event Order Completed: coupon enum none -> SPRING, SUMMER",
    ]


def test_a_field_becomes_required_or_no_longer_is(openapi, schemas):
    schemas["order_completed"]["allOf"][1]["required"] = ["order_id"]
    del schemas["email_event_bounced"]["properties"]["properties"]["required"]
    assert lines(openapi) == [
        "changed  event Order Completed: order_id required no -> yes",
        "changed  event Email Bounced: email_id required yes -> no",
    ]


def test_the_id_of_an_event_is_required_or_no_longer_is(openapi, schemas):
    schemas["create_update_device"]["required"] = ["event", "anonymousId", "context"]
    assert lines(openapi) == [
        "changed  event Device Created or Updated: userId required yes -> no",
        "changed  event Device Created or Updated: anonymousId required no -> yes",
    ]


def test_what_one_variant_of_a_call_requires_is_not_required_and_what_all_require_is(openapi, schemas):
    for variant in schemas["identify"]["oneOf"]:
        variant["allOf"][0]["required"].append("traits")
    assert lines(openapi) == ["changed  call identify: traits required no -> yes"]


def test_a_name_that_is_required_and_described_nowhere_is_a_field_of_any_type(openapi, schemas):
    schemas["order_completed"]["allOf"][0]["required"] = ["receipt"]
    assert lines(openapi) == ["added    event Order Completed: receipt (any)"]


def test_fields_in_a_lists_members_have_paths(openapi, schemas):
    schemas["product"]["properties"]["weight"] = {"type": "number"}
    del schemas["product"]["properties"]["brand"]
    schemas["product"]["properties"]["price"]["type"] = "string"
    schemas["context_web"]["allOf"][1]["properties"]["page"]["properties"]["keywords"]["items"]["type"] = "integer"
    assert lines(openapi) == [
        "added    event Order Completed: products[].weight (number)",
        "removed  event Order Completed: products[].brand (string)",
        "changed  call identify: context.page.keywords[] type string -> integer",
        "changed  event Order Completed: products[].price type number -> string",
    ]


def test_the_type_of_all_other_names_has_a_path(openapi, schemas):
    schemas["common_fields"]["properties"]["integrations"]["additionalProperties"]["type"] = "object"
    assert lines(openapi) == ["changed  call identify: integrations.* type boolean -> object"]


def test_a_call_is_gone_with_its_path_and_a_new_path_is_a_new_call(openapi):
    openapi["paths"]["/v1/merge"] = openapi["paths"].pop("/identify")
    calls = [str(change) for change in drift(openapi) if change.where.startswith("call")]
    assert calls[:2] == ["added    call merge", "removed  call identify"]


def test_a_path_may_have_its_version_before_it(openapi):
    openapi["paths"]["/v1/identify"] = openapi["paths"].pop("/identify")
    assert lines(openapi) == []


def test_events_among_the_variants_of_a_call_are_events_and_not_fields_of_the_call(openapi, schemas):
    tip = {
        "type": "object",
        "required": ["event"],
        "properties": {"event": {"enum": ["Tip Given"]}, "properties": {"properties": {"amount": {"type": "number"}}}},
    }
    schemas["identify"]["oneOf"] += [tip, {"$ref": "#/components/schemas/create_update_device"}]
    assert lines(openapi) == ["added    event Tip Given"]


def test_null_is_no_type_of_its_own_in_3_0_and_in_3_1(openapi, schemas):
    order(schemas)["total"] = {"type": "number", "nullable": True}
    order(schemas)["subtotal"] = {"type": ["number", "null"]}
    order(schemas)["checkout_id"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert lines(openapi) == []
    assert lines({**openapi, "openapi": "3.0.3"}) == []


@pytest.mark.parametrize("total", [{"type": ["string", "number"]}, {"oneOf": [{"type": "number"}, {"type": "string"}]}])
def test_a_field_of_two_types_has_both(openapi, schemas, total):
    order(schemas)["total"] = total
    assert lines(openapi) == ["changed  event Order Completed: total type number -> number or string"]
