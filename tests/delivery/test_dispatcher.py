"""What is told of every row, with connections that answer by script and no network."""

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
from cio_frames.client import Reply
from cio_frames.delivery import dispatcher as delivery
from cio_frames.delivery.batching import batches
from cio_frames.delivery.dispatcher import Ended, classify, deliver, seconds_before_retry
from cio_frames.results import Outcomes

OK = Reply(200, "")
REFUSED = Reply(400, "event is missing")
BUSY = Reply(503, "busy")
SLOW_DOWN = Reply(429, "slow down")
UNREACHABLE = Reply(None, "no connection", sent=False)
BROKEN = Reply(None, "the connection broke")
WRONG_KEY = Reply(401, "wrong key")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_WAIT_SECONDS", 0.001)


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


def run(script, rows, size=1, *, lanes=None, given=None, **settings):
    """Deliver, check that no row is told of twice, and return the result frame, the delivery and the API."""
    api, outcomes, told = Api(script), Outcomes(rows), []

    def note(outcome):
        told.append(outcome)
        outcomes.record(
            outcome.rows,
            outcome.status,
            reason=outcome.reason,
            batch=outcome.batch,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )

    settings = client(**settings)
    given = rows_in_batches(rows, size) if given is None else given
    lanes = itertools.cycle(range(settings.workers)) if lanes is None else lanes
    found = deliver(zip(lanes, given, strict=False), settings, connect=lambda _: api, told=note)
    assert told == found.outcomes
    everything = np.concatenate([np.empty(0, int), *(outcome.rows for outcome in told)])
    assert len(everything) == len(set(everything.tolist()))
    outcomes.mark_unsent(found.why)
    return outcomes.frame(pd.RangeIndex(rows)), found, api


def test_everything_taken_is_delivered_in_order_and_connections_are_closed():
    result, found, api = run([OK], rows=10, size=4)
    assert result["status"].tolist() == ["delivered"] * 10
    assert result["batch"].tolist() == [0] * 4 + [1] * 4 + [2] * 2
    assert [len(rows) for rows in api.requests] == [4, 4, 2]
    assert (found.ended, found.requests, api.closed) == (None, 3, 1)


def test_no_batches_are_no_trouble():
    result, found, _ = run([OK], rows=0)
    assert (len(result), found.ended, found.requests) == (0, None, 0)


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
    ("replies", "ended", "why"),
    [
        ([UNREACHABLE], Ended.UNREACHABLE, "Given up: no connection. Check the network, and endpoint=."),
        (
            [WRONG_KEY],
            Ended.UNAUTHORIZED,
            "The API does not accept this write key: it answered 401. Check CIO_WRITE_KEY (or write_key=), and "
            "that the region is your workspace's.",
        ),
        (
            [Reply(404, "nothing here")],
            Ended.UNEXPECTED,
            "https://cdp.customer.io is not Customer.io: it answered 404. Check endpoint=.",
        ),
    ],
)
def test_what_concerns_every_call_stops_the_rest_with_the_reason(replies, ended, why):
    result, found, _ = run(replies, rows=20)
    assert (found.ended, found.why) == (ended, why)
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
        "its batch was refused, and delivery stopped before this call was tried again; it may have landed"
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
    assert (found.ended, found.requests) == (Ended.UNREACHABLE, 6)


def test_two_batches_given_up_and_one_that_goes_do_not_stop_the_rest():
    result, found, _ = run(lambda _, number: OK if number % 3 == 2 else BUSY, rows=9, attempts=1)
    assert result["status"].tolist() == ["unknown", "unknown", "delivered"] * 3
    assert found.ended is None


def test_a_retry_that_would_end_after_the_budget_is_not_begun():
    started = time.monotonic()
    result, _, _ = run([Reply(429, "slow down", 60.0)], rows=1, retry_budget_seconds=5)
    assert time.monotonic() - started < 1
    assert result["attempts"].tolist() == [1]


