"""The sandbox's pages in a browser."""

import json

import pandas as pd
import pytest
import requests
from playwright.sync_api import expect

from cio_frames.sandbox import Sandbox

NASTY = "<img src=x onerror=\"console.error('ran')\">&'\"</td></script><script>console.error('ran')</script>"
LISTINGS = ["people", "events", "calls", "objects", "devices", "suppressed", "repeats", "problems", "requests"]
PAGES = [
    "/",
    *(f"/{name}" for name in LISTINGS),
    "/people/1",
    "/objects/1",
    "/requests/0",
    "/requests/1",
    "/search?q=m2",
    "/events?name=Order%20Completed&person=ada",
    "/about",
]
PHONE = {"width": 360, "height": 740}
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": PHONE}
KEY = "a-key-that-no-page-shows"


def call(kind, message_id, **fields):
    return {"type": kind, "messageId": message_id, **fields}


DEVICE = {"device": {"token": "token-1", "type": "ios"}, "app": {"version": "2.1"}}
CALLS = [
    call("identify", "m", userId="ada", traits={"city": "London"}),
    call("page", "m0", anonymousId="visitor-1", name="Pricing", timestamp="2026-11-01T08:00:00Z"),
    call("identify", "m1", userId="ada", anonymousId="visitor-1", traits={"email": "ada@example.test", "plan": "pro"}),
    call("track", "m2", userId="ada", event="Order Completed", properties={"total": 29.5, "items": ["tea", "cup"]}),
    call("track", "m3", userId="ada", event="Device Created or Updated", context=DEVICE),
    call("group", "m4", userId="ada", groupId="acme", traits={"seats": 3, "relationshipAttributes": {"role": "owner"}}),
    call("identify", "m5", userId="grace", traits={"plan": "free", "address": {"city": "Arlington"}}),
    call("track", "m6", userId="cio_0000ffff", event="Order Completed"),
    call("identify", "m5", userId="grace", traits={"plan": "free"}),
]


def send(sandbox, *calls):
    body = {"batch": list(calls)}
    assert requests.post(f"{sandbox.url}/v1/batch", json=body, auth=(KEY, ""), timeout=10).status_code == 200


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(KEY) as sandbox:
        send(sandbox, *CALLS)
        requests.post(f"{sandbox.url}/v1/track", json={}, auth=(KEY, ""), headers={"X-Strict-Mode": "1"}, timeout=10)
        yield sandbox


@pytest.fixture(scope="module")
def nasty():
    """A sandbox whose every text is markup."""
    who = {"userId": NASTY, "anonymousId": NASTY}
    device = {"device": {"token": NASTY, "type": NASTY}}
    with Sandbox(KEY) as sandbox:
        send(
            sandbox,
            call("identify", NASTY, **who, traits={NASTY: NASTY, "deep": {NASTY: [NASTY]}, "number": 1}),
            call("track", NASTY + "1", **who, event=NASTY, properties={NASTY: NASTY}),
            call("track", NASTY + "2", **who, event="Device Created or Updated", properties={NASTY: 1}, context=device),
            call("group", NASTY + "3", **who, groupId=NASTY, traits={"objectTypeId": NASTY, NASTY: NASTY}),
            call("track", NASTY + "4", userId="cio_" + NASTY, event=NASTY),
            call("track", "long", userId="x" * 5_000, event="x" * 10_000),
        )
        send(sandbox, call("group", NASTY + "5", **who, groupId=NASTY, traits={NASTY: NASTY}))
        yield sandbox


@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "desktop"), ("dark", "phone")])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_complete_and_accessible(sandbox, page, barriers, path, scheme, size):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(SIZES[size])
    page.goto(f"{sandbox.url}{path}")
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("navigation").count() == 1
    for details in page.locator("details").all():
        details.locator("summary").click()
    assert barriers(page) == []
    assert KEY not in page.content()


