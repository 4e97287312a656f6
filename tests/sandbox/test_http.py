"""Requests and responses. The tests share one server; each reads its own requests only."""

import gzip
import json
from dataclasses import dataclass
from uuid import UUID

import pandas as pd
import pytest
import requests

from cio_frames import spec
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.responses import error_response
from cio_frames.sandbox.violations import Violation

GOOD = {"type": "track", "messageId": "m1", "userId": "7", "event": "Order Completed"}
INVALID = {"type": "track", "messageId": "m2", "userId": "7"}


@dataclass
class Exchange:
    status: int
    body: object
    calls: pd.DataFrame
    problems: pd.DataFrame
    request: dict


def send(sandbox, path, body, *, strict=False, auth=("sandbox", ""), method="POST", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if strict:
        headers["X-Strict-Mode"] = "1"
    answer = requests.request(method, f"{sandbox.url}{path}", data=content, auth=auth, headers=headers, timeout=5)
    request = sandbox.requests().iloc[-1].to_dict()
    frames = [frame[frame["request"] == request["number"]] for frame in (sandbox.calls(), sandbox.problems())]
    return Exchange(answer.status_code, answer.json(), *frames, request)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def item_sandbox():
    with Sandbox(batch_errors="item") as sandbox:
        yield sandbox


def padded(call, size, field="properties"):
    """Return the call as JSON of exactly this size."""
    bare = len(json.dumps(call | {field: {"pad": ""}}, separators=(",", ":")))
    text = json.dumps(call | {field: {"pad": "x" * (size - bare)}}, separators=(",", ":")).encode()
    assert len(text) == size
    return text


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("identify", {"userId": "7", "traits": {"plan": "pro"}}),
        ("track", {"anonymousId": "a", "event": "Seen", "properties": {"total": 9.5}}),
        ("page", {"userId": "7", "name": "Home"}),
        ("screen", {"userId": "7", "name": "Start"}),
        ("group", {"groupId": "acme", "userId": "7", "traits": {"seats": 3}}),
        ("group", {"groupId": "acme"}),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_valid_call_is_stored_with_the_type_of_its_path(sandbox, name, call, strict):
    exchange = send(sandbox, f"/v1/{name}", call, strict=strict)
    assert (exchange.status, exchange.body) == (200, {})
    row = exchange.calls.iloc[0]
    assert {field: row[field] for field in call} == call
    assert row["type"] == name
    assert exchange.problems.empty


def test_a_batch_is_stored_in_order(sandbox):
    batch = [{"type": "identify", "userId": str(number), "messageId": f"m{number}"} for number in range(50)]
    exchange = send(sandbox, "/v1/batch", {"batch": batch}, strict=True)
    assert exchange.calls["messageId"].tolist() == [f"m{number}" for number in range(50)]


def test_a_batch_may_have_all_six_kinds_of_call(sandbox):
    batch = [
        {"type": name, "userId": "7", "groupId": "g", "previousId": "p", "event": "Seen"} for name in spec.CALL_NAMES
    ]
    exchange = send(sandbox, "/v1/batch", {"batch": batch}, strict=True)
    assert exchange.calls["type"].tolist() == list(spec.CALL_NAMES)


def test_an_empty_batch_is_accepted(sandbox):
    assert send(sandbox, "/v1/batch", {"batch": []}, strict=True).status == 200


def test_values_are_stored_unchanged(sandbox):
    traits = {"id": "007", "big": 9007199254740993, "deep": {"a": [1, None, {"b": ""}]}, "text": "a\u2028\u0000é"}
    exchange = send(sandbox, "/v1/identify", {"userId": "007", "traits": traits})
    assert exchange.calls.iloc[0]["userId"] == "007"
    assert exchange.calls.iloc[0]["traits"] == traits


def test_repeated_keys_and_big_integers_follow_the_page_about(sandbox):
    body = b'{"userId": "7", "userId": "8", "traits": {"far": 36893488147419103232, "near": 18446744073709551615}}'
    exchange = send(sandbox, "/v1/identify", body)
    assert exchange.calls.iloc[0]["userId"] == "8"
    assert exchange.calls.iloc[0]["traits"] == {"far": 2.0**65, "near": 2**64 - 1}
    assert type(exchange.calls.iloc[0]["traits"]["far"]) is float


def test_a_call_without_message_id_gets_one(sandbox):
    exchange = send(sandbox, "/v1/identify", {"userId": "7"})
    assert UUID(exchange.calls.iloc[0]["messageId"]).version == 4


def test_an_invalid_call_is_rejected_in_strict_mode(sandbox):
    exchange = send(sandbox, "/v1/track", INVALID, strict=True)
    assert (exchange.status, exchange.body) == (400, {"meta": {"errors": ["event: required value is missing"]}})
    assert exchange.calls.empty
    assert exchange.problems[["messageId", "reason"]].to_numpy().tolist() == [
        ["m2", "event: required value is missing"]
    ]


def test_an_invalid_call_is_dropped_with_200_in_permissive_mode(sandbox):
    exchange = send(sandbox, "/v1/track", INVALID)
    assert (exchange.status, exchange.body) == (200, {})
    assert exchange.calls.empty
    assert exchange.problems[["messageId", "reason"]].to_numpy().tolist() == [
        ["m2", "event: required value is missing"]
    ]


@pytest.mark.parametrize("value", ["0", "true", "yes", "11", ""])
def test_only_the_value_1_turns_strict_mode_on(sandbox, value):
    assert send(sandbox, "/v1/track", INVALID, **{"X-Strict-Mode": value}).status == 200


def test_strict_mode_rejects_the_whole_batch_for_one_invalid_call(sandbox):
    exchange = send(sandbox, "/v1/batch", {"batch": [GOOD, INVALID, GOOD]}, strict=True)
    assert (exchange.status, exchange.body) == (400, {"meta": {"errors": ["event: required value is missing"]}})
    assert exchange.calls.empty
    assert exchange.problems["item"].tolist() == [1]


def test_with_batch_errors_item_strict_mode_accepts_the_valid_calls(item_sandbox):
    exchange = send(item_sandbox, "/v1/batch", {"batch": [GOOD, INVALID, GOOD]}, strict=True)
    assert exchange.status == 400
    assert exchange.calls["messageId"].tolist() == ["m1", "m1"]
    assert exchange.problems["item"].tolist() == [1]


def test_permissive_mode_accepts_the_valid_calls_of_a_batch(sandbox):
    exchange = send(sandbox, "/v1/batch", {"batch": [GOOD, INVALID, 5, GOOD]})
    assert exchange.status == 200
    assert exchange.calls["messageId"].tolist() == ["m1", "m1"]
    assert exchange.problems["item"].tolist() == [1, 2]
    assert exchange.request["calls"] == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([GOOD], "body must be a JSON object"),
        ({}, "batch: must be an array"),
        ({"batch": GOOD}, "batch: must be an array"),
        ({"batch": [GOOD], "context": []}, "context: must be a JSON object"),
        ({"batch": [GOOD], "integrations": None}, "integrations: must be a JSON object"),
    ],
)
def test_an_invalid_batch_is_rejected_or_dropped_as_a_whole(sandbox, body, reason):
    strict, permissive = (send(sandbox, "/v1/batch", body, strict=strict) for strict in (True, False))
    assert (strict.status, permissive.status) == (400, 200)
    assert strict.problems["reason"].tolist() == permissive.problems["reason"].tolist() == [reason]
    assert permissive.calls.empty


