"""The web page as what goes over the wire; tests/browser looks at it."""

import json
import re

import pytest
import requests

from cio_frames.sandbox import Sandbox
from cio_frames.sandbox.assumptions import FIXED, switches

PAGES = ["/", "/people", "/events", "/objects", "/devices", "/problems", "/requests", "/about"]
EVENT = {"userId": "ada", "event": "Seen", "messageId": "m1"}


def post(sandbox, call=EVENT, key="sandbox"):
    return requests.post(f"{sandbox.url}/v1/track", json=call, auth=(key, ""), timeout=5)


@pytest.fixture(scope="module")
def shown():
    with Sandbox(write_key="a-secret-key") as sandbox:
        post(sandbox, key="a-secret-key")
        yield sandbox


@pytest.mark.parametrize("path", [*PAGES, "/people/1", "/static/style.css", "/static/live.js"])
def test_a_page_asks_no_other_machine_for_anything_and_is_not_kept(shown, path):
    answer = requests.get(f"{shown.url}{path}", timeout=5)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"(https?:)?//[a-z]", answer.text.replace("/" * 2 + " ", ""))
    assert "a-secret-key" not in answer.text


def test_pages_are_no_requests_to_the_api(shown):
    before = len(shown.requests())
    for path in PAGES:
        requests.get(f"{shown.url}{path}", timeout=5)
    assert len(shown.requests()) == before


@pytest.mark.parametrize("number", [2, 10**30, "9" * 5_000, "x", "-1"])
def test_a_person_who_is_not_there_is_404(shown, number):
    assert requests.get(f"{shown.url}/people/{number}", timeout=5).status_code == 404


def test_a_long_timeline_says_what_it_leaves_out():
    with Sandbox() as sandbox:
        calls = [{**EVENT, "type": "track", "messageId": f"m{number}"} for number in range(103)]
        sent = requests.post(f"{sandbox.url}/v1/batch", json={"batch": calls[:100]}, auth=("sandbox", ""), timeout=5)
        assert sent.status_code == 200
        assert len(sandbox.events()) == 100
        assert "The newest" not in requests.get(f"{sandbox.url}/people/1", timeout=5).text
        requests.post(f"{sandbox.url}/v1/batch", json={"batch": calls[100:]}, auth=("sandbox", ""), timeout=5)
        assert len(sandbox.events()) == 103
        assert "The newest 100 of 103." in requests.get(f"{sandbox.url}/people/1", timeout=5).text


@pytest.mark.parametrize("before", ["", "x", "-1", "1e5", "9" * 40, "٣"])
def test_a_place_that_is_none_is_the_beginning_or_the_end(shown, before):
    for path in PAGES[1:7]:
        assert requests.get(f"{shown.url}{path}", params={"before": before}, timeout=5).status_code == 200


@pytest.mark.parametrize("body", [b"", b"text=", b"text=%00", b"text=%ff%fe", b"x" * 100_000, b"text=" + b"a" * 9_000])
def test_a_search_for_anything_is_answered(shown, body):
    assert requests.post(f"{shown.url}/search", data=body, timeout=5).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "[", "127.0.0.1.evil.example"])
def test_a_page_of_another_site_that_leads_its_name_here_reads_nothing(shown, host):
    for path in [*PAGES, "/live", "/people/1"]:
        answer = requests.get(f"{shown.url}{path}", headers={"Host": host}, timeout=5)
        assert answer.status_code in (400, 421)
        assert "ada" not in answer.text


def test_where_other_machines_can_reach_it_a_page_asks_for_the_key():
    with pytest.warns(UserWarning, match="asks for the write key"):
        sandbox = Sandbox(host="0.0.0.0")
    with sandbox:
        for path in [*PAGES, "/live", "/people/1"]:
            answer = requests.get(f"{sandbox.url}{path}", timeout=5)
            assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, True)
        assert requests.get(sandbox.url, auth=("sandbox", ""), timeout=5).status_code == 200


def test_the_counters_come_as_events():
    with Sandbox() as sandbox:
        post(sandbox)
        with requests.get(f"{sandbox.url}/live", stream=True, timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            values = json.loads(next(answer.iter_lines()).removeprefix(b"data: "))
    assert (values["requests"], values["calls"]) == (1, 1)
    assert len(values["recent"]) == 59


def test_a_page_that_listens_does_not_keep_the_sandbox_from_stopping(capfd, caplog):
    sandbox = Sandbox().start()
    with requests.get(f"{sandbox.url}/live", stream=True, timeout=5) as answer:
        next(answer.iter_lines())
        sandbox.stop()
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_without_state_the_pages_say_so():
    with Sandbox(state=False) as sandbox:
        post(sandbox)
        for path in PAGES[:5]:
            answer = requests.get(f"{sandbox.url}{path}", timeout=5)
            assert (answer.status_code, "keeps no state" in answer.text) == (200, True)
        assert requests.get(f"{sandbox.url}/people/1", timeout=5).status_code == 404
        assert "keeps no state" in requests.post(f"{sandbox.url}/search", data={"text": "ada"}, timeout=5).text
        assert "/v1/track" in requests.get(f"{sandbox.url}/requests", timeout=5).text


def test_every_assumption_is_on_the_page_about_with_what_is_in_force():
    with Sandbox(assume={"empty_batch": "refuse"}, batch_errors="item") as sandbox:
        text = requests.get(f"{sandbox.url}/about", timeout=5).text
    plain = text.replace("&#34;", '"').replace("&#39;", "'")
    for switch in switches():
        assert f"<code>{switch.name}</code>" in text
        assert switch.says in plain
        assert all(choice in text for choice in switch.choices)
    assert [sentence for sentence in FIXED if sentence not in plain] == []
    assert re.search(r"take\s+<strong>refuse</strong>", text)
    assert "<strong>item</strong>" in text
