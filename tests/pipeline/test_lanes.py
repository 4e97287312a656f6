"""Lanes of a load: whoever is in several chunks on their way at once has one lane in all of them."""

import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cio_frames.pipeline import Prepared, build_call_spec
from cio_frames.pipeline.lanes import LoadLanes
from cio_frames.pipeline.ordering import JoinedIds

IDENTIFY = build_call_spec("identify", schema=None)


def person_of_each(rows):
    """Return a number for the person of each row of ids: rows that share one, directly or by way of others, are one."""
    numbers = list(range(len(rows)))
    while True:
        before = list(numbers)
        for place, ids in enumerate(rows):
            same = [at for at, others in enumerate(rows) if set(ids) & set(others)]
            numbers[place] = min(numbers[at] for at in same)
        if numbers == before:
            return numbers


def chosen(chunks, count, max_rows):
    lanes = LoadLanes(count, max_rows=max_rows, joined=JoinedIds(bits=16))
    return [
        lanes.choose(Prepared(pd.DataFrame(rows, columns=["user_id", "anonymous_id"], dtype="str"), IDENTIFY))
        for rows in chunks
    ]


# Of different kinds, so that an id is one person's alone.
row = st.tuples(
    st.none() | st.sampled_from([f"u{number}" for number in range(12)]),
    st.none() | st.sampled_from([f"a{number}" for number in range(12)]),
).filter(any)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.lists(row, min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 8), st.integers(1, 30))
@example([[("u1", None), (None, "a1")], [("u1", "a1")]], 8, 30)
@example([[("u1", None)], [(None, "a1")], [("u1", "a1")], [("u2", "a2")], [("u1", None)]], 8, 30)
def test_whoever_is_on_the_way_stays_on_a_lane(chunks, count, max_rows):
    choices, waited = chosen(chunks, count, max_rows), 0
    for number, choice in enumerate(choices):
        first = max(number - choice.chunks_before, waited)
        assert sum(map(len, chunks[first : number + 1])) <= max(max_rows, len(chunks[number]))
        if not choice.may_overlap:
            first = waited = number
        # What later chunks join is not known yet.
        known = [ids for chunk in chunks[: number + 1] for ids in chunk]
        people = person_of_each([[each for each in ids if each] for ids in known])
        start = sum(map(len, chunks[:first]))
        lane_of = {}
        for each, rows in zip(choices[first : number + 1], chunks[first : number + 1], strict=True):
            lanes = ["any"] * len(rows) if each.lane is None else each.lane.tolist()
            for lane in lanes:
                lane_of.setdefault(people[start], []).append(lane)
                start += 1
        assert all(len(set(lanes)) == 1 and (lanes[0] != "any" or len(lanes) == 1) for lanes in lane_of.values())


def test_people_who_come_once_take_any_lane_and_chunks_begin_on_different_ones():
    choices = chosen([[(f"u{number}", None)] for number in range(6)], 4, 100)
    assert [choice.lane for choice in choices] == [None] * 6
    assert [choice.first_lane for choice in choices] == [0, 1, 2, 3, 0, 1]
    assert all(choice.may_overlap for choice in choices)


def test_from_the_first_person_who_comes_back_on_lanes_depend_on_people_and_chunks_do_not_wait_again():
    chunks = [[(f"u{number}", None) for number in range(50)]] * 4
    choices = chosen(chunks, 4, 100)
    assert [choice.lane is None for choice in choices] == [True, False, False, False]
    assert [choice.may_overlap for choice in choices] == [True, False, True, True]
    assert [choice.chunks_before for choice in choices] == [0, 1, 1, 1]
