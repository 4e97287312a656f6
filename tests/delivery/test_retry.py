"""When to send again, and how often requests may leave: rules, without a network and without waiting."""

import pytest

from cio_frames import Client
from cio_frames.delivery.rate_limiter import RateLimiter, shared_rate_limiter
from cio_frames.delivery.replies import Content, Reply
from cio_frames.delivery.retry import Backoff, classify, seconds_before_retry


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [
        (200, "ACCEPTED", "ACCEPTED"),
        *[(status, "REFUSED", "REFUSED") for status in (400, 413, 422)],
        *[(status, "UNAUTHORIZED", "UNAUTHORIZED") for status in (401,)],
        (403, "UNAUTHORIZED", "BLOCKED"),
        *[
            (status, "RETRY", "RETRY")
            for status in (None, 408, 409, 421, 425, 429, 499, 500, 502, 503, 504, 511, 522, 524, 599)
        ],
        *[(status, "UNPROVEN", "UNPROVEN") for status in (201, 202, 204, 207)],
        *[(status, "UNEXPECTED", "UNPROVEN") for status in (301, 302, 307)],
        *[(status, "UNEXPECTED", "UNEXPECTED") for status in (101, 402, 407, 431)],
        *[(status, "UNEXPECTED", "BLOCKED") for status in (404, 405, 406, 410, 415, 418, 451)],
    ],
)
def test_each_status_without_a_body_has_its_disposition_before_and_after_the_key_was_accepted(status, before, after):
    assert classify(Reply(status, "")).name == before
    assert classify(Reply(status, ""), key_accepted=True).name == after


@pytest.mark.parametrize(
    ("status", "content", "before", "after"),
    [
        (200, Content.OBJECT, "ACCEPTED", "ACCEPTED"),
        (200, Content.ERRORS, "REFUSED", "REFUSED"),
        (200, Content.PAGE, "UNPROVEN", "UNPROVEN"),
        (200, Content.FAILURE, "UNPROVEN", "UNPROVEN"),
        (207, Content.FAILURE, "UNPROVEN", "UNPROVEN"),
        (403, Content.FAILURE, "UNAUTHORIZED", "UNAUTHORIZED"),
        (200, Content.OTHER, "UNPROVEN", "UNPROVEN"),
        (200, Content.CUT, "RETRY", "RETRY"),
        (207, Content.OBJECT, "ACCEPTED", "ACCEPTED"),
        (207, Content.PAGE, "UNPROVEN", "UNPROVEN"),
        (202, Content.OBJECT, "UNPROVEN", "UNPROVEN"),
        (400, Content.PAGE, "REFUSED", "REFUSED"),
        (401, Content.PAGE, "UNAUTHORIZED", "UNAUTHORIZED"),
        (403, Content.ERRORS, "UNAUTHORIZED", "UNAUTHORIZED"),
        (403, Content.OBJECT, "UNAUTHORIZED", "UNAUTHORIZED"),
        (403, Content.PAGE, "UNEXPECTED", "BLOCKED"),
        (403, Content.OTHER, "UNEXPECTED", "BLOCKED"),
        (404, Content.PAGE, "UNEXPECTED", "BLOCKED"),
        (404, Content.ERRORS, "UNEXPECTED", "BLOCKED"),
        (503, Content.PAGE, "RETRY", "RETRY"),
    ],
)
def test_what_the_body_is_decides_too(status, content, before, after):
    reply = Reply(status, "", content=content)
    assert classify(reply).name == before
    assert classify(reply, key_accepted=True).name == after


@pytest.mark.parametrize(
    ("rejections", "name"),
    [
        ({0: "a"}, "PARTLY_ACCEPTED"),
        ({0: "a", 3: ""}, "PARTLY_ACCEPTED"),
        ({0: "a", -1: "b"}, "REFUSED"),
        ({}, "REFUSED"),
    ],
)
def test_a_207_says_which_calls_are_rejected_or_refuses_the_batch(rejections, name):
    assert classify(Reply(207, "", content=Content.ERRORS, rejections=rejections)).name == name


def test_a_200_that_names_calls_refuses_the_batch():
    assert classify(Reply(200, "", content=Content.ERRORS, rejections={0: "a"})).name == "REFUSED"


def test_waits_double_up_to_a_limit_and_a_server_may_ask_for_longer_ones_only():
    assert [seconds_before_retry(n, None) for n in (1, 2, 6, 7, 60)] == [0.5, 1.0, 16.0, 30.0, 30.0]
    assert [seconds_before_retry(n, 7.0) for n in (1, 4, 5)] == [7.0, 7.0, 8.0]
    assert [seconds_before_retry(n, 0.0) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert seconds_before_retry(1, None, jitter=1.0) == 0.75
    assert seconds_before_retry(1, 7.0, jitter=1.0) == 10.5


def test_the_first_and_the_longest_wait_are_those_of_the_backoff():
    backoff = Backoff(first_seconds=2.0, max_seconds=5.0)
    assert [seconds_before_retry(n, None, backoff=backoff) for n in (1, 2, 3)] == [2.0, 4.0, 5.0]


class VirtualTime:
    """A clock that only moves while somebody waits."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


def test_requests_are_spaced_evenly_whoever_sends_them():
    clock = VirtualTime()
    limiter = RateLimiter(50, clock=clock)
    times = []
    for _ in range(30):
        limiter.wait(clock)
        times.append(round(clock.now - 100.0, 6))
    assert times == [round(number / 50, 6) for number in range(30)]


def test_time_in_which_nothing_was_sent_is_not_made_up_for():
    clock = VirtualTime()
    limiter = RateLimiter(2, clock=clock)
    limiter.wait(clock)
    clock.now += 10
    for _ in range(3):
        limiter.wait(clock)
    assert clock.now == 111.0


def test_clients_of_one_endpoint_key_and_rate_share_a_rate_limit():
    one = Client(write_key="one", workers=2)
    same = Client(write_key="one", attempts=3, endpoint="https://cdp.customer.io")
    assert shared_rate_limiter(one) is shared_rate_limiter(same)
    others = [
        Client(write_key="other"),
        Client(write_key="one", region="eu"),
        Client(write_key="one", requests_per_second=7),
    ]
    assert len({id(shared_rate_limiter(each)) for each in (one, *others)}) == 4
