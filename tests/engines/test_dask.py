"""Dask frames: the same call, eager, with answers aligned with the frame."""

import contextlib
import time
from dataclasses import replace
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.engines.driver import answers_of, engine_for
from tests.engines.clusters import import_or_skip
from tests.engines.helpers import FAST, engine_run, small_bodies
from tests.engines.rows import people_out_of_order, repeated_orders

dd = import_or_skip("dask.dataframe", "dask")
import_or_skip("distributed", "dask")
pytestmark = pytest.mark.usefixtures("dask_client")

ORDERS = repeated_orders(rows=2_000, people=150).set_index(pd.Index(np.arange(2_200) * 2, name="number"))
NAMES = {"user_id": "customer", "timestamp": "at"}


@pytest.fixture(scope="module")
def frame():
    return dd.from_pandas(ORDERS, npartitions=4)


@pytest.fixture(scope="module")
def plain():
    return cio.track(ORDERS, "Order Placed", **NAMES, dry_run=True)


@pytest.mark.parametrize(
    "way", [{}, {"order_by": "at"}, {"senders": 2}], ids=["one sender", "ordered by a column", "two senders"]
)
def test_answers_are_aligned_with_the_frame_and_reading_them_sends_nothing(frame, plain, sandbox, tmp_path, way):
    import cio_frames.dask  # noqa: F401 -- registers ddf.cio

    client = small_bodies(sandbox.client)
    answers = frame.cio.track("Order Placed", **NAMES, output=tmp_path, keep="order", client=client, **way)
    calls = sandbox.calls()
    assert sorted(calls["messageId"]) == sorted(plain["message_id"])
    assert people_out_of_order(calls) == []
    found = answers.compute()
    delivered = frame[answers["status"] == "delivered"].compute()
    assert answers.divisions == frame.divisions
    assert found.index.equals(ORDERS.index)
    assert found.index.name == "number"
    assert found["order"].tolist() == ORDERS["order"].tolist()
    assert found.dtypes["status"] == plain.dtypes["status"]
    assert len(delivered) == len(ORDERS)
    assert len(answers) == len(ORDERS)
    assert len(sandbox.calls()) == len(ORDERS)
    again = cio.load(frame, "track", "Order Placed", **NAMES, output=tmp_path, keep="order", client=client, **way)
    assert again.statuses == {"delivered": len(ORDERS)}
    assert len(sandbox.calls()) == len(ORDERS)


def test_mapping_the_function_over_partitions_by_hand_loses_events(frame, plain, sandbox):
    """Why there is a door of its own: ids count within one call."""
    client = sandbox.client
    mapped = frame.map_partitions(
        lambda part: cio.track(part, "Order Placed", **NAMES, client=client, progress=False), meta=plain.iloc[:0]
    )
    ids = mapped["message_id"].compute()
    assert ids.nunique() < len(ORDERS)


def test_a_dry_run_counts_the_whole_frame_and_stages_nothing(frame, plain, sandbox, tmp_path):
    held_back = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 7 != 0))
    whole = cio.load(held_back, "track", "Order Placed", **NAMES, dry_run=True)
    found = cio.load(dd.from_pandas(held_back, npartitions=3), "track", "Order Placed", **NAMES, dry_run=True)
    for name in ("statuses", "reasons", "bytes", "earliest", "latest", "recent", "rows"):
        assert getattr(found, name) == getattr(whole, name), name
    assert [(row.status, row.reason) for row in found.first_held_back] == [
        (row.status, row.reason) for row in whole.first_held_back
    ]
    report = cio.validate(dd.from_pandas(held_back, npartitions=3), "track", "Order Placed", **NAMES)
    same = cio.validate(held_back, "track", "Order Placed", **NAMES)
    assert (report.rows, report.rows_held_back) == (same.rows, same.rows_held_back)
    assert report.summary().to_dict("records") == same.summary().to_dict("records")
    answers = cio.track(frame, "Order Placed", **NAMES, dry_run=True, keep="order")
    assert answers.compute()["status"].tolist() == plain["status"].tolist()
    with pytest.raises(cio.InvalidRowsError):
        cio.track(dd.from_pandas(held_back, 3), "Order Placed", **NAMES, dry_run=True, on_invalid="raise")
    assert len(sandbox.requests()) == 0


