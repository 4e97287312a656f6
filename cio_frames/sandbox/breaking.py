"""Answers that go wrong on purpose. They need the connection itself, which ``serving`` puts into the scope."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cio_frames.sandbox.faults import Broken

SCOPE_KEY = "cio_frames.connection"
_LINGER = "hh" if os.name == "nt" else "ii"
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Connection:
    """The transport that a request came on, and whether the server is about to stop."""

    transport: Any
    is_ending: Callable[[], bool]


class BrokenAnswer(Response):
    """No answer, or the beginning of one."""

    def __init__(self, how: Broken) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do it, and return once the connection is gone."""
        connection: Connection = scope[SCOPE_KEY]
        if self._how == "hang":
            await _hang(connection, receive)
        if self._how == "cut":
            # Within the status, since a client that has read it knows all that it wants to.
            connection.transport.write(b"HTTP/1.1 2")
            connection.transport.close()
        elif not connection.transport.is_closing():
            # With this a connection that is closed is reset, as by a load balancer that dies.
            linger = struct.pack(_LINGER, 1, 0)
            connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.transport.abort()
        # The server takes it for an error where an application returns before the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _hang(connection: Connection, receive: Receive) -> None:
    """Say nothing until the other side gives up, or the server stops."""
    gone = asyncio.ensure_future(receive())
    while not gone.done() and not connection.is_ending():
        await asyncio.wait([gone], timeout=_LOOK_SECONDS)
    gone.cancel()
