"""The web pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from jinja2 import Environment, PackageLoader
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cio_frames.sandbox.assumptions import FIXED_ASSUMPTIONS, OPTION_DESCRIPTIONS, list_switches
from cio_frames.sandbox.broken_responses import CONNECTION_KEY, ServerConnection
from cio_frames.sandbox.cells import format_json, link_person, shorten
from cio_frames.sandbox.listings import Filter, ListingPage
from cio_frames.sandbox.openapi import build_openapi
from cio_frames.sandbox.page_queries import PageQueries
from cio_frames.sandbox.page_requests import accepts_html, parse_host_name, parse_number
from cio_frames.sandbox.responses import ERROR_BODIES
from cio_frames.sandbox.settings import BATCH_ERRORS, SandboxSettings
from cio_frames.sandbox.shell import DEFAULT_WRITE_KEY, export_command
from cio_frames.sandbox.store import Store
from cio_frames.sandbox.writer import WriterThread
from cio_frames.spec import CALL_NAMES

_STATIC_FOLDER = Path(__file__).parent / "static"
# The colors and type of reports too. It is a file beside both, so that neither imports the other.
_THEME_FILE = Path(__file__).parent.parent / "look" / "theme.css"
_STATIC_FILES = {"style.css": "text/css", "live.js": "text/javascript"}
_NAVIGATION = ("people", "events", "calls", "objects", "devices", "problems", "requests")
_LISTINGS = (*_NAVIGATION, "suppressed", "repeats")
_WITHOUT_STATE = ("calls", "problems", "requests")
_UPDATE_SECONDS = 0.5
# A page waits this long for calls to be applied; after that it states how many are waiting.
_CATCH_UP_SECONDS = 1.0
_MAX_SEARCH_CHARACTERS = 20_000
_FILTERS = {"events": ("name", "person"), "calls": ("type",), "problems": ("reason",)}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LOOPBACK_NAMES = {"127.0.0.1", "localhost", "::1"}


class PageHandlers:
    """The handlers of the web pages.

    Parameters
    ----------
    store
        What the pages show.
    writer
        Brings the store up to date.
    settings
        The options of the sandbox.
    is_authorized
        Whether an Authorization header has the write key.
    """

    def __init__(
        self, store: Store, writer: WriterThread, settings: SandboxSettings, is_authorized: Callable[[str], bool]
    ) -> None:
        self._store, self._writer, self._settings = store, writer, settings
        self._queries = PageQueries(store)
        self._is_authorized = is_authorized
        loader = PackageLoader("cio_frames.sandbox")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._templates.filters["json"] = format_json
        self._templates.filters["shorten"] = shorten

    def build_routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/", self.overview),
            Route("/live", self.live),
            Route("/about", self.about),
            Route("/openapi.json", self.openapi),
            Route("/search", self.search),
            Route("/clear", self.clear, methods=["POST"]),
            *(Route(f"/{name}/{{number}}", partial(self.detail, name)) for name in ("people", "objects", "requests")),
            *(Route(f"/{name}", partial(self.listing, name)) for name in _LISTINGS),
            *(Route(f"/static/{name}", self.static_file) for name in _STATIC_FILES),
        ]

    async def overview(self, request: Request) -> Response:
        """Show the counters and the latest calls."""
        return await self._respond(request, "overview.html", self._queries.overview)

    async def listing(self, name: str, request: Request) -> Response:
        """Show one page of a table."""
        parameters = {key: value for key, value in request.query_params.items() if value}
        before = parse_number(parameters.pop("before", ""))
        filters = {key: parameters[key] for key in _FILTERS.get(name, ()) if key in parameters}

        def values() -> dict[str, Any]:
            if not self._settings.keeps_state and name not in _WITHOUT_STATE:
                return {"name": name, "listing": None}
            listing: ListingPage = getattr(self._queries.listings, name)(before, Filter(**filters))
            content = {"name": name, "listing": listing, "filters": filters, "query": urlencode(filters)}
            if name == "problems" and before is None and not filters:
                content["reasons"] = self._queries.reasons()
            if name == "events":
                content["names"] = self._queries.event_names()
                content["people"] = [
                    link_person(*row) for row in self._queries.listings.find_people(filters.get("person", ""))
                ]
            return content

        return await self._respond(request, "listing.html", values)

    async def detail(self, name: str, request: Request) -> Response:
        """Show one person, object or request."""
        number, start = parse_number(request.path_params["number"]), request.query_params.get("start", "")
        is_supported = self._settings.keeps_state or name in _WITHOUT_STATE

        def query() -> dict[str, Any] | None:
            if number is None or not is_supported:
                return None
            if name == "people":
                return self._queries.details.person(number, start)
            find = self._queries.details.object if name == "objects" else self._queries.details.request
            return find(number, parse_number(start))

        template = {"people": "person.html", "objects": "object.html", "requests": "request.html"}[name]
        return await self._respond(request, template, lambda: {"detail": query()})

    async def search(self, request: Request) -> Response:
        """Show people, objects, events and calls by id, email, event name or message id."""
        text = request.query_params.get("q", "")[:_MAX_SEARCH_CHARACTERS].strip()

        def values() -> dict[str, Any]:
            return {"text": text, "found": self._queries.search(text) if self._settings.keeps_state and text else None}

        return await self._respond(request, "search.html", values)

    async def clear(self, request: Request) -> Response:
        """Delete everything that was received, if a page of this sandbox requests it."""
        if refusal := self._refuse_access(request):
            return refusal
        own_origin = f"{request.url.scheme}://{request.headers.get('Host', '')}"
        if request.headers.get("Origin") != own_origin and request.headers.get("Sec-Fetch-Site") != "same-origin":
            return Response("only a page of this sandbox can clear it", 403)
        await _ignore_errors(self._writer.catch_up())
        await run_in_threadpool(self._store.clear)
        return Response(status_code=303, headers={"Location": "/", **_PAGE_HEADERS})

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

    async def not_found(self, request: Request, status: int) -> Response:
        """Show in a browser that there is no such page."""
        return await self._respond(request, "not_found.html", lambda: {"status": status}, status)

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return Response(orjson.dumps(build_openapi()), media_type="application/json")

    async def static_file(self, request: Request) -> Response:
        """Return a style sheet or script."""
        name = request.scope["path"].rpartition("/")[2]
        text = (_STATIC_FOLDER / name).read_text(encoding="utf-8")
        if name == "style.css":
            text = _THEME_FILE.read_text(encoding="utf-8") + text
        return Response(text, media_type=_STATIC_FILES[name], headers=_PAGE_HEADERS)

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
            values = await run_in_threadpool(self._queries.stream_counts)
            yield b"data: " + orjson.dumps(values) + b"\n\n"
            await asyncio.sleep(_UPDATE_SECONDS)

    async def _respond(
        self, request: Request, template: str, values: Callable[[], dict[str, Any]], status: int = 200
    ) -> Response:
        if refusal := self._refuse_access(request):
            return refusal
        caught_up = self._writer.catch_up()
        # The frames raise its errors; a page shows the state as it is.
        await asyncio.wait([asyncio.ensure_future(_ignore_errors(caught_up))], timeout=_CATCH_UP_SECONDS)
        own_url = f"{request.url.scheme}://{request.headers.get('Host', '')}"
        response = await run_in_threadpool(self._render, request.scope["path"], own_url, template, values, status)
        if response.status_code == 404 and not accepts_html(request):
            return json_not_found()
        return response

    def _render(
        self, path: str, own_url: str, template: str, values: Callable[[], dict[str, Any]], status: int
    ) -> Response:
        # Counted first: a call that arrives now is missing from the counts, so that the page is fetched again.
        counts = {**self._queries.counts(), "waiting": self._queries.waiting()}
        content = values()
        html = self._templates.get_template(template).render(
            path=path,
            navigation=_NAVIGATION,
            counts=counts,
            call_types=CALL_NAMES,
            keeps_state=self._settings.keeps_state,
            has_default_key=self._settings.write_key == DEFAULT_WRITE_KEY,
            export_command=export_command(own_url, self._settings.write_key),
            **content,
        )
        is_found = content.get("detail", self) is not None
        return Response(html, status if is_found else 404, _PAGE_HEADERS, "text/html")

    def _refuse_access(self, request: Request) -> Response | None:
        """Refuse other machines without the write key, and other sites whose host name resolves to this address."""
        if self._settings.is_local:
            is_own_name = parse_host_name(request.headers.get("Host", "")) in _LOOPBACK_NAMES | {self._settings.host}
            return None if is_own_name else Response("unknown host name", 421)
        if self._is_authorized(request.headers.get("Authorization", "")):
            return None
        return Response("enter the write key as user name", 401, {"WWW-Authenticate": 'Basic realm="sandbox"'})


async def _ignore_errors(future: Future[None]) -> None:
    with suppress(Exception):
        await asyncio.wrap_future(future)


def json_not_found() -> Response:
    """Return the response to a program that requests a page that does not exist."""
    body = orjson.dumps({"meta": {"error": "page not found: send API calls by POST, for example to /v1/batch"}})
    return Response(body, 404, _PAGE_HEADERS, "application/json")
