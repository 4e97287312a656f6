import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cio_frames.lanes import people, repeated

IDS = st.lists(st.tuples(st.none() | st.sampled_from("abcd"), st.none() | st.sampled_from("wxyz")), min_size=1)


def text(values):
    return pa.array(values, pa.large_string())


def components(rows):
    """Join rows that share an id, the slow way."""
    groups = []
    for row, ids in enumerate(rows):
        known = {each for each in ids if each}
        if not known:
            continue
        touched = [group for group in groups if group[0] & known]
        groups = [group for group in groups if group not in touched]
        groups.append((known.union(*(g[0] for g in touched)), {row}.union(*(g[1] for g in touched))))
    return {frozenset(members) for _, members in groups}


@given(IDS)
def test_rows_that_share_an_id_directly_or_not_are_one_person_and_no_others_are(rows):
    found = people([text([a for a, _ in rows]), text([b for _, b in rows])])
    numbers = set(found[found >= 0].tolist())
    assert {frozenset(np.flatnonzero(found == number).tolist()) for number in numbers} == components(rows)
    assert all((found[row] == -1) == (ids == (None, None)) for row, ids in enumerate(rows))


def test_an_alias_joins_what_came_before_under_either_id():
    user = text(["ada", None, "ada", "bob"])
    anonymous = text([None, "a-1", None, None])
    previous = text([None, None, "a-1", None])
    found = people([user, anonymous, previous])
    assert found[0] == found[1] == found[2] != found[3]


def test_people_with_one_row_are_not_repeated():
    assert not repeated(people([text(["a", "b", "c"])])).any()


def test_no_rows_are_no_people():
    assert people([text([])]).tolist() == []
    assert repeated(np.array([], dtype=np.int64)).tolist() == []
