"""One person's calls travel one lane, whichever of their ids a row has."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames.client import Client
from cio_frames.delivery.batching import Batch
from cio_frames.pipeline import EncodeRun, Prepared, build_call_spec
from cio_frames.pipeline.ordering import has_duplicates, may_collide, person_keys

some_id = st.none() | st.sampled_from("abcdef")


def of(*columns):
    return person_keys([pa.array(column, pa.large_string()) for column in columns])


def groups(rows):
    """Rows that share an id, directly or by way of others, found by joining sets."""
    joined = []
    for row, found in enumerate(rows):
        own = ({row}, set(found) - {None})
        near = [group for group in joined if group[1] & own[1]]
        joined = [group for group in joined if group not in near]
        joined.append(
            (set().union(own[0], *(rows for rows, _ in near)), set().union(own[1], *(ids for _, ids in near)))
        )
    return sorted(sorted(rows) for rows, ids in joined if ids)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[some_id] * width), min_size=1, max_size=12)))
def test_rows_have_one_person_exactly_if_their_ids_are_joined(rows):
    person = of(*zip(*rows, strict=True))
    found = [sorted(np.flatnonzero(person == number).tolist()) for number in set(person.tolist()) - {-1}]
    assert sorted(found) == groups(rows)
    assert [number == -1 for number in person] == [not any(row) for row in rows]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.none() | st.text(max_size=40) | st.sampled_from(["a" * 8, "a" * 9, "a" * 16, "a" * 8 + "\0"])))
def test_with_one_kind_of_id_rows_have_one_number_exactly_if_their_ids_are_equal(ids):
    person = of(ids).tolist()
    assert [number == -1 for number in person] == [each is None for each in ids]
    assert len(set(zip(person, ids, strict=True))) == len(set(person)) == len(set(ids))
    assert min(person, default=0) >= -1


def test_an_id_has_the_same_number_at_any_position():
    ids = ["a", "b" * 30, None, "c" * 500, "a", "d", "b" * 30, "c" * 500, "\u00e4" * 9, None] * 3
    whole = of(ids)
    assert np.array_equal(person_keys([pa.array(ids, pa.large_string())], block_ids=4), whole)
    sliced = person_keys([pa.array(["x", *ids, "y"], pa.large_string()).slice(1, len(ids))])
    assert np.array_equal(sliced, whole)


def test_ids_with_a_long_common_prefix_have_distinct_numbers():
    ids = [f"https://shop.example.com/{'a' * 200}/{number}" for number in range(1_000)]
    assert len(set(of(ids).tolist())) == 1_000


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.integers(-1, 9), max_size=10))
def test_duplicates_are_found_exactly_if_a_person_has_several_rows(person):
    known = [number for number in person if number != -1]
    assert has_duplicates(np.array(person, dtype=np.int64)) == (len(set(known)) < len(known))


def test_a_duplicate_in_the_last_of_many_rows_is_found():
    person = np.arange(100_000)
    assert not has_duplicates(person)
    person[-1] = 0
    assert has_duplicates(person)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.tuples(st.integers(-1, 5), st.sampled_from([-(2**63), -1, 0, 5, 2**62])), max_size=20))
def test_rows_of_one_person_at_one_time_may_collide(rows):
    person, ms = (np.array([row[at] for row in rows], dtype=np.int64) for at in (0, 1))
    found = may_collide(person, ms)
    assert all(found[at] for at, row in enumerate(rows) if rows.count(row) > 1)


def test_few_other_rows_may_collide():
    chance = np.random.default_rng(1)
    person, ms = chance.integers(0, 2_000, 10_000), chance.integers(0, 2**40, 10_000)
    assert may_collide(person, ms).mean() < 0.25
    assert may_collide(np.arange(10_000), np.full(10_000, -(2**63))).mean() < 0.25


def test_a_long_chain_of_aliases_is_one_person():
    count = 100_000
    names = [f"id{number}" for number in range(count + 1)]
    order = np.random.default_rng(7).permutation(count)
    user, previous = np.array(names[1:])[order], np.array(names[:-1])[order]
    assert set(of(user.tolist(), previous.tolist()).tolist()) == {0}


def test_an_anonymous_id_joins_the_rows_before_and_after_it_became_known():
    person = of(["ada", None, None, "grace"], ["x", "x", "y", "z"])
    assert person[0] == person[1]
    assert len({person[0], person[2], person[3]}) == 3


def test_no_rows_have_no_people():
    assert of([]).tolist() == []
    assert of([], []).tolist() == []
    assert not has_duplicates(np.array([], dtype=np.int64))


def test_rows_without_ids_have_no_person():
    assert of([None, None], [None, None]).tolist() == [-1, -1]


def lanes_of(frame, call="identify", workers=4, slice_rows=None, **columns):
    client = Client(write_key="test", workers=workers)
    prepared = Prepared(frame, build_call_spec(call, schema=None, **columns), slice_rows=slice_rows)
    lanes = {}
    for lane, batch in EncodeRun(prepared, client, message_ids=None).batches():
        assert isinstance(batch, Batch)
        for row in batch.rows.tolist():
            lanes[row] = lane
    return lanes


def test_calls_of_one_person_travel_one_lane_in_row_order():
    frame = pd.DataFrame({"user_id": [f"u{row % 5}" for row in range(40)], "n": range(40)})
    lanes = lanes_of(frame, slice_rows=7)
    assert sorted(lanes) == list(range(40))
    for user in range(5):
        assert len({lanes[row] for row in range(40) if row % 5 == user}) == 1
    client = Client(write_key="test")
    order = {}
    prepared = Prepared(frame, build_call_spec("identify", schema=None), slice_rows=7)
    for lane, batch in EncodeRun(prepared, client, message_ids=None).batches():
        order.setdefault(lane, []).extend(batch.rows.tolist())
    assert all(rows == sorted(rows) for rows in order.values())


def test_batches_of_people_with_one_row_each_take_turns_among_the_lanes():
    assert lanes_of(pd.DataFrame({"user_id": list("abcd")}), workers=2, slice_rows=1) == {0: 0, 1: 1, 2: 0, 3: 1}


@pytest.mark.parametrize("workers", [1, 3])
def test_every_lane_is_one_of_the_workers(workers):
    frame = pd.DataFrame({"user_id": list("abca"), "anonymous_id": ["x", "y", None, "z"]})
    assert set(lanes_of(frame, workers=workers).values()) <= set(range(workers))


def test_an_alias_and_the_calls_around_it_travel_one_lane():
    frame = pd.DataFrame(
        {
            "type": ["track", "alias", "identify", "identify"],
            "event": ["Viewed", None, None, None],
            "anonymous_id": ["x", None, None, None],
            "user_id": [None, "ada", "ada", "grace"],
            "previous_id": [None, "x", None, None],
        }
    )
    lanes = lanes_of(frame, "batch", type_column="type")
    assert lanes[0] == lanes[1] == lanes[2]
