"""The outcome of every row, with connections that answer by script and no network."""

import itertools
import random
import signal
import threading
import time
from collections import defaultdict

import numpy as np
import orjson
import pandas as pd
import pytest

from cio_frames import Client
from cio_frames.delivery.batching import batches
from cio_frames.delivery.dispatcher import deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import StopReason
from cio_frames.delivery.replies import Reply
from cio_frames.delivery.retry import Backoff
from cio_frames.errors import render
from cio_frames.results import Outcomes

OK = Reply(200, "")
REFUSED = Reply(400, "event is missing")
BUSY = Reply(503, "busy")
SLOW_DOWN = Reply(429, "slow down")
UNREACHABLE = Reply(None, "no connection", sent=False)
BROKEN = Reply(None, "the connection broke")
WRONG_KEY = Reply(401, "wrong key")


QUICK = Backoff(first_seconds=0.001)


class Api:
    """Answers in place of a server, and keeps which rows each request carried.

    The script is a list of replies whose last one repeats, or a function of the rows and the request's number.
    """

    def __init__(self, script):
        self.script = script if callable(script) else lambda rows, number: script[min(number, len(script) - 1)]
        self.requests = []
        self.replies = []
        self.closed = 0
        self._lock = threading.Lock()

    def post(self, body):
        rows = orjson.loads(body)["batch"]
        with self._lock:
            number = len(self.requests)
            self.requests.append(rows)
            self.replies.append(None)
        self.replies[number] = self.script(rows, number)
        return self.replies[number]

    def close(self):
        self.closed += 1


def client(**settings):
    return Client(write_key="key", **{"workers": 1, "requests_per_second": 100_000, **settings})


def rows_in_batches(rows, size):
    """Return batches of some rows each; the payload of a row is its number, in four digits."""
    buffer = memoryview(b"".join(b"%4d," % (1_000 + row) for row in range(rows)))
    return list(batches(np.arange(rows), np.arange(rows + 1) * 5, buffer, max_body_bytes=12 + 5 * size - 1))


class Recorder(NullObserver):
    """Keeps what it is notified of, in order, and the result frame's outcomes."""

    def __init__(self, rows=0):
        self.events = []
        self.told = []
        self.outcomes = Outcomes(rows)

    def before_send(self, batch):
        self.events.append(("before_send", batch.rows.tolist()))

    def on_request(self, size_bytes):
        self.events.append(("on_request", size_bytes))

    def on_outcome(self, outcome):
        self.events.append(("on_outcome", outcome.status))
        self.told.append(outcome)
        self.outcomes.record(
            outcome.rows,
            outcome.status,
            reason=outcome.reason,
            batch=outcome.batch,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )

    def on_rows(self, count):
        self.events.append(("on_rows", count))


def run(script, rows, size=1, *, lanes=None, given=None, backoff=QUICK, **settings):
    """Deliver, check that no row has two outcomes, and return the result frame, the delivery and the API."""
    api, recorder = Api(script), Recorder(rows)

    settings = client(**settings)
    given = rows_in_batches(rows, size) if given is None else given
    lanes = itertools.cycle(range(settings.workers)) if lanes is None else lanes
    batches = zip(lanes, given, strict=False)
    found = deliver(batches, settings, connect=lambda _: api, observer=recorder, backoff=backoff)
    told, outcomes = recorder.told, recorder.outcomes
    assert told == found.outcomes
    everything = np.concatenate([np.empty(0, int), *(outcome.rows for outcome in told)])
    assert len(everything) == len(set(everything.tolist()))
    outcomes.mark_unsent(render(found.why))
    return outcomes.frame(pd.RangeIndex(rows)), found, api


def test_everything_accepted_is_delivered_in_order_and_connections_are_closed():
    result, found, api = run([OK], rows=10, size=4)
    assert result["status"].tolist() == ["delivered"] * 10
    assert result["batch"].tolist() == [0] * 4 + [1] * 4 + [2] * 2
    assert [len(rows) for rows in api.requests] == [4, 4, 2]
    assert (found.stop_reason, found.requests, api.closed) == (None, 3, 1)


def test_without_batches_nothing_is_sent():
    result, found, _ = run([OK], rows=0)
    assert (len(result), found.stop_reason, found.requests) == (0, None, 0)


