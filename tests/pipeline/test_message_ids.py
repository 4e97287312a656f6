"""The same call has the same ULID, in any order, slice, run and dtype."""

import dataclasses
import datetime as dt
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.encoding import NO_TIME
from cio_frames.pipeline import EncodeRun, Prepared, build_call_spec
from cio_frames.pipeline.as_of import AsOf, read_as_of, start_as_of
from cio_frames.pipeline.message_ids import MESSAGE_ID_VERSION, MessageIds, Seen, digests

BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WHEN = dt.datetime(2026, 7, 1, 12, 30, 0, 250_999, tzinfo=dt.UTC)
MS = 1_782_909_000_250
START = AsOf(1_795_000_000_000, "0123456789abcdef" * 2)


def decoded(ulid):
    """The 128 bits of a ULID, read by its definition."""
    assert len(ulid) == 26
    number = 0
    for character in ulid:
        number = number * 32 + BASE_32.index(character)
    assert number < 2**128
    return number


def ids(frame, call="identify", slice_rows=None, as_of=START, **columns):
    """The ids of a run that sends."""
    call_spec = build_call_spec(call, schema=None, **columns)
    encode_run = EncodeRun(
        Prepared(frame, call_spec, slice_rows=slice_rows),
        cio.Client(write_key="none"),
        message_ids=MessageIds(as_of),
    )
    for _ in encode_run.batches():
        pass
    return encode_run.outcomes.frame(frame.index)["message_id"].tolist()


def of(calls, ms=None, may_repeat=True, as_of=START):
    """The ids that one run gives to some calls; NO_TIME is the time of calls without one."""
    count = len(calls)
    times = np.full(count, NO_TIME) if ms is None else np.array(ms, dtype=np.int64)
    return (
        MessageIds(as_of)
        .of(digests(pa.array(calls, pa.large_string())), times, may_repeat=np.full(count, may_repeat))
        .to_pylist()
    )


def people():
    return pd.DataFrame(
        {
            "user_id": ["ada", "grace", "ada", "alan", "ada"],
            "plan": ["free", "team", "free", None, "team"],
            "when": pd.to_datetime(["2026-07-01"] * 4 + [None]).tz_localize("UTC"),
        }
    )


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.tuples(st.text(max_size=5), st.integers(-1, 2**48)), max_size=6))
def test_an_id_is_a_ulid_with_the_time_of_the_timestamp(calls):
    made = of([text for text, _ in calls], [ms for _, ms in calls])
    assert len(set(made)) == len(made)
    for ulid, (_, ms) in zip(made, calls, strict=True):
        if 0 <= ms < 2**48:
            assert decoded(ulid) >> 80 == ms
        else:
            decoded(ulid)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**48 - 1))
def test_a_ulid_encodes_all_of_its_bits(digest, ms):
    halves = np.frombuffer(digest, dtype=">u8").reshape(1, 2).astype(np.uint64)
    timed, early, untimed = (
        MessageIds(START).of(halves, np.array([time]), may_repeat=np.array([False]))[0].as_py()
        for time in (ms, -1, NO_TIME)
    )
    number = int.from_bytes(digest, "big")
    assert decoded(early) == number
    assert decoded(timed) == (ms << 80) | (number & (2**80 - 1))
    assert decoded(untimed) == (START.ms << 80) | ((number ^ salt(START)) & (2**80 - 1))


def test_an_id_is_the_hash_of_the_call_after_its_time():
    frame = pd.DataFrame({"user_id": ["ada"], "timestamp": [WHEN], "plan": ["free"]})
    call = b'{"type":"identify","userId":"ada","timestamp":"2026-07-01T12:30:00.250Z","traits":{"plan":"free"}'
    digest = int.from_bytes(xxhash.xxh3_128_digest(call), "big")
    expected = (MS << 80) | (digest & (2**80 - 1))
    assert decoded(ids(frame)[0]) == expected
    assert ids(frame) == ["01KWETGPHTA7SK3VK7X5DBQEHC"]


def salt(as_of):
    """The 128 bits that tell the calls of one run from those of another, by their definition."""
    text = f"message id {MESSAGE_ID_VERSION} {as_of.ms} {as_of.nonce}"
    return int.from_bytes(xxhash.xxh3_128_digest(text.encode()), "big")


