"""An API that refuses or fails, with two senders on a cluster of this machine; and Ctrl-C."""

import os
import signal
import threading
import time

import pytest

import cio_frames as cio
from tests.engines.clusters import import_or_skip
from tests.engines.helpers import engine_run, run_locally, small_bodies, split_frame
from tests.engines.rows import repeated_orders
from tests.faults import Answer, Fault, FaultServer

ORDERS = repeated_orders(rows=1_000, people=100)
UNAUTHORIZED = Answer(401, b'{"meta": {"error": "unauthorized"}}')


def from_the_sixth(fault):
    return [Answer()] * 5 + [fault]


@pytest.mark.usefixtures("dask_client")
@pytest.mark.parametrize(
    ("fault", "status"),
    [(UNAUTHORIZED, "unsent"), (Answer(429), "unsent"), (Fault.RESET_AFTER_BODY, "unknown")],
    ids=["401", "429", "reset"],
)
def test_an_api_that_stops_answering_ends_all_senders_and_the_counts_add_up(tmp_path, fault, status):
    dd = import_or_skip("dask.dataframe", "dask")
    frame = dd.from_pandas(ORDERS, npartitions=3)
    options = {"senders": 2, "buckets": 4, "keep": "order"}
    with FaultServer(from_the_sixth(fault)) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url, attempts=1, workers=1))
        try:
            result = engine_run(frame, tmp_path, client, **options).result
        except cio.AuthenticationError as error:
            result = error.result
        failed = [request for request in server.received if request.number >= 5]
        arrived = {call["messageId"] for request in server.received for call in request.calls}
        rows_before = sum(len(request.calls) for request in server.received if request.number < 5)
    assert result.phase == "stopped"
    assert sum(result.statuses.values()) == len(ORDERS)
    assert result.statuses["delivered"] == rows_before
    assert result.statuses[status] > 0
    assert result.statuses["unsent"] > len(ORDERS) / 3
    # Each of two senders gives up after three in a row, or sees within a chunk that the other did.
    assert len(failed) <= 2 * 3
    with FaultServer(port=server.port) as again:
        done = engine_run(frame, tmp_path, client, **options)
        arrived |= {call["messageId"] for request in again.received for call in request.calls}
        sent = len(again.received)
        assert done.result.statuses == {"delivered": len(ORDERS)}
        assert len(arrived) == len(ORDERS)
        assert engine_run(frame, tmp_path, client, **options).result.ok
        assert len(again.received) == sent


def interrupt_after(server, requests):
    """Press Ctrl-C once a server has so many requests."""

    def press():
        until = time.monotonic() + 60
        while len(server.received) < requests and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("engine", ["threads", "Dask"])
def test_ctrl_c_ends_all_senders_and_the_error_has_the_result(tmp_path, request, engine):
    if engine == "Dask":
        dd = import_or_skip("dask.dataframe", "dask")
        request.getfixturevalue("dask_client")
        frame = dd.from_pandas(ORDERS, npartitions=3)

    def run(client):
        if engine == "Dask":
            return engine_run(frame, tmp_path, client, senders=2, buckets=4).result
        return run_locally(split_frame(ORDERS, 3), tmp_path, client, senders=2, buckets=4)[0]

    with FaultServer([Answer(after_seconds=0.3)]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url), workers=1)
        pressing = interrupt_after(server, 3)
        with pytest.raises(cio.InterruptedLoad, match=r"The load was interrupted\. Call it again") as error:
            run(client)
        pressing.join()
        sent = len(server.received)
        time.sleep(1.5)
        assert len(server.received) == sent
        arrived = {call["messageId"] for each in server.received for call in each.calls}
    statuses = error.value.result.statuses
    assert sum(statuses.values()) == len(ORDERS)
    assert statuses.get("unsent", 0) > 0, statuses
    assert len(arrived) <= statuses.get("delivered", 0) + statuses.get("unknown", 0)
    with FaultServer(port=server.port) as again:
        assert run(client).statuses == {"delivered": len(ORDERS)}
        arrived |= {call["messageId"] for each in again.received for call in each.calls}
    assert len(arrived) == len(ORDERS)
