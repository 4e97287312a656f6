"""A server that misbehaves as told: plain sockets, one thread a connection, and a record of what came in."""

import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto


class Fault(Enum):
    """What may happen instead of an answer."""

    RESET_BEFORE_BODY = auto()
    RESET_IN_BODY = auto()
    RESET_AFTER_BODY = auto()
    CUT_STATUS_LINE = auto()
    CUT_HEAD = auto()
    CUT_HEAD_LINE = auto()
    CUT_BEFORE_BLANK_LINE = auto()
    ENDLESS_INTERIM = auto()
    SILENCE = auto()
    ENDLESS_HEAD = auto()


CUT_HEADS = {
    Fault.CUT_STATUS_LINE: b"HTTP/1.1 2",
    Fault.CUT_HEAD: b"HTTP/1.1 200 OK\r\n",
    Fault.CUT_HEAD_LINE: b"HTTP/1.1 200 OK\r\nContent-Len",
    Fault.CUT_BEFORE_BLANK_LINE: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
}


@dataclass(frozen=True)
class Answer:
    """An answer, and how it is sent: late, cut off after some bytes of its body, byte by byte, after interim ones."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict = field(default_factory=dict)
    after_seconds: float = 0.0
    bytes_sent: int | None = None
    seconds_between_bytes: float = 0.0
    interim: Sequence[int] = ()


OK = Answer()
_TLS_HANDSHAKE = b"\x16"


@dataclass
class Received:
    """One request; ``arrived`` and ``answered`` are monotonic seconds.

    ``is_answered`` says whether the whole answer was sent.
    """

    number: int
    head: str
    body: bytes = b""
    arrived: float = 0.0
    answered: float = float("inf")
    is_answered: bool = False

    @property
    def calls(self):
        return json.loads(self.body)["batch"]

    @property
    def people(self):
        return {call["userId"] for call in self.calls}


class FaultServer:
    """Answers each request by the script: a list whose last entry repeats, or a function of the request.

    A function sees whole requests, so faults before the end of the body need a list.
    """

    def __init__(
        self, script: Sequence[Answer | Fault] | Callable[[Received], Answer | Fault] = (OK,), port=0, tls=None
    ):
        self._script = script
        self._tls = tls
        self._numbers = itertools.count()
        self._closing = threading.Event()
        self._threads = []
        self._sockets = []
        self.received: list[Received] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self._closing.set()
        # An accept that waits does not notice that its socket is closed.
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    @property
    def connections(self):
        """How many connections were made."""
        return len(self._sockets)

    def bodies_with(self, message_id):
        """Return the bodies that carried a call, in order of arrival."""
        return [request.body for request in self.received if message_id.encode() in request.body]

    def overlaps(self):
        """Return the people of whom two requests were open at once."""
        return {
            person
            for one, other in itertools.combinations(self.received, 2)
            if one.arrived < other.answered and other.arrived < one.answered
            for person in one.people & other.people
        }

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            self._sockets.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection):
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        connection.settimeout(0.05)
        with connection:
            try:
                while self._exchange(connection):
                    pass
            except OSError:
                return

    def _exchange(self, connection):
        """Take one request and answer it; return whether the connection goes on."""
        head, body = self._until_blank_line(connection)
        if head is None:
            return False
        request = Received(next(self._numbers), head, arrived=time.monotonic())
        act = None if callable(self._script) else self._script[min(request.number, len(self._script) - 1)]
        length = int(head.lower().partition("content-length:")[2].split("\r\n")[0] or 0)
        self.received.append(request)
        if act is Fault.RESET_BEFORE_BODY:
            return _reset(connection)
        while len(body) < (length // 2 if act is Fault.RESET_IN_BODY else length):
            piece = self._some(connection)
            if not piece:
                return False
            body += piece
        request.body = body
        return self._act(connection, request, act or self._script(request))

    def _act(self, connection, request, act):
        if act in (Fault.RESET_IN_BODY, Fault.RESET_AFTER_BODY):
            return _reset(connection)
        if isinstance(act, Fault) and act in CUT_HEADS:
            connection.sendall(CUT_HEADS[act])
            return False
        if act is Fault.ENDLESS_INTERIM:
            while not self._closing.wait(0.05):
                connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            return False
        if act is Fault.SILENCE:
            self._closing.wait()
            return False
        if act is Fault.ENDLESS_HEAD:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Words: ")
            while not self._closing.wait(0.05):
                connection.sendall(b"x")
            return False
        self._closing.wait(act.after_seconds)
        request.answered = time.monotonic()
        for status in act.interim:
            connection.sendall(f"HTTP/1.1 {status} Interim\r\nX-Words: few\r\n\r\n".encode())
        lines = [f"HTTP/1.1 {act.status} Words", f"Content-Length: {len(act.body)}"]
        lines += [f"{name}: {value}" for name, value in act.headers.items()]
        connection.sendall(
            "\r\n".join([*lines, "", ""]).encode() + (b"" if act.seconds_between_bytes else act.body)[: act.bytes_sent]
        )
        for byte in act.body if act.seconds_between_bytes else b"":
            if self._closing.wait(act.seconds_between_bytes):
                return False
            connection.sendall(bytes([byte]))
        request.is_answered = act.bytes_sent is None
        return request.is_answered

    def _until_blank_line(self, connection):
        """Return the head and what has come of the body; None where no request comes any more."""
        content = b""
        while b"\r\n\r\n" not in content:
            piece = self._some(connection)
            if not piece:
                return None, b""
            content += piece
            if content.startswith(_TLS_HANDSHAKE):
                connection.sendall(b"HTTP/1.1 400 This is plain HTTP\r\n\r\n")
                return None, b""
        head, _, body = content.partition(b"\r\n\r\n")
        return head.decode(), body

    def _some(self, connection):
        """Return some bytes; none where the other side, or this server, has ended."""
        while not self._closing.is_set():
            try:
                return connection.recv(65_536)
            except TimeoutError:
                continue
        return b""


def _reset(connection):
    """End a connection with RST, as a load balancer that dies does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
