"""Guards trip exactly, and trip too where they cannot be evaluated."""

from __future__ import annotations

import pickle

import pytest

from cio_frames.errors import ConfigurationError, GuardError
from cio_frames.syncing.guards import Guards

QUIET = {"rows": 1_000, "subjects": 1_000, "changed": 0, "missing": 0, "candidates": 1_000, "acts": True}


@pytest.mark.parametrize(
    ("guards", "facts"),
    [
        (Guards(), {"missing": 50}),
        (Guards(), {"candidates": 100_000, "rows": 99_000, "missing": 1_000}),
        (Guards(), {"candidates": 0}),
        # One of five, and of five and a hundred.
        (Guards(), {"candidates": 5, "missing": 1, "claimed": 100}),
        (Guards(), {"candidates": 5, "missing": 1, "claimed": 100, "claimed_missing": 4}),
        # Nobody has left whom the state delivered, whatever a baseline says.
        (Guards(), {"candidates": 5, "missing": 0, "claimed": 100, "claimed_missing": 90}),
        (Guards(max_removed=51), {"missing": 51}),
        (Guards(max_changed="10%"), {"changed": 100}),
        (Guards(min_rows=1_000), {}),
        (Guards(min_rows="100%"), {}),
        (Guards(min_rows=0), {"rows": 0}),
        (Guards(), {"rows": 0, "subjects": 0}),
        (Guards(), {"missing": 900, "acts": False}),
        (Guards(max_changed="5%"), {"subjects": 0}),
    ],
)
def test_what_is_within_the_limits_passes(guards, facts):
    guards.check(**QUIET | facts)


@pytest.mark.parametrize(
    ("guards", "facts", "words"),
    [
        (Guards(), {"missing": 51}, "51 subjects are missing; the limit is 50"),
        (Guards(), {"candidates": 100_000, "missing": 1_001}, "the limit is 1,000"),
        (
            Guards(),
            {"candidates": 100, "missing": 6},
            r"is 5 \(5% of the 100 subjects that the state delivered",
        ),
        (Guards(max_removed=0), {"missing": 1}, "the limit is 0"),
        (Guards(max_removed=0), {"missing": 1, "claimed": 10_000}, "the limit is 0"),
        (Guards(), {"candidates": 1_500, "missing": 750, "claimed": 10_000, "claimed_missing": 5_000}, "limit is 75"),
        (Guards(max_changed=10), {"changed": 11}, "11 subjects changed; the limit is 10"),
        (Guards(max_changed="1.5%"), {"changed": 16}, "the limit is 15"),
        (Guards(min_rows=1_001), {}, "at least 1,001 are required"),
        (Guards(min_rows="50%"), {"rows": 499}, r"at least 500 \(50% of the 1,000 subjects"),
        (Guards(), {"rows": 0}, "the source has 0 rows"),
        (Guards(min_rows="50%"), {"subjects": 0}, "no subjects yet"),
        (Guards(max_changed="5%"), {"subjects": 0, "changed": 1}, "no subjects yet"),
    ],
)
def test_what_exceeds_a_limit_or_cannot_be_evaluated_trips(guards, facts, words):
    with pytest.raises(GuardError, match=words):
        guards.check(**QUIET | facts)


def test_all_guards_that_trip_are_told_at_once_and_survive_pickling():
    with pytest.raises(GuardError) as caught:
        Guards(max_changed=1, min_rows=2_000).check(**QUIET | {"changed": 2, "missing": 60})

    error = pickle.loads(pickle.dumps(caught.value))
    assert len(error.findings) == 3
    assert "--max-removed" in error.text("command line")


@pytest.mark.parametrize("limit", ["5", "110%", "-1%", -1, True, 1.5, "five"])
def test_a_limit_that_is_neither_a_count_nor_a_share_is_refused(limit):
    with pytest.raises(ConfigurationError, match="must be a count"):
        Guards(max_changed=limit)
