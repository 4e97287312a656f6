"""What the options of a sync do, each by what the other end and the next run see."""

from __future__ import annotations

import os

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.syncing.state_report import export_subjects
from tests.faults import FaultServer
from tests.syncing.helpers import client_of, people_frame, sync


@pytest.fixture
def state(tmp_path):
    return tmp_path / "people.sqlite"


def test_what_was_acknowledged_counts_and_says_so_as_its_evidence(state):
    people = people_frame(3)
    with FaultServer() as server:
        client = client_of(server, strict=False)
        first = sync(people, state, client)
        second = sync(people, state, client)

    assert first["status"].eq("acknowledged").all()
    assert second["status"].eq("unchanged").all()
    assert set(export_subjects(state)["evidence"]) == {"acknowledged"}


def test_a_field_that_is_ignored_does_not_count_and_goes_along_with_other_changes(sandbox, state):
    people = people_frame(3, last_seen=["mon", "mon", "mon"])
    sync(people, state, sandbox.client, ignore="last_seen")
    people["last_seen"] = "tue"
    people.loc[1, "plan"] = "changed"

    result = sync(people, state, sandbox.client, ignore=["last_seen"])

    assert result["status"].tolist() == ["unchanged", "delivered", "unchanged"]
    assert sandbox.calls()["traits"].iloc[-1] == {"plan": "changed", "logins": 1, "last_seen": "tue"}


def test_times_ids_and_contexts_of_calls_do_not_count(sandbox, state):
    people = people_frame(3, timestamp=pd.Timestamp("2026-01-01", tz="UTC"), message_id=["m-0", "m-1", "m-2"])
    people["context.ip"] = "192.0.2.1"
    sync(people, state, sandbox.client)
    later = people.assign(timestamp=pd.Timestamp("2026-01-02", tz="UTC"), message_id=["n-0", "n-1", "n-2"])
    later["context.ip"] = "192.0.2.2"
    later.loc[1, "plan"] = "changed"

    result = sync(later, state, sandbox.client, integrations={"All": False})

    assert result["status"].tolist() == ["unchanged", "delivered", "unchanged"]
    assert sandbox.calls()["messageId"].tolist() == ["m-0", "m-1", "m-2", "n-1"]


def test_a_field_that_was_renamed_is_a_change_of_the_mapping(sandbox, state):
    people = people_frame(4)
    sync(people, state, sandbox.client)

    plan = cio.plan(people.rename(columns={"plan": "tier"}), "identify", state=state)

    assert plan.mapping_change == (
        "new fields tier (4 rows to send); missing fields plan (4 rows had one; nothing is cleared)"
    )


def test_subjects_are_sent_again_within_so_many_days_and_spread_over_them(sandbox, state):
    people = people_frame(60)
    sync(people, state, sandbox.client)
    now = pd.Timestamp.now("UTC")
    counts = []
    for day in range(1, 4):
        as_of = now + pd.Timedelta(days=day)
        counts.append(cio.plan(people, "identify", state=state, refresh_days=3, as_of=as_of).counts["sent again"])

    assert counts[2] == 60
    assert 0 < counts[0] < counts[1] < 60


def test_the_counts_of_a_plan_reconcile_with_the_rows(sandbox, state):
    people = people_frame(20)
    sync(people, state, sandbox.client, cleared="null")
    changed = people.copy()
    changed.loc[0, "plan"] = "changed"
    changed.loc[1, "plan"] = None
    changed.loc[2, "user_id"] = None
    changed = pd.concat([changed, people_frame(25).iloc[20:], changed.iloc[[5]]], ignore_index=True)

    for cleared, expected in (("null", {"cleared": 1}), ("keep", {"kept cleared": 1})):
        plan = cio.plan(changed, "identify", state=state, cleared=cleared)
        counts = dict(plan.counts)
        assert counts.pop("missing") == 1
        assert counts == {"new": 5, "changed": 1, **expected, "unchanged": 16, "invalid": 3}
        assert sum(counts.values()) == len(changed)


def test_the_fields_that_change_are_counted_and_listed(sandbox, state):
    people = people_frame(6)
    sync(people, state, sandbox.client)
    changed = people.assign(logins=people["logins"] + 1)
    changed.loc[2, "plan"] = "changed"

    plan = cio.plan(changed, "identify", state=state)

    assert plan.changed_fields == {"logins": 6, "plan": 1}
    assert plan.changes["fields"].tolist() == ["logins", "logins", "logins, plan", "logins", "logins", "logins"]


