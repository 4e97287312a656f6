"""One request over a connection: what goes out, what comes back, and what fails on the way."""

import base64
import gzip
import importlib.util
import json
import logging
import socket
import ssl
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cio_frames import Client
from cio_frames.delivery.connection import ApiConnection
from cio_frames.delivery.replies import Content, Reply
from tests.faults import CUT_HEADS, OK, Answer, Fault, FaultServer

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
        assert post() == Reply(200, "", content=Content.OBJECT)
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
        (f"https://{KEY}.example/", "redirects to (write key).example"),
        ("https://ada.example/", "redirects to another host"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_reported_and_not_followed(status, location, words):
    with FaultServer([Answer(status, headers={"Location": location})]) as server:
        assert post(server.url) == Reply(status, words, content=Content.OTHER)
        assert len(server.received) == 1


def test_a_redirect_whose_answer_drips_is_not_awaited_to_its_end():
    answer = Answer(302, b"x" * 200, {"Location": "/login"}, seconds_between_bytes=0.05)
    with FaultServer([answer]) as server:
        assert post(server.url).message == "redirects to another path"
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
    with api(status=429, body=b'{"message":"slow down"}', headers={"Retry-After": "7"}):
        assert post() == Reply(429, "slow down", 7.0, content=Content.OBJECT)


def test_a_key_that_the_server_repeats_is_not_passed_on():
    with api(status=401, body=json.dumps({"error": f"invalid write key {KEY}"})):
        assert post().message == "invalid write key (write key)"


def test_a_compressed_answer_is_read():
    content = gzip.compress(b'{"meta":{"errors":["event is missing"]}}')
    with FaultServer([Answer(400, content, {"Content-Encoding": "gzip"})]) as server:
        assert post(server.url).message == "event is missing"


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [
        (Answer(200, b"{}", bytes_sent=0), 200, Content.CUT),
        (Answer(200, b'{"ok":true}', bytes_sent=3), 200, Content.CUT),
        (Answer(400, b'{"error":"event is missing"}', bytes_sent=8), 400, Content.CUT),
        (Answer(400, b"this is not gzip", {"Content-Encoding": "gzip"}), 400, Content.OTHER),
        (Answer(200, b"this is not gzip", {"Content-Encoding": "gzip"}), 200, Content.OTHER),
        (Answer(200, gzip.compress(b"{}")[:10], {"Content-Encoding": "gzip"}), 200, Content.CUT),
        (Answer(200, b"", {"Content-Encoding": "gzip"}), 200, Content.EMPTY),
        (Answer(503, b'{"message":"x"}' + b" " * 5_000_000), 503, Content.CUT),
        (Answer(200, b"{}", {"Content-Type": "text/html"}), 200, Content.PAGE),
        (Answer(404, b"you sent Bought"), 404, Content.OTHER),
        (Answer(403, b"<p>you sent Bought with sekret-key-123</p>"), 403, Content.PAGE),
    ],
    ids=(
        [
            "cut before the body",
            "cut",
            "cut in an error",
            "no gzip",
            "200 no gzip",
            "cut gzip",
            "empty gzip",
            "huge",
            "html",
            "text",
            "page",
        ]
    ),
)
def test_of_an_answer_that_is_not_whole_or_not_the_apis_only_the_status_is_kept(answer, status, content):
    with FaultServer([answer]) as server:
        assert post(server.url) == Reply(status, "", content=content)


@pytest.mark.parametrize("fault", list(CUT_HEADS))
def test_a_head_that_is_cut_off_is_not_an_answer(fault):
    with FaultServer([fault]) as server:
        reply = post(server.url)
    assert (reply.status, reply.sent) == (None, True)
    assert reply.message.endswith("was closed before an answer came")


@pytest.mark.parametrize("interim", [[100], [102], [103], [102, 103, 103], [100, 102, 100]])
def test_interim_answers_are_passed_over(interim):
    with FaultServer([Answer(400, b'{"error":"no"}', interim=interim)]) as server:
        with closing(ApiConnection(client(endpoint=server.url))) as connection:
            assert [connection.post(BODY).message for _ in range(2)] == ["no", "no"]
        assert server.connections == 1


def test_interim_answers_without_an_end_are_awaited_no_longer_than_an_answer():
    with FaultServer([Fault.ENDLESS_INTERIM]) as server:
        reply = post(server.url, read_timeout_seconds=0.3)
    assert reply.message == f"timeout: no answer from 127.0.0.1:{server.port} within 0.3 seconds"


