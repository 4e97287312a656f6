"""What goes over the wire and what is answered. One server for all; each test looks at its own requests only."""

import gzip
import json
from dataclasses import dataclass
from uuid import UUID

import pandas as pd
import pytest
import requests

from cio_frames import spec
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.answers import error
from cio_frames.sandbox.checks import Flaw

GOOD = {"type": "track", "messageId": "m1", "userId": "7", "event": "Order Completed"}
WRONG = {"type": "track", "messageId": "m2", "userId": "7"}


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
def lenient_sandbox():
    with Sandbox(batch_errors="item") as sandbox:
        yield sandbox


def padded(call, size, field="properties"):
    """Return the call as JSON of exactly this many bytes."""
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
def test_a_good_call_is_kept_with_the_type_its_path_implies(sandbox, name, call, strict):
    exchange = send(sandbox, f"/v1/{name}", call, strict=strict)
    assert (exchange.status, exchange.body) == (200, {})
    row = exchange.calls.iloc[0]
    assert {field: row[field] for field in call} == call
    assert row["type"] == name
    assert exchange.problems.empty


def test_a_batch_is_kept_in_its_order(sandbox):
    batch = [{"type": "identify", "userId": str(number), "messageId": f"m{number}"} for number in range(50)]
    exchange = send(sandbox, "/v1/batch", {"batch": batch}, strict=True)
    assert exchange.calls["messageId"].tolist() == [f"m{number}" for number in range(50)]


def test_a_batch_holds_all_six_kinds(sandbox):
    batch = [
        {"type": name, "userId": "7", "groupId": "g", "previousId": "p", "event": "Seen"} for name in spec.CALL_NAMES
    ]
    exchange = send(sandbox, "/v1/batch", {"batch": batch}, strict=True)
    assert exchange.calls["type"].tolist() == list(spec.CALL_NAMES)


def test_an_empty_batch_is_taken(sandbox):
    assert send(sandbox, "/v1/batch", {"batch": []}, strict=True).status == 200


def test_values_come_back_as_they_were_sent(sandbox):
    traits = {"id": "007", "big": 9007199254740993, "deep": {"a": [1, None, {"b": ""}]}, "text": "a\u2028\u0000é"}
    exchange = send(sandbox, "/v1/identify", {"userId": "007", "traits": traits})
    assert exchange.calls.iloc[0]["userId"] == "007"
    assert exchange.calls.iloc[0]["traits"] == traits


def test_what_json_leaves_open_is_as_the_page_about_says(sandbox):
    body = b'{"userId": "7", "userId": "8", "traits": {"far": 36893488147419103232, "near": 18446744073709551615}}'
    exchange = send(sandbox, "/v1/identify", body)
    assert exchange.calls.iloc[0]["userId"] == "8"
    assert exchange.calls.iloc[0]["traits"] == {"far": 2.0**65, "near": 2**64 - 1}
    assert type(exchange.calls.iloc[0]["traits"]["far"]) is float


def test_a_call_without_message_id_gets_one(sandbox):
    exchange = send(sandbox, "/v1/identify", {"userId": "7"})
    assert UUID(exchange.calls.iloc[0]["messageId"]).version == 4


def test_a_wrong_call_is_refused_in_strict_mode(sandbox):
    exchange = send(sandbox, "/v1/track", WRONG, strict=True)
    assert (exchange.status, exchange.body) == (400, {"meta": {"errors": ["event is missing"]}})
    assert exchange.calls.empty
    assert exchange.problems[["messageId", "reason"]].to_numpy().tolist() == [["m2", "event is missing"]]


def test_a_wrong_call_is_swallowed_without_strict_mode(sandbox):
    exchange = send(sandbox, "/v1/track", WRONG)
    assert (exchange.status, exchange.body) == (200, {})
    assert exchange.calls.empty
    assert exchange.problems[["messageId", "reason"]].to_numpy().tolist() == [["m2", "event is missing"]]


@pytest.mark.parametrize("value", ["0", "true", "yes", "11", ""])
def test_only_the_value_1_turns_strict_mode_on(sandbox, value):
    assert send(sandbox, "/v1/track", WRONG, **{"X-Strict-Mode": value}).status == 200


def test_strict_mode_refuses_the_whole_batch_for_one_wrong_call(sandbox):
    exchange = send(sandbox, "/v1/batch", {"batch": [GOOD, WRONG, GOOD]}, strict=True)
    assert (exchange.status, exchange.body) == (400, {"meta": {"errors": ["event is missing"]}})
    assert exchange.calls.empty
    assert exchange.problems["item"].tolist() == [1]