@pytest.mark.parametrize("name", ["context", "integrations"])
def test_batch_level_values_apply_as_a_whole_to_calls_without_their_own(sandbox, name):
    batch = {
        name: {"ip": "192.0.2.1", "locale": "de"},
        "batch": [GOOD, GOOD | {name: {"ip": "192.0.2.2"}}, GOOD | {name: {}}],
    }
    exchange = send(sandbox, "/v1/batch", batch, strict=True)
    assert exchange.calls[name].tolist() == [{"ip": "192.0.2.1", "locale": "de"}, {"ip": "192.0.2.2"}, {}]


def test_with_multi_status_strict_mode_names_rejected_calls_and_accepts_the_others():
    with Sandbox(batch_errors="multi_status") as sandbox:
        exchange = send(sandbox, "/v1/batch", {"batch": [GOOD, INVALID, GOOD]}, strict=True)
        single = send(sandbox, "/v1/track", INVALID, strict=True)
        whole = send(sandbox, "/v1/batch", {"batch": 5}, strict=True)
        permissive = send(sandbox, "/v1/batch", {"batch": [GOOD, INVALID]})
    error = {"batch_index": 1, "reason": "invalid", "field": "event", "message": "event: required value is missing"}
    assert (exchange.status, exchange.body) == (207, {"errors": [error]})
    assert exchange.request["status"] == 207
    assert exchange.calls["messageId"].tolist() == ["m1", "m1"]
    assert (single.status, whole.status, permissive.status, len(permissive.calls)) == (400, 400, 200, 1)