def test_an_id_of_a_call_without_a_time_has_the_time_of_the_run_and_a_hash_of_both():
    digest = int.from_bytes(xxhash.xxh3_128_digest(b'{"type":"identify"'), "big")
    expected = (START.ms << 80) | ((digest ^ salt(START)) & (2**80 - 1))
    assert decoded(of(['{"type":"identify"'])[0]) == expected
    # Ids are fixed for good: what was sent must be recognized by later versions.
    assert MESSAGE_ID_VERSION == 1
    assert of(['{"type":"identify"']) == ["01M7Q5CQG0XGYDGMPDZZF3S3Q0"]


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.text(max_size=3), st.none() | st.integers(-(2**50), 2**48 - 1)), max_size=6))
def test_only_calls_without_a_time_depend_on_the_run(calls):
    texts, ms = [text for text, _ in calls], [NO_TIME if ms is None else ms for _, ms in calls]
    one, other = of(texts, ms), of(texts, ms, as_of=AsOf(START.ms, "f" * 32))
    assert [first != second for first, second in zip(one, other, strict=True)] == [time == NO_TIME for time in ms]


def test_calls_without_a_time_have_no_id_in_a_run_that_does_not_send():
    assert of(["a", "b"], [NO_TIME, 5], as_of=None) == [None, *of(["b"], [5])]
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "timestamp": [WHEN, None, None], "message_id": [None, None, "m"]})
    found = frame.cio.identify(dry_run=True)["message_id"]
    assert found.notna().tolist() == [True, False, True]
    texts = frame.cio.payloads("identify")
    assert ['"messageId"' in text for text in texts] == [True, False, True]
    assert texts[1] == '{"type":"identify","userId":"b","traits":{}}'


def test_the_same_call_of_another_run_is_another_call(sandbox):
    due = pd.DataFrame({"user_id": ["u1", "u2"]})
    first, second = (due.cio.identify(client=sandbox.client)["message_id"] for _ in range(2))
    assert not set(first) & set(second)


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-11-27",
        " 2026-11-27T01:00+01:00 ",
        dt.date(2026, 11, 27),
        dt.datetime(2026, 11, 27),
        dt.datetime(2026, 11, 26, 16, tzinfo=dt.timezone(dt.timedelta(hours=-8))),
        pd.Timestamp("2026-11-27"),
        np.datetime64("2026-11-27"),
    ],
)
def test_runs_with_the_same_as_of_have_the_same_ids(sandbox, as_of):
    due = pd.DataFrame({"user_id": ["u1", "u1", "u2"]})
    results = [due.cio.identify(client=sandbox.client, as_of=each) for each in ("2026-11-27T00:00:00Z", as_of)]
    assert results[0]["message_id"].tolist() == results[1]["message_id"].tolist()
    assert results[1]["message_id"].nunique() == 3
    assert results[1].attrs["cio"]["as_of"] == "2026-11-27T00:00:00.000Z"


def test_a_run_is_repeated_by_the_as_of_of_its_result(sandbox):
    due = pd.DataFrame({"user_id": ["u1", "u2"]})
    first = due.cio.identify(client=sandbox.client)
    again = due.cio.identify(client=sandbox.client, as_of=first.attrs["cio"]["as_of"])
    assert again["message_id"].tolist() == first["message_id"].tolist()
    assert again.attrs == first.attrs


def test_a_run_that_failed_is_repeated_by_the_as_of_of_its_error(sandbox):
    due = pd.DataFrame({"user_id": ["u1"]})
    with pytest.raises(cio.AuthenticationError) as caught:
        due.cio.identify(client=dataclasses.replace(sandbox.client, write_key="wrong"))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.as_of == caught.value.as_of
    again = due.cio.identify(client=sandbox.client, as_of=copy.as_of)
    assert again["message_id"].tolist() == caught.value.result["message_id"].tolist()


def test_as_of_sets_no_timestamp(sandbox):
    due = pd.DataFrame({"user_id": ["u1"]})
    due.cio.identify(client=sandbox.client, as_of="2020-01-01")
    assert sandbox.calls()["timestamp"].tolist() == [None]


