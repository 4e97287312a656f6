"""Text of files and servers, made safe to print."""

from __future__ import annotations

import re
from typing import IO

# Control characters can clear the screen, set the title or hide what stands before them; the others turn text around.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> str:
    r"""Return text whose control characters are written out; tabs and line ends stay.

    >>> print(clean_text("id\x1b[2J"))
    id\x1b[2J
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal; one that is missing or closed is not.

    >>> is_terminal(None)
    False
    """
    try:
        return stream is not None and stream.isatty()
    except (ValueError, OSError):
        return False
