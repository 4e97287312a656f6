"""What the other end answered: the reply to one request, and how its parts are read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

MAX_REPLY_BYTES = 16_384
_MAX_MESSAGE_LENGTH = 500
_MAX_RETRY_AFTER_SECONDS = 300.0
_KEY_MASK = "(write key)"
_MIN_REAL_KEY_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one request.

    Attributes
    ----------
    status : int or None
        The HTTP status; None if no answer came.
    message : str
        The server's message, or what failed on the way.
    retry_after_seconds : float or None
        How long the server asked to wait.
    sent : bool
        Whether any byte of the request may have reached the server.
    is_page : bool
        Whether the body is a web page: that of a proxy or a login, not of the API.
    """

    status: int | None
    message: str
    retry_after_seconds: float | None = None
    sent: bool = True
    is_page: bool = False


def read_body(
    pieces: Iterable[bytes], give_up_at: float = float("inf"), *, clock: Callable[[], float] = time.monotonic
) -> bytes:
    """Return the start of a body; one that never ends, or is large, counts as far as it is read.

    Parameters
    ----------
    pieces : iterable of bytes
        The body as it arrives.
    give_up_at : float
        When to stop waiting for more, by ``clock``.

    Examples
    --------
    >>> read_body([b"slow", b" down"])
    b'slow down'
    """
    body = b""
    for piece in pieces:
        body += piece
        if len(body) >= MAX_REPLY_BYTES or clock() > give_up_at:
            break
    return body


def error_message(body: bytes) -> str:
    """Return the message in any of the error bodies that Customer.io is known to use.

    The documented body is ``{"meta":{"errors":[...]}}``; official clients also read ``meta.error``, ``{code,
    message}`` and a list of ``{reason, field, message}``. Anything else is taken as text, without markup.

    >>> error_message(b'{"meta":{"errors":["event is missing"]}}')
    'event is missing'
    >>> error_message(b'{"errors":[{"reason":"required","field":"userId","message":"cannot be blank"}]}')
    'userId: cannot be blank'
    >>> error_message(b"<html><body><h1>502 Bad Gateway</h1></body></html>")
    '502 Bad Gateway'
    """
    text = body.decode("utf-8", "replace")
    try:
        parsed = orjson.loads(body)
        message = "; ".join(_find_messages(parsed)) or (text if parsed else "")
    except (orjson.JSONDecodeError, RecursionError):
        message = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.S | re.I)
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", message).split())


def _find_messages(node: Any) -> list[str]:
    """Collect the messages of a parsed body, wherever it has them."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, list):
        return [message for part in node for message in _find_messages(part)]
    if not isinstance(node, dict):
        return []
    text = node.get("message") or node.get("reason")
    here = [f"{node['field']}: {text}" if node.get("field") else text] if isinstance(text, str) else []
    return here + [message for key in ("meta", "errors", "error") for message in _find_messages(node.get(key))]


def is_web_page(body: bytes) -> bool:
    """Return whether a body is markup.

    >>> is_web_page(b"  <html>"), is_web_page(b"{}")
    (True, False)
    """
    return body.lstrip()[:1] == b"<"


def reply_message(text: str, write_key: str) -> str:
    """Return a server's message without the write key, at most 500 characters of it.

    >>> reply_message("no key 0123456789", "0123456789")
    'no key (write key)'
    """
    # The key is masked before the text is cut, so that no part of it is left at the end.
    return mask_key(text, write_key)[:_MAX_MESSAGE_LENGTH]


def mask_key(text: str, key: str) -> str:
    """Return a text with the write key masked.

    A key of under eight characters may be any word and is hardly a real one: it is masked only in the place of a key,
    that is, in quotes, after a colon, or alone. A longer one is masked everywhere.

    >>> mask_key("the write key 'wrong' is wrong", "wrong")
    "the write key '(write key)' is wrong"
    """
    if len(key) >= _MIN_REAL_KEY_LENGTH:
        return text.replace(key, _KEY_MASK)
    return re.sub(rf"(^|[\"'`:=] ?){re.escape(key)}(?=[\"'`]|$)", rf"\1{_KEY_MASK}", text)


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait, from 0 to 300; None if it is missing or invalid.

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
