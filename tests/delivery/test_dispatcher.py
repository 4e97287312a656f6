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
from cio_frames.delivery.deliverer import Deliverer, deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import StopReason
from cio_frames.delivery.replies import Content, Reply
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
PAGE = Reply(200, "", content=Content.PAGE)
BLOCKED = Reply(403, "", content=Content.PAGE)
IS_BLOCKED = "answered 403 with a web page: something between you and Customer.io blocked this request"


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
        self.compresses = False
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


def run(script, rows, size=1, *, lanes=None, given=None, backoff=QUICK, grace_seconds=15.0, **settings):
    """Deliver, check that no row has two outcomes, and return the result frame, the delivery and the API.

    The API has the outcomes too.
    """
    api, recorder = Api(script), Recorder(rows)

    settings = client(**settings)
    given = rows_in_batches(rows, size) if given is None else given
    lanes = itertools.cycle(range(settings.workers)) if lanes is None else lanes
    batches = zip(lanes, given, strict=False)
    found = deliver(
        batches, settings, connect=lambda _: api, observer=recorder, backoff=backoff, grace_seconds=grace_seconds
    )
    told, outcomes = recorder.told, recorder.outcomes
    api.outcomes = told
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
    pytest.param([UNREACHABLE], "unsent", None, 4, id="never reached"),
    pytest.param([UNREACHABLE, OK], "delivered", 200, 2, id="reached in the end"),
    pytest.param([BROKEN], "unknown", None, 4, id="broken"),
    pytest.param([BROKEN, UNREACHABLE], "unknown", None, 4, id="broken, then unreachable"),
    pytest.param([BUSY, UNREACHABLE], "unknown", 503, 4, id="the last answer counts, not the last attempt"),
    pytest.param([SLOW_DOWN, UNREACHABLE], "unsent", 429, 4, id="429, then unreachable"),
    pytest.param([SLOW_DOWN], "unsent", 429, 4, id="429 until the end"),
    pytest.param([Reply(425, "")], "unsent", 425, 4, id="too early until the end"),
    pytest.param([Reply(421, "")], "unsent", 421, 4, id="misdirected until the end"),
    pytest.param([Reply(409, "")], "unknown", 409, 4, id="conflict until the end"),
    pytest.param([Reply(409, ""), OK], "delivered", 200, 2, id="conflict once"),
    pytest.param([Reply(431, "")], "unsent", 431, 1, id="headers too large"),
    pytest.param([BROKEN, SLOW_DOWN], "unknown", 429, 4, id="a timeout, then 429 until the end"),
    pytest.param([BUSY, SLOW_DOWN], "unknown", 429, 4, id="503, then 429 until the end"),
    pytest.param([Reply(200, "", content=Content.CUT), OK], "delivered", 200, 2, id="answer cut off once"),
    pytest.param([Reply(200, "", content=Content.CUT)], "unknown", 200, 4, id="answer cut off always"),
    pytest.param([PAGE], "unknown", 200, 1, id="200 with a web page"),
    pytest.param([Reply(200, "", content=Content.OTHER)], "unknown", 200, 1, id="200 with text"),
    pytest.param([Reply(200, "no", content=Content.ERRORS)], "rejected", 200, 1, id="200 with errors"),
    pytest.param([Reply(207, "no", content=Content.ERRORS)], "rejected", 207, 1, id="207 with errors of no call"),
    pytest.param([Reply(207, "", content=Content.OBJECT)], "delivered", 207, 1, id="207 without errors"),
    pytest.param([BLOCKED], "unknown", 403, 1, id="a web page with 403 before anything was accepted"),
    pytest.param(
        [Reply(None, "no CA bundle", sent=False, is_permanent=True)], "unsent", None, 1, id="what no retry changes"
    ),
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
            "The API does not accept this write key: it answered 401. The key does not say its kind; the required one "
            "is the write key of a source in Data Pipelines, not a Track API key or an App API key. Check "
            "CIO_WRITE_KEY (or write_key=), and that region= is your workspace's.",
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
    result, _, api = run([REFUSED, OK, WRONG_KEY], rows=8, size=8, attempts=3)
    assert [len(rows) for rows in api.requests] == [8, 4, 4, 4, 4]
    assert result["status"].tolist() == ["delivered"] * 4 + ["unknown"] * 4
    assert result["attempts"].tolist() == [2] * 4 + [4] * 4


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
    assert (result["status"].tolist(), found.requests) == (["unsent"], 1)
    assert result["reason"][0] == "429: slow down; it asks to wait 60 s; retry_budget_seconds is 5"


def test_a_wait_within_the_budget_that_was_not_worth_another_attempt_is_named_without_it():
    result, _, _ = run([Reply(503, "", 60.0)], rows=1, attempts=1)
    assert result["reason"][0] == "answered 503; it asks to wait 60 s; it may have been accepted"