def test_each_call_that_an_answer_names_has_its_message_unless_it_repeats_the_batch():
    errors = [
        {"batch_index": 0, "field": "event", "message": "is too long"},
        {"batch_index": 0, "message": "has no timestamp"},
        {"batch_index": 0, "message": "has no timestamp"},
        {"batch_index": 2, "message": "ada is unknown"},
    ]
    with FaultServer([Answer(207, json.dumps({"errors": errors}).encode())]) as server:
        reply = post(server.url)
    assert reply.rejections == {0: "event: is too long; has no timestamp", 2: ""}
    assert reply.message == ""


def test_an_answer_that_drips_is_not_awaited_to_its_end():
    with FaultServer([Answer(200, b"{}" + b" " * 800, seconds_between_bytes=0.02)]) as server:
        reply = post(server.url, connect_timeout_seconds=0.1, read_timeout_seconds=0.2)
        assert not server.received[0].is_answered
    assert (reply.status, reply.content) == (200, Content.CUT)


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


def certificate(folder, host="localhost", *, issuer=None, days=30, started_days_ago=1):
    """Write a certificate for a host; return the file with it and its key, and what issues others in its name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    start = datetime.now(UTC) - timedelta(days=started_days_ago)
    is_ip = host.replace(".", "").isdigit()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer[0].subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)) if is_ip else x509.DNSName(host)]),
            critical=False,
        )
    )
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    path = folder / f"{made.serial_number}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path, (made, key)


@contextmanager
def secure(path):
    """A server with a certificate, that answers 200."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with FaultServer([OK], tls=context) as server:
        yield f"https://127.0.0.1:{server.port}"


