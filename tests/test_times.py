import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_frames.times import day_text, from_text, from_timestamps, time_text

MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999))


def written(ms):
    return time_text(np.array(ms), np.zeros(len(ms), dtype=bool)).to_pylist()


def exact_ms(moment):
    return (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(milliseconds=1)


@given(st.lists(MOMENTS, min_size=1))
def test_any_moment_is_written_as_python_writes_it(moments):
    cut = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    expected = [f"{moment.isoformat(timespec='milliseconds')}Z" for moment in cut]
    assert written([exact_ms(moment) for moment in moments]) == expected


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(["us", "ms", "s"]))
def test_a_timestamp_of_any_unit_is_cut_and_never_rounded(moments, unit):
    array = pa.array(moments, pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)
    step = {"us": 1, "ms": 1_000, "s": 1_000_000}[unit]
    us = [(moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1) for moment in moments]
    if unit == "us":
        assert from_timestamps(array, "UTC").ms.tolist() == [each // 1_000 for each in us]
    found = from_timestamps(array, "UTC").ms
    assert (np.abs(found - np.array(us) // 1_000) < step / 1_000 + 1).all()


def test_nanoseconds_before_1970_are_cut_towards_the_past():
    array = pa.array([-1, 999_999, -1_000_001], pa.timestamp("ns"))
    assert from_timestamps(array, "UTC").ms.tolist() == [-1, 0, -2]


@given(st.lists(st.dates(), min_size=1))
def test_any_day_is_written_as_python_writes_it(days):
    counts = np.array([(day - dt.date(1970, 1, 1)).days for day in days])
    assert day_text(counts, np.zeros(len(days), dtype=bool)).to_pylist() == [day.isoformat() for day in days]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1997-01-01", "1997-01-01T00:00:00.000Z"),
        ("1997-01-01T10:00", "1997-01-01T10:00:00.000Z"),
        ("1997-01-01 10:00:00.1239", "1997-01-01T10:00:00.123Z"),
        ("1997-01-01T10:00:00Z", "1997-01-01T10:00:00.000Z"),
        ("1997-01-01T10:00:00+02:00", "1997-01-01T08:00:00.000Z"),
        ("1997-01-01T10:00:00-0130", "1997-01-01T11:30:00.000Z"),
    ],
)
def test_iso_8601_text_is_read(text, expected):
    found = from_text(pa.array([text, None]), "UTC")
    assert written(found.ms[:1]) == [expected]
    assert found.missing.tolist() == [False, True]
    assert not found.unreadable.any()


@pytest.mark.parametrize(
    "text", ["soon", "1997-02-30", "01/02/1997", "1650000000", "24:00", "", "1997-13-01T00:00:00Z"]
)
def test_other_text_is_not(text):
    assert from_text(pa.array([text, "1997-01-01", "1997-01-01T00:00:00Z"]), "UTC").unreadable.tolist() == [
        True,
        False,
        False,
    ]


def test_the_hour_that_clocks_skip_and_the_hour_they_repeat_are_unclear():
    times = pa.array(["2026-03-29T02:30:00", "2026-10-25T02:30:00", "2026-07-01T02:30:00", None])
    found = from_text(times, "Europe/Berlin")
    assert found.unclear.tolist() == [True, True, False, False]
    assert written(found.ms[2:3]) == ["2026-07-01T00:30:00.000Z"]


def test_years_that_four_digits_cannot_write_are_unreadable():
    seconds = pa.array([253_402_300_799, 253_402_300_800, -62_135_596_800, -62_135_596_801], pa.timestamp("s"))
    found = from_timestamps(seconds, "UTC")
    assert found.unreadable.tolist() == [False, True, False, True]
    assert written(found.ms[[0, 2]]) == ["9999-12-31T23:59:59.000Z", "0001-01-01T00:00:00.000Z"]
