import time

from cio_frames.sandbox.intake import take
from cio_frames.sandbox.store import Receipt, Request, Store
from tests.benchmarks.sandbox import bodies


def test_a_full_body_costs_little(tmp_path):
    """On cores of its own it is about 5 ms, HTTP included; this limit holds on a busy machine too."""
    sent, calls = bodies(columns=32, count=6)
    assert calls > 400
    store, took = Store(tmp_path / "calls.db"), []
    for body in sent:
        started = time.thread_time()
        kept = take(body, None).kept
        store.add([Receipt(Request("2024-05-01T10:00:00Z", "/v1/batch", 200, len(body), calls, True), kept, [])])
        took.append(time.thread_time() - started)
    assert min(took) < 0.03