def test_an_operation_asks_for_the_number_of_rows_of_all_partitions(sandbox, tmp_path):
    people = dd.from_pandas(pd.DataFrame({"user_id": [f"u{number}" for number in range(10)]}), npartitions=3)
    with pytest.raises(cio.FrameError, match="delete_people affects 10 rows, and confirm=4 does not match"):
        cio.delete_people(people, confirm=4, output=tmp_path / "a", client=sandbox.client)
    audited = {"confirm": 10, "audit": tmp_path / "audit", "client": sandbox.client, "senders": 2}
    with pytest.raises(cio.FrameError, match=r"audit= is supported with one sender.* Leave out senders=\."):
        cio.delete_people(people, output=tmp_path / "a", **audited)
    assert len(sandbox.requests()) == 0
    answers = cio.delete_people(people, confirm=np.int64(10), output=tmp_path / "b", client=sandbox.client)
    assert answers["status"].compute().tolist() == ["delivered"] * 10
    assert set(sandbox.calls()["event"]) == {"User Deleted"}


def test_rows_that_are_not_delivered_raise_on_request(sandbox, tmp_path):
    people = dd.from_pandas(pd.DataFrame({"user_id": ["ada", "bob", None]}), npartitions=2)
    options = {"client": sandbox.client, "on_undelivered": "raise"}
    with pytest.raises(cio.UndeliveredError, match="1 of 3 rows were not delivered") as error:
        cio.identify(people, output=tmp_path / "a", **options)
    assert error.value.result.statuses == {"delivered": 2, "invalid": 1}
    with pytest.raises(cio.UndeliveredError, match="1 of 3 rows were not delivered"):
        cio.load(people, "identify", output=tmp_path / "b", **options)


def test_events_that_can_start_campaigns_are_refused_unless_they_are_allowed(sandbox, tmp_path):
    seen = dd.from_pandas(pd.DataFrame({"user_id": ["ada", "bob"]}), npartitions=2)
    with pytest.raises(cio.CampaignsError, match="2 rows are events that can start campaigns"):
        cio.track(seen, "Seen", client=sandbox.client, output=tmp_path)
    assert len(sandbox.requests()) == 0
    answers = cio.track(seen, "Seen", client=sandbox.client, output=tmp_path, allow_campaigns=True)
    assert answers["status"].compute().tolist() == ["delivered", "delivered"]


def test_what_is_not_supported_is_refused_in_words(frame, sandbox, tmp_path):
    with pytest.raises(cio.FrameError, match="output= is required for a Dask frame"):
        cio.track(frame, "Order Placed", **NAMES, client=sandbox.client)
    with pytest.raises(cio.FrameError, match="payloads is not supported for Dask frames"):
        cio.payloads(frame, "track", "Order Placed", **NAMES)
    with pytest.raises(cio.FrameError, match="ledger= is in the folder output="):
        cio.load(frame, "track", "Order Placed", **NAMES, output=tmp_path, ledger="l.sqlite", client=sandbox.client)
    with pytest.raises(cio.MissingColumnsError, match="'nobody'"):
        cio.track(frame, "Order Placed", user_id="nobody", output=tmp_path, client=sandbox.client)
    for function in (cio.sync, cio.plan, cio.baseline):
        with pytest.raises(
            cio.FrameError,
            match=rf"cio\.{function.__name__} is not supported for Dask frames\. Write the frame to Parquet, and give "
            r"the folder: ddf\.to_parquet\('people'\), then cio\.",
        ):
            function(frame, "identify", user_id="customer", state=tmp_path / "state.sqlite")
    assert len(sandbox.requests()) == 0
    assert not list(tmp_path.iterdir())


