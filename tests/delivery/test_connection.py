"""One request over a connection: what goes out, what comes back, and what fails on the way."""

import base64
import gzip
import json
import logging
import socket
import ssl
import time
from contextlib import closing, contextmanager

import pytest
import requests
import responses

from cio_frames import Client
from cio_frames.delivery.connection import ApiConnection
from cio_frames.delivery.replies import Reply
from tests.faults import OK, Answer, Fault, FaultServer

KEY = "sekret-key-123"
BODY = b'{"batch":[{"type":"track","userId":"ada","event":"Bought"}]}'
URL = "https://cdp.customer.io/v1/batch"


def client(**settings):
    return Client(write_key=KEY, **settings)


def post(endpoint="", body=BODY, **settings):
    with closing(ApiConnection(client(endpoint=endpoint, **settings))) as connection:
        return connection.post(body)


@contextmanager
def api(url=URL, **answer):
    """Answer without a network, and keep what was asked."""
    with responses.RequestsMock() as mock:
        mock.post(url, **{"body": b"{}", **answer})
        seen = []
        yield seen
        # The mock forgets when it ends.
        seen.extend(mock.calls)


def test_a_request_goes_to_the_batch_address_with_key_type_and_agent():
    with api() as calls:
        assert post() == Reply(200, "")
    (sent,) = [call.request for call in calls]
    assert (sent.method, sent.url) == ("POST", URL)
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["User-Agent"].startswith("cio-frames/")
    assert sent.headers["Content-Length"] == str(len(BODY))
    assert "Transfer-Encoding" not in sent.headers
    assert sent.body == BODY


@pytest.mark.parametrize(("strict", "header"), [(True, "1"), (False, None)])
def test_the_strict_header_goes_out_only_when_strict(strict, header):
    with api() as calls:
        post(strict=strict)
    assert calls[0].request.headers.get("X-Strict-Mode") == header


def test_a_body_is_compressed_when_asked():
    with api() as calls:
        post(gzip=True)
    sent = calls[0].request
    assert sent.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(sent.body) == BODY


def test_a_body_is_not_compressed_unless_asked():
    with api() as calls:
        post()
    assert "Content-Encoding" not in calls[0].request.headers


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://elsewhere.example.com/v1/batch", "redirects to elsewhere.example.com"),
        ("https://ada:pw@elsewhere.example.com/", "redirects to elsewhere.example.com"),
        ("/login", "redirects to another path"),
        ("https://[elsewhere", "redirects to an invalid address"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_reported_and_not_followed(status, location, words):
    with FaultServer([Answer(status, headers={"Location": location})]) as server:
        assert post(server.url) == Reply(status, words)
        assert len(server.received) == 1


def test_a_redirect_whose_answer_drips_is_not_awaited_to_its_end():
    answer = Answer(302, b"x" * 200, {"Location": "/login"}, seconds_between_bytes=0.05)
    with FaultServer([answer]) as server:
        assert post(server.url) == Reply(302, "redirects to another path")
        assert not server.received[0].is_answered


def test_the_body_arrives_whole_on_one_connection_for_many_requests():
    with FaultServer([OK]) as server, closing(ApiConnection(client(endpoint=server.url))) as connection:
        bodies = [json.dumps({"batch": ["x" * size]}).encode() for size in (1, 100_000, 470_000)]
        assert [connection.post(body).status for body in bodies] == [200, 200, 200]
        assert [request.body for request in server.received] == bodies
        assert server.connections == 1


def test_answers_with_errors_keep_the_connection_too():
    with FaultServer([Answer(400, b'{"error":"no"}')]) as server:
        with closing(ApiConnection(client(endpoint=server.url))) as connection:
            assert [connection.post(BODY).message for _ in range(3)] == ["no"] * 3
        assert server.connections == 1


def test_neither_key_nor_payload_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with FaultServer([OK, Fault.RESET_AFTER_BODY]) as server:
        post(server.url), post(server.url)
    assert KEY not in caplog.text
    assert "Bought" not in caplog.text


def test_a_reply_has_what_the_server_asked_to_wait():
    with api(status=429, body=b"slow down", headers={"Retry-After": "7"}):
        assert post() == Reply(429, "slow down", 7.0)


def test_a_key_that_the_server_repeats_is_not_passed_on():
    with api(status=401, body=json.dumps({"error": f"invalid write key {KEY}"})):
        assert post().message == "invalid write key (write key)"


def test_a_compressed_answer_is_read():
    content = gzip.compress(b'{"meta":{"errors":["event is missing"]}}')
    with FaultServer([Answer(400, content, {"Content-Encoding": "gzip"})]) as server:
        assert post(server.url) == Reply(400, "event is missing")


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (Answer(200, b"{}", bytes_sent=0), Reply(200, "")),
        (Answer(400, b"event is missing", bytes_sent=8), Reply(400, "event is")),
        (Answer(400, b"this is not gzip", {"Content-Encoding": "gzip"}), Reply(400, "")),
        (Answer(503, b"x" * 1_000_000), Reply(503, "x" * 500)),
    ],
    ids=["cut before the body", "cut in the body", "not what it says", "large"],
)
def test_a_status_counts_also_if_the_body_cannot_be_read(answer, reply):
    with FaultServer([answer]) as server:
        assert post(server.url) == reply


