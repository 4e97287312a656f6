"""``Client``: a Customer.io workspace, and the settings of requests to it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from cio_frames import spec
from cio_frames._util.notebook_html import draw_output, draw_pairs
from cio_frames._util.write_keys import WriteKey, drop_arguments_on_error
from cio_frames.errors import ConfigurationError, by_door, parameter

# What stands around the calls in the body of ``POST /v1/batch``.
BODY_HEAD, BODY_TAIL = b'{"batch":[', b"]}"
ENVELOPE_BYTES = len(BODY_HEAD) + len(BODY_TAIL)

_MAX_TIMEOUT_SECONDS = 86_400.0

# The public write key of a sandbox that was not given another one.
DEFAULT_SANDBOX_KEY = "sandbox"
# Of what sends nothing, and so goes nowhere.
DRY_RUN_KEY = "dry-run"

_SETTING_TYPES: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {
        "region": (str, type(None)),
        "endpoint": str,
        **dict.fromkeys(("strict", "gzip"), bool),
        **dict.fromkeys(("max_call_bytes", "max_body_bytes", "workers", "attempts"), int),
        **dict.fromkeys(("requests_per_second", "connect_timeout_seconds", "read_timeout_seconds"), (int, float)),
        "retry_budget_seconds": (int, float),
    }
)


@drop_arguments_on_error
@dataclass(frozen=True, kw_only=True)
class Client:
    """A Customer.io workspace, and how to send requests to it.

    Parameters
    ----------
    write_key : str
        The workspace's Pipelines API key. It is never part of the repr, a log or an error text.
    region : {"us", "eu"}, optional
        The workspace's region. Default is the one that the key names, as in ``sk_eu_...``, or ``"us"`` if it names
        none. The API may answer 200 to data for another region and not store it.
    endpoint : str, optional
        Scheme and host without ``/v1``, for a proxy or the sandbox. Default is the region's. Plain http is accepted
        for loopback addresses only.
    strict : bool
        Send ``X-Strict-Mode: 1``. Without it the API answers 200 to calls that it then drops, so rows can at best
        be ``acknowledged``.
    gzip : bool
        Compress request bodies. The vendor's documentation does not mention it; their Python client can.
    max_call_bytes, max_body_bytes : int
        Limits in bytes of UTF-8 JSON. The API's own are "32 KB" a call and "500 KB" a batch; the defaults hold for
        either reading of KB.
    requests_per_second : float
        The rate limit of all sends of this process to the same endpoint with the same key. The API allows 3,000
        requests in 3 seconds.
    workers : int
        Number of lanes, each with a connection of its own.
    attempts : int
        How often a request is tried, also while the API has not been reached yet.
    connect_timeout_seconds, read_timeout_seconds : float
        How long to wait for a connection, and for an answer.
    retry_budget_seconds : float
        How long one request may be retried in all.

    Raises
    ------
    ConfigurationError
        The write key is missing, the region is unknown or differs from the one that the key names, the endpoint is
        plain http to another machine, or a limit is out of range.

    Examples
    --------
    >>> client = Client(write_key="secret", region="eu")
    >>> client.endpoint, "secret" in repr(client)
    ('https://cdp-eu.customer.io', False)
    >>> client.destination
    'Customer.io EU'
    """

    write_key: str = field(repr=False)
    region: str | None = None
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
        _require_valid_write_key(self.write_key)
        object.__setattr__(self, "write_key", WriteKey(self.write_key))
        self._require_types()
        regions = spec.read_api().regions
        region = _choose_region(self.write_key, self.region, regions)
        object.__setattr__(self, "region", region)
        object.__setattr__(self, "endpoint", _normalize_endpoint(self.endpoint or regions[region]))
        _require_endpoint_of_key(self.write_key, self.endpoint, regions)
        self._require_ranges()

    def _require_types(self) -> None:
        for name, expected in _SETTING_TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
                types = expected if isinstance(expected, tuple) else (expected,)
                wanted = " or ".join("None" if each is type(None) else each.__name__ for each in types)
                raise ConfigurationError(f"{_setting_name(name)} must be {wanted}, got {type(value).__name__}.")

    def _require_ranges(self) -> None:
        for name in ("max_call_bytes", "requests_per_second", "workers", "attempts"):
            self._require(name, getattr(self, name) > 0, "greater than 0")
        for name in ("connect_timeout_seconds", "read_timeout_seconds"):
            in_range = 0 < getattr(self, name) <= _MAX_TIMEOUT_SECONDS
            self._require(name, in_range, f"greater than 0 and at most {_MAX_TIMEOUT_SECONDS:,.0f}")
        self._require("retry_budget_seconds", self.retry_budget_seconds >= 0, "0 or greater")
        least = self.max_call_bytes + ENVELOPE_BYTES
        self._require(
            "max_body_bytes",
            self.max_body_bytes >= least,
            f"at least {least} to hold a call of max_call_bytes={self.max_call_bytes}",
        )

    def _require(self, name: str, holds: bool, expectation: str) -> None:
        if not holds:
            raise ConfigurationError(f"{_setting_name(name)} must be {expectation}, got {getattr(self, name)}.")

    @property
    def destination(self) -> str:
        """Where calls go, as reports name it: Customer.io and the region, the sandbox, or another endpoint.

        >>> Client(write_key="secret").destination
        'Customer.io US'
        >>> Client(write_key="sandbox", endpoint="http://127.0.0.1:8480").destination
        'sandbox at http://127.0.0.1:8480'
        """
        regions = {address: region for region, address in spec.read_api().regions.items()}
        if self.endpoint in regions:
            return f"Customer.io {regions[self.endpoint].upper()}"
        if not is_loopback(self.endpoint):
            return self.endpoint
        # A proxy on this machine would have a real key.
        return f"{'sandbox' if self.write_key == DEFAULT_SANDBOX_KEY else 'this machine'} at {self.endpoint}"

    def _repr_html_(self) -> str:
        """Return the client as a notebook shows it, without its key."""
        timeouts = f"{self.connect_timeout_seconds:g} s to connect, {self.read_timeout_seconds:g} s for an answer"
        return draw_output(
            self.destination,
            draw_pairs(
                [
                    ("endpoint", self.endpoint),
                    ("write key", "is set, and never shown"),
                    ("strict", "yes" if self.strict else "no: rows can at best be acknowledged"),
                    ("limits", f"{self.max_call_bytes:,} bytes a call, {self.max_body_bytes:,} bytes a request"),
                    ("speed", f"{self.workers} lanes, at most {self.requests_per_second:,g} requests per second"),
                    ("retries", f"{self.attempts} attempts, within {self.retry_budget_seconds:,g} s"),
                    ("timeouts", timeouts),
                    ("gzip", "yes" if self.gzip else None),
                ]
            ),
        )

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        write_key: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        strict: bool | None = None,
        gzip: bool | None = None,
        max_call_bytes: int | None = None,
        max_body_bytes: int | None = None,
        requests_per_second: float | None = None,
        workers: int | None = None,
        attempts: int | None = None,
        connect_timeout_seconds: float | None = None,
        read_timeout_seconds: float | None = None,
        retry_budget_seconds: float | None = None,
    ) -> Client:
        """Return a client from CIO_WRITE_KEY, CIO_REGION and CIO_ENDPOINT, and from settings that win over them.

        Parameters
        ----------
        environ : mapping, optional
            The environment. Default is the process's.
        write_key, region, endpoint : str, optional
            As for the class. Default is the environment's.
        strict, gzip, max_call_bytes, max_body_bytes, requests_per_second, workers, attempts : optional
            As for the class. Default is the class's.
        connect_timeout_seconds, read_timeout_seconds, retry_budget_seconds : float, optional
            As for the class. Default is the class's.

        Raises
        ------
        ConfigurationError
            CIO_WRITE_KEY is missing, or a value is invalid.

        Examples
        --------
        >>> Client.from_env({"CIO_WRITE_KEY": "secret", "CIO_REGION": "eu"}, workers=2).endpoint
        'https://cdp-eu.customer.io'
        """
        settings = {name: value for name, value in locals().items() if name not in ("cls", "environ")}
        # A default of os.environ would show every variable, the key among them, in the signature.
        variables = os.environ if environ is None else environ
        for name, variable in (("write_key", "CIO_WRITE_KEY"), ("region", "CIO_REGION"), ("endpoint", "CIO_ENDPOINT")):
            if settings[name] is None:
                # An empty variable counts as not set.
                settings[name] = variables.get(variable) or None
        # From here on, no local variable holds the key or the environment: an error may be recorded with them.
        has_key = settings["write_key"] is not None
        del write_key, environ, variables
        if not has_key:
            raise ConfigurationError(_MISSING_WRITE_KEY)
        return _build_client(cls, settings)


def _build_client(cls: type[Client], settings: dict[str, Any]) -> Client:
    """Return a client with the settings that are not None; if one is invalid, raise without them at hand."""
    failure: ConfigurationError | None = None
    try:
        return cls(**{name: value for name, value in settings.items() if value is not None})
    except ConfigurationError as error:
        failure = error.with_traceback(None)
    settings.clear()
    raise failure


@cache
def offline_client() -> Client:
    """Return a client with the default limits, for what sends nothing and needs no key.

    >>> offline_client().max_call_bytes
    32000
    """
    return Client(write_key=DRY_RUN_KEY)


_MISSING_WRITE_KEY = "The write key is missing. " + by_door(
    "Set CIO_WRITE_KEY in the environment, or pass client=Client(write_key=...). To try without an account, use "
    "client=Sandbox().client, and dry_run=True sends nothing at all.",
    "Set CIO_WRITE_KEY in the environment. To try without an account, start cio-frames sandbox, and --dry-run sends "
    "nothing at all.",
)


def _setting_name(name: str) -> str:
    """Return a setting's name, as an option where it came through the command line."""
    return by_door(name, f"--{name.replace('_', '-')}", name)


