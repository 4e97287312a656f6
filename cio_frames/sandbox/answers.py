"""What an error answer looks like: nobody documents one shape for sure, so clients have to read several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import orjson

from cio_frames.sandbox.checks import Flaw

ErrorBody = Literal["meta", "meta_error", "code", "errors", "text"]
ERROR_BODIES: tuple[ErrorBody, ...] = get_args(ErrorBody)

_STATUSES = frozenset(HTTPStatus)


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    content: bytes = b"{}"
    media_type: str = "application/json"


def error(status: int, flaws: Sequence[Flaw], shape: ErrorBody) -> Answer:
    """Return an error answer in one of the shapes that clients know.

    >>> error(400, [Flaw("event", "event is missing")], "meta").content
    b'{"meta":{"errors":["event is missing"]}}'
    """
    # Which call of a batch is meant is left out: nothing says that the API tells.
    once = list(dict.fromkeys(flaws))
    if shape == "text":
        return Answer(status, _sentence(once).encode(), "text/plain")
    return Answer(status, orjson.dumps(_SHAPES[shape](status, once)))


def _sentence(flaws: Sequence[Flaw]) -> str:
    return "; ".join(flaw.reason for flaw in flaws)


def _meta(_: int, flaws: Sequence[Flaw]) -> dict[str, Any]:
    """Return the shape in the vendor's file."""
    return {"meta": {"errors": [flaw.reason for flaw in flaws]}}


def _meta_error(_: int, flaws: Sequence[Flaw]) -> dict[str, Any]:
    """Return the other shape that the vendor's Node client reads."""
    return {"meta": {"error": _sentence(flaws)}}


def _code(status: int, flaws: Sequence[Flaw]) -> dict[str, Any]:
    """Return the shape that the vendor's Python client reads; which codes there are is assumed."""
    code = HTTPStatus(status).name.lower() if status in _STATUSES else str(status)
    return {"code": code, "message": _sentence(flaws)}


def _errors(_: int, flaws: Sequence[Flaw]) -> dict[str, Any]:
    """Return the shape that the vendor's file has and uses nowhere; what stands in it is assumed."""
    return {"errors": [{"reason": "invalid", "field": f.field or "", "message": f.reason} for f in flaws]}


_SHAPES: Mapping[str, Callable[[int, Sequence[Flaw]], dict[str, Any]]] = MappingProxyType(
    {"meta": _meta, "meta_error": _meta_error, "code": _code, "errors": _errors}
)
