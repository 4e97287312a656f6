"""What a sync refuses: in words, and without a request."""

from __future__ import annotations

import _thread
import json
import signal

import pandas as pd
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading.outputs import OutputFolder
from cio_frames.results import Outcomes
from cio_frames.syncing.state_report import describe_state
from tests.faults import OK, Answer, Fault, FaultServer
from tests.syncing.helpers import client_of, people_frame, sync


@pytest.fixture
def state(tmp_path):
    return tmp_path / "people.sqlite"


def test_two_rows_of_one_subject_are_invalid_and_both_are_named(sandbox, state):
    people = pd.DataFrame({"user_id": ["a", "b", "A@x.org", "a", "a@X.org"], "plan": list("vwxyz")})

    result = sync(people, state, sandbox.client)

    assert result["status"].tolist() == ["invalid", "delivered", "invalid", "invalid", "invalid"]
    assert result["reason"].iloc[0] == ("row 0 and row 3 are the same subject; keep one, or set duplicates='last'")
    assert result["reason"].iloc[4].startswith("row 2 and row 4 are the same subject")


def test_the_last_row_of_a_subject_is_sent_on_demand(sandbox, state):
    people = pd.DataFrame({"user_id": ["a", "b", "a"], "plan": ["x", "y", "z"]})

    result = sync(people, state, sandbox.client, duplicates="last")
    again = sync(people, state, sandbox.client, duplicates="last")

    assert result["status"].tolist() == ["unchanged", "delivered", "delivered"]
    assert sandbox.calls()["traits"].tolist() == [{"plan": "y"}, {"plan": "z"}]
    assert again["status"].tolist() == ["unchanged"] * 3


def test_subjects_that_come_again_in_another_file_are_invalid_too(sandbox, tmp_path):
    for name in ("a", "b"):
        people_frame(3).to_parquet(tmp_path / f"{name}.parquet")
    state = tmp_path / "people.sqlite"

    result = cio.sync(
        str(tmp_path / "*.parquet"),
        "identify",
        state=state,
        client=sandbox.client,
        output=tmp_path / "out",
        progress=False,
    )

    assert result.statuses == {"invalid": 6}
    assert "a.parquet and row 0 of" in result.frame()["reason"].iloc[0]
    assert len(sandbox.requests()) == 0


def test_an_empty_frame_trips_a_guard_where_the_state_has_subjects(sandbox, state):
    people = people_frame(10)
    assert len(sync(people.iloc[:0], state, sandbox.client)) == 0
    sync(people, state, sandbox.client)
    requests = len(sandbox.requests())

    with pytest.raises(cio.GuardError, match="the source has 0 rows"):
        sync(people.iloc[:0], state, sandbox.client)

    assert len(sandbox.requests()) == requests
    assert len(sync(people.iloc[:0], state, sandbox.client, min_rows=0)) == 0


def test_a_guard_that_cannot_be_evaluated_trips(sandbox, state):
    with pytest.raises(cio.GuardError, match="share of the state"):
        sync(people_frame(10), state, sandbox.client, min_rows="50%")

    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"state": None}, "A state file is required"),
        ({"removed": "drop"}, "removed= must be"),
        ({"removed": "delete_relationships", "complete": True}, "is for group calls"),
        ({"cleared": "erase"}, "cleared= must be"),
        ({"grace_runs": 0}, "at least 1"),
        ({"refresh_days": True}, "at least 1"),
        ({"ignore": ["nobody"]}, "not a field of this source"),
        ({"max_removed": "many"}, "must be a count"),
        ({"as_of": "yesterday evening"}, "must be a date"),
    ],
)
def test_an_option_that_is_invalid_is_refused_before_anything_is_read(sandbox, state, options, words):
    with pytest.raises(cio.CioFramesError, match=words):
        cio.sync(people_frame(3), "identify", **{"state": state, "client": sandbox.client} | options)

    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("option", ["nulls", "ledger", "fresh"])
def test_the_options_of_a_load_that_have_no_meaning_here_do_not_exist(state, option):
    with pytest.raises(TypeError, match=option):
        cio.sync(people_frame(3), "identify", state=state, **{option: "x"})


def test_a_call_without_a_subject_is_refused(state):
    with pytest.raises(cio.FrameError, match="sync supports identify, group"):
        cio.sync(people_frame(3), "alias", state=state)


def test_invalid_rows_stop_everything_on_demand(sandbox, state):
    people = people_frame(3)
    people.loc[1, "user_id"] = None

    with pytest.raises(cio.InvalidRowsError):
        sync(people, state, sandbox.client, on_invalid="raise")

    assert len(sandbox.requests()) == 0


def test_an_interruption_raises_with_the_status_of_every_row(state):
    people = people_frame(3_000, bio="x" * 2_000)

    def interrupt(received):
        if received.number == 3:
            _thread.interrupt_main()
        return OK

    with FaultServer(interrupt) as server, pytest.raises(cio.InterruptedLoad) as caught:
        sync(people, state, client_of(server, workers=1))
    with FaultServer() as server:
        result = sync(people, state, client_of(server))

    assert len(caught.value.result) == 3_000
    assert set(caught.value.result["status"]) == {"delivered", "unsent"}
    assert result["status"].eq("unchanged").sum() == caught.value.result["status"].eq("delivered").sum()
    assert result["status"].isin(["delivered", "unchanged"]).all()


