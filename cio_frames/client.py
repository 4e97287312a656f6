"""Who we are, where, and how often: one request in, one reply out.

The only module that knows requests.
"""

from __future__ import annotations

import gzip
import http.client
import io
import os
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import urllib3
import urllib3.connection
from urllib3.exceptions import HTTPError

from cio_frames import spec
from cio_frames.delivery.batching import ENVELOPE_BYTES
from cio_frames.errors import ConfigurationError

_LONGEST_RETRY_AFTER_SECONDS = 300.0
_LONGEST_TIMEOUT_SECONDS = 86_400.0
_ANSWER_BYTES_READ = 16_384
_WORDS_KEPT = 500
_KEY_HIDDEN = "(write key)"
_SHORTEST_REAL_KEY = 8


_KINDS: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("region", "endpoint"), str),
        **dict.fromkeys(("strict", "gzip"), bool),
        **dict.fromkeys(("max_call_bytes", "max_body_bytes", "workers", "attempts"), int),
        **dict.fromkeys(("requests_per_second", "connect_timeout_seconds", "read_timeout_seconds"), (int, float)),
        "retry_budget_seconds": (int, float),
    }
)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A Customer.io workspace, and how to talk to it.

    Parameters
    ----------
    write_key : str
        The workspace's Pipelines API key. Never in the repr, a log or an error text.
    region : {"us", "eu"}
        Where the workspace lives. Data sent to the wrong region may be answered 200 and not stored.
    endpoint : str, optional
        Scheme and host without ``/v1``, for a proxy or the sandbox; from the region if not given. Plain http is
        taken for loopback addresses only.
    strict : bool
        Send ``X-Strict-Mode: 1``. Without it the API answers 200 to calls that it then drops, so rows can at best
        be ``acknowledged``.
    gzip : bool
        Compress request bodies. The vendor's documentation does not mention it; their Python client can.
    max_call_bytes, max_body_bytes : int
        Limits in bytes of UTF-8 JSON. The API's own are "32 KB" a call and "500 KB" a batch; the defaults hold for
        either reading of KB.
    requests_per_second : float
        The API allows 3,000 requests in 3 seconds.
    workers : int
        Lanes, each with a connection of its own.
    attempts : int
        How often a request is tried.
    connect_timeout_seconds, read_timeout_seconds : float
        How long to wait for a connection, and for an answer.
    retry_budget_seconds : float
        How long one request may be retried in all.

    Raises
    ------
    ConfigurationError
        No write key, an unknown region, plain http to another machine, a limit that cannot be.

    Examples
    --------
    >>> client = Client(write_key="secret", region="eu")
    >>> client.endpoint, "secret" in repr(client)
    ('https://cdp-eu.customer.io', False)
    """

    write_key: str = field(repr=False)
    region: str = "us"
    endpoint: str = ""
    strict: bool = True
    gzip: bool = False
    max_call_bytes: int = 32_000
    max_body_bytes: int = 475_000
    requests_per_second: float = 1_000
    workers: int = 4
    attempts: int = 6
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 30.0
    retry_budget_seconds: float = 120.0

    def __post_init__(self) -> None:
        _check_write_key(self.write_key)
        for setting, kind in _KINDS.items():
            value = getattr(self, setting)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                wanted = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
                raise ConfigurationError(f"{setting} is of type {type(value).__name__}, and {wanted} is needed.")
        if self.region not in spec.read_api().regions:
            known = " and ".join(map(repr, spec.read_api().regions))
            raise ConfigurationError(f"There is no region {self.region!r}; Customer.io has {known}.")
        object.__setattr__(self, "endpoint", _checked_endpoint(self.endpoint or spec.read_api().regions[self.region]))
        for name in ("max_call_bytes", "requests_per_second", "workers", "attempts"):
            _check(name, getattr(self, name), getattr(self, name) > 0, "above zero")
        for name in ("connect_timeout_seconds", "read_timeout_seconds"):
            _check(
                name,
                getattr(self, name),
                0 < getattr(self, name) <= _LONGEST_TIMEOUT_SECONDS,
                "above zero, and at most a day",
            )
        _check("retry_budget_seconds", self.retry_budget_seconds, self.retry_budget_seconds >= 0, "zero or more")
        if self.max_body_bytes < self.max_call_bytes + ENVELOPE_BYTES:
            raise ConfigurationError(
                f"max_body_bytes={self.max_body_bytes} has no room for a call of max_call_bytes={self.max_call_bytes}; "
                f"it needs {ENVELOPE_BYTES} bytes more than that."
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **settings: Any) -> Client:
        """Read CIO_WRITE_KEY, CIO_REGION and CIO_ENDPOINT; further settings are those of the class.

        Raises
        ------
        ConfigurationError
            CIO_WRITE_KEY is not set, or a value cannot be.

        Examples
        --------
        >>> Client.from_env({"CIO_WRITE_KEY": "secret", "CIO_REGION": "eu"}).endpoint
        'https://cdp-eu.customer.io'
        """
        # A default of os.environ would show every variable, the key among them, in the signature.
        environ = os.environ if environ is None else environ
        names = {"write_key": "CIO_WRITE_KEY", "region": "CIO_REGION", "endpoint": "CIO_ENDPOINT"}
        named = {setting: environ[name] for setting, name in names.items() if environ.get(name)}
        if "write_key" not in named | settings:
            raise ConfigurationError(
                "There is no write key. Set CIO_WRITE_KEY in the environment, or pass client=Client(write_key=...); "
                "to try without an account, use client=Sandbox().client, and dry_run=True sends nothing at all."
            )
        return cls(**named | settings)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request.

    Attributes
    ----------
    status : int or None
        The HTTP status; None where no answer came.
    words : str
        What the server said, or what went wrong on the way.
    retry_after_seconds : float or None
        How long the server asked to wait.
    sent : bool
        Whether any byte of the request may have reached the server.
    is_page : bool
        Whether the answer is a web page: that of a proxy or a login, not of the API.
    """

    status: int | None
    words: str
    retry_after_seconds: float | None = None
    sent: bool = True
    is_page: bool = False