# replies, statuses, http status, attempts of one call that is tried at most four times
ENDINGS = [
    pytest.param([UNREACHABLE], "unsent", None, 3, id="never reached"),
    pytest.param([UNREACHABLE, OK], "delivered", 200, 2, id="reached in the end"),
    pytest.param([BROKEN], "unknown", None, 4, id="broken"),
    pytest.param([BROKEN, UNREACHABLE], "unknown", None, 4, id="broken, then unreachable"),
    pytest.param([BUSY, UNREACHABLE], "unknown", 503, 4, id="the last answer counts, not the last attempt"),
    pytest.param([SLOW_DOWN, UNREACHABLE], "unknown", 429, 4, id="429, then unreachable"),
    pytest.param([BUSY, REFUSED], "rejected", 400, 2, id="refused after all"),
    pytest.param([BUSY, WRONG_KEY], "unknown", 401, 2, id="key refused after an attempt in doubt"),
    pytest.param([UNREACHABLE, WRONG_KEY], "unsent", 401, 2, id="key refused before anything was in doubt"),
    pytest.param([Reply(202, "")], "unknown", 202, 1, id="nobody says what 202 means"),
    pytest.param([Reply(100, "")], "unknown", 100, 1, id="nor 100"),
]


@pytest.mark.parametrize(("replies", "status", "http_status", "attempts"), ENDINGS)
def test_a_call_has_the_status_that_its_answers_allow(replies, status, http_status, attempts):
    result, found, _ = run(replies, rows=1, attempts=4)
    assert result["status"].tolist() == [status]
    assert result["http_status"].tolist() == [pd.NA if http_status is None else http_status]
    assert result["attempts"].tolist() == [attempts] == [found.requests]
    assert result["batch"].tolist() == [0]
    assert result["reason"].isna().tolist() == [status == "delivered"]


@pytest.mark.parametrize(
    ("replies", "stop_reason", "why"),
    [
        (
            [UNREACHABLE],
            StopReason.UNREACHABLE,
            "Delivery stopped after retries: no connection. Check the network and endpoint=.",
        ),
        (
            [WRONG_KEY],
            StopReason.UNAUTHORIZED,
            "The API does not accept this write key: it answered 401. Check CIO_WRITE_KEY (or write_key=), and "
            "that region= is your workspace's.",
        ),
        (
            [Reply(404, "nothing here")],
            StopReason.UNEXPECTED,
            "https://cdp.customer.io does not answer as Customer.io does: it answered 404. Check endpoint=.",
        ),
    ],
)
def test_what_concerns_every_call_stops_the_rest_with_the_reason(replies, stop_reason, why):
    result, found, _ = run(replies, rows=20)
    assert (found.stop_reason, render(found.why)) == (stop_reason, why)
    assert result["attempts"].tolist()[1:] == [0] * 19
    assert result["status"].tolist()[1:] == ["unsent"] * 19
    assert result["reason"].tolist()[1:] == [why] * 19


def test_after_a_refused_batch_the_calls_not_tried_again_are_unknown_and_not_unsent():
    result, _, api = run([REFUSED, OK, WRONG_KEY], rows=8, size=8)
    assert [len(rows) for rows in api.requests] == [8, 4, 4]
    assert result["status"].tolist() == ["delivered"] * 4 + ["unknown"] * 4
    assert result["attempts"].tolist() == [2] * 8


def test_a_half_that_was_never_tried_keeps_the_number_and_the_answer_of_its_batch():
    result, _, _ = run([REFUSED, WRONG_KEY], rows=8, size=8)
    assert result["status"].tolist() == ["unknown"] * 8
    assert result["batch"].tolist() == [1] * 4 + [0] * 4
    assert result["http_status"].tolist() == [401] * 4 + [400] * 4
    assert result["attempts"].tolist() == [2] * 4 + [1] * 4
    assert set(result["reason"][4:]) == {
        "its batch was refused, and delivery stopped before this call was retried; it may have been accepted"
    }


@pytest.mark.parametrize("poisoned", [{0}, {617}, {999}, {3, 4}, {0, 500, 999}])
def test_poisoned_calls_are_found_by_halving_and_all_others_go_once(poisoned):
    wrong = {1_000 + row for row in poisoned}
    result, found, api = run(lambda rows, _: REFUSED if wrong & set(rows) else OK, rows=1_000, size=1_000)
    assert set(result.index[result["status"].eq("rejected")]) == poisoned
    assert result["status"].eq("delivered").sum() == 1_000 - len(poisoned)
    taken = [row for rows, reply in zip(api.requests, api.replies, strict=True) if reply is OK for row in rows]
    assert taken == [1_000 + row for row in range(1_000) if row not in poisoned]
    assert found.requests - 1 <= len(poisoned) * 21