def test_a_batch_of_the_mobile_sdk_is_accepted(sandbox):
    """As the vendor's Android SDK sends it: gzip, chunked, text/plain, and the write key in the body."""
    body = {"batch": [GOOD], "sentAt": "2026-11-01T00:00:00Z", "writeKey": "sandbox"}
    chunks = iter([gzip.compress(json.dumps(body).encode())])
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    answer = requests.post(f"{sandbox.url}/v1/b", data=chunks, headers=headers, timeout=5)
    request = sandbox.requests().iloc[-1]
    assert (answer.status_code, request["path"], request["calls"]) == (200, "/v1/b", 1)
    assert sandbox.calls().iloc[-1]["messageId"] == "m1"


def test_the_gzip_and_content_type_switches_do_not_apply_to_the_mobile_sdk():
    body = gzip.compress(json.dumps({"batch": [GOOD], "writeKey": "sandbox"}).encode())
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    with Sandbox(assume={"gzip": "refuse", "content_type": "json"}) as sandbox:
        assert send(sandbox, "/v1/b", body, auth=None, strict=True, **headers).status == 200
        assert send(sandbox, "/v1/batch", body, strict=True, **headers).status == 415


@pytest.mark.parametrize(
    ("body", "auth", "status"),
    [
        ({"batch": [], "writeKey": "sandbox"}, None, 200),
        ({"batch": []}, ("sandbox", ""), 200),
        ({"batch": []}, None, 401),
        ({"batch": [], "writeKey": "other"}, None, 401),
        ({"batch": [], "writeKey": 5}, None, 401),
        ({"batch": [], "writeKey": "sandbox"}, ("other", ""), 401),
        ([], None, 401),
        (b"{", None, 401),
        (b" " * 512_001, None, 413),
        ({"batch": 5, "writeKey": "sandbox"}, None, 400),
    ],
)
def test_a_mobile_batch_requires_the_key_in_its_header_or_body(sandbox, body, auth, status):
    assert send(sandbox, "/v1/b", body, auth=auth, strict=True).status == status


def test_the_write_key_in_a_body_is_accepted_on_the_mobile_path_only(sandbox):
    assert send(sandbox, "/v1/batch", {"batch": [], "writeKey": "sandbox"}, auth=None, strict=True).status == 401


