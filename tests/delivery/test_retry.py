"""When to send again, and how often requests may leave: rules, without a network and without waiting."""

import pytest

from cio_frames.delivery.rate_limiter import RateLimiter
from cio_frames.delivery.replies import Reply
from cio_frames.delivery.retry import Backoff, classify, seconds_before_retry


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
def test_each_status_has_its_disposition(status, name):
    assert classify(Reply(status, "")).name == name


def test_a_web_page_is_not_an_answer_of_the_api():
    assert classify(Reply(200, "log in", is_page=True)).name == "UNEXPECTED"


def test_waits_double_up_to_a_limit_and_a_server_that_asks_is_obeyed():
    assert [seconds_before_retry(n, None) for n in (1, 2, 6, 7, 60)] == [0.5, 1.0, 16.0, 30.0, 30.0]
    assert [seconds_before_retry(n, 7.0) for n in (1, 5)] == [7.0, 7.0]
    assert seconds_before_retry(1, 0.0, jitter=1.0) == 0.0
    assert seconds_before_retry(1, None, jitter=1.0) == 0.75


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
