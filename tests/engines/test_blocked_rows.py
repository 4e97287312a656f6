"""Rows that a firewall blocks are tried once more by the next run, with several senders as in a load."""

import pytest

import cio_frames as cio
from cio_frames.delivery.outcomes import BLOCKED
from tests.engines.helpers import run_locally, split_frame
from tests.engines.rows import repeated_orders
from tests.faults import Answer, FaultServer

ORDERS = repeated_orders(rows=200, people=40)
PAGE = {"headers": {"Content-Type": "text/html"}, "body": b"<html>blocked by policy</html>"}


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the same load once more against a server on the same port."""
    with FaultServer() as server:
        port = server.port

    def run_once(script, way):
        with FaultServer(script, port=port) as server:
            client = cio.Client(
                write_key="k", endpoint=server.url, attempts=1, workers=1, max_call_bytes=400, max_body_bytes=2_000
            )
            try:
                result, answers = run_locally(split_frame(ORDERS, 2), tmp_path, client, keep="order", **way)
            except cio.DeliveryError as error:
                result, answers = error.result, None
            return result, answers, [call["properties"]["order"] for each in server.received for call in each.calls]

    return run_once


def blocks(request):
    return Answer(403, **PAGE) if request.number and b'"order":77' in request.body else Answer()


WAYS = pytest.mark.parametrize("way", [{}, {"senders": 2, "buckets": 2}], ids=["1", "2"])
BLOCKED_ROW = ORDERS["order"].eq(77)


@WAYS
def test_a_blocked_row_is_tried_once_more_and_then_it_is_final(run, way):
    blocked = int(BLOCKED_ROW.sum())
    first, answers, _ = run(blocks, way)
    assert (first.phase, first.statuses) == ("stopped", {"delivered": len(ORDERS) - blocked, "rejected": blocked})
    assert first.why.startswith("1 row was blocked on its way and is tried once more. Call it again")
    assert answers.loc[answers["order"].eq(77), "reason"].str.contains(BLOCKED).all()
    again, answers, sent = run(lambda request: Answer(403, **PAGE), way)
    assert (again.phase, again.statuses, sent) == ("done", first.statuses, [77] * blocked)
    assert answers.loc[answers["resent"], "order"].tolist() == [77] * blocked
    final, _, sent = run([Answer()], way)
    assert (final.statuses, sent) == (first.statuses, [])


@WAYS
def test_a_blocked_row_that_the_next_run_cannot_send_is_tried_by_the_one_after(run, way):
    first, _, _ = run(blocks, way)
    blocked = first.statuses["rejected"]
    second, _, _ = run([Answer(401, b'{"meta": {"error": "unauthorized"}}')], way)
    assert (second.phase, second.statuses) == ("stopped", {"delivered": len(ORDERS) - blocked, "unsent": blocked})
    third, answers, sent = run([Answer()], way)
    assert (third.phase, third.statuses) == ("done", {"delivered": len(ORDERS)})
    assert sent == [77] * blocked
    assert answers.loc[answers["resent"], "order"].tolist() == sent