@pytest.mark.parametrize(
    "as_of",
    [
        "yesterday",
        "now",
        "",
        "2026-13-01",
        20261127,
        True,
        pd.NaT,
        "1969-12-31",
        "x/y",
        # A text of a result of which the last digit was not copied.
        f"2026-11-27/{'0' * 31}",
        "9999-12-31T23:59:59-14:00",
        dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-2))),
        np.datetime64(10**18, "Y"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_not_a_moment_is_refused_before_anything_is_sent(sandbox, as_of, dry_run):
    with pytest.raises(cio.FrameError, match=r"as_of= must be"):
        pd.DataFrame({"user_id": ["u1"]}).cio.identify(client=sandbox.client, as_of=as_of, dry_run=dry_run)
    assert sandbox.calls().empty


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.integers(0, 253_402_300_799_999))
def test_an_as_of_is_read_back_from_its_text(ms):
    assert read_as_of(str(AsOf(ms))) == AsOf(ms)
    started = start_as_of(dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=ms))
    assert (started.ms, read_as_of(str(started))) == (ms, started)


@pytest.mark.parametrize("when", [dt.datetime(1969, 12, 31, tzinfo=dt.UTC), None, dt.datetime(1, 1, 1, tzinfo=dt.UTC)])
def test_a_call_before_1970_or_without_a_time_has_an_id_too(when):
    frame = pd.DataFrame({"user_id": ["ada"], "timestamp": pd.Series([when], dtype=object)})
    decoded(ids(frame)[0])
    assert ids(frame) == ids(frame)


def test_a_call_in_the_year_9999_has_its_time():
    when = pd.Series(np.array(["9999-12-31T23:59:59.999"], dtype="datetime64[ms]"))
    frame = pd.DataFrame({"user_id": ["ada"], "timestamp": when})
    assert decoded(ids(frame)[0]) >> 80 == 253_402_300_799_999


def test_a_rerun_repeats_every_id():
    assert ids(people(), timestamp="when") == ids(people(), timestamp="when")


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_size_of_slices_does_not_matter(size):
    assert ids(people(), timestamp="when", slice_rows=size) == ids(people(), timestamp="when")


def test_the_order_of_rows_does_not_matter_to_distinct_calls():
    frame = people().drop(index=2).reset_index(drop=True)
    backwards = frame.iloc[::-1]
    assert ids(backwards, timestamp="when") == ids(frame, timestamp="when")[::-1]


def test_the_order_of_rows_does_not_change_the_set_of_ids_of_equal_calls():
    frame = people()
    assert sorted(ids(frame.iloc[::-1], timestamp="when")) == sorted(ids(frame, timestamp="when"))


def test_other_rows_do_not_matter():
    frame = people()
    assert ids(frame.iloc[[1, 3, 4]], timestamp="when") == [ids(frame, timestamp="when")[row] for row in (1, 3, 4)]


def test_index_and_labels_do_not_matter():
    frame = people()
    renamed = frame.rename(columns={"user_id": "userId", "when": "at"}).set_axis(list("xxxyz"))
    assert ids(renamed, timestamp="at") == ids(frame, timestamp="when")


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_the_dtype_backend_does_not_matter(backend):
    frame = people().assign(size=[1, 2, 1, 4, 5], ratio=[0.1, 1.5, 0.1, 7.0, 1e16], paid=[True, False] * 2 + [True])
    converted = frame.convert_dtypes(dtype_backend=backend)
    assert not converted.dtypes.equals(frame.dtypes)
    expected = ids(frame, timestamp="when")
    assert ids(frame.astype(object), timestamp="when") == expected
    assert ids(converted, timestamp="when") == expected
    assert ids(frame.astype({"plan": "category", "user_id": "string"}), timestamp="when") == expected


def test_a_frame_read_from_parquet_has_the_ids_of_the_frame_written(tmp_path):
    frame = people().assign(tags=[["a"], [], None, ["b", "c"], ["d"]])
    frame.to_parquet(tmp_path / "people.parquet")
    read = pd.read_parquet(tmp_path / "people.parquet", dtype_backend="pyarrow")
    assert ids(read, timestamp="when") == ids(frame, timestamp="when")


@pytest.mark.parametrize(
    "change", [{"plan": "team"}, {"user_id": "grace"}, {"when": pd.Timestamp("2026-07-01T00:00:00.001Z")}, {"extra": 1}]
)
def test_distinct_calls_have_distinct_ids(change):
    frame = people().iloc[:1]
    assert ids(frame, timestamp="when") != ids(frame.assign(**change), timestamp="when")


