"""What a load is tied to, so that it is resumed with the settings and the source that it started with."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from cio_frames import spec
from cio_frames.client import Client
from cio_frames.columns import resolve
from cio_frames.errors import ConfigurationError, FrameError
from cio_frames.loading.io_errors import START_OVER
from cio_frames.loading.source import Source
from cio_frames.pipeline import CallSpec
from cio_frames.pipeline.message_ids import MESSAGE_ID_VERSION

# Settings that decide which calls go where. The others decide how fast, and may differ when a load is resumed.
_BINDING_SETTINGS = ("endpoint", "strict", "max_call_bytes")
_OTHER_SETTINGS = "limits"
# Missing after the API has refused the key: the load is resumed with another one.
WRITE_KEY = "write_key"


def load_fingerprint(source: Source, call_spec: CallSpec, client: Client) -> dict[str, Any]:
    """Return what a load is tied to; of the write key only what tells it from another one."""
    mapping = {name: value for name, value in asdict(call_spec.mapping).items() if value is not None and value != {}}
    schema = "spec" if call_spec.schema == "spec" else None if call_spec.schema is None else repr(call_spec.schema)
    plan = call_spec.tracking_plan
    return {
        "files": source.stamps(),
        # How the rows are read, where it is not by default.
        **source.settings(),
        "columns": {name: _json_ready(value) for name, value in mapping.items()},
        "schema": f"{plan.title}, content {plan.content}" if plan.title else schema,
        "strict_schema": call_spec.strict_schema,
        # Absent where it has its default, as in ledgers that know nothing of it.
        **({"exact_ids": True} if call_spec.exact_ids else {}),
        "timezone": call_spec.options.timezone,
        "nulls": "send" if call_spec.options.send_nulls else "omit",
        # Chunks are known by their numbers.
        "chunk_rows": source.chunk_rows,
        "message_id_version": MESSAGE_ID_VERSION,
        **{name: getattr(client, name) for name in _BINDING_SETTINGS},
        WRITE_KEY: hashlib.sha256(client.write_key.encode()).hexdigest()[:8],
        _OTHER_SETTINGS: {
            each.name: getattr(client, each.name)
            for each in fields(client)
            if each.name not in (*_BINDING_SETTINGS, "write_key")
        },
    }


def _json_ready(value: Any) -> Any:
    """Return a value as it is read back from JSON."""
    if isinstance(value, Mapping):
        return {str(key): _json_ready(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_ready(part) for part in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def refuse_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to resume a load whose source or settings have changed, and say what changed.

    >>> refuse_changes({"timezone": "UTC"}, {"timezone": "Europe/Berlin"})
    Traceback (most recent call last):
    ...
    cio_frames.errors.ConfigurationError: Settings changed since this load started: timezone 'UTC' -> 'Europe/Berlin'. \
Use the original settings to resume, or start over with fresh=True.
    """
    names = [
        name
        for name in dict.fromkeys((*before, *now))
        if name != _OTHER_SETTINGS and _json_ready(before.get(name)) != _json_ready(now.get(name))
        if name != WRITE_KEY or name in before
    ]
    changes = [change for name in names for change in _describe_changes(name, before.get(name), now.get(name))]
    if changes:
        what, remedy = ("Files", "Restore the original files") if names == ["files"] else _SETTINGS_CHANGED
        raise ConfigurationError(
            f"{what} changed since this load started: {'; '.join(changes[:_MAX_CHANGES])}. {remedy} to resume, or "
            f"{START_OVER}."
        )


_SETTINGS_CHANGED = ("Settings", "Use the original settings")
_MAX_CHANGES = 5


def _describe_changes(name: str, before: Any, now: Any) -> list[str]:
    if name == WRITE_KEY:
        return ["the write key is another one, which may be another workspace's"]
    if name != "files" or before is None or now is None:
        return [f"{name} {before!r} -> {now!r}"]
    old = {file["path"]: file for file in before}
    new = {file["path"]: file for file in now}
    return [
        *(f"{path} was removed" for path in old.keys() - new.keys()),
        *(f"{path} was added" for path in new.keys() - old.keys()),
        *(f"{path} has changed" for path in sorted(old.keys() & new.keys()) if old[path] != new[path]),
    ]


def wanted_columns(labels: Sequence[Hashable], call_spec: CallSpec) -> list[Hashable] | None:
    """Return the columns that a load sends, or None if it sends most or all of them.

    >>> from cio_frames.columns import ColumnMapping
    >>> call_spec = CallSpec("identify", ColumnMapping(traits=["plan"]))
    >>> wanted_columns(["user_id", "plan", "notes"], call_spec)
    ['user_id', 'plan']
    """
    mapping = call_spec.mapping
    if mapping.traits is None and mapping.properties is None and call_spec.call != "alias":
        return None
    wanted = {mapping.type_column, mapping.event, "event"}
    for call in spec.CALL_NAMES if call_spec.call == "batch" else (call_spec.call,):
        try:
            event = call_spec.tracking_plan.event(call_spec.event) or call_spec.event
            wanted |= {
                source.label for source in resolve(labels, call_spec.tracking_plan.calls[call], mapping, event).sources
            }
        except FrameError:
            # Reported later, with the file.
            return None
    return [label for label in labels if label in wanted]
