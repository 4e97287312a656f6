"""What nobody documents: every switch does what it says, and the page and the README list it."""

import gzip
import json
from dataclasses import fields
from pathlib import Path

import pytest
import requests

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.assumptions import FIXED, Assumed, switches
from cio_frames.sandbox.intake import take

GOOD = {"type": "track", "messageId": "m1", "userId": "7", "event": "Seen"}
# Every switch that shows in a status: a request, and the statuses in strict and permissive mode for each of its values.
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
    ("gzip", "batch", gzip.compress(b'{"batch":[]}'), {"gzip": True}, {"read": (200, 200), "refuse": (415, 415)}),
    ("content_type", "batch", b'{"batch":[]}', {"type": "text/plain"}, {"any": (200, 200), "json": (415, 415)}),
    ("empty_batch", "batch", b'{"batch":[]}', {}, {"take": (200, 200), "refuse": (400, 200)}),
    ("batch_calls", "batch", json.dumps({"batch": [GOOD] * 101}).encode(), {}, {"any": (200, 200), "100": (400, 200)}),
]
# The others decide what a call does; tests/sandbox/test_state.py has them.
ON_STATE = {"repeats", "null_traits", "object_traits", "unknown_people", "email_changes", "future_times"}


@pytest.mark.parametrize(
    ("name", "value", "path", "body", "how", "statuses"),
    [(name, value, path, body, how, both) for name, path, body, how, found in CASES for value, both in found.items()],
)
def test_a_switch_decides_the_status(name, value, path, body, how, statuses):
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


def test_every_switch_is_tested_in_each_of_its_values():
    tried = {name: set(found) for name, *_, found in CASES}
    assert {switch.name for switch in switches()} == set(tried) | ON_STATE
    assert all(tried.get(switch.name, set(switch.choices)) == set(switch.choices) for switch in switches())


def test_the_readme_lists_every_assumption():
    readme = " ".join((Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8").split())
    for switch in switches():
        choices = ", ".join(f"`{choice}`" for choice in switch.choices)
        assert f"| `{switch.name}` | {choices} | {switch.says} |" in readme
    assert [sentence for sentence in FIXED if f"- {sentence}" not in readme] == []


def test_the_first_choice_of_a_switch_is_the_default():
    assert {switch.name: switch.choices[0] for switch in switches()} == {
        field.name: getattr(Assumed(), field.name) for field in fields(Assumed)
    }


def test_an_unknown_switch_or_value_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"assume='gzipped' is unknown; there are 'wrong_key', "):
        Sandbox(assume={"gzipped": "read"})
    with pytest.raises(ConfigurationError, match="assume gzip='no' is unknown; pass one of 'read', 'refuse'"):
        Sandbox(assume={"gzip": "no"})


def test_a_call_between_the_two_readings_of_32_kb_is_taken_with_a_remark():
    intake = take(BETWEEN, "track")
    assert (intake.problems, len(intake.kept.payloads), intake.strict_status) == ([], 1, 200)
    assert intake.warnings[0].reason.endswith("taken, and too large if a KB has 1000 bytes (32000 is safe)")


def test_a_bomb_is_not_read_where_what_travels_is_measured():
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