def test_an_answer_that_drips_is_not_awaited_to_its_end():
    with FaultServer([Answer(400, b"event is missing" * 50, seconds_between_bytes=0.02)]) as server:
        reply = post(server.url, connect_timeout_seconds=0.1, read_timeout_seconds=0.2)
        assert not server.received[0].is_answered
    assert reply.status == 400
    assert reply.message.startswith("event")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def crowded():
    """A port whose queue is full, so that connecting to it takes forever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]
        for one in crowd:
            one.close()


def without_secrets(reply):
    assert KEY not in reply.message
    assert "Bought" not in reply.message
    return reply


def test_a_refused_connection_sent_nothing():
    port = free_port()
    words = f"no connection to 127.0.0.1:{port}: the host does not accept connections"
    assert without_secrets(post(f"http://127.0.0.1:{port}")) == Reply(None, words, sent=False)


def test_an_unknown_name_sent_nothing():
    words = "no connection to nobody.invalid: the host name was not found"
    assert without_secrets(post("https://nobody.invalid")) == Reply(None, words, sent=False)


def test_a_connection_that_takes_too_long_sent_nothing():
    with crowded() as port:
        reply = without_secrets(post(f"http://127.0.0.1:{port}", connect_timeout_seconds=0.1))
    assert reply == Reply(None, f"timeout: no connection to 127.0.0.1:{port} within 0.1 seconds", sent=False)


def test_a_handshake_that_takes_too_long_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = {"connect_timeout_seconds": 0.1, "read_timeout_seconds": 0.1}
        reply = without_secrets(post(f"https://127.0.0.1:{port}", **settings))
    assert reply == Reply(None, f"timeout: no connection to 127.0.0.1:{port} within 0.1 seconds", sent=False)


def test_https_to_a_plain_port_sent_nothing():
    with FaultServer([OK]) as server:
        reply = without_secrets(post(f"https://127.0.0.1:{server.port}"))
        assert server.received == []
    words = f"no secure (TLS) connection to 127.0.0.1:{server.port}: "
    assert (reply.status, reply.sent, reply.message[: len(words)]) == (None, False, words)


@pytest.mark.parametrize(
    "fault", [Fault.RESET_BEFORE_BODY, Fault.RESET_IN_BODY, Fault.RESET_AFTER_BODY, Fault.CUT_STATUS_LINE]
)
@pytest.mark.parametrize("size", [1, 400_000])
def test_a_connection_that_breaks_once_it_stands_may_have_sent(fault, size):
    with FaultServer([fault]) as server:
        reply = without_secrets(post(server.url, BODY + b" " * size))
    words = f"the connection to 127.0.0.1:{server.port} was closed before an answer came"
    assert reply == Reply(None, words, sent=True)


def test_a_server_that_never_answers_may_have_taken_it():
    with FaultServer([Fault.SILENCE]) as server:
        reply = without_secrets(post(server.url, read_timeout_seconds=0.1))
    assert reply == Reply(None, f"timeout: no answer from 127.0.0.1:{server.port} within 0.1 seconds", sent=True)


def breaking(monkeypatch, error, taken=0):
    """Let every request break with an error, after some bytes of its body were taken."""

    def send(self, request, **_):
        request.body.read(taken)
        raise error

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)


@pytest.mark.parametrize("taken", [0, 1])
def test_a_secure_connection_that_breaks_has_sent_what_was_taken_of_the_body(monkeypatch, taken):
    broken = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    breaking(monkeypatch, requests.exceptions.SSLError(broken), taken)
    assert without_secrets(post()).sent is (taken > 0)


def test_a_certificate_that_is_not_trusted_is_the_reason(monkeypatch):
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    breaking(monkeypatch, requests.exceptions.SSLError(error))
    words = "no secure (TLS) connection to cdp.customer.io: certificate verify failed"
    assert post() == Reply(None, words, sent=False)


def test_a_proxy_from_the_environment_is_not_used_for_this_machine(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with FaultServer([OK]) as server:
        assert post(server.url) == Reply(200, "")


def test_a_proxy_from_the_environment_that_fails_is_named_as_the_reason(monkeypatch):
    proxy = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("https_proxy", f"http://ada:pw@{proxy}")
    words = f"no connection to cdp.customer.io: the proxy {proxy} refused the connection"
    assert without_secrets(post()) == Reply(None, words, sent=False)


def test_a_proxy_that_answers_the_tunnel_with_an_error_is_named_with_its_status(monkeypatch):
    with FaultServer([Answer(407)]) as server:
        monkeypatch.setenv("https_proxy", server.url)
        reply = without_secrets(post())
    assert reply.message == (
        f"no connection to cdp.customer.io: the proxy 127.0.0.1:{server.port} refused the connection: it answered 407"
    )
    assert not reply.sent