def test_after_an_attempt_in_doubt_the_reason_tells_it_from_the_last_one():
    result, _, _ = run([BROKEN, UNREACHABLE], rows=1, attempts=2)
    assert result["reason"][0] == "no connection; an earlier attempt may have been accepted"


# Success is proved


def test_three_unproven_answers_in_a_row_stop_the_rest():
    result, found, _ = run([OK, PAGE], rows=10)
    assert result["status"].tolist() == ["delivered"] + ["unknown"] * 3 + ["unsent"] * 6
    assert found.stop_reason is StopReason.UNEXPECTED
    assert render(found.why) == (
        "https://cdp.customer.io does not answer as Customer.io does: it answered 200 with a web page. Check endpoint=."
    )


def test_two_unproven_answers_and_one_that_is_not_do_not_stop_the_rest():
    result, found, _ = run(lambda _, number: OK if number % 3 == 2 else PAGE, rows=9)
    assert result["status"].tolist() == ["unknown", "unknown", "delivered"] * 3
    assert found.stop_reason is None


def test_a_delivery_whose_answers_prove_nothing_ends_as_at_a_stranger_however_few_they_are():
    result, found, _ = run([PAGE], rows=1)
    assert (result["status"].tolist(), found.stop_reason) == (["unknown"], StopReason.UNEXPECTED)


def test_a_200_with_errors_is_split_until_the_guilty_calls_stand_alone():
    refused = Reply(200, "event is missing", content=Content.ERRORS)
    result, _, _ = run(lambda rows, _: refused if 1_003 in rows else OK, rows=8, size=8)
    assert result["status"].tolist() == ["delivered"] * 3 + ["rejected"] + ["delivered"] * 4
    assert result["reason"][3] == "200: event is missing"


def named(rejections):
    return Reply(207, "", content=Content.ERRORS, rejections=rejections)


def test_a_207_rejects_the_calls_that_it_names_and_delivers_the_others():
    result, found, api = run([named({1: "email: no", 3: "", 2: "email: no"})], rows=5, size=5)
    assert result["status"].tolist() == ["delivered", "rejected", "rejected", "rejected", "delivered"]
    assert result["reason"].tolist()[1:4] == ["207: email: no", "207: email: no", "207: the API rejected this call"]
    assert result["http_status"].tolist() == [207] * 5
    assert (found.stop_reason, len(api.requests)) == (None, 1)


def test_a_207_that_names_all_calls_rejects_all():
    result, _, _ = run([named({0: "a", 1: "b"})], rows=2, size=2)
    assert result["reason"].tolist() == ["207: a", "207: b"]


@pytest.mark.parametrize("rejections", [{5: "no"}, {0: "no", 8: "no"}, {-1: "no"}, {0: "no", -1: "no"}])
def test_a_207_about_calls_that_are_not_in_the_batch_is_split(rejections):
    result, _, api = run(lambda rows, _: named(rejections) if len(rows) > 1 else OK, rows=4, size=4)
    assert result["status"].tolist() == ["delivered"] * 4
    assert [len(rows) for rows in api.requests] == [4, 2, 1, 1, 2, 1, 1]


def test_with_strict_mode_off_a_207_acknowledges_the_others():
    result, _, _ = run([named({0: "no"})], rows=2, size=2, strict=False)
    assert result["status"].tolist() == ["rejected", "acknowledged"]


# Once calls were accepted


def test_a_key_refused_once_calls_were_accepted_is_tried_again_and_never_split():
    result, found, api = run([OK, WRONG_KEY, WRONG_KEY, OK], rows=8, size=4)
    assert result["status"].tolist() == ["delivered"] * 8
    assert ([len(rows) for rows in api.requests], found.stop_reason) == ([4, 4, 4, 4], None)


def test_a_key_that_stays_refused_stops_all():
    result, found, api = run([OK, WRONG_KEY], rows=12, size=4, attempts=3)
    assert found.stop_reason is StopReason.UNAUTHORIZED
    assert result["status"].tolist() == ["delivered"] * 4 + ["unsent"] * 8
    assert [len(rows) for rows in api.requests] == [4, 4, 4, 4]


@pytest.mark.parametrize("reply", [BLOCKED, Reply(404, ""), Reply(403, ""), Reply(418, "", content=Content.OTHER)])
def test_bodies_that_somebody_in_between_refuses_are_split_until_the_guilty_calls_stand_alone(reply):
    guilty = {1_010, 1_017}
    result, found, api = run(lambda rows, _: reply if guilty & set(rows) else OK, rows=24, size=8)
    assert found.stop_reason is None
    assert set(result.index[result["status"].eq("rejected")]) == {10, 17}
    assert result["status"].eq("delivered").sum() == 22
    assert result["reason"][10].endswith(": something between you and Customer.io blocked this request")
    assert [outcome.was_blocked for outcome in api.outcomes] == [o.status == "rejected" for o in api.outcomes]


