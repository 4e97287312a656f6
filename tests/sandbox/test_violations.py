import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames import sandbox, spec
from cio_frames.sandbox.parsing import parse_request
from cio_frames.sandbox.violations import find_violations, passes_fast_path
from cio_frames.sandbox.wire import ENVELOPE_FIELDS

GOOD = {
    "identify": {"userId": "7"},
    "track": {"anonymousId": "a", "event": "Order Completed"},
    "page": {"userId": "7"},
    "screen": {"anonymousId": "a"},
    "group": {"groupId": "acme"},
    "alias": {"userId": "7", "previousId": "a"},
}


def reasons(call, endpoint="track"):
    return [violation.reason for violation in find_violations(call, endpoint)]


@pytest.mark.parametrize("name", spec.CALL_NAMES)
def test_the_smallest_call_of_each_kind_is_valid_on_its_path_and_in_a_batch(name):
    assert reasons(GOOD[name], name) == []
    assert reasons({"type": name} | GOOD[name], None) == []


@pytest.mark.parametrize("name", spec.CALL_NAMES)
def test_a_call_of_a_batch_requires_a_type(name):
    assert reasons(GOOD[name], None) == ["type: required value is missing"]


@pytest.mark.parametrize("kind", ["batch", "Track", "", None, 5, ["track"], {}])
def test_a_type_other_than_the_six_is_invalid(kind):
    assert reasons({"type": kind, "userId": "7"}, None) == [
        "type: must be one of identify, track, page, screen, group, alias"
    ]


def test_a_type_that_contradicts_the_path_is_invalid():
    assert reasons({"type": "identify", "userId": "7"}, "page") == [
        "type: 'identify' does not match the path, which takes 'page'"
    ]


@pytest.mark.parametrize("call", [None, 1, "text", [], True])
def test_a_call_must_be_an_object(call):
    assert reasons(call) == ["call must be a JSON object"]


@pytest.mark.parametrize("name", ["identify", "track", "page", "screen"])
def test_a_call_requires_a_person(name):
    assert reasons({"event": "Seen"}, name) == ["userId or anonymousId: required value is missing"]


@pytest.mark.parametrize(
    ("name", "field"),
    [("track", "event"), ("group", "groupId"), ("alias", "userId"), ("alias", "previousId")],
)
def test_a_missing_required_field_is_a_violation(name, field):
    assert reasons({key: value for key, value in GOOD[name].items() if key != field}, name) == [
        f"{field}: required value is missing"
    ]


@pytest.mark.parametrize("value", ["", " ", "\t\n", "\u3000", 7, 7.0, True, [], {}])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("identify", "userId"),
        ("page", "anonymousId"),
        ("track", "event"),
        ("group", "groupId"),
        ("alias", "previousId"),
    ],
)
def test_an_id_or_event_must_be_non_empty_text(name, field, value):
    assert reasons({"userId": "7"} | GOOD[name] | {field: value}, name) == [f"{field}: must be a non-empty string"]


def test_an_identify_with_an_empty_user_id_requires_an_email():
    assert reasons({"userId": "", "traits": {"email": "ada@example.test"}}, "identify") == []
    for traits in ({"email": "no email"}, {"email": 5}, {}, []):
        assert "userId: must be a non-empty string" in reasons({"userId": "", "traits": traits}, "identify")
    track = {"userId": "", "event": "Seen", "traits": {"email": "ada@example.test"}}
    assert reasons(track, "track") == ["userId: must be a non-empty string"]


def test_a_null_id_counts_as_absent():
    assert reasons({"userId": "7", "anonymousId": None, "event": "Seen"}) == []
    assert reasons({"userId": None, "anonymousId": None, "event": "Seen"}) == [
        "userId or anonymousId: required value is missing"
    ]


@pytest.mark.parametrize("value", [None, "text", 1, [], [{}]])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("identify", "traits"),
        ("group", "traits"),
        ("track", "properties"),
        ("page", "properties"),
        ("alias", "context"),
        ("screen", "integrations"),
    ],
)
def test_traits_properties_context_and_integrations_must_be_objects(name, field, value):
    assert reasons(GOOD[name] | {field: value}, name) == [f"{field}: must be a JSON object"]


