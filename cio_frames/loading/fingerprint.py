"""What a load was asked to do, so that one that goes on does the same as the one that was stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from cio_frames import spec
from cio_frames.client import Client
from cio_frames.columns import resolve
from cio_frames.errors import ConfigurationError, FrameError
from cio_frames.loading import sources
from cio_frames.loading.sources import Source
from cio_frames.pipeline import CallSpec

# What decides which calls go where; the other settings say how fast, and may be others when a load goes on.
_DECIDES = ("endpoint", "strict", "max_call_bytes")
_KEPT_FOR_THE_RECORD = "limits"
# Not there where the API has refused the key: then it is to be another one.
WRITE_KEY = "write_key"


def load_fingerprint(source: Source, call_spec: CallSpec, client: Client) -> dict[str, Any]:
    """Return what a load is tied to; of the write key no more than tells it from another one."""
    mapping = {name: value for name, value in asdict(call_spec.mapping).items() if value is not None and value != {}}
    schema = "spec" if call_spec.schema == "spec" else None if call_spec.schema is None else repr(call_spec.schema)
    plan = call_spec.tracking_plan
    return {
        "files": source.stamps(),
        "columns": {name: _plain(value) for name, value in mapping.items()},
        "schema": f"{plan.title}, content {plan.content}" if plan.title else schema,
        "strict_schema": call_spec.strict_schema,
        "timezone": call_spec.options.timezone,
        "nulls": "send" if call_spec.options.send_nulls else "omit",
        # Chunks are numbered, and another version may cut otherwise.
        "chunk_rows": sources.CHUNK_ROWS,
        **{name: getattr(client, name) for name in _DECIDES},
        WRITE_KEY: hashlib.sha256(client.write_key.encode()).hexdigest()[:8],
        _KEPT_FOR_THE_RECORD: {
            each.name: getattr(client, each.name)
            for each in fields(client)
            if each.name not in (*_DECIDES, "write_key")
        },
    }


def _plain(value: Any) -> Any:
    """Return a value as it comes back from JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def refuse_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a load whose source or columns are not what they were, and say what has changed.

    >>> refuse_changes({"timezone": "UTC"}, {"timezone": "Europe/Berlin"})
    Traceback (most recent call last):
    ...
    cio_frames.errors.ConfigurationError: This load was begun otherwise: timezone was 'UTC' and is 'Europe/Berlin'. \
Ask for the same as before to go on, or start over with fresh=True (--fresh).
    """
    changes = [
        change
        for name in dict.fromkeys((*before, *now))
        if name != _KEPT_FOR_THE_RECORD and _plain(before.get(name)) != _plain(now.get(name))
        if name != WRITE_KEY or name in before
        for change in _changes(name, before.get(name), now.get(name))
    ]
    if changes:
        raise ConfigurationError(
            f"This load was begun otherwise: {'; '.join(changes[:5])}. Ask for the same as before to go on, or start "
            "over with fresh=True (--fresh)."
        )


def _changes(name: str, before: Any, now: Any) -> list[str]:
    if name == WRITE_KEY:
        return ["the write key is another one, which may be another workspace's"]
    if name != "files" or before is None or now is None:
        return [f"{name} was {before!r} and is {now!r}"]
    old = {file["path"]: file for file in before}
    new = {file["path"]: file for file in now}
    return [
        *(f"{path} is gone" for path in old.keys() - new.keys()),
        *(f"{path} is new" for path in new.keys() - old.keys()),
        *(f"{path} has changed" for path in sorted(old.keys() & new.keys()) if old[path] != new[path]),
    ]


def wanted_columns(labels: Sequence[Hashable], call_spec: CallSpec) -> list[Hashable] | None:
    """Return the columns that a load sends, or None where it is most or all of them.

    >>> from cio_frames.columns import ColumnMapping
    >>> request = CallSpec("identify", ColumnMapping(traits=["plan"]))
    >>> wanted_columns(["user_id", "plan", "notes"], request)
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
            # Told later, with the file.
            return None
    return [label for label in labels if label in wanted]
