"""What the other end answered: the reply to one request, and how its parts are read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

import orjson

# A 207 may name every call of a batch.
MAX_REPLY_BYTES = 2**21
# Longer waits are as good as this one; it keeps sums and texts short.
_MAX_RETRY_AFTER_SECONDS = 366 * 86_400.0
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NO_ERROR: tuple[Any, ...] = (None, False, "", [], {})


class Content(Enum):
    """What the body of an answer is."""

    EMPTY = auto()
    # A JSON object without errors: with status 200 the API's success.
    OBJECT = auto()
    # JSON in one of the API's error shapes.
    ERRORS = auto()
    # A web page: of a proxy, a firewall or a login.
    PAGE = auto()
    # Anything else: text, other JSON, bytes that do not match their encoding.
    OTHER = auto()
    # The connection ended, or time was up, before the whole body was there.
    CUT = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one request.

    Attributes
    ----------
    status : int or None
        The HTTP status; None if no answer came.
    message : str
        The API's message, or what failed on the way. Never text of an unknown server.
    retry_after_seconds : float or None
        How long the server asked to wait.
    sent : bool
        Whether any byte of the request may have reached the server.
    content : Content
        What the body is.
    rejections : mapping of int to str
        The messages about single calls, by their position in the batch; -1 for a call that is not in the batch.
    is_permanent : bool
        Whether it failed by a setting of this machine, which no retry changes.
    has_remedy : bool
        Whether the message says what to do.
    """

    status: int | None
    message: str
    retry_after_seconds: float | None = None
    sent: bool = True
    content: Content = Content.EMPTY
    rejections: Mapping[int, str] = field(default_factory=dict)
    is_permanent: bool = False
    has_remedy: bool = False


@dataclass(frozen=True, slots=True)
class ReplyBody:
    """What a body says, with messages as the server wrote them.

    Attributes
    ----------
    content : Content
        What it is.
    messages : list of str
        The messages of an error shape.
    rejections : list of (int, str)
        The position of a call in the batch, -1 if that is not a valid number, and what is wrong with it.
    """

    content: Content
    messages: list[str] = field(default_factory=list)
    rejections: list[tuple[int, str]] = field(default_factory=list)


def read_body(
    pieces: Iterable[bytes], give_up_at: float = float("inf"), *, clock: Callable[[], float] = time.monotonic
) -> tuple[bytes, bool]:
    """Return a body as far as it is read, and whether that is all of it.

    Parameters
    ----------
    pieces : iterable of bytes
        The body as it arrives.
    give_up_at : float
        When to stop waiting for more, by ``clock``.

    Examples
    --------
    >>> read_body([b"slow", b" down"])
    (b'slow down', True)
    """
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_REPLY_BYTES or clock() > give_up_at:
            return bytes(body), False
    return bytes(body), True


def parse_body(body: bytes, content_type: str = "") -> ReplyBody:
    """Return what a whole body says.

    The documented errors are ``{"meta":{"errors":[...]}}``; official clients also read ``meta.error``, ``{code,
    message}`` and a list of ``{reason, field, message}``; the App API has ``{"errors":[{"detail", "source"}]}``.

    >>> parse_body(b'{"meta":{"errors":["event is missing"]}}').messages
    ['event is missing']
    >>> parse_body(b'{"errors":[{"reason":"required","field":"userId","message":"is blank"}]}').messages
    ['userId: is blank']
    >>> [parse_body(body).content.name for body in (b"", b"{}", b"<html>", b"slow down")]
    ['EMPTY', 'OBJECT', 'PAGE', 'OTHER']
    """
    text = body.strip()
    if text == b"{}" and content_type in ("", "application/json"):
        return ReplyBody(Content.OBJECT)
    if "html" in content_type.lower() or _without_mark(text)[:1] == b"<":
        return ReplyBody(Content.PAGE)
    if not text:
        return ReplyBody(Content.EMPTY)
    try:
        parsed = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return ReplyBody(Content.OTHER)
    messages = list(_find_messages(parsed))
    if _has_errors(parsed):
        return ReplyBody(Content.ERRORS, messages, list(_find_rejections(parsed)))
    if isinstance(parsed, dict):
        # A message alone is not an error, but explains one that the status tells of. Other texts are of no known shape.
        message = parsed.get("message")
        return ReplyBody(Content.OBJECT, [message] if isinstance(message, str) and message else [])
    return ReplyBody(Content.OTHER)


def _without_mark(text: bytes) -> bytes:
    for mark in _BYTE_ORDER_MARKS:
        text = text.removeprefix(mark)
    return text.lstrip()


def _has_errors(parsed: Any) -> bool:
    """Return whether parsed JSON is one of the API's error shapes."""
    if isinstance(parsed, list):
        return any(isinstance(part, dict) and _message_of(part) for part in parsed)
    if not isinstance(parsed, dict):
        return False
    known = {key.lower(): value for key, value in parsed.items()}
    meta = known.get("meta")
    places = [known, {key.lower(): value for key, value in meta.items()} if isinstance(meta, dict) else {}]
    if any(place.get(key) not in _NO_ERROR for place in places for key in ("error", "errors")):
        return True
    return any(place.get("success") in (False, "false") and "success" in place for place in places)


def _find_messages(node: Any) -> Iterator[str]:
    """Yield the messages of a parsed body, wherever its shape has them."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for part in node:
            yield from _find_messages(part)
    elif isinstance(node, dict):
        message = _message_of(node)
        if message:
            yield message
        for key, value in node.items():
            if key.lower() in ("meta", "errors", "error") and not (key.lower() == "meta" and isinstance(value, str)):
                yield from _find_messages(value)


def _message_of(error: Mapping[str, Any]) -> str:
    """Return the message of one error object, with the field that it is about; nothing if it has none."""
    text = next((text for key in ("message", "detail", "reason") if isinstance(text := error.get(key), str)), "")
    source = error.get("source")
    place = error.get("field") or (source.get("pointer") if isinstance(source, dict) else None)
    return f"{place}: {text}" if text and isinstance(place, str) else text


def _find_rejections(parsed: Any) -> Iterator[tuple[int, str]]:
    """Yield the position and the message of each error that names a call of the batch, -1 for other errors."""
    meta = parsed.get("meta") if isinstance(parsed, dict) else None
    places = [node for node in (parsed, meta) if isinstance(node, dict)]
    for errors in [place.get(key) for place in places for key in ("errors", "error")]:
        if errors in _NO_ERROR:
            continue
        for error in errors if isinstance(errors, list) else [errors]:
            index: Any = error.get("batch_index") if isinstance(error, dict) else None
            is_valid = type(index) is int and index >= 0
            yield index if is_valid else -1, "; ".join(_find_messages(error))


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait; None if it is missing or invalid.

    >>> retry_after_seconds("3", now=0.0)
    3.0
    >>> retry_after_seconds("Thu, 01 Jan 1970 00:00:10 GMT", now=4.0)
    6.0
    >>> retry_after_seconds("soon", now=0.0) is None
    True
    """
    if header is None:
        return None
    try:
        seconds = float(header) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", header) else _seconds_until(header, now)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def _seconds_until(date: str, now: float) -> float:
    parsed = parsedate_to_datetime(date)
    # HTTP dates are UTC, also where they do not say so.
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() - now
