"""One request out, one reply in. The only module that knows requests and urllib3; imported when one is made."""

from __future__ import annotations

import gzip
import http.client
import io
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
import urllib3.connection
from urllib3.exceptions import HTTPError

from cio_frames.client import Client, is_loopback
from cio_frames.delivery.replies import (
    MAX_REPLY_BYTES,
    Reply,
    error_message,
    is_web_page,
    read_body,
    reply_message,
    retry_after_seconds,
)


class DeadlineReader(io.RawIOBase):
    """Reads a socket until a deadline; a socket's own timeout starts again with each byte."""

    def __init__(self, raw: Any, connection: Any, seconds: float) -> None:
        self._raw = raw
        self._connection = connection
        self._give_up_at = time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read some bytes, or raise TimeoutError after the deadline."""
        left = self._give_up_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Close the socket's file."""
        self._raw.close()
        super().close()


class DeadlineResponse(http.client.HTTPResponse):
    """A response whose head and body arrive within the read timeout, not only each byte of them."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = io.BufferedReader(DeadlineReader(self.fp.detach(), sock, seconds))


class _HttpConnection(urllib3.connection.HTTPConnection):
    response_class = DeadlineResponse


class _HttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = DeadlineResponse


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _DeadlineAdapter(requests.adapters.HTTPAdapter):
    """Makes connections with deadlines, those through a proxy too."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = dict(_POOLS)
        return manager


class _Session(requests.Session):
    """A session that does not examine where a redirect leads.

    requests does so even if it is not to follow: it fails on an invalid address, and reads the body to its end however
    long that takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mount("http://", _DeadlineAdapter())
        self.mount("https://", _DeadlineAdapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class ApiConnection:
    """One lane's connection to the API, kept open between requests.

    Parameters
    ----------
    client : Client
        Where to, with which key and timeouts.
    ca_bundle : str, optional
        File with the certificates to trust. Default is what requests trusts.
    """

    def __init__(self, client: Client, *, ca_bundle: str | None = None) -> None:
        self._client = client
        self._url = f"{client.endpoint}/v1/batch"
        self._session = _Session()
        self._session.auth = (client.write_key, "")
        # A proxy has no business between two processes of one machine.
        self._session.trust_env = not is_loopback(client.endpoint)
        if ca_bundle is not None:
            self._session.verify = ca_bundle
        self._session.headers.update({"Content-Type": "application/json", "User-Agent": _user_agent()})
        if client.strict:
            self._session.headers["X-Strict-Mode"] = "1"
        if client.gzip:
            self._session.headers["Content-Encoding"] = "gzip"

    def post(self, body: bytes) -> Reply:
        """Send one batch and return the reply; a broken connection is a reply, not an exception."""
        client = self._client
        # The position in the stream tells whether any of it was sent, whatever fails and wherever.
        upload = io.BytesIO(gzip.compress(body, compresslevel=1, mtime=0) if client.gzip else body)
        timeouts = (client.connect_timeout_seconds, client.read_timeout_seconds)
        give_up_at = time.monotonic() + sum(timeouts)
        try:
            # Credentials must not follow a redirect.
            with self._session.post(
                self._url, data=upload, timeout=timeouts, allow_redirects=False, stream=True
            ) as response:
                message, is_page = _read_response(response, give_up_at)
        except (requests.RequestException, HTTPError) as error:
            sent = upload.tell() > 0
            return Reply(None, failure_message(error, client, sent), sent=sent)
        wait = retry_after_seconds(response.headers.get("Retry-After"), now=time.time())
        return Reply(response.status_code, reply_message(message, client.write_key), wait, is_page=is_page)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _read_response(response: requests.Response, give_up_at: float) -> tuple[str, bool]:
    """Return a response's message, and whether it is a web page."""
    if response.is_redirect:
        return f"redirects to {_host_of(response.headers['Location'])}", False
    body = read_body(_pieces_of(response), give_up_at)
    return error_message(body), is_web_page(body)


def _pieces_of(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it arrives; one that is cut off ends there."""
    with suppress(HTTPError):
        while piece := response.raw.read1(MAX_REPLY_BYTES, decode_content=True):
            yield piece


def failure_message(error: Exception, client: Client, sent: bool) -> str:
    """Return why no answer came, without the request.

    >>> failure_message(requests.ReadTimeout(), Client(write_key="secret"), sent=True)
    'timeout: no answer from cdp.customer.io within 30 seconds'
    """
    host = _host_of(client.endpoint)
    if sent and isinstance(error, requests.ReadTimeout):
        return f"timeout: no answer from {host} within {client.read_timeout_seconds:g} seconds"
    if sent:
        return f"the connection to {host} was closed before an answer came"
    if isinstance(error, requests.Timeout):
        return f"timeout: no connection to {host} within {client.connect_timeout_seconds:g} seconds"
    cause = _innermost_error(error)
    if isinstance(cause, ssl.SSLError):
        # Some of these errors have no reason, and some have it and it is None.
        reason = getattr(cause, "reason", None) or type(cause).__name__
        return f"no secure (TLS) connection to {host}: {reason.lower().replace('_', ' ')}"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"no connection to {host}: the proxy {_proxy_of(client)} refused the connection{_tunnel_status(cause)}"
    if "NameResolution" in type(cause).__name__:
        return f"no connection to {host}: the host name was not found"
    return f"no connection to {host}: the host does not accept connections"


def _proxy_of(client: Client) -> str:
    """Return the host of the environment's proxy."""
    proxies = requests.utils.get_environ_proxies(client.endpoint)
    return _host_of(requests.utils.select_proxy(client.endpoint, proxies) or "")


def _tunnel_status(cause: BaseException) -> str:
    found = re.search(r"Tunnel connection failed: (\d{3})", str(cause))
    return f": it answered {found[1]}" if found else ""


def _innermost_error(error: BaseException) -> BaseException:
    """Return the innermost error; each library on the way has wrapped it in its own."""
    inner = next((part for part in (getattr(error, "reason", None), *error.args) if isinstance(part, Exception)), None)
    return error if inner is None else _innermost_error(inner)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2] or "another path"
    except ValueError:
        return "an invalid address"


def _user_agent() -> str:
    try:
        return f"cio-frames/{version('cio-frames')}"
    except PackageNotFoundError:
        return "cio-frames"
