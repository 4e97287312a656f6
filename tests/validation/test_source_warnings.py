"""Warnings that show only over all rows: people and emails that come again, aliases in a circle over chunks."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.validation import PeopleRows, SourceWarnings


def lines(frame, call="identify", **options):
    return [each.reason for each in cio.validate(frame, call, **options).warnings if each.scope == "source"]


DTYPES = [object, "str", "category", pd.ArrowDtype(pa.string())]


@pytest.mark.parametrize("dtype", DTYPES)
def test_people_with_several_rows_are_counted(dtype):
    frame = pd.DataFrame({"user_id": pd.Series(["a", "b", "a", "c", "b", "a"], dtype=dtype)})
    report = cio.validate(frame, "identify")
    (found,) = report.warnings
    assert found.reason == "2 people have more than one row; the last row wins"
    assert found.first_positions == (0, 1, 2, 4, 5)
    assert report.rows_with_warnings == 0


def test_numbers_and_anonymous_ids_count_too():
    assert lines(pd.DataFrame({"user_id": [7, 8, 7]})) == ["1 person has more than one row; the last row wins"]
    frame = pd.DataFrame({"user_id": ["a", None, None, None], "anonymous_id": ["x", "x", "x", "y"]})
    assert lines(frame) == ["1 person has more than one row; the last row wins"]


def test_events_of_one_person_are_no_duplicates():
    frame = pd.DataFrame({"user_id": ["a", "a"], "email": ["x@example.com"] * 2})
    assert lines(frame, "page") == []
    assert lines(frame, "track", event="Seen") == []


def test_rows_that_are_not_sent_do_not_count():
    frame = pd.DataFrame({"user_id": ["a", "a"], "email": ["a@example.com", "nobody"]})
    assert lines(frame) == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("other", ["d@x.io", "D@X.io", "\u00c9@x.io"])
def test_two_ids_with_one_email_in_any_case_of_letters_are_counted(dtype, other):
    emails = [other, other.lower(), "e@x.io", None]
    frame = pd.DataFrame({"user_id": ["a", "b", "c", "d"], "email": pd.Series(emails, dtype=dtype)})
    assert lines(frame) == ["1 email has more than one id; Customer.io keeps one person for an email"]


def test_one_id_with_one_email_in_two_rows_is_one_person():
    frame = pd.DataFrame({"user_id": ["a", "a"], "email": ["d@x.io", "D@x.io"]})
    assert lines(frame) == ["1 person has more than one row; the last row wins"]


NONE = np.empty(0, dtype=np.int64)


def chunk(people, emails=NONE, merged=NONE, into=NONE):
    people = np.asarray(people, dtype=np.int64)
    emails = np.asarray(emails, dtype=np.int64)
    rows = np.arange(len(people))
    with_email = rows[: len(emails)]
    merged, into = (np.asarray(each, dtype=np.int64) for each in (merged, into))
    return PeopleRows(len(people), rows, people, with_email, people[: len(emails)], emails, merged, into)


def test_chunks_are_counted_together():
    found = SourceWarnings()
    found.add([], chunk([1, 2, 3], emails=[7, 8, 9]))
    found.add([], chunk([4, 1], emails=[7, 7]))
    assert [(each.check, each.rows, each.first_positions) for each in found.warnings()] == [
        ("duplicate_people", 1, (0, 4)),
        ("email_of_two_ids", 1, (0, 3, 4)),
    ]


def test_aliases_in_a_circle_over_chunks_are_counted():
    found = SourceWarnings()
    found.add([], chunk([], merged=[1, 5], into=[2, 6]))
    found.add([], chunk([], merged=[2], into=[1]))
    assert [each.reason for each in found.warnings()] == [
        "2 aliases merge ids in a circle over the source; keep one direction"
    ]


def test_beyond_the_limit_counts_are_lower_bounds_and_memory_stays():
    rng = np.random.default_rng(0)
    people = rng.integers(0, 2**62, 50_000)
    found = SourceWarnings(max_keys=10_000)
    for start in range(0, 50_000, 5_000):
        found.add([], chunk(people[start : start + 5_000]))
    found.add([], chunk(people))
    (warning,) = found.warnings()
    assert warning.at_least
    assert warning.reason.startswith("at least ")
    assert 1_000 < warning.rows <= 10_000


def test_a_source_of_which_parts_are_missing_has_lower_bounds():
    found = SourceWarnings(is_partial=True)
    found.add([], chunk([1, 1]))
    assert found.warnings()[0].reason == "at least 1 person has more than one row; the last row wins"
