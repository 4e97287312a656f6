"""schemathesis reads what the sandbox says of itself, and tries to break it."""

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
        # All of it could be applied, too.
        sandbox.people()


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
def test_what_its_own_description_allows_and_what_it_does_not_is_never_500(case, sandbox):
    answer = case.call(base_url=sandbox.url, headers={"Authorization": "Basic c2FuZGJveDo="})
    case.validate_response(answer, checks=[schemathesis.checks.not_a_server_error])
