"""A body in, the calls to keep and the problems out. No HTTP, no storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from cio_frames import spec
from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.checks import Flaw, flaws_of, is_right_at_a_glance

_DEFAULT = Assumed()
_TOO_LARGE = "the call has"
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
    """A call with something wrong; ``item`` is its place in the batch, and None means the whole request."""

    flaws: tuple[Flaw, ...]
    item: int | None = None
    message_id: str | None = None

    @property
    def reason(self) -> str:
        """All flaws in one line."""
        return "; ".join(flaw.reason for flaw in self.flaws)


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought, and the status that it gets in each mode; warnings are of calls that were kept."""

    count: int = 0
    kept: Kept = field(default_factory=Kept)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    strict_status: int = 200
    permissive_status: int = 200


def refused(reason: str, strict_status: int, permissive_status: int = 200, field: str | None = None) -> Intake:
    """Return the intake of a request that is wrong as a whole."""
    problem = Problem((Flaw(field, reason),))
    return Intake(problems=[problem], strict_status=strict_status, permissive_status=permissive_status)


def take(body: bytes, endpoint: spec.CallName | None, assumed: Assumed = _DEFAULT, size: int | None = None) -> Intake:
    """Sort the calls of a body into kept ones and problems.

    Parameters
    ----------
    body
        One call, or a batch.
    endpoint
        The kind of call that the path implies; None for a batch.
    assumed
        How the undocumented is decided.
    size
        What the body measures, where that is not its length.

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
        return refused(f"the body is not JSON: {error}", 400, int(assumed.bad_json))
    if endpoint:
        return _sorted_out([content], {}, endpoint, assumed, size or len(body))
    if flaw := _envelope_flaw(content, assumed):
        return refused(flaw.reason, 400, field=flaw.field)
    shared = {name: content[name] for name in _SHARED if content.get(name)}
    return _sorted_out(content["batch"], shared, None, assumed)


def limit(name: str, assumed: Assumed) -> int:
    """Return a limit in bytes; the spec has it in KB of 1024.

    >>> limit("api_call_bytes", Assumed(kilobyte="1000"))
    32000
    """
    return spec.read_api().limits[name] * int(assumed.kilobyte) // 1024


def _envelope_flaw(content: object, assumed: Assumed) -> Flaw | None:
    if not isinstance(content, dict):
        return Flaw(None, "the body is not an object")
    batch = content.get("batch")
    if not isinstance(batch, list):
        return Flaw("batch", "batch is not an array")
    if not batch and assumed.empty_batch == "refuse":
        return Flaw("batch", "batch is empty")
    if assumed.batch_calls != "any" and len(batch) > int(assumed.batch_calls):
        return Flaw("batch", f"the batch has {len(batch)} calls, and {assumed.batch_calls} is the limit")
    wrong = [name for name in _SHARED if name in content and not isinstance(content[name], dict)]
    return Flaw(wrong[0], f"{wrong[0]} is not an object") if wrong else None


def _sorted_out(
    calls: list[Any],
    shared: dict[str, Any],
    endpoint: spec.CallName | None,
    assumed: Assumed,
    size: int | None = None,
) -> Intake:
    payloads: list[bytes] = []
    items: list[int] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    most, safe = limit("api_call_bytes", assumed), spec.read_api().limits["max_call_bytes"]
    for item, call in enumerate(calls):
        place = None if endpoint else item
        outcome = _payload_or_flaws(call, shared, endpoint)
        if isinstance(outcome, list):
            problems.append(Problem(tuple(outcome), place, _message_id(call)))
            continue
        payload, measured = outcome
        # A call in a batch is measured as written anew, without spaces: close enough.
        measured = size or measured
        if measured > safe:
            told = problems if measured > most else warnings
            told.append(Problem((_size_flaw(measured, most, safe),), place, _message_id(call)))
            if measured > most:
                continue
        payloads.append(payload)
        items.append(item)
    kept = Kept(payloads, items if problems else None)
    return Intake(len(calls), kept, problems, warnings, _strict_status(problems, assumed))


def _size_flaw(size: int, most: int, safe: int) -> Flaw:
    if size > most:
        return Flaw(None, f"{_TOO_LARGE} {size} bytes, and {most} is the limit")
    return Flaw(None, f"{_TOO_LARGE} {size} bytes: taken, and too large if a KB has 1000 bytes ({safe} is safe)")


def _strict_status(problems: Sequence[Problem], assumed: Assumed) -> int:
    if not problems:
        return 200
    is_size = all(problem.reason.startswith(_TOO_LARGE) for problem in problems)
    return int(assumed.oversize_call) if is_size else 400


def _payload_or_flaws(
    call: Any, shared: dict[str, Any], endpoint: spec.CallName | None
) -> tuple[bytes, int] | list[Flaw]:
    """Return a call as JSON with the gaps filled, and its size before that; or what is wrong with it."""
    if (endpoint or not is_right_at_a_glance(call)) and (flaws := flaws_of(call, endpoint)):
        return flaws
    try:
        payload = orjson.dumps(call)
        is_whole = "type" in call and "messageId" in call and not shared
        return payload if is_whole else orjson.dumps(_filled(call, shared, endpoint)), len(payload)
    except orjson.JSONEncodeError:
        return [Flaw(None, "the call nests more than 254 levels deep, which this sandbox cannot store")]


def _filled(call: dict[str, Any], shared: dict[str, Any], endpoint: spec.CallName | None) -> dict[str, Any]:
    # As FIXED says: the call's own context and integrations win field by field, the batch's fill the gaps.
    filled = {name: value | call.get(name, {}) for name, value in shared.items()}
    return {"type": endpoint, "messageId": str(uuid4())} | call | filled


def _message_id(call: object) -> str | None:
    found = call.get("messageId") if isinstance(call, dict) else None
    return found if isinstance(found, str) else None
