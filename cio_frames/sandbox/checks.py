"""What is wrong with one call, judged by the spec alone.

Property types of semantic events are not judged: nothing known says that the API refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from cio_frames import spec

_IDS = ("userId", "anonymousId", "previousId", "groupId")


class Fault(NamedTuple):
    """One thing that is wrong: the field, where it is about one, and why in words."""

    field: str | None
    reason: str


class _Rules(NamedTuple):
    """What the spec says of one kind of call, laid out for checking thousands a second."""

    texts: tuple[str, ...]
    objects: tuple[str, ...]
    ids: tuple[str, ...]
    required: tuple[str, ...]


def faults_of(call: object, endpoint: spec.CallName | None = None) -> list[Fault]:
    """Return everything that is wrong with a call, nothing for a good one.

    Parameters
    ----------
    call
        What the JSON said.
    endpoint
        The kind of call that its path implies; None in a batch, where each call must say its type.

    Examples
    --------
    >>> faults_of({"type": "track", "userId": "7", "event": "Order Completed"})
    []
    >>> faults_of({"userId": "7"}, "track")
    [Fault(field='event', reason='event is missing')]
    """
    if not isinstance(call, dict):
        return [Fault(None, "a call is not an object")]
    if fault := _wrong_type(call, endpoint):
        return [fault]
    rules = _rules(cast(spec.CallName, call.get("type", endpoint)))
    return [
        *_wrong_texts(call, rules),
        *_missing(call, rules),
        *_wrong_objects(call, rules),
        *_wrong_stamps(call),
    ]


@cache
def _rules(name: spec.CallName) -> _Rules:
    call = spec.calls()[name]
    return _Rules(
        texts=tuple(field for field in (*_IDS, "event") if field in call.fields),
        objects=tuple(name for name, field in call.fields.items() if field.type == "object"),
        ids=call.ids,
        required=call.required,
    )


def _wrong_type(call: Mapping[str, Any], endpoint: spec.CallName | None) -> Fault | None:
    if "type" not in call:
        return None if endpoint else Fault("type", "type is missing")
    if call["type"] not in spec.CALL_NAMES:
        return Fault("type", f"type is not one of {', '.join(spec.CALL_NAMES)}")
    # Assumed: a call that contradicts its path is refused.
    if endpoint and call["type"] != endpoint:
        return Fault("type", f"type is {call['type']} on the path of {endpoint}")
    return None


def _wrong_texts(call: Mapping[str, Any], rules: _Rules) -> Iterator[Fault]:
    for name in rules.texts:
        # The vendor's Python client sends the id that a call does not have as null.
        if call.get(name) is not None and not _is_text(call[name]):
            yield Fault(name, f"{name} is not a non-empty string")


def _missing(call: Mapping[str, Any], rules: _Rules) -> Iterator[Fault]:
    for name in rules.required:
        if call.get(name) is None:
            yield Fault(name, f"{name} is missing")
    ids = _ids_needed(call, rules)
    if ids and all(call.get(name) is None for name in ids):
        yield Fault(ids[0], f"{' or '.join(ids)} is missing")


def _ids_needed(call: Mapping[str, Any], rules: _Rules) -> tuple[str, ...]:
    name = call.get("event")
    if "event" in rules.required and isinstance(name, str):
        # The API trims spaces around the names of events.
        event = spec.semantic_event(name.strip())
        return rules.ids if event is None else event.ids
    return rules.ids


def _wrong_objects(call: Mapping[str, Any], rules: _Rules) -> Iterator[Fault]:
    for name in rules.objects:
        if name in call and not isinstance(call[name], dict):
            yield Fault(name, f"{name} is not an object")


def _wrong_stamps(call: Mapping[str, Any]) -> Iterator[Fault]:
    if "messageId" in call and not _is_text(call["messageId"]):
        yield Fault("messageId", "messageId is not a non-empty string")
    if "timestamp" in call and not _is_date_time(call["timestamp"]):
        yield Fault("timestamp", "timestamp is not an ISO 8601 date-time")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not value.isspace() and value != ""


def _is_date_time(value: object) -> bool:
    # Assumed: a time without zone is taken, a date alone is not (the vendor's format is date-time).
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
