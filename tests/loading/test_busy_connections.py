"""Connections stay busy from one chunk of a load to the next, and each chunk is finished when it is answered."""

import threading
import time

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from cio_frames.loading.tuning import LoadTuning
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows

QUIET = {"attempts": 1, "read_timeout_seconds": 30}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    return pd.DataFrame({"user_id": [f"u{number}" for number in range(first, first + rows)]})


def client(server, **options):
    return cio.Client(write_key="k", endpoint=server.url, **{**QUIET, **options})


def chunk_of(request, rows=10):
    return int(request.calls[0]["userId"][1:]) // rows


def test_the_next_chunk_leaves_while_an_answer_to_the_one_before_is_awaited():
    second_came = threading.Event()

    def answer(request):
        if chunk_of(request) == 0:
            # Without it, this test fails after the timeout.
            assert second_came.wait(timeout=20)
        else:
            second_came.set()
        return Answer()

    with FaultServer(answer) as server:
        assert load_rows(people(20), client(server, workers=2)).statuses == {"delivered": 20}
        assert server.connections == 2


def test_a_chunk_is_finished_while_the_next_one_is_on_its_way(folder):
    def answer(request):
        until = time.monotonic() + 20
        part = folder / "out/results/part-00000.parquet"
        while chunk_of(request) == 1 and not part.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert chunk_of(request) == 0 or part.exists()
        return Answer()

    with FaultServer(answer) as server:
        assert load_rows(people(20), client(server)).statuses == {"delivered": 20}


def test_at_most_two_full_chunks_are_on_their_way():
    seen, release = set(), threading.Event()

    def answer(request):
        seen.add(chunk_of(request))
        if chunk_of(request) == 0:
            # Time for others to come, if they would.
            release.wait(timeout=1.5)
            assert seen <= {0, 1}
        return Answer()

    with FaultServer(answer) as server:
        assert load_rows(people(50), client(server, workers=8)).statuses == {"delivered": 50}
    assert seen == set(range(5))


def test_files_of_a_few_rows_do_not_wait_for_each_other(folder):
    (folder / "in").mkdir()
    for number in range(8):
        people(2, 2 * number).to_parquet(folder / f"in/{number}.parquet")
    all_came = threading.Barrier(4)

    def answer(request):
        if request.number < 4:
            all_came.wait(timeout=20)
        return Answer()

    with FaultServer(answer) as server:
        result = load_rows(folder / "in", client(server, workers=4), tuning=LoadTuning(chunk_rows=100))
    assert (result.statuses, result.requests) == ({"delivered": 16}, 8)
    assert result.frame()["row"].tolist() == [0, 1] * 8


def test_people_who_move_to_another_lane_wait_for_the_chunk_before():
    both = pd.DataFrame({"user_id": ["u1", None], "anonymous_id": [None, "a1"], "n": [0, 1]})
    joined = pd.DataFrame({"user_id": ["u1"], "anonymous_id": ["a1"], "n": [2]})
    with FaultServer(lambda request: Answer(after_seconds=0.2)) as server:
        load_rows([both, joined], client(server, workers=8), tuning=LoadTuning(chunk_rows=2))
    *first, last = sorted(server.received, key=lambda request: request.arrived)
    assert [call["traits"]["n"] for call in last.calls] == [2]
    assert last.arrived >= max(request.answered for request in first)


def test_a_stop_in_the_next_chunk_leaves_the_account_of_both_chunks():
    second_came, first_answered = threading.Event(), threading.Event()

    def answer(request):
        if chunk_of(request) == 0:
            assert second_came.wait(timeout=20)
            first_answered.set()
            return Answer(after_seconds=0.3)
        second_came.set()
        assert first_answered.wait(timeout=20)
        return Answer(402)

    with FaultServer(answer) as server, pytest.raises(cio.DeliveryError) as caught:
        load_rows(people(40), client(server, workers=2))
    result = caught.value.result
    assert (result.statuses["delivered"], result.rows) == (10, 40)
    assert result.frame()["status"].tolist()[:10] == ["delivered"] * 10
    (listed,) = loads_in(result.ledger)[["phase", "delivered"]].to_numpy().tolist()
    assert listed == ["stopped", 10]
    with FaultServer(port=server.port) as server:
        resumed = load_rows(people(40), client(server, workers=2))
        sent = [call["userId"] for request in server.received for call in request.calls]
    assert resumed.statuses == {"delivered": 40}
    assert sorted(sent) == sorted(people(30, 10)["user_id"])
