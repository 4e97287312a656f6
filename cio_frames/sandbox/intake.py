"""A body in, the calls to keep and the problems out. No HTTP, no storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from cio_frames import spec
from cio_frames.sandbox.checks import Flaw, flaws_of

# A batch may carry these once for all its calls.
_SHARED = ("context", "integrations")


class Kept(NamedTuple):
    """The calls of a request that were taken, each as JSON with the gaps filled.

    Attributes
    ----------
    payloads : list of bytes
        The calls.
    items : list of int or None
        Their places in the batch; None where all were taken.
    """

    payloads: Sequence[bytes] = ()
    items: Sequence[int] | None = None


class Problem(NamedTuple):
    """A call that was not taken; ``item`` is its place in the batch, and None means the whole request."""

    flaws: tuple[Flaw, ...]
    item: int | None = None
    message_id: str | None = None

    @property
    def reason(self) -> str:
        """All flaws in one line."""
        return "; ".join(flaw.reason for flaw in self.flaws)


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought, and the status that it gets in each mode."""

    count: int = 0
    kept: Kept = field(default_factory=Kept)
    problems: list[Problem] = field(default_factory=list)
    strict_status: int = 200
    permissive_status: int = 200


def refused(reason: str, strict_status: int, permissive_status: int = 200, field: str | None = None) -> Intake:
    """Return the intake of a request that is wrong as a whole."""
    problem = Problem((Flaw(field, reason),))
    return Intake(problems=[problem], strict_status=strict_status, permissive_status=permissive_status)


def take(body: bytes, endpoint: spec.CallName | None) -> Intake:
    """Sort the calls of a body into kept ones and problems.

    Parameters
    ----------
    body
        One call, or a batch.
    endpoint
        The kind of call that the path implies; None for a batch.

    Examples
    --------
    >>> take(b'{"userId": "7", "event": "Order Completed"}', "track").count
    1
    >>> take(b'{"batch": [{"type": "identify"}]}', None).problems[0].reason
    'userId or anonymousId is missing'
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # Assumed: what is not JSON gets 400 in both modes.
        return refused(f"the body is not JSON: {error}", 400, 400)
    if endpoint:
        return _sorted_out([content], {}, endpoint, size=len(body))
    if flaw := _envelope_flaw(content):
        return refused(flaw.reason, 400, field=flaw.field)
    return _sorted_out(content["batch"], {name: content[name] for name in _SHARED if content.get(name)})


def _envelope_flaw(content: object) -> Flaw | None:
    if not isinstance(content, dict):
        return Flaw(None, "the body is not an object")
    # Assumed: an empty batch is taken.
    if not isinstance(content.get("batch"), list):
        return Flaw("batch", "batch is not an array")
    wrong = [name for name in _SHARED if name in content and not isinstance(content[name], dict)]
    return Flaw(wrong[0], f"{wrong[0]} is not an object") if wrong else None


def _sorted_out(
    calls: list[Any], shared: dict[str, Any], endpoint: spec.CallName | None = None, size: int | None = None
) -> Intake:
    payloads, items, problems = [], [], []
    for item, call in enumerate(calls):
        outcome = _payload_or_flaws(call, shared, endpoint, size)
        if isinstance(outcome, bytes):
            payloads.append(outcome)
            items.append(item)
        else:
            problems.append(Problem(tuple(outcome), None if endpoint else item, _message_id(call)))
    kept = Kept(payloads, items if problems else None)
    return Intake(len(calls), kept, problems, strict_status=400 if problems else 200)


def _payload_or_flaws(
    call: Any, shared: dict[str, Any], endpoint: spec.CallName | None, size: int | None
) -> bytes | list[Flaw]:
    if flaws := flaws_of(call, endpoint):
        return flaws
    try:
        payload = orjson.dumps(call)
        is_whole = "type" in call and "messageId" in call and not shared
        filled = payload if is_whole else orjson.dumps(_filled(call, shared, endpoint))
    except orjson.JSONEncodeError:
        return [Flaw(None, "the call nests more than 254 levels deep, which this sandbox cannot store")]
    # A call in a batch is measured as written anew, without spaces: close enough.
    size, limit = size or len(payload), spec.api().limits["api_call_bytes"]
    if size > limit:
        # Assumed: in strict mode a call over the limit is answered like any other wrong one.
        return [Flaw(None, f"the call has {size} bytes, and {limit} is the limit")]
    return filled


def _filled(call: dict[str, Any], shared: dict[str, Any], endpoint: spec.CallName | None) -> dict[str, Any]:
    # Assumed: the call's own context and integrations win field by field, the batch's fill the gaps.
    filled = {name: value | call.get(name, {}) for name, value in shared.items()}
    return {"type": endpoint, "messageId": str(uuid4())} | call | filled


def _message_id(call: object) -> str | None:
    found = call.get("messageId") if isinstance(call, dict) else None
    return found if isinstance(found, str) else None