@pytest.fixture
def _no_certificates_of_the_environment(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_no_certificates_of_the_environment")
class TestCertificates:
    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_the_cas_that_the_environment_names_are_trusted_on_this_machine_too(self, tmp_path, monkeypatch, variable):
        own, issuer = certificate(tmp_path, "own CA")
        path, _ = certificate(tmp_path, "127.0.0.1", issuer=issuer)
        monkeypatch.setenv(variable, str(own))
        with secure(path) as url:
            assert post(url).status == 200

    def test_a_certificate_of_an_unknown_ca_names_the_variables(self, tmp_path):
        _, issuer = certificate(tmp_path, "own CA")
        path, _ = certificate(tmp_path, "127.0.0.1", issuer=issuer)
        with secure(path) as url:
            reply = post(url)
        assert (reply.status, reply.sent, reply.has_remedy) == (None, False, True)
        words = ("certificate verify failed (", "unknown CA", "set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to a PEM file")
        assert all(part in reply.message for part in words)

    def test_a_bundle_without_the_ca_is_named_with_its_variable(self, tmp_path, monkeypatch):
        bundle, _ = certificate(tmp_path, "another CA")
        _, issuer = certificate(tmp_path, "own CA")
        path, _ = certificate(tmp_path, "127.0.0.1", issuer=issuer)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with secure(path) as url:
            assert f"add the certificate of that CA to {bundle}, which SSL_CERT_FILE names" in post(url).message

    def test_a_certificate_for_another_host_says_so(self, tmp_path, monkeypatch):
        own, issuer = certificate(tmp_path, "own CA")
        path, _ = certificate(tmp_path, "elsewhere.example.com", issuer=issuer)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own))
        with secure(path) as url:
            message = post(url).message
        assert "the certificate is for another host: check the endpoint, and any proxy in between" in message
        assert "REQUESTS_CA_BUNDLE" not in message

    def test_a_certificate_that_has_expired_points_to_the_clock(self, tmp_path, monkeypatch):
        own, issuer = certificate(tmp_path, "own CA")
        path, _ = certificate(tmp_path, "127.0.0.1", issuer=issuer, days=2, started_days_ago=9)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own))
        with secure(path) as url:
            assert "certificate has expired); check the clock of this machine" in post(url).message

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda path: None, "was not found"),
            (lambda path: path.write_bytes(b""), "has no certificates in PEM format"),
            (lambda path: path.write_text("not PEM"), "has no certificates in PEM format"),
        ],
        ids=["missing", "empty", "junk"],
    )
    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_a_bundle_that_cannot_be_used_is_named_and_no_retry_helps(
        self, tmp_path, monkeypatch, variable, make, words
    ):
        bundle = tmp_path / "ca.pem"
        make(bundle)
        monkeypatch.setenv(variable, str(bundle))
        reply = post("https://127.0.0.1:1")
        assert reply.message == (
            f"no connection to 127.0.0.1:1: the CA bundle {bundle}, which {variable} names, {words}; "
            f"fix or unset {variable}"
        )
        assert (reply.sent, reply.is_permanent) == (False, True)

    def test_plain_http_needs_no_certificates(self, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
        with FaultServer([OK]) as server:
            assert post(server.url).status == 200


@pytest.fixture
def _no_proxy_of_the_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("_no_proxy_of_the_environment")
class TestProxies:
    def test_a_proxy_of_the_environment_is_not_used_for_this_machine(self, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        with FaultServer([OK]) as server:
            assert post(server.url).status == 200

    @pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
    def test_a_proxy_that_is_down_is_named_with_its_variable(self, monkeypatch, variable):
        proxy = f"127.0.0.1:{free_port()}"
        monkeypatch.setenv(variable, f"http://ada:pw@{proxy}")
        words = f"no connection to cdp.customer.io: the proxy {proxy} does not accept connections; check {variable}"
        assert without_secrets(post()) == Reply(None, words, sent=False, has_remedy=True)

    @pytest.mark.parametrize("before", ["ada:pw@", "", " http://", "http://ada:p@w@"])
    def test_a_proxy_is_named_however_its_address_is_written(self, monkeypatch, before):
        proxy = f"127.0.0.1:{free_port()}"
        monkeypatch.setenv("HTTPS_PROXY", before + proxy)
        words = f"no connection to cdp.customer.io: the proxy {proxy} does not accept connections; check HTTPS_PROXY"
        assert post().message == words

    def test_a_proxy_whose_name_is_not_found_is_named(self, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
        assert post().message == (
            "no connection to cdp.customer.io: the proxy proxy.invalid:3128 has a host name that was not found; "
            "check HTTPS_PROXY"
        )

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (407, "requires a user name and a password (407); write them into HTTPS_PROXY as http://USER:PASSWORD@"),
            (403, "does not allow connections to cdp.customer.io (403); let its administrator allow them"),
            (502, "answered 502; check HTTPS_PROXY"),
        ],
    )
    def test_a_proxy_that_answers_the_tunnel_with_an_error_is_named_with_what_to_do(self, monkeypatch, status, words):
        with FaultServer([Answer(status)]) as server:
            monkeypatch.setenv("HTTPS_PROXY", f"http://ada:pw@127.0.0.1:{server.port}")
            reply = without_secrets(post())
        prefix = f"no connection to cdp.customer.io: the proxy 127.0.0.1:{server.port} {words}"
        assert reply.message[: len(prefix)] == prefix
        assert (reply.sent, reply.is_permanent) == (False, False)
        assert "pw" not in reply.message

    def test_a_proxy_that_speaks_plain_http_behind_an_https_url_says_so(self, monkeypatch):
        with FaultServer([OK]) as server:
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{server.port}")
            assert "does not speak TLS: its URL probably begins with http://" in post().message

    def test_a_proxy_that_does_not_answer_says_so(self, monkeypatch):
        with crowded() as port:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            reply = post(connect_timeout_seconds=0.1)
        assert f"the proxy 127.0.0.1:{port} did not answer within 0.1 seconds; check HTTPS_PROXY" in reply.message

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:99999", "http://ada:pw@host:port", "http://", "ftp://127.0.0.1:21", "http://ada:pw", "::"],
    )
    def test_a_malformed_proxy_is_named_without_its_password_and_no_retry_helps(self, monkeypatch, url):
        monkeypatch.setenv("HTTPS_PROXY", url)
        reply = post()
        assert "the proxy that HTTPS_PROXY names is not a valid URL" in reply.message
        assert reply.message.endswith("write it as http://HOST:PORT")
        assert (reply.sent, reply.is_permanent, "pw" in reply.message) == (False, True, False)

    @pytest.mark.skipif(importlib.util.find_spec("socks") is not None, reason="PySocks is installed")
    @pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4"])
    def test_a_socks_proxy_names_the_package_that_it_requires(self, monkeypatch, scheme):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://ada:pw@127.0.0.1:1080")
        reply = post()
        assert reply.message == (
            "no connection to cdp.customer.io: the proxy 127.0.0.1:1080, which ALL_PROXY names, is a SOCKS proxy, and "
            "the package PySocks is not installed; install it with: pip install PySocks"
        )
        assert (reply.sent, reply.is_permanent) == (False, True)


def test_an_error_of_a_library_passes_without_frames_that_hold_the_key(monkeypatch):
    def send(self, request, **_):
        headers = dict(request.headers)
        raise RuntimeError(f"broken after {len(headers)} headers")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(RuntimeError, match="broken after") as caught:
        post()
    encoded = base64.b64encode(f"{KEY}:".encode()).decode()
    frames = [entry.frame for entry in caught.traceback if entry.path != Path(__file__)]
    shown = [repr(value) for frame in frames for value in frame.f_locals.values()]
    assert not [each for each in shown if encoded in each or KEY in each]