def test_with_batch_errors_item_strict_mode_keeps_the_good_calls(lenient_sandbox):
    exchange = send(lenient_sandbox, "/v1/batch", {"batch": [GOOD, WRONG, GOOD]}, strict=True)
    assert exchange.status == 400
    assert exchange.calls["messageId"].tolist() == ["m1", "m1"]
    assert exchange.problems["item"].tolist() == [1]


def test_permissive_mode_keeps_the_good_calls_of_a_batch(sandbox):
    exchange = send(sandbox, "/v1/batch", {"batch": [GOOD, WRONG, 5, GOOD]})
    assert exchange.status == 200
    assert exchange.calls["messageId"].tolist() == ["m1", "m1"]
    assert exchange.problems["item"].tolist() == [1, 2]
    assert exchange.request["calls"] == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([GOOD], "the body is not an object"),
        ({}, "batch is not an array"),
        ({"batch": GOOD}, "batch is not an array"),
        ({"batch": [GOOD], "context": []}, "context is not an object"),
        ({"batch": [GOOD], "integrations": None}, "integrations is not an object"),
    ],
)
def test_a_batch_that_is_none_is_refused_or_swallowed_as_a_whole(sandbox, body, reason):
    strict, permissive = (send(sandbox, "/v1/batch", body, strict=strict) for strict in (True, False))
    assert (strict.status, permissive.status) == (400, 200)
    assert strict.problems["reason"].tolist() == permissive.problems["reason"].tolist() == [reason]
    assert permissive.calls.empty


def test_a_calls_own_context_and_integrations_win_and_the_batchs_fill_the_gaps(sandbox):
    batch = {
        "context": {"ip": "192.0.2.1", "locale": "de"},
        "integrations": {"All": False},
        "batch": [GOOD | {"context": {"ip": "192.0.2.2"}}, GOOD | {"integrations": {"All": True}}],
    }
    exchange = send(sandbox, "/v1/batch", batch, strict=True)
    assert exchange.calls["context"].tolist() == [
        {"ip": "192.0.2.2", "locale": "de"},
        {"ip": "192.0.2.1", "locale": "de"},
    ]
    assert exchange.calls["integrations"].tolist() == [{"All": False}, {"All": True}]


@pytest.mark.parametrize(
    "auth", [("wrong", ""), ("", ""), ("sandbox", "password"), ("sandbox:", ""), ("Sandbox", ""), None]
)
def test_a_wrong_or_missing_key_is_401_in_strict_mode_and_swallowed_without(sandbox, auth):
    strict, permissive = (send(sandbox, "/v1/track", GOOD, auth=auth, strict=strict) for strict in (True, False))
    assert (strict.status, strict.body) == (401, {"meta": {"errors": ["the write key is wrong or missing"]}})
    assert (permissive.status, permissive.body) == (200, {})
    assert strict.calls.empty
    assert permissive.calls.empty
    assert permissive.problems["reason"].tolist() == ["the write key is wrong or missing"]


@pytest.mark.parametrize("header", ["Bearer sandbox", "Basic", "c2FuZGJveDo=", "Basic sandbox", "Basic \xe9"])
def test_only_basic_authorization_opens(sandbox, header):
    assert send(sandbox, "/v1/track", GOOD, auth=None, strict=True, Authorization=header).status == 401


def test_the_word_basic_may_be_in_any_case(sandbox):
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
def test_what_is_not_json_is_400_in_both_modes(sandbox, body, path, strict):
    exchange = send(sandbox, path, body, strict=strict)
    assert exchange.status == 400
    assert exchange.problems["reason"].str.startswith("the body is not JSON: ").tolist() == [True]


def test_a_call_of_32768_bytes_is_taken_and_one_byte_more_is_not(sandbox):
    assert send(sandbox, "/v1/track", padded(GOOD, 32_768), strict=True).status == 200
    strict, permissive = (send(sandbox, "/v1/track", padded(GOOD, 32_769), strict=s) for s in (True, False))
    assert (strict.status, permissive.status) == (400, 200)
    reason = "the call has 32769 bytes, and 32768 is the limit"
    assert permissive.problems[["messageId", "reason"]].to_numpy().tolist() == [["m1", reason]]
    assert permissive.calls.empty