@pytest.mark.parametrize(
    "auth", [("wrong", ""), ("", ""), ("sandbox", "password"), ("sandbox:", ""), ("Sandbox", ""), None]
)
def test_an_invalid_or_missing_key_is_401_in_strict_mode_and_dropped_in_permissive_mode(sandbox, auth):
    strict, permissive = (send(sandbox, "/v1/track", GOOD, auth=auth, strict=strict) for strict in (True, False))
    assert (strict.status, strict.body) == (401, {"meta": {"errors": ["write key is missing or invalid"]}})
    assert (permissive.status, permissive.body) == (200, {})
    assert strict.calls.empty
    assert permissive.calls.empty
    assert permissive.problems["reason"].tolist() == ["write key is missing or invalid"]


@pytest.mark.parametrize("header", ["Bearer sandbox", "Basic", "c2FuZGJveDo=", "Basic sandbox", "Basic \xe9"])
def test_only_basic_authorization_is_accepted(sandbox, header):
    assert send(sandbox, "/v1/track", GOOD, auth=None, strict=True, Authorization=header).status == 401


def test_the_authorization_scheme_is_case_insensitive(sandbox):
    answer = send(sandbox, "/v1/track", GOOD, auth=None, strict=True, Authorization="basic c2FuZGJveDo=")
    assert answer.status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"userId": NaN}',
        b'{"userId": Infinity}',
        b'{"userId": 1e400}',
        b'{"userId": "\xff"}',
        b'{"userId": "\\ud800"}',
        b'{"a": 1} {}',
        b"\xef\xbb\xbf{}",
        b"[" * 1_025 + b"]" * 1_025,
    ],
)
@pytest.mark.parametrize("path", ["/v1/identify", "/v1/batch"])
@pytest.mark.parametrize("strict", [True, False])
def test_invalid_json_is_400_in_both_modes(sandbox, body, path, strict):
    exchange = send(sandbox, path, body, strict=strict)
    assert exchange.status == 400
    assert exchange.problems["reason"].str.startswith("body is not valid JSON: ").tolist() == [True]


def test_a_call_of_32768_bytes_is_accepted_and_one_byte_more_is_not(sandbox):
    assert send(sandbox, "/v1/track", padded(GOOD, 32_768), strict=True).status == 200
    strict, permissive = (send(sandbox, "/v1/track", padded(GOOD, 32_769), strict=s) for s in (True, False))
    assert (strict.status, permissive.status) == (400, 200)
    reason = "call is 32,769 bytes; the limit is 32,768"
    assert permissive.problems[["messageId", "reason"]].to_numpy().tolist() == [["m1", reason]]
    assert permissive.calls.empty


def test_the_call_limit_applies_to_each_call_of_a_batch(sandbox):
    sizes = (32_768, 32_769)
    body = b'{"batch":[' + b",".join(padded(GOOD, size) for size in sizes) + b"]}"
    exchange = send(sandbox, "/v1/batch", body)
    assert len(exchange.calls) == 1
    assert exchange.problems["item"].tolist() == [0, 1]
    assert "accepted" in exchange.problems["reason"].tolist()[0]
    assert exchange.problems["reason"].tolist()[1] == "call is 32,769 bytes; the limit is 32,768"


def test_limits_count_bytes_not_characters(sandbox):
    body = json.dumps(GOOD | {"properties": {"pad": "é" * 17_000}}, ensure_ascii=False).encode()
    assert send(sandbox, "/v1/track", body, strict=True).status == 400


@pytest.mark.parametrize("size", [512_001, 600_000, 5_000_000])
def test_a_body_over_512000_bytes_is_413_in_strict_mode_and_dropped_in_permissive_mode(sandbox, size):
    body = b'{"batch":[' + b" " * (size - 12) + b"]}"
    strict, permissive = (send(sandbox, "/v1/batch", body, strict=strict) for strict in (True, False))
    assert (strict.status, permissive.status) == (413, 200)
    assert permissive.problems["reason"].tolist() == ["body is larger than the limit of 512,000 bytes"]
    assert permissive.request["bytes"] == size


