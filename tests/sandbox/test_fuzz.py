"""The sandbox responds to any body, and keeps every call that it accepted."""

import gzip
import json
import random
import socket
import string

import pytest
import requests

from cio_frames import spec
from cio_frames.sandbox import Sandbox

PATHS = [*(call.endpoint for call in spec.calls().values()), "/v1/batch"]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox
        # Raises if a stored call does not apply.
        sandbox.people()


GOOD = {"type": "track", "messageId": "m", "userId": "7", "event": "Seen", "context": {"device": {"token": "t"}}}
ODD = [
    None,
    True,
    0,
    -1,
    1e308,
    2**64,
    "",
    " ",
    "\u0000",
    "\ud83d\ude00",
    [],
    {},
    [[]],
    {"": None},
    "cio_",
    "a@b.c",
    "1e5",
]


def malformed_body(number):
    """Return a malformed body, the same one for the same number."""
    luck = random.Random(number)
    call = json.loads(json.dumps(GOOD)) | {"messageId": f"m{number}"}
    for _ in range(luck.randrange(4)):
        field = luck.choice(
            ["type", "userId", "event", "context", "traits", "properties", "timestamp", "messageId", "x"]
        )
        call[field] = luck.choice(ODD)
    body = json.dumps({"batch": [call] * luck.randrange(1, 4)} if luck.random() < 0.5 else call).encode()
    for _ in range(luck.randrange(6)):
        place = luck.randrange(len(body) + 1)
        body = luck.choice(
            [
                body[:place],
                body[place:],
                body[:place] + bytes([luck.randrange(256)]) + body[place:],
                body[:place] + body[place + 3 :],
                body[:place] + luck.choice(string.punctuation).encode() * luck.randrange(300) + body[place:],
                gzip.compress(body),
                body * luck.choice([1, 1, 1, 2]),
            ]
        )
    return body


def test_200_malformed_bodies_get_a_response_and_no_valid_call_is_lost(tmp_path):
    with Sandbox(db=tmp_path / "calls.db") as sandbox, requests.Session() as session:
        session.auth = ("sandbox", "")
        for number in range(200):
            headers = {"X-Strict-Mode": str(number % 2), "Content-Encoding": random.Random(number).choice(["gzip", ""])}
            path = PATHS[number % len(PATHS)]
            answer = session.post(f"{sandbox.url}{path}", data=malformed_body(number), headers=headers, timeout=5)
            assert answer.status_code in {200, 400, 413}, number
            good = session.post(
                f"{sandbox.url}/v1/identify", json={"userId": f"p{number}", "messageId": f"good{number}"}
            )
            assert good.status_code == 200
        people = set(sandbox.people()["userId"])
    assert {f"p{number}" for number in range(200)} <= people
    kept = Sandbox(db=tmp_path / "calls.db")
    assert set(kept.calls()["messageId"]) >= {f"good{number}" for number in range(200)}
    assert len(kept.problems()) > 50
    assert set(kept.people()["userId"]) == people


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GARBAGE\r\n\r\n",
    ],
)
def test_invalid_http_gets_no_5xx_and_the_next_request_succeeds(sandbox, head):
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=5) as wire:
        wire.sendall(head)
        wire.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 5" not in wire.recv(1_000)
    call = {"userId": "7"}
    assert requests.post(f"{sandbox.url}/v1/identify", json=call, auth=("sandbox", ""), timeout=5).status_code == 200