def test_no_page_scrolls_sideways_on_a_phone(sandbox, nasty, page):
    page.set_viewport_size(PHONE)
    for path in PAGES:
        for shown in (sandbox, nasty):
            page.goto(f"{shown.url}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_received_values_are_text_and_never_markup(nasty, page):
    for path in PAGES:
        page.goto(f"{nasty.url}{path}")
        page.wait_for_timeout(50)
        assert page.locator("main img, main script, nav img").count() == 0, path
        # Values in attributes would reach URLs, histories and logs.
        attributes = page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.value)).join('\\n')"
        )
        assert "<" not in attributes, path


def test_markup_in_values_is_shown_as_text(nasty, page):
    page.goto(f"{nasty.url}/people/1")
    assert page.get_by_role("heading", level=1).inner_text() == NASTY
    assert NASTY in page.locator("main").inner_text()


def test_the_overview_shows_the_counters(sandbox, page):
    page.goto(sandbox.url)
    labels, values = (page.locator(f".cards .{name}").all_inner_texts() for name in ("label", "value"))
    cards = dict(zip(labels, values, strict=True))
    cards.pop("Bytes")
    assert cards == {
        "Calls": "9",
        "Requests": "2",
        "People": "2",
        "Events": "2",
        "Objects": "1",
        "Devices": "1",
        "Suppressed": "0",
        "Repeats": "1",
        "Problems": "2",
    }


def test_counters_and_charts_follow_a_load_without_a_reload(page):
    with Sandbox() as sandbox:
        page.goto(sandbox.url)
        expect(page.locator(".cards [data-count=calls]")).to_have_text("0")
        page.evaluate("window.same = true")
        pd.DataFrame({"user_id": [f"p{n}" for n in range(3_000)]}).cio.identify(client=sandbox.client)
        expect(page.locator(".cards [data-count=people]")).to_have_text("3,000")
        expect(page.locator("[data-maximum='0']")).not_to_have_text("0")
        bars = (
            "[...document.querySelectorAll('[data-chart=\"1\"] rect')].map(bar => Number(bar.getAttribute('height')))"
        )
        assert max(page.evaluate(bars)) == 77
        assert page.evaluate("window.same")
        page.goto("about:blank")


def receive(sandbox, *users):
    send(sandbox, *({"type": "identify", "messageId": f"id-{user}", "userId": user} for user in users))


@pytest.mark.parametrize(("path", "shown"), [("/", "cho"), ("/problems", "event: required value is missing")])
def test_an_open_page_shows_what_arrives(page, path, shown):
    with Sandbox(KEY) as sandbox:
        page.goto(f"{sandbox.url}{path}")
        page.evaluate("window.same = true")
        receive(sandbox, "ada", "cho")
        send(sandbox, {"type": "track", "userId": "ada"})
        expect(page.get_by_role("cell", name=shown).first).to_be_visible()
        assert page.evaluate("window.same")
        page.goto("about:blank")


def test_rows_that_somebody_reads_stay_until_the_newer_ones_are_requested(page, barriers):
    with Sandbox(KEY) as sandbox:
        receive(sandbox, "ada")
        page.goto(f"{sandbox.url}/people")
        page.get_by_role("link", name="ada", exact=True).focus()
        receive(sandbox, "bob")
        expect(page.get_by_role("status")).to_contain_text("There are newer rows.")
        assert page.locator("tbody a[href^='/people/']").all_inner_texts() == ["ada"]
        assert barriers(page) == []
        receive(sandbox, "cho")
        page.get_by_role("status").get_by_role("button", name="Show").press("Enter")
        expect(page.locator("tbody a[href^='/people/']")).to_have_text(["cho", "bob", "ada"])
        expect(page.get_by_role("status", include_hidden=True)).to_be_empty()
        assert page.evaluate("document.activeElement.id") == "main"
        page.goto("about:blank")


