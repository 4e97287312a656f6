"""The web pages over HTTP; tests/browser renders them."""

import html
import json
import re
import shlex
import webbrowser

import pytest
import requests

import cio_frames  # noqa: F401 -- registers df.cio
from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.assumptions import FIXED_ASSUMPTIONS, list_switches

LISTINGS = ["people", "events", "calls", "objects", "devices", "suppressed", "repeats", "problems", "requests"]
PAGES = ["/", *(f"/{name}" for name in LISTINGS), "/about"]
EVENT = {"userId": "ada", "event": "Seen", "messageId": "m1"}


def post(sandbox, call=EVENT, key="sandbox"):
    return requests.post(f"{sandbox.url}/v1/track", json=call, auth=(key, ""), timeout=5)


@pytest.fixture(scope="module")
def filled_sandbox():
    with Sandbox(write_key="a-secret-key") as sandbox:
        post(sandbox, key="a-secret-key")
        yield sandbox


@pytest.mark.parametrize("path", [*PAGES, "/people/1", "/requests/0", "/static/style.css", "/static/live.js"])
def test_a_page_has_no_outside_link_is_not_cached_and_has_no_key(filled_sandbox, path):
    answer = requests.get(f"{filled_sandbox.url}{path}", timeout=5)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"(https?:)?//[a-z]", answer.text.replace("/" * 2 + " ", ""))
    assert "a-secret-key" not in answer.text


def test_page_views_are_not_logged_as_requests(filled_sandbox):
    before = len(filled_sandbox.requests())
    for path in PAGES:
        requests.get(f"{filled_sandbox.url}{path}", timeout=5)
    assert len(filled_sandbox.requests()) == before


@pytest.mark.parametrize("number", [2, 10**30, "9" * 5_000, "x", "-1"])
@pytest.mark.parametrize("name", ["people", "objects", "requests"])
def test_an_unknown_person_object_or_request_is_404(filled_sandbox, name, number):
    assert requests.get(f"{filled_sandbox.url}/{name}/{number}", timeout=5).status_code == 404


@pytest.mark.parametrize("before", ["", "x", "-1", "1e5", "9" * 40, "٣"])
def test_an_invalid_page_position_gets_a_page(filled_sandbox, before):
    for path in PAGES[1:-1]:
        assert requests.get(f"{filled_sandbox.url}{path}", params={"before": before}, timeout=5).status_code == 200


@pytest.mark.parametrize("query", ["", "q=", "q=%00", "q=%ff%fe", "x" * 9_000, "q=" + "a" * 9_000, "q=a&q=b", "text=a"])
def test_a_search_for_any_text_gets_a_page(filled_sandbox, query):
    assert requests.get(f"{filled_sandbox.url}/search?{query}", timeout=5).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "[", "127.0.0.1.evil.example"])
def test_a_request_with_an_unknown_host_name_is_refused(filled_sandbox, host):
    for path in [*PAGES, "/live", "/people/1"]:
        answer = requests.get(f"{filled_sandbox.url}{path}", headers={"Host": host}, timeout=5)
        assert answer.status_code in (400, 421)
        assert "ada" not in answer.text


def test_a_sandbox_that_other_machines_reach_requires_the_key_for_its_pages():
    with pytest.warns(UserWarning, match="requires the write key"):
        sandbox = Sandbox(host="0.0.0.0")
    with sandbox:
        for path in [*PAGES, "/live", "/people/1"]:
            answer = requests.get(f"{sandbox.url}{path}", timeout=5)
            assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, True)
        assert requests.get(sandbox.url, auth=("sandbox", ""), timeout=5).status_code == 200


