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
_REPLY_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NO_ERROR: tuple[Any, ...] = (None, False, "", [], {})
# What tells of a failure outside the known shapes: a key of this name with a value, a flag that is off, a status.
_FAILURE_WORD = re.compile(r"error|exception|(?<!de)fault|fail|reject|denied|unauthorized|forbidden|invalid", re.I)
_SUCCESS_FLAGS = frozenset(("success", "successful", "ok", "accepted"))
_STATUS_KEYS = frozenset(("status", "statuscode", "status_code", "code", "state", "result"))
_MIN_FAILURE_STATUS = 400


class Content(Enum):
    """What the body of an answer is."""

    EMPTY = auto()
    # A JSON object without errors: with status 200 the API's success.
    OBJECT = auto()
    # JSON in one of the API's error shapes.
    ERRORS = auto()
    # A JSON object that tells of a failure elsewhere: it proves no success.
    FAILURE = auto()
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
    clock_ahead_seconds : float or None
        How far this machine's clock is ahead of the time in the answer's ``Date``; None without a valid one.
    """

    status: int | None
    message: str
    retry_after_seconds: float | None = None
    sent: bool = True
    content: Content = Content.EMPTY
    rejections: Mapping[int, str] = field(default_factory=dict)
    is_permanent: bool = False
    has_remedy: bool = False
    clock_ahead_seconds: float | None = None


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
    >>> [parse_body(body).content.name for body in (b"", b"{}", b"<html>", b"slow down", b'{"ok":false}')]
    ['EMPTY', 'OBJECT', 'PAGE', 'OTHER', 'FAILURE']
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
    except orjson.JSONDecodeError:
        return ReplyBody(Content.OTHER)
    try:
        return _parse_json(parsed)
    except RecursionError:
        # Nested deeper than any message of the API is.
        return ReplyBody(Content.OTHER)


def _parse_json(parsed: Any) -> ReplyBody:
    if _has_errors(parsed):
        return ReplyBody(Content.ERRORS, list(_find_messages(parsed)), list(_find_rejections(parsed)))
    if isinstance(parsed, dict):
        # A message alone is not an error, but explains one that the status tells of. Other texts are of no known shape.
        message = parsed.get("message")
        content = Content.FAILURE if _tells_of_failure(parsed) else Content.OBJECT
        return ReplyBody(content, [message] if isinstance(message, str) and message else [])
    return ReplyBody(Content.OTHER)


def _without_mark(text: bytes) -> bytes:
    for mark in _REPLY_BYTE_ORDER_MARKS:
        text = text.removeprefix(mark)
    return text.lstrip()


def _has_errors(parsed: Any) -> bool:
    """Return whether parsed JSON is one of the API's error shapes."""
    if isinstance(parsed, list):
        return any(isinstance(part, dict) and _message_of(part) for part in parsed)
    if not isinstance(parsed, dict):
        return False
    metas = [value for key, value in parsed.items() if key.lower() == "meta" and isinstance(value, dict)]
    pairs = [(key.lower(), value) for place in (parsed, *metas) for key, value in place.items()]
    return any(
        (key in ("error", "errors") and value not in _NO_ERROR) or (key == "success" and value in (False, "false"))
        for key, value in pairs
    )


def _tells_of_failure(parsed: Any) -> bool:
    """Return whether anything in parsed JSON says that something failed, at any depth."""
    nodes = [parsed]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            nodes += node.values()
            if any(_is_failure(key, value) for key, value in node.items()):
                return True
            # An error shape of Segment's, which an official client reads.
            if isinstance(node.get("code"), str) and isinstance(node.get("message"), str):
                return True
        elif isinstance(node, list):
            nodes += node
    return False


def _is_failure(key: str, value: Any) -> bool:
    name = key.lower()
    if name in _SUCCESS_FLAGS:
        return value in (*_NO_ERROR, 0) or str(value).lower() in ("false", "no")
    if name in _STATUS_KEYS:
        text = str(value)
        return bool(_FAILURE_WORD.search(text)) or (text.isdecimal() and int(text[:9]) >= _MIN_FAILURE_STATUS)
    return bool(_FAILURE_WORD.search(name)) and value not in (*_NO_ERROR, 0)


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


def clock_ahead_seconds(header: str | None, *, now: float) -> float | None:
    """Return how far a clock is ahead of the time that a ``Date`` header names; None if it is missing or invalid.

    >>> clock_ahead_seconds("Thu, 01 Jan 1970 00:00:10 GMT", now=14.0)
    4.0
    >>> clock_ahead_seconds("today", now=0.0) is None
    True
    """
    try:
        return None if header is None else -_seconds_until(header, now)
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds_until(date: str, now: float) -> float:
    parsed = parsedate_to_datetime(date)
    # HTTP dates are UTC, also where they do not say so.
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() - now
