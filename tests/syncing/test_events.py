"""Events are known by their message id: each is sent once."""

from __future__ import annotations

import pandas as pd
import pytest

import cio_frames as cio


@pytest.fixture
def state(tmp_path):
    return tmp_path / "orders.sqlite"


def orders(rows=6):
    times = pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC")
    return pd.DataFrame({"user_id": [f"u{row % 3}" for row in range(rows)], "timestamp": times, "total": range(rows)})


def sync(frame, state, sandbox, **options):
    options = {"state": state, "client": sandbox.client, "progress": False} | options
    return cio.sync(frame, "track", "Order Completed", **options)


def test_an_event_that_was_delivered_is_not_sent_again(sandbox, state):
    sync(orders(4), state, sandbox)

    result = sync(orders(6), state, sandbox)

    assert result["status"].tolist() == ["unchanged"] * 4 + ["delivered"] * 2
    assert len(sandbox.calls()) == 6


def test_events_that_look_the_same_are_all_sent_once(sandbox, state):
    twins = pd.concat([orders(1)] * 3, ignore_index=True)

    first = sync(twins, state, sandbox)
    second = sync(twins, state, sandbox)

    assert first["status"].eq("delivered").all()
    assert second["status"].eq("unchanged").all()
    assert sandbox.calls()["messageId"].nunique() == 3


def test_ids_of_the_frame_are_the_keys(sandbox, state):
    sync(orders(2).assign(message_id=["m-1", "m-2"]), state, sandbox)

    result = sync(orders(2).assign(message_id=["m-2", "m-3"]), state, sandbox)

    assert result["status"].tolist() == ["unchanged", "delivered"]
    assert sandbox.calls()["messageId"].tolist() == ["m-1", "m-2", "m-3"]


def test_events_without_a_time_are_refused(sandbox, state):
    frame = orders(3).assign(timestamp=[pd.Timestamp("2026-01-01", tz="UTC"), None, None])

    result = sync(frame, state, sandbox, allow_campaigns=True)

    assert result["status"].tolist() == ["delivered", "invalid", "invalid"]
    assert "timestamp: required value is missing" in result["reason"].iloc[1]


def test_events_that_can_start_campaigns_are_refused(sandbox, state):
    frame = orders(2).assign(timestamp=pd.Timestamp.now("UTC"))

    with pytest.raises(cio.CampaignsError):
        sync(frame, state, sandbox)

    assert len(sandbox.requests()) == 0


def test_removal_and_clearing_do_not_apply_to_events(sandbox, state):
    others = ({"cleared": "null"}, {"ignore": "total"}, {"refresh_days": 30})
    for options in ({"removed": "delete", "complete": True}, *others):
        with pytest.raises(cio.FrameError, match="does not apply to track"):
            sync(orders(2), state, sandbox, **options)


def test_old_keys_are_dropped_from_the_state(sandbox, state):
    sync(orders(2), state, sandbox)
    sync(orders(3).iloc[2:], state, sandbox, as_of=pd.Timestamp.now("UTC") + pd.Timedelta(days=401))

    plan = cio.plan(orders(2), "track", "Order Completed", state=state)
    assert plan.counts == {"new": 2}
