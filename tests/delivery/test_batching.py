"""Bodies fit, nothing is lost, and order is kept."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames.delivery.batching import ENVELOPE_BYTES, batches

laws = settings(deadline=None, derandomize=True, max_examples=200)
# Payloads as they lie in the buffer: JSON, so of two bytes and more.
payloads = st.lists(st.text("aé😀", max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)), max_size=25)


def cut(texts, limit, rows=None):
    """The batches of some payloads."""
    encoded = [text.encode() + b"," for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    rows = np.arange(len(texts)) if rows is None else np.array(rows)
    return list(batches(rows, offsets, memoryview(b"".join(encoded)), max_body_bytes=limit))


def calls(batch):
    return json.loads(batch.body)["batch"]


@laws
@given(payloads, st.integers(16, 120))
def test_nothing_is_lost_and_order_is_kept(texts, limit):
    found = cut(texts, limit, rows=range(100, 100 + len(texts)))
    assert [call for batch in found for call in calls(batch)] == [json.loads(text) for text in texts]
    assert [row for batch in found for row in batch.rows.tolist()] == list(range(100, 100 + len(texts)))
    assert all(len(batch) == len(calls(batch)) == len(batch.rows) for batch in found)


@laws
@given(payloads, st.integers(16, 120))
def test_no_body_of_several_calls_is_over_the_limit(texts, limit):
    for batch in cut(texts, limit):
        assert len(batch.body) <= limit or len(batch) == 1


@laws
@given(payloads, st.integers(16, 120))
def test_no_call_that_would_have_fitted_goes_into_the_next_body(texts, limit):
    found = cut(texts, limit)
    for batch, after in pairwise(found):
        first = json.dumps(calls(after)[0], ensure_ascii=False).encode()
        assert len(batch.body) + len(b",") + len(first) > limit


@laws
@given(payloads.filter(lambda texts: len(texts) > 1))
def test_a_body_that_fits_to_the_byte_is_one_body_and_a_byte_less_makes_two(texts):
    whole = len(cut(texts, 10**6)[0].body)
    assert len(cut(texts, whole)) == 1
    assert len(cut(texts, whole - 1)) > 1


@laws
@given(payloads.filter(bool))
def test_halves_are_the_whole_cut_in_two(texts):
    (batch,) = cut(texts, 10**6)
    first, second = batch.halves()
    assert len(first) == len(texts) // 2
    assert first.rows.tolist() + second.rows.tolist() == batch.rows.tolist()
    assert (calls(first) if len(first) else []) + calls(second) == calls(batch)


@laws
@given(payloads.filter(bool), st.integers(16, 60))
def test_halving_until_calls_stand_alone_gives_each_call_its_own_body(texts, limit):
    def alone(batch):
        return [batch] if len(batch) == 1 else [found for half in batch.halves() for found in alone(half)]

    single = [found for batch in cut(texts, limit) for found in alone(batch)]
    assert [found.body for found in single] == [b'{"batch":[' + text.encode() + b"]}" for text in texts]
    assert [found.rows.tolist() for found in single] == [[row] for row in range(len(texts))]


def test_a_body_is_the_payloads_with_commas_in_the_envelope():
    (batch,) = cut(['{"type":"identify","userId":"ada"}', '{"type":"identify","userId":"é"}'], 1_000)
    assert batch.body == (b'{"batch":[{"type":"identify","userId":"ada"},{"type":"identify","userId":"\xc3\xa9"}]}')


def test_the_envelope_counts():
    assert len(b'{"batch":[]}') == ENVELOPE_BYTES
    assert len(cut(["11", "22"], ENVELOPE_BYTES + 5)) == 1
    assert len(cut(["11", "22"], ENVELOPE_BYTES + 4)) == 2


@pytest.mark.parametrize("limit", [1, 12, 13])
def test_a_call_too_large_for_a_body_makes_a_body_of_its_own(limit):
    assert [batch.rows.tolist() for batch in cut(["1", "22222", "3"], limit)] == [[0], [1], [2]]


def test_no_calls_make_no_bodies():
    assert cut([], 100) == []


def test_a_buffer_that_starts_before_the_first_payload_is_cut_all_the_same():
    found = list(batches(np.array([5, 6]), np.array([3, 6, 9]), memoryview(b"xx,11,22,33,"), max_body_bytes=1_000))
    assert [batch.body for batch in found] == [b'{"batch":[11,22]}']
