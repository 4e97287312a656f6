"""A uvicorn server on a thread of its own. Needs the ``sandbox`` extra, as ``app`` and what it imports do."""

from __future__ import annotations

import socket
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox.breaking import SCOPE_KEY, Connection

# How long a request that has begun may take to end once the sandbox stops.
_LAST_REQUESTS_SECONDS = 5


class Serving:
    """A server that answers from the moment it exists until :meth:`end` returns."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            # Nothing but this tells an application what it is connected to; uvicorn's own object sends.
            transport = send.__self__.transport  # type: ignore[attr-defined]
            await app({**scope, SCOPE_KEY: Connection(transport, self.is_ending)}, receive, send)

        config = uvicorn.Config(
            with_connection,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
        )
        self._server = _Server(config)
        # A daemon, so that a forgotten sandbox does not keep Python from ending.
        self._thread = Thread(target=self._server.run, args=([listener],), name="cio_frames-sandbox", daemon=True)
        self._thread.start()
        self._server.is_up.wait()
        if not self._server.started:
            listener.close()
            raise ConfigurationError("The sandbox did not start; its thread told why on stderr.")

    def is_ending(self) -> bool:
        """Tell whether requests that take their time should come to an end."""
        return self._server.should_exit

    def end(self) -> None:
        """Stop taking requests, finish those that have begun, and wait for the thread."""
        self._server.should_exit = True
        self._thread.join()


class _Server(uvicorn.Server):
    """A server that says when it is up. Off the main thread, uvicorn leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.is_up.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()
