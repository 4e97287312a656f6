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
    ],
)
def test_a_reference_that_is_not_found_is_an_error(openapi, schemas, reference, words):
    schemas["product"]["properties"]["bundle"] = {"$ref": reference}
    with pytest.raises(CioFramesError, match=words):
        drift(openapi)


def test_a_circle_of_references_without_a_field_in_it_is_reported_from_end_to_end(openapi, schemas):
    schemas["one"] = {"allOf": [{"$ref": "#/components/schemas/other"}]}
    schemas["other"] = {"allOf": [{"$ref": "#/components/schemas/one"}]}
    with pytest.raises(CioFramesError, match="schemas/other -> #/components/schemas/one -> #/components/schemas/other"):
        drift(openapi)


REF = "#/components/schemas/"


@pytest.mark.parametrize(
    "place",
    [
        {"properties": {"bundle": {"$ref": f"{REF}product"}}},
        {"properties": {"bundle": {"type": "array", "items": {"$ref": f"{REF}product"}}}},
        {"additionalProperties": {"$ref": f"{REF}product"}},
        {"properties": {"bundle": {"allOf": [{"$ref": f"{REF}product"}, {"type": "object"}]}}},
    ],
    ids=["property", "list", "any name", "allOf"],
)
def test_a_schema_may_contain_itself(openapi, schemas, place):
    product = schemas["product"]
    product["properties"] |= place.get("properties", {})
    product |= {key: value for key, value in place.items() if key != "properties"}
    # The circle is one field that is new, and everything else is compared as before.
    assert all("bundle" in line or ".*" in line for line in lines(openapi))


def test_two_schemas_may_contain_each_other(openapi, schemas):
    schemas["shop"] = {"type": "object", "properties": {"products": {"items": {"$ref": f"{REF}product"}}}}
    schemas["product"]["properties"]["shop"] = {"$ref": f"{REF}shop"}
    assert all("shop" in line.casefold() for line in lines(openapi))


LAUGHS = {
    "references": {
        f"level{level}": {"properties": {f"f{n}": {"$ref": f"{REF}level{level + 1}"} for n in range(8)}}
        for level in range(20)
    }
    | {"level20": {"type": "string"}},
    "allOf": {f"level{level}": {"allOf": [{"$ref": f"{REF}level{level + 1}"}] * 2} for level in range(25)}
    | {"level25": {"properties": {"a": {}}}},
    "circles": {
        f"level{level}": {"properties": {f"f{n}": {"$ref": f"{REF}level{n}"} for n in range(12)}} for level in range(12)
    },
}


@pytest.mark.parametrize("kind", LAUGHS)
def test_references_that_multiply_are_read_once_each_or_refused(openapi, schemas, kind):
    schemas |= LAUGHS[kind]
    schemas["product"]["properties"]["laugh"] = {"$ref": f"{REF}level0"}
    try:
        found = lines(openapi)
    except CioFramesError as error:
        found = [str(error)]
    assert any("laugh" in line or "its parts repeat others" in line for line in found)


def test_aliases_that_multiply_are_refused(tmp_path):
    path = tmp_path / "laughs.yaml"
    levels = "\n".join(f"    l{n}: &l{n} {{properties: {{a: *l{n - 1}, b: *l{n - 1}}}}}" for n in range(1, 40))
    path.write_text(f"openapi: 3.1.0\ncomponents:\n  schemas:\n    l0: &l0 {{type: string}}\n{levels}\n")
    with pytest.raises(CioFramesError, match="its parts repeat others"):
        drift(read_openapi(path))


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
