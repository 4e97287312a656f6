"""What the web pages read from a request."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

_MAX_DIGITS = 18


def accepts_html(request: Request) -> bool:
    """Return True for a browser, False for a program."""
    return "text/html" in request.headers.get("Accept", "")


def parse_host_name(host: str) -> str | None:
    """Return the host name of a Host header, None if it is not valid.

    >>> parse_host_name("localhost:8480"), parse_host_name("[")
    ('localhost', None)
    """
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def parse_number(text: str) -> int | None:
    """Return a number that SQLite can store, None if the text is not one."""
    return int(text) if len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal() else None
