import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cio_frames import pipeline
from cio_frames.message_ids import MessageIds

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def number(ulid):
    """Read a ULID back, digit by digit."""
    assert len(ulid) == 26
    value = 0
    for character in ulid:
        value = value * 32 + ALPHABET.index(character)
    assert value < 2**128
    return value


def ids(texts, ms=None, may_repeat=True):
    ms = [-1] * len(texts) if ms is None else ms
    calls = pa.array(texts, pa.large_string())
    return MessageIds().of(calls, np.array(ms), may_repeat=np.full(len(texts), may_repeat)).to_pylist()


def orders(count=6, **columns):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(count)], "total": range(count), **columns})


def test_the_id_of_a_written_out_call_is_time_and_hash():
    text = '{"type":"track"}'
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    (timed,) = ids([text], [1_700_000_000_000])
    assert number(timed) >> 80 == 1_700_000_000_000
    assert number(timed) & (2**80 - 1) == int.from_bytes(digest[6:], "big")
    (untimed,) = ids([text])
    assert number(untimed) == int.from_bytes(digest, "big")


def test_a_time_before_1970_has_no_place_in_a_ulid_and_the_hash_takes_it():
    assert ids(["a"], [-5]) == ids(["a"])


def test_identical_calls_differ_by_how_often_they_came_and_a_rerun_repeats_them():
    first = ids(["a", "a", "b", "a"], [0, 0, 0, 0])
    assert len(set(first)) == 4
    assert ids(["a", "a", "b", "a"], [0, 0, 0, 0]) == first
    assert ids(["a", "b"], [0, 0]) == [first[0], first[2]]


def test_the_occurrence_is_counted_over_slices_too():
    made = MessageIds()
    call = pa.array(["a"], pa.large_string())
    slices = [made.of(call, np.array([0]), may_repeat=np.array([True])).to_pylist()[0] for _ in range(3)]
    assert slices == ids(["a", "a", "a"], [0, 0, 0])


def test_no_calls_have_no_ids():
    assert ids([]) == []


def test_the_same_call_has_the_same_id_in_any_row_order_and_slice_size(monkeypatch):
    frame = orders()
    whole = frame.cio.track("Seen", dry_run=True)["message_id"]
    shuffled = frame.sample(frac=1, random_state=3)
    assert shuffled.cio.track("Seen", dry_run=True)["message_id"].sort_index().tolist() == whole.tolist()
    monkeypatch.setattr(pipeline, "SLICE_ROWS", 2)
    assert frame.cio.track("Seen", dry_run=True)["message_id"].tolist() == whole.tolist()


@pytest.mark.parametrize("dtype", ["object", "string", "string[pyarrow]", "category"])
def test_the_same_call_has_the_same_id_whichever_dtype_holds_its_text(dtype):
    frame = orders()
    expected = frame.cio.track("Seen", dry_run=True)["message_id"].tolist()
    assert frame.astype({"user_id": dtype}).cio.track("Seen", dry_run=True)["message_id"].tolist() == expected


def test_the_id_of_a_call_is_pinned():
    frame = pd.DataFrame({"user_id": ["ada"], "total": [1.5], "timestamp": ["2026-01-01T00:00:00Z"]})
    sent = '{"type":"track","event":"Seen","userId":"ada","timestamp":"2026-01-01T00:00:00.000Z",'
    sent += '"properties":{"total":1.5}'
    (found,) = frame.cio.track("Seen", dry_run=True)["message_id"]
    assert number(found) >> 80 == 1_767_225_600_000
    digest = hashlib.blake2b(sent.encode(), digest_size=16).digest()
    assert number(found) & (2**80 - 1) == int.from_bytes(digest[6:], "big")


def test_calls_that_differ_in_one_cell_differ_in_their_ids():
    frame = orders(count=1000).assign(total=lambda df: df["total"] % 7, user_id="ada")
    assert frame.assign(n=range(1000)).cio.track("Seen", dry_run=True)["message_id"].is_unique
