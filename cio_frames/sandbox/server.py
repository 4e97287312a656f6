"""The sandbox that people use: how it is set up, starts and stops."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox.answers import ErrorBody
from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.faults import Faults
from cio_frames.sandbox.received import Received
from cio_frames.sandbox.settings import BatchErrors, Settings
from cio_frames.sandbox.store import opened
from cio_frames.sandbox.writer import Writer

if TYPE_CHECKING:
    from cio_frames.client import Client
    from cio_frames.sandbox.serving import Serving

# An address that means "every interface" can be listened on but not dialled.
_DIALLED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- not bound here


class Sandbox(Received):
    """A local Customer.io that answers like the real one and shows what it received.

    Parameters
    ----------
    write_key : str, default "sandbox"
        The only key that is right.
    port : int, default 0
        Where to listen; 0 takes any free port. A sandbox that is started again keeps its port.
    db : path, optional
        A SQLite file that keeps what was received across restarts. Without it, all ends with the sandbox.
    host : str, default "127.0.0.1"
        The interface to listen on. Any but this machine's own draws a warning: calls hold people's data and
        travel in the clear.
    batch_errors : {"whole", "item"}, default "whole"
        What strict mode does with a batch that has a wrong call: refuse all of it, or keep the right calls.
        It answers 400 either way. Nobody documents which the real API does, so try a load against both.
    error_body : {"meta", "meta_error", "code", "errors", "text"}, default "meta"
        The shape of error answers. All are documented or read by official clients, so try more than one.
    assume : mapping, optional
        How other things that nobody documents are decided, for example ``{"empty_batch": "refuse"}``. The page
        ``/about`` of a running sandbox lists them.
    state : bool, default True
        Whether calls are applied, so that there are people, events, objects and devices to look at. Without it,
        calls are only logged.
    faults : sequence of str, optional
        What goes wrong: ``"429:0.1"`` answers one request in ten so, ``"503@0-2"`` the first three. Instead of a
        status: ``reset`` (the connection), ``hang`` (no answer) or ``cut`` (it ends within its first line). Behind a
        comma, ``retry-after=2`` adds that header, and ``taken`` takes the calls all the same, as ``cut`` does.
    latency_seconds : float, default 0
        How much longer every answer takes.
    seed : int, default 0
        Which requests the shares of ``faults`` hit: the same seed, the same requests.

    Raises
    ------
    ConfigurationError
        The extra ``cio-frames[sandbox]`` is not installed, an option is unknown, the file cannot be used, or
        (from :meth:`start`) the port is taken.

    Notes
    -----
    Without strict mode a wrong call is answered 200 and swallowed, as the real API does; :meth:`problems`
    lists it.

    Examples
    --------
    >>> import requests
    >>> with Sandbox() as sandbox:
    ...     call = {"userId": "7", "event": "Order Completed", "properties": {"total": 9.5}}
    ...     answer = requests.post(f"{sandbox.url}/v1/track", auth=("sandbox", ""), json=call, timeout=5)
    >>> answer.status_code, answer.json()
    (200, {})
    >>> sandbox.events()[["event", "userId", "properties"]]
                 event userId      properties
    0  Order Completed      7  {'total': 9.5}

    To be sent to from pandas, it has a client ready:

    >>> import pandas as pd
    >>> import cio_frames as cio
    >>> with cio.Sandbox() as sandbox:
    ...     result = pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=sandbox.client)
    >>> result["status"].tolist(), sandbox.people()["userId"].tolist()
    (['delivered'], ['ada'])
    """

    def __init__(
        self,
        write_key: str = "sandbox",
        port: int = 0,
        db: str | Path | None = None,
        *,
        host: str = "127.0.0.1",
        batch_errors: BatchErrors = "whole",
        error_body: ErrorBody = "meta",
        assume: Mapping[str, str] | None = None,
        state: bool = True,
        faults: Sequence[str] = (),
        latency_seconds: float = 0.0,
        seed: int = 0,
    ) -> None:
        _need_extra()
        is_local = host == "localhost" or _is_loopback(host)
        if not is_local:
            _warn(host)
        assumed = Assumed.of(assume or {})
        self._settings = Settings(
            write_key,
            batch_errors,
            error_body,
            assumed,
            state,
            host,
            is_local,
            Faults(faults, latency_seconds, seed),
        )
        self._host, self._port = host, port
        self._serving: Serving | None = None
        self._writer: Writer | None = None
        self._store = opened(db, assumed, keeps_state=state)

    def __repr__(self) -> str:
        state = "at" if self._serving else "stopped," if self._port else "not started,"
        return f"<Sandbox {state} {self._address}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Scheme, host and port, for example ``http://127.0.0.1:45123``; known once it has started."""
        if not self._port:
            raise ConfigurationError("A sandbox has no port before it starts: use `with Sandbox() as sandbox:`.")
        return self._address

    @property
    def _address(self) -> str:
        host = _DIALLED.get(self._host, self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def client(self) -> Client:
        """A :class:`cio_frames.Client` that sends here."""
        # Late, so that the sandbox stands without the code that it is there to test.
        from cio_frames.client import Client

        return Client(write_key=self._settings.write_key, endpoint=self.url)

    def start(self) -> Self:
        """Start listening; return once requests are answered. Nothing happens to one that has started.

        Returns
        -------
        Sandbox
            This one.

        Examples
        --------
        >>> sandbox = Sandbox().start()
        >>> sandbox.url.rpartition(":")[0]
        'http://127.0.0.1'
        >>> sandbox.stop()
        """
        if self._serving is None:
            from cio_frames.sandbox import app, serving

            listener = _listener(self._host, self._port)
            self._port = listener.getsockname()[1]
            self._writer = Writer(self._store)
            try:
                self._serving = serving.Serving(app.build(self._store, self._writer, self._settings), listener)
            except BaseException:
                self._stop_writing()
                raise
        return self

    def stop(self) -> None:
        """Stop listening; return once everything received is stored. The frames can still be read.

        Examples
        --------
        >>> with Sandbox() as sandbox:
        ...     pass
        >>> len(sandbox.calls())
        0
        """
        if self._serving is not None:
            self._serving.end()
            self._serving = None
            self._stop_writing()
            self._store.settle()

    def _stop_writing(self) -> None:
        if self._writer is not None:
            self._writer.end()
            self._writer = None


def _need_extra() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"The sandbox needs {error.name}, which is not installed: pip install 'cio-frames[sandbox]'"
        ) from error


def _warn(host: str) -> None:
    warnings.warn(
        f"This sandbox listens on {host}, so other machines can reach it. Calls hold people's data and "
        "travel unencrypted: keep to host='127.0.0.1' unless this network is yours. Its web page asks for the write "
        "key as user name.",
        stacklevel=3,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        # Head and body of an answer are two writes, and without this the second one waits 40 ms on a connection
        # that is kept; asyncio sets it only for sockets that name their protocol.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot listen on port {port} of {host}: {error.strerror}. "
            "Pass another port, or none for any free one."
        ) from error