def test_an_unfolded_call_stays_and_newer_rows_come_once_it_is_folded(page):
    with Sandbox(KEY) as sandbox:
        receive(sandbox, "ada")
        page.goto(f"{sandbox.url}/calls")
        page.locator("td summary").evaluate("summary => summary.parentElement.open = true")
        receive(sandbox, "bob")
        expect(page.get_by_role("status")).to_contain_text("There are newer rows.")
        assert page.locator("td pre").first.is_visible()
        page.locator("td summary").evaluate("summary => summary.parentElement.open = false")
        expect(page.get_by_role("cell", name="id-bob")).to_be_visible()
        expect(page.get_by_role("status", include_hidden=True)).to_be_empty()
        page.goto("about:blank")


def test_a_page_of_older_rows_stays_as_it_is(page):
    with Sandbox(KEY) as sandbox:
        receive(sandbox, *(f"p{n}" for n in range(60)))
        page.goto(f"{sandbox.url}/people")
        page.get_by_role("link", name="Older").click()
        receive(sandbox, "ada")
        expect(page.locator("nav [data-count=people]")).to_have_text("61")
        page.wait_for_timeout(1_200)
        expect(page.get_by_text("Rows 51 to 60 of 60")).to_be_visible()
        page.goto("about:blank")


def test_a_person_is_found_by_email_in_any_case_and_shown_completely(sandbox, page):
    page.goto(sandbox.url)
    page.get_by_role("searchbox").fill("ADA@example.test")
    page.get_by_role("searchbox").press("Enter")
    assert page.url.endswith("/search?q=ADA%40example.test")
    page.get_by_role("link", name="ada").click()
    text = page.locator("main").inner_text()
    for shown in ["ada@example.test", "visitor-1", "cio_", "pro", "token-1", "acme", "Order Completed", "Pricing"]:
        assert shown in text
    page.locator("tr:has-text('Order Completed') summary").click()
    fields = page.locator("tr:has-text('Order Completed') pre").inner_text()
    assert json.loads(fields) == {"total": 29.5, "items": ["tea", "cup"]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grace", "grace"),
        ("visitor-1", "ada"),
        ("m2", "Order Completed"),
        ("m6", "person not found"),
        ("nobody", "No results."),
        ("GRACE", "No results."),
        ("cio_ffffffffffffffff", "No results."),
    ],
)
def test_search_finds_ids_and_message_ids(sandbox, page, text, shown):
    page.goto(sandbox.url)
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Search").click()
    assert shown in page.locator("main").inner_text()


def test_long_tables_have_pages(page):
    with Sandbox() as sandbox:
        people = pd.DataFrame({"user_id": [f"p{n}" for n in range(120)], "event": "Seen"})
        people.cio.track(event_column="event", allow_campaigns=True, client=sandbox.client)
        for name in ["people", "events"]:
            page.goto(f"{sandbox.url}/{name}")
            seen = []
            while True:
                seen += page.locator("tbody a[href^='/people/']").all_inner_texts()
                older = page.get_by_role("link", name="Older")
                if not older.count():
                    break
                older.click()
            assert seen == [f"p{n}" for n in reversed(range(120))]
        page.goto("about:blank")


def test_every_tile_leads_to_its_table(sandbox, page):
    page.goto(sandbox.url)
    for label in page.locator(".cards .label").all_inner_texts():
        page.goto(sandbox.url)
        page.locator(".cards a", has_text=label).click()
        assert page.get_by_role("heading", level=1).inner_text() == ("Requests" if label == "Bytes" else label)


def test_the_problems_tile_is_colored_once_there_is_a_problem(page):
    with Sandbox(KEY) as sandbox:
        page.goto(sandbox.url)
        tile = page.locator("[data-alert]")
        expect(tile).not_to_have_class("alert")
        send(sandbox, {"type": "track"})
        expect(tile).to_have_class("alert")
        page.goto("about:blank")