def test_three_batches_given_up_in_a_row_stop_the_rest():
    result, found, _ = run([BUSY], rows=10, attempts=2)
    assert result["status"].tolist() == ["unknown"] * 3 + ["unsent"] * 7
    assert (found.stop_reason, found.requests) == (StopReason.UNREACHABLE, 6)


def test_two_batches_given_up_and_one_that_goes_do_not_stop_the_rest():
    result, found, _ = run(lambda _, number: OK if number % 3 == 2 else BUSY, rows=9, attempts=1)
    assert result["status"].tolist() == ["unknown", "unknown", "delivered"] * 3
    assert found.stop_reason is None


def test_a_retry_that_would_end_after_the_budget_is_not_begun():
    result, found, _ = run([Reply(429, "slow down", 60.0), OK], rows=1, retry_budget_seconds=5)
    assert (result["status"].tolist(), found.requests) == (["unknown"], 1)


# Stopping


class Interrupting:
    """Batches during which somebody presses Ctrl-C."""

    def __init__(self, given, after, error=KeyboardInterrupt):
        self.given, self.after, self.error = given, after, error

    def __iter__(self):
        yield from self.given[: self.after]
        raise self.error


def test_ctrl_c_while_batches_are_made_finishes_what_is_in_flight_and_leaves_the_rest():
    begun = threading.Event()

    def slow(*_):
        begun.set()
        time.sleep(0.1)
        return OK

    def given():
        yield rows_in_batches(10, 1)[0]
        begun.wait()
        raise KeyboardInterrupt

    result, found, _ = run(slow, rows=10, given=given())
    assert found.stop_reason is StopReason.INTERRUPTED
    assert result["status"].tolist() == ["delivered"] + ["unsent"] * 9
    assert result["reason"].tolist()[1:] == ["The load was interrupted; requests in flight were finished."] * 9


def test_ctrl_c_during_the_wait_before_a_retry_ends_the_wait_and_reports_the_last_answer():
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    result, found, _ = run([BUSY, OK], rows=3, backoff=Backoff(first_seconds=20))
    assert found.requests == 1
    assert found.stop_reason is StopReason.INTERRUPTED
    assert result["status"].tolist() == ["unknown", "unsent", "unsent"]
    assert result["reason"].tolist()[0] == "503: busy; it may have been accepted"


def test_a_second_ctrl_c_waits_for_nothing_and_what_comes_later_changes_nothing():
    release = threading.Event()

    def hangs(*_):
        for delay in (0.1, 0.3):
            threading.Timer(delay, signal.raise_signal, [signal.SIGINT]).start()
        release.wait()
        return OK

    result, found, api = run(hangs, rows=5, size=2)
    told = len(found.outcomes)
    release.set()
    while not api.closed:
        time.sleep(0.01)
    assert found.why == "The load was interrupted twice; requests in flight were not waited for."
    assert len(found.outcomes) == told == 1
    assert result["status"].tolist() == ["unknown"] * 2 + ["unsent"] * 3
    assert result["attempts"].tolist() == [1, 1, 0, 0, 0]
    assert result["reason"].tolist()[0] == "delivery stopped before an answer came; it may have been accepted"


def test_a_lane_whose_queue_is_full_when_another_stops_delivery_ends_too():
    stopping = threading.Event()

    def answer(rows, _):
        if rows == [1_000]:
            time.sleep(0.1)
            stopping.set()
            return WRONG_KEY
        stopping.wait()
        time.sleep(0.1)
        return OK

    result, found, api = run(answer, rows=12, workers=2, lanes=[1] + [0] * 11)
    assert found.stop_reason is StopReason.UNAUTHORIZED
    assert result["status"].tolist() == ["unsent", "delivered"] + ["unsent"] * 10
    assert result["attempts"].tolist() == [1, 1] + [0] * 10
    assert api.closed == 2


def test_what_breaks_while_batches_are_made_is_kept_and_what_was_queued_goes_no_further():
    error = ValueError("cannot be written")
    result, found, api = run([OK], rows=10, given=Interrupting(rows_in_batches(10, 1), 2, error))
    assert (found.stop_reason, found.error) == (StopReason.FAILED, error)
    assert found.why == "Delivery stopped: ValueError in this process."
    delivered = len(api.requests)
    assert result["status"].tolist() == ["delivered"] * delivered + ["unsent"] * (10 - delivered)


def test_what_a_failing_connection_was_sending_is_unknown_and_so_are_the_other_halves():
    def answer(_, number):
        if number == 0:
            return REFUSED
        raise RuntimeError("no memory")

    result, found, _ = run(answer, rows=6, size=4)
    assert (found.stop_reason, type(found.error)) == (StopReason.FAILED, RuntimeError)
    assert result["status"].tolist() == ["unknown"] * 4 + ["unsent"] * 2
    assert result["attempts"].tolist() == [2, 2, 1, 1, 0, 0]


