"""A small round against the real API, for a workspace for tests: ``CIO_WRITE_KEY=... pytest -m live``.

It creates two people and a company whose ids begin with ``cio-frames-live-``, sends events that are four days old and
so start no campaigns, and deletes the people and the company at the end. Its expectations are documented, or inferred
from documentation; no response of the real API was known when it was written.
"""

import dataclasses
import os
import subprocess
import sys
import uuid

import pandas as pd
import pytest

import cio_frames as cio
from tests.run_notebooks import NOTEBOOKS

# Read before conftest.py removes them for all tests.
ENVIRON = {name: value for name, value in os.environ.items() if name.startswith("CIO_")}
BOTH = "sends to the real API: requires both `-m live` and CIO_WRITE_KEY"
LONG = "la " * 11_000


def is_asked_for(marks, environ):
    """Return whether the real API may be used: a key that happens to be set is not enough, nor is the mark alone."""
    return marks.strip() == "live" and bool(environ.get("CIO_WRITE_KEY", "").strip())


@pytest.fixture(scope="module")
def live(request):
    if not is_asked_for(request.config.getoption("markexpr"), ENVIRON):
        pytest.skip(BOTH)
    return cio.Client.from_env(ENVIRON)


@pytest.fixture(scope="module")
def people(live):
    run = uuid.uuid4().hex[:12]
    ids = [f"cio-frames-live-{run}-{number}" for number in (1, 2)]
    yield pd.DataFrame({"user_id": ids, "email": [f"{each}@example.com" for each in ids], "plan": ["free", "team"]})
    created = pd.DataFrame({"user_id": ids, "object_id": [f"cio-frames-live-{run}"] * 2})
    created.cio.delete_people(confirm=2, client=live)
    created.head(1).cio.delete_objects(confirm=1, client=live)


@pytest.fixture
def events(people):
    at = pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(days=4)
    return people[["user_id"]].assign(happened_at=at, total=[12.5, 3.0])


def statuses(result):
    return list(zip(result["status"], result["http_status"], strict=True))


@pytest.mark.live
def test_people_are_accepted(live, people):
    assert statuses(people.cio.identify(client=live)) == [("delivered", 200)] * 2


@pytest.mark.live
def test_events_are_accepted(live, events):
    assert (
        statuses(events.cio.track("Order Completed", timestamp="happened_at", client=live)) == [("delivered", 200)] * 2
    )


@pytest.mark.live
def test_a_company_and_its_people_are_accepted(live, people):
    company = people["user_id"].str.rpartition("-")[0]
    members = people[["user_id"]].assign(group_id=company, name="Live test")
    assert statuses(members.cio.group(client=live)) == [("delivered", 200)] * 2


@pytest.mark.live
def test_a_batch_of_mixed_calls_is_accepted(live, events):
    page = {"type": "page", "name": "Start", "url": "https://shop.example.com/"}
    rows = [{"type": "identify", "plan": "team"}, {"type": "track", "event": "Live Test"}, page]
    mixed = pd.DataFrame(rows).assign(user_id=events["user_id"][0], timestamp=events["happened_at"][0])
    assert statuses(mixed.cio.batch(allow_campaigns=True, client=live)) == [("delivered", 200)] * 3


@pytest.mark.live
def test_strict_mode_rejects_what_is_too_large_and_the_others_are_accepted(live, events):
    careless = dataclasses.replace(live, max_call_bytes=40_000)
    notes = events.assign(note=["short", LONG])
    result = notes.cio.track("Live Test Note", timestamp="happened_at", client=careless)
    assert result["status"].tolist() == ["delivered", "rejected"], result["reason"].tolist()


@pytest.mark.live
def test_strict_mode_reports_a_wrong_key(live, events):
    wrong = dataclasses.replace(live, write_key="0" * 20)
    with pytest.raises(cio.AuthenticationError) as caught:
        events.cio.track("Live Test", timestamp="happened_at", client=wrong)
    assert caught.value.result["http_status"].tolist() == [401, 401]


@pytest.mark.parametrize(
    ("marks", "environ", "asked"),
    [
        ("", {}, False),
        ("live", {}, False),
        ("live", {"CIO_WRITE_KEY": " "}, False),
        ("", {"CIO_WRITE_KEY": "key"}, False),
        ("not live", {"CIO_WRITE_KEY": "key"}, False),
        ("slow or live", {"CIO_WRITE_KEY": "key"}, False),
        ("live", {"CIO_WRITE_KEY": "key"}, True),
    ],
)
def test_the_real_api_is_used_only_if_mark_and_key_ask_for_it(marks, environ, asked):
    assert is_asked_for(marks, environ) is asked


@pytest.mark.parametrize(("marks", "printed", "calls"), [("live", "6 passed", True), ("", "6 skipped", False)])
def test_the_round_passes_on_the_sandbox_and_is_skipped_without_the_mark(sandbox, marks, printed, calls):
    environ = {**os.environ, "CIO_WRITE_KEY": sandbox.client.write_key, "CIO_ENDPOINT": sandbox.url}
    # -k excludes this very test, which has no mark.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        __file__,
        "-m",
        marks,
        "-k",
        "accepted or strict",
        "-p",
        "no:cacheprovider",
    ]
    run = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=NOTEBOOKS.parent, check=False)
    assert printed in run.stdout, run.stdout + run.stderr
    assert (BOTH in run.stdout) is not calls
    assert (len(sandbox.requests()) > 0) is calls