def test_on_a_phone_every_reason_is_visible_within_the_screen(sandbox, page):
    page.set_viewport_size(PHONE)
    page.goto(f"{sandbox.url}/problems")
    reasons = page.get_by_role("cell").filter(has_text="person not found")
    for reason in reasons.all():
        box = reason.bounding_box()
        assert box["width"] > 0
        assert box["x"] + box["width"] <= PHONE["width"]
    assert reasons.count() == 2


def test_on_a_phone_no_row_shows_an_empty_cell(sandbox, page):
    page.set_viewport_size(PHONE)
    for path in ["/people", "/calls", "/problems"]:
        page.goto(f"{sandbox.url}{path}")
        assert page.locator("td.empty").count() > 0, path
        assert [cell.is_visible() for cell in page.locator("td.empty").all()].count(True) == 0, path


def test_events_are_filtered_with_the_keyboard_and_the_address_can_be_shared(sandbox, page):
    page.goto(f"{sandbox.url}/events")
    page.get_by_label("Event", exact=True).fill("Order Completed")
    page.keyboard.press("Tab")
    page.keyboard.type("ada@example.test")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events?name=Order+Completed&person=ada%40example.test")
    page.goto(page.url)
    assert page.get_by_text("Rows 1 to 1 of 1, newest first.").count() == 1
    assert page.get_by_label("Event", exact=True).input_value() == "Order Completed"
    assert page.get_by_label("Person", exact=True).input_value() == "ada@example.test"
    page.get_by_role("link", name="Show all events").click()
    assert page.url == f"{sandbox.url}/events"


def test_calls_are_filtered_by_type(sandbox, page):
    page.goto(f"{sandbox.url}/calls")
    page.get_by_role("combobox", name="Type").select_option("identify")
    page.get_by_role("button", name="Filter").click()
    assert page.url == f"{sandbox.url}/calls?type=identify"
    assert page.locator("tbody a[href^='/calls?type=']").all_inner_texts() == ["identify"] * 4
    assert page.get_by_text("Rows 1 to 4 of 4, newest first.").count() == 1


def test_the_message_id_of_a_problem_leads_to_the_call(sandbox, page):
    page.goto(f"{sandbox.url}/problems")
    page.get_by_role("link", name="m6", exact=True).click()
    assert "cio_0000ffff" in page.locator("pre").inner_text()


def test_the_request_of_a_call_leads_to_the_call_itself(sandbox, page):
    page.goto(f"{sandbox.url}/calls")
    page.locator("tr", has_text="m3").get_by_role("link", name="0", exact=True).click()
    expect(page.locator("pre:visible")).to_contain_text('"messageId": "m3"')


def test_a_printed_page_has_the_table_without_forms_and_navigation(sandbox, page):
    page.goto(f"{sandbox.url}/events")
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 720, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.get_by_role("table").last.is_visible()
    assert [page.locator(name).first.is_visible() for name in ["header", "form.filter"]] == [False, False]


def test_charts_are_shown_while_there_is_traffic_only(page):
    with Sandbox(KEY) as sandbox:
        page.goto(sandbox.url)
        expect(page.locator(".chart").first).to_be_hidden()
        send(sandbox, CALLS[0])
        expect(page.locator(".chart").first).to_be_visible()
        page.goto("about:blank")


def test_a_request_with_status_400_is_colored_and_leads_to_its_problems(sandbox, page):
    page.goto(f"{sandbox.url}/requests")
    assert "alert" in page.get_by_text("400", exact=True).get_attribute("class")
    page.get_by_role("link", name="1", exact=True).click()
    assert "event: required value is missing" in page.locator("main").inner_text()


def test_the_clear_button_empties_the_sandbox(page):
    with Sandbox(KEY) as sandbox:
        send(sandbox, CALLS[0])
        page.goto(sandbox.url)
        page.get_by_text("Clear this sandbox").click()
        page.get_by_role("button", name="Delete everything").click()
        expect(page.get_by_role("heading", name="No requests yet")).to_be_visible()
        assert len(sandbox.requests()) == 0
        page.goto("about:blank")
