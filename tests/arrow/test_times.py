"""Times are cut to milliseconds, read in their zone, and written in UTC."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames.arrow import times
from cio_frames.arrow.time_text import day_text, time_text
from tests import frames
from tests.reference import NoForm, Zone, as_time

laws = settings(deadline=None, derandomize=True, max_examples=200)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"]
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999


def written(instants):
    gone = instants.missing | instants.unreadable | instants.ambiguous
    return time_text(instants.ms, gone).to_pylist()


def expected(text, zone):
    """What one text says, read with datetime; None where it says nothing."""
    try:
        return None if text is None else as_time(text, Zone(zone))
    except NoForm:
        return None


@laws
@given(st.lists(st.none() | frames.time_texts, max_size=6), st.sampled_from(ZONES))
def test_text_is_read_as_datetime_reads_it(texts, zone):
    instants = times.from_text(pa.array(texts, pa.large_string()), zone)
    assert written(instants) == [expected(text, zone) for text in texts]
    assert instants.missing.tolist() == [text is None for text in texts]
    assert not (instants.missing & (instants.unreadable | instants.ambiguous)).any()


@laws
@given(st.lists(frames.time_texts, min_size=1, max_size=4), st.sampled_from(ZONES))
def test_text_is_read_the_same_in_any_company(texts, zone):
    def read(company):
        return written(times.from_text(pa.array(company, pa.string()), zone))

    assert read([*texts, "soon", "2026-07-01T10:00:00.123456789Z"])[:-2] == [read([text])[0] for text in texts]


@laws
@given(st.lists(st.integers(FIRST, LAST) | st.sampled_from([FIRST, LAST, -1, 0]), max_size=5))
def test_milliseconds_are_written_as_datetime_writes_them(ms):
    moments = [dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=count) for count in ms]
    text = time_text(np.array(ms, dtype=np.int64), np.zeros(len(ms), dtype=bool))
    assert text.to_pylist() == [moment.isoformat(timespec="milliseconds") + "Z" for moment in moments]
    days = np.array([count // 86_400_000 for count in ms], dtype=np.int64)
    found = day_text(days, np.zeros(len(ms), dtype=bool)).to_pylist()
    assert found == [moment.date().isoformat() for moment in moments]


def test_every_day_from_year_1_to_9999_is_written_right():
    first, last = FIRST // 86_400_000, LAST // 86_400_000
    days = np.arange(first, last + 1, 13)
    text = day_text(days, np.zeros(len(days), dtype=bool))
    assert text.to_pylist() == np.datetime_as_string(days.astype("datetime64[D]")).tolist()


@pytest.mark.parametrize("edge", [-25_567, 47_482])
def test_days_are_written_right_where_the_dates_that_are_kept_begin_and_end(edge):
    for days in ([edge - 1], [edge], [edge - 1, edge], [edge, edge + 1]):
        text = day_text(np.array(days), np.zeros(len(days), dtype=bool))
        assert text.to_pylist() == np.array(days).astype("datetime64[D]").astype(str).tolist()


@laws
@given(st.sampled_from(frames.UNITS).flatmap(lambda unit: st.tuples(st.just(unit), st.lists(frames.counts(unit)))))
def test_finer_parts_are_cut_towards_the_past(times_of_unit):
    unit, counts = times_of_unit
    instants = times.from_timestamps(pa.array(counts, pa.timestamp(unit, "UTC")), "Europe/Berlin")
    per = frames.PER_SECOND[unit]
    for count, ms, unreadable in zip(counts, instants.ms.tolist(), instants.unreadable.tolist(), strict=True):
        exact = count * 1_000 // per
        assert unreadable == (not FIRST <= exact <= LAST)
        assert ms == (0 if unreadable else exact)


@laws
@given(st.lists(frames.datetimes, min_size=1, max_size=5), st.sampled_from(ZONES))
def test_naive_times_are_read_in_their_zone(moments, zone):
    instants = times.from_timestamps(pa.array(moments, pa.timestamp("us")), zone)
    for moment, text, ambiguous in zip(moments, written(instants), instants.ambiguous.tolist(), strict=True):
        early, late = (moment.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1))
        assert ambiguous == (early != late)
        assert text == expected(moment.isoformat(), zone)


@pytest.mark.parametrize("zone", ["America/Sao_Paulo"])
def test_a_day_that_begins_an_hour_late_has_no_midnight(zone):
    days = pa.array([dt.date(2017, 10, 15), dt.date(2017, 10, 16), None], pa.date32())
    instants = times.from_dates(days, zone)
    assert instants.ambiguous.tolist() == [True, False, False]
    assert written(instants)[1] == "2017-10-16T02:00:00.000Z"


@pytest.mark.parametrize(("name", "minutes"), [("+01:00", 60), ("UTC-03:30", -210), ("Europe/Berlin", 120)])
def test_zones_have_names_or_offsets(name, minutes):
    assert times.zone_of(name).utcoffset(dt.datetime(2026, 7, 1)) == dt.timedelta(minutes=minutes)
    noon = pa.array([dt.datetime(2026, 7, 1, 12)], pa.timestamp("s"))
    assert times.from_timestamps(noon, name).ms.tolist() == [1_782_907_200_000 - minutes * 60_000]


def test_a_slice_of_an_array_is_read_alone():
    array = pa.array(["soon", "2026-07-01", None, "2026-07-02T10:00:00Z"]).slice(1)
    assert written(times.from_text(array, "UTC")) == ["2026-07-01T00:00:00.000Z", None, "2026-07-02T10:00:00.000Z"]


def test_no_rows_have_no_times():
    assert written(times.from_text(pa.array([], pa.string()), "Europe/Berlin")) == []
    assert day_text(np.array([], dtype=np.int64), np.array([], dtype=bool)).to_pylist() == []
    empty = pa.array([None, None], pa.timestamp("ns"))
    assert times.from_timestamps(empty, "Europe/Berlin").missing.tolist() == [True, True]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe"])
@pytest.mark.parametrize("year", [1893, 1945, 2026, 2060])
def test_many_naive_times_of_few_days_are_read_as_each_of_them_is(zone, year):
    first = np.datetime64(f"{year}-01-01", "ms").astype(np.int64)
    ms = first + np.arange(0, 365 * 86_400_000, 1_800_000 + 1)
    found = times.from_timestamps(pa.array(ms, pa.timestamp("ms")), zone)
    # One time a day is too few to read days instead of times.
    for first in range(48):
        alone = times.from_timestamps(pa.array(ms[first::48], pa.timestamp("ms")), zone)
        np.testing.assert_array_equal(found.ambiguous[first::48], alone.ambiguous)
        np.testing.assert_array_equal(found.ms[first::48], alone.ms)
