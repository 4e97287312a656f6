import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames import spec
from cio_frames.sandbox import checks, frames
from cio_frames.sandbox.intake import take

GOOD = {
    "identify": {"userId": "7"},
    "track": {"anonymousId": "a", "event": "Order Completed"},
    "page": {"userId": "7"},
    "screen": {"anonymousId": "a"},
    "group": {"groupId": "acme"},
    "alias": {"userId": "7", "previousId": "a"},
}


def reasons(call, endpoint="track"):
    return [flaw.reason for flaw in checks.flaws_of(call, endpoint)]


@pytest.mark.parametrize("name", spec.CALL_NAMES)
def test_the_least_call_of_each_kind_is_right_on_its_path_and_in_a_batch(name):
    assert reasons(GOOD[name], name) == []
    assert reasons({"type": name} | GOOD[name], None) == []


@pytest.mark.parametrize("name", spec.CALL_NAMES)
def test_in_a_batch_a_call_says_its_type(name):
    assert reasons(GOOD[name], None) == ["type is missing"]


@pytest.mark.parametrize("kind", ["batch", "Track", "", None, 5, ["track"], {}])
def test_a_type_that_is_none_of_the_six_is_wrong(kind):
    assert reasons({"type": kind, "userId": "7"}, None) == [
        "type is not one of identify, track, page, screen, group, alias"
    ]


def test_a_type_that_contradicts_the_path_is_wrong():
    assert reasons({"type": "identify", "userId": "7"}, "page") == ["type is identify on the path of page"]


@pytest.mark.parametrize("call", [None, 1, "text", [], True])
def test_a_call_that_is_not_an_object_is_wrong(call):
    assert reasons(call) == ["a call is not an object"]


@pytest.mark.parametrize("name", ["identify", "track", "page", "screen"])
def test_a_person_is_needed(name):
    assert reasons({"event": "Seen"}, name) == ["userId or anonymousId is missing"]


@pytest.mark.parametrize(
    ("name", "field"),
    [("track", "event"), ("group", "groupId"), ("alias", "userId"), ("alias", "previousId")],
)
def test_what_a_call_requires_is_missed(name, field):
    assert reasons({key: value for key, value in GOOD[name].items() if key != field}, name) == [f"{field} is missing"]


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
def test_an_id_or_event_is_text_that_says_something(name, field, value):
    assert reasons({"userId": "7"} | GOOD[name] | {field: value}, name) == [f"{field} is not a non-empty string"]


def test_an_identify_with_an_empty_user_id_needs_an_email():
    assert reasons({"userId": "", "traits": {"email": "ada@example.test"}}, "identify") == []
    for traits in ({"email": "no email"}, {"email": 5}, {}, []):
        assert "userId is not a non-empty string" in reasons({"userId": "", "traits": traits}, "identify")
    track = {"userId": "", "event": "Seen", "traits": {"email": "ada@example.test"}}
    assert reasons(track, "track") == ["userId is not a non-empty string"]


def test_a_null_id_counts_as_absent():
    assert reasons({"userId": "7", "anonymousId": None, "event": "Seen"}) == []
    assert reasons({"userId": None, "anonymousId": None, "event": "Seen"}) == ["userId or anonymousId is missing"]


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
def test_a_bag_is_an_object(name, field, value):
    assert reasons(GOOD[name] | {field: value}, name) == [f"{field} is not an object"]


@pytest.mark.parametrize("value", ["", "  ", None, 5, {}])
def test_a_message_id_is_text_that_says_something(value):
    assert reasons(GOOD["track"] | {"messageId": value}) == ["messageId is not a non-empty string"]


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
def test_an_iso_8601_date_time_is_a_timestamp(value):
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
def test_anything_else_is_no_timestamp(value):
    assert reasons(GOOD["track"] | {"timestamp": value}) == ["timestamp is not an ISO 8601 date-time"]


def test_a_semantic_event_says_itself_which_ids_it_needs():
    assert reasons({"event": "Report Delivery Event"}) == []
    assert reasons({"event": "User Deleted", "anonymousId": "a"}) == ["userId is missing"]
    assert reasons({"event": " User Deleted ", "anonymousId": "a"}) == ["userId is missing"]


def test_property_types_of_a_semantic_event_are_not_judged():
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
    st.dictionaries(st.sampled_from([*frames.ENVELOPE[1:], "more"]), ANYTHING),
)
@settings(max_examples=500)
def test_what_is_right_at_a_glance_is_right(kind, fields):
    call = {"type": kind} | fields
    if checks.is_right_at_a_glance(call):
        assert reasons(call, None) == []


@pytest.mark.parametrize("name", spec.CALL_NAMES)
def test_an_ordinary_call_is_seen_to_be_right_at_a_glance(name):
    more = {"messageId": "m", "timestamp": "2024-05-01T10:00:00Z", "context": {}, "userId": "7"}
    assert checks.is_right_at_a_glance({"type": name} | GOOD[name] | more)
    assert not checks.is_right_at_a_glance(
        {"type": name} | more | {"groupId": 5, "previousId": 5, "event": 5, "userId": 5}
    )


def test_all_that_is_wrong_is_told():
    assert reasons({"userId": 7, "properties": [], "timestamp": "x"}) == [
        "userId is not a non-empty string",
        "event is missing",
        "properties is not an object",
        "timestamp is not an ISO 8601 date-time",
    ]


def test_a_call_too_deep_to_store_is_a_problem_and_no_crash():
    deep = b'{"userId":"7","traits":{"a":' + b"[" * 400 + b"]" * 400 + b"}}"
    assert take(deep, "identify").problems[0].reason.startswith("the call nests more than 254 levels")
    shared = b'{"context":{"a":' + b"[" * 400 + b"]" * 400 + b'},"batch":[{"type":"identify","userId":"7"}]}'
    assert take(shared, None).problems[0].reason.startswith("the call nests more than 254 levels")


def test_the_frame_of_calls_has_a_column_for_every_field_in_the_spec():
    assert set(frames.ENVELOPE) == {name for call in spec.calls().values() for name in call.fields}


def test_the_sandbox_imports_the_spec_the_errors_and_late_the_client():
    found = set()
    for path in Path(checks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "cio_frames":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("cio_frames."):
                found.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("cio_frames") for alias in node.names)
    assert found == {"spec", "errors", "client", "sandbox"}
