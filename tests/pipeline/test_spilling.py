"""What was seen is counted the same, in memory and on disk."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames.pipeline.message_ids import Seen
from cio_frames.pipeline.spilling import SpillingSeen

numbers = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=30)


@settings(max_examples=80, deadline=None)
@given(chunks=st.lists(numbers, max_size=8), run_numbers=st.sampled_from([1, 7, 40]))
def test_chunks_are_counted_as_in_memory(tmp_path_factory, chunks, run_numbers):
    spilling, plain = SpillingSeen(tmp_path_factory.getbasetemp(), run_numbers=run_numbers), Seen()
    for chunk in chunks:
        some = np.array(chunk, dtype=np.uint64)
        for half in np.array_split(some, 2):
            # As a load does: a copy counts, and the original remembers when the chunk is done.
            assert spilling.copy().before(half).tolist() == plain.copy().before(half).tolist()
        spilling.add(some)
        plain.add(some)


def test_a_copy_does_not_see_what_is_added_later(tmp_path):
    seen = SpillingSeen(tmp_path, run_numbers=2)
    seen.add(np.array([1, 2, 3], dtype=np.uint64))
    copy = seen.copy()
    seen.add(np.array([4, 5, 6], dtype=np.uint64))
    assert copy.before(np.array([1, 4], dtype=np.uint64)).tolist() == [1, 0]
    assert seen.before(np.array([1, 4], dtype=np.uint64)).tolist() == [1, 1]


@pytest.mark.parametrize("share", [0.001, 0.6])
def test_many_numbers_with_few_and_with_many_repetitions_over_blocks_and_runs(tmp_path, share):
    chance = np.random.default_rng(5)
    everything = chance.integers(0, 2**64, 300_000, dtype=np.uint64)
    everything[: int(share * len(everything))] = chance.choice(everything[-5_000:], int(share * len(everything)))
    chance.shuffle(everything)
    # One number fills several blocks.
    everything[100_000:103_000] = 77
    spilling, plain = SpillingSeen(tmp_path, run_numbers=20_000), Seen()
    for chunk in np.array_split(everything, 30):
        assert (spilling.copy().before(chunk) == plain.copy().before(chunk)).all()
        spilling.add(chunk)
        plain.add(chunk)


def test_the_file_has_no_name(tmp_path):
    seen = SpillingSeen(tmp_path, run_numbers=1)
    seen.add(np.array([1, 2], dtype=np.uint64))
    assert list(tmp_path.iterdir()) == []


def test_runs_that_are_merged_piece_by_piece_are_counted_as_in_memory(tmp_path):
    chance = np.random.default_rng(9)
    everything = chance.integers(0, 2**64, 1_200_000, dtype=np.uint64)
    everything[::50] = chance.choice(everything[:1_000], len(everything[::50]))
    spilling, plain = SpillingSeen(tmp_path, run_numbers=200_000), Seen()
    for chunk in np.array_split(everything, 12):
        assert (spilling.copy().before(chunk) == plain.copy().before(chunk)).all()
        spilling.add(chunk)
        plain.add(chunk)