def test_the_same_limit_holds_for_each_call_of_a_batch(sandbox):
    sizes = (32_768, 32_769)
    body = b'{"batch":[' + b",".join(padded(GOOD, size) for size in sizes) + b"]}"
    exchange = send(sandbox, "/v1/batch", body)
    assert len(exchange.calls) == 1
    assert exchange.problems["item"].tolist() == [0, 1]
    assert "taken" in exchange.problems["reason"].tolist()[0]
    assert exchange.problems["reason"].tolist()[1] == "the call has 32769 bytes, and 32768 is the limit"


def test_bytes_are_counted_not_characters(sandbox):
    body = json.dumps(GOOD | {"properties": {"pad": "é" * 17_000}}, ensure_ascii=False).encode()
    assert send(sandbox, "/v1/track", body, strict=True).status == 400


@pytest.mark.parametrize("size", [512_001, 600_000, 5_000_000])
def test_a_body_over_512000_bytes_is_413_in_strict_mode_and_swallowed_without(sandbox, size):
    body = b'{"batch":[' + b" " * (size - 12) + b"]}"
    strict, permissive = (send(sandbox, "/v1/batch", body, strict=strict) for strict in (True, False))
    assert (strict.status, permissive.status) == (413, 200)
    assert permissive.problems["reason"].tolist() == ["the body is over 512000 bytes"]
    assert permissive.request["bytes"] == size


def test_a_body_of_512000_bytes_is_taken(sandbox):
    body = b'{"batch":[' + b" " * (512_000 - 12) + b"]}"
    assert send(sandbox, "/v1/batch", body, strict=True).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_a_gzipped_body_is_read_and_its_size_is_that_of_the_json(sandbox, encoding):
    plain = json.dumps(GOOD).encode()
    exchange = send(sandbox, "/v1/track", gzip.compress(plain), strict=True, **{"Content-Encoding": encoding})
    assert exchange.calls["messageId"].tolist() == ["m1"]
    assert exchange.request["bytes"] == len(plain)


def test_a_gzipped_body_is_held_to_the_limit_after_decompression(sandbox):
    bomb = gzip.compress(bytes(100_000_000))
    strict, permissive = (
        send(sandbox, "/v1/batch", bomb, strict=strict, **{"Content-Encoding": "gzip"}) for strict in (True, False)
    )
    assert (strict.status, permissive.status) == (413, 200)
    assert permissive.request["bytes"] == 512_001


@pytest.mark.parametrize("body", [b"{}", b"", gzip.compress(b'{"batch":[]}')[:-9], b"\x1f\x8b\x08junk"])
def test_a_body_that_is_not_the_gzip_it_claims_is_400(sandbox, body):
    exchange = send(sandbox, "/v1/batch", body, **{"Content-Encoding": "gzip"})
    assert exchange.status == 400


@pytest.mark.parametrize("path", ["/", "/v2/track", "/v1", "/v1/track/", "/v1/Track", "/v1/delete"])
@pytest.mark.parametrize("strict", [True, False])
def test_an_unknown_path_is_404_and_on_record(sandbox, path, strict):
    exchange = send(sandbox, path, GOOD, strict=strict)
    assert exchange.status == 404
    assert (exchange.request["path"], exchange.request["status"]) == (path, 404)
    assert exchange.problems["reason"].tolist() == ["only POST to the seven paths works"]


def test_of_a_very_long_path_the_beginning_is_on_record(sandbox):
    path = "/" + "x" * 60_000
    assert send(sandbox, path, GOOD).request["path"] == path[:200]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_any_other_method_is_405(sandbox, method, path):
    assert send(sandbox, path, GOOD, method=method).status == 405


def test_a_request_is_on_record_with_what_it_held(sandbox):
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
        ("meta", '{"meta":{"errors":["event is missing","a b"]}}'),
        ("meta_error", '{"meta":{"error":"event is missing; a b"}}'),
        ("code", '{"code":"bad_request","message":"event is missing; a b"}'),
        (
            "errors",
            '{"errors":[{"reason":"invalid","field":"event","message":"event is missing"},'
            '{"reason":"invalid","field":"","message":"a b"}]}',
        ),
        ("text", "event is missing; a b"),
    ],
)
def test_an_error_comes_in_each_shape_that_clients_know_and_once_each(shape, content):
    flaws = [Flaw("event", "event is missing"), Flaw(None, "a b"), Flaw("event", "event is missing")]
    assert error(400, flaws, shape).content.decode() == content


def test_the_shape_of_errors_is_a_choice():
    with Sandbox(error_body="text") as sandbox:
        answer = requests.post(f"{sandbox.url}/v1/track", auth=("wrong", ""), headers={"X-Strict-Mode": "1"}, timeout=5)
    assert (answer.status_code, answer.text) == (401, "the write key is wrong or missing")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
