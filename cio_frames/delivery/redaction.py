"""What of a server's messages may be shown: no write key in any form, and nothing about the people of the batch."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote_plus

import orjson

_MAX_MESSAGE_LENGTH = 500
_KEY_MASK = "(write key)"
_MIN_REAL_KEY_LENGTH = 8
# Its kind and region, which say nothing secret, are shorter.
_KEY_PIECE_LENGTH = 12
# Shorter texts, such as a plan or a country, are ordinary words in a message.
_MIN_CELL_LENGTH = 6
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class MessageFilter:
    """Decides which messages about one batch may be shown.

    Parameters
    ----------
    body : bytes
        The batch as it was sent. It is read when the first message comes, since mostly there is none.
    write_key : str
        The key that it was sent with.

    Examples
    --------
    >>> messages = MessageFilter(b'{"batch":[{"type":"identify","userId":"u7","traits":{"city":"Berlin"}}]}', "secret")
    >>> messages.shown("city is not a known trait"), messages.shown("u7 is suppressed"), messages.shown("in Berlin")
    ('city is not a known trait', '', '')
    """

    def __init__(self, body: bytes, write_key: str) -> None:
        self._body = body
        self._write_key = write_key
        self._cells: frozenset[str] | None = None
        self._longest = 0

    def shown(self, message: str) -> str:
        """Return a message without the write key, at most 500 characters of it; nothing if it repeats the batch."""
        text = " ".join(_CONTROL_CHARACTERS.sub(" ", message).split())
        if not text:
            return ""
        # The key is masked before the text is cut, so that no part of it is left at the end.
        masked = _mask_pieces(mask_key(text, self._write_key), self._write_key)
        decoded = _decode_text(masked)
        if mask_key(decoded, self._write_key) != decoded or any(map(self._repeats_batch, {text, _decode_text(text)})):
            return ""
        return masked[:_MAX_MESSAGE_LENGTH]

    def _repeats_batch(self, text: str) -> bool:
        """Return whether a text holds an id, an address, or a longer text of the batch as whole words."""
        if self._cells is None:
            self._cells = frozenset(cell.casefold() for cell in _private_cells(self._body))
            self._longest = max(map(len, self._cells), default=0)
        folded = text.casefold()
        ends = _word_boundaries(folded)
        for first, start in enumerate(ends):
            for end in ends[first + 1 :]:
                if end - start > self._longest:
                    break
                if folded[start:end] in self._cells:
                    return True
        return False


def mask_key(text: str, key: str) -> str:
    """Return a text with the write key masked, also as it travels: in base64, and with characters escaped.

    A key of under eight characters may be any word and is hardly a real one: it is masked only in the place of a key,
    that is, in quotes, after a colon, or alone. A longer one is masked everywhere.

    >>> mask_key("the write key 'wrong' is wrong", "wrong")
    "the write key '(write key)' is wrong"
    >>> mask_key("blocked Basic c2VrcmV0LWtleTo=", "sekret-key")
    'blocked Basic (write key)'
    """
    for form in _key_forms(key):
        if len(form) >= _MIN_REAL_KEY_LENGTH:
            text = re.sub(re.escape(form), _KEY_MASK, text, flags=re.I)
    return re.sub(rf"(^|[\"'`:=] ?){re.escape(key)}(?=[\"'`]|$)", rf"\1{_KEY_MASK}", text)


def _key_forms(key: str) -> list[str]:
    """Return the forms of a key, the longest first; escaped forms have either case."""
    forms = {key, key.replace("+", " "), key.encode().hex()}
    for user in (f"{key}:", key):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(user.encode()).decode()
            # The last characters depend on what follows the key.
            forms |= {encoded, encoded.rstrip("="), encoded.rstrip("=")[: len(key) * 4 // 3]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in (1, 2):
            # Inside a longer text, its characters are others; the first and the last also depend on their neighbors.
            encoded = encode(b" " * before + key.encode()).decode()
            forms.add(encoded[before + 1 : (before + len(key)) * 4 // 3])
    forms |= {quote(form, safe=safe) for form in forms for safe in ("", "/")}
    return sorted(forms, key=len, reverse=True)


def _mask_pieces(text: str, key: str) -> str:
    """Return a text with long pieces of the write key masked, as where a server shortens what it repeats.

    >>> _mask_pieces("no key sk_eu_0123456789..., see docs", "sk_eu_0123456789_abcdef")
    'no key (write key)..., see docs'
    """
    # A message is cut soon after; until there, masking makes it shorter or longer.
    text, key = text[: 2 * _MAX_MESSAGE_LENGTH], key.lower()
    lowered = text.lower()
    if len(key) < _KEY_PIECE_LENGTH or len(lowered) != len(text):
        return text
    pieces = {key[at : at + _KEY_PIECE_LENGTH] for at in range(len(key) - _KEY_PIECE_LENGTH + 1)}
    masked, shown_to = "", 0
    at = 0
    while at <= len(text) - _KEY_PIECE_LENGTH:
        start = at
        while lowered[at : at + _KEY_PIECE_LENGTH] in pieces:
            at += 1
        if at > start:
            masked += text[shown_to:start] + _KEY_MASK
            shown_to = at = at + _KEY_PIECE_LENGTH - 1
        else:
            at += 1
    return masked + text[shown_to:]


def _decode_text(text: str) -> str:
    """Return a text with percent and HTML escapes resolved."""
    return html.unescape(unquote_plus(text))


def _private_cells(body: bytes) -> Iterator[str]:
    """Yield the texts of a batch that must not be shown; names of fields are not among them."""
    try:
        calls = orjson.loads(body)["batch"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return
    for call in calls if isinstance(calls, list) else []:
        # The kind of call is one of six words, and every message names it.
        fields = {key: value for key, value in call.items() if key != "type"} if isinstance(call, dict) else call
        yield from _find_cells(fields, "")


def _find_cells(node: Any, key: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _find_cells(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _find_cells(value, key)
    elif isinstance(node, str):
        cell = " ".join(node.split())
        if cell and (len(cell) >= _MIN_CELL_LENGTH or "@" in cell or key.lower().endswith("id")):
            yield cell


def _word_boundaries(text: str) -> list[int]:
    """Return where a word may start or end: everywhere but between two characters of a word."""
    inside = [
        not (before.isalnum() or before == "_") or not (after.isalnum() or after == "_")
        for before, after in pairwise(text)
    ]
    return [0, *(at for at, is_boundary in enumerate(inside, start=1) if is_boundary), len(text)]