def test_what_the_api_itself_rejects_was_not_blocked():
    _, _, api = run([OK, REFUSED], rows=2)
    assert [(outcome.status, outcome.was_blocked) for outcome in api.outcomes] == [
        ("delivered", False),
        ("rejected", False),
    ]


def test_several_blocked_calls_in_a_row_stop_the_rest_and_their_halves_do_not_count():
    result, found, api = run(lambda rows, number: OK if number == 0 else BLOCKED, rows=1_024, size=512)
    assert (found.stop_reason, result["status"].eq("rejected").sum()) == (StopReason.UNEXPECTED, 20)
    assert len(api.requests) < 70
    assert result["status"].value_counts()["unknown"] == 492
    assert render(found.why) == (
        f"Delivery stopped: 20 calls in a row were refused one by one: {IS_BLOCKED}. Check the firewall or proxy in "
        "between."
    )


def test_blocked_calls_with_accepted_ones_between_them_do_not_stop_the_rest():
    result, found, _ = run(lambda rows, _: BLOCKED if any(row % 2 for row in rows) else OK, rows=100)
    assert (found.stop_reason, result["status"].eq("rejected").sum()) == (None, 50)


def test_that_an_earlier_run_was_accepted_counts_too():
    api, recorder = Api(lambda rows, _: BLOCKED if 1_001 in rows else OK), Recorder(4)
    with Deliverer(client(), connect=lambda _: api, backoff=QUICK, key_accepted=True) as deliverer:
        found = deliverer.deliver([(0, rows_in_batches(4, 4)[0])], observer=recorder)
    assert found.stop_reason is None
    assert [outcome.status for outcome in recorder.told] == ["delivered", "rejected", "delivered"]


def test_the_answer_to_a_key_names_its_kind():
    api = Api([WRONG_KEY])
    wrong = Client(write_key="pk_eu_0123456789_abcdef")
    found = deliver([(0, rows_in_batches(1, 1)[0])], wrong, connect=lambda _: api)
    assert "it answered 401. The key is a public key (pk_eu_...). Check CIO_WRITE_KEY" in render(found.why)


# Limits and settings that the other end does not take


def test_a_limit_of_size_is_learned_once():
    api = Api(lambda rows, _: Reply(413, "") if len(rows) > 5 else OK)
    result, _, api = run(api.script, rows=64, size=16)
    assert result["status"].tolist() == ["delivered"] * 64
    assert [len(rows) for rows in api.requests] == [16, 8] + [4] * 16


def test_one_call_that_is_too_large_does_not_make_all_bodies_small():
    result, _, api = run(lambda rows, _: Reply(413, "") if 1_000 in rows else OK, rows=64, size=16)
    assert result["status"].tolist() == ["rejected"] + ["delivered"] * 63
    assert [len(rows) for rows in api.requests] == [16, 8, 4, 2, 1, 1, 2, 4, 8] + [16] * 3


class Compressing(Api):
    """Refuses compressed bodies."""

    def __init__(self):
        super().__init__([OK])
        self.compresses = True
        self.forms = []

    def post(self, body):
        self.forms.append(self.compresses)
        return Reply(415, "") if self.compresses else super().post(body)


def test_a_compressed_body_that_is_refused_is_sent_as_it_is_at_once_and_so_are_the_others(caplog):
    connections = []

    def connect(_):
        connections.append(Compressing())
        return connections[-1]

    batches = [(number % 2, batch) for number, batch in enumerate(rows_in_batches(8, 2))]
    recorder = Recorder(8)
    found = deliver(batches, client(gzip=True, workers=2, attempts=1), connect=connect, observer=recorder)
    assert {outcome.status for outcome in recorder.told} == {"delivered"}
    assert sum(len(outcome.rows) for outcome in recorder.told) == 8
    assert all(each.forms.count(True) <= 1 for each in connections)
    assert any("sent uncompressed. Leave out gzip=True" in record.getMessage() for record in caplog.records)
    assert found.requests == sum(len(each.forms) for each in connections)


def test_where_all_calls_are_rejected_compression_is_named():
    _, found, _ = run([REFUSED], rows=30, gzip=True)
    assert found.stop_reason is StopReason.REFUSED
    assert render(found.why).endswith("event is missing. gzip=True is set, which it may not support.")