def test_an_error_in_a_partition_sends_nothing(sandbox, tmp_path):
    def fail(part):
        raise ZeroDivisionError("in the second partition")

    broken = dd.from_pandas(ORDERS, npartitions=2).map_partitions(fail, meta=ORDERS.iloc[:0])
    with pytest.raises(ZeroDivisionError):
        cio.track(broken, "Order Placed", **NAMES, output=tmp_path, client=sandbox.client, senders=2)
    assert len(sandbox.requests()) == 0
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_the_write_key_is_in_no_log_and_no_state_of_the_cluster(dask_client, frame, tmp_path):
    key = "wk-4f1d9a7e35b2"
    with cio.Sandbox(write_key=key, state=False) as sandbox:
        cio.track(frame, "Order Placed", **NAMES, output=tmp_path / "run", client=sandbox.client, senders=2)
    texts = [str(dask_client.get_worker_logs()), str(dask_client.get_scheduler_logs())]
    dask_client.dump_cluster_state(str(tmp_path / "state"), format="yaml")
    texts += [path.read_text(encoding="utf-8") for path in tmp_path.glob("state*")]
    assert len(texts[-1]) > 1_000
    page = dask_client.dashboard_link.rpartition("/")[0]
    for path in ("info/main/workers.html", "json/counts.json", "metrics"):
        with contextlib.suppress(HTTPError), urlopen(f"{page}/{path}", timeout=30) as answer:  # noqa: S310 -- its own
            texts.append(answer.read().decode())
    assert len(texts) > 3
    assert not any(key in text for text in texts)


def test_a_worker_that_is_killed_loses_nothing_and_rows_that_go_twice_are_marked(dask_client, frame, plain, tmp_path):
    import os
    import signal
    import threading

    workers = [each["pid"] for each in dask_client.run(lambda: {"pid": os.getpid()}).values()]
    with cio.Sandbox(latency_seconds=0.1, state=False) as sandbox:

        def kill():
            until = time.monotonic() + 60
            while len(sandbox.requests()) < 5 and time.monotonic() < until:
                time.sleep(0.02)
            os.kill(workers[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        client = small_bodies(sandbox.client, workers=2)
        answers = run_with_short_leases(frame, tmp_path, client, senders=2)
        killer.join()
        calls = sandbox.calls()
    assert_nothing_lost(calls, answers, plain)


def test_a_worker_that_is_frozen_and_thawed_does_not_send_beside_its_successor(dask_client, frame, plain, tmp_path):
    import os
    import signal
    import threading

    workers = [each["pid"] for each in dask_client.run(lambda: {"pid": os.getpid()}).values()]
    with cio.Sandbox(latency_seconds=0.1, state=False) as sandbox:

        def freeze():
            until = time.monotonic() + 60
            while len(sandbox.requests()) < 5 and time.monotonic() < until:
                time.sleep(0.02)
            os.kill(workers[-1], signal.SIGSTOP)
            time.sleep(7)
            os.kill(workers[-1], signal.SIGCONT)

        freezer = threading.Thread(target=freeze)
        freezer.start()
        client = small_bodies(sandbox.client, workers=2)
        answers = run_with_short_leases(frame, tmp_path, client, senders=2)
        freezer.join()
        calls = sandbox.calls()
    assert_nothing_lost(calls, answers, plain)


def run_with_short_leases(frame, folder, client, **options):
    """Send a Dask frame with leases of two seconds, and return the answers."""
    run = engine_run(frame, folder, client, keep="order", tuning=replace(FAST, lease_seconds=2.0), **options)
    assert run.result.statuses == {"delivered": len(ORDERS)}
    return answers_of(engine_for(frame), run, ("order",)).compute()


def assert_nothing_lost(calls, answers, plain):
    assert set(calls["messageId"]) == set(plain["message_id"])
    assert people_out_of_order(calls) == []
    assert sorted(answers["message_id"]) == sorted(plain["message_id"])
    twice = set(calls["messageId"][calls["messageId"].duplicated()])
    assert twice <= set(answers.loc[answers["resent"], "message_id"])
