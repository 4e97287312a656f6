"""What the sandbox says of itself as OpenAPI."""

import json

import jsonschema
import pytest
import requests

from cio_frames import spec
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.openapi import description

PATHS = [*(call.endpoint for call in spec.calls().values()), "/v1/batch"]


def test_the_description_allows_what_the_sandbox_takes_and_forbids_what_it_refuses():
    calls = {
        "identify": {"userId": "7"},
        "track": {"anonymousId": "a", "event": "Seen"},
        "page": {"userId": "7"},
        "screen": {"userId": "7"},
        "group": {"groupId": "acme"},
        "alias": {"userId": "7", "previousId": "a"},
    }
    components = json.loads(json.dumps(description()))
    batch = {"$ref": "#/components/schemas/batch", **components}
    jsonschema.validate({"batch": [{"type": name} | call for name, call in calls.items()]}, batch)
    for name in calls:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"batch": [{"type": name}]}, batch)
    assert paths_of(components) == {*PATHS}


def paths_of(document):
    return {path for path, methods in document["paths"].items() if set(methods) == {"post"}}


def test_a_running_sandbox_has_it():
    with Sandbox() as sandbox:
        assert requests.get(f"{sandbox.url}/openapi.json", timeout=5).json() == json.loads(json.dumps(description()))
