"""The page of a report, in a browser."""

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading.validating import validate_source
from cio_frames.pipeline.call_spec import build_call_spec
from cio_frames.report.validation_page import validation_page
from cio_frames.spec.package_data import package_folder
from tests.reports import SCRIPT, cases, report

PHONE = {"width": 360, "height": 740}
NUMBERS = "number"


def rows():
    """A check with numbers, texts and many rows, in no order."""
    return [(place, f"c{place % 3}", NUMBERS, "error", place, "must be a number") for place in (7, 100, 23, 1_000)]


@pytest.fixture
def show(page, tmp_path):
    """Open a report as a file, as people do, and return the tab."""

    def opened(shown, *, show_values=False):
        path = tmp_path / "report.html"
        path.write_text(validation_page(shown, show_values=show_values), encoding="utf-8")
        page.goto(path.as_uri())
        return page

    return opened


def column(page, place, table="#check-1-caption"):
    """The texts of a column of the rows that can be seen."""
    cells = page.locator(f"table:has({table}) tbody tr:visible > :nth-child({place})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_it_says_the_answer_and_has_its_landmarks(show):
    page = show(report())
    assert page.title() == "Validation report: track 'Order Completed'"
    assert page.get_by_role("heading", level=1).inner_text() == "5 of 100 rows are held back"
    for role in ["banner", "main", "navigation", "contentinfo"]:
        assert page.get_by_role(role).count() == 1
    drawn = page.get_by_role("img").evaluate_all("all => all.map(each => each.getAttribute('aria-labelledby'))")
    # Bodies are filled up to their limit, so their sizes are folded.
    assert drawn == ["sizes-calls-text"]


def test_a_click_on_a_header_sorts_and_another_click_turns_it_round(show):
    page = show(report(cases(*rows()), rows=2_000))
    table = page.get_by_role("table", name="Held back: must be a number")
    header = table.get_by_role("columnheader", name="Position")
    assert column(page, 1) == ["7", "100", "23", "1000"]
    assert header.get_attribute("aria-sort") == "none"
    header.get_by_role("button").click()
    assert column(page, 1) == ["7", "23", "100", "1000"]
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").click()
    assert column(page, 1) == ["1000", "100", "23", "7"]
    assert header.get_attribute("aria-sort") == "descending"
    table.get_by_role("columnheader", name="Column").get_by_role("button").click()
    assert column(page, 2) == ["c1", "c1", "c1", "c2"]
    assert header.get_attribute("aria-sort") == "none"


def test_numbers_with_separators_sort_as_numbers(show):
    failures = [(place, "a", "c", "error", None, "is odd") for place in range(1_200)]
    failures += [(place, "b", "d", "error", None, "is even") for place in range(30)]
    page = show(report(cases(*failures), rows=2_000))
    page.get_by_role("table", name="Checks with findings").get_by_role("button", name="Rows").click()
    assert column(page, 4, "#overview-caption") == ["30", "1,200"]


def test_the_keyboard_sorts_and_filters(show):
    page = show(report(cases(*rows()), rows=2_000))
    page.get_by_label("Filter these findings").focus()
    page.keyboard.type("c2")
    assert column(page, 1) == ["23"]
    assert page.get_by_role("status").inner_text() == "1 of 4 match"
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")  # to the region, which the arrow keys scroll
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert column(page, 1) == ["7", "23", "100", "1000"]
    page.keyboard.press("Space")
    assert column(page, 1) == ["1000", "100", "23", "7"]


def test_a_filter_looks_for_all_words_in_any_case_and_says_how_many_match(show):
    page = show(report(cases(*rows()), rows=2_000))
    search = page.get_by_label("Filter these findings")
    search.fill("C1 100")
    assert column(page, 1) == ["100", "1000"]
    search.fill("nowhere")
    assert column(page, 1) == []
    assert page.get_by_role("status").inner_text() == "0 of 4 match"
    search.fill("")
    assert len(column(page, 1)) == 4
    assert page.get_by_role("status").inner_text() == ""


def test_the_skip_link_comes_first_and_focus_can_be_seen(show):
    page = show(report())
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the report")
    assert link.evaluate("link => link === document.activeElement")
    assert link.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    assert link.bounding_box()["y"] >= 0


def test_a_check_of_the_overview_leads_to_its_rows(show):
    page = show(report())
    page.get_by_role("link", name="must be a number").click()
    target = page.get_by_role("heading", name="must be a number")
    assert target.evaluate("heading => heading === document.querySelector(':target')")


def test_a_script_in_a_cell_stays_text(show):
    page = show(report(what=f"track {SCRIPT}"), show_values=True)
    assert page.get_by_role("cell", name=SCRIPT, exact=True).inner_text() == SCRIPT
    assert page.locator("script").count() == 1


def test_a_script_that_is_not_the_page_s_own_does_not_run(show):
    page = show(report())
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert page.evaluate("window.ran") is None
    assert ["Content Security Policy" in complaint for complaint in page.watch.complaints] == [True]
    page.watch.complaints.clear()


def test_values_are_there_only_when_asked_for(show):
    assert show(report()).get_by_text("a secret").count() == 0
    assert show(report(), show_values=True).get_by_text("a secret").is_visible()


def test_without_script_all_is_there_but_the_tools(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(validation_page(report(), show_values=False), encoding="utf-8")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(path.as_uri())
        assert page.get_by_role("heading", level=1).is_visible()
        assert page.get_by_role("table", name="Held back: must be a number").is_visible()
        assert page.get_by_role("searchbox").count() == 0


def test_on_paper_tables_stand_in_full_width_and_stop_after_twenty_rows(show):
    failures = [(place, "a", "c", "error", None, "is odd") for place in range(50)]
    page = show(report(cases(*failures)))
    assert len(column(page, 1)) == 50
    page.emulate_media(media="print", color_scheme="dark")
    assert len(column(page, 1)) == 20
    assert page.get_by_text("Printed: the first 20 rows of the table.").is_visible()
    assert not page.get_by_role("navigation").is_visible()
    assert page.get_by_role("searchbox").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".scroll").first.evaluate("region => getComputedStyle(region).overflow") == "visible"


def widths(page):
    return page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")


@pytest.mark.parametrize("length", [1, 2_000])
def test_on_a_phone_nothing_but_tables_scrolls_sideways(show, page, length):
    page.set_viewport_size(PHONE)
    word = "x" * length
    failures = cases(*((row, word, word, "error", word, word) for row in range(30)))
    failures["index"] = word
    scrolled, visible = widths(show(report(failures, what=f"track '{word}'"), show_values=True))
    assert scrolled <= visible


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1_280, "height": 900}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("shown", [report(), report(cases()), report(facts=None)], ids=["bad", "good", "no facts"])
def test_no_barriers(show, page, barriers, scheme, size, shown):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    show(shown, show_values=True)
    assert barriers(page) == []
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    assert barriers(page) == []


