import base64
import gzip
import inspect
import json
import logging
import pickle
import socket
import ssl
import time
from contextlib import closing, contextmanager

import pytest
import requests
import responses

from cio_frames import Client, ConfigurationError
from cio_frames.client import Connection, Reply, retry_after_seconds, said

from .faults import OK, Answer, Fault, FaultServer

KEY = "sekret-key-123"
BODY = b'{"batch":[{"type":"track","userId":"ada","event":"Bought"}]}'
URL = "https://cdp.customer.io/v1/batch"


def client(**settings):
    return Client(write_key=KEY, **settings)


def post(endpoint="", body=BODY, **settings):
    with closing(Connection(client(endpoint=endpoint, **settings))) as connection:
        return connection.post(body)


# Settings


def test_from_env_reads_key_region_and_endpoint():
    environ = {"CIO_WRITE_KEY": KEY, "CIO_REGION": "eu", "CIO_ENDPOINT": "https://proxy.example.com"}
    found = Client.from_env(environ)
    assert (found.write_key, found.region, found.endpoint) == (KEY, "eu", "https://proxy.example.com")


def test_from_env_reads_the_environment_of_the_process(monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", KEY)
    assert Client.from_env() == Client(write_key=KEY)


def test_settings_given_to_from_env_win_over_the_environment():
    found = Client.from_env({"CIO_WRITE_KEY": KEY, "CIO_REGION": "eu"}, region="us", workers=2)
    assert (found.region, found.endpoint, found.workers) == ("us", "https://cdp.customer.io", 2)


def test_a_key_given_to_from_env_needs_none_in_the_environment():
    assert Client.from_env({}, write_key=KEY).write_key == KEY


def test_empty_variables_count_as_not_set():
    assert Client.from_env({"CIO_WRITE_KEY": KEY, "CIO_REGION": "", "CIO_ENDPOINT": ""}) == Client(write_key=KEY)


@pytest.mark.parametrize("environ", [{}, {"CIO_WRITE_KEY": ""}])
def test_without_a_key_from_env_names_the_variable_and_two_ways_to_try(environ):
    with pytest.raises(ConfigurationError, match=r"Set CIO_WRITE_KEY .*Sandbox\(\)\.client, and dry_run=True"):
        Client.from_env(environ)


@pytest.mark.parametrize("key", ["", "   ", None, 7])
def test_a_blank_key_is_refused(key):
    with pytest.raises(ConfigurationError, match="The write key is empty"):
        Client(write_key=key)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\r\n", "sekr\u00e9t", "sekret\x00"])
def test_a_key_with_characters_that_no_key_has_is_refused_without_showing_it(key):
    with pytest.raises(ConfigurationError, match="characters that no key has") as caught:
        Client(write_key=key)
    assert "sekr" not in str(caught.value)


def test_an_unknown_region_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError) as caught:
        client(region="ap")
    assert str(caught.value) == "There is no region 'ap'; Customer.io has 'us' and 'eu'."


@pytest.mark.parametrize(
    ("region", "endpoint"), [("us", "https://cdp.customer.io"), ("eu", "https://cdp-eu.customer.io")]
)
def test_the_endpoint_follows_from_the_region(region, endpoint):
    assert client(region=region).endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("https://example.com/v1", "has a path; write scheme and host only, https://example.com."),
        ("https://example.com?a=1", "has a path"),
        ("https://example.com#a", "has a path"),
        ("example.com", "is no address"),
        ("ftp://example.com", "is no address"),
        ("https://", "is no address"),
        ("https://example.com:port", "is no address"),
        ("https://example.com:99999", "is no address"),
        ("https://[::1", "is no address"),
        ("https://example.com ", "is no address"),
        (f"https://{KEY}:@example.com", "must not hold a user or a password"),
        (f"https://ada:{KEY}@example.com", "must not hold a user or a password"),
        (f"{KEY}:@example.com", "must not hold a user or a password"),
        ("http://example.com", "would send people's data in the clear"),
        ("http://10.0.0.1", "would send people's data in the clear"),
        ("http://localhost.example.com", "would send people's data in the clear"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused_without_showing_the_key(endpoint, words):
    with pytest.raises(ConfigurationError) as caught:
        client(endpoint=endpoint)
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8000", "http://127.9.9.9", "http://[::1]:8000", "http://localhost"]
)
def test_plain_http_is_taken_for_this_machine(endpoint):
    assert client(endpoint=endpoint).endpoint == endpoint


