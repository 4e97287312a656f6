"""Assumptions where the API is not documented: each switch takes effect, and the documentation lists it."""

import gzip
import json
from dataclasses import fields

import pytest
import requests

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.assumptions import Assumptions, list_switches
from cio_frames.sandbox.parsing import parse_request
from tests.sandbox import assumptions_page

GOOD = {"type": "track", "messageId": "m1", "userId": "7", "event": "Seen"}
# Switches that decide a status: a request, and the statuses in strict and permissive mode for each value.
OVER_BODY = b'{"batch":[' + b" " * 512_000 + b"]}"
OVER_CALL = json.dumps(GOOD | {"properties": {"pad": "x" * 33_000}}).encode()
BETWEEN = json.dumps(GOOD | {"properties": {"pad": "x" * 32_200}}).encode()
SHRUNK = gzip.compress(b'{"batch":[' + b" " * 600_000 + b"]}")
CASES = [
    ("wrong_key", "track", b"{}", {"auth": ("x", "")}, {"swallow": (401, 200), "refuse": (401, 401)}),
    ("bad_json", "track", b"{", {}, {"400": (400, 400), "200": (400, 200)}),
    ("oversize_call", "track", OVER_CALL, {}, {"400": (400, 200), "413": (413, 200)}),
    ("oversize_body", "batch", OVER_BODY, {}, {"413": (413, 200), "400": (400, 200)}),
    ("kilobyte", "track", BETWEEN, {}, {"1024": (200, 200), "1000": (400, 200)}),
    ("measured", "batch", SHRUNK, {"gzip": True}, {"plain": (413, 200), "wire": (200, 200)}),
    (
        "gzip",
        "batch",
        gzip.compress(b'{"batch":[]}', mtime=0),
        {"gzip": True},
        {"read": (200, 200), "refuse": (415, 415)},
    ),
    ("content_type", "batch", b'{"batch":[]}', {"type": "text/plain"}, {"any": (200, 200), "json": (415, 415)}),
    ("empty_batch", "batch", b'{"batch":[]}', {}, {"take": (200, 200), "refuse": (400, 200)}),
    ("batch_calls", "batch", json.dumps({"batch": [GOOD] * 101}).encode(), {}, {"any": (200, 200), "100": (400, 200)}),
]
# The others decide the effect of a call; test_workspace.py tests them.
EFFECT_SWITCHES = {"repeats", "null_traits", "object_traits", "unknown_people", "email_changes", "future_times"}


@pytest.mark.parametrize(
    ("name", "value", "path", "body", "how", "statuses"),
    [(name, value, path, body, how, both) for name, path, body, how, found in CASES for value, both in found.items()],
)
def test_a_switch_decides_the_status_in_both_modes(name, value, path, body, how, statuses):
    headers = {"Content-Type": how.get("type", "application/json; charset=utf-8")}
    headers |= {"Content-Encoding": "gzip"} if how.get("gzip") else {}
    found = []
    with Sandbox(assume={name: value}) as sandbox:
        for strict in ("1", "0"):
            answer = requests.post(
                f"{sandbox.url}/v1/{path}",
                data=body,
                auth=how.get("auth", ("sandbox", "")),
                headers=headers | {"X-Strict-Mode": strict},
                timeout=5,
            )
            found.append(answer.status_code)
    assert tuple(found) == statuses


def test_every_switch_has_a_case_for_each_of_its_values():
    tried = {name: set(found) for name, *_, found in CASES}
    assert {switch.name for switch in list_switches()} == set(tried) | EFFECT_SWITCHES
    assert all(tried.get(switch.name, set(switch.choices)) == set(switch.choices) for switch in list_switches())


def test_the_reference_lists_every_assumption():
    assert assumptions_page.PATH.read_text(encoding="utf-8") == assumptions_page.build_page(), (
        "The list is out of date. Run: python -m tests.sandbox.assumptions_page"
    )


def test_the_first_choice_of_a_switch_is_the_default():
    assert {switch.name: switch.choices[0] for switch in list_switches()} == {
        field.name: getattr(Assumptions(), field.name) for field in fields(Assumptions)
    }


def test_an_unknown_switch_or_value_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"assume= must name one of 'wrong_key', .*, got 'gzipped'"):
        Sandbox(assume={"gzipped": "read"})
    with pytest.raises(ConfigurationError, match="gzip must be 'read' or 'refuse', got 'no'"):
        Sandbox(assume={"gzip": "no"})


def test_a_call_between_the_two_meanings_of_32_kb_is_accepted_with_a_warning():
    parsed = parse_request(BETWEEN, "track")
    assert (parsed.problems, len(parsed.accepted.payloads), parsed.strict_status) == ([], 1, 200)
    reason = "accepted, but over the limit if a KB has 1,000 bytes; keep calls within 32,000 bytes"
    assert parsed.warnings[0].reason.endswith(reason)


def test_a_decompression_bomb_is_413_where_the_compressed_size_counts():
    bomb = gzip.compress(bytes(100_000_000))
    assert len(bomb) < 512_000
    with Sandbox(assume={"measured": "wire"}) as sandbox:
        answer = requests.post(
            f"{sandbox.url}/v1/batch",
            data=bomb,
            auth=("sandbox", ""),
            headers={"Content-Encoding": "gzip", "X-Strict-Mode": "1"},
            timeout=5,
        )
    assert answer.status_code == 413
