"""The page of a load, in a browser."""

import re
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest

import cio_frames as cio

PHONE = {"width": 390, "height": 740}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A load of a CSV file with retries and undelivered rows, and where its page is."""
    folder = tmp_path_factory.mktemp("a load")
    people = pd.DataFrame({"user_id": [f"p{row}" for row in range(400)], "email": "somebody@example.com"})
    people.loc[7, "email"] = "<b>nobody"
    people.loc[9, "user_id"] = None
    people.to_csv(folder / "people.csv", index=False)
    with cio.Sandbox(faults=["503@0-1"]) as sandbox:
        client = cio.Client(write_key="sandbox", endpoint=sandbox.url, workers=1, max_body_bytes=40_000)
        result = cio.load(folder / "people.csv", "identify", client=client, output=folder / "out", progress=False)
    result.to_report(folder / "load.html")
    return result, folder / "load.html"


@pytest.fixture
def shown(page, loaded):
    page.goto(loaded[1].as_uri())
    return page


def figures(page):
    texts = page.locator(".figures > div").all_inner_texts()
    return {text.split("\n")[0].lower(): int(re.sub(r"\D", "", text.split("\n")[1].split(" ")[0])) for text in texts}


def test_the_numbers_are_those_of_the_result(shown, loaded):
    result, _ = loaded
    assert shown.get_by_role("heading", level=1).inner_text() == "398 of 400 rows were delivered"
    assert figures(shown) == result.statuses == {"invalid": 2, "delivered": 398}
    assert f"{result.requests} requests, {result.bytes:,} bytes of calls" in shown.get_by_role("main").inner_text()
    reasons = shown.get_by_role("region", name="Reasons").locator("tbody tr").all_inner_texts()
    assert {int(row.rsplit("\t", 1)[1]) for row in reasons} == {1}


def test_the_page_says_what_was_loaded_where_to_when_and_by_which_version(shown, loaded):
    about = shown.get_by_role("banner").inner_text()
    source = str(loaded[1].parent / "people.csv")
    for text in ["identify", source, "sandbox at http://127.0.0.1:", f"cio_frames {cio.__version__}", " UTC"]:
        assert text in about


def test_rows_over_time_add_up_and_say_what_was_repeated(shown, loaded):
    result, _ = loaded
    region = shown.locator("section:has(#progress)")
    region.locator("summary").click()
    rows = [[float(cell) for cell in row.split("\t")] for row in region.locator("tbody tr").all_inner_texts()]
    assert sum(row[1] for row in rows) == 398
    assert sum(row[2] for row in rows) == 2
    assert sum(row[4] for row in rows) == result.run.repeats == 2
    assert "2 requests repeated an earlier one" in region.inner_text()
    assert region.get_by_role("img").locator("rect.warning").count() >= 1


def test_the_first_undelivered_rows_are_named_by_row_and_line_and_their_file_is_linked(shown, loaded):
    rows = shown.get_by_role("region", name="First rows that were not delivered").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:3] for row in rows] == [["7", "9", "invalid"], ["9", "11", "invalid"]]
    assert "nobody" not in shown.content()
    link = shown.get_by_role("link", name="The file of undelivered rows")
    assert link.get_attribute("href") == "./out/undelivered.parquet"
    assert unquote(urlsplit(link.evaluate("link => link.href")).path) == str(loaded[0].undelivered)


def test_it_says_what_to_do(shown):
    assert "Correct the cells that the reason names" in shown.locator("section:has(#next)").inner_text()


def test_a_load_of_every_row_says_so_and_has_nothing_to_do(page, tmp_path):
    with cio.Sandbox() as sandbox:
        people = pd.DataFrame({"user_id": ["ada"]})
        cio.load(people, "identify", client=sandbox.client, output=tmp_path / "out").to_report(tmp_path / "load.html")
    page.goto((tmp_path / "load.html").as_uri())
    assert page.get_by_role("heading", level=1).inner_text() == "Every row was delivered"
    assert page.locator("#next").count() == 0
    assert page.locator(".answer.clear").count() == 1


def test_a_dry_run_tells_what_would_happen_and_draws_no_time(page, tmp_path):
    people = pd.DataFrame({"user_id": ["ada", None]})
    cio.load(people, "track", "Seen", dry_run=True).to_report(tmp_path / "dry.html")
    page.goto((tmp_path / "dry.html").as_uri())
    assert page.get_by_role("heading", level=1).inner_text() == "1 of 2 rows would be sent"
    assert "none: a dry run" in page.get_by_role("banner").inner_text()
    assert "1 row can start campaigns" in page.get_by_role("main").inner_text()
    assert page.locator("#progress").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1_400, "height": 900}, PHONE], ids=["desktop", "phone"])
def test_no_barriers_and_nothing_but_tables_scrolls_sideways(page, barriers, loaded, scheme, size):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    page.goto(loaded[1].as_uri())
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_on_paper_it_is_white_and_has_its_pictures(shown):
    shown.emulate_media(media="print", color_scheme="dark")
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert shown.locator("#progress").is_visible()
