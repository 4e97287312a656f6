"""What is wrong with one call, by the spec alone.

The types of a semantic event's properties are not checked: no source says that the API rejects them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast

from cio_frames import spec
from cio_frames.sandbox.people import read_email
from cio_frames.sandbox.wire import CALL_ID_FIELDS, WireField


class Violation(NamedTuple):
    """One thing that is wrong with a call; ``field`` is None where it concerns the whole call."""

    field: str | None
    reason: str


class _CallRules(NamedTuple):
    """What the spec says of one kind of call, arranged for checking thousands a second."""

    texts: tuple[str, ...]
    objects: tuple[str, ...]
    ids: tuple[str, ...]
    required: tuple[str, ...]
    allows_email_only: bool


class FastRules(NamedTuple):
    """The Python type that each field must have, and the required fields."""

    types: Mapping[str, type]
    required: tuple[str, ...]
    has_event: bool
    ids: tuple[str, ...]


def find_violations(call: object, endpoint: spec.CallName | None = None) -> list[Violation]:
    """Return everything that is wrong with a call, an empty list for a valid one.

    Parameters
    ----------
    call
        The parsed JSON.
    endpoint
        The kind of call that the path implies; None in a batch, where each call states its type.

    Examples
    --------
    >>> find_violations({"type": "track", "userId": "7", "event": "Order Completed"})
    []
    >>> find_violations({"userId": "7"}, "track")
    [Violation(field='event', reason='event: required value is missing')]
    """
    if not isinstance(call, dict):
        return [Violation(None, "call must be a JSON object")]
    if violation := _check_type(call, endpoint):
        return [violation]
    rules = _call_rules(cast(spec.CallName, call.get(WireField.TYPE, endpoint)))
    return [
        *_check_texts(call, rules),
        *_check_required(call, rules),
        *_check_objects(call, rules),
        *_check_message_id_and_time(call),
    ]


def passes_fast_path(call: Any) -> bool:
    """Return True if a call of a batch is certainly valid; False means that it needs :func:`find_violations`.

    Most calls are valid, and this check takes a third of the time.

    >>> passes_fast_path({"type": "track", "userId": "7", "event": "Order Completed"})
    True
    """
    kind = call.get(WireField.TYPE) if type(call) is dict else None
    rules = _fast_rules().get(kind) if type(kind) is str else None
    if rules is None:
        return False
    expected_type = rules.types.get
    for name, value in call.items():
        expected = expected_type(name)
        if expected is str:
            if type(value) is not str or not value or value.isspace():
                return False
        elif expected is dict and type(value) is not dict:
            return False
    if WireField.TIMESTAMP in call and not _is_date_time(call[WireField.TIMESTAMP]):
        return False
    for name in rules.required:
        if name not in call:
            return False
    ids = _ids_of_event(call[WireField.EVENT]) if rules.has_event else rules.ids
    for name in ids:
        if name in call:
            return True
    return not ids


@cache
def _fast_rules() -> Mapping[str, FastRules]:
    found: dict[str, FastRules] = {}
    for name in spec.CALL_NAMES:
        rules = _call_rules(name)
        texts = dict.fromkeys((*rules.texts, WireField.MESSAGE_ID, WireField.TIMESTAMP), str)
        types = {**texts, **dict.fromkeys(rules.objects, dict)}
        found[name] = FastRules(types, rules.required, WireField.EVENT in rules.required, rules.ids)
    return found


@lru_cache(maxsize=1024)
def _ids_of_event(name: str) -> tuple[str, ...]:
    # The API strips spaces around event names.
    event = spec.semantic_event(name.strip())
    return _call_rules("track").ids if event is None else event.ids


@cache
def _call_rules(name: spec.CallName) -> _CallRules:
    call = spec.calls()[name]
    return _CallRules(
        texts=tuple(field for field in (*CALL_ID_FIELDS, WireField.EVENT) if field in call.fields),
        objects=tuple(name for name, field in call.fields.items() if field.type == "object"),
        ids=call.ids,
        required=call.required,
        allows_email_only=name == "identify",
    )


def _check_type(call: Mapping[str, Any], endpoint: spec.CallName | None) -> Violation | None:
    if WireField.TYPE not in call:
        return None if endpoint else Violation(WireField.TYPE, "type: required value is missing")
    kind = call[WireField.TYPE]
    if kind not in spec.CALL_NAMES:
        return Violation(WireField.TYPE, f"type: must be one of {', '.join(spec.CALL_NAMES)}")
    if endpoint and kind != endpoint:
        return Violation(WireField.TYPE, f"type: {kind!r} does not match the path, which takes {endpoint!r}")
    return None


def _check_texts(call: Mapping[str, Any], rules: _CallRules) -> Iterator[Violation]:
    for name in rules.texts:
        # The vendor's Python client sends null for an id that the call does not have.
        if call.get(name) is not None and not _is_filled_text(call[name]) and not _has_email_only(name, call, rules):
            yield Violation(name, f"{name}: must be a non-empty string")


def _has_email_only(name: str, call: Mapping[str, Any], rules: _CallRules) -> bool:
    # The vendor's file of 2025: identify may have an empty userId if the traits have an email.
    traits = call.get(WireField.TRAITS)
    return (
        rules.allows_email_only
        and name == WireField.USER_ID
        and call[name] == ""
        and isinstance(traits, dict)
        and read_email(traits) is not None
    )


def _check_required(call: Mapping[str, Any], rules: _CallRules) -> Iterator[Violation]:
    for name in rules.required:
        if call.get(name) is None:
            yield Violation(name, f"{name}: required value is missing")
    ids = _required_ids(call, rules)
    if ids and all(call.get(name) is None for name in ids):
        yield Violation(ids[0], f"{' or '.join(ids)}: required value is missing")


def _required_ids(call: Mapping[str, Any], rules: _CallRules) -> tuple[str, ...]:
    name = call.get(WireField.EVENT)
    return _ids_of_event(name) if WireField.EVENT in rules.required and isinstance(name, str) else rules.ids


def _check_objects(call: Mapping[str, Any], rules: _CallRules) -> Iterator[Violation]:
    for name in rules.objects:
        if name in call and not isinstance(call[name], dict):
            yield Violation(name, f"{name}: must be a JSON object")


def _check_message_id_and_time(call: Mapping[str, Any]) -> Iterator[Violation]:
    message_id, timestamp = WireField.MESSAGE_ID, WireField.TIMESTAMP
    if message_id in call and not _is_filled_text(call[message_id]):
        yield Violation(message_id, f"{message_id}: must be a non-empty string")
    if timestamp in call and not _is_date_time(call[timestamp]):
        yield Violation(timestamp, f"{timestamp}: must be an ISO 8601 date-time")


def _is_filled_text(value: object) -> bool:
    return isinstance(value, str) and not value.isspace() and value != ""


def _is_date_time(value: object) -> bool:
    # A time without a zone is accepted, a date alone is not: the vendor's format is date-time.
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
