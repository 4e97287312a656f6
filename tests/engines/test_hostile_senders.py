"""Senders that are copied, frozen at any line, or beside another call: nothing lost, in order, repeats marked."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.engines import bucket
from cio_frames.engines.driver import answers_of, run_request
from cio_frames.engines.engine import LocalEngine
from cio_frames.engines.leases import Lease
from cio_frames.engines.request import build_request
from cio_frames.engines.store import RunStore
from tests.engines.helpers import FAST, orders_spec, run_locally, small_bodies, split_frame
from tests.engines.rows import people_out_of_order, repeated_orders
from tests.faults import Answer, FaultServer

ORDERS = repeated_orders(rows=500, people=40)
QUICK = replace(FAST, lease_seconds=0.4)
PATIENT = replace(FAST, lease_seconds=5.0)


class CopyingEngine(LocalEngine):
    """Runs a copy of every task at the same time, as Spark does for slow ones; the first answer counts."""

    def over_items(self, function, items):
        return super().over_items(function, [*items, *items])[: len(items)]


def run(engine, output, client, *, tuning=QUICK, **options):
    request = build_request(output=str(output), client=client, progress=False, keep="order", **options)
    found = run_request(engine, orders_spec(), request, tuning)
    return found.result, answers_of(engine, found, request.keep)


def calls_of(server):
    return pd.DataFrame([call for request in server.received for call in request.calls])


def assert_nothing_lost(calls, answers):
    assert set(calls["messageId"]) == set(answers["message_id"])
    assert len(answers) == answers["message_id"].nunique() == len(ORDERS)
    assert people_out_of_order(calls) == []
    twice = set(calls["messageId"][calls["messageId"].duplicated()])
    assert twice <= set(answers.loc[answers["resent"], "message_id"])
    return twice


@pytest.mark.parametrize("output", ["disk", "memory://bucket/copied"])
def test_a_copy_of_a_task_waits_and_sends_nothing_again(tmp_path, output):
    output = output if "://" in output else tmp_path
    with FaultServer([Answer(after_seconds=0.02)]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url), workers=1)
        engine = CopyingEngine(split_frame(ORDERS, 2))
        result, answers = run(engine, output, client, senders=2, buckets=2, tuning=PATIENT)
        calls = calls_of(server)
    assert result.statuses == {"delivered": len(ORDERS)}
    assert assert_nothing_lost(calls, answers) == set()
    assert not answers["resent"].any()


def freeze(monkeypatch, owner, name, *, after, number):
    """Freeze one thread for longer than a lease before or after the call of a method, once."""
    original = getattr(owner, name)
    seen = []

    def frozen(self, *arguments, **options):
        is_frozen = threading.current_thread().name.startswith("ThreadPool") and count_to(number, seen)
        if is_frozen and not after:
            pause()
        found = original(self, *arguments, **options)
        if is_frozen and after:
            pause()
        return found

    monkeypatch.setattr(owner, name, frozen)
    return seen


def count_to(number, seen):
    seen.append(1)
    return len(seen) == number


def pause():
    """Sleep as a frozen process does: its renewals stop too."""
    FROZEN_THREADS.add(threading.get_ident())
    try:
        time.sleep(3 * QUICK.lease_seconds)
    finally:
        FROZEN_THREADS.discard(threading.get_ident())


FROZEN_THREADS = set()


@pytest.fixture
def renewals_freeze(monkeypatch):
    """Let no lease be renewed while the thread that took it is frozen."""
    take, renew = Lease.__enter__, Lease.renew

    def enter(self):
        self.thread_of_owner = threading.get_ident()
        return take(self)

    def renew_unless_frozen(self):
        while self.thread_of_owner in FROZEN_THREADS and threading.get_ident() != self.thread_of_owner:
            time.sleep(0.01)
        return renew(self)

    monkeypatch.setattr(Lease, "__enter__", enter)
    monkeypatch.setattr(Lease, "renew", renew_unless_frozen)


LINES = [
    (bucket.BucketRun, "_write_answers"),
    (RunStore, "put"),
    (bucket.Deliverer, "deliver"),
    # While a file is written that appears at an address when it is complete.
    (pq, "write_table"),
]


@pytest.mark.usefixtures("renewals_freeze")
@pytest.mark.parametrize(("output", "after"), [("memory", False), ("disk", True)], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), LINES, ids=[name for _, name in LINES])
def test_a_sender_that_is_frozen_at_any_line_loses_and_hides_nothing(tmp_path, monkeypatch, output, owner, name, after):
    output = tmp_path if output == "disk" else f"memory://bucket/{tmp_path.name}"
    engine = LocalEngine(split_frame(ORDERS, 2))
    with FaultServer([Answer(after_seconds=0.005)]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url), workers=1)
        staged = bucket.run_sender

        def sender(plan, number):
            # Only what senders do, after the rows are staged.
            if not armed:
                armed.append(freeze(monkeypatch, owner, name, after=after, number=2))
            return staged(plan, number)

        armed = []
        monkeypatch.setattr("cio_frames.engines.sending.run_sender", sender)
        result, answers = run(engine, output, client, senders=2, buckets=2)
        calls = calls_of(server)
    assert len(armed[0]) > 1
    assert result.statuses == {"delivered": len(ORDERS)}, result.reasons
    twice = assert_nothing_lost(calls, answers)
    if (name, after) == ("deliver", True):
        assert twice


@pytest.mark.parametrize("output", ["disk", "memory"])
def test_the_same_call_beside_one_that_sends_is_refused(tmp_path, output):
    output = tmp_path if output == "disk" else f"memory://bucket/{tmp_path.name}"
    errors = []

    def call(client):
        try:
            run(LocalEngine(split_frame(ORDERS, 2)), output, client, tuning=replace(FAST, lease_seconds=1.5))
        except cio.ConfigurationError as error:
            errors.append(str(error))

    # At an address, the second call waits for a silent one.
    seconds = 0.05 if output is tmp_path else 0.4
    with FaultServer([Answer(after_seconds=seconds)]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url), workers=1)
        first = threading.Thread(target=call, args=[client])
        first.start()
        while not server.received and first.is_alive():
            time.sleep(0.01)
        call(client)
        first.join()
        calls = calls_of(server)
        assert errors
        assert "is locked: another call is sending rows with it" in errors[0]
        assert len(errors) == 1
        assert sorted(calls["messageId"]) == sorted(set(calls["messageId"]))
        sent = len(server.received)
        result, _ = run_locally(split_frame(ORDERS, 2), output, client, keep="order")
        assert (result.phase, len(server.received)) == ("done", sent)


def test_answers_of_a_frozen_worker_that_replace_those_of_its_successor_are_marked(tmp_path, monkeypatch):
    """At an address a file appears when it is complete, whoever has the lease by then."""
    output = f"memory://bucket/{tmp_path.name}"
    conclude = bucket.run_sender

    def run_and_replace(plan, number):
        found = conclude(plan, number)
        name = plan.store.names("answers")[0]
        chunk = name.removeprefix("answers/").removesuffix(".parquet")
        # A second try has left, and these are the answers of the first.
        plan.store.put(f"leaving/{chunk}-1", b"")
        return found

    monkeypatch.setattr("cio_frames.engines.sending.run_sender", run_and_replace)
    with cio.Sandbox(state=False) as sandbox:
        result, answers = run(LocalEngine(split_frame(ORDERS, 2)), output, sandbox.client, buckets=2)
    assert 0 < result.resent == answers["resent"].sum() < len(ORDERS)


def test_at_an_address_a_sender_takes_several_buckets_at_once_and_leaves_some_to_others():
    plan = SimpleNamespace(senders=2, store=SimpleNamespace(is_local=False))
    files = list(range(40))
    assert bucket._cut_next(files, plan) == (files[:10], files[10:])
    assert bucket._cut_next(files[:3], plan) == (files[:1], files[1:3])
    plan.store.is_local = True
    assert bucket._cut_next(files, plan) == (files[:1], files[1:])