def test_if_an_observer_fails_it_is_notified_of_all_outcomes_all_the_same():
    told = []

    class Failing(NullObserver):
        def on_outcome(self, outcome):
            told.append(outcome)
            raise OSError("the terminal is gone")

    api = Api([REFUSED, OK])
    found = deliver([(0, rows_in_batches(4, 4)[0])], client(), connect=lambda _: api, observer=Failing())
    assert (found.stop_reason, type(found.error)) == (StopReason.FAILED, OSError)
    assert told == found.outcomes
    assert [(outcome.rows.tolist(), outcome.status) for outcome in told] == [([0, 1], "delivered"), ([2, 3], "unknown")]


# Whatever happens, no outcome says what is not so


def moody(seed, landed):
    """Answer at random, as an API might; note what landed, also where no answer says so.

    A refused batch may have been taken in part, for all that is documented.
    """
    chance = random.Random(seed)
    replies = [OK, BUSY, SLOW_DOWN, UNREACHABLE, BROKEN, Reply(408, ""), WRONG_KEY, Reply(404, "")]
    weights = [30, 4, 3, 2, 4, 1, 0.3 * (seed % 2), 0.2 * (seed % 3)]
    lock = threading.Lock()

    def answer(rows, _):
        with lock:
            if any(row % 17 == 0 for row in rows):
                landed.update(row for row in rows if row % 17 and seed % 2)
                return REFUSED
            (reply,) = chance.choices(replies, weights)
            if reply is OK or (reply in (BUSY, BROKEN, Reply(408, "")) and chance.random() < 0.5):
                landed.update(rows)
            return reply

    return answer


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(40))
def test_no_outcome_says_more_than_the_answers_do(seed, workers):
    landed = set()
    result, found, api = run(moody(seed, landed), rows=120, size=7, workers=workers, attempts=3)
    carried = defaultdict(list)
    for rows, reply in zip(api.requests, api.replies, strict=True):
        for row in rows:
            carried[row - 1_000].append(reply)
    assert found.requests == len(api.requests)
    assert len(result) == 120
    for row, status, reason, http_status, attempts in zip(
        range(120), result["status"], result["reason"], result["http_status"], result["attempts"], strict=True
    ):
        replies = carried[row]
        answers = [reply.status for reply in replies if reply.status is not None]
        assert attempts == len(replies)
        assert answers[-1:] == ([] if http_status is pd.NA else [http_status])
        assert (reason is pd.NA) == (status == "delivered")
        assert (status == "delivered") == (OK in replies)
        assert status != "rejected" or replies[-1] is REFUSED
        if status == "unsent":
            assert 1_000 + row not in landed
            assert all(not reply.sent or reply is WRONG_KEY for reply in replies)


def test_an_observer_is_notified_before_a_batch_leaves_of_each_request_and_of_each_outcome():
    recorder = Recorder(4)
    batch = rows_in_batches(4, 4)[0]
    deliver([(0, batch)], client(), connect=lambda _: Api([BUSY, REFUSED, OK]), observer=recorder, backoff=QUICK)
    size, half = len(batch.body), len(batch.halves()[0].body)
    assert recorder.events == [
        ("before_send", [0, 1, 2, 3]),
        ("on_request", size),
        ("on_request", size),
        ("on_request", half),
        ("on_outcome", "delivered"),
        ("on_rows", 2),
        ("on_request", half),
        ("on_outcome", "delivered"),
        ("on_rows", 2),
    ]


def test_where_an_observer_refuses_a_batch_it_does_not_leave():
    class Refusing(NullObserver):
        def before_send(self, batch):
            raise OSError("the disk is full")

    api = Api([OK])
    found = deliver([(0, rows_in_batches(1, 1)[0])], client(), connect=lambda _: api, observer=Refusing())
    assert (found.stop_reason, found.outcomes, api.requests) == (StopReason.FAILED, [], [])


def test_batches_are_taken_while_others_are_sent_and_never_far_ahead():
    taken = []
    at_the_first = []

    def given():
        for batch in rows_in_batches(10, 1):
            taken.append(batch)
            yield batch

    def answer(_, number):
        until = time.monotonic() + 5
        while number == 0 and len(taken) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        at_the_first.append(len(taken))
        return OK

    run(answer, rows=10, given=given())
    # One on its way, two in the lane's queue, one about to be queued.
    assert at_the_first[0] in (3, 4)
