"""Which rows the web pages show, of how many, and how the others are reached."""

import html
import re

import pytest
import requests

from cio_frames.sandbox import Sandbox

TRACK = {"type": "track", "userId": "ada", "event": "Seen"}
REASON = "event: required value is missing"
INVALID = {"type": "track", "userId": "ada"}


def send(sandbox, *calls):
    return requests.post(f"{sandbox.url}/v1/batch", json={"batch": calls}, auth=("sandbox", ""), timeout=5)


def fetch(sandbox, path, **query):
    return requests.get(f"{sandbox.url}{path}", params=query, timeout=5).text


def walk(sandbox, path, label="Older"):
    """Return the sentence about the rows of each page, from the first page to the last."""
    found = []
    while path:
        text = fetch(sandbox, path)
        found.append(re.search(r'<p class="extent">(.*?)</p>', text)[1])
        link = re.search(rf'<a href="([^"]*)">{label}</a>', text)
        path = html.unescape(link[1]) if link else None
    return found


@pytest.fixture(scope="module")
def sandbox():
    """120 people, 120 events by three of them, 61 objects, 60 devices, 60 repeats, and 70 problems."""
    with Sandbox() as sandbox:
        people = [{"type": "identify", "userId": f"p{number}", "messageId": f"i{number}"} for number in range(120)]
        send(sandbox, *people)
        for part in range(3):
            events = [
                {**TRACK, "userId": f"p{number % 3}", "event": "AB"[number % 2], "messageId": f"m{part}-{number}"}
                for number in range(40)
            ]
            send(sandbox, *events)
        send(sandbox, *({"type": "group", "groupId": f"g{n}", "userId": f"p{n}"} for n in range(60)))
        device = {"type": "track", "event": "Device Created or Updated", "userId": "p7"}
        send(sandbox, *({**device, "context": {"device": {"token": f"t{n}", "type": "ios"}}} for n in range(60)))
        send(sandbox, *people[:60])
        send(sandbox, *[INVALID] * 60, *[{"type": "identify"}] * 10)
        send(sandbox, *({"type": "group", "groupId": "all", "userId": f"p{n}"} for n in range(110)))
        yield sandbox


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/people", ["1 to 50 of 120", "51 to 100 of 120", "101 to 120 of 120"]),
        ("/events", ["1 to 50 of 120", "51 to 100 of 120", "101 to 120 of 120"]),
        ("/events?name=A", ["1 to 50 of 60", "51 to 60 of 60"]),
        ("/events?person=p1", ["1 to 39 of 39"]),
        ("/events?name=A&person=p1", ["1 to 18 of 18"]),
        ("/calls?type=track", ["1 to 50 of 180", "51 to 100 of 180", "101 to 150 of 180", "151 to 180 of 180"]),
        ("/calls?type=alias", None),
        ("/objects", ["1 to 50 of 61", "51 to 61 of 61"]),
        ("/devices", ["1 to 50 of 60", "51 to 60 of 60"]),
        ("/repeats", ["1 to 50 of 60", "51 to 60 of 60"]),
        (f"/problems?reason={REASON}", ["1 to 50 of 60", "51 to 60 of 60"]),
        ("/requests", ["1 to 9 of 9"]),
    ],
)
def test_every_page_says_which_rows_of_how_many_it_shows(sandbox, path, expected):
    if expected is None:
        assert "with this filter" in fetch(sandbox, path)
    else:
        assert walk(sandbox, path) == [f"Rows {rows}, newest first." for rows in expected]


def test_the_calls_are_as_many_as_the_tile_says(sandbox):
    rows = walk(sandbox, "/calls")
    assert (len(rows), rows[-1]) == (11, "Rows 501 to 530 of 530, newest first.")
    assert '<span class="value" data-count="calls">530</span>' in fetch(sandbox, "/")
    assert len(sandbox.calls()) == 530


def test_a_request_shows_all_of_its_calls_over_several_pages():
    with Sandbox() as sandbox:
        send(sandbox, INVALID, *({**TRACK, "messageId": f"m{n}"} for n in range(450)))
        assert walk(sandbox, "/requests/0", "Next") == [
            "Rows 1 to 200 of 450.",
            "Rows 201 to 400 of 450.",
            "Rows 401 to 450 of 450.",
        ]
        text = fetch(sandbox, "/requests/0", start="400")
        assert "m399" not in text
        assert '<summary>401 · track · Seen · ada</summary><pre id="call-400">{\n' in text
        assert "No more calls" in fetch(sandbox, "/requests/0", start="450")


