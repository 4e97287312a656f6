"""The sandbox's public class: its options, start and stop."""

from __future__ import annotations

import socket
import warnings
import webbrowser
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.faults import FaultInjector
from cio_frames.sandbox.notebook import sandbox_output
from cio_frames.sandbox.reader import SandboxReader
from cio_frames.sandbox.responses import ErrorBody
from cio_frames.sandbox.settings import BatchErrors, SandboxSettings
from cio_frames.sandbox.shell import DEFAULT_WRITE_KEY
from cio_frames.sandbox.store import open_store
from cio_frames.sandbox.writer import WriterThread

if TYPE_CHECKING:
    from cio_frames.client import Client
    from cio_frames.sandbox.server import ServerThread

# Clients cannot connect to the address that means "every interface".
_CONNECT_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- not bound here


class Sandbox(SandboxReader):
    """A local Customer.io that responds like the real one and shows what it received.

    Parameters
    ----------
    write_key : str, default "sandbox"
        Write key to accept.
    port : int, default 0
        Port to listen on; 0 selects a free port. A sandbox that is started again keeps its port.
    db : path, optional
        SQLite file that keeps requests and calls across restarts. Default is a temporary database.
    host : str, default "127.0.0.1"
        Interface to listen on. Any that other machines can reach draws a warning, since calls contain people's data
        and are not encrypted.
    batch_errors : {"whole", "item", "multi_status"}, default "whole"
        Which calls strict mode rejects if a batch has an invalid call: all of the batch, or that call. The response is
        400, with "multi_status" 207 and the ``batch_index`` of each rejected call. The documentation leaves this open,
        so test a pipeline with each.
    error_body : {"meta", "meta_error", "code", "errors", "text"}, default "meta"
        Shape of error responses. Each is documented or read by an official client, so test with more than one.
    assume : mapping, optional
        How other undocumented behavior is decided, for example ``{"empty_batch": "refuse"}``. The page ``/about`` of a
        running sandbox lists the names and values.
    state : bool, default True
        Whether calls are applied to people, events, objects and devices. With False, calls are only logged.
    faults : sequence of str, optional
        Faults on demand: ``"429:0.1"`` is the response to one request in ten, ``"503@0-2"`` to the first three. Instead
        of a status: ``reset`` (the connection), ``hang`` (no response) or ``cut`` (it ends within its first line).
        After a comma, ``retry-after=2`` adds that header, and ``accepted`` accepts the calls all the same, as ``cut``
        does.
    latency_seconds : float, default 0
        Delay of every response.
    seed : int, default 0
        Seed of the faults' shares: the same seed hits the same requests.

    Raises
    ------
    ConfigurationError
        The extra ``cio-frames[sandbox]`` is not installed, an option is not valid, the file is not usable, or
        (from :meth:`start`) the port is in use.

    Notes
    -----
    In permissive mode an invalid call gets the response 200 and is dropped, as by the real API; :meth:`problems` lists
    it.

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

    Its client sends from pandas:

    >>> import pandas as pd
    >>> import cio_frames as cio
    >>> with cio.Sandbox() as sandbox:
    ...     result = pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=sandbox.client)
    >>> result["status"].tolist(), sandbox.people()["userId"].tolist()
    (['delivered'], ['ada'])
    """

    def __init__(
        self,
        write_key: str = DEFAULT_WRITE_KEY,
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
        # Before anything can fail: tools that record local variables show half a sandbox too.
        self._host, self._port = host, port
        self._has_started = False
        self._server: ServerThread | None = None
        self._writer: WriterThread | None = None
        _require_extra()
        is_local = _is_loopback_host(host)
        if not is_local:
            _warn_about_host(host, has_default_key=write_key == DEFAULT_WRITE_KEY)
        assumptions = Assumptions.from_choices(assume or {})
        self._settings = SandboxSettings(
            write_key,
            batch_errors,
            error_body,
            assumptions,
            state,
            host,
            is_local,
            FaultInjector(faults, latency_seconds, seed),
        )
        self._store = open_store(db, assumptions, keeps_state=state)

    def __repr__(self) -> str:
        phase = "at" if self._server else "stopped," if self._port else "not started,"
        return f"<Sandbox {phase} {self._address}>"

    def _repr_html_(self) -> str:
        """Return what the sandbox received as a notebook shows it, with links to its pages while it runs."""
        url = self._address if self._server else None
        return sandbox_output(self._read_up_to_date(), url, has_stopped=self._has_started)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Scheme, host and port, for example ``http://127.0.0.1:45123``; available after the start."""
        if not self._port:
            raise ConfigurationError(
                "The sandbox has no URL before it starts. Call start(), or use `with Sandbox() as sandbox:`."
            )
        return self._address

    @property
    def _address(self) -> str:
        host = _CONNECT_HOSTS.get(self._host, self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def client(self) -> Client:
        """A :class:`cio_frames.Client` that sends to this sandbox, which starts if it did not run before."""
        # Imported late, so that the sandbox does not depend on the code that it tests.
        from cio_frames.client import Client

        if not self._has_started:
            self.start()
        return Client(write_key=self._settings.write_key, endpoint=self.url)

    def start(self) -> Self:
        """Start the server; return once it responds. A running sandbox stays as it is.

        Returns
        -------
        Sandbox
            This sandbox.

        Examples
        --------
        >>> sandbox = Sandbox().start()
        >>> sandbox.url.rpartition(":")[0]
        'http://127.0.0.1'
        >>> sandbox.stop()
        """
        if self._server is None:
            from cio_frames.sandbox import app, server

            listener = _open_listener(self._host, self._port)
            self._port = listener.getsockname()[1]
            self._writer = WriterThread(self._store)
            try:
                self._server = server.ServerThread(app.build_app(self._store, self._writer, self._settings), listener)
            except BaseException:
                self._close_writer()
                raise
            self._has_started = True
        return self

    def stop(self) -> None:
        """Stop the server; return once everything received is stored. The frames remain readable.

        Examples
        --------
        >>> with Sandbox() as sandbox:
        ...     pass
        >>> len(sandbox.calls())
        0
        """
        if self._server is not None:
            self._server.close()
            self._server = None
            self._close_writer()
            self._store.checkpoint()

    def open(self) -> bool:
        """Open the web page in a browser; start the sandbox if it does not run.

        Returns
        -------
        bool
            Whether there is a browser.

        Examples
        --------
        >>> Sandbox().open()  # doctest: +SKIP
        True
        """
        return webbrowser.open(self.start().url)

    def clear(self) -> None:
        """Delete all requests, calls, people, events, objects and devices. Request numbers restart at 0.

        Examples
        --------
        >>> import requests
        >>> with Sandbox() as sandbox:
        ...     call = {"userId": "7", "event": "Order Completed"}
        ...     answer = requests.post(f"{sandbox.url}/v1/track", auth=("sandbox", ""), json=call, timeout=5)
        ...     sandbox.clear()
        >>> len(sandbox.calls()), len(sandbox.people())
        (0, 0)
        """
        self._read_up_to_date().clear()

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _require_extra() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"The sandbox requires {error.name}, which is not installed. Run: pip install 'cio-frames[sandbox]'"
        ) from error


def _warn_about_host(host: str, *, has_default_key: bool) -> None:
    key_advice = " The default write key is public; set another write key." if has_default_key else ""
    warnings.warn(
        f"The sandbox listens on {host}, so other machines can reach it. Calls contain people's data and are not "
        "encrypted: use host='127.0.0.1' unless you control this network. The web page requires the write key as user "
        f"name.{key_advice}",
        stacklevel=3,
    )


def _is_loopback_host(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _open_listener(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        # Head and body of a response are two writes, and without this option the second one waits 40 ms on a
        # persistent connection; asyncio sets it only for sockets that name their protocol.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot listen on port {port} of {host}: {error.strerror}. Pass another {parameter('port')}, "
            "or 0 for a free port."
        ) from error