def test_dark_is_dark(show, page):
    page.emulate_media(color_scheme="dark")
    assert show(report()).evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"


@pytest.fixture(scope="module")
def orders():
    """The report of real orders, good ones and bad ones, under labels that are people's data."""
    good, bad = (
        pd.read_parquet(package_folder("sample_data") / f"{name}.parquet") for name in ("orders", "bad_orders")
    )
    frame = pd.concat([good, bad], ignore_index=True).rename(index=lambda row: f"row-{row}@example.com")
    return cio.validate(frame, "track", "Order Completed", user_id="customer_id", timestamp="ordered_on")


@pytest.mark.parametrize("show_values", [False, True])
def test_the_page_of_real_orders_says_what_their_report_says(page, barriers, tmp_path, orders, show_values):
    path = tmp_path / "orders.html"
    orders.to_html(path, show_values=show_values)
    page.goto(path.as_uri())
    assert page.get_by_role("heading", level=1).inner_text() == "7 of 6,926 rows are held back"
    assert column(page, 4, "#overview-caption") == ["2", "2", "1", "1", "1"]
    # What is about a whole column is one line, and not a row for each order.
    assert page.get_by_text("2 columns are not known properties of Order Completed: items, note").count() == 1
    assert column(page, 1, "caption:text-is('Held back: required value is missing')") == ["6919", "6920"]
    assert page.get_by_text("4 requests would carry").count() == 1
    assert (page.get_by_text("last week").count() > 0) is show_values
    assert (page.get_by_text("row-6919@example.com").count() > 0) is show_values
    assert ("@example.com" in path.read_text(encoding="utf-8")) is show_values
    assert barriers(page) == []


