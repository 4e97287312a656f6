"""The HTTP side: paths, write key, strict mode, and responses."""

from __future__ import annotations

from asyncio import sleep, wrap_future
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hmac import compare_digest

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from cio_frames import spec
from cio_frames.sandbox import pages
from cio_frames.sandbox.broken_responses import BrokenResponse
from cio_frames.sandbox.faults import FaultRule
from cio_frames.sandbox.page_requests import accepts_html
from cio_frames.sandbox.parsing import (
    AcceptedCalls,
    ParsedRequest,
    byte_limit,
    parse_request,
    read_write_key,
    reject_request,
)
from cio_frames.sandbox.request_body import RequestBody, read_request_body
from cio_frames.sandbox.responses import ApiResponse, error_response, multi_status_response
from cio_frames.sandbox.settings import SandboxSettings
from cio_frames.sandbox.store import LogEntry, RequestLine, Store
from cio_frames.sandbox.violations import Violation
from cio_frames.sandbox.writer import WriterThread

_API_PREFIX = "/v1/"
_BATCH_PATH = f"{_API_PREFIX}batch"
# The vendor's Android SDK sends here: customerio-android, plugins/SchemeAwareRequestFactory.kt.
_MOBILE_BATCH_PATH = f"{_API_PREFIX}b"
# The status in the log if there was no response.
_NO_RESPONSE = 0
# An unknown path is logged up to this length.
_MAX_PATH_CHARACTERS = 200
_JSON_TYPE = "application/json"

_Parser = Callable[[Headers, RequestBody], ParsedRequest]


def build_app(store: Store, writer: WriterThread, settings: SandboxSettings) -> Starlette:
    """Return the application: the six calls, the batches, the pages, and 404 or 405 for the rest."""
    api = _ApiHandlers(writer, settings)
    web_pages = pages.PageHandlers(store, writer, settings, api.is_authorized)
    parsers: dict[str, _Parser] = {
        call.endpoint: partial(api.parse_with_header_key, call.name) for call in spec.calls().values()
    }
    parsers[_BATCH_PATH] = partial(api.parse_with_header_key, None)
    parsers[_MOBILE_BATCH_PATH] = api.parse_with_body_key
    app = Starlette(
        routes=[
            *(Route(path, partial(api.handle_calls, parser), methods=["POST"]) for path, parser in parsers.items()),
            *web_pages.build_routes(),
        ],
        exception_handlers={
            HTTPException: partial(api.handle_unknown_path, web_pages),
            ClientDisconnect: _handle_disconnect,
        },
    )
    app.router.redirect_slashes = False
    return app