def test_a_timeline_has_pages_in_order_of_the_times_of_its_calls():
    with Sandbox() as sandbox:
        times = [f"2026-01-{1 + n * 7 % 28:02}T00:00:{n % 60:02}.5Z" for n in range(230)]
        send(sandbox, *({**TRACK, "messageId": f"m{n}", "timestamp": time} for n, time in enumerate(times)))
        assert walk(sandbox, "/people/1", "Earlier") == [
            "Rows 1 to 100 of 230, latest first.",
            "Rows 101 to 200 of 230, latest first.",
            "Rows 201 to 230 of 230, latest first.",
        ]
        path, shown = "/people/1", []
        while path:
            text = fetch(sandbox, path)
            shown += re.findall(r"2026-01-\d\dT[\d:.]+Z", text)
            link = re.search(r'<a href="([^"]*)">Earlier</a>', text)
            path = link and html.unescape(link[1])
        assert shown == sorted(times, reverse=True)


def test_the_people_of_an_object_have_pages(sandbox):
    number = re.search(r'href="/objects/(\d+)">all<', fetch(sandbox, "/objects"))[1]
    assert walk(sandbox, f"/objects/{number}") == [
        "Rows 1 to 50 of 110, newest first.",
        "Rows 51 to 100 of 110, newest first.",
        "Rows 101 to 110 of 110, newest first.",
    ]


@pytest.mark.parametrize("start", ["x", "1_2", "nan_1_1", "1e999_1_1", "1.1.1_1_1", "9" * 40, f"1_{'9' * 30}_1"])
def test_an_invalid_start_gets_a_page(sandbox, start):
    for path in ["/people/1", "/objects/1", "/requests/1"]:
        assert requests.get(f"{sandbox.url}{path}", params={"start": start}, timeout=5).status_code == 200


def test_problems_that_differ_in_a_value_are_counted_together():
    with Sandbox() as sandbox:
        for size in range(40_000, 40_003):
            send(sandbox, {**TRACK, "properties": {"a": "x" * size}})
        for body in ["{", "[", "{{"]:
            requests.post(f"{sandbox.url}/v1/batch", data=body, auth=("sandbox", ""), timeout=5)
        text = fetch(sandbox, "/problems")
        assert re.search(r"body is not valid JSON</a></td>\s*<td[^>]*>3</td>", text)
        assert re.search(r"call is … bytes; the limit is 32,768</a></td>\s*<td[^>]*>3</td>", text)
        filtered = fetch(sandbox, "/problems", reason="call is … bytes; the limit is 32,768")
        assert "Rows 1 to 3 of 3" in filtered
        assert len(set(re.findall(r"call is 40,\d+ bytes", filtered))) == 3


def test_a_rejected_call_is_shown_with_its_reason():
    with Sandbox() as sandbox:
        send(sandbox, TRACK, {"type": "track", "userId": "ada", "properties": {"size": "XL"}})
        send(sandbox, {**TRACK, "properties": {"a": "x" * 40_000}})
        for path in ["/problems", "/requests/0"]:
            assert "&#34;size&#34;: &#34;XL&#34;" in fetch(sandbox, path)
        assert len(fetch(sandbox, "/requests/1")) < 12_000


def test_a_write_key_within_a_call_is_not_shown():
    key = "a-secret-key"
    with Sandbox(key) as sandbox:
        calls = [{**TRACK, "writeKey": key}, {"type": "track", "userId": "ada", "writeKey": key}]
        body = {"batch": calls, "writeKey": key}
        requests.post(f"{sandbox.url}/v1/batch", json=body, auth=(key, ""), timeout=5)
        for path in ["/", "/calls", "/problems", "/requests/0", "/people/1"]:
            assert key not in fetch(sandbox, path)
        assert (len(sandbox.calls()), len(sandbox.problems())) == (1, 1)