def test_columns_times_and_the_source_of_real_orders_are_those_of_their_report(page, tmp_path, orders):
    orders.to_html(tmp_path / "orders.html")
    page.goto((tmp_path / "orders.html").as_uri())
    shown = page.locator("table:has(#values-caption) tbody tr").all_inner_texts()
    cells = [[cell.strip().replace(",", "") for cell in row.split("\t") if cell.strip()] for row in shown]
    facts = orders.facts.columns
    assert [row[0] for row in cells] == facts["label"].tolist()
    assert [int(row[1]) for row in cells] == facts["filled"].tolist()
    assert [int(row[3]) for row in cells] == facts["distinct"].tolist()
    assert [int(row[4]) for row in cells] == (facts["filled"] - facts["distinct"]).tolist()
    times = page.locator("section:has(> #times)")
    assert times.get_by_role("img").locator("rect.good").count() > 10
    assert "no timestamp is near them" in times.inner_text()
    times.locator("summary").click()
    rows = [row.split("\t") for row in times.locator("table:has(#times-caption) tbody tr").all_inner_texts()]
    assert sum(int(row[1].replace(",", "")) for row in rows) == int(orders.facts.times.sum()) == 6_919
    assert f"cio_frames {cio.__version__}" in page.get_by_role("banner").inner_text()


def test_findings_of_files_are_named_by_line_and_file(page, barriers, tmp_path):
    for name, ids in {"a": "ada\nbob\n", "b": '""\ncy\n'}.items():
        (tmp_path / f"{name}.csv").write_text("user_id,plan\n" + ids.replace("\n", ",free\n"), encoding="utf-8")
    report, _ = validate_source(tmp_path, build_call_spec("identify"), cio.Client(write_key="k"))
    report.to_html(tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    about = page.get_by_role("banner").inner_text()
    assert str(tmp_path) in about
    assert "Customer.io US" in about
    assert column(page, 1) == ["2"]
    assert column(page, 2)[0].endswith("b.csv")
    assert [column(page, 3), column(page, 4)] == [["0"], ["2"]]
    assert barriers(page) == []


def test_the_last_72_hours_are_a_band_in_the_chart_of_times(page, barriers, tmp_path):
    now = pd.Timestamp.now("UTC")
    seen = pd.DataFrame({"user_id": "ada", "timestamp": [now - pd.Timedelta(hours=hours) for hours in range(200)]})
    cio.validate(seen, "track", "Seen").to_html(tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    chart = page.locator("section:has(> #times)").get_by_role("img")
    band, whole = chart.locator("rect.band").bounding_box(), chart.bounding_box()
    assert 0.3 < band["width"] / whole["width"] < 0.4
    assert band["x"] + band["width"] == pytest.approx(whole["x"] + whole["width"], abs=8)
    assert barriers(page) == []


def test_the_findings_of_real_orders_sort_and_filter(page, tmp_path):
    frame = pd.read_parquet(package_folder("sample_data") / "orders.parquet")
    frame["total"] = frame["total"].astype(object).where(frame.index >= 1_000, "on request")
    report = cio.validate(frame, "track", "Order Completed", user_id="customer_id", timestamp="ordered_on")
    report.to_html(tmp_path / "orders.html")
    page.goto((tmp_path / "orders.html").as_uri())
    name = "Held back: must be a number"
    table = page.get_by_role("table", name=name)
    positions = table.locator("tbody tr:visible > :first-child")
    assert positions.first.inner_text() == "0"
    header = table.get_by_role("columnheader", name="Position")
    header.get_by_role("button").click()
    header.get_by_role("button").click()
    assert positions.first.inner_text() == "999"
    search = page.locator(f".filter:has(+ .scroll table caption:text-is('{name}')) input")
    search.fill("99 total")
    assert positions.count() == 19
