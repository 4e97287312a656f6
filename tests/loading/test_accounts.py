"""What a load says of its rows comes from the ledger, whatever goes wrong after they were sent."""

import threading

import pandas as pd
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from cio_frames.loading.ledger import Ledger
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    return pd.DataFrame({"user_id": [f"u{number}" for number in range(first, first + rows)]})


class Brittle(pd.DataFrame):
    """A frame whose rows cannot be selected once more, as those of some subclasses."""

    @property
    def _constructor(self):
        return Brittle

    @property
    def loc(self):
        raise TypeError("rows of a Brittle frame are not selected")


@pytest.mark.parametrize("error", [TypeError, MemoryError, RuntimeError])
def test_an_error_while_results_are_written_never_says_unsent_of_rows_that_were_answered(sandbox, monkeypatch, error):
    def fail(*_):
        raise error("text of a cell")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(cio.DeliveryError) as caught:
        load([people(5)], sandbox.client)
    assert caught.value.result.statuses == {"delivered": 5}
    assert str(caught.value).startswith(f"The load stopped: {error.__name__} while results were written. Call it again")
    assert "text of a cell" not in str(caught.value)
    listed = loads_in(caught.value.result.ledger)
    assert listed[["phase", "rows_done", "delivered"]].to_numpy().tolist() == [["stopped", 5, 5]]


def test_an_error_while_results_are_written_stops_the_chunks_behind(monkeypatch):
    failed = threading.Event()

    def fail(*_):
        failed.set()
        raise RuntimeError

    def answer(request):
        if request.number:
            assert failed.wait(timeout=30)
        return Answer()

    monkeypatch.setattr(pq, "write_table", fail)
    with FaultServer(answer) as server, pytest.raises(cio.DeliveryError, match="while results were written") as caught:
        load([people(200)], cio.Client(write_key="k", endpoint=server.url, workers=1))
    statuses = caught.value.result.statuses
    assert 10 <= statuses["delivered"] == sum(len(request.calls) for request in server.received) < 200
    assert sum(statuses.values()) == 200


def test_such_a_load_is_resumed_without_sending_a_row_again(sandbox, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", lambda *_: 1 / 0)
        with pytest.raises(cio.DeliveryError):
            load([people(3), people(2, 3)], sandbox.client)
    result = load([people(3), people(2, 3)], sandbox.client)
    assert (result.phase, result.statuses) == ("done", {"delivered": 5})
    assert sandbox.calls()["userId"].is_unique


def test_a_frame_of_a_class_that_cannot_be_copied_is_loaded_as_a_plain_frame(sandbox):
    frame = Brittle({"user_id": ["ada", None, "bob"]})
    assert load([frame], sandbox.client).statuses == {"delivered": 2, "invalid": 1}


def test_a_full_disk_while_results_are_written_comes_with_the_account(sandbox, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(cio.ConfigurationError, match="No space left on device") as caught:
        load([people(5)], sandbox.client)
    assert caught.value.result.statuses == {"delivered": 5}


def test_rows_that_left_and_were_not_answered_are_unknown_until_a_later_run_knows(monkeypatch):
    with FaultServer([Answer()]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)

        def fail(*_):
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "record_outcome", fail)
            patch.setattr(pq, "write_table", fail)
            with pytest.raises(cio.DeliveryError) as caught:
                load([people(3)], client)
        assert caught.value.result.statuses == {"unknown": 3}
        assert load([people(3)], client).statuses == {"delivered": 3}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "source must yield DataFrames or tables; number 1 is None"),
        (pd.DataFrame({"plan": ["free"]}), "requires column 'user_id'"),
        ("orders.csv", "source must yield DataFrames or tables; number 1 is text"),
    ],
    ids=["None", "no id", "path"],
)
def test_a_generator_that_goes_wrong_after_rows_were_sent_leaves_the_result_on_the_error(sandbox, wrong, words):
    with pytest.raises(cio.DeliveryError, match=words) as caught:
        load(iter([people(3), wrong]), sandbox.client)
    assert caught.value.result.statuses == {"delivered": 3}
    assert isinstance(caught.value.__cause__, cio.FrameError)
    assert len(sandbox.calls()) == 3


def test_a_generator_that_is_wrong_from_the_start_is_a_mistake_of_the_call(sandbox):
    with pytest.raises(cio.FrameError, match="number 0 is None") as caught:
        load(iter([None]), sandbox.client)
    assert caught.value.result is None


def test_events_that_can_start_campaigns_in_a_later_frame_come_with_the_result_of_those_before(sandbox):
    old = people(3).assign(timestamp="2020-01-01")
    with pytest.raises(cio.CampaignsError) as caught:
        load(iter([old, people(2)]), sandbox.client, call="track", event="Seen")
    assert caught.value.result.statuses == {"delivered": 3}


def test_a_chunk_that_is_tried_again_and_broken_off_is_counted_from_what_is_known_now(monkeypatch):
    frame = people(6).assign(email=["x", *[None] * 5])
    with FaultServer([Answer(), Answer(500), Answer(), Answer()]) as server:
        limits = {"max_body_bytes": 330, "max_call_bytes": 300, "workers": 1, "attempts": 1}
        client = cio.Client(write_key="k", endpoint=server.url, **limits)
        first = load([frame], client)
        assert first.statuses["invalid"] == 1
        assert first.statuses["unknown"] > 0
        before = first.statuses["delivered"]
        with monkeypatch.context() as patch:
            patch.setattr(pq, "write_table", lambda *_: 1 / 0)
            with pytest.raises(cio.DeliveryError) as caught:
                load([frame], client)
        assert before == 6 - 1 - first.statuses["unknown"]
        assert caught.value.result.statuses == {"delivered": 5, "invalid": 1}