def _require_valid_write_key(write_key: object) -> None:
    name = by_door("write_key", "CIO_WRITE_KEY")
    if not isinstance(write_key, str) or not write_key.strip():
        raise ConfigurationError(
            f"{name} is empty. The required value is the Pipelines API key of your Customer.io workspace."
        )
    if not write_key.isascii() or not write_key.isprintable() or " " in write_key:
        raise ConfigurationError(
            f"{name} has invalid characters, such as a space or a line end. Copy the key from Customer.io again."
        )


def _choose_region(write_key: str, region: str | None, regions: Mapping[str, str]) -> str:
    """Return the region of a client, or raise if it is unknown or differs from the one that the key names."""
    of_key = WriteKey(write_key).region
    if region is None:
        return of_key or "us"
    if region not in regions:
        known = " or ".join(map(repr, regions))
        raise ConfigurationError(f"{_setting_name('region')} must be {known}, got {region!r}.")
    if of_key not in (None, region):
        raise ConfigurationError(
            f"{_setting_name('region')} is {region!r}, but the write key is {WriteKey(write_key).kind} of region "
            f"{of_key!r}. Use {parameter('region', of_key)}, or leave it out; or use a key of region {region!r}."
        )
    return region


def _require_endpoint_of_key(write_key: str, endpoint: str, regions: Mapping[str, str]) -> None:
    """Raise if the endpoint is that of another region than the key names."""
    of_key = WriteKey(write_key).region
    of_endpoint = next((region for region, address in regions.items() if address == endpoint), None)
    if of_key is not None and of_endpoint not in (None, of_key):
        raise ConfigurationError(
            f"{_setting_name('endpoint')} is {endpoint!r}, of region {of_endpoint!r}, but the write key is "
            f"{WriteKey(write_key).kind} of region {of_key!r}. Use {parameter('endpoint', regions[of_key])}, or a key "
            f"of region {of_endpoint!r}."
        )


