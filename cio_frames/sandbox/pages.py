"""The web pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from jinja2 import Environment, PackageLoader
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from cio_frames.sandbox.assumptions import FIXED_ASSUMPTIONS, OPTION_DESCRIPTIONS, list_switches
from cio_frames.sandbox.broken_responses import CONNECTION_KEY, ServerConnection
from cio_frames.sandbox.openapi import build_openapi
from cio_frames.sandbox.page_queries import ListingPage, PageQueries
from cio_frames.sandbox.responses import ERROR_BODIES
from cio_frames.sandbox.settings import BATCH_ERRORS, SandboxSettings
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.writer import WriterThread

_STATIC_FOLDER = Path(__file__).parent / "static"
_STATIC_FILES = {"style.css": "text/css", "live.js": "text/javascript"}
_LISTINGS = ("people", "events", "objects", "devices", "problems", "requests")
_UPDATE_SECONDS = 0.5
# A page waits this long for calls to be applied; after that it states how many are waiting.
_CATCH_UP_SECONDS = 1.0
_MAX_SEARCH_BYTES = 4_000
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MAX_DIGITS = 18
_LOOPBACK_NAMES = {"127.0.0.1", "localhost", "::1"}


def build_routes(
    store: Store, writer: WriterThread, settings: SandboxSettings, is_authorized: Callable[[str], bool]
) -> list[Route]:
    """Return the routes of the pages."""
    pages = _PageHandlers(store, writer, settings, is_authorized)
    return [
        Route("/", pages.overview),
        Route("/live", pages.live),
        Route("/about", pages.about),
        Route("/openapi.json", pages.openapi),
        Route("/search", pages.search, methods=["POST"]),
        Route("/people/{number}", pages.person),
        *(Route(f"/{name}", pages.listing) for name in _LISTINGS),
        *(Route(f"/static/{name}", pages.static_file) for name in _STATIC_FILES),
    ]


class _PageHandlers:
    def __init__(
        self, store: Store, writer: WriterThread, settings: SandboxSettings, is_authorized: Callable[[str], bool]
    ) -> None:
        self._queries, self._writer, self._settings = PageQueries(store), writer, settings
        self._is_authorized = is_authorized
        loader = PackageLoader("cio_frames.sandbox")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._templates.filters["json"] = _format_json

    async def overview(self, request: Request) -> Response:
        """Show the counters and the recent requests."""
        return await self._respond(request, "overview.html", lambda: {"recent": self._queries.recent()})

    async def listing(self, request: Request) -> Response:
        """Show one page of a table."""
        name = request.scope["path"].strip("/")
        before = _parse_number(request.query_params.get("before", ""))

        def values() -> dict[str, Any]:
            if not self._settings.keeps_state and name not in ("problems", "requests"):
                return {"name": name, "listing": None}
            listing: ListingPage = getattr(self._queries, name)(before)
            return {"name": name, "listing": listing, "is_first": before is None}

        return await self._respond(request, "listing.html", values)

    async def person(self, request: Request) -> Response:
        """Show everything about one person."""
        number = _parse_number(request.scope["path"].rpartition("/")[2])

        def values() -> dict[str, Any]:
            return {"person": self._queries.person(number) if self._settings.keeps_state and number else None}

        return await self._respond(request, "person.html", values)

    async def search(self, request: Request) -> Response:
        """Show people and calls by id, email or message id. By POST, so that no URL contains it."""
        body = b""
        async for chunk in request.stream():
            body = (body + chunk)[:_MAX_SEARCH_BYTES]
        text = parse_qs(body.decode(errors="replace"), errors="replace").get("text", [""])[0].strip()

        def values() -> dict[str, Any]:
            return {"text": text, "found": self._queries.search(text) if self._settings.keeps_state and text else None}

        return await self._respond(request, "search.html", values)

    async def about(self, request: Request) -> Response:
        """Show the assumptions and their current values."""
        assumptions = self._settings.assumptions
        values = {
            "descriptions": OPTION_DESCRIPTIONS,
            "switches": [(*switch, getattr(assumptions, switch.name)) for switch in list_switches()],
            "fixed": FIXED_ASSUMPTIONS,
            "batch_errors": self._settings.batch_errors,
            "batch_errors_choices": BATCH_ERRORS,
            "error_body": self._settings.error_body,
            "error_bodies": ERROR_BODIES,
        }
        return await self._respond(request, "about.html", lambda: values)

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return Response(orjson.dumps(build_openapi()), media_type="application/json")

    async def static_file(self, request: Request) -> Response:
        """Return a style sheet or script."""
        name = request.scope["path"].rpartition("/")[2]
        return FileResponse(_STATIC_FOLDER / name, media_type=_STATIC_FILES[name], headers=_PAGE_HEADERS)

    async def live(self, request: Request) -> Response:
        """Stream the counters."""
        if refusal := self._refuse_access(request):
            return refusal
        connection: ServerConnection = request.scope[CONNECTION_KEY]
        return StreamingResponse(
            self._stream_counters(connection), media_type="text/event-stream", headers=_PAGE_HEADERS
        )

    async def _stream_counters(self, connection: ServerConnection) -> AsyncIterator[bytes]:
        while not connection.is_stopping():
            values = await run_in_threadpool(lambda: {**self._queries.counts(), "recent": self._queries.recent()})
            yield b"data: " + orjson.dumps(values) + b"\n\n"
            await asyncio.sleep(_UPDATE_SECONDS)

    async def _respond(self, request: Request, template: str, values: Callable[[], dict[str, Any]]) -> Response:
        if refusal := self._refuse_access(request):
            return refusal
        caught_up = self._writer.catch_up()
        # The frames raise its errors; a page shows the state as it is.
        await asyncio.wait([asyncio.ensure_future(_ignore_errors(caught_up))], timeout=_CATCH_UP_SECONDS)
        return await run_in_threadpool(self._render, request.scope["path"], template, values)

    def _render(self, path: str, template: str, values: Callable[[], dict[str, Any]]) -> Response:
        content = values()
        html = self._templates.get_template(template).render(
            **content, path=path, lists=_LISTINGS, counts=self._queries.counts(), keeps_state=self._settings.keeps_state
        )
        status = 404 if content.get("person", self) is None else 200
        return Response(html, status, _PAGE_HEADERS, "text/html")

    def _refuse_access(self, request: Request) -> Response | None:
        """Refuse other machines without the write key, and other sites whose host name resolves to this address."""
        if self._settings.is_local:
            is_own_name = _parse_host_name(request.headers.get("Host", "")) in _LOOPBACK_NAMES | {self._settings.host}
            return None if is_own_name else Response("unknown host name", 421)
        if self._is_authorized(request.headers.get("Authorization", "")):
            return None
        return Response("enter the write key as user name", 401, {"WWW-Authenticate": 'Basic realm="sandbox"'})


async def _ignore_errors(future: Future[None]) -> None:
    with suppress(Exception):
        await asyncio.wrap_future(future)


def _parse_host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _parse_number(text: str) -> int | None:
    """Return a number that SQLite can store, None if the text is not one."""
    return int(text) if len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal() else None


def _format_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
