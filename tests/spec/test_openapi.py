"""Reading a vendor's OpenAPI file."""

import json
from pathlib import Path

import pytest
import yaml

from cio_frames.errors import CioFramesError
from cio_frames.spec.drift import drift
from cio_frames.spec.openapi import read_openapi

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
        ("#/components/schemas/money", "not found"),
        ("money.json#/total", "must begin with"),
        (7, "must begin with"),
        (
            "#/components/schemas/product",
            "Circular .ref: #/components/schemas/product -> #/components/schemas/product.",
        ),
    ],
)
def test_a_reference_that_is_not_found_or_circular_is_an_error(openapi, schemas, reference, words):
    schemas["product"]["properties"]["bundle"] = {"$ref": reference}
    with pytest.raises(CioFramesError, match=words):
        drift(openapi)


def test_a_circle_of_several_references_is_reported_from_end_to_end(openapi, schemas):
    schemas["one"] = {"properties": {"other": {"$ref": "#/components/schemas/other"}}}
    schemas["other"] = {"allOf": [{"$ref": "#/components/schemas/one"}]}
    with pytest.raises(CioFramesError, match="schemas/other -> #/components/schemas/one -> #/components/schemas/other"):
        drift(openapi)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "the key 'openapi' is missing"),
        ({"title": "Something"}, "the key 'openapi' is missing"),
        ({"swagger": "2.0", "paths": {}}, "the key 'openapi' is missing"),
        ({"openapi": "4.0.0"}, "Unsupported OpenAPI version 4.0.0"),
        ({"openapi": "3.1.0", "paths": [1]}, r"expected a mapping, found \[1\]"),
        ({"openapi": "3.1.0", "components": {"schemas": {"tip": {"allOf": {}}}}}, "expected a list, found {}"),
        ({"openapi": "3.1.0", "components": {"schemas": {"tip": None}}}, "expected a mapping, found None"),
    ],
)
def test_a_file_that_is_not_openapi_is_an_error(document, words):
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
