"""The sandbox's OpenAPI document."""

import json

import jsonschema
import pytest
import requests

from cio_frames import spec
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.openapi import build_openapi

PATHS = [*(call.endpoint for call in spec.calls().values()), "/v1/batch", "/v1/b"]


def test_the_document_allows_valid_calls_and_forbids_calls_without_required_fields():
    calls = {
        "identify": {"userId": "7"},
        "track": {"anonymousId": "a", "event": "Seen"},
        "page": {"userId": "7"},
        "screen": {"userId": "7"},
        "group": {"groupId": "acme"},
        "alias": {"userId": "7", "previousId": "a"},
    }
    components = json.loads(json.dumps(build_openapi()))
    batch = {"$ref": "#/components/schemas/batch", **components}
    jsonschema.validate({"batch": [{"type": name} | call for name, call in calls.items()]}, batch)
    for name in calls:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"batch": [{"type": name}]}, batch)
    assert paths_of(components) == {*PATHS}


def paths_of(document):
    return {path for path, methods in document["paths"].items() if set(methods) == {"post"}}


def test_a_running_sandbox_serves_the_document():
    with Sandbox() as sandbox:
        assert requests.get(f"{sandbox.url}/openapi.json", timeout=5).json() == json.loads(json.dumps(build_openapi()))
