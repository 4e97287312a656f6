"""Responses that fail on purpose. They need the connection, which ``server`` puts into the scope."""

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

from cio_frames.sandbox.faults import ConnectionFault

CONNECTION_KEY = "cio_frames.connection"
_LINGER_FORMAT = "hh" if os.name == "nt" else "ii"
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """The transport of a request, and whether the server is stopping."""

    transport: Any
    is_stopping: Callable[[], bool]


class BrokenResponse(Response):
    """No response, or the beginning of one."""

    def __init__(self, fault: ConnectionFault) -> None:
        super().__init__()
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Fail as configured, and return once the connection is closed."""
        connection: ServerConnection = scope[CONNECTION_KEY]
        if self._fault == "hang":
            await _wait_for_disconnect(connection, receive)
        if self._fault == "cut":
            # Within the status line, since a client that has read it knows the outcome.
            connection.transport.write(b"HTTP/1.1 2")
            connection.transport.close()
        elif not connection.transport.is_closing():
            # With this option closing a connection resets it, as a load balancer that dies does.
            linger = struct.pack(_LINGER_FORMAT, 1, 0)
            connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.transport.abort()
        # The server logs an error if an application returns before the connection is closed.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _wait_for_disconnect(connection: ServerConnection, receive: Receive) -> None:
    """Wait until the client disconnects or the server stops."""
    disconnected = asyncio.ensure_future(receive())
    while not disconnected.done() and not connection.is_stopping():
        await asyncio.wait([disconnected], timeout=_POLL_SECONDS)
    disconnected.cancel()
