"""What one run of a load knows of a row, a later run that does not reach the row must not take back."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.delivery.outcomes import BLOCKED
from cio_frames.loading import loads_in
from cio_frames.loading.ledger import Ledger
from tests.faults import Answer, Fault, FaultServer
from tests.loading.helpers import load_rows as load

PAGE = {"headers": {"Content-Type": "text/html"}, "body": b"<html>blocked by policy</html>"}
EARLIER = "an earlier attempt may have been accepted"


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows):
    return pd.DataFrame({"user_id": [f"u{number}" for number in range(rows)]})


def run(script, frame, **options):
    """Run a load once, and return its result, of an error too, and the requests that arrived."""
    with FaultServer(script) as server:
        client = cio.Client(
            write_key="k", endpoint=server.url, attempts=1, workers=1, read_timeout_seconds=0.5, **options
        )
        try:
            return load([frame], client), server.received
        except cio.DeliveryError as error:
            return error.result, server.received


@pytest.fixture
def same_port(monkeypatch):
    """Servers one after the other have one address, since a load is tied to it."""
    with FaultServer() as server:
        port = server.port
    start = FaultServer.__init__
    monkeypatch.setattr(FaultServer, "__init__", lambda self, script: start(self, script, port=port))


pytestmark = pytest.mark.usefixtures("same_port")


@pytest.mark.parametrize("first", [Answer(500), Fault.SILENCE, Fault.RESET_AFTER_BODY], ids=str)
@pytest.mark.parametrize("later", [Answer(401), Answer(429), Fault.RESET_BEFORE_BODY], ids=str)
def test_a_row_in_doubt_stays_unknown_when_a_later_run_cannot_send_it(first, later):
    before, _ = run([first], people(3))
    assert before.statuses == {"unknown": 3}
    after, _ = run([later], people(3))
    assert after.statuses == {"unknown": 3}
    assert after.frame()["status"].tolist() == ["unknown"] * 3
    assert after.frame()["reason"].str.contains("may have been accepted").all()
    assert set(pd.read_parquet(after.undelivered)["_cio_status"]) == {"unknown"}
    assert loads_in(after.ledger)["delivered"].tolist() == [0]
    done, _ = run([Answer()], people(3))
    assert (done.phase, done.statuses) == ("done", {"delivered": 3})


def test_the_reason_has_what_happened_now_and_the_doubt():
    run([Answer(503)], people(2))
    after, _ = run([Answer(401)], people(2))
    assert after.frame()["reason"][0] == f"the API does not accept this write key (answered 401); {EARLIER}"


def test_rows_that_a_later_run_did_not_reach_keep_what_is_known_of_them():
    limits = {"max_body_bytes": 330, "max_call_bytes": 300}
    before, _ = run([Answer(), Answer(500), Answer(), Answer(500), Answer()], people(8), **limits)
    known = before.frame()["status"].tolist()
    assert set(known) == {"delivered", "unknown"}
    after, _ = run([Answer(401)], people(8), **limits)
    assert after.frame()["status"].tolist() == known


def test_rows_in_flight_when_a_load_was_killed_stay_unknown(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record_outcome", lambda *_: 1 / 0)
        patch.setattr(pq, "write_table", lambda *_: 1 / 0)
        run([Answer()], people(3))
    after, _ = run([Answer(401)], people(3))
    assert after.frame()["status"].tolist() == ["unknown"] * 3


def test_rows_whose_answer_cannot_be_noted_are_unknown_in_the_results(monkeypatch):
    monkeypatch.setattr(Ledger, "record_outcome", lambda *_: 1 / 0)
    result, _ = run([Answer()], people(3))
    assert result.statuses == {"unknown": 3}
    assert result.frame()["status"].tolist() == ["unknown"] * 3


def test_a_row_that_was_answered_after_a_kill_is_counted_as_answered_when_it_is_broken_off_again(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", lambda *_: 1 / 0)
        with patch.context() as killed:
            killed.setattr(Ledger, "record_outcome", lambda *_: 1 / 0)
            run([Answer()], people(3))
        after, _ = run([Answer()], people(3))
    assert after.statuses == {"delivered": 3}
    resumed, received = run([Answer()], people(3))
    assert (resumed.phase, resumed.statuses, received) == ("done", {"delivered": 3}, [])


def test_a_load_that_is_broken_off_in_a_later_run_keeps_the_doubt(monkeypatch):
    run([Answer(500)], people(3))
    monkeypatch.setattr(pq, "write_table", lambda *_: 1 / 0)
    after, _ = run([Answer(401)], people(3))
    assert after.statuses == {"unknown": 3}
    assert all(EARLIER in reason for _, reason in after.reasons)


def firewall(request):
    return Answer(403, **PAGE) if b'"u4"' in request.body else Answer()


def accepting_first(script):
    """Return a script whose first request is accepted, so that the key is known to be right."""
    return lambda request: Answer() if request.number == 0 else script(request)


WIDE = {"max_body_bytes": 330, "max_call_bytes": 300}


def test_a_row_that_was_blocked_is_tried_once_more_by_a_resume():
    first, _ = run(accepting_first(firewall), people(6), **WIDE)
    assert (first.phase, first.statuses) == ("stopped", {"delivered": 5, "rejected": 1})
    assert first.why.startswith("1 row was blocked on its way and is tried once more. Call it again")
    assert first.frame()["reason"].dropna().tolist() == [f"answered 403 with a web page: {BLOCKED}"]
    second, received = run([Answer()], people(6), **WIDE)
    assert (second.phase, second.statuses) == ("done", {"delivered": 6})
    assert [request.people for request in received] == [{"u4"}]
    assert second.frame()["resent"].tolist() == [False] * 4 + [True, False]


def test_a_row_that_is_blocked_again_is_final():
    run(accepting_first(firewall), people(6), **WIDE)
    second, received = run(firewall, people(6), **WIDE)
    assert (second.phase, second.statuses, len(received)) == ("done", {"delivered": 5, "rejected": 1}, 1)
    third, received = run(firewall, people(6), **WIDE)
    assert (third.statuses, received) == ({"delivered": 5, "rejected": 1}, [])


def test_a_blocked_row_that_a_resume_does_not_reach_is_tried_by_the_next():
    run(accepting_first(firewall), people(6), **WIDE)
    second, _ = run([Answer(401)], people(6), **WIDE)
    assert second.phase == "stopped"
    assert second.statuses == {"delivered": 5, "unsent": 1}
    third, _ = run([Answer()], people(6), **WIDE)
    assert (third.phase, third.statuses) == ("done", {"delivered": 6})


def test_what_the_api_itself_rejects_is_not_tried_again():
    def reject(request):
        return Answer(400, body=b'{"error": "no"}') if b'"u4"' in request.body else Answer()

    first, _ = run(accepting_first(reject), people(6), **WIDE)
    assert (first.phase, first.statuses) == ("done", {"delivered": 5, "rejected": 1})
    _, received = run([Answer()], people(6), **WIDE)
    assert received == []


def test_what_is_open_at_the_end_is_told_by_kind():
    def answer(request):
        return Answer(500) if b'"u7"' in request.body else firewall(request)

    first, _ = run(accepting_first(answer), people(9), **WIDE)
    assert first.statuses["rejected"] == 1
    assert first.statuses["unknown"] == 3
    assert first.why.startswith("3 rows are unknown or unsent, and 1 row was blocked on its way and is tried")
