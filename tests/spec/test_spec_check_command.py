"""``cio-frames spec check``: a vendor's OpenAPI file against schemas/."""

import json

import pytest
from typer.testing import CliRunner

from cio_frames import spec
from cio_frames.cli.app import app, main


def schema_of(field, **more):
    """Return a field in the words of OpenAPI."""
    schema = {
        "type": field.type,
        "format": None if field.format == "digits" else field.format,
        "enum": list(field.enum),
        "required": list(field.required),
        "properties": {name: schema_of(member) for name, member in field.properties.items()},
        "items": field.items and schema_of(field.items),
        "additionalProperties": field.additional and schema_of(field.additional),
        **more,
    }
    return {key: value for key, value in schema.items() if value}


def call_schema(call):
    """Return a call as OpenAPI describes it: its type is its name, and one id alone is required."""
    properties = {name: schema_of(field) for name, field in call.fields.items()}
    only_id = call.ids if len(call.ids) == 1 else ()
    properties["type"]["enum"] = [call.name]
    return {"type": "object", "properties": properties, "required": [*call.required, *only_id]}


def event_schema(event):
    """Return an event as OpenAPI describes it: a track call with one name."""
    properties = {
        "event": {"type": "string", "enum": [event.name]},
        "properties": schema_of(event.properties),
        "context": schema_of(event.context),
    }
    return {"type": "object", "properties": properties, "required": list(event.ids if len(event.ids) == 1 else ())}


@pytest.fixture
def openapi():
    """Return an OpenAPI description that agrees with schemas/."""
    bodies = {call.name: call_schema(call) for call in spec.calls().values()} | {"batch": {}}
    paths = {
        f"/v1/{name}": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}
        for name, schema in bodies.items()
    }
    schemas = {event.name: event_schema(event) for event in spec.semantic_events().values()}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


@pytest.fixture
def order(openapi):
    """Return the properties of Order Completed in the description."""
    return openapi["components"]["schemas"]["Order Completed"]["properties"]["properties"]["properties"]


@pytest.fixture
def run_check(openapi, tmp_path):
    """Return a function that runs the command on the description."""

    def run(*options):
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(openapi), encoding="utf-8")
        return CliRunner().invoke(app, ["spec", "check", str(path), *options])

    return run


def test_the_command_ends_with_0_if_nothing_drifted(run_check):
    done = run_check()
    assert (done.exit_code, done.stdout) == (0, "No differences found.\n")
    done = run_check("--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])


def test_the_command_prints_a_line_for_each_change_and_ends_with_1(run_check, order):
    order["tip"] = {"type": "number"}
    order["total"]["type"] = "string"
    done = run_check()
    assert done.exit_code == 1
    assert done.stdout == (
        "added    event Order Completed: tip (number)\nchanged  event Order Completed: total type number -> string\n"
    )


def test_the_command_prints_json_for_programs(run_check, openapi, order):
    del openapi["components"]["schemas"]["Email Bounced"]
    order["total"]["type"] = "string"
    done = run_check("--json")
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
        (None, "No such file or directory"),
        ('{"openapi": ', "is not valid JSON or YAML"),
        ("openapi: [", "is not valid JSON or YAML"),
        ("", "Not a valid OpenAPI file"),
        ("\xff", "is not valid JSON or YAML"),
    ],
)
def test_a_file_that_is_invalid_ends_with_2_and_a_reason(tmp_path, capsys, text, words):
    path = tmp_path / "openapi.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SystemExit) as end:
        main(["spec", "check", str(path)])
    output = capsys.readouterr()
    assert (end.value.code, output.out) == (2, "")
    assert words in output.err
