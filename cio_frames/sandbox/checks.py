"""What is wrong with one call, judged by the spec alone.

Property types of semantic events are not judged: nothing known says that the API refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast

from cio_frames import spec
from cio_frames.sandbox.people import email_of

_IDS = ("userId", "anonymousId", "previousId", "groupId")


class Flaw(NamedTuple):
    """One thing that is wrong: the field, where it is about one, and why in words."""

    field: str | None
    reason: str


class _Rules(NamedTuple):
    """What the spec says of one kind of call, laid out for checking thousands a second."""

    texts: tuple[str, ...]
    objects: tuple[str, ...]
    ids: tuple[str, ...]
    required: tuple[str, ...]
    may_be_by_email: bool


def flaws_of(call: object, endpoint: spec.CallName | None = None) -> list[Flaw]:
    """Return everything that is wrong with a call, nothing for a good one.

    Parameters
    ----------
    call
        What the JSON said.
    endpoint
        The kind of call that its path implies; None in a batch, where each call must say its type.

    Examples
    --------
    >>> flaws_of({"type": "track", "userId": "7", "event": "Order Completed"})
    []
    >>> flaws_of({"userId": "7"}, "track")
    [Flaw(field='event', reason='event is missing')]
    """
    if not isinstance(call, dict):
        return [Flaw(None, "a call is not an object")]
    if flaw := _wrong_type(call, endpoint):
        return [flaw]
    rules = _rules(cast(spec.CallName, call.get("type", endpoint)))
    return [
        *_wrong_texts(call, rules),
        *_missing(call, rules),
        *_wrong_objects(call, rules),
        *_wrong_stamps(call),
    ]


def is_right_at_a_glance(call: Any) -> bool:
    """Tell whether a call of a batch is surely right; False only says that it needs :func:`flaws_of`.

    Most calls are right, and this tells it in a third of the time.

    >>> is_right_at_a_glance({"type": "track", "userId": "7", "event": "Order Completed"})
    True
    """
    glance = _glances().get(call["type"]) if type(call) is dict and type(call.get("type")) is str else None
    if glance is None:
        return False
    wanted_of = glance.wanted.get
    for name, value in call.items():
        wanted = wanted_of(name)
        if wanted is str:
            if type(value) is not str or not value or value.isspace():
                return False
        elif wanted is dict and type(value) is not dict:
            return False
    if "timestamp" in call and not _is_date_time(call["timestamp"]):
        return False
    for name in glance.required:
        if name not in call:
            return False
    for name in (ids := _ids_of_event(call["event"]) if glance.has_event else glance.ids):
        if name in call:
            return True
    return not ids


class _Glance(NamedTuple):
    """The Python type of each field that has to be one, and what must be there."""

    wanted: Mapping[str, type]
    required: tuple[str, ...]
    has_event: bool
    ids: tuple[str, ...]


@cache
def _glances() -> Mapping[str, _Glance]:
    found: dict[str, _Glance] = {}
    for name in spec.CALL_NAMES:
        rules = _rules(name)
        texts = dict.fromkeys((*rules.texts, "messageId", "timestamp"), str)
        wanted = {**texts, **dict.fromkeys(rules.objects, dict)}
        found[name] = _Glance(wanted, rules.required, "event" in rules.required, rules.ids)
    return found


@lru_cache(maxsize=1024)
def _ids_of_event(name: str) -> tuple[str, ...]:
    # The API trims spaces around the names of events.
    event = spec.semantic_event(name.strip())
    return _rules("track").ids if event is None else event.ids


@cache
def _rules(name: spec.CallName) -> _Rules:
    call = spec.calls()[name]
    return _Rules(
        texts=tuple(field for field in (*_IDS, "event") if field in call.fields),
        objects=tuple(name for name, field in call.fields.items() if field.type == "object"),
        ids=call.ids,
        required=call.required,
        may_be_by_email=name == "identify",
    )


def _wrong_type(call: Mapping[str, Any], endpoint: spec.CallName | None) -> Flaw | None:
    if "type" not in call:
        return None if endpoint else Flaw("type", "type is missing")
    if call["type"] not in spec.CALL_NAMES:
        return Flaw("type", f"type is not one of {', '.join(spec.CALL_NAMES)}")
    if endpoint and call["type"] != endpoint:
        return Flaw("type", f"type is {call['type']} on the path of {endpoint}")
    return None


def _wrong_texts(call: Mapping[str, Any], rules: _Rules) -> Iterator[Flaw]:
    for name in rules.texts:
        # The vendor's Python client sends the id that a call does not have as null.
        if call.get(name) is not None and not _is_text(call[name]) and not _is_known_by_email(name, call, rules):
            yield Flaw(name, f"{name} is not a non-empty string")


def _is_known_by_email(name: str, call: Mapping[str, Any], rules: _Rules) -> bool:
    # The vendor's file of 2025: identify may leave its userId empty where the traits have an email.
    traits = call.get("traits")
    return (
        rules.may_be_by_email
        and name == "userId"
        and call[name] == ""
        and isinstance(traits, dict)
        and email_of(traits) is not None
    )


def _missing(call: Mapping[str, Any], rules: _Rules) -> Iterator[Flaw]:
    for name in rules.required:
        if call.get(name) is None:
            yield Flaw(name, f"{name} is missing")
    ids = _ids_needed(call, rules)
    if ids and all(call.get(name) is None for name in ids):
        yield Flaw(ids[0], f"{' or '.join(ids)} is missing")


def _ids_needed(call: Mapping[str, Any], rules: _Rules) -> tuple[str, ...]:
    name = call.get("event")
    return _ids_of_event(name) if "event" in rules.required and isinstance(name, str) else rules.ids


def _wrong_objects(call: Mapping[str, Any], rules: _Rules) -> Iterator[Flaw]:
    for name in rules.objects:
        if name in call and not isinstance(call[name], dict):
            yield Flaw(name, f"{name} is not an object")


def _wrong_stamps(call: Mapping[str, Any]) -> Iterator[Flaw]:
    if "messageId" in call and not _is_text(call["messageId"]):
        yield Flaw("messageId", "messageId is not a non-empty string")
    if "timestamp" in call and not _is_date_time(call["timestamp"]):
        yield Flaw("timestamp", "timestamp is not an ISO 8601 date-time")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not value.isspace() and value != ""


def _is_date_time(value: object) -> bool:
    # A time without zone is taken, a date alone is not: the vendor's format is date-time.
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