def test_waits_double_up_to_a_limit_and_a_server_that_asks_is_obeyed(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_WAIT_SECONDS", 0.5)
    assert [seconds_before_retry(n, None) for n in (1, 2, 6, 7, 60)] == [0.5, 1.0, 16.0, 30.0, 30.0]
    assert [seconds_before_retry(n, 7.0) for n in (1, 5)] == [7.0, 7.0]
    assert seconds_before_retry(1, 0.0, chance=1.0) == 0.0
    assert seconds_before_retry(1, None, chance=1.0) == 0.75


def test_the_rate_is_kept_across_lanes_and_evenly():
    times = []

    def answer(*_):
        times.append(time.monotonic())
        return OK

    run(answer, rows=30, workers=4, requests_per_second=50)
    assert 0.5 < times[-1] - times[0] < 1.5
    assert max(np.histogram(times, bins=np.arange(times[0], times[-1] + 0.2, 0.2))[0]) <= 12


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
    assert found.ended is Ended.INTERRUPTED
    assert result["status"].tolist() == ["delivered"] + ["unsent"] * 9
    assert result["reason"].tolist()[1:] == ["The load was interrupted; requests in flight were finished."] * 9


def test_ctrl_c_during_the_wait_before_a_retry_ends_the_wait_and_tells_what_was_answered(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_WAIT_SECONDS", 20)
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    started = time.monotonic()
    result, found, _ = run([BUSY], rows=3)
    assert time.monotonic() - started < 2
    assert found.ended is Ended.INTERRUPTED
    assert result["status"].tolist() == ["unknown", "unsent", "unsent"]
    assert result["reason"].tolist()[0] == "503: busy; it may have landed"


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
    assert result["reason"].tolist()[0] == "delivery stopped before its answer was known; it may have landed"


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
    assert found.ended is Ended.UNAUTHORIZED
    assert result["status"].tolist() == ["unsent", "delivered"] + ["unsent"] * 10
    assert result["attempts"].tolist() == [1, 1] + [0] * 10
    assert api.closed == 2


def test_what_breaks_while_batches_are_made_is_kept_and_what_was_queued_goes_no_further():
    error = ValueError("cannot be written")
    result, found, api = run([OK], rows=10, given=Interrupting(rows_in_batches(10, 1), 2, error))
    assert (found.ended, found.error) == (Ended.FAILED, error)
    assert found.why == "Stopped by ValueError on this side."
    delivered = len(api.requests)
    assert result["status"].tolist() == ["delivered"] * delivered + ["unsent"] * (10 - delivered)


def test_what_a_failing_connection_was_sending_is_unknown_and_so_are_the_other_halves():
    def answer(_, number):
        if number == 0:
            return REFUSED
        raise RuntimeError("no memory")

    result, found, _ = run(answer, rows=6, size=4)
    assert (found.ended, type(found.error)) == (Ended.FAILED, RuntimeError)
    assert result["status"].tolist() == ["unknown"] * 4 + ["unsent"] * 2
    assert result["attempts"].tolist() == [2, 2, 1, 1, 0, 0]


def test_where_a_listener_fails_all_outcomes_are_told_all_the_same():
    told = []

    def listen(outcome):
        told.append(outcome)
        raise OSError("the terminal is gone")

    api = Api([REFUSED, OK])
    found = deliver([(0, rows_in_batches(4, 4)[0])], client(), connect=lambda _: api, told=listen)
    assert (found.ended, type(found.error)) == (Ended.FAILED, OSError)
    assert told == found.outcomes
    assert [(outcome.rows.tolist(), outcome.status) for outcome in told] == [([0, 1], "delivered"), ([2, 3], "unknown")]


# Whatever happens, nothing is told that is not so


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


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (200, "ACCEPTED"),
        *[(status, "REFUSED") for status in (400, 413, 422)],
        *[(status, "UNAUTHORIZED") for status in (401, 403)],
        *[(status, "RETRY") for status in (None, 408, 429, 500, 502, 503, 504, 522, 524, 599)],
        *[(status, "UNEXPECTED") for status in (100, 201, 202, 204, 301, 302, 307, 404, 405, 410, 418)],
    ],
)
def test_each_status_has_its_verdict(status, name):
    assert classify(Reply(status, "")).name == name


# The result frame


def test_the_result_frame_has_its_dtypes_also_without_rows_and_keeps_any_index():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)], names=["shop", "day"])
    for labels in (index, pd.Index(["x", "x", "y"]), pd.RangeIndex(0)):
        frame = Outcomes(len(labels)).frame(labels)
        assert frame.index.equals(labels)
        assert frame["status"].tolist() == ["unsent"] * len(labels)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
            "status": "category",
            "reason": "string",
            "message_id": "string",
            "bytes": "Int64",
            "batch": "Int64",
            "http_status": "Int64",
            "attempts": "Int64",
        }
