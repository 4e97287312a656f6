"""Subjects that left: deleted, suppressed or marked, never without a reason to, and what happens when they are back."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import cio_frames as cio
from tests.faults import OK, Answer, FaultServer
from tests.syncing.helpers import client_of, held, people_frame, sync

PEOPLE = people_frame(40)
LEFT = PEOPLE.iloc[1:]
AT_ONCE = {"complete": True, "grace_runs": 1}


@pytest.fixture
def sandbox():
    with cio.Sandbox() as running:
        yield running


@pytest.fixture
def state(tmp_path):
    return tmp_path / "people.sqlite"


def test_report_names_who_is_missing_and_sends_nothing(sandbox, state):
    sync(PEOPLE, state, sandbox.client)
    requests = len(sandbox.requests())

    plan = cio.plan(LEFT, "identify", state=state, removed="report")
    sync(LEFT, state, sandbox.client, removed="report")

    assert plan.removed["subject"].tolist() == ["u:u0"]
    assert plan.counts["missing"] == 1
    assert len(sandbox.requests()) == requests


def test_a_plan_tells_who_is_removed_now_from_who_is_missing(sandbox, state):
    policy = {"removed": "delete", "complete": True, "state": state}
    sync(PEOPLE, state, sandbox.client)
    first = cio.plan(LEFT, "identify", as_of="2026-11-01", **policy)
    cio.sync(LEFT, "identify", as_of="2026-11-01", client=sandbox.client, progress=False, **policy)
    second = cio.plan(LEFT, "identify", as_of="2026-11-02", **policy)

    assert first.counts == {"missing": 1, "unchanged": 39}
    assert second.counts == {"removed": 1, "unchanged": 39}
    assert second.removed.to_dict("records") == [{"subject": "u:u0", "runs_missing": 2, "acts_now": True}]
    assert "1 subject is missing, and nothing is done about it now" in first.to_html()
    assert "delete applies to it now" in second.to_html()


def test_a_suppressed_person_who_is_back_is_held_back(sandbox, state):
    sync(PEOPLE, state, sandbox.client)
    sync(LEFT, state, sandbox.client, removed="suppress", **AT_ONCE)

    back = sync(PEOPLE, state, sandbox.client, removed="suppress", **AT_ONCE)

    assert "u0" not in held(sandbox)
    assert back["status"].tolist() == ["invalid"] + ["unchanged"] * 39
    assert "was suppressed" in back["reason"].iloc[0]


def test_a_person_who_left_is_marked_once_and_unmarked_when_back(sandbox, state):
    policy = {"removed": {"active": False}, "returned": {"active": True}, **AT_ONCE}
    sync(PEOPLE, state, sandbox.client, **policy)
    for _ in range(2):
        sync(LEFT, state, sandbox.client, **policy)
    marked, calls = held(sandbox)["u0"], len(sandbox.calls())
    back = sync(PEOPLE, state, sandbox.client, **policy)
    again = sync(PEOPLE, state, sandbox.client, **policy)

    assert marked == {"plan": "free", "logins": 0, "active": False}
    assert calls == 41
    assert back["status"].tolist() == ["delivered"] + ["unchanged"] * 39
    assert held(sandbox)["u0"] == {"plan": "free", "logins": 0, "active": True}
    assert again["status"].eq("unchanged").all()


def test_setting_traits_requires_what_to_set_for_those_who_are_back(sandbox, state):
    with pytest.raises(cio.ConfigurationError, match="returned= is required"):
        sync(PEOPLE, state, sandbox.client, removed={"active": False}, complete=True)


def test_an_audit_file_has_a_line_for_each_person_who_was_deleted(sandbox, state, tmp_path):
    sync(PEOPLE, state, sandbox.client)
    sync(LEFT, state, sandbox.client, removed="delete", audit=tmp_path / "audit.jsonl", **AT_ONCE)

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(line["operation"], line["user_id"], line["status"]) for line in lines] == [
        ("delete_people", "u0", "sending"),
        ("delete_people", "u0", "delivered"),
    ]
    assert len({line["message_id"] for line in lines}) == 1


def test_a_person_in_an_invalid_row_is_not_missing(sandbox, state):
    sync(PEOPLE, state, sandbox.client)
    broken = PEOPLE.astype({"logins": object})
    broken.loc[0, "logins"] = 1j

    result = sync(broken, state, sandbox.client, removed="delete", accept_mapping=True, **AT_ONCE)

    assert result["status"].tolist() == ["invalid"] + ["unchanged"] * 39
    assert "u0" in held(sandbox)


def test_who_is_known_by_an_anonymous_id_alone_is_not_deleted(sandbox, state, tmp_path):
    people = pd.DataFrame({"anonymous_id": [f"a{row}" for row in range(40)], "plan": "free"})
    path, left = tmp_path / "people.parquet", tmp_path / "left.parquet"
    people.to_parquet(path)
    people.iloc[1:].to_parquet(left)
    options = {"state": state, "client": sandbox.client, "output": tmp_path / "out", "progress": False}
    cio.sync(path, "identify", **options)
    result = cio.sync(left, "identify", removed="delete", **AT_ONCE, **options)

    removed = pd.read_parquet(result.removed)
    assert removed["status"].tolist() == ["skipped"]
    assert result.phase == "done"
    assert "anonymous id" in removed["reason"].iloc[0]
    assert sandbox.calls()["event"].isna().all()


def groups():
    return pd.DataFrame(
        {
            "group_id": ["acme"] * 30 + ["bolt"] * 2,
            "user_id": [f"u{row}" for row in range(30)] + ["u1", "u2"],
            "plan": "team",
        }
    )


def relationships(sandbox):
    found = sandbox.relationships()
    return set(zip(found["objectId"], found["userId"], strict=True))


def test_a_relationship_that_left_is_deleted_and_the_object_stays(sandbox, state):
    options = {"state": state, "client": sandbox.client, "progress": False}
    cio.sync(groups(), "group", **options)
    cio.sync(groups().iloc[1:], "group", removed="delete_relationships", **AT_ONCE, **options)

    assert ("acme", "u0") not in relationships(sandbox)
    assert len(relationships(sandbox)) == 31
    assert set(sandbox.objects()["objectId"]) == {"acme", "bolt"}


def test_an_object_is_deleted_once_when_none_of_its_rows_is_left(sandbox, state):
    options = {"state": state, "client": sandbox.client, "progress": False, "max_removed": 10}
    cio.sync(groups(), "group", **options)
    cio.sync(groups().iloc[1:30], "group", removed="delete", **AT_ONCE, **options)
    again = cio.sync(groups().iloc[1:30], "group", removed="delete", **AT_ONCE, **options)

    assert set(sandbox.objects()["objectId"]) == {"acme"}
    assert sandbox.calls()["event"].eq("Object Deleted").sum() == 1
    assert again["status"].eq("unchanged").all()


def test_a_deletion_that_is_not_answered_is_repeated_under_the_same_id(state):
    with cio.Sandbox(faults=["cut@1-2"]) as sandbox:
        client = cio.Client(write_key="sandbox", endpoint=sandbox.url, attempts=1)
        sync(PEOPLE, state, client)
        for _ in range(3):
            sync(LEFT, state, client, removed="delete", **AT_ONCE)
        deletions = sandbox.calls()[sandbox.calls()["event"].eq("User Deleted")]

    assert len(deletions) == 3
    assert len(set(deletions["messageId"])) == 1


def test_the_traits_of_a_sync_are_not_removed_by_a_run_that_stopped(state):
    with cio.Sandbox(faults=["401@1-30"]) as sandbox:
        client = cio.Client(write_key="sandbox", endpoint=sandbox.url, attempts=1)
        sync(PEOPLE, state, client)
        with pytest.raises(cio.DeliveryError):
            sync(LEFT.assign(plan="changed"), state, client, removed="delete", **AT_ONCE)
        assert "u0" in held(sandbox)


def test_deleting_objects_deletes_a_relationship_where_another_row_has_the_object(sandbox, state, tmp_path):
    options = {"state": state, "client": sandbox.client, "progress": False, "max_removed": 10}
    cio.sync(groups(), "group", **options)
    # The first relationship of acme, and all of bolt.
    audit = tmp_path / "audit.jsonl"
    result = cio.sync(groups().iloc[1:30], "group", removed="delete", audit=audit, **AT_ONCE, **options)
    again = cio.sync(groups().iloc[1:30], "group", removed="delete", **AT_ONCE, **options)

    assert ("acme", "u0") not in relationships(sandbox)
    assert set(sandbox.objects()["objectId"]) == {"acme"}
    assert sandbox.calls()["event"].value_counts().to_dict() == {"Object Deleted": 1, "Relationship Deleted": 1}
    assert {json.loads(line)["operation"] for line in audit.read_text().splitlines()} == {
        "delete_objects",
        "delete_relationships",
    }
    assert result.attrs["cio"]["removals"] == {"delivered": 2, "skipped": 1}
    assert again["status"].eq("unchanged").all()


def test_a_table_that_was_halved_trips_beside_a_baseline_too(sandbox, state):
    everyone = people_frame(1_000)
    cio.baseline(everyone.iloc[40:], "identify", state=state, confirm=960)
    sync(everyone, state, sandbox.client)

    # 20 of 40 that the state delivered, and 480 of a baseline of 960.
    with pytest.raises(cio.GuardError, match=r"20 subjects are missing; the limit is 2 \(5% of the 40 subjects that"):
        sync(everyone.iloc[::2], state, sandbox.client, removed="delete", **AT_ONCE)
    assert sandbox.calls()["event"].isna().all()

    # 4 of 40, and nobody of the baseline.
    sync(everyone.iloc[4:], state, sandbox.client, removed="delete", **AT_ONCE)
    assert sandbox.calls()["event"].eq("User Deleted").sum() == 4


def test_a_removal_that_is_rejected_is_told_and_can_raise(state):
    def refuse_deletions(received):
        refused = any(call.get("event") == "User Deleted" for call in received.calls)
        return Answer(400, b'{"meta":{"errors":["no"]}}') if refused else OK

    with FaultServer(refuse_deletions) as server:
        client = client_of(server)
        sync(PEOPLE, state, client)
        with pytest.raises(cio.UndeliveredError, match="1 of 1 missing subjects were not removed"):
            sync(LEFT, state, client, removed="delete", on_undelivered="raise", **AT_ONCE)
        result = sync(LEFT, state, client, removed="delete", **AT_ONCE)

    assert result.attrs["cio"]["removals"] == {"rejected": 1}


@pytest.mark.parametrize(("removed", "event"), [("delete", "User Deleted"), ("suppress", "User Suppressed")])
def test_a_person_whose_only_call_was_not_answered_is_removed_after_leaving(state, removed, event):
    rules = {"removed": removed, "complete": True, "grace_runs": 1, "max_removed": "100%"}
    with FaultServer([Answer(503), OK]) as server:
        client = client_of(server, attempts=1)
        assert sync(people_frame(2), state, client, **rules)["status"].tolist() == ["unknown"] * 2
        assert sync(people_frame(1), state, client, as_of="2100-01-01", **rules)["status"].tolist() == ["delivered"]
        sync(people_frame(1), state, client, as_of="2100-01-02", **rules)
        calls = [call for each in server.received for call in each.calls]
    assert [(call["event"], call["userId"]) for call in calls if call["type"] == "track"] == [(event, "u1")]


def test_a_relationship_whose_only_call_was_not_answered_is_removed_after_leaving(state):
    seats = pd.DataFrame({"group_id": ["acme", "acme"], "user_id": ["ada", "bo"], "seats": [3, 4]})
    rules = {"removed": "delete_relationships", "complete": True, "grace_runs": 1, "max_removed": "100%"}
    with FaultServer([Answer(503), OK]) as server:
        for day, rows in enumerate([seats, seats[:1], seats[:1]], start=1):
            cio.sync(
                rows, "group", state=state, client=client_of(server, attempts=1), as_of=f"2100-01-0{day}",
                progress=False, **rules,
            )  # fmt: skip
        calls = [call for each in server.received for call in each.calls]
    deletions = [call for call in calls if call["type"] == "track"]
    assert [(call["event"], call["userId"]) for call in deletions] == [("Relationship Deleted", "bo")]


def test_a_report_names_who_left_after_a_call_that_was_not_answered(state):
    with FaultServer([Answer(503), OK]) as server:
        client = client_of(server, attempts=1)
        sync(people_frame(2), state, client)
        plan = cio.plan(people_frame(1), "identify", state=state, client=client, removed="report")
    assert plan.counts["missing"] == 1