class _InTime(io.RawIOBase):
    """What comes over a socket until a moment; each wait of a socket's own timeout begins anew with each byte."""

    def __init__(self, raw: Any, connection: Any, seconds: float) -> None:
        self._raw = raw
        self._connection = connection
        self._give_up_at = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._give_up_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is there, head and body, within the time that one byte of it may take."""

    def __init__(self, sock: Any, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock, seconds))


class _PlainConnection(urllib3.connection.HTTPConnection):
    response_class = _Answer


class _SecureConnection(urllib3.connection.HTTPSConnection):
    response_class = _Answer


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(requests.adapters.HTTPAdapter):
    """Makes connections whose answers are there in time; those through a proxy too."""

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def proxy_manager_for(self, *given: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*given, **named)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return manager


class _Session(requests.Session):
    """A session that does not look where a redirect leads.

    The library's own does, also when it is not to follow: it fails where that is no address, and reads the answer to
    its end however long that takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Connection:
    """One lane's connection to the API, kept open between requests."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._url = f"{client.endpoint}/v1/batch"
        self._session = _Session()
        self._session.auth = (client.write_key, "")
        # A proxy has no business between two processes of one machine.
        self._session.trust_env = not _is_loopback(client.endpoint)
        self._session.headers.update({"Content-Type": "application/json", "User-Agent": _user_agent()})
        if client.strict:
            self._session.headers["X-Strict-Mode"] = "1"
        if client.gzip:
            self._session.headers["Content-Encoding"] = "gzip"

    def post(self, body: bytes) -> Reply:
        """Send one batch and return what came back; a broken connection is a reply, not an exception."""
        client = self._client
        # A stream knows whether any of it was taken, whatever broke and wherever.
        upload = io.BytesIO(gzip.compress(body, compresslevel=1, mtime=0) if client.gzip else body)
        timeouts = (client.connect_timeout_seconds, client.read_timeout_seconds)
        give_up_at = time.monotonic() + sum(timeouts)
        try:
            # Credentials are not carried to wherever a redirect leads.
            with self._session.post(
                self._url, data=upload, timeout=timeouts, allow_redirects=False, stream=True
            ) as response:
                words, is_page = _words(response, give_up_at)
        except (requests.RequestException, HTTPError) as error:
            sent = upload.tell() > 0
            return Reply(None, _what_broke(error, client, sent), sent=sent)
        asked = retry_after_seconds(response.headers.get("Retry-After"), now=time.time())
        return Reply(response.status_code, _without_key(words, client.write_key)[:_WORDS_KEPT], asked, is_page=is_page)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def said(answer: bytes) -> str:
    """Return what the server said, from any of the error bodies that Customer.io is known to use.

    The documented body is ``{"meta":{"errors":[...]}}``; official clients also read ``meta.error``, ``{code,
    message}`` and a list of ``{reason, field, message}``. Anything else is taken as text, without markup.

    >>> said(b'{"meta":{"errors":["event is missing"]}}')
    'event is missing'
    >>> said(b'{"errors":[{"reason":"required","field":"userId","message":"cannot be blank"}]}')
    'userId: cannot be blank'
    >>> said(b"<html><body><h1>502 Bad Gateway</h1></body></html>")
    '502 Bad Gateway'
    """
    text = answer.decode("utf-8", "replace")
    try:
        parsed = orjson.loads(answer)
        words = "; ".join(_found_words(parsed)) or (text if parsed else "")
    except (orjson.JSONDecodeError, RecursionError):
        words = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.S | re.I)
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", words).split())


def _found_words(answer: Any) -> list[str]:
    """Collect error texts, wherever the body has them."""
    if isinstance(answer, str):
        return [answer]
    if isinstance(answer, list):
        return [words for part in answer for words in _found_words(part)]
    if not isinstance(answer, dict):
        return []
    text = answer.get("message") or answer.get("reason")
    here = [f"{answer['field']}: {text}" if answer.get("field") else text] if isinstance(text, str) else []
    return here + [words for key in ("meta", "errors", "error") for words in _found_words(answer.get(key))]


def _without_key(words: str, key: str) -> str:
    """Return what a server said without the write key, which it may have repeated.

    A key that is short enough to be any word is no real one, and is hidden only where it is told as a key: quoted,
    after a colon, or alone. A real one is hidden wherever it stands.

    >>> _without_key("the write key 'wrong' is wrong", "wrong")
    "the write key '(write key)' is wrong"
    >>> _without_key("no key 0123456789", "0123456789")
    'no key (write key)'
    """
    if len(key) >= _SHORTEST_REAL_KEY:
        return words.replace(key, _KEY_HIDDEN)
    return re.sub(rf"(^|[\"'`:=] ?){re.escape(key)}(?=[\"'`]|$)", rf"\1{_KEY_HIDDEN}", words)


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """Return how long a ``Retry-After`` header asks to wait, in seconds from 0 to 300; None where it says nothing.

    >>> retry_after_seconds("3", now=0.0)
    3.0
    >>> retry_after_seconds("Thu, 01 Jan 1970 00:00:10 GMT", now=4.0)
    6.0
    >>> retry_after_seconds("soon", now=0.0) is None
    True
    """
    if header is None:
        return None
    try:
        seconds = float(header) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", header) else _seconds_until(header, now)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


def _seconds_until(date: str, now: float) -> float:
    found = parsedate_to_datetime(date)
    # HTTP knows no other zone than UTC, also where a date does not say so.
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() - now


def _words(response: requests.Response, give_up_at: float) -> tuple[str, bool]:
    """Return what an answer says, and whether it is a web page.

    One that breaks off, or never ends, counts as far as it came.
    """
    if response.is_redirect:
        return f"redirects to {_host(response.headers['Location'])}", False
    answer = b""
    with suppress(HTTPError):
        while piece := response.raw.read1(_ANSWER_BYTES_READ, decode_content=True):
            answer += piece
            if len(answer) >= _ANSWER_BYTES_READ or time.monotonic() > give_up_at:
                break
    return said(answer), answer.lstrip()[:1] == b"<"


def _what_broke(error: Exception, client: Client, sent: bool) -> str:
    """Say why no answer came, without the request."""
    host = _host(client.endpoint)
    if sent and isinstance(error, requests.ReadTimeout):
        return f"no answer from {host} within {client.read_timeout_seconds:g} seconds"
    if sent:
        return f"the connection to {host} broke before an answer came"
    if isinstance(error, requests.Timeout):
        return f"no connection to {host} within {client.connect_timeout_seconds:g} seconds"
    cause = _cause(error)
    if isinstance(cause, ssl.SSLError):
        # Some of these errors have no reason, and some have it and it is None.
        reason = getattr(cause, "reason", None) or type(cause).__name__
        return f"no secure connection to {host}: {reason.lower().replace('_', ' ')}"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"no connection to {host}: the proxy that the environment names does not let it through"
    why = "its name is not known" if "NameResolution" in type(cause).__name__ else "it does not accept connections"
    return f"no connection to {host}: {why}"


def _cause(error: BaseException) -> BaseException:
    """Return the innermost error; each library on the way has wrapped it in its own."""
    inner = next((part for part in (getattr(error, "reason", None), *error.args) if isinstance(part, Exception)), None)
    return error if inner is None else _cause(inner)


@cache
def offline_client() -> Client:
    """Return a client for who sends nothing and needs no key: it has the default limits.

    >>> offline_client().max_call_bytes
    32000
    """
    return Client(write_key="dry-run")


def _check(name: str, value: float, holds: bool, wanted: str) -> None:
    if not holds:
        raise ConfigurationError(f"{name}={value} cannot be; it must be {wanted}.")


def _check_write_key(write_key: object) -> None:
    if not isinstance(write_key, str) or not write_key.strip():
        raise ConfigurationError("The write key is empty. It is the Pipelines API key of your Customer.io workspace.")
    if not write_key.isascii() or not write_key.isprintable() or " " in write_key:
        raise ConfigurationError(
            "The write key has characters that no key has (a space, a line end?). Copy it once more."
        )


def _checked_endpoint(endpoint: str) -> str:
    if "@" in endpoint:
        raise ConfigurationError("endpoint must not hold a user or a password; the write key goes into write_key.")
    try:
        parts = urlsplit(endpoint)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or re.search(r"\s", endpoint):
        raise ConfigurationError(f"endpoint={endpoint!r} is no address; write scheme and host, https://example.com.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            f"endpoint={endpoint!r} has a path; write scheme and host only, {parts.scheme}://{parts.netloc}."
        )
    if parts.scheme == "http" and not _is_loopback(endpoint):
        raise ConfigurationError(
            f"endpoint={endpoint!r} would send people's data in the clear. Use https; plain http is for loopback only."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2] or "another path"
    except ValueError:
        return "an address that is none"


def _user_agent() -> str:
    try:
        return f"cio-frames/{version('cio-frames')}"
    except PackageNotFoundError:
        return "cio-frames"
