import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_frames.batching import ENVELOPE_BYTES, batches


def cut(payloads, max_body_bytes):
    """Cut payloads as the pipeline does: end to end in one buffer, each with its comma."""
    buffer = b"".join(payload + b"," for payload in payloads)
    offsets = np.cumsum([0] + [len(payload) + 1 for payload in payloads])
    rows = np.arange(len(payloads)) + 100
    return list(batches(rows, offsets, memoryview(buffer), max_body_bytes=max_body_bytes))


@given(st.lists(st.integers(1, 60).map(lambda size: b"1" * size)), st.integers(72, 300))
def test_bodies_lose_nothing_keep_order_and_stay_within_the_limit(payloads, max_body_bytes):
    found = cut(payloads, max_body_bytes)
    sent = [call for batch in found for call in json.loads(batch.body)["batch"]]
    assert sent == [int(payload) for payload in payloads]
    assert [row for batch in found for row in batch.rows.tolist()] == [100 + n for n in range(len(payloads))]
    assert all(len(batch.body) <= max_body_bytes for batch in found)


@given(st.lists(st.integers(1, 60).map(lambda size: b"1" * size), min_size=2), st.integers(72, 300))
def test_no_body_could_have_taken_the_next_call(payloads, max_body_bytes):
    found = cut(payloads, max_body_bytes)
    for batch, following in pairwise(found):
        first = following.offsets[1] - following.offsets[0] - 1
        assert len(batch.body) + 1 + first > max_body_bytes


def test_a_body_that_fits_to_the_byte_is_one_body_and_one_byte_less_makes_two():
    payloads = [b"11", b"222", b"4444"]
    exact = ENVELOPE_BYTES + 2 + 1 + 3 + 1 + 4
    assert [batch.body for batch in cut(payloads, exact)] == [b'{"batch":[11,222,4444]}']
    assert [batch.body for batch in cut(payloads, exact - 1)] == [b'{"batch":[11,222]}', b'{"batch":[4444]}']


@pytest.mark.parametrize("count", [2, 3, 10])
def test_halves_are_the_batch_in_order(count):
    (batch,) = cut([str(number).encode() for number in range(10, 10 + count)], 10_000)
    first, second = batch.halves()
    assert len(first) + len(second) == count
    assert abs(len(first) - len(second)) <= 1
    assert json.loads(first.body)["batch"] + json.loads(second.body)["batch"] == list(range(10, 10 + count))
    assert first.rows.tolist() + second.rows.tolist() == batch.rows.tolist()


def test_no_payloads_make_no_body():
    assert cut([], 100) == []
