"""One request out, one reply in. The only module that knows requests and urllib3; imported when one is made.

A request is prepared once, and each body is given to the adapter of requests with it: a session would build the same
headers, cookies and redirects anew for every body, which takes twice as long as sending it.
"""

from __future__ import annotations

import gzip
import os
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
import urllib3.connection
from urllib3.exceptions import DecodeError, HTTPError

from cio_frames.client import Client, is_loopback
from cio_frames.delivery.deadlines import DeadlineResponse
from cio_frames.delivery.environment import CaBundle, Proxy, certificate_failure, find_ca_bundle, name_proxy
from cio_frames.delivery.redaction import MessageFilter
from cio_frames.delivery.replies import (
    Content,
    Reply,
    ReplyBody,
    clock_ahead_seconds,
    parse_body,
    read_body,
    retry_after_seconds,
)

_PIECE_BYTES = 65_536
# Of the messages about single calls, so many different ones are looked at and shown.
_MAX_MESSAGES = 100


class _Upload:
    """The body that is on its way, and whether any of it has left: whatever fails and wherever, this tells."""

    body = b""
    has_begun = False

    def start(self, body: bytes) -> None:
        self.body, self.has_begun = body, False


class _UploadConnection(urllib3.connection.HTTPConnection):
    upload: _Upload
    response_class = DeadlineResponse

    def send(self, data: Any) -> None:
        self.upload.has_begun |= data is self.upload.body
        super().send(data)


class _SecureUploadConnection(_UploadConnection, urllib3.connection.HTTPSConnection):
    pass


class _UploadAdapter(requests.adapters.HTTPAdapter):
    """Makes connections with deadlines that note what leaves, those through a proxy too."""

    def __init__(self, upload: _Upload) -> None:
        self._pools = {
            "http": _pool_class(urllib3.HTTPConnectionPool, _UploadConnection, upload),
            "https": _pool_class(urllib3.HTTPSConnectionPool, _SecureUploadConnection, upload),
        }
        self._pool: Any = None
        self._verified: Any = None
        self._target = ""
        super().__init__(pool_connections=1, pool_maxsize=1)

    # All requests go to one address with the same settings: what depends on these is found once.

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        self._pool = self._pool or super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool

    def cert_verify(self, conn: Any, *args: Any, **kwargs: Any) -> None:
        if self._verified is not conn:
            super().cert_verify(conn, *args, **kwargs)  # type: ignore[no-untyped-call]
            self._verified = conn

    def request_url(self, *args: Any, **kwargs: Any) -> str:
        self._target = self._target or super().request_url(*args, **kwargs)
        return self._target

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        # Without cookies, which the API does not set, and without the reason phrase.
        response = requests.Response()
        response.status_code, response.raw, response.request = resp.status, resp, req
        # It knows no case either, and need not be copied.
        response.headers = resp.headers
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pool_class(pool: type, connection: type[_UploadConnection], upload: _Upload) -> type:
    """Return a class of connection pools whose connections note what leaves in ``upload``."""
    return type(pool.__name__, (pool,), {"ConnectionCls": type(connection.__name__, (connection,), {"upload": upload})})