def test_a_body_of_512000_bytes_is_accepted(sandbox):
    body = b'{"batch":[' + b" " * (512_000 - 12) + b"]}"
    assert send(sandbox, "/v1/batch", body, strict=True).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_a_gzip_body_is_read_and_its_size_is_that_of_the_json(sandbox, encoding):
    plain = json.dumps(GOOD).encode()
    exchange = send(sandbox, "/v1/track", gzip.compress(plain), strict=True, **{"Content-Encoding": encoding})
    assert exchange.calls["messageId"].tolist() == ["m1"]
    assert exchange.request["bytes"] == len(plain)


def test_the_body_limit_applies_after_decompression(sandbox):
    bomb = gzip.compress(bytes(100_000_000))
    strict, permissive = (
        send(sandbox, "/v1/batch", bomb, strict=strict, **{"Content-Encoding": "gzip"}) for strict in (True, False)
    )
    assert (strict.status, permissive.status) == (413, 200)
    assert permissive.request["bytes"] == 512_001


@pytest.mark.parametrize("body", [b"{}", b"", gzip.compress(b'{"batch":[]}', mtime=0)[:-9], b"\x1f\x8b\x08junk"])
def test_a_body_that_is_not_valid_gzip_is_400(sandbox, body):
    exchange = send(sandbox, "/v1/batch", body, **{"Content-Encoding": "gzip"})
    assert exchange.status == 400


@pytest.mark.parametrize("path", ["/", "/v2/track", "/v1", "/v1/track/", "/v1/Track", "/v1/delete"])
@pytest.mark.parametrize("strict", [True, False])
def test_an_unknown_path_is_404_and_logged(sandbox, path, strict):
    exchange = send(sandbox, path, GOOD, strict=strict)
    assert exchange.status == 404
    assert (exchange.request["path"], exchange.request["status"]) == (path, 404)
    assert exchange.problems["reason"].tolist() == [
        "path not found: send a POST request to a path of the API, such as /v1/batch"
    ]


def test_a_very_long_path_is_truncated_in_the_log(sandbox):
    path = "/" + "x" * 60_000
    assert send(sandbox, path, GOOD).request["path"] == path[:200]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_other_methods_than_post_are_405(sandbox, method, path):
    assert send(sandbox, path, GOOD, method=method).status == 405


def test_the_requests_frame_has_path_status_and_size_of_a_request(sandbox):
    body = json.dumps({"batch": [GOOD, GOOD]}).encode()
    before = len(sandbox.requests())
    exchange = send(sandbox, "/v1/batch", body, strict=True)
    assert exchange.request == {
        "number": before,
        "path": "/v1/batch",
        "status": 200,
        "bytes": len(body),
        "calls": 2,
        "strict": True,
    }


@pytest.mark.parametrize(
    ("shape", "content"),
    [
        ("meta", '{"meta":{"errors":["event: required value is missing","a b"]}}'),
        ("meta_error", '{"meta":{"error":"event: required value is missing; a b"}}'),
        ("code", '{"code":"bad_request","message":"event: required value is missing; a b"}'),
        (
            "errors",
            '{"errors":[{"reason":"invalid","field":"event","message":"event: required value is missing"},'
            '{"reason":"invalid","field":"","message":"a b"}]}',
        ),
        ("text", "event: required value is missing; a b"),
    ],
)
def test_an_error_body_has_each_violation_once_in_the_chosen_shape(shape, content):
    missing = Violation("event", "event: required value is missing")
    violations = [missing, Violation(None, "a b"), missing]
    assert error_response(400, violations, shape).content.decode() == content


def test_error_body_text_is_plain_text():
    with Sandbox(error_body="text") as sandbox:
        answer = requests.post(f"{sandbox.url}/v1/track", auth=("wrong", ""), headers={"X-Strict-Mode": "1"}, timeout=5)
    assert (answer.status_code, answer.text) == (401, "write key is missing or invalid")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