def test_a_plan_draws_itself_with_counts_a_bar_and_guards_and_without_values(sandbox, state):
    people = people_frame(40)
    sync(people, state, sandbox.client)
    changed = people.head(30).assign(plan="<secret>")

    plan = cio.plan(changed, "identify", state=state, removed="delete", complete=True)
    drawn, page = plan._repr_html_(), plan.to_html()

    assert "<strong>30</strong> changed" in drawn
    assert "<svg" in drawn
    assert "10 subjects are missing" in drawn
    assert "This looks wrong, and would not be sent" in page
    assert "secret" not in drawn + page


def test_the_page_of_a_plan_names_the_columns_and_when_the_file_was_changed(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("user_id,plan\nada,free\n", encoding="utf-8")
    os.utime(path, (1_750_000_000, 1_750_000_000))
    plan = cio.plan(path, "identify", state=tmp_path / "people.sqlite")
    assert plan.mapping == (("user_id", "userId"), ("plan", "traits.plan"))
    page = plan.to_html()
    assert "<dt>Source changed</dt><dd>15 June 2025, 15:06 UTC</dd>" in page
    assert '<th scope="row">plan</th><td class="path"><code>traits.plan</code></td>' in page


def test_a_plan_neither_makes_nor_moves_a_state(sandbox, state):
    cio.plan(people_frame(3), "identify", state=state)
    assert not state.exists()
    sync(people_frame(3), state, sandbox.client)
    before = state.read_bytes()

    cio.plan(people_frame(2), "identify", state=state, removed="report")

    assert state.read_bytes() == before


def test_objects_are_known_by_type_id_and_person(sandbox, state):
    members = pd.DataFrame(
        {
            "group_id": ["acme", "acme", "acme"],
            "user_id": ["ada", "bo", "ada"],
            "objectTypeId": ["1", "1", "2"],
            "relationshipAttributes": [{"role": "owner"}, {"role": "user"}, {"role": "owner"}],
        }
    )
    options = {"state": state, "client": sandbox.client, "progress": False}
    first = cio.sync(members, "group", **options)
    members.loc[[1], "relationshipAttributes"] = pd.Series([{"role": "admin"}], index=[1])
    second = cio.sync(members, "group", **options)

    assert first["status"].eq("delivered").all()
    assert second["status"].tolist() == ["unchanged", "delivered", "unchanged"]


def test_files_with_different_columns_are_one_table(sandbox, tmp_path):
    people_frame(4).iloc[:2].to_parquet(tmp_path / "a.parquet")
    people_frame(4).iloc[2:].drop(columns="plan").to_parquet(tmp_path / "b.parquet")
    options = {"state": tmp_path / "people.sqlite", "client": sandbox.client, "output": tmp_path / "out"}

    first = cio.sync(str(tmp_path / "*.parquet"), "identify", progress=False, **options)
    second = cio.sync(str(tmp_path / "*.parquet"), "identify", progress=False, **options)

    assert first.statuses == {"delivered": 4}
    assert second.statuses == {"unchanged": 4}


def test_undelivered_rows_of_files_have_all_of_their_columns(sandbox, tmp_path):
    people = people_frame(4, note="kept here")
    people.loc[2, "user_id"] = None
    people.to_parquet(tmp_path / "people.parquet")

    result = cio.sync(
        tmp_path / "people.parquet", "identify", traits=["plan"], state=tmp_path / "people.sqlite",
        client=sandbox.client, output=tmp_path / "out", progress=False,
    )  # fmt: skip

    undelivered = pd.read_parquet(result.undelivered)
    assert undelivered[["note", "_cio_status"]].to_numpy().tolist() == [["kept here", "invalid"]]
    assert not result.ok


def test_a_sync_ends_with_a_line_of_counts_and_can_raise(sandbox, state, tmp_path, capsys):
    people = people_frame(4)
    people.loc[2, "user_id"] = None
    options = {"state": state, "client": sandbox.client, "progress": True}

    with pytest.raises(cio.UndeliveredError, match="1 of 4 rows were not delivered") as caught:
        cio.sync(people, "identify", on_undelivered="raise", **options)
    of_frame = capsys.readouterr().err.splitlines()[-1]
    result = cio.plan([people], "identify", state=state).apply(
        client=sandbox.client, output=tmp_path / "out", progress=True
    )
    of_files = capsys.readouterr().err.splitlines()[-1]

    assert len(caught.value.result) == 4
    assert of_frame == "identify: 3 delivered, 1 invalid; see result['reason']"
    assert of_files == f"identify: 3 unchanged, 1 invalid; see {result.undelivered}"


@pytest.mark.parametrize("option", ["on_invalid", "on_undelivered"])
def test_a_choice_that_is_unknown_is_refused_before_anything_is_read(sandbox, state, option):
    with pytest.raises(cio.FrameError, match=f"{option}="):
        sync(people_frame(3), state, sandbox.client, **{option: "perhaps"})

    assert not state.exists()