def test_a_slash_behind_the_host_is_dropped():
    assert client(endpoint="https://example.com/").endpoint == "https://example.com"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_call_bytes", 0),
        ("workers", 0),
        ("workers", -1),
        ("attempts", 0),
        ("requests_per_second", 0),
        ("requests_per_second", float("nan")),
        ("connect_timeout_seconds", 0),
        ("read_timeout_seconds", 0),
        ("read_timeout_seconds", float("inf")),
        ("retry_budget_seconds", -1),
        ("max_body_bytes", 32_000),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_name(setting, value):
    with pytest.raises(ConfigurationError, match=f"^{setting}={value} "):
        client(**{setting: value})


def test_the_key_is_in_neither_repr_nor_str():
    assert KEY not in repr(client()) + str(client()) + f"{client()}"


def test_a_client_survives_pickling():
    assert pickle.loads(pickle.dumps(client(region="eu"))) == client(region="eu")


# One request as it goes out


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
        ("https://[elsewhere", "redirects to an address that is none"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_and_not_followed(status, location, words):
    with FaultServer([Answer(status, headers={"Location": location})]) as server:
        assert post(server.url) == Reply(status, words)
        assert len(server.received) == 1


def test_a_redirect_whose_answer_drips_is_not_awaited_to_its_end():
    answer = Answer(302, b"x" * 200, {"Location": "/login"}, seconds_between_bytes=0.02)
    with FaultServer([answer]) as server:
        started = time.monotonic()
        assert post(server.url) == Reply(302, "redirects to another path")
        assert time.monotonic() - started < 1


def test_the_body_arrives_whole_on_one_connection_for_many_requests():
    with FaultServer([OK]) as server, closing(Connection(client(endpoint=server.url))) as connection:
        bodies = [json.dumps({"batch": ["x" * size]}).encode() for size in (1, 100_000, 470_000)]
        assert [connection.post(body).status for body in bodies] == [200, 200, 200]
        assert [request.body for request in server.received] == bodies
        assert server.connections == 1


def test_answers_with_errors_keep_the_connection_too():
    with FaultServer([Answer(400, b'{"error":"no"}')]) as server:
        with closing(Connection(client(endpoint=server.url))) as connection:
            assert [connection.post(BODY).words for _ in range(3)] == ["no"] * 3
        assert server.connections == 1


def test_neither_key_nor_payload_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with FaultServer([OK, Fault.RESET_AFTER_BODY]) as server:
        post(server.url), post(server.url)
    assert KEY not in caplog.text
    assert "Bought" not in caplog.text


# What an answer says


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"meta":{"errors":["event is missing","userId is missing"]}}', "event is missing; userId is missing"),
        (b'{"meta":{"error":"Unauthorized"}}', "Unauthorized"),
        (b'{"code":"invalid_request","message":"event is missing"}', "event is missing"),
        (b'{"errors":[{"reason":"required","field":"userId","message":"is blank"}]}', "userId: is blank"),
        (b'[{"reason":"required","field":"userId"}]', "userId: required"),
        (b'{"message":"invalid","errors":[{"field":"event","message":"is blank"}]}', "invalid; event: is blank"),
        (b'{"error":{"message":"no such key"}}', "no such key"),
        (b'"just text"', "just text"),
        (b'{"detail":"not known to us"}', '{"detail":"not known to us"}'),
        (b'{"message":7}', '{"message":7}'),
        (b"{}", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"", ""),
        (b"   ", ""),
        (b"slow down", "slow down"),
        (b"<html><head><style>a{}</style></head><body><h1>502 Bad\n Gateway</h1></body></html>", "502 Bad Gateway"),
        (b"<script>alert('<b>')</script>Gone<br/>away", "Gone away"),
        ("zu gro\u00df".encode("latin-1"), "zu gro\ufffd"),
        (b"\x1b[31mred\x00", "[31mred"),
        (b'{"error":"\\u001b[31mred"}', "[31mred"),
        (b'{"error":"cut o', '{"error":"cut o'),
        (b"[" * 900 + b"]" * 900, "[" * 900 + "]" * 900),
    ],
)
def test_said_finds_the_words_of_any_known_error_body(answer, words):
    assert said(answer) == words


