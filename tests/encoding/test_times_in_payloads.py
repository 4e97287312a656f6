"""Times and dates in payloads."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.encoding.payload_texts import arrow, field, one, written


def test_a_time_before_1970_is_cut_and_not_rounded_towards_it():
    times = pd.Series(pd.to_datetime(["1969-12-31T23:59:59.999999999", "1969-12-31T23:59:59.998000001"]))
    assert written(times) == ['"1969-12-31T23:59:59.999Z"', '"1969-12-31T23:59:59.998Z"']
    assert written(times.astype(object)) == ['"1969-12-31T23:59:59.999Z"', '"1969-12-31T23:59:59.998Z"']


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_years_1_and_9999_are_written_in_four_digits(unit):
    times = pd.Series(np.array(["0001-01-01T00:00:00", "9999-12-31T23:59:59"], dtype=f"datetime64[{unit}]"))
    assert written(times) == ['"0001-01-01T00:00:00.000Z"', '"9999-12-31T23:59:59.000Z"']


@pytest.mark.parametrize("when", ["0000-12-31T23:59:59", "10000-01-01T00:00:00"])
def test_a_year_that_four_digits_cannot_write_holds_the_row_back(when):
    column = pd.Series(np.array([when], dtype="datetime64[s]"))
    assert field(column) == "x: year must be from 1 to 9999; replace it with null if it stands for no time"
    assert (
        one(np.datetime64(when, "s")) == "x: year must be from 1 to 9999; replace it with null if it stands for no time"
    )
    assert (
        field(column, "timestamp")
        == "timestamp: year must be from 1 to 9999; replace it with null if it stands for no time"
    )


def test_a_time_whose_year_is_lost_only_in_utc_holds_the_row_back():
    column = pd.Series(np.array(["9999-12-31T23:30", "9999-12-31T00:00"], dtype="datetime64[s]"))
    assert (
        field(column, row=0, timezone="America/New_York")
        == "x: year must be from 1 to 9999; replace it with null if it stands for no time"
    )
    assert field(column, row=1, timezone="America/New_York") == "9999-12-31T05:00:00.000Z"
    assert (
        field(column.astype(object), row=0, timezone="America/New_York")
        == "x: year must be from 1 to 9999; replace it with null if it stands for no time"
    )
    assert (
        one(dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))))
        == "x: year must be from 1 to 9999; replace it with null if it stands for no time"
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("label", ["x", "timestamp"])
def test_naive_times_that_berlin_skips_or_has_twice_hold_their_rows_back(unit, label):
    times = ["2026-03-29T01:59:59", "2026-03-29T02:30:00", "2026-03-29T03:00:00", "2026-10-25T02:30:00"]
    column = pd.Series(np.array(times, dtype=f"datetime64[{unit}]"))
    ambiguous = f"{label}: time occurs twice or never in Europe/Berlin (clock change); send it with a UTC offset"
    expected = ["2026-03-29T00:59:59.000Z", ambiguous, "2026-03-29T01:00:00.000Z", ambiguous]
    as_text = pd.Series(times) if label == "timestamp" else column
    for same in (column, column.astype(object), as_text):
        assert [field(same, label, row=row, timezone="Europe/Berlin") for row in range(4)] == expected


def test_a_zone_keeps_its_rule_after_2037_and_its_seconds_before_1893():
    times = np.array(["2050-07-01T12:00", "1880-07-01T12:00"], dtype="datetime64[s]")
    expected = ['"2050-07-01T10:00:00.000Z"', '"1880-07-01T11:06:32.000Z"']
    assert written(pd.Series(times), timezone="Europe/Berlin") == expected
    assert written(pd.Series(times).astype(object), timezone="Europe/Berlin") == expected


def test_times_with_a_zone_are_sent_in_utc_whatever_timezone_says():
    column = pd.Series(pd.to_datetime(["2026-07-01T14:00"]).tz_localize("Europe/Berlin"))
    assert written(column, timezone="America/New_York") == ['"2026-07-01T12:00:00.000Z"']


def test_both_readings_of_a_turned_clock_can_be_sent_with_a_zone():
    both = pd.to_datetime(["2026-10-25T00:30Z", "2026-10-25T01:30Z"]).tz_convert("Europe/Berlin")
    expected = ['"2026-10-25T00:30:00.000Z"', '"2026-10-25T01:30:00.000Z"']
    assert written(pd.Series(both)) == expected
    assert written(pd.Series(both).astype(object)) == expected


def test_a_date_is_a_day_as_a_trait_and_midnight_in_the_zone_as_a_timestamp():
    for dates in (arrow([dt.date(2026, 7, 1)], pa.date32()), pd.Series([dt.date(2026, 7, 1)], dtype=object)):
        assert written(dates, timezone="Europe/Berlin") == ['"2026-07-01"']
        assert field(dates, "timestamp", timezone="Europe/Berlin") == "2026-06-30T22:00:00.000Z"


def test_times_of_day_have_milliseconds_and_no_zone():
    assert written(arrow([86_399_999_999], pa.time64("us"))) == ['"23:59:59.999"']
    assert written(arrow([1], pa.time32("s"))) == ['"00:00:01.000"']
    assert written(pd.Series([dt.time(1, 2, 3, 999_999)], dtype=object)) == ['"01:02:03.999"']


def test_text_in_a_timestamp_is_read_the_same_beside_text_that_is_no_time():
    good = ["0001-01-01", "9999-12-31T23:59:59.999999", "2026-07-01 10:00+02:00", "2026-07-01T10"]
    expected = ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2026-07-01T08:00:00.000Z"]
    expected.append("2026-07-01T10:00:00.000Z")
    for column in (pd.Series(good), pd.Series([*good, "soon"]), pd.Series([*good, None, 7], dtype=object)):
        assert [field(column, "timestamp", row=row) for row in range(4)] == expected


@pytest.mark.parametrize("text", ["now", "today", "2026", "2026-01", "2026-02-29", "", "1767225600"])
def test_text_that_is_no_day_is_no_timestamp(text):
    reason = "timestamp: must be a time: a datetime, or ISO 8601 text such as 2026-11-24T09:30:00Z"
    assert field(pd.Series([text]), "timestamp") == reason
    assert one(text, "timestamp") == reason


def test_a_number_is_no_timestamp():
    assert field(pd.Series([1_767_225_600]), "timestamp").startswith("timestamp: must be a time, found a number")
    assert one(1_767_225_600, "timestamp").startswith("timestamp: must be a time, found a number")
