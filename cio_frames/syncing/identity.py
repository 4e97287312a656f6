"""What a state is tied to: workspace, endpoint, call, and the mapping from columns to fields."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from cio_frames.client import Client
from cio_frames.errors import ConfigurationError, parameter
from cio_frames.pipeline import CallSpec

_NEW_STATE = f"Name another file with {parameter('state')} to start over."


@dataclass(frozen=True, slots=True)
class MappingChange:
    """What differs between the mapping of a state and that of a frame.

    Attributes
    ----------
    came, gone : tuple of str
        Fields that the state does not know, and fields that the frame does not have.
    settings : tuple of str
        Other changes, in words.
    rows : int
        How many known subjects would be sent because of the fields that came.
    rows_without : int
        How many known subjects had a field that is gone. They are not sent because of that, and nothing is cleared.
    """

    came: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rows: int = 0
    rows_without: int = 0

    def __bool__(self) -> bool:
        return bool(self.came or self.gone or self.settings)

    def __str__(self) -> str:
        parts = []
        if self.came:
            parts.append(f"new fields {', '.join(self.came)} ({self.rows:,} rows to send)")
        if self.gone:
            parts.append(
                f"missing fields {', '.join(self.gone)} ({self.rows_without:,} rows had one; nothing is cleared)"
            )
        return "; ".join([*parts, *self.settings])


@dataclass(frozen=True, slots=True)
class SyncMapping:
    """Which fields count, and by which rules values are written.

    >>> before = SyncMapping(("age", "plan"), {"ignore": []})
    >>> change = SyncMapping(("plan", "team"), {"ignore": ["seen"]}).compare(before.as_fact())
    >>> change.came, change.gone, change.settings
    (('team',), ('age',), ("ignore [] -> ['seen']",))
    """

    fields: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_fact(self) -> dict[str, Any]:
        """Return the mapping as the state keeps it."""
        return {"fields": list(self.fields), **self.settings}

    def compare(self, known: Mapping[str, Any] | None) -> MappingChange:
        """Return what is different from the mapping of a state; nothing where the state has none yet."""
        if known is None:
            return MappingChange()
        before, now = set(known["fields"]), set(self.fields)
        settings = tuple(
            f"{name} {known.get(name)!r} -> {value!r}"
            for name, value in self.settings.items()
            if known.get(name) != value
        )
        return MappingChange(tuple(sorted(now - before)), tuple(sorted(before - now)), settings)


def mapping_of(call_spec: CallSpec, fields: Sequence[str], ignore: Sequence[str]) -> SyncMapping:
    """Return the mapping of a call for a state."""
    plan = call_spec.tracking_plan
    return SyncMapping(
        tuple(sorted(fields)),
        {"ignore": sorted(ignore), "tracking_plan": f"{plan.title}, content {plan.content}" if plan.title else None},
    )


def refuse_other_call(facts: Mapping[str, Any], call_spec: CallSpec, path: object) -> None:
    """Refuse a state of another call."""
    known = facts.get("call")
    if known is not None and known != call_spec.what:
        raise ConfigurationError(
            f"The state {path} is for {known}, not for {call_spec.what}. Nothing was sent. {_NEW_STATE}"
        )


def refuse_other_workspace(facts: Mapping[str, Any], client: Client, path: object, *, accept_key: bool) -> None:
    """Refuse a state of another endpoint, or of another write key that the caller has not vouched for."""
    known = facts.get("endpoint")
    if known is not None and known != endpoint_name(client.endpoint):
        raise ConfigurationError(
            f"The state {path} is for the endpoint {known}, not for {endpoint_name(client.endpoint)}. Nothing was "
            f"sent. {_NEW_STATE}"
        )
    key = facts.get("write_key")
    if key is not None and key != key_fingerprint(client.write_key) and not accept_key:
        raise ConfigurationError(
            f"The state {path} was written with another write key, which may be another workspace's. Nothing was sent. "
            f"If this is a new key of the same workspace, set {parameter('accept_key', True)}. {_NEW_STATE}"
        )


def endpoint_name(endpoint: str) -> str:
    """Return what tells an endpoint from others; on loopback the port does not count.

    >>> endpoint_name("http://127.0.0.1:8480"), endpoint_name("https://cdp.customer.io")
    ('http://127.0.0.1', 'https://cdp.customer.io')
    """
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host):
        return f"{parts.scheme}://{host}"
    return endpoint


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def key_fingerprint(write_key: str) -> str:
    """Return a few digits of a hash of the key: enough to tell it from another one."""
    return hashlib.sha256(write_key.encode()).hexdigest()[:8]
