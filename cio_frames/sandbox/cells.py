"""The cells of the web pages' tables: links, short texts, and what a call is named by. No HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from cio_frames.sandbox.wire import WireField

# Calls on one page of a request.
CALLS_PER_PAGE = 200
# A longer name has no link: 50 of them would make a page of megabytes.
_MAX_LINKED_CHARACTERS = 500
# A longer text is shortened in tables and headings.
_MAX_SHOWN_CHARACTERS = 120


class PageLink(NamedTuple):
    """A cell with a link to another page."""

    path: str
    text: str


class CallExcerpt(NamedTuple):
    """A cell with the beginning of a rejected call's JSON."""

    json: str


class StatusCell(NamedTuple):
    """A cell with the status of a response; 0 means that there was none."""

    code: int


def link_person(number: int | None, *names: str | None) -> PageLink | None:
    """Return a link to a person, by the first name that there is; None without a person."""
    return None if number is None else PageLink(f"/people/{number}", next(filter(None, names), f"person {number}"))


def link_request(number: int) -> PageLink:
    """Return a link to a request."""
    return PageLink(f"/requests/{number}", str(number))


def link_call(request: int, position: int) -> PageLink:
    """Return a link to a call on the page of its request.

    >>> link_call(7, 450)
    PageLink(path='/requests/7?start=400#call-450', text='7')
    """
    start = position - position % CALLS_PER_PAGE
    return PageLink(f"/requests/{request}{f'?start={start}' if start else ''}#call-{position}", str(request))


def link_query(path: str, parameter: str, value: str | None) -> PageLink | str | None:
    """Return a link to a page that shows what has a value; the value alone if it is very long.

    >>> link_query("/events", "name", "A/B?")
    PageLink(path='/events?name=A%2FB%3F', text='A/B?')
    """
    if not value or len(value) > _MAX_LINKED_CHARACTERS:
        return value
    return PageLink(f"{path}?{urlencode({parameter: value})}", value)


def link_search(text: str | None) -> PageLink | str | None:
    """Return a link to the search for an id or a message id."""
    return link_query("/search", "q", text)


def link_event(kind: str, name: str | None, properties: Mapping[str, Any]) -> PageLink | str | None:
    """Return a link to the events of a name; title and URL of a page view without one."""
    return link_query("/events", "name", name) if name else describe_page_view(kind, properties)


def describe_page_view(kind: str, properties: Mapping[str, Any]) -> str | None:
    """Return title and URL of a page view, which names it where it has no name.

    >>> describe_page_view("page", {"title": "Pricing", "url": "https://example.com/pricing"})
    'Pricing · https://example.com/pricing'
    """
    found = [properties.get(key) for key in ("title", "url")] if kind == "page" else []
    return " · ".join(text for text in found if isinstance(text, str) and text) or None


def summarize_call(call: Mapping[str, Any]) -> tuple[PageLink | str | None, ...]:
    """Return cells with type, name and id of a call."""
    kind, properties = call[WireField.TYPE], call.get(WireField.PROPERTIES) or {}
    event = call.get(WireField.EVENT) or call.get(WireField.NAME) or describe_page_view(kind, properties)
    # Not a link: an event that acts, such as User Deleted, is not among the events.
    name = event or link_search(call.get(WireField.GROUP_ID) or call.get(WireField.PREVIOUS_ID))
    person_id = call.get(WireField.USER_ID) or call.get(WireField.ANONYMOUS_ID)
    return link_query("/calls", "type", kind), name, link_search(person_id)


def quote_call(json: str | None) -> CallExcerpt | None:
    """Return a cell with a rejected call, if there is one."""
    return CallExcerpt(json) if json else None


def shorten(text: str) -> str:
    """Return a text that fits a table.

    >>> shorten("x" * 10_000)[-25:]
    'xxxx… (10,000 characters)'
    """
    if len(text) <= _MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:_MAX_SHOWN_CHARACTERS]}… ({len(text):,} characters)"


def format_json(value: Any) -> str:
    """Return indented JSON."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