def test_a_setting_of_this_machine_stops_all_at_once():
    wrong = Reply(None, "no connection: no CA bundle; unset X", sent=False, is_permanent=True, has_remedy=True)
    result, found, api = run([wrong], rows=5)
    assert (found.stop_reason, len(api.requests)) == (StopReason.MISCONFIGURED, 1)
    assert found.why == "Delivery stopped: no connection: no CA bundle; unset X."
    assert result["status"].tolist() == ["unsent"] * 5


def test_a_host_that_is_reached_only_in_the_end_is_tried_as_often_as_set():
    result, found, _ = run([UNREACHABLE] * 9 + [OK], rows=1, attempts=10)
    assert (result["status"].tolist(), found.requests) == (["delivered"], 10)


def test_the_status_and_the_wait_of_a_retry_are_in_the_text_of_the_log(caplog):
    caplog.set_level("INFO")
    run([BUSY, OK], rows=1)
    assert any("retrying a request: status 503, attempt 1, waiting 0.0 s" in text for text in caplog.messages)


# Several deliveries over the same connections


def test_connections_stay_open_from_one_delivery_to_the_next():
    made = []

    def connect(_):
        made.append(Api([OK]))
        return made[-1]

    with Deliverer(client(workers=2), connect=connect) as deliverer:
        for first in (0, 10, 20):
            batches = enumerate(rows_in_batches(4, 1))
            recorder = Recorder(4)
            deliverer.deliver(batches, first_number=first, observer=recorder)
            assert {outcome.batch for outcome in recorder.told} == set(range(first, first + 4))
            assert [each.closed for each in made] == [0, 0]
    assert [(each.closed, len(each.requests)) for each in made] == [(1, 6), (1, 6)]


def test_a_delivery_begins_after_the_one_before_has_ended():
    api = Api(lambda *_: time.sleep(0.01) or OK)
    with Deliverer(client(workers=4), connect=lambda _: api) as deliverer:
        for _ in range(3):
            deliverer.deliver(enumerate(rows_in_batches(12, 1)))
    sent = [rows[0] for rows in api.requests]
    assert [sorted(sent[at : at + 12]) for at in (0, 12, 24)] == [list(range(1_000, 1_012))] * 3


def test_all_deliveries_of_a_process_keep_one_rate_limit_together():
    settings = client(requests_per_second=100, endpoint="https://one-rate.example.com")
    threads = [
        threading.Thread(
            target=deliver, args=([(0, batch) for batch in rows_in_batches(10, 1)], settings),
            kwargs={"connect": lambda _: Api([OK])},
        )
        for _ in range(4)
    ]  # fmt: skip
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started >= 39 / 100


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
    told = len(api.outcomes)
    release.set()
    while not api.closed:
        time.sleep(0.01)
    assert found.why == "The load was interrupted twice; requests in flight were not waited for."
    assert len(api.outcomes) == told == 1
    assert result["status"].tolist() == ["unknown"] * 2 + ["unsent"] * 3
    assert result["attempts"].tolist() == [1, 1, 0, 0, 0]
    assert result["reason"].tolist()[0] == "delivery stopped before an answer came; it may have been accepted"


def test_a_stop_does_not_wait_longer_than_the_grace_for_an_answer():
    release = threading.Event()

    def hangs(*_):
        threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
        release.wait()
        return OK

    result, found, _ = run(hangs, rows=3, size=2, grace_seconds=0.3)
    release.set()
    assert found.stop_reason is StopReason.INTERRUPTED
    assert found.why == (
        "The load was interrupted; requests in flight got no answer within 0.3 seconds, and were not waited for."
    )
    assert result["status"].tolist() == ["unknown"] * 2 + ["unsent"]


def test_a_lane_that_waits_for_a_retry_does_not_hold_up_the_others_at_once():
    served = threading.Event()

    def answer(rows, number):
        if rows == [1_000] and not served.is_set():
            return BUSY
        if rows == [1_007]:
            served.set()
        return OK

    result, _, _ = run(answer, rows=8, workers=2, lanes=[0] + [1] * 7, backoff=Backoff(0.01, 0.01), attempts=1_000)
    assert served.is_set()
    assert result["status"].tolist() == ["delivered"] * 8


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
        assert status != "rejected" or replies[-1] is REFUSED or replies[-1].status == 404
        if status == "unsent":
            assert 1_000 + row not in landed
            assert all(not reply.sent or reply in (WRONG_KEY, SLOW_DOWN) for reply in replies)


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
    class Refusing(Recorder):
        def before_send(self, batch):
            raise OSError("the disk is full")

    api, recorder = Api([OK]), Refusing(1)
    found = deliver([(0, rows_in_batches(1, 1)[0])], client(), connect=lambda _: api, observer=recorder)
    assert (found.stop_reason, recorder.told, api.requests) == (StopReason.FAILED, [], [])


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
