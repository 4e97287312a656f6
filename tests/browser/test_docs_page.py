"""The built documentation in a browser: no outside request, no overflow, and no serious finding of axe."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.run_notebooks import NOTEBOOKS

pytest.importorskip("myst_nb", reason="requires pip install 'cio-frames[docs]'")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
PAGES = [
    "index.html",
    "guides/comparison.html",
    "guides/reference/accessor.html",
    "guides/reference/generated/cio_frames.CioAccessor.track.html",
    "09_ecommerce_events.html",
]


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the pages: of those in $DOCS_SITE, which .ci/run has just built, or of pages built here."""
    folder = os.environ.get("DOCS_SITE")
    if not folder:
        work = tmp_path_factory.mktemp("docs")
        folder = work / "html"
        command = [sys.executable, "-m", "sphinx", "--quiet", "-c", "guides", "-d", str(work / "doctrees"), ".", folder]
        subprocess.run(command, cwd=NOTEBOOKS, check=True)
    handler = functools.partial(Files, directory=str(Path(folder).resolve()))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_no_other_machine_fits_a_phone_and_has_no_barrier(name, site, page, barriers):
    for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{site}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert barriers(page) == []


def test_the_landing_page_has_pictures_and_its_links_lead_to_pages(site, page):
    page.goto(site)
    assert page.evaluate("[...document.querySelectorAll('article img')].every(image => image.naturalWidth > 0)")
    links = page.evaluate("[...document.querySelectorAll('article table a')].map(link => link.href)")
    assert len(links) > 10
    for link in links:
        assert page.request.get(link).ok, link


def test_a_method_is_found_in_a_table_and_has_a_page(site, page):
    page.goto(f"{site}/guides/reference/accessor.html")
    page.locator("article").get_by_role("link", name="delete_people", exact=True).click()
    assert page.locator("h1").inner_text().startswith("df.cio.delete_people")


def test_a_word_is_found_by_the_search(site, page):
    page.goto(f"{site}/search.html?q=dagster")
    page.locator("#search-results a", has_text="Airflow, Dagster").first.wait_for()


def test_a_notebook_is_shown_with_its_outputs(site, page):
    page.goto(f"{site}/09_ecommerce_events.html")
    assert page.locator(".cell_output").count() > 5


def test_an_example_is_copied_without_prompts_and_outputs(site, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site)
    block = page.locator(".highlight-pycon").first
    block.hover()
    block.locator("button.copybtn").click()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("import cio_frames as cio\norders = ")
    assert "6919" not in text
