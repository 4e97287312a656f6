"""The acceptance of syncing, one behavior after the other; the last one is a benchmark."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cio_frames as cio
from tests.faults import OK, Answer, FaultServer
from tests.syncing.helpers import client_of, held, people_frame, sync, wanted


@pytest.fixture
def state(tmp_path):
    return tmp_path / "people.sqlite"


def days(count):
    return [f"2026-11-{day:02d}" for day in range(1, count + 1)]


def test_a_second_sync_of_the_same_people_makes_no_request(sandbox, state):
    people = people_frame(100_000)
    first = sync(people, state, sandbox.client)
    requests = len(sandbox.requests())

    second = sync(people, state, sandbox.client)

    assert first["status"].eq("delivered").all()
    assert second["status"].eq("unchanged").all()
    assert len(second) == 100_000
    assert len(sandbox.requests()) == requests


TYPED = pd.DataFrame(
    {
        "user_id": ["1", "2", "3"],
        "logins": [7, 0, 2**40],
        "score": [1.5, -3.0, 0.0],
        "joined": pd.to_datetime(["2026-01-01T00:00", "2026-06-01T12:30", "2025-12-31T23:59"]).tz_localize("UTC"),
        "active": [True, False, True],
        "plan": ["free", "team", "free"],
        "address": [{"city": "Paris", "zip": "75"}, {"city": "Rome"}, {"zip": "1", "city": "Oslo"}],
        "tags": [["a", "b"], [], ["c"]],
        "points": [[1, 2], [], [3]],
    }
)


NESTED = ["address", "tags", "points"]


def turned(cell):
    return dict(reversed(cell.items()))


def int_ids(frame):
    return frame.assign(user_id=frame["user_id"].astype("int64"))


def float_ids_with_a_null_row(frame):
    more = pd.concat([frame, frame.iloc[[0]].assign(user_id=None)], ignore_index=True)
    return more.assign(user_id=more["user_id"].astype("float64"), logins=more["logins"].astype("float64"))


REPRESENTATIONS = {
    "the same": lambda frame: frame,
    "Int64": lambda frame: frame.assign(logins=frame["logins"].astype("Int64")),
    "float": lambda frame: frame.assign(logins=frame["logins"].astype("float64")),
    "minus zero": lambda frame: frame.assign(score=[1.5, -3.0, -0.0]),
    "objects": lambda frame: frame.astype(object),
    "integers as ids": int_ids,
    "floats beside a null": float_ids_with_a_null_row,
    "Arrow": lambda frame: frame.drop(columns=NESTED).convert_dtypes(dtype_backend="pyarrow").join(frame[NESTED]),
    "shuffled rows": lambda frame: frame.sample(frac=1, random_state=3),
    "shuffled columns": lambda frame: frame[list(reversed(frame.columns))],
    "shuffled keys of dicts": lambda frame: frame.assign(address=frame["address"].map(turned)),
    "another zone of the same instant": lambda frame: frame.assign(joined=frame["joined"].dt.tz_convert("Asia/Tokyo")),
    "floats inside lists": lambda frame: frame.assign(points=[[1.0, 2.0], [], np.array([3.0])]),
    "categories": lambda frame: frame.assign(plan=frame["plan"].astype("category")),
    "another index": lambda frame: frame.set_axis([9, 9, 9]),
}


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_the_same_values_in_another_representation_are_not_sent(sandbox, state, name):
    sync(TYPED, state, sandbox.client)

    result = sync(REPRESENTATIONS[name](TYPED), state, sandbox.client)

    assert result["status"].iloc[:3].tolist() == ["unchanged"] * 3


def test_the_same_values_out_of_parquet_and_csv_are_not_sent(sandbox, tmp_path):
    flat = TYPED.drop(columns=NESTED)
    flat.to_parquet(tmp_path / "people.parquet")
    flat.assign(joined=flat["joined"].dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")).to_csv(
        tmp_path / "people.csv", index=False
    )
    state = tmp_path / "people.sqlite"

    runs = [
        cio.sync(
            tmp_path / name, "identify", state=state, client=sandbox.client, output=tmp_path / "out", progress=False
        )
        for name in ("people.parquet", "people.parquet")
    ]
    frame = sync(flat, state, sandbox.client)

    assert [run.statuses for run in runs] == [{"delivered": 3}, {"unchanged": 3}]
    assert frame["status"].tolist() == ["unchanged"] * 3


def test_text_and_a_number_of_the_same_digits_differ(sandbox, state):
    sync(pd.DataFrame({"user_id": ["a"], "level": ["7"]}), state, sandbox.client)

    result = sync(pd.DataFrame({"user_id": ["a"], "level": [7]}), state, sandbox.client)

    assert result["status"].tolist() == ["delivered"]


def refusing(user_id):
    """Return a script that answers 400 to every batch with calls of a person."""

    def script(received):
        ids = [call.get("userId") for call in received.calls]
        return Answer(400, b'{"meta":{"errors":["no"]}}') if user_id in ids else OK

    return script


def test_a_row_that_is_refused_is_tried_three_times_and_then_counted(state):
    people = people_frame(10_000)
    changed = people.assign(plan="changed")
    with FaultServer() as server:
        sync(people, state, client_of(server))
    with FaultServer(refusing("u77")) as server:
        client = client_of(server)
        first = sync(changed, state, client)
        known = cio.plan(changed, "identify", state=state).counts
        later = [sync(changed, state, client) for _ in range(3)]
        calls = [call["userId"] for received in server.received for call in received.calls]
        counted = cio.plan(changed, "identify", state=state).counts
        retried = sync(changed, state, client, retry_rejected=True)
        after = [call["userId"] for received in server.received for call in received.calls][len(calls) :]

    assert first["status"].value_counts().to_dict()["delivered"] == 9_999
    assert known == {"changed": 1, "unchanged": 9_999}
    for result in later:
        assert result["status"].drop(77).eq("unchanged").all()
        assert result["status"].loc[77] == "rejected"
    # Alone, in the second and in the third run, and not in the fourth.
    assert calls[-2:] == ["u77", "u77"]
    assert later[2].loc[77, "attempts"] == 0
    assert "rejected three times" in later[2].loc[77, "reason"]
    assert counted == {"unchanged": 9_999, "rejected before": 1}
    assert (after, retried.loc[77, "status"]) == (["u77"], "rejected")


def test_answers_that_are_cut_leave_subjects_uncertain_until_they_are_answered(state):
    people = people_frame(3_000, bio="x" * 2_000)
    with cio.Sandbox(faults=["cut:0.2"], seed=5) as sandbox:
        client = cio.Client(write_key="sandbox", endpoint=sandbox.url, attempts=1)
        for _ in range(12):
            try:
                result = sync(people, state, client)
            except cio.DeliveryError as error:
                result = error.result
            here = held(sandbox)
            delivered = people["user_id"][result["status"].isin(["delivered", "unchanged"])]
            assert set(delivered) <= set(here)
            if result["status"].eq("unchanged").all():
                break
        assert result["status"].eq("unchanged").all()
        assert here == wanted(people)


def last_traits(server):
    """Return what a server that drops repeated message ids would hold."""
    seen, found = set(), {}
    for received in server.received:
        for call in received.calls:
            if call["messageId"] not in seen:
                seen.add(call["messageId"])
                found.setdefault(call["userId"], {}).update(call["traits"])
    return found, seen


def test_going_to_another_value_and_back_makes_three_ids(state):
    with FaultServer() as server:
        for plan in ("A", "B", "A"):
            sync(pd.DataFrame({"user_id": ["ada"], "plan": [plan]}), state, client_of(server))
        traits, ids = last_traits(server)

    assert traits == {"ada": {"plan": "A"}}
    assert len(ids) == 3


def test_a_state_restored_from_a_copy_does_not_repeat_an_id(state):
    with FaultServer() as server:
        sync(pd.DataFrame({"user_id": ["ada"], "plan": ["A"]}), state, client_of(server))
        copy = state.read_bytes()
        sync(pd.DataFrame({"user_id": ["ada"], "plan": ["B"]}), state, client_of(server))
        state.write_bytes(copy)
        # The run numbers repeat; the content does not.
        sync(pd.DataFrame({"user_id": ["ada"], "plan": ["C"]}), state, client_of(server))
        traits, ids = last_traits(server)

    assert (traits, len(ids)) == ({"ada": {"plan": "C"}}, 3)


def test_a_value_that_became_missing_is_cleared_once(state):
    before = pd.DataFrame({"user_id": ["a", "b"], "plan": ["x", "y"], "age": [1, 2]})
    after = before.assign(plan=["x", None])
    with cio.Sandbox() as sandbox:
        sync(before, state, sandbox.client)
        kept = sync(after, state, sandbox.client)
        plan = cio.plan(after, "identify", state=state)
        requests = len(sandbox.requests())
        cleared = sync(after, state, sandbox.client, cleared="null")
        sent = sandbox.calls()["traits"].iloc[-1]
        again = sync(after, state, sandbox.client, cleared="null")
        assert kept["status"].tolist() == ["unchanged"] * 2
        assert plan.counts["kept cleared"] == 1
        assert cleared["status"].tolist() == ["unchanged", "delivered"]
        assert again["status"].tolist() == ["unchanged"] * 2
        assert len(sandbox.requests()) == requests + 1
        assert held(sandbox) == {"a": {"plan": "x", "age": 1}, "b": {"age": 2}}
        assert sent == {"plan": None, "age": 2}


def test_a_value_that_may_have_arrived_is_cleared_too(state):
    with cio.Sandbox(faults=["cut@1"]) as sandbox:
        client = client_of(sandbox, attempts=1)
        nothing = pd.DataFrame({"user_id": ["ada"], "age": [7], "plan": pd.array([None], dtype="string")})
        sync(nothing, state, client, cleared="null")
        unanswered = sync(nothing.assign(plan="x"), state, client, cleared="null")
        assert (unanswered["status"].tolist(), held(sandbox)["ada"]["plan"]) == (["unknown"], "x")
        sync(nothing, state, client, cleared="null")

        assert held(sandbox) == {"ada": {"age": 7}}


PEOPLE = people_frame(2_000)
MISTAKES = {
    "emptied": PEOPLE.iloc[:0],
    "halved": PEOPLE.iloc[::2],
    "truncated": PEOPLE.iloc[:1_500],
    "filtered": PEOPLE[PEOPLE["plan"] == "team"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_source_that_lacks_many_people_deletes_nobody(sandbox, state, mistake):
    sync(PEOPLE, state, sandbox.client)
    requests = len(sandbox.requests())

    for day in days(3):
        with pytest.raises(cio.GuardError):
            sync(MISTAKES[mistake], state, sandbox.client, removed="delete", complete=True, as_of=day)

    assert len(sandbox.requests()) == requests


def test_removal_requires_the_claim_that_the_source_is_complete(sandbox, state):
    with pytest.raises(cio.ConfigurationError, match="requires complete=True"):
        sync(PEOPLE, state, sandbox.client, removed="delete")

    assert not state.exists()


def test_after_two_runs_exactly_the_missing_people_that_we_delivered_are_deleted(state):
    ours, theirs = people_frame(100), people_frame(120).iloc[100:]
    with cio.Sandbox() as sandbox:
        cio.identify(theirs, client=sandbox.client, progress=False)
        cio.baseline(theirs, "identify", state=state, confirm=20)
        sync(ours, state, sandbox.client)
        left = ours.iloc[3:]
        options = {"removed": "delete", "complete": True, "client": sandbox.client, "state": state}
        for moment in ("2026-11-01T01:00", "2026-11-01T02:00"):
            sync(left, **options, as_of=moment)
            assert len(held(sandbox)) == 120
        sync(left, **options, as_of="2026-11-02")
        assert set(held(sandbox)) == set(left["user_id"]) | set(theirs["user_id"])
        sync(left, **options, as_of="2026-11-03")
        deleted = sandbox.calls()["event"].eq("User Deleted").sum()
        assert deleted == 3
        # Who comes back is new.
        result = sync(ours, **options, as_of="2026-11-04")
        assert result["status"].value_counts().to_dict() == {"unchanged": 97, "delivered": 3} | {
            name: 0 for name in result["status"].cat.categories if name not in ("unchanged", "delivered")
        }
        assert len(held(sandbox)) == 120


def other_key(client):
    return cio.Client(write_key="another", endpoint=client.endpoint)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda client: {"client": other_key(client)}, "another write key"),
        (lambda client: {"client": cio.Client(write_key="sandbox", region="eu")}, "the endpoint"),
        (lambda client: {"call": "group", "group_id": "user_id"}, "is for identify, not for group"),
        (lambda client: {"traits": ["plan"]}, "missing fields logins"),
        (lambda client: {"ignore": ["logins"]}, "ignore"),
    ],
)
def test_a_state_of_something_else_is_refused(sandbox, state, change, words):
    people = people_frame(10)
    sync(people, state, sandbox.client)
    requests = len(sandbox.requests())
    options = {"call": "identify", "state": state, "client": sandbox.client, "progress": False} | change(sandbox.client)

    with pytest.raises(cio.ConfigurationError, match=words):
        cio.sync(people.assign(plan="changed"), **options)

    assert len(sandbox.requests()) == requests


def test_a_new_key_of_the_same_workspace_is_accepted_on_demand(state):
    people = people_frame(4)
    with FaultServer() as server:
        sync(people, state, client_of(server))
        client = other_key(client_of(server))
        result = sync(people.assign(plan="changed"), state, client, accept_key=True)
        again = sync(people.assign(plan="changed"), state, client)

    assert result["status"].eq("delivered").all()
    assert again["status"].eq("unchanged").all()


def test_a_column_that_came_is_named_and_its_rows_are_counted(sandbox, state):
    people = people_frame(10)
    sync(people, state, sandbox.client)
    more = people.assign(team=["red"] * 4 + [None] * 6)

    plan = cio.plan(more, "identify", state=state)
    with pytest.raises(cio.ConfigurationError, match=r"new fields team \(4 rows to send\)"):
        sync(more, state, sandbox.client)
    result = sync(more, state, sandbox.client, accept_mapping=True)

    assert plan.mapping_change == "new fields team (4 rows to send)"
    assert result["status"].tolist() == ["delivered"] * 4 + ["unchanged"] * 6


def test_a_column_that_is_gone_sends_and_clears_nothing(sandbox, state):
    people = people_frame(10)
    sync(people, state, sandbox.client)
    fewer = people.drop(columns="logins")
    fewer.loc[3, "plan"] = "changed"

    result = sync(fewer, state, sandbox.client, accept_mapping=True, cleared="null")
    again = sync(fewer, state, sandbox.client, cleared="null")

    assert np.flatnonzero(result["status"].eq("delivered")).tolist() == [3]
    assert sandbox.calls()["traits"].iloc[-1] == {"plan": "changed"}
    assert again["status"].eq("unchanged").all()


def test_a_plan_is_refused_once_a_cell_has_changed(sandbox, state):
    people = people_frame(10)
    plan = cio.plan(people, "identify", state=state)
    people.loc[3, "plan"] = "changed"

    with pytest.raises(cio.ConfigurationError, match="the rows of the source changed"):
        plan.apply(client=sandbox.client)

    assert len(sandbox.requests()) == 0


def test_a_plan_is_refused_once_another_run_has_moved_the_state(sandbox, state):
    people = people_frame(10)
    plan = cio.plan(people, "identify", state=state)
    sync(people.iloc[:1], state, sandbox.client)
    requests = len(sandbox.requests())

    with pytest.raises(cio.ConfigurationError, match="another run has moved"):
        plan.apply(client=sandbox.client)

    assert len(sandbox.requests()) == requests


def test_a_plan_that_still_holds_is_applied_as_it_is(sandbox, state):
    people = people_frame(10)
    plan = cio.plan(people, "identify", state=state)

    result = plan.apply(client=sandbox.client, progress=False)

    assert plan.counts == {"new": 10}
    assert result["status"].eq("delivered").all()