def test_the_counters_are_streamed_as_events():
    with Sandbox() as sandbox:
        post(sandbox)
        with requests.get(f"{sandbox.url}/live", stream=True, timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            values = json.loads(next(answer.iter_lines()).removeprefix(b"data: "))
    assert (values["requests"], values["calls"]) == (1, 1)
    assert len(values["recent"]) == 59


def test_an_open_event_stream_does_not_keep_the_sandbox_from_stopping(capfd, caplog):
    sandbox = Sandbox().start()
    with requests.get(f"{sandbox.url}/live", stream=True, timeout=5) as answer:
        next(answer.iter_lines())
        sandbox.stop()
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_without_state_the_pages_name_the_option():
    with Sandbox(state=False) as sandbox:
        post(sandbox)
        for path in ["/", "/people", "/events", "/objects", "/devices", "/suppressed", "/repeats"]:
            answer = requests.get(f"{sandbox.url}{path}", timeout=5)
            assert (answer.status_code, "state=False" in answer.text) == (200, True)
        assert requests.get(f"{sandbox.url}/people/1", timeout=5).status_code == 404
        assert "state=False" in requests.get(f"{sandbox.url}/search", params={"q": "ada"}, timeout=5).text
        assert "/v1/track" in requests.get(f"{sandbox.url}/requests", timeout=5).text
        assert "m1" in requests.get(f"{sandbox.url}/calls", timeout=5).text
        assert "m1" in requests.get(f"{sandbox.url}/requests/0", timeout=5).text


def test_the_page_about_lists_every_assumption_with_its_current_value():
    with Sandbox(assume={"empty_batch": "refuse"}, batch_errors="item") as sandbox:
        text = requests.get(f"{sandbox.url}/about", timeout=5).text
    plain = text.replace("&#34;", '"').replace("&#39;", "'")
    for switch in list_switches():
        assert f"<code>{switch.name}</code>" in text
        assert switch.description in plain
        assert all(choice in text for choice in switch.choices)
    assert [sentence for sentence in FIXED_ASSUMPTIONS if sentence not in plain] == []
    assert re.search(r"take,\s+<strong>refuse</strong>", text)
    assert "<strong>item</strong>" in text


BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/v1/nowhere", 404), ("/v1/track", 405)])
def test_an_unknown_path_is_a_page_in_a_browser_and_is_not_logged(filled_sandbox, path, status):
    before = len(filled_sandbox.requests())
    answer = requests.get(f"{filled_sandbox.url}{path}", headers=BROWSER, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "<h1>" in answer.text
    assert len(filled_sandbox.requests()) == before


def test_the_page_of_a_request_has_its_calls_and_problems():
    with Sandbox() as sandbox:
        batch = {"batch": [{**EVENT, "type": "track"}, {"type": "track", "userId": "bob"}]}
        requests.post(f"{sandbox.url}/v1/batch", json=batch, auth=("sandbox", ""), timeout=5)
        text = requests.get(f"{sandbox.url}/requests/0", timeout=5).text
    assert "m1" in text
    assert "event: required value is missing" in text


def test_events_are_filtered_by_name_and_person():
    with Sandbox() as sandbox:
        for number, (user_id, event) in enumerate([("ada", "Seen"), ("ada", "Bought"), ("bob", "Seen")]):
            post(sandbox, {"userId": user_id, "event": event, "messageId": f"m-{number}"})

        def shown(**query):
            return set(re.findall(r"m-\d", requests.get(f"{sandbox.url}/events", params=query, timeout=5).text))

        assert shown() == {"m-0", "m-1", "m-2"}
        assert shown(name="Seen") == {"m-0", "m-2"}
        assert shown(person="ada") == shown(person="cio_00000001", name="") == {"m-0", "m-1"}
        assert shown(name="Seen", person="ada") == {"m-0"}
        assert shown(person="nobody") == set()
        assert shown(name="Nothing") == set()


def list_ids(text):
    """Return the message ids of a page's table, in order."""
    return re.findall(r">(m-\d+)</a>", text)


def test_the_next_page_keeps_the_filter():
    with Sandbox() as sandbox:
        calls = [{**EVENT, "type": "track", "messageId": f"m-{n}", "event": "AB"[n % 2]} for n in range(120)]
        requests.post(f"{sandbox.url}/v1/batch", json={"batch": calls}, auth=("sandbox", ""), timeout=5)
        text = requests.get(f"{sandbox.url}/events?name=A", timeout=5).text
        older = html.unescape(re.search(r'href="(/events\?[^"]*before=[^"]*)"', text)[1])
        text = requests.get(f"{sandbox.url}{older}", timeout=5).text
    assert list_ids(text) == [f"m-{n}" for n in range(18, -1, -2)]


def test_calls_of_a_type_and_of_many_requests_are_listed():
    with Sandbox() as sandbox:
        for number in range(60):
            post(sandbox, {**EVENT, "messageId": f"m-{number}"})
        requests.post(f"{sandbox.url}/v1/identify", json={"userId": "bob"}, auth=("sandbox", ""), timeout=5)
        first = requests.get(f"{sandbox.url}/calls", timeout=5).text
        assert first.index("m-59") < first.index("m-58")
        older = re.search(r'href="(/calls\?before=\d+)"', first)[1]
        second = requests.get(f"{sandbox.url}{older}", timeout=5).text
        assert (len(list_ids(first)), len(list_ids(second))) == (49, 11)
        assert "Rows 1 to 1 of 1," in requests.get(f"{sandbox.url}/calls?type=identify", timeout=5).text


def test_problems_are_grouped_by_reason_without_repeated_events():
    ulid = "01HWT6Z5G0ABCDEFGHJKMNPQRS"
    with Sandbox() as sandbox:
        for call in [{**EVENT, "messageId": ulid}] * 3 + [{"userId": "ada"}] * 2:
            post(sandbox, call)
        page = requests.get(f"{sandbox.url}/problems", timeout=5).text
        repeats = requests.get(f"{sandbox.url}/repeats", timeout=5).text
        filtered = requests.get(
            f"{sandbox.url}/problems", params={"reason": "event: required value is missing"}, timeout=5
        ).text
        counts = json.loads(
            next(requests.get(f"{sandbox.url}/live", stream=True, timeout=5).iter_lines()).removeprefix(b"data: ")
        )
    assert ulid not in page
    assert re.search(r"event: required value is missing</a></td>\s*<td[^>]*>2</td>", page)
    assert re.search(rf"{ulid}</a></td>\s*<td[^>]*>3</td>", repeats)
    assert "Show all problems" in filtered
    assert (counts["problems"], counts["repeats"]) == (2, 2)
    assert len(sandbox.problems()) == 4


def test_a_search_finds_objects_and_event_names():
    with Sandbox() as sandbox:
        post(sandbox)
        requests.post(f"{sandbox.url}/v1/group", json={"groupId": "acme"}, auth=("sandbox", ""), timeout=5)
        assert "/events?name=Seen" in requests.get(f"{sandbox.url}/search?q=Seen", timeout=5).text
        assert "/objects/1" in requests.get(f"{sandbox.url}/search?q=acme", timeout=5).text


def test_a_page_view_without_a_name_shows_its_title_and_url():
    with Sandbox() as sandbox:
        page = {"userId": "ada", "properties": {"title": "Pricing", "url": "https://shop.example/pricing"}}
        requests.post(f"{sandbox.url}/v1/page", json=page, auth=("sandbox", ""), timeout=5)
        for path in ["/events", "/calls", "/people/1"]:
            text = requests.get(f"{sandbox.url}{path}", timeout=5).text
            assert "Pricing · https://shop.example/pricing" in text, path


@pytest.mark.parametrize("name", ["people", "events", "objects", "devices"])
def test_the_snippet_of_an_empty_page_can_be_pasted(name, monkeypatch):
    with Sandbox() as sandbox:
        page = requests.get(f"{sandbox.url}/{name}", timeout=5).text
        shell, python = (html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.S))
        for assignment in shlex.split(shell)[1:]:
            monkeypatch.setenv(*assignment.split("=", 1))
        exec(python, {})
        assert len(getattr(sandbox, name)()) == 1


def test_the_snippet_names_the_placeholder_for_a_write_key_of_its_own():
    with Sandbox("a-secret-key") as sandbox:
        text = requests.get(f"{sandbox.url}/people", timeout=5).text
        assert "CIO_WRITE_KEY=WRITE_KEY" in text
        assert "instead of <code>WRITE_KEY</code>" in text
    with Sandbox() as sandbox:
        assert "instead of" not in requests.get(f"{sandbox.url}/people", timeout=5).text


def test_clear_deletes_everything_and_numbers_start_again(tmp_path):
    with Sandbox(db=tmp_path / "received.db") as sandbox:
        post(sandbox)
        post(sandbox, {"userId": "bob"})
        sandbox.clear()
        for name in LISTINGS:
            if name != "repeats":
                assert len(getattr(sandbox, name)()) == 0, name
        assert "No requests yet" in requests.get(sandbox.url, timeout=5).text
        post(sandbox, {**EVENT, "userId": "carol"})
        assert sandbox.people()["userId"].tolist() == ["carol"]
        assert sandbox.calls()["request"].tolist() == [0]


def clear_by_http(sandbox, **headers):
    return requests.post(f"{sandbox.url}/clear", headers=headers, timeout=5, allow_redirects=False).status_code


def test_only_a_page_of_the_sandbox_can_clear_it():
    with Sandbox() as sandbox:
        post(sandbox)
        assert clear_by_http(sandbox) == 403
        assert clear_by_http(sandbox, Origin="http://evil.example") == 403
        assert clear_by_http(sandbox, Origin="null") == 403
        assert clear_by_http(sandbox, Origin="http://127.0.0.1:1", **{"Sec-Fetch-Site": "same-site"}) == 403
        assert clear_by_http(sandbox, Origin="http://evil.example", **{"Sec-Fetch-Site": "cross-site"}) == 403
        assert clear_by_http(sandbox, Origin="http://evil.example", Host="evil.example") == 421
        assert requests.get(f"{sandbox.url}/clear", timeout=5).status_code == 404
        assert len(sandbox.calls()) == 1
        assert clear_by_http(sandbox, Origin=sandbox.url) == 303
        assert len(sandbox.calls()) == 0


def test_clear_requires_the_key_where_other_machines_reach_the_sandbox():
    with pytest.warns(UserWarning, match="requires the write key"):
        sandbox = Sandbox(host="0.0.0.0")
    with sandbox:
        assert clear_by_http(sandbox, Origin=sandbox.url) == 401


def test_open_starts_the_sandbox_and_opens_its_page(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    sandbox = Sandbox()
    assert sandbox.open()
    assert opened == [sandbox.url]
    sandbox.stop()