def test_equal_calls_get_distinct_ids_by_occurrence_number():
    frame = pd.DataFrame({"user_id": ["ada", "grace", "ada", "ada"], "plan": "free"})
    found = ids(frame)
    assert len(set(found)) == 4
    assert ids(frame) == found
    assert found[0] == ids(frame.iloc[:1])[0]
    assert ids(frame.iloc[[0, 2]]) == [found[0], found[2]]


def test_the_id_of_a_repeated_call_is_the_hash_of_the_first_and_its_number():
    # Before 1970, an id is the hash and nothing else.
    first, second, third = of(["call", "call", "call"], [-1] * 3)
    digest = xxhash.xxh3_128_digest(b"call")
    for ulid, before in ((second, 1), (third, 2)):
        again = xxhash.xxh3_128_digest(digest + before.to_bytes(8, "big"))
        assert decoded(ulid) == int.from_bytes(again, "big")
    assert decoded(first) == int.from_bytes(digest, "big")


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.lists(st.integers(0, 6), max_size=6), max_size=12))
def test_numbers_are_counted_across_slices(slices):
    seen, counts = Seen(), {}
    for numbers in slices:
        expected = []
        for number in numbers:
            expected.append(counts.get(number, 0))
            counts[number] = expected[-1] + 1
        assert seen.before(np.array(numbers, dtype=np.uint64)).tolist() == expected


@pytest.mark.parametrize("unit", ["ns", "us", "text", "date"])
def test_equal_calls_have_distinct_ids_whatever_the_type_of_their_time(unit):
    times = pd.Series(pd.to_datetime(["2026-07-01T12:00:00.000001", "2026-07-01T12:00:00.000002"] * 2))
    times = {"text": times.astype(str), "date": pd.Series(times.dt.date)}.get(unit, times.astype("datetime64[us]"))
    if unit == "ns":
        times = times.astype("datetime64[ns]")
    frame = pd.DataFrame({"user_id": ["ada"] * 4, "timestamp": times})
    # Finer parts than milliseconds are cut, so all four say the same.
    assert len(set(ids(frame))) == 4


def test_equal_calls_in_different_slices_have_distinct_ids():
    frame = pd.DataFrame({"user_id": ["ada", "ada"]})
    assert len(set(ids(frame, slice_rows=1))) == 2


def test_ids_in_a_column_are_kept_and_their_nulls_and_blanks_are_filled():
    frame = pd.DataFrame({"user_id": ["a", "b", "c", "d"], "key": ["one", None, " ", "two"]})
    found = ids(frame, message_id="key")
    assert [found[0], found[3]] == ["one", "two"]
    made = ids(frame.drop(columns="key"))
    assert found[1:3] == made[1:3]


@pytest.mark.parametrize("own", ["k", "order-17", "0" * 26, "x" * 60, 'a "quoted" one'])
@pytest.mark.parametrize("size", [1, 2, 50_000])
def test_the_length_of_the_callers_own_id_does_not_matter_to_an_equal_call(own, size):
    first, second = ids(pd.DataFrame({"user_id": ["a", "a"], "n": 1}))
    named = pd.DataFrame({"user_id": ["a", "b", "a"], "n": 1, "message_id": [own, own, None]})
    assert ids(named, slice_rows=size)[2] == second != first


@pytest.mark.parametrize("size", [1, 50_000])
def test_a_call_does_not_get_the_id_that_an_equal_call_brings(size):
    frame = pd.DataFrame({"user_id": ["a", "b"], "n": 1})
    brought = ids(frame)
    both = pd.concat([frame.assign(message_id=brought), frame.assign(message_id=None)], ignore_index=True)
    assert len(set(ids(both, slice_rows=size))) == 4


def test_a_slice_of_calls_is_hashed_from_its_own_text():
    calls = pa.array(["first", "second", "third"], pa.large_string()).slice(1)
    times, never = np.full(2, NO_TIME), np.full(2, False)
    found = MessageIds(START).of(digests(calls), times, may_repeat=never).to_pylist()
    assert found == of(["second", "third"])


def test_no_calls_have_no_ids():
    assert of([]) == []
