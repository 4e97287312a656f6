"""The HTTP side: paths, key, strict mode, and what is answered."""

from __future__ import annotations

from asyncio import sleep, wrap_future
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from hmac import compare_digest

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from cio_frames import spec
from cio_frames.sandbox import pages
from cio_frames.sandbox.answers import Answer, error
from cio_frames.sandbox.bodies import Body, read
from cio_frames.sandbox.breaking import BrokenAnswer
from cio_frames.sandbox.checks import Flaw
from cio_frames.sandbox.faults import Misdeed
from cio_frames.sandbox.intake import Intake, Kept, limit, refused, take
from cio_frames.sandbox.settings import Settings
from cio_frames.sandbox.store import Receipt, Request, Store
from cio_frames.sandbox.writer import Writer

_CALLS = "/v1/"
_BATCH_PATH = f"{_CALLS}batch"
# What is on record of a request that got no answer.
_NO_ANSWER = 0
# As much of an unknown path is on record.
_PATH = 200


def build(store: Store, writer: Writer, settings: Settings) -> Starlette:
    """Return the application: the six calls, the batch, and a word for everything else."""
    receiver = _Receiver(writer, settings)
    posts = [(call.endpoint, partial(receiver.post, call.name)) for call in spec.calls().values()]
    posts.append((_BATCH_PATH, partial(receiver.post, None)))
    app = Starlette(
        routes=[
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posts),
            *pages.routes(store, writer, settings, receiver.is_authorized),
        ],
        exception_handlers={HTTPException: receiver.no_such_path, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    return app


class _Receiver:
    def __init__(self, writer: Writer, settings: Settings) -> None:
        self._writer = writer
        self._settings = settings
        self._authorization = b64encode(f"{settings.write_key}:".encode())
        self._max_body_bytes = limit("api_body_bytes", settings.assumed)

    async def post(self, endpoint: spec.CallName | None, request: HttpRequest) -> Response:
        """Receive one call, or a batch where the path implies no kind of call."""
        misdeed = self._settings.faults.next()
        body = await self._body(request)
        intake = self._judged(request.headers, body, endpoint)
        answer = await self._answered(request, body.size, intake, misdeed)
        if self._settings.faults.latency:
            await sleep(self._settings.faults.latency)
        if misdeed is not None and misdeed.broken is not None:
            return BrokenAnswer(misdeed.broken)
        wait = {"Retry-After": misdeed.retry_after} if misdeed and misdeed.retry_after else None
        return Response(answer.content, answer.status, wait, answer.media_type)

    async def no_such_path(self, request: HttpRequest, exception: Exception) -> Response:
        """Answer what is no operation of the API: 404, or 405 where the path is one."""
        is_call = request.scope["path"].startswith(_CALLS)
        # That a page cannot be posted to is no fact about the API.
        status = exception.status_code if isinstance(exception, HTTPException) and is_call else 404
        body = await self._body(request)
        intake = refused("only POST to the seven paths works", status, status)
        answer = await self._answered(request, body.size, intake, None)
        return Response(answer.content, answer.status, media_type=answer.media_type)

    async def _body(self, request: HttpRequest) -> Body:
        encoding = request.headers.get("Content-Encoding", "")
        on_wire = self._settings.assumed.measured == "wire"
        return await read(request.stream(), encoding, self._max_body_bytes, on_wire=on_wire)

    def _judged(self, headers: Headers, body: Body, endpoint: spec.CallName | None) -> Intake:
        assumed = self._settings.assumed
        if not self.is_authorized(headers.get("Authorization", "")):
            return refused("the write key is wrong or missing", 401, 401 if assumed.wrong_key == "refuse" else 200)
        if assumed.content_type == "json" and _media_type(headers) != "application/json":
            return refused("the Content-Type is not application/json", 415, 415)
        if assumed.gzip == "refuse" and headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            return refused("the Content-Encoding is not supported", 415, 415)
        if body.measured > self._max_body_bytes:
            return refused(f"the body is over {self._max_body_bytes} bytes", int(assumed.oversize_body))
        if body.content is None:
            return refused("the body is not gzip, though Content-Encoding says so", 400, int(assumed.bad_json))
        return take(body.content, endpoint, assumed, body.measured)

    def is_authorized(self, authorization: str) -> bool:
        """Tell whether a header has the write key, alone, as Basic authorization."""
        scheme, _, credentials = authorization.partition(" ")
        return scheme.lower() == "basic" and compare_digest(credentials.strip().encode(), self._authorization)

    async def _answered(self, request: HttpRequest, size: int, intake: Intake, misdeed: Misdeed | None) -> Answer:
        """Store what came, then return what is to be answered."""
        strict = request.headers.get("X-Strict-Mode") == "1"
        status = intake.strict_status if strict else intake.permissive_status
        # Nobody documents whether one wrong call refuses its batch, hence a switch.
        is_taken = status == 200 or self._settings.batch_errors == "item"
        answer = self._answer(status, intake)
        on_record = answer.status
        if misdeed is not None:
            is_taken = is_taken and misdeed.taken
            answer = self._misdone(misdeed, answer)
            on_record = _NO_ANSWER if misdeed.broken in ("reset", "hang") else answer.status
        received_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = Request(received_at, request.scope["path"][:_PATH], on_record, size, intake.count, strict)
        problems = [*intake.problems, *(intake.warnings if is_taken else [])]
        await wrap_future(self._writer.add(Receipt(row, intake.kept if is_taken else Kept(), problems)))
        return answer

    def _answer(self, status: int, intake: Intake) -> Answer:
        if status == 200:
            return Answer(200)
        flaws = [flaw for problem in intake.problems for flaw in problem.flaws]
        return error(status, flaws, self._settings.error_body)

    def _misdone(self, misdeed: Misdeed, answer: Answer) -> Answer:
        if misdeed.status is None:
            return answer
        return error(misdeed.status, [Flaw(None, "as asked for")], self._settings.error_body)


def _media_type(headers: Headers) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def _gone(_: HttpRequest, __: Exception) -> Response:
    """Answer nobody: the client hung up before its request was whole, so there is nothing to keep."""
    return Response(status_code=400)