def test_both_sandboxes_on_one_file_count_what_either_received(tmp_path):
    file = tmp_path / "received.db"
    with Sandbox(db=file) as first, Sandbox(db=file) as second:
        send(first, {**TRACK, "messageId": "m1"})
        send(second, {**TRACK, "messageId": "m2"}, {**TRACK, "messageId": "m3"})
        pages = [fetch(sandbox, "/") for sandbox in (first, second)]
        for name, count in [
            ("requests", "2"),
            ("calls", "3"),
            ("events", "3"),
            ("bytes", f"{sum(first.requests()['bytes']):,}"),
        ]:
            assert [f'data-count="{name}">{count}</span>' in page for page in pages] == [True, True], name
        first.clear()
        assert 'data-count="calls">0</span>' in fetch(second, "/")


def test_without_state_calls_are_counted_and_filtered_by_type():
    with Sandbox(state=False) as sandbox:
        send(sandbox, TRACK, {"type": "identify", "userId": "ada", "messageId": "i1"})
        assert "Rows 1 to 1 of 1" in fetch(sandbox, "/calls", type="identify")
        assert re.search(r"identify</a></td>\s*<td[^>]*>1</td>", fetch(sandbox, "/"))


def test_events_are_filtered_by_any_id_of_a_person(sandbox):
    with Sandbox() as sandbox:
        send(
            sandbox, {"type": "identify", "userId": "ada", "anonymousId": "v1", "traits": {"email": "ada@example.test"}}
        )
        send(sandbox, {**TRACK, "messageId": "m1"}, {**TRACK, "userId": "bob", "messageId": "m2"})
        for person in ["ada", "ADA@example.test", "v1", "cio_00000001"]:
            text = fetch(sandbox, "/events", person=person)
            assert ("Rows 1 to 1 of 1," in text, '<a href="/people/1">ada</a>' in text) == (True, True), person
        text = fetch(sandbox, "/events", person="nobody")
        assert "<strong>nobody</strong> (not found)" in text


@pytest.mark.parametrize(
    "name",
    ["a/b", "a?b=c&d", "a#b%20+c", "😀", "<b>x</b>", "a\u0000b", "x" * 10_000],
    ids=["slash", "query", "fragment", "emoji", "markup", "null", "long"],
)
def test_any_text_is_an_id_that_search_finds_and_an_event_name_that_links(name):
    with Sandbox() as sandbox:
        send(sandbox, {**TRACK, "userId": name, "event": name, "messageId": name})
        page = fetch(sandbox, "/events")
        for path in ["/", "/people", "/events", "/calls", "/people/1", "/requests/0"]:
            assert "<b>" not in fetch(sandbox, path)
        found = fetch(sandbox, "/search", q=name)
        assert ('href="/people/1"' in found, "received 1 time." in found) == (True, True)
        assert "Rows 1 to 1 of 1," in fetch(sandbox, "/events", name=name, person=name)
        if len(name) < 100:
            link = html.unescape(re.search(r'<a href="(/events\?name=[^"]*)"', page)[1])
            assert "Rows 1 to 1 of 1," in fetch(sandbox, link)
        else:
            assert "… (10,000 characters)" in page
            assert len(page) < 40_000


PROGRAM = {"Accept": "application/json"}


@pytest.mark.parametrize("path", ["/nowhere", "/favicon.ico", "/people/9999", "/objects/x", "/requests/99"])
def test_a_missing_page_is_json_for_a_program_and_is_not_logged(sandbox, path):
    before = len(sandbox.requests())
    for headers in [PROGRAM, {}]:
        answer = requests.get(f"{sandbox.url}{path}", headers=headers, timeout=5)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")
        assert "page not found" in answer.json()["meta"]["error"]
    assert requests.head(f"{sandbox.url}{path}", timeout=5).status_code == 404
    assert "<h1>" in requests.get(f"{sandbox.url}{path}", headers={"Accept": "text/html"}, timeout=5).text
    assert len(sandbox.requests()) == before


def test_a_get_request_to_a_path_of_the_api_is_still_a_problem():
    with Sandbox() as sandbox:
        assert requests.get(f"{sandbox.url}/v1/track", timeout=5).status_code == 405
        assert sandbox.requests()["status"].tolist() == [405]