def test_an_interruption_after_the_last_answer_does_not_make_delivered_rows_unsent(sandbox, state, monkeypatch):
    frame = Outcomes.frame

    def interrupted_frame(outcomes, index):
        if len(sandbox.calls()):
            signal.raise_signal(signal.SIGINT)
        return frame(outcomes, index)

    monkeypatch.setattr(Outcomes, "frame", interrupted_frame)

    with pytest.raises(cio.InterruptedLoad) as caught:
        sync(people_frame(3), state, sandbox.client)

    assert caught.value.result["status"].tolist() == ["delivered"] * 3


@pytest.mark.parametrize("error", [cio.ConfigurationError("cannot write results: disk full"), MemoryError()])
def test_results_that_cannot_be_written_leave_the_account_on_the_error(sandbox, state, tmp_path, monkeypatch, error):
    def fail(*args):
        raise error

    people_frame(3).to_parquet(tmp_path / "people.parquet")
    monkeypatch.setattr(OutputFolder, "write_chunk", fail)
    expected = type(error) if isinstance(error, cio.CioFramesError) else cio.DeliveryError

    with pytest.raises(expected) as caught:
        sync(tmp_path / "people.parquet", state, sandbox.client, output=tmp_path / "out")

    assert caught.value.result.statuses == {"delivered": 3}
    assert describe_state(state)["runs"][-1]["phase"] == "stopped"


def test_an_error_before_anything_was_sent_has_no_account(sandbox, state, tmp_path):
    (tmp_path / "trail").mkdir()

    with pytest.raises(cio.ConfigurationError) as caught:
        sync(people_frame(3), state, sandbox.client, removed="delete", complete=True, audit=tmp_path / "trail")

    assert caught.value.result is None
    assert len(sandbox.calls()) == 0


def test_a_dry_run_sends_nothing_and_makes_no_state(state):
    result = cio.sync(people_frame(3), "identify", state=state, dry_run=True)

    assert result["status"].tolist() == ["ready"] * 3
    assert not state.exists()


def test_a_baseline_asks_for_the_number_of_rows(sandbox, state):
    people = people_frame(5)
    for confirm in (None, 4, True, 5.0):
        with pytest.raises(cio.FrameError, match="confirm=5"):
            cio.baseline(people, "identify", state=state, confirm=confirm)

    cio.baseline(people, "identify", state=state, confirm=5)
    result = sync(people, state, sandbox.client)

    assert result["status"].eq("unchanged").all()
    assert len(sandbox.requests()) == 0


def test_subjects_of_a_baseline_are_never_removed(sandbox, state):
    people = people_frame(40)
    cio.baseline(people, "identify", state=state, confirm=40)

    sync(people.iloc[1:], state, sandbox.client, removed="delete", complete=True, grace_runs=1)

    assert len(sandbox.requests()) == 0


class TestPlanFiles:
    """Plan files: what they hold, and when they are refused."""

    @pytest.fixture
    def source(self, tmp_path):
        path = tmp_path / "people.parquet"
        people_frame(6).to_parquet(path)
        return path

    def plan_file(self, source, state, **options):
        path = source.with_name("people.plan.parquet")
        cio.plan(source, "identify", state=state).to_parquet(path, **options)
        return path

    def test_a_plan_file_has_a_row_for_each_call_and_no_value(self, source, state):
        calls = pd.read_parquet(self.plan_file(source, state))

        assert calls["subject"].tolist() == [f"u:u{row}" for row in range(6)]
        assert calls["action"].unique().tolist() == ["new"]
        assert "values" not in calls

    def test_values_are_in_it_on_demand(self, source, state):
        calls = pd.read_parquet(self.plan_file(source, state, show_values=True))

        assert json.loads(calls["values"].iloc[1]) == {"logins": 1, "plan": "team"}

    def test_an_edited_plan_is_refused(self, source, state, sandbox):
        path = self.plan_file(source, state)
        table = pq.read_table(path)
        pq.write_table(table.slice(1), path)

        with pytest.raises(cio.ConfigurationError, match="was edited"):
            cio.apply_plan(path, client=sandbox.client)

    def test_a_plan_that_is_too_old_is_refused(self, source, state, sandbox):
        path = self.plan_file(source, state)

        with pytest.raises(cio.ConfigurationError, match="allows 0s"):
            cio.apply_plan(path, client=sandbox.client, max_age="0s")

    def test_a_plan_of_other_rows_is_refused(self, source, state, sandbox):
        path = self.plan_file(source, state)
        people_frame(6, extra="x").to_parquet(source)

        with pytest.raises(cio.ConfigurationError, match="The plan is stale"):
            cio.apply_plan(path, client=sandbox.client)

        assert len(sandbox.requests()) == 0

    def test_a_plan_that_holds_is_applied(self, source, state, sandbox, tmp_path):
        path = self.plan_file(source, state)

        result = cio.apply_plan(path, client=sandbox.client, output=tmp_path / "out", progress=False)

        assert result.statuses == {"delivered": 6}


def test_what_an_earlier_run_left_unknown_is_not_unsent_in_the_next(state):
    with FaultServer([Fault.RESET_AFTER_BODY]) as server:
        first = sync(people_frame(2), state, client_of(server, attempts=1))
    with FaultServer([Answer(401)]) as server, pytest.raises(cio.AuthenticationError) as caught:
        sync(people_frame(2), state, client_of(server, attempts=1))
    assert first["status"].tolist() == caught.value.result["status"].tolist() == ["unknown"] * 2
    assert caught.value.result["reason"].str.endswith("an earlier attempt may have been accepted").all()
