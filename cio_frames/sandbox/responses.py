"""Bodies of error responses: the documentation settles on no single shape, so clients read several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import orjson

from cio_frames.sandbox.parsing import Problem
from cio_frames.sandbox.violations import Violation

ErrorBody = Literal["meta", "meta_error", "code", "errors", "text"]
ERROR_BODIES: tuple[ErrorBody, ...] = get_args(ErrorBody)

_KNOWN_STATUSES = frozenset(HTTPStatus)


class ApiResponse(NamedTuple):
    """An HTTP response."""

    status: int
    content: bytes = b"{}"
    media_type: str = "application/json"


def error_response(status: int, violations: Sequence[Violation], shape: ErrorBody) -> ApiResponse:
    """Return an error response in one of the shapes that clients read.

    >>> error_response(400, [Violation("event", "event: required value is missing")], "meta").content
    b'{"meta":{"errors":["event: required value is missing"]}}'
    """
    # The position in the batch is absent: no source says that the API states it here.
    distinct = list(dict.fromkeys(violations))
    if shape == "text":
        return ApiResponse(status, _join_reasons(distinct).encode(), "text/plain")
    return ApiResponse(status, orjson.dumps(_BODY_BUILDERS[shape](status, distinct)))


def multi_status_response(problems: Sequence[Problem]) -> ApiResponse:
    """Return the vendor's form for a batch of which some calls were rejected, from version 2 of its Track API.

    >>> multi_status_response([Problem((Violation("event", "event: required value is missing"),), 1)]).content
    b'{"errors":[{"batch_index":1,"reason":"invalid","field":"event","message":"event: required value is missing"}]}'
    """
    errors = [
        {"batch_index": problem.item, **_describe_violation(violation)}
        for problem in problems
        for violation in problem.violations
    ]
    return ApiResponse(HTTPStatus.MULTI_STATUS, orjson.dumps({"errors": errors}))


def _describe_violation(violation: Violation) -> dict[str, str]:
    return {"reason": "invalid", "field": violation.field or "", "message": violation.reason}


def _join_reasons(violations: Sequence[Violation]) -> str:
    return "; ".join(violation.reason for violation in violations)


def _build_meta(_: int, violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the shape in the vendor's OpenAPI file."""
    return {"meta": {"errors": [violation.reason for violation in violations]}}


def _build_meta_error(_: int, violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the other shape that the vendor's Node client reads."""
    return {"meta": {"error": _join_reasons(violations)}}


def _build_code(status: int, violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the shape that the vendor's Python client reads; the codes are an assumption."""
    code = HTTPStatus(status).name.lower() if status in _KNOWN_STATUSES else str(status)
    return {"code": code, "message": _join_reasons(violations)}


def _build_errors(_: int, violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the shape that the vendor's file defines and does not use; its values are an assumption."""
    return {"errors": [_describe_violation(violation) for violation in violations]}


_BODY_BUILDERS: Mapping[str, Callable[[int, Sequence[Violation]], dict[str, Any]]] = MappingProxyType(
    {"meta": _build_meta, "meta_error": _build_meta_error, "code": _build_code, "errors": _build_errors}
)
