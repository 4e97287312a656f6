"""A uvicorn server on its own thread. Needs the ``sandbox`` extra, as ``app`` and what it imports do."""

from __future__ import annotations

import socket
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox.broken_responses import CONNECTION_KEY, ServerConnection

# The time that requests in progress get when the sandbox stops.
_SHUTDOWN_SECONDS = 5


class ServerThread:
    """A server that responds from its creation until :meth:`close` returns."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        async def app_with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            # An application has no other way to its connection; uvicorn's own object sends.
            transport = send.__self__.transport  # type: ignore[attr-defined]
            await app({**scope, CONNECTION_KEY: ServerConnection(transport, self.is_stopping)}, receive, send)

        config = uvicorn.Config(
            app_with_connection,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        self._server = _SignalingServer(config)
        # A daemon, so that a sandbox that was not stopped does not keep Python from exiting.
        self._thread = Thread(target=self._server.run, args=([listener],), name="cio_frames-sandbox", daemon=True)
        self._thread.start()
        self._server.is_ready.wait()
        if not self._server.started:
            listener.close()
            raise ConfigurationError("The sandbox did not start; stderr has the traceback of its thread.")

    def is_stopping(self) -> bool:
        """Return True if long-running requests should end."""
        return self._server.should_exit

    def close(self) -> None:
        """Refuse new requests, finish those in progress, and wait for the thread."""
        self._server.should_exit = True
        self._thread.join()


class _SignalingServer(uvicorn.Server):
    """A server that signals when it is ready. Outside the main thread, uvicorn installs no signal handlers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.is_ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()
