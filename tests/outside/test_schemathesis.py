"""schemathesis reads the sandbox's OpenAPI description, and tries to break the sandbox."""

import json

import pytest
from hypothesis import HealthCheck, settings

from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.openapi import build_openapi

NOT_HERE = "schemathesis is not installed: pip install 'cio-frames[outside]'"
schemathesis = pytest.importorskip("schemathesis", reason=NOT_HERE)
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(build_openapi())))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox
        # Every accepted call can be applied, too.
        sandbox.people()


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
def test_no_request_is_answered_500(case, sandbox):
    answer = case.call(base_url=sandbox.url, headers={"Authorization": "Basic c2FuZGJveDo="})
    case.validate_response(answer, checks=[schemathesis.checks.not_a_server_error])
