"""The sandbox's API as an OpenAPI 3.1 document, made from the spec."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from cio_frames import spec
from cio_frames.sandbox.wire import WireField

_JSON_TYPE_NAME = "application/json"
# Permissive mode answers 200 in most of the other cases, too.
_STATUS_DESCRIPTIONS = {
    "200": "Accepted; or, in permissive mode, possibly dropped.",
    "207": "Some calls of the batch were rejected, with batch_errors=multi_status.",
    "400": "The call is not valid, or the body is not valid JSON.",
    "401": "The write key is missing or invalid.",
    "413": "The body is too large.",
    "415": "Under some assumptions: the Content-Type or Content-Encoding is not supported.",
}


@cache
def build_openapi() -> Mapping[str, Any]:
    """Return the OpenAPI document.

    >>> sorted(build_openapi()["paths"])[:3]
    ['/v1/alias', '/v1/b', '/v1/batch']
    """
    calls = spec.calls().values()
    paths = {
        call.endpoint: _describe_operation(call.name, {"$ref": f"#/components/schemas/{call.name}"}) for call in calls
    }
    paths["/v1/batch"] = _describe_operation("batch", {"$ref": "#/components/schemas/batch"})
    paths["/v1/b"] = _describe_operation("mobileBatch", {"$ref": "#/components/schemas/batch"})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Customer.io Pipelines, as the cio_frames sandbox implements it", "version": "1"},
        "security": [{"writeKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "basic", "description": "The write key as user name."}
            },
            "schemas": {**{call.name: _describe_call(call) for call in calls}, "batch": _describe_batch()},
        },
    }


def _describe_operation(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    strict = {
        "name": "X-Strict-Mode",
        "in": "header",
        "description": "1 for strict mode, which answers errors; any other value is permissive mode, which drops them.",
        "schema": {"type": "string", "enum": ["0", "1"]},
    }
    return {
        "post": {
            "operationId": name,
            "parameters": [strict],
            "requestBody": {"required": True, "content": {_JSON_TYPE_NAME: {"schema": schema}}},
            "responses": {
                status: {"description": text, "content": {_JSON_TYPE_NAME: {"schema": {"type": "object"}}}}
                for status, text in _STATUS_DESCRIPTIONS.items()
            },
        }
    }


def _describe_call(call: spec.Call) -> dict[str, Any]:
    fields: dict[str, Any] = {name: _describe_field(field) for name, field in call.fields.items()}
    # The path implies the type, and in a batch every call states it.
    fields[WireField.TYPE] = {"const": call.name}
    alternatives = [{"required": [name]} for name in call.ids]
    return {
        "type": "object",
        "properties": fields,
        "required": list(call.required),
        **({"anyOf": alternatives} if alternatives else {}),
    }


def _describe_batch() -> dict[str, Any]:
    calls = [
        {"allOf": [{"$ref": f"#/components/schemas/{name}"}, {"required": [WireField.TYPE]}]}
        for name in spec.CALL_NAMES
    ]
    return {
        "type": "object",
        "properties": {
            WireField.BATCH: {"type": "array", "items": {"oneOf": calls}},
            WireField.CONTEXT: {"type": "object"},
            WireField.WRITE_KEY: {"type": "string", "description": "For /v1/b, instead of the Authorization header."},
        },
        "required": [WireField.BATCH],
    }


def _describe_field(field: spec.Field) -> dict[str, Any]:
    keywords = {
        "type": field.type,
        "format": field.format,
        "enum": list(field.enum),
        "minimum": field.minimum,
        "maximum": field.maximum,
        "minLength": field.min_length,
        "required": list(field.required),
        "properties": {name: _describe_field(member) for name, member in field.properties.items()},
        "items": _describe_field(field.items) if field.items else None,
        "additionalProperties": _describe_field(field.additional) if field.additional else None,
        "description": field.description,
    }
    return {keyword: value for keyword, value in keywords.items() if value not in (None, [], {})}
