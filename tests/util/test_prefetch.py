"""Results made ahead come in order, only a few at a time, and end when the caller stops."""

import subprocess
import sys
import threading

import pytest

from cio_frames._util import prefetch


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items_whoever_is_done_first(threads):
    later = threading.Event()

    def make(item):
        if threads > 1:
            # The first is not done before the second is.
            later.wait(timeout=10) if item == 0 else later.set()
        return item * 10

    assert list(prefetch.map_ordered(make, range(20), threads=threads)) == [item * 10 for item in range(20)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_no_more_is_begun_than_one_result_beyond_the_threads(threads):
    begun = []
    results = prefetch.map_ordered(lambda item: begun.append(item) or item, range(100), threads=threads)
    for taken in range(1, 11):
        assert next(results) == taken - 1
        assert len(begun) <= taken + threads
    results.close()
    assert len(begun) <= 10 + threads


def test_a_caller_that_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    results = prefetch.map_ordered(lambda item: item, range(100), threads=3)
    next(results)
    results.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failure_comes_out_in_its_place_and_ends_the_work(threads):
    begun = []

    def make(item):
        begun.append(item)
        if item == 2:
            raise ValueError("two")
        return item

    results = prefetch.map_ordered(make, range(100), threads=threads)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert len(begun) <= 3 + threads


def test_one_thread_is_the_callers_own():
    assert set(prefetch.map_ordered(lambda item: threading.current_thread(), [1, 2], threads=1)) == {
        threading.current_thread()
    }


def test_without_items_there_are_no_results():
    assert list(prefetch.map_ordered(str, [], threads=2)) == []


def test_python_does_not_end_in_the_middle_of_what_a_thread_makes():
    program = """
import time
from cio_frames._util import prefetch

prefetch._SECONDS_TO_STOP = 0.1

def items():
    yield 1
    time.sleep(1)
    print("made", flush=True)
    yield 2

with prefetch.prefetch(items()) as found:
    raise SystemExit(next(found))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "made\n", "")
