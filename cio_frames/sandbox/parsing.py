"""Parse a request's body into accepted calls and problems. No HTTP, no storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from cio_frames import spec
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.violations import Violation, find_violations, passes_fast_path
from cio_frames.sandbox.wire import WireField

_DEFAULT_ASSUMPTIONS = Assumptions()
# The beginning of reasons that differ from call to call.
CALL_SIZE_PREFIX = "call is"
BAD_JSON = "body is not valid JSON"
# The log keeps this much of a rejected call.
_MAX_EXCERPT_CHARACTERS = 5_000
# A batch may have these once, for all of its calls without their own.
_BATCH_DEFAULT_FIELDS = (WireField.CONTEXT, WireField.INTEGRATIONS)


class AcceptedCalls(NamedTuple):
    """The accepted calls of a request, each as complete JSON.

    Attributes
    ----------
    payloads : list of bytes
        The calls.
    items : list of int or None
        Their positions in the batch; None if all were accepted.
    types : mapping
        How many there are of each type.
    """

    payloads: Sequence[bytes] = ()
    items: Sequence[int] | None = None
    types: Mapping[str, int] = MappingProxyType({})


class Problem(NamedTuple):
    """A call with violations.

    Attributes
    ----------
    violations : tuple of Violation
        What is wrong.
    item : int or None
        The call's position in the batch; None means the whole request.
    message_id : str or None
        The call's message id.
    call : str or None
        The beginning of a rejected call's JSON.
    """

    violations: tuple[Violation, ...]
    item: int | None = None
    message_id: str | None = None
    call: str | None = None

    @property
    def reason(self) -> str:
        """All violations in one line."""
        return "; ".join(violation.reason for violation in self.violations)


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """The content of one request, and its response's status in each mode; warnings concern accepted calls."""

    count: int = 0
    accepted: AcceptedCalls = field(default_factory=AcceptedCalls)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    strict_status: int = 200
    permissive_status: int = 200


def reject_request(
    reason: str, strict_status: int, permissive_status: int = 200, name: str | None = None
) -> ParsedRequest:
    """Return a request that is rejected as a whole."""
    problem = Problem((Violation(name, reason),))
    return ParsedRequest(problems=[problem], strict_status=strict_status, permissive_status=permissive_status)


def parse_request(
    body: bytes,
    endpoint: spec.CallName | None,
    assumptions: Assumptions = _DEFAULT_ASSUMPTIONS,
    size: int | None = None,
) -> ParsedRequest:
    """Sort the calls of a body into accepted ones and problems.

    Parameters
    ----------
    body
        One call, or a batch.
    endpoint
        The kind of call that the path implies; None for a batch.
    assumptions
        How undocumented behavior is decided.
    size
        The size of the body that limits apply to. Default is its length.

    Examples
    --------
    >>> parse_request(b'{"userId": "7", "event": "Order Completed"}', "track").count
    1
    >>> parse_request(b'{"batch": [{"type": "identify"}]}', None).problems[0].reason
    'userId or anonymousId: required value is missing'
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return reject_request(f"{BAD_JSON}: {error}", 400, int(assumptions.bad_json))
    if endpoint:
        return _parse_calls([content], {}, endpoint, assumptions, size or len(body))
    if violation := _check_batch(content, assumptions):
        return reject_request(violation.reason, 400, name=violation.field)
    defaults = {name: content[name] for name in _BATCH_DEFAULT_FIELDS if content.get(name)}
    return _parse_calls(content[WireField.BATCH], defaults, None, assumptions)


def read_write_key(body: bytes) -> str | None:
    """Return the write key in a batch, where the vendor's mobile SDK puts it.

    >>> read_write_key(b'{"writeKey": "key", "batch": []}')
    'key'
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    write_key = content.get(WireField.WRITE_KEY) if isinstance(content, dict) else None
    return write_key if isinstance(write_key, str) else None


def byte_limit(name: str, assumptions: Assumptions) -> int:
    """Return a limit in bytes; the spec has it in KB of 1024.

    >>> byte_limit("api_call_bytes", Assumptions(kilobyte="1000"))
    32000
    """
    return spec.read_api().limits[name] * int(assumptions.kilobyte) // 1024