class _ApiHandlers:
    def __init__(self, writer: WriterThread, settings: SandboxSettings) -> None:
        self._writer = writer
        self._settings = settings
        self._credentials = b64encode(f"{settings.write_key}:".encode())
        self._max_body_bytes = byte_limit("api_body_bytes", settings.assumptions)

    async def handle_calls(self, parser: _Parser, request: Request) -> Response:
        """Receive one call or a batch."""
        fault = self._settings.faults.next_fault()
        body = await self._read_body(request)
        parsed = parser(request.headers, body)
        response = await self._store_and_respond(request, body.size, parsed, fault)
        if self._settings.faults.latency_seconds:
            await sleep(self._settings.faults.latency_seconds)
        if fault is not None and fault.connection is not None:
            return BrokenResponse(fault.connection)
        headers = {"Retry-After": fault.retry_after} if fault and fault.retry_after else None
        return Response(response.content, response.status, headers, response.media_type)

    async def handle_unknown_path(
        self, web_pages: pages.PageHandlers, request: Request, exception: Exception
    ) -> Response:
        """Respond to what is not an operation of the API: 404, or 405 if the path is one."""
        is_api_path = request.scope["path"].startswith(_API_PREFIX)
        # A page that refuses POST says nothing about the API.
        status = exception.status_code if isinstance(exception, HTTPException) and is_api_path else 404
        is_reading = request.method in ("GET", "HEAD")
        if is_reading and accepts_html(request):
            # A person looks at it, so it is not a request to the API.
            return await web_pages.not_found(request, status)
        if is_reading and not is_api_path:
            # A browser asks for icons of its own accord.
            return pages.json_not_found()
        body = await self._read_body(request)
        parsed = reject_request(
            "path not found: send a POST request to a path of the API, such as /v1/batch", status, status
        )
        response = await self._store_and_respond(request, body.size, parsed, None)
        return Response(response.content, response.status, media_type=response.media_type)

    async def _read_body(self, request: Request) -> RequestBody:
        encoding = request.headers.get("Content-Encoding", "")
        measure_compressed = self._settings.assumptions.measured == "wire"
        return await read_request_body(
            request.stream(), encoding, self._max_body_bytes, measure_compressed=measure_compressed
        )

    def parse_with_header_key(
        self, endpoint: spec.CallName | None, headers: Headers, body: RequestBody
    ) -> ParsedRequest:
        """Parse a request with the write key as Basic authorization; a batch if the path implies no kind of call."""
        assumptions = self._settings.assumptions
        if not self.is_authorized(headers.get("Authorization", "")):
            return self._reject_key()
        if assumptions.content_type == "json" and _read_media_type(headers) != _JSON_TYPE:
            return reject_request(f"Content-Type must be {_JSON_TYPE}", 415, 415)
        if assumptions.gzip == "refuse" and headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            return reject_request("Content-Encoding is not supported", 415, 415)
        return self._parse_body(endpoint, body)

    def parse_with_body_key(self, headers: Headers, body: RequestBody) -> ParsedRequest:
        """Parse a batch of the vendor's mobile SDK, which has the write key in its body."""
        authorization = headers.get("Authorization")
        if authorization is not None:
            is_authorized = self.is_authorized(authorization)
        else:
            write_key = read_write_key(body.content or b"") or ""
            is_authorized = compare_digest(write_key.encode(), self._settings.write_key.encode())
        is_readable = body.content is not None and body.measured <= self._max_body_bytes
        if not is_authorized and (is_readable or authorization is not None):
            return self._reject_key()
        return self._parse_body(None, body)

    def _reject_key(self) -> ParsedRequest:
        permissive_status = 401 if self._settings.assumptions.wrong_key == "refuse" else 200
        return reject_request("write key is missing or invalid", 401, permissive_status)

    def _parse_body(self, endpoint: spec.CallName | None, body: RequestBody) -> ParsedRequest:
        assumptions = self._settings.assumptions
        if body.measured > self._max_body_bytes:
            reason = f"body is larger than the limit of {self._max_body_bytes:,} bytes"
            return reject_request(reason, int(assumptions.oversize_body))
        if body.content is None:
            reason = "body is not valid gzip, but its Content-Encoding is gzip"
            return reject_request(reason, 400, int(assumptions.bad_json))
        return parse_request(body.content, endpoint, assumptions, body.measured)

    def is_authorized(self, authorization: str) -> bool:
        """Return True if a header has the write key, without a password, as Basic authorization."""
        scheme, _, credentials = authorization.partition(" ")
        return scheme.lower() == "basic" and compare_digest(credentials.strip().encode(), self._credentials)

    async def _store_and_respond(
        self, request: Request, size: int, parsed: ParsedRequest, fault: FaultRule | None
    ) -> ApiResponse:
        """Store the request, then return its response."""
        strict = request.headers.get("X-Strict-Mode") == "1"
        status = parsed.strict_status if strict else parsed.permissive_status
        # No source says whether one invalid call rejects its batch, hence a switch.
        is_accepted = status == 200 or self._settings.batch_errors != "whole"
        response = self._build_response(status, parsed)
        logged_status = response.status
        if fault is not None:
            is_accepted = is_accepted and fault.accepted
            response = self._apply_fault(fault, response)
            logged_status = _NO_RESPONSE if fault.connection in ("reset", "hang") else response.status
        received_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        path = request.scope["path"][:_MAX_PATH_CHARACTERS]
        line = RequestLine(received_at, path, logged_status, size, parsed.count, strict)
        problems = [*parsed.problems, *(parsed.warnings if is_accepted else [])]
        accepted = parsed.accepted if is_accepted else AcceptedCalls()
        await wrap_future(self._writer.add(LogEntry(line, accepted, problems)))
        return response

    def _build_response(self, status: int, parsed: ParsedRequest) -> ApiResponse:
        if status == 200:
            return ApiResponse(200)
        if self._settings.batch_errors == "multi_status" and all(each.item is not None for each in parsed.problems):
            return multi_status_response(parsed.problems)
        violations = [violation for problem in parsed.problems for violation in problem.violations]
        return error_response(status, violations, self._settings.error_body)

    def _apply_fault(self, fault: FaultRule, response: ApiResponse) -> ApiResponse:
        if fault.status is None:
            return response
        return error_response(fault.status, [Violation(None, "fault on demand")], self._settings.error_body)


def _read_media_type(headers: Headers) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def _handle_disconnect(_: Request, __: Exception) -> Response:
    """Return a response that no one reads: the client disconnected within its request, so nothing is stored."""
    return Response(status_code=400)