# urlsplit() takes [::1].example for [::1], and leaves percent signs and control characters to whoever connects.
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s\x00-\x20\x7f%\[\]\\:]+)(:\d*)?")


# A key that was put in the wrong place is a long word.
_KEY_LIKE = re.compile(r"[\w+=]{16,}")


def _normalize_endpoint(endpoint: str) -> str:
    """Return scheme and host, or raise if calls should not be sent there."""
    name = _setting_name("endpoint")
    if "@" in endpoint:
        raise ConfigurationError(
            f"{name} must not hold a user name or a password. "
            f"The write key goes into {by_door('write_key=', 'CIO_WRITE_KEY')}."
        )
    shown = _KEY_LIKE.sub("...", re.sub(r"[?#].*", "", endpoint, flags=re.S))
    try:
        parts = urlsplit(endpoint)
        is_host = _HOST_AND_PORT.fullmatch(parts.netloc) is not None
        is_url = parts.scheme in ("http", "https") and is_host and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or re.search(r"\s", endpoint):
        raise ConfigurationError(f"{name} must be a URL such as https://example.com, got {shown!r}.")
    host_only = f"{parts.scheme}://{parts.netloc}"
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{name} must be scheme and host without a path, got {shown!r}. Set {parameter('endpoint', host_only)}."
        )
    if parts.scheme == "http" and not is_loopback(endpoint):
        raise ConfigurationError(
            f"{name} must use https, got {shown!r}: plain http would send people's data unencrypted, and is "
            "supported for loopback addresses only."
        )
    return host_only


def is_loopback(endpoint: str) -> bool:
    """Return whether an endpoint is on this machine.

    >>> is_loopback("http://127.0.0.1:8000"), is_loopback("https://cdp.customer.io")
    (True, False)
    """
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
