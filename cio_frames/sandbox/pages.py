"""The web page: what was received, for people to look at."""

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

from cio_frames.sandbox.answers import ERROR_BODIES
from cio_frames.sandbox.assumptions import FIXED, switches
from cio_frames.sandbox.breaking import SCOPE_KEY, Connection
from cio_frames.sandbox.openapi import description
from cio_frames.sandbox.settings import Settings
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.views import Listing, Views
from cio_frames.sandbox.writer import Writer

_STATIC = Path(__file__).parent / "static"
_FILES = {"style.css": "text/css", "live.js": "text/javascript"}
_LISTS = ("people", "events", "objects", "devices", "problems", "requests")
_LIVE_SECONDS = 0.5
# How long a page waits for calls to be applied; a longer wait is told instead.
_PATIENCE_SECONDS = 1.0
_SEARCH_BYTES = 4_000
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_DIGITS = 18
_LOCAL = {"127.0.0.1", "localhost", "::1"}


def routes(store: Store, writer: Writer, settings: Settings, is_authorized: Callable[[str], bool]) -> list[Route]:
    """Return the pages, which only read."""
    pages = _Pages(store, writer, settings, is_authorized)
    return [
        Route("/", pages.overview),
        Route("/live", pages.live),
        Route("/about", pages.about),
        Route("/openapi.json", pages.openapi),
        Route("/search", pages.search, methods=["POST"]),
        Route("/people/{number}", pages.person),
        *(Route(f"/{name}", pages.listing) for name in _LISTS),
        *(Route(f"/static/{name}", pages.file) for name in _FILES),
    ]


class _Pages:
    def __init__(self, store: Store, writer: Writer, settings: Settings, is_authorized: Callable[[str], bool]) -> None:
        self._views, self._writer, self._settings = Views(store), writer, settings
        self._is_authorized = is_authorized
        loader = PackageLoader("cio_frames.sandbox")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._templates.filters["json"] = _json

    async def overview(self, request: Request) -> Response:
        """Show how much there is, and how fast it comes."""
        return await self._shown(request, "overview.html", lambda: {"recent": self._views.recent()})

    async def listing(self, request: Request) -> Response:
        """Show the rows of one table."""
        name = request.scope["path"].strip("/")
        before = _place(request.query_params.get("before", ""))

        def values() -> dict[str, Any]:
            if not self._settings.keeps_state and name not in ("problems", "requests"):
                return {"name": name, "listing": None}
            listing: Listing = getattr(self._views, name)(before)
            return {"name": name, "listing": listing, "is_first": before is None}

        return await self._shown(request, "listing.html", values)

    async def person(self, request: Request) -> Response:
        """Show all about one person."""
        number = _place(request.scope["path"].rpartition("/")[2])

        def values() -> dict[str, Any]:
            return {"person": self._views.person(number) if self._settings.keeps_state and number else None}

        return await self._shown(request, "person.html", values)

    async def search(self, request: Request) -> Response:
        """Show what is known by an id, an email or a message id. By POST, so that no address has it."""
        body = b""
        async for chunk in request.stream():
            body = (body + chunk)[:_SEARCH_BYTES]
        text = parse_qs(body.decode(errors="replace"), errors="replace").get("text", [""])[0].strip()

        def values() -> dict[str, Any]:
            return {"text": text, "found": self._views.search(text) if self._settings.keeps_state and text else None}

        return await self._shown(request, "search.html", values)

    async def about(self, request: Request) -> Response:
        """Show what is assumed, and how each assumption is set now."""
        chosen = self._settings.assumed
        values = {
            "switches": [(*switch, getattr(chosen, switch.name)) for switch in switches()],
            "fixed": FIXED,
            "batch_errors": self._settings.batch_errors,
            "error_body": self._settings.error_body,
            "error_bodies": ERROR_BODIES,
        }
        return await self._shown(request, "about.html", lambda: values)

    async def openapi(self, _: Request) -> Response:
        """Return what the sandbox says of itself to programs."""
        return Response(orjson.dumps(description()), media_type="application/json")

    async def file(self, request: Request) -> Response:
        """Return what a page needs besides itself."""
        name = request.scope["path"].rpartition("/")[2]
        return FileResponse(_STATIC / name, media_type=_FILES[name], headers=_HEADERS)

    async def live(self, request: Request) -> Response:
        """Send the counters as they change."""
        if refusal := self._refusal(request):
            return refusal
        connection: Connection = request.scope[SCOPE_KEY]
        return StreamingResponse(self._counters(connection), media_type="text/event-stream", headers=_HEADERS)

    async def _counters(self, connection: Connection) -> AsyncIterator[bytes]:
        while not connection.is_ending():
            values = await run_in_threadpool(lambda: {**self._views.counts(), "recent": self._views.recent()})
            yield b"data: " + orjson.dumps(values) + b"\n\n"
            await asyncio.sleep(_LIVE_SECONDS)

    async def _shown(self, request: Request, template: str, values: Callable[[], dict[str, Any]]) -> Response:
        if refusal := self._refusal(request):
            return refusal
        caught_up = self._writer.catch_up()
        # What goes wrong there is for those who ask for frames; a page shows what there is.
        await asyncio.wait([asyncio.ensure_future(_quietly(caught_up))], timeout=_PATIENCE_SECONDS)
        return await run_in_threadpool(self._rendered, request.scope["path"], template, values)

    def _rendered(self, path: str, template: str, values: Callable[[], dict[str, Any]]) -> Response:
        found = values()
        html = self._templates.get_template(template).render(
            **found, path=path, lists=_LISTS, counts=self._views.counts(), keeps_state=self._settings.keeps_state
        )
        status = 404 if found.get("person", self) is None else 200
        return Response(html, status, _HEADERS, "text/html")

    def _refusal(self, request: Request) -> Response | None:
        """Refuse other machines without the key, and pages of other sites that lead their names here."""
        if self._settings.is_local:
            is_mine = _name(request.headers.get("Host", "")) in _LOCAL | {self._settings.host}
            return None if is_mine else Response("this name is not mine", 421)
        if self._is_authorized(request.headers.get("Authorization", "")):
            return None
        return Response("the write key is the user name", 401, {"WWW-Authenticate": 'Basic realm="sandbox"'})


async def _quietly(future: Future[None]) -> None:
    with suppress(Exception):
        await asyncio.wrap_future(future)


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _place(text: str) -> int | None:
    """Return a number that SQLite can hold, None for what is none."""
    return int(text) if len(text) <= _DIGITS and text.isascii() and text.isdecimal() else None


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
