"""Responses that arrive within a time, whole or not at all."""

from __future__ import annotations

import http.client
import io
import time
from typing import Any

_MAX_LINE_BYTES = 65_536
_LAST_INTERIM_STATUS = 199
_SWITCHING_PROTOCOLS = 101


class DeadlineReader(io.RawIOBase):
    """Reads a socket until a deadline; a socket's own timeout starts again with each byte."""

    def __init__(self, raw: Any, connection: Any, seconds: float | None) -> None:
        self._raw = raw
        self._connection = connection
        self._give_up_at = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read some bytes, or raise TimeoutError after the deadline."""
        if self._give_up_at is not None:
            left = self._give_up_at - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer took too long")
            self._connection.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Close the socket's file."""
        self._raw.close()
        super().close()


class _LineReader(io.BufferedReader):
    """Notes whether a line was asked for after the end."""

    ended = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.ended = self.ended or not line
        return line


class DeadlineResponse(http.client.HTTPResponse):
    """A response whose head and body arrive within the read timeout, not only each byte of them.

    http.client takes a head that is cut off for a whole one, and an interim answer other than 100 for the answer.
    """

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = _LineReader(DeadlineReader(self.fp.detach(), sock, sock.gettimeout()))

    def begin(self) -> None:
        """Read the head; raise IncompleteRead if it is cut off."""
        if self.headers is not None:
            return
        lines = self.fp
        super().begin()
        if lines.ended:
            raise http.client.IncompleteRead(b"")

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not http.client.CONTINUE < status <= _LAST_INTERIM_STATUS or status == _SWITCHING_PROTOCOLS:
                return version, status, reason
            while self.fp.readline(_MAX_LINE_BYTES) not in (b"\r\n", b"\n", b""):
                pass
