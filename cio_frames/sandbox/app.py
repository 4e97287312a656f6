"""The HTTP side: paths, key, strict mode, and what is answered."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from hmac import compare_digest

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from cio_frames import spec
from cio_frames.sandbox.answers import Answer, error
from cio_frames.sandbox.bodies import Body, read
from cio_frames.sandbox.intake import Intake, refused, take
from cio_frames.sandbox.settings import Settings
from cio_frames.sandbox.store import Request, Store

_BATCH_PATH = "/v1/batch"


def build(store: Store, settings: Settings) -> Starlette:
    """Return the application: the six calls, the batch, and a word for everything else."""
    receiver = _Receiver(store, settings)
    posts = [(call.endpoint, partial(receiver.post, call.name)) for call in spec.calls().values()]
    posts.append((_BATCH_PATH, partial(receiver.post, None)))
    app = Starlette(
        routes=[Route(path, endpoint, methods=["POST"]) for path, endpoint in posts],
        exception_handlers={HTTPException: receiver.no_such_path, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    return app


class _Receiver:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._authorization = b64encode(f"{settings.write_key}:".encode())
        self._max_body_bytes = spec.api().limits["api_body_bytes"]

    async def post(self, endpoint: spec.CallName | None, request: HttpRequest) -> Response:
        """Receive one call, or a batch where the path implies no kind of call."""
        body = await self._body(request)
        intake = self._judged(request.headers.get("Authorization", ""), body, endpoint)
        return self._answered(request, body.size, intake)

    async def no_such_path(self, request: HttpRequest, exception: Exception) -> Response:
        """Answer what is no operation of the API: 404, or 405 where the path is one."""
        status = exception.status_code if isinstance(exception, HTTPException) else 404
        body = await self._body(request)
        return self._answered(request, body.size, refused("only POST to the seven paths works", status, status))

    async def _body(self, request: HttpRequest) -> Body:
        encoding = request.headers.get("Content-Encoding", "")
        return await read(request.stream(), encoding, self._max_body_bytes)

    def _judged(self, authorization: str, body: Body, endpoint: spec.CallName | None) -> Intake:
        if not self._is_authorized(authorization):
            # Believed, not documented: without strict mode a wrong key is answered 200.
            return refused("the write key is wrong or missing", 401)
        if body.size > self._max_body_bytes:
            # Assumed: 413 in strict mode.
            return refused(f"the body is over {self._max_body_bytes} bytes", 413)
        if body.content is None:
            # Assumed: as for what is not JSON, 400 in both modes.
            return refused("the body is not gzip, though Content-Encoding says so", 400, 400)
        return take(body.content, endpoint)

    def _is_authorized(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        # Assumed: a password, where the API wants none, makes the key wrong.
        return scheme.lower() == "basic" and compare_digest(credentials.strip().encode(), self._authorization)

    def _answered(self, request: HttpRequest, size: int, intake: Intake) -> Response:
        """Store what came, then answer."""
        strict = request.headers.get("X-Strict-Mode") == "1"
        status = intake.strict_status if strict else intake.permissive_status
        # Assumed, since nobody documents it, and therefore a switch: one wrong call refuses its batch.
        whole = status != 200 and self._settings.batch_errors == "whole"
        received_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = Request(received_at, request.url.path, status, size, intake.count, strict)
        self._store.add(row, [] if whole else intake.kept, intake.problems)
        return _response(self._answer(status, intake))

    def _answer(self, status: int, intake: Intake) -> Answer:
        if status == 200:
            return Answer(200)
        faults = [fault for problem in intake.problems for fault in problem.faults]
        return error(status, faults, self._settings.error_body)


def _response(answer: Answer) -> Response:
    return Response(answer.content, answer.status, media_type=answer.media_type)


async def _gone(_: HttpRequest, __: Exception) -> Response:
    """Answer nobody: the client hung up before its request was whole, so there is nothing to keep."""
    return Response(status_code=400)
