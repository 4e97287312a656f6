"""What an error answer looks like: nobody documents one shape for sure, so clients have to read several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import orjson

from cio_frames.sandbox.checks import Fault

ErrorBody = Literal["meta", "meta_error", "code", "errors", "text"]
ERROR_BODIES: tuple[ErrorBody, ...] = get_args(ErrorBody)


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    content: bytes = b"{}"
    media_type: str = "application/json"


def error(status: int, faults: Sequence[Fault], shape: ErrorBody) -> Answer:
    """Return an error answer in one of the shapes that clients know.

    >>> error(400, [Fault("event", "event is missing")], "meta").content
    b'{"meta":{"errors":["event is missing"]}}'
    """
    # Which call of a batch is meant is left out: nothing says that the API tells.
    once = list(dict.fromkeys(faults))
    if shape == "text":
        return Answer(status, _sentence(once).encode(), "text/plain")
    return Answer(status, orjson.dumps(_SHAPES[shape](status, once)))


def _sentence(faults: Sequence[Fault]) -> str:
    return "; ".join(fault.reason for fault in faults)


def _meta(_: int, faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the shape in the vendor's file."""
    return {"meta": {"errors": [fault.reason for fault in faults]}}


def _meta_error(_: int, faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the other shape that the vendor's Node client reads."""
    return {"meta": {"error": _sentence(faults)}}


def _code(status: int, faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the shape that the vendor's Python client reads; which codes there are is assumed."""
    return {"code": HTTPStatus(status).name.lower(), "message": _sentence(faults)}


def _errors(_: int, faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the shape that the vendor's file has and uses nowhere; what stands in it is assumed."""
    return {"errors": [{"reason": "invalid", "field": f.field or "", "message": f.reason} for f in faults]}


_SHAPES: Mapping[str, Callable[[int, Sequence[Fault]], dict[str, Any]]] = MappingProxyType(
    {"meta": _meta, "meta_error": _meta_error, "code": _code, "errors": _errors}
)
