"""The shell command that points a client to a sandbox."""

from __future__ import annotations

import shlex

# The documented default, which is not a secret.
DEFAULT_WRITE_KEY = "sandbox"
_KEY_PLACEHOLDER = "WRITE_KEY"


def export_command(url: str, write_key: str) -> str:
    """Return a line to paste into a shell; a placeholder stands for a write key other than the default.

    >>> export_command("http://127.0.0.1:8480", "sandbox")
    'export CIO_ENDPOINT=http://127.0.0.1:8480 CIO_WRITE_KEY=sandbox'
    """
    shown_key = write_key if write_key == DEFAULT_WRITE_KEY else _KEY_PLACEHOLDER
    return f"export CIO_ENDPOINT={shlex.quote(url)} CIO_WRITE_KEY={shlex.quote(shown_key)}"