@pytest.mark.parametrize("value", ["", "  ", None, 5, {}])
def test_a_message_id_must_be_non_empty_text(value):
    assert reasons(GOOD["track"] | {"messageId": value}) == ["messageId: must be a non-empty string"]


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T10:00:00Z",
        "2024-05-01T10:00:00.123Z",
        "2024-05-01T10:00:00.123456789+02:00",
        "2024-05-01T10:00:00",
        "2024-02-29T23:59:59-0330",
    ],
)
def test_an_iso_8601_date_time_is_a_valid_timestamp(value):
    assert reasons(GOOD["track"] | {"timestamp": value}) == []


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "",
        "2024-05-01",
        "2024-05-01 10:00:00",
        "2023-02-29T00:00:00Z",
        "NaT",
        "01/05/2024T10:00",
        1714557600,
        None,
        {},
    ],
)
def test_other_values_are_not_valid_timestamps(value):
    assert reasons(GOOD["track"] | {"timestamp": value}) == ["timestamp: must be an ISO 8601 date-time"]


def test_a_semantic_event_has_its_own_required_ids():
    assert reasons({"event": "Report Delivery Event"}) == []
    assert reasons({"event": "User Deleted", "anonymousId": "a"}) == ["userId: required value is missing"]
    assert reasons({"event": " User Deleted ", "anonymousId": "a"}) == ["userId: required value is missing"]


def test_property_types_of_a_semantic_event_are_not_checked():
    assert reasons({"userId": "7", "event": "Order Completed", "properties": {"total": "a lot"}}) == []


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["", " ", "7", "a@b.c", "2024-05-01T10:00:00Z", "2024-05-01", "User Deleted", " Object Deleted "]),
    st.just({}),
    st.just({"email": "a@b.c"}),
    st.just([]),
)


@given(
    st.sampled_from([*spec.CALL_NAMES, "Track", 5, None, []]),
    st.dictionaries(st.sampled_from([*ENVELOPE_FIELDS[1:], "more"]), ANYTHING),
)
@settings(max_examples=500)
def test_a_call_that_passes_the_fast_path_has_no_violations(kind, fields):
    call = {"type": kind} | fields
    if passes_fast_path(call):
        assert reasons(call, None) == []


@pytest.mark.parametrize("name", spec.CALL_NAMES)
def test_an_ordinary_call_passes_the_fast_path(name):
    more = {"messageId": "m", "timestamp": "2024-05-01T10:00:00Z", "context": {}, "userId": "7"}
    assert passes_fast_path({"type": name} | GOOD[name] | more)
    assert not passes_fast_path({"type": name} | more | {"groupId": 5, "previousId": 5, "event": 5, "userId": 5})


def test_all_violations_of_a_call_are_listed():
    assert reasons({"userId": 7, "properties": [], "timestamp": "x"}) == [
        "userId: must be a non-empty string",
        "event: required value is missing",
        "properties: must be a JSON object",
        "timestamp: must be an ISO 8601 date-time",
    ]


def test_a_call_that_nests_too_deep_is_a_problem():
    deep = b'{"userId":"7","traits":{"a":' + b"[" * 400 + b"]" * 400 + b"}}"
    assert parse_request(deep, "identify").problems[0].reason.startswith("call nests more than 254 levels")
    shared = b'{"context":{"a":' + b"[" * 400 + b"]" * 400 + b'},"batch":[{"type":"identify","userId":"7"}]}'
    assert parse_request(shared, None).problems[0].reason.startswith("call nests more than 254 levels")


def test_the_envelope_fields_are_those_of_the_spec():
    assert set(ENVELOPE_FIELDS) == {name for call in spec.calls().values() for name in call.fields}


def test_the_sandbox_imports_only_the_spec_the_errors_the_client_and_small_tools():
    found = set()
    for path in Path(sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "cio_frames":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("cio_frames."):
                found.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("cio_frames") for alias in node.names)
    assert found == {"spec", "errors", "client", "sandbox", "_util"}