class ApiConnection:
    """One lane's connection to the API, kept open between requests.

    Parameters
    ----------
    client : Client
        Where to, with which key and timeouts.
    ca_bundle : str, optional
        File with the certificates to trust. Default is the environment's, then that of requests.
    environ : mapping, optional
        The environment. Default is the process's.

    Attributes
    ----------
    compresses : bool
        Whether bodies are compressed. It is switched off if the API does not take them.
    """

    def __init__(
        self, client: Client, *, ca_bundle: str | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        variables = os.environ if environ is None else environ
        self.compresses = client.gzip
        self._client = client
        self._upload = _Upload()
        self._adapter = _UploadAdapter(self._upload)
        self._host = _host_of(client.endpoint)
        self._bundle = CaBundle(ca_bundle, "ca_bundle") if ca_bundle else find_ca_bundle(variables)
        self._proxy = _find_proxy(client.endpoint, variables)
        self._problem = self._find_problem()
        self._request = _prepare_request(client)
        self._options: dict[str, Any] = {
            "stream": True,
            "timeout": urllib3.Timeout(connect=client.connect_timeout_seconds, read=client.read_timeout_seconds),
            "verify": self._bundle.path if self._bundle else True,
            "proxies": {urlsplit(client.endpoint).scheme: self._proxy.url} if self._proxy else {},
        }

    def post(self, body: bytes) -> Reply:
        """Send one batch and return the reply; a broken connection is a reply, not an exception."""
        if self._problem is not None:
            return Reply(None, self._problem, sent=False, is_permanent=True, has_remedy=True)
        try:
            return self._exchange(body)
        except Exception as error:
            # The frames of the libraries hold the headers, and so the key.
            raise _without_frames(error) from None

    def close(self) -> None:
        """Close the connection."""
        self._adapter.close()

    def _exchange(self, body: bytes) -> Reply:
        content = gzip.compress(body, compresslevel=1, mtime=0) if self.compresses else body
        self._upload.start(content)
        request = self._request
        request.body = content
        request.headers["Content-Length"] = str(len(content))
        if self.compresses:
            request.headers["Content-Encoding"] = "gzip"
        else:
            request.headers.pop("Content-Encoding", None)
        give_up_at = time.monotonic() + self._client.connect_timeout_seconds + self._client.read_timeout_seconds
        try:
            # The adapter follows no redirect, so that the key goes to no other host.
            with self._adapter.send(request, **self._options) as response:
                now = time.time()
                ahead = clock_ahead_seconds(response.headers.get("Date"), now=now)
                # A date to wait for is one of the server's clock.
                wait = retry_after_seconds(response.headers.get("Retry-After"), now=now - (ahead or 0.0))
                reply = self._read_response(response, body, give_up_at)
                return replace(reply, retry_after_seconds=wait, clock_ahead_seconds=ahead)
        except (requests.RequestException, HTTPError) as error:
            sent = self._upload.has_begun
            message = self._failure_message(error, sent=sent)
            # A remedy follows what is wrong.
            return Reply(None, message, sent=sent, has_remedy="; " in message)

    def _read_response(self, response: requests.Response, body: bytes, give_up_at: float) -> Reply:
        messages = MessageFilter(body, self._client.write_key)
        if response.is_redirect:
            # The name of a host is a text of the server too.
            host = messages.shown(_host_of(response.headers["Location"])) or "another host"
            return Reply(response.status_code, f"redirects to {host}", content=Content.OTHER)
        answer = _read_answer(response, give_up_at)
        if not answer.messages and not answer.rejections:
            return Reply(response.status_code, "", content=answer.content)
        # Many calls may be rejected for a few reasons.
        whole = "; ".join(answer.messages[:_MAX_MESSAGES])
        texts = list(dict.fromkeys([whole, *(text for _, text in answer.rejections)]))[: _MAX_MESSAGES + 1]
        shown = {text: messages.shown(text) for text in texts}
        # A call may be named several times.
        of_call: dict[int, dict[str, None]] = {}
        for index, text in answer.rejections:
            of_call.setdefault(index, {})[shown.get(text, "")] = None
        rejections = {index: "; ".join(filter(None, parts)) for index, parts in of_call.items()}
        return Reply(response.status_code, shown[whole], content=answer.content, rejections=rejections)

    def _find_problem(self) -> str | None:
        """Return what in the environment keeps every request from leaving."""
        problem = self._proxy.problem() if self._proxy else None
        if problem is None and self._bundle and self._client.endpoint.startswith("https:"):
            problem = self._bundle.problem()
        return None if problem is None else f"no connection to {self._host}: {problem}"

    def _failure_message(self, error: Exception, *, sent: bool) -> str:
        """Return why no answer came, without the request."""
        host, client = self._host, self._client
        if sent and isinstance(error, requests.ReadTimeout):
            return f"timeout: no answer from {host} within {client.read_timeout_seconds:g} seconds"
        if sent:
            return f"the connection to {host} was closed before an answer came"
        cause = _innermost_error(error)
        if isinstance(error, requests.exceptions.ProxyError) and self._proxy:
            return f"no connection to {host}: {self._proxy_failure(self._proxy, cause)}"
        if isinstance(error, requests.Timeout):
            return f"timeout: no connection to {host} within {client.connect_timeout_seconds:g} seconds"
        if isinstance(cause, ssl.SSLError):
            return f"no secure (TLS) connection to {host}: {certificate_failure(cause, self._bundle)}"
        if "NameResolution" in type(cause).__name__:
            return f"no connection to {host}: the host name was not found"
        return f"no connection to {host}: the host does not accept connections"

    def _proxy_failure(self, proxy: Proxy, cause: BaseException) -> str:
        """Return what the proxy did."""
        status = re.search(r"Tunnel connection failed: (\d{3})", str(cause))
        if status:
            return proxy.failure(self._host, status=int(status[1]), cause="")
        if "NameResolution" in type(cause).__name__:
            words = "has a host name that was not found"
        elif isinstance(cause, ssl.SSLCertVerificationError):
            words = f"has no trusted certificate: {certificate_failure(cause, self._bundle)}"
        elif isinstance(cause, ssl.SSLError):
            words = "does not speak TLS: its URL probably begins with http://, not https://"
        elif "Timeout" in type(cause).__name__:
            words = f"did not answer within {self._client.connect_timeout_seconds:g} seconds"
        else:
            words = "does not accept connections"
        return proxy.failure(self._host, cause=words)


def _prepare_request(client: Client) -> requests.PreparedRequest:
    """Return the request that carries every body."""
    headers = {"Content-Type": "application/json", "User-Agent": _user_agent(), "Accept-Encoding": "gzip, deflate"}
    if client.strict:
        headers["X-Strict-Mode"] = "1"
    # str(): of a subclass, requests would not accept the key as a user name.
    auth = (str(client.write_key), "")
    return requests.Request("POST", f"{client.endpoint}/v1/batch", headers=headers, auth=auth).prepare()


def _find_proxy(endpoint: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy between this machine and an endpoint; none is between two processes of one machine."""
    if is_loopback(endpoint):
        return None
    proxies = requests.utils.get_environ_proxies(endpoint)
    return name_proxy(requests.utils.select_proxy(endpoint, proxies), environ)


def _read_answer(response: requests.Response, give_up_at: float) -> ReplyBody:
    """Return what the body of a response says."""
    try:
        body, is_whole = read_body(_pieces_of(response), give_up_at)
    except DecodeError:
        return ReplyBody(Content.OTHER)
    except HTTPError:
        return ReplyBody(Content.CUT)
    if not is_whole:
        return ReplyBody(Content.CUT)
    if not body.strip() and response.headers.get("Content-Encoding") and response.raw.tell():
        # Compressed content that ends before its first byte decodes to nothing, without an error.
        return ReplyBody(Content.CUT)
    return parse_body(body, response.headers.get("Content-Type", ""))


def _pieces_of(response: requests.Response) -> Iterator[bytes]:
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        yield piece


def _innermost_error(error: BaseException) -> BaseException:
    """Return the innermost error; each library on the way has wrapped it in its own."""
    inner = next((part for part in (getattr(error, "reason", None), *error.args) if isinstance(part, Exception)), None)
    return error if inner is None else _innermost_error(inner)


def _without_frames(error: BaseException) -> BaseException:
    """Return an error, and those that it came from, without tracebacks."""
    part: BaseException | None = error
    while part is not None:
        part.__traceback__ = None
        part = part.__cause__ or part.__context__
    return error


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2] or "another path"
    except ValueError:
        return "an invalid address"


@cache
def _user_agent() -> str:
    try:
        return f"cio-frames/{version('cio-frames')}"
    except PackageNotFoundError:
        return "cio-frames"
