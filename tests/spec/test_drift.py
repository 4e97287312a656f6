import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cio_frames import spec
from cio_frames.cli.app import app, main
from cio_frames.errors import CioFramesError, SpecError
from cio_frames.spec.drift import drift, read_openapi
from cio_frames.spec.package_data import package_folder

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


def test_references_nest_and_escape_slashes_tildes_and_blanks(openapi, schemas):
    schemas["a/b~c d"] = {"$ref": "#/components/schemas/amounts/properties/total"}
    schemas["amounts"] = {"properties": {"total": {"type": "string"}}}
    order(schemas)["total"] = {"$ref": "#/components/schemas/a~1b~0c%20d"}
    order(schemas)["amounts"] = {"$ref": "#/components/schemas/amounts"}
    assert lines(openapi) == [
        "added    event Order Completed: amounts (object)",
        "changed  event Order Completed: total type number -> string",
    ]


def test_a_request_body_may_be_a_reference(openapi):
    post = openapi["paths"]["/identify"]["post"]
    openapi["components"]["requestBodies"] = {"identify": post["requestBody"]}
    post["requestBody"] = {"$ref": "#/components/requestBodies/identify"}
    assert lines(openapi) == []


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("#/components/schemas/money", "leads nowhere"),
        ("money.json#/total", "leads out of the file"),
        (7, "leads out of the file"),
        (
            "#/components/schemas/product",
            "in a circle: #/components/schemas/product -> #/components/schemas/product.",
        ),
    ],
)
def test_a_reference_that_cannot_be_followed_is_an_error_that_says_so(openapi, schemas, reference, words):
    schemas["product"]["properties"]["bundle"] = {"$ref": reference}
    with pytest.raises(CioFramesError, match=words):
        drift(openapi)


def test_a_circle_of_several_references_is_told_from_end_to_end(openapi, schemas):
    schemas["one"] = {"properties": {"other": {"$ref": "#/components/schemas/other"}}}
    schemas["other"] = {"allOf": [{"$ref": "#/components/schemas/one"}]}
    with pytest.raises(CioFramesError, match="schemas/other -> #/components/schemas/one -> #/components/schemas/other"):
        drift(openapi)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "no key 'openapi'"),
        ({"title": "Something"}, "no key 'openapi'"),
        ({"swagger": "2.0", "paths": {}}, "no key 'openapi'"),
        ({"openapi": "4.0.0"}, "3.0 or 3.1 is needed; this file is 4.0.0"),
        ({"openapi": "3.1.0", "paths": [1]}, r"\[1\] where a mapping is needed"),
        ({"openapi": "3.1.0", "components": {"schemas": {"tip": {"allOf": {}}}}}, "{} where a list is needed"),
        ({"openapi": "3.1.0", "components": {"schemas": {"tip": None}}}, "None where a mapping is needed"),
    ],
)
def test_what_is_no_openapi_file_is_an_error_that_says_so(document, words):
    with pytest.raises(CioFramesError, match=words):
        drift(document)


def test_a_file_that_contains_itself_is_an_error():
    document = yaml.safe_load("{openapi: 3.1.0, components: {schemas: {tip: &tip {properties: {tip: *tip}}}}}")
    with pytest.raises(CioFramesError, match="contains itself"):
        drift(document)


def test_yaml_is_read_as_json_is(openapi, tmp_path):
    path = tmp_path / "openapi.yaml"
    path.write_text(yaml.safe_dump(openapi), encoding="utf-8")
    assert read_openapi(path) == read_openapi(SMALL)


@pytest.fixture
def only_small(monkeypatch):
    """Let the spec have no more than the small file has."""
    calls, events = spec.calls(), spec.semantic_events()
    names = ("Device Created or Updated", "Order Completed", "Email Bounced")
    spec.accepted_differences()
    monkeypatch.setattr(spec, "calls", lambda: {"identify": calls["identify"]})
    monkeypatch.setattr(spec, "semantic_events", lambda: {name: events[name] for name in names})


@pytest.fixture
def small(openapi, tmp_path):
    """Write a description down, and return its path."""
    openapi["paths"]["/batch"] = {"post": {}}

    def written():
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(openapi), encoding="utf-8")
        return str(path)

    return written


def test_the_command_ends_with_0_where_nothing_drifted(only_small, small):
    done = CliRunner().invoke(app, ["spec", "check", small()])
    assert (done.exit_code, done.stdout) == (0, "No differences found.\n")
    done = CliRunner().invoke(app, ["spec", "check", small(), "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])


def test_the_command_prints_a_line_for_each_change_and_ends_with_1(only_small, small, schemas):
    order(schemas)["tip"] = {"type": "number"}
    order(schemas)["total"]["type"] = "string"
    done = CliRunner().invoke(app, ["spec", "check", small()])
    assert done.exit_code == 1
    assert done.stdout == (
        "added    event Order Completed: tip (number)\nchanged  event Order Completed: total type number -> string\n"
    )


def test_the_command_prints_json_for_programs(only_small, small, schemas):
    del schemas["email_event_bounced"]
    order(schemas)["total"]["type"] = "string"
    done = CliRunner().invoke(app, ["spec", "check", small(), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {"kind": "removed", "where": "event Email Bounced", "what": "", "ours": None, "theirs": None},
        {
            "kind": "changed",
            "where": "event Order Completed",
            "what": "total type",
            "ours": "number",
            "theirs": "string",
        },
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ('{"openapi": ', "is neither JSON nor YAML"),
        ("openapi: [", "is neither JSON nor YAML"),
        ("", "This is no OpenAPI file"),
        ("\xff", "is neither JSON nor YAML"),
    ],
)
def test_a_file_that_cannot_be_compared_ends_with_2_and_says_why(tmp_path, capsys, text, words):
    path = tmp_path / "openapi.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SystemExit) as end:
        main(["spec", "check", str(path)])
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert words in said.err


def test_every_difference_that_was_settled_is_in_words_that_a_change_has():
    said = spec.accepted_differences().differences
    assert ("changed", "event Object Deleted", "objectId required yes -> no") in said
    assert ("added", "call screen", "receivedAt (string, date-time)") in said
    assert all(
        what.endswith(")") == (kind != "changed") and (" -> " in what) == (kind == "changed") for kind, _, what in said
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("names: {}\nnot_events: []\n", 1, "'differences' is missing"),
        ("names: {x: Order Complete}\nnot_events: []\ndifferences: []\n", 1, "'Order Complete' is no call or event"),
        ("names: {}\nnot_events:\n- schemas: [x]\ndifferences: []\n", 3, "'reason' is missing"),
        ("names: {}\nnot_events: {}\ndifferences: []\n", 2, "a list is needed here"),
        (
            "names: {}\nnot_events: []\ndifferences:\n- reason: x\n  where: [call sing]\n  added: [x (any)]\n",
            5,
            "'call sing' is no call or event",
        ),
    ],
)
def test_the_file_of_deliberate_differences_is_read_strictly(monkeypatch, tmp_path, text, line, words):
    folder = tmp_path / "schemas"
    shutil.copytree(package_folder("schemas"), folder)
    path = folder / "deliberate.yaml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr("cio_frames.spec.api.package_folder", lambda name: folder)
    with pytest.raises(SpecError) as error:
        spec.accepted_differences.__wrapped__()
    assert str(error.value) == f"{path}, line {line}: {words}."