def _check_batch(content: object, assumptions: Assumptions) -> Violation | None:
    if not isinstance(content, dict):
        return Violation(None, "body must be a JSON object")
    batch = content.get(WireField.BATCH)
    if not isinstance(batch, list):
        return Violation(WireField.BATCH, "batch: must be an array")
    if not batch and assumptions.empty_batch == "refuse":
        return Violation(WireField.BATCH, "batch: must have at least one call")
    if assumptions.batch_calls != "any" and len(batch) > int(assumptions.batch_calls):
        return Violation(WireField.BATCH, f"batch has {len(batch):,} calls; the limit is {assumptions.batch_calls}")
    invalid = [name for name in _BATCH_DEFAULT_FIELDS if name in content and not isinstance(content[name], dict)]
    return Violation(invalid[0], f"{invalid[0]}: must be a JSON object") if invalid else None


def _parse_calls(
    calls: list[Any],
    defaults: dict[str, Any],
    endpoint: spec.CallName | None,
    assumptions: Assumptions,
    size: int | None = None,
) -> ParsedRequest:
    payloads: list[bytes] = []
    items: list[int] = []
    types: list[str] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    limit, safe_limit = byte_limit("api_call_bytes", assumptions), spec.read_api().limits["max_call_bytes"]
    for position, call in enumerate(calls):
        item = None if endpoint else position
        if isinstance(call, dict):
            # Web clients repeat the key in each call; the log and the pages have no key.
            call.pop(WireField.WRITE_KEY, None)
        outcome = _encode_or_reject(call, defaults, endpoint)
        if isinstance(outcome, list):
            problems.append(Problem(tuple(outcome), item, _read_message_id(call), _excerpt(call)))
            continue
        payload, encoded_size = outcome
        # In a batch, a call's size is that of its compact JSON: close enough.
        call_size = size or encoded_size
        if call_size > safe_limit:
            is_over = call_size > limit
            violations = (_size_violation(call_size, limit, safe_limit),)
            problem = Problem(violations, item, _read_message_id(call), _excerpt(call) if is_over else None)
            (problems if is_over else warnings).append(problem)
            if is_over:
                continue
        payloads.append(payload)
        items.append(position)
        types.append(call.get(WireField.TYPE, endpoint))
    accepted = AcceptedCalls(payloads, items if problems else None, Counter(types))
    return ParsedRequest(len(calls), accepted, problems, warnings, _choose_strict_status(problems, assumptions))


def _size_violation(size: int, limit: int, safe_limit: int) -> Violation:
    if size > limit:
        return Violation(None, f"{CALL_SIZE_PREFIX} {size:,} bytes; the limit is {limit:,}")
    return Violation(
        None,
        f"{CALL_SIZE_PREFIX} {size:,} bytes: accepted, but over the limit if a KB has 1,000 bytes; "
        f"keep calls within {safe_limit:,} bytes",
    )


def _choose_strict_status(problems: Sequence[Problem], assumptions: Assumptions) -> int:
    if not problems:
        return 200
    is_size = all(problem.reason.startswith(CALL_SIZE_PREFIX) for problem in problems)
    return int(assumptions.oversize_call) if is_size else 400


def _encode_or_reject(
    call: Any, defaults: dict[str, Any], endpoint: spec.CallName | None
) -> tuple[bytes, int] | list[Violation]:
    """Return a call as complete JSON, and its size as it was sent; or its violations."""
    if (endpoint or not passes_fast_path(call)) and (violations := find_violations(call, endpoint)):
        return violations
    try:
        payload = orjson.dumps(call)
        is_complete = WireField.TYPE in call and WireField.MESSAGE_ID in call and not defaults
        return payload if is_complete else orjson.dumps(_fill_defaults(call, defaults, endpoint)), len(payload)
    except orjson.JSONEncodeError:
        return [Violation(None, "call nests more than 254 levels deep, which this sandbox does not support")]


def _fill_defaults(call: dict[str, Any], defaults: dict[str, Any], endpoint: spec.CallName | None) -> dict[str, Any]:
    # A call's own context replaces the batch's as a whole object, as the vendor's file of 2026-09-17 has it.
    return defaults | {WireField.TYPE: endpoint, WireField.MESSAGE_ID: str(uuid4())} | call


def _excerpt(call: object) -> str | None:
    """Return the beginning of a call's JSON, None if it cannot be written."""
    try:
        text = orjson.dumps(call, option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:
        return None
    return text if len(text) <= _MAX_EXCERPT_CHARACTERS else f"{text[:_MAX_EXCERPT_CHARACTERS]}…"


def _read_message_id(call: object) -> str | None:
    message_id = call.get(WireField.MESSAGE_ID) if isinstance(call, dict) else None
    return message_id if isinstance(message_id, str) else None
