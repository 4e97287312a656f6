"""A real browser for the tests of what people look at.

Chromium is the one that is installed: $CHROMIUM, or one of the usual places. Without one these tests are skipped; where
CI is set they fail, so that nothing goes unlooked at.
"""

import os
import shutil
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
ELSEWHERE = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
]
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = {"127.0.0.1", "localhost", "::1"}
DESKTOP = {"width": 1280, "height": 900}


def find_chromium():
    """Return the path of an installed browser, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    found = [shutil.which(name) for name in NAMES] + [path for path in ELSEWHERE if Path(path).exists()]
    return next((path for path in found if path), None)


def is_outside(url):
    """Tell whether a request leaves this machine."""
    address = urlsplit(url)
    return address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in HERE


class Watch:
    """What a page does that no page of ours may do: errors in its console, and requests to other machines."""

    def __init__(self, page):
        self.complaints = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url))
        page.context.route(is_outside, lambda route: route.abort())

    def _console(self, message):
        if message.type == "error":
            self.complaints.append(f"console error: {message.text}")

    def _asked(self, url):
        if is_outside(url):
            self.complaints.append(f"outside request: {url}")


MISSING = "no Chromium here: install one (Debian: apt-get install chromium), or name one in $CHROMIUM"


def pytest_collection_modifyitems(items):
    """Skip by mark, which pytest reports in one line for a whole file."""
    if not find_chromium() and not os.environ.get("CI"):
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.skip(reason=MISSING))


# Playwright keeps an event loop in this thread while it runs: it ends with this folder, so that no other test sees it.
@pytest.fixture(scope="package")
def browser():
    path = find_chromium()
    if path is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A blank page; the test fails where the page reports an error or asks another machine for something.

    ``page.watch.complaints`` holds what was seen so far. Colours and size: ``page.emulate_media(color_scheme="dark")``,
    ``page.set_viewport_size({"width": 360, "height": 740})``.
    """
    with browser.new_context(viewport=DESKTOP, locale="en-GB", timezone_id="UTC") as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.watch = Watch(page)
        yield page
        complaints = page.watch.complaints
    assert complaints == []


AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def barriers():
    """A function of a page: what axe-core calls serious or critical faults of accessibility, in words."""

    def found(page):
        page.evaluate(AXE)
        # Without preload axe fetches no style sheets, some of which it looks for in the wrong folder.
        options = "{resultTypes: ['violations'], preload: false}"
        violations = page.evaluate(f"axe.run(document, {options}).then(found => found.violations)")
        return [
            f"{violation['id']}: {violation['help']}: {[node['html'] for node in violation['nodes'][:3]]}"
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
        ]

    return found