@pytest.mark.parametrize("answer", [b"<" * 16_384, b"<script" * 2_340], ids=["brackets", "scripts"])
def test_said_is_quick_with_markup_that_never_ends(answer):
    started = time.monotonic()
    said(answer)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("3", 3.0),
        (" 2.5 ", 2.5),
        ("86400", 300.0),
        ("9" * 400, 300.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1e3", None),
        ("nan", None),
        (None, None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:01:00", 20.0),
        ("Thu, 01 Jan 1970 00:01:00 -0000", 20.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("Thu, 41 Jan 1970 00:00:10 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_within_bounds(header, seconds):
    assert retry_after_seconds(header, now=40.0) == seconds


def test_a_reply_has_what_the_server_asked_to_wait():
    with api(status=429, body=b"slow down", headers={"Retry-After": "7"}):
        assert post() == Reply(429, "slow down", 7.0)


def test_a_key_that_the_server_repeats_is_not_passed_on():
    with api(status=401, body=json.dumps({"error": f"invalid write key {KEY}"})):
        assert post().words == "invalid write key (write key)"


@pytest.mark.parametrize(
    ("key", "said", "told"),
    [
        ("wrong", "the write key is wrong or missing", "the write key is wrong or missing"),
        ("wrong", "there is no key 'wrong' here", "there is no key '(write key)' here"),
        ("wrong", "no such key: wrong", "no such key: (write key)"),
        ("wrong", "wrong", "(write key)"),
        ("k", "this key is k no more", "this key is k no more"),
        (KEY, f"Basic{KEY}_ is no key", "Basic(write key)_ is no key"),
    ],
)
def test_a_key_that_could_be_any_word_is_hidden_where_it_is_told_as_a_key(key, said, told):
    with FaultServer([Answer(401, json.dumps({"error": said}).encode())]) as server:
        connection = Connection(Client(write_key=key, endpoint=server.url))
        assert connection.post(b"{}").words == told
        connection.close()


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
        # A key is hidden before words are cut, so that none of it is left where they are.
        (Answer(400, b"x" * 495 + f" {KEY} is wrong".encode()), Reply(400, "x" * 495 + " (wri")),
    ],
    ids=["cut before the body", "cut in the body", "not what it says", "large", "with the key where it is cut"],
)
def test_a_status_counts_whatever_becomes_of_the_words(answer, reply):
    with FaultServer([answer]) as server:
        assert post(server.url) == reply


def test_an_answer_that_drips_is_not_awaited_to_its_end():
    with FaultServer([Answer(400, b"event is missing" * 50, seconds_between_bytes=0.02)]) as server:
        started = time.monotonic()
        reply = post(server.url, connect_timeout_seconds=0.1, read_timeout_seconds=0.2)
        assert time.monotonic() - started < 1
    assert reply.status == 400
    assert reply.words.startswith("event")


# What breaks on the way


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
    assert KEY not in reply.words
    assert "Bought" not in reply.words
    return reply


def test_a_refused_connection_sent_nothing():
    port = free_port()
    words = f"no connection to 127.0.0.1:{port}: it does not accept connections"
    assert without_secrets(post(f"http://127.0.0.1:{port}")) == Reply(None, words, sent=False)


def test_an_unknown_name_sent_nothing():
    words = "no connection to nobody.invalid: its name is not known"
    assert without_secrets(post("https://nobody.invalid")) == Reply(None, words, sent=False)


def test_a_connection_that_takes_too_long_sent_nothing():
    with crowded() as port:
        reply = without_secrets(post(f"http://127.0.0.1:{port}", connect_timeout_seconds=0.1))
    assert reply == Reply(None, f"no connection to 127.0.0.1:{port} within 0.1 seconds", sent=False)


def test_a_handshake_that_takes_too_long_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = {"connect_timeout_seconds": 0.1, "read_timeout_seconds": 0.1}
        reply = without_secrets(post(f"https://127.0.0.1:{port}", **settings))
    assert reply == Reply(None, f"no connection to 127.0.0.1:{port} within 0.1 seconds", sent=False)


def test_https_to_a_plain_port_sent_nothing():
    with FaultServer([OK]) as server:
        reply = without_secrets(post(f"https://127.0.0.1:{server.port}"))
        assert server.received == []
    words = f"no secure connection to 127.0.0.1:{server.port}: "
    assert (reply.status, reply.sent, reply.words[: len(words)]) == (None, False, words)


@pytest.mark.parametrize(
    "fault", [Fault.RESET_BEFORE_BODY, Fault.RESET_IN_BODY, Fault.RESET_AFTER_BODY, Fault.CUT_STATUS_LINE]
)
@pytest.mark.parametrize("size", [1, 400_000])
def test_a_connection_that_breaks_once_it_stands_may_have_sent(fault, size):
    with FaultServer([fault]) as server:
        reply = without_secrets(post(server.url, BODY + b" " * size))
    words = f"the connection to 127.0.0.1:{server.port} broke before an answer came"
    assert reply == Reply(None, words, sent=True)


def test_a_server_that_never_answers_may_have_taken_it():
    with FaultServer([Fault.SILENCE]) as server:
        reply = without_secrets(post(server.url, read_timeout_seconds=0.1))
    assert reply == Reply(None, f"no answer from 127.0.0.1:{server.port} within 0.1 seconds", sent=True)


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


def test_a_certificate_that_is_not_accepted_is_told_as_such(monkeypatch):
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    breaking(monkeypatch, requests.exceptions.SSLError(error))
    words = "no secure connection to cdp.customer.io: certificate verify failed"
    assert post() == Reply(None, words, sent=False)


def test_a_proxy_from_the_environment_is_not_used_for_this_machine(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with FaultServer([OK]) as server:
        assert post(server.url) == Reply(200, "")


def test_a_proxy_from_the_environment_that_fails_is_named_as_the_reason(monkeypatch):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    words = "no connection to cdp.customer.io: the proxy that the environment names does not let it through"
    assert without_secrets(post()) == Reply(None, words, sent=False)


def test_the_signature_shows_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", KEY)
    assert KEY not in str(inspect.signature(Client.from_env))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"workers": 1.5}, "workers is of type float, and int is needed"),
        ({"workers": True}, "workers is of type bool, and int is needed"),
        ({"max_call_bytes": "32000"}, "max_call_bytes is of type str, and int is needed"),
        ({"endpoint": 5}, "endpoint is of type int, and str is needed"),
        ({"strict": "no"}, "strict is of type str, and bool is needed"),
        ({"read_timeout_seconds": None}, "read_timeout_seconds is of type NoneType, and int or float is needed"),
    ],
)
def test_a_setting_of_another_type_is_refused_at_once(setting, words):
    with pytest.raises(ConfigurationError, match=words):
        client(**setting)
