"""The web pages over HTTP; tests/browser renders them."""

import json
import re

import pytest
import requests

from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.assumptions import FIXED_ASSUMPTIONS, list_switches

PAGES = ["/", "/people", "/events", "/objects", "/devices", "/problems", "/requests", "/about"]
EVENT = {"userId": "ada", "event": "Seen", "messageId": "m1"}


def post(sandbox, call=EVENT, key="sandbox"):
    return requests.post(f"{sandbox.url}/v1/track", json=call, auth=(key, ""), timeout=5)


@pytest.fixture(scope="module")
def filled_sandbox():
    with Sandbox(write_key="a-secret-key") as sandbox:
        post(sandbox, key="a-secret-key")
        yield sandbox


@pytest.mark.parametrize("path", [*PAGES, "/people/1", "/static/style.css", "/static/live.js"])
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
def test_an_unknown_person_is_404(filled_sandbox, number):
    assert requests.get(f"{filled_sandbox.url}/people/{number}", timeout=5).status_code == 404


def test_a_long_timeline_states_how_many_entries_it_shows():
    with Sandbox() as sandbox:
        calls = [{**EVENT, "type": "track", "messageId": f"m{number}"} for number in range(103)]
        sent = requests.post(f"{sandbox.url}/v1/batch", json={"batch": calls[:100]}, auth=("sandbox", ""), timeout=5)
        assert sent.status_code == 200
        assert len(sandbox.events()) == 100
        assert "Newest 1" not in requests.get(f"{sandbox.url}/people/1", timeout=5).text
        requests.post(f"{sandbox.url}/v1/batch", json={"batch": calls[100:]}, auth=("sandbox", ""), timeout=5)
        assert len(sandbox.events()) == 103
        assert "Newest 100 of 103." in requests.get(f"{sandbox.url}/people/1", timeout=5).text


@pytest.mark.parametrize("before", ["", "x", "-1", "1e5", "9" * 40, "٣"])
def test_an_invalid_page_position_gets_a_page(filled_sandbox, before):
    for path in PAGES[1:7]:
        assert requests.get(f"{filled_sandbox.url}{path}", params={"before": before}, timeout=5).status_code == 200


@pytest.mark.parametrize("body", [b"", b"text=", b"text=%00", b"text=%ff%fe", b"x" * 100_000, b"text=" + b"a" * 9_000])
def test_a_search_for_any_text_gets_a_page(filled_sandbox, body):
    assert requests.post(f"{filled_sandbox.url}/search", data=body, timeout=5).status_code == 200


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
        for path in PAGES[:5]:
            answer = requests.get(f"{sandbox.url}{path}", timeout=5)
            assert (answer.status_code, "state=False" in answer.text) == (200, True)
        assert requests.get(f"{sandbox.url}/people/1", timeout=5).status_code == 404
        assert "state=False" in requests.post(f"{sandbox.url}/search", data={"text": "ada"}, timeout=5).text
        assert "/v1/track" in requests.get(f"{sandbox.url}/requests", timeout=5).text


def test_the_page_about_lists_every_assumption_with_its_current_value():
    with Sandbox(assume={"empty_batch": "refuse"}, batch_errors="item") as sandbox:
        text = requests.get(f"{sandbox.url}/about", timeout=5).text
    plain = text.replace("&#34;", '"').replace("&#39;", "'")
    for switch in list_switches():
        assert f"<code>{switch.name}</code>" in text
        assert switch.description in plain
        assert all(choice in text for choice in switch.choices)
    assert [sentence for sentence in FIXED_ASSUMPTIONS if sentence not in plain] == []
    assert re.search(r"take\s+<strong>refuse</strong>", text)
    assert "<strong>item</strong>" in text
