"""The sandbox's description of itself, as OpenAPI 3.1: what of the API it takes, from the spec."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from cio_frames import spec

_JSON = "application/json"
# What an answer means; in permissive mode most of what is wrong is answered 200 all the same.
_ANSWERS = {
    "200": "Taken; or, without strict mode, perhaps swallowed.",
    "400": "Something is wrong with the call, or the body is not JSON.",
    "401": "The write key is wrong or missing.",
    "413": "The body is too large.",
    "415": "Where that is assumed: the Content-Type or Content-Encoding is not supported.",
}


@cache
def description() -> Mapping[str, Any]:
    """Return the description.

    >>> sorted(description()["paths"])[:2]
    ['/v1/alias', '/v1/batch']
    """
    calls = spec.calls().values()
    paths = {call.endpoint: _operation(call.name, {"$ref": f"#/components/schemas/{call.name}"}) for call in calls}
    paths["/v1/batch"] = _operation("batch", {"$ref": "#/components/schemas/batch"})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Customer.io Pipelines, as the cio_frames sandbox takes it", "version": "1"},
        "security": [{"writeKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "basic", "description": "The write key as user name."}
            },
            "schemas": {**{call.name: _call(call) for call in calls}, "batch": _batch()},
        },
    }


def _operation(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    strict = {
        "name": "X-Strict-Mode",
        "in": "header",
        "description": "1 for errors to be answered; with any other value they are swallowed.",
        "schema": {"type": "string", "enum": ["0", "1"]},
    }
    return {
        "post": {
            "operationId": name,
            "parameters": [strict],
            "requestBody": {"required": True, "content": {_JSON: {"schema": schema}}},
            "responses": {
                status: {"description": words, "content": {_JSON: {"schema": {"type": "object"}}}}
                for status, words in _ANSWERS.items()
            },
        }
    }


def _call(call: spec.Call) -> dict[str, Any]:
    fields: dict[str, Any] = {name: _field(field) for name, field in call.fields.items()}
    # The path implies the type, and in a batch every call says it.
    fields["type"] = {"const": call.name}
    needs = [{"required": [name]} for name in call.ids]
    return {
        "type": "object",
        "properties": fields,
        "required": list(call.required),
        **({"anyOf": needs} if needs else {}),
    }


def _batch() -> dict[str, Any]:
    of_types = [
        {"allOf": [{"$ref": f"#/components/schemas/{name}"}, {"required": ["type"]}]} for name in spec.CALL_NAMES
    ]
    shared = {"context": {"type": "object"}, "integrations": {"type": "object"}}
    return {
        "type": "object",
        "properties": {"batch": {"type": "array", "items": {"oneOf": of_types}}, **shared},
        "required": ["batch"],
    }


def _field(field: spec.Field) -> dict[str, Any]:
    words = {
        "type": field.type,
        "format": field.format,
        "enum": list(field.enum),
        "minimum": field.minimum,
        "maximum": field.maximum,
        "minLength": field.min_length,
        "required": list(field.required),
        "properties": {name: _field(member) for name, member in field.properties.items()},
        "items": _field(field.items) if field.items else None,
        "additionalProperties": _field(field.additional) if field.additional else None,
        "description": field.description,
    }
    return {word: value for word, value in words.items() if value not in (None, [], {})}
