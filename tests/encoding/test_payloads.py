"""Payloads are, to the last byte, what the plain encoder in :mod:`tests.reference` says they must be."""

import datetime as dt
import decimal
import enum
import json
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.errors import FrameError
from tests import frames, reference

CALLS = ("identify", "track", "page", "screen", "group", "alias")
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
BAG_LABELS = ("email", "createdAt", "object_type_id", "title", "position", "plan", "address.city", "address.zip",
              "properties.a", "traits.b", "type", "cio", "x.", 0, 'k"', "deep.er.still")  # fmt: skip


def examples(count):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
    )


@st.composite
def requests(draw):
    """A frame, and what is asked of it."""
    call = draw(st.sampled_from(CALLS))
    event = draw(st.sampled_from([None, "Video Playback Started", 'My "own"'])) if call == "track" else None
    count = draw(st.integers(1, 4))
    labels = [label for label in reference.FIELDS[call] if label != "event" or event is None]
    needed = {label for label in labels if label not in ("anonymous_id", "name")}
    columns = {label: frames.id_columns(count) for label in labels if label in needed or draw(st.booleans())}
    if "event" in columns:
        columns["event"] = frames.object_columns(count, frames.ids | frames.nulls | frames.integers)
    optional = {
        "timestamp": frames.time_columns(count),
        "message_id": frames.id_columns(count),
        "context": frames.object_columns(count, frames.mappings),
        "context.ip": frames.id_columns(count),
        "integrations.All": frames.columns(count),
    }
    columns |= {label: optional[label] for label in draw(st.sets(st.sampled_from(sorted(optional)), max_size=2))}
    if "context" in columns:
        columns.pop("context.ip", None)
    for label in draw(st.lists(st.sampled_from(BAG_LABELS), max_size=4, unique=True)):
        strategy = frames.time_columns if label == "createdAt" else frames.columns
        columns[label] = strategy(count)
    order = draw(st.permutations(list(columns)))
    # Not with columns=: pandas 2.2 would make objects of every column then, and pyarrow 17 cannot of all of them.
    frame = pd.DataFrame({label: draw(columns[label]) for label in order})
    asked = {"timezone": draw(st.sampled_from(ZONES)), "nulls": draw(st.sampled_from(["omit", "send"]))}
    return frame, call, event, asked


def dry(frame, call="identify", event=None, **asked):
    events = [event] if call == "track" else []
    return getattr(cio, call)(frame, *events, schema=None, dry_run=True, **asked)


def texts(frame, call="identify", event=None, **asked):
    return cio.payloads(frame, call, event, schema=None, **asked).tolist()


def check(frame, call, event=None, **asked):
    """Compare every row with the reference."""
    before = snapshot(frame)
    payloads = cio.payloads(frame, call, event, schema=None, **asked)
    result = dry(frame, call, event, **asked)
    assert snapshot(frame) == before
    rows = zip(payloads, result.itertuples(), reference.calls(frame, call, event, **asked), strict=True)
    for payload, told, expected in rows:
        if isinstance(expected, reference.Faulty):
            assert pd.isna(payload), (payload, expected)
            assert told.status == "invalid"
            assert any(str(label) in told.reason for label in expected), (told.reason, expected)
            continue
        assert told.status == "ready", (told.reason, expected)
        assert told.bytes == len(payload.encode("utf-8"))
        found = reference.read(payload)
        assert json.loads(payload)["messageId"] == expected.setdefault("messageId", told.message_id)
        assert reference.says(found, expected), (payload, expected)


def snapshot(frame):
    """What a frame holds, as far as it could be changed."""
    columns = [frame.iloc[:, at] for at in range(frame.shape[1])]
    return [list(frame.columns), list(frame.index)] + [(column.dtype, held(column)) for column in columns]


def held(column):
    """What a column holds, in words; Python's datetimes end before Arrow's timestamps do."""
    return str(pa.array(column)) if isinstance(column.dtype, pd.ArrowDtype) else list(map(repr, column))


@examples(220)
@given(requests())
def test_every_call_says_what_the_reference_says(request):
    frame, call, event, asked = request
    check(frame, call, event, **asked)


@examples(400)
@given(st.data(), st.sampled_from(ZONES), st.sampled_from(["omit", "send"]))
def test_a_column_of_any_dtype_says_what_the_reference_says(data, zone, nulls):
    column = data.draw(st.integers(1, 5).flatmap(frames.columns))
    frame = pd.DataFrame({"user_id": "u", "x": column})
    check(frame, "identify", timezone=zone, nulls=nulls)


@examples(150)
@given(st.integers(1, 4).flatmap(frames.time_columns), st.sampled_from(ZONES))
def test_a_timestamp_of_any_dtype_says_what_the_reference_says(column, zone):
    check(pd.DataFrame({"user_id": "u", "timestamp": column}), "identify", timezone=zone)


@examples(150)
@given(st.integers(1, 4).flatmap(frames.id_columns))
def test_an_id_of_any_dtype_says_what_the_reference_says(column):
    check(pd.DataFrame({"user_id": column}), "identify")


@examples(100)
@given(st.integers(1, 4).flatmap(frames.columns))
def test_an_integer_field_of_any_dtype_says_what_the_reference_says(column):
    check(pd.DataFrame({"user_id": "u", "position": column}), "track", "Video Playback Started")


@examples(200)
@given(st.integers(1, 4).flatmap(frames.product_columns), st.sampled_from(["omit", "send"]))
def test_what_is_inside_lists_and_objects_is_in_the_types_of_the_spec(column, nulls):
    check(pd.DataFrame({"user_id": "u", "products": column}), "track", "Order Completed", nulls=nulls)
    check(pd.DataFrame({"user_id": "u", "content_asset_ids": column}), "track", "Video Playback Started", nulls=nulls)


@examples(60)
@given(requests(), st.integers(1, 3))
def test_slices_change_nothing(request, size):
    frame, call, event, asked = request
    whole = texts(frame, call, event, **asked), dry(frame, call, event, **asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cio_frames.pipeline.prepared.SLICE_ROWS", size)
        assert texts(frame, call, event, **asked) == whole[0]
        cut = dry(frame, call, event, **asked)
    kept = ["status", "reason", "message_id", "bytes"]
    pd.testing.assert_frame_equal(cut[kept], whole[1][kept])


PRODUCTS = [
    {"product_id": 7.0, "sku": 8, "coupon": "007", "price": 7.0, "quantity": 2.0, "own": 7.0},
    {"product_id": 7.5, "sku": 2.0**53, "coupon": True, "price": 1, "quantity": 2.5, "own": "x"},
]


def products_of(column):
    """The JSON text of each row's products."""
    found = texts(pd.DataFrame({"user_id": "u", "products": column}), "track", "Order Completed")
    return [text.partition('"products":')[2].partition('},"messageId"')[0] for text in found]


def test_ids_and_counts_of_products_in_cells_are_in_the_types_of_the_spec():
    first = '{"product_id":"7","sku":"8","coupon":"007","price":7.0,"quantity":2,"own":7.0}'
    second = '{"product_id":7.5,"sku":9007199254740992.0,"coupon":true,"price":1,"quantity":2.5,"own":"x"}'
    cells = [PRODUCTS[:1], tuple(PRODUCTS), np.array(PRODUCTS[:1]), [*PRODUCTS[:1], None]]
    column = pd.Series(cells, dtype=object)
    assert products_of(column) == [f"[{first}]", f"[{first},{second}]", f"[{first}]", f"[{first},null]"]
    for odd in (np.int16(8), np.float32(8), decimal.Decimal("8.00"), Level.EIGHT):
        assert products_of(pd.Series([[{"sku": odd, "quantity": odd}]], dtype=object)) == ['[{"sku":"8","quantity":8}]']


@pytest.mark.parametrize("ids", [pa.int64(), pa.float64(), pa.float32(), pa.decimal128(10, 2), "words", "numbers"])
def test_ids_and_counts_of_products_in_arrow_columns_are_in_the_types_of_the_spec(ids):
    dictionary = {"words": pa.string(), "numbers": pa.float64()}.get(ids)
    kind = ids if dictionary is None else pa.dictionary(pa.int8(), dictionary)
    cast = {"words": str, "numbers": float}.get(ids, int)
    rows = [[{"product_id": cast(7), "price": 7.0, "quantity": 2.0}], [{"product_id": None}], None]
    arrow_kind = pa.list_(pa.struct([("product_id", kind), ("price", pa.float64()), ("quantity", pa.float64())]))
    assert products_of(arrow(rows, arrow_kind))[:2] == ['[{"product_id":"7","price":7.0,"quantity":2}]', "[{}]"]


def test_a_map_is_an_object_with_the_types_of_the_spec():
    kind = pa.list_(pa.map_(pa.string(), pa.float64()))
    rows = [[[("product_id", 7.0), ("price", 7.0), ("quantity", 7.0), ("sku", 7.5)]], [[("price", 1.0)], None]]
    assert products_of(arrow(rows, kind)) == [
        '[{"product_id":"7","price":7.0,"quantity":7,"sku":7.5}]',
        '[{"price":1.0},null]',
    ]


def test_a_list_of_ids_is_a_list_of_text():
    cells = [[7.0, 8], ["007", None], []]
    for column in (pd.Series(cells, dtype=object), arrow([[7.0, 8.0], [None], []], pa.list_(pa.float64()))):
        frame = pd.DataFrame({"user_id": "u", "content_asset_ids": column})
        assert '"content_asset_ids":["7","8"]}' in texts(frame, "track", "Video Playback Started")[0]


def test_a_context_has_the_types_of_the_spec_in_cells_and_for_all_rows():
    context = {"ip": 7.0, "app": {"version": 2}, "campaign": {"own": 3.0}, "own": 4.0}
    expected = '"context":{"ip":"7","app":{"version":"2"},"campaign":{"own":"3"},"own":4.0}'
    assert expected in texts(pd.DataFrame({"user_id": ["u"], "context": [context]}))[0]
    assert expected in texts(pd.DataFrame({"user_id": ["u"]}), context=context)[0]


def test_text_that_looks_like_a_member_is_left_alone():
    text = 'say "product_id":7 and ,7.0'
    column = pd.Series([[{"own": text}], [{"own": {text: 7.0}}]], dtype=object)
    found = [json.loads(each) for each in products_of(column)]
    assert found == [[{"own": text}], [{"own": {text: 7.0}}]]


def test_cells_in_the_types_of_the_spec_are_written_once(monkeypatch):
    from cio_frames.encoding import members

    fitted = []
    monkeypatch.setattr(members, "fitted", lambda value, field: fitted.append(value))
    column = pd.Series([[{"product_id": "7", "price": 7.0, "quantity": 2}], [{"product_id": "8"}]], dtype=object)
    assert products_of(column) == ['[{"product_id":"7","price":7.0,"quantity":2}]', '[{"product_id":"8"}]']
    assert fitted == []


# Times


def one(cell, label="x", call="identify", event=None, **asked):
    """The payload's field for one cell of an object column, or the reason why there is none."""
    column = cell if isinstance(cell, pd.Series) else pd.Series([None, cell], dtype=object).iloc[1:]
    return field(column, label, call, event, **asked)


def field(column, label="x", call="identify", event=None, row=-1, **asked):
    frame = pd.DataFrame({"user_id": "u", label: column})
    reason = dry(frame, call, event, **asked)["reason"].iloc[row]
    if not pd.isna(reason):
        return reason
    read = json.loads(texts(frame, call, event, **asked)[row])
    bag = reference.BAG[call]
    return read.get(reference.WIRE.get(label, label), read[bag].get(label))


def written(column, **asked):
    """The JSON text of each row's ``x``; None where it is left out."""
    found = texts(pd.DataFrame({"user_id": "u", "x": column, "message_id": "m"}), **asked)
    start, end = '{"type":"identify","userId":"u","traits":{', '},"messageId":"m"}'
    inner = [text.removeprefix(start).removesuffix(end) for text in found]
    return [text.removeprefix('"x":') or None for text in inner]


def arrow(cells, kind):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(cells, kind)])))


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
    ambiguous = (
        f"{label}: the time zone Europe/Berlin has this time twice, or not at all; send it with a zone or an offset"
    )
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


@pytest.mark.parametrize("text", ["now", "today", "2026", "2026-01", "01/02/2026", "2026-02-29", "", "1767225600"])
def test_text_that_is_no_day_is_no_timestamp(text):
    reason = "timestamp: not a time in ISO 8601 form, such as 2026-11-24T09:30:00Z"
    assert field(pd.Series([text]), "timestamp") == reason
    assert one(text, "timestamp") == reason


def test_a_number_is_no_timestamp():
    assert field(pd.Series([1_767_225_600]), "timestamp").startswith("timestamp: a number is no time")
    assert one(1_767_225_600, "timestamp").startswith("timestamp: a number is no time")


# Numbers


def test_integers_keep_every_digit():
    assert written(pd.Series([2**53 + 1, -(2**63)])) == ["9007199254740993", "-9223372036854775808"]
    assert written(pd.Series([2**53 + 1, None], dtype="Int64")) == ["9007199254740993", None]
    assert written(pd.Series([2**64 - 1], dtype="uint64")) == ["18446744073709551615"]
    assert written(pd.Series([2**70, -(2**70)], dtype=object)) == ["1180591620717411303424", "-1180591620717411303424"]
    assert written(pd.Series([10**5000], dtype=object)) == ["1" + "0" * 5000]


class Seats(int):
    """An int of a class of its own."""


class Level(enum.IntEnum):
    EIGHT = 8


def test_an_int_of_a_class_of_its_own_is_a_number():
    assert written(pd.Series([Seats(3), [Seats(4), None]], dtype=object)) == ["3", "[4,null]"]


def test_floats_are_written_in_their_shortest_form():
    floats = [1e16, 1e-7, 0.1, -0.0, 1.0, 5e-324, 1.7976931348623157e308]
    expected = ["1e16", "1e-7", "0.1", "-0.0", "1.0", "5e-324", "1.7976931348623157e+308"]
    assert [float(text) for text in written(pd.Series(floats))] == floats
    assert written(pd.Series(floats))[2:5] == expected[2:5]
    assert written(pd.Series(floats)) == written(pd.Series([*floats, "text"], dtype=object))[:-1]


def test_a_float32_is_written_in_its_own_shortest_form():
    numbers = np.array([0.1, 1e30, 7], dtype=np.float32)
    expected = written(pd.Series(numbers))
    assert [expected[0], float(expected[1]), expected[2]] == ["0.1", 1e30, "7.0"]
    assert written(pd.Series(list(numbers), dtype=object)) == expected
    assert written(pd.Series([[number] for number in numbers], dtype=object)) == [f"[{text}]" for text in expected]
    assert written(arrow([[("a", 0.1)]], pa.map_(pa.string(), pa.float32()))) == ['{"a":0.1}']


@pytest.mark.parametrize("infinity", [np.inf, -np.inf, np.float32("inf"), decimal.Decimal("-Infinity")])
def test_infinity_holds_the_row_back(infinity):
    assert one(infinity) == "x: infinity is not a valid JSON number; replace it with null or a number"
    assert one({"deep": [infinity]}) == "x: infinity is not a valid JSON number; replace it with null or a number"


def test_decimals_are_written_digit_for_digit_without_exponent():
    cells = [decimal.Decimal(text) for text in ("1E-10", "0", "12.50", "-0.00000001500", "100")]
    expected = ["0.0000000001", "0", "12.5", "-0.000000015", "100"]
    assert written(arrow(cells, pa.decimal128(38, 20))) == expected
    assert written(arrow(cells, pa.decimal256(60, 30))) == expected
    assert written(pd.Series(cells, dtype=object)) == expected
    assert written(arrow([decimal.Decimal(1200)], pa.decimal128(5, -2))) == ["1200"]
    assert written(pd.Series([decimal.Decimal("1E+3")], dtype=object)) == ["1000"]


def test_a_field_that_is_an_integer_gets_whole_floats_without_their_point():
    expected = [1, 2.5, None]
    for column in (pd.Series([1.0, 2.5, None]), pd.Series([1.0, 2.5, None], dtype=object), pd.Series([1, 2.5, None])):
        assert [field(column, "position", "track", "Video Playback Started", row=row) for row in range(3)] == expected
    mixed = pd.Series([1.0, "x"], dtype=object)
    assert type(field(mixed, "position", "track", "Video Playback Started", row=0)) is int


# Ids


def test_a_float_column_of_whole_numbers_is_a_column_of_ids():
    frame = pd.DataFrame({"user_id": [7.0, np.nan, 2.0**53 - 1, 2.0**53, 7.5, -0.0]})
    ids = [None if pd.isna(text) else json.loads(text)["userId"] for text in texts(frame)]
    assert ids == ["7", None, "9007199254740991", None, None, "0"]
    assert dry(frame)["reason"].tolist()[3:5] == [
        "user_id: a float of this size has lost its last digits; read the column as text or Int64",
        "user_id: text is needed, and this is a number with a fraction; convert it with .astype(str)",
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["007", "7"],
        pd.Series(["007", 7], dtype=object),
        pd.Series(["007", 7.0], dtype=object),
        pd.Series(["007", decimal.Decimal("7.00")], dtype=object),
        pd.Series(["007", np.uint8(7)], dtype=object),
    ],
)
def test_ids_keep_their_leading_zeros_and_lose_their_point(cells):
    assert [json.loads(text)["userId"] for text in texts(pd.DataFrame({"user_id": cells}))] == ["007", "7"]


def test_an_id_of_21_digits_has_no_exponent_and_a_float_of_that_size_is_no_id():
    column = pd.Series([10**20, decimal.Decimal("1E+20"), 1e20, np.float64(1e20)], dtype=object)
    found = [one(cell, "user_id") for cell in column]
    assert found[:2] == ["100000000000000000000"] * 2
    assert all("lost its last digits" in reason for reason in found[2:])
    assert "lost its last digits" in one(pd.Series([1e20]), "user_id")


def test_decimal_ids_are_digits_in_a_typed_column_too():
    column = arrow([decimal.Decimal(7), decimal.Decimal("7.5"), None], pa.decimal128(10, 2))
    frame = pd.DataFrame({"user_id": "u", "anonymous_id": column})
    assert json.loads(texts(frame)[0])["anonymousId"] == "7"
    assert dry(frame)["reason"].iloc[1].startswith("anonymous_id: text is needed, and this is a number with a fraction")


@pytest.mark.parametrize("blank", ["", " ", "\n", "\t\r\v\f", "\u2003", "\x85", "\x1f"])
def test_a_blank_id_counts_as_missing(blank):
    frame = pd.DataFrame({"user_id": [blank, "ada"], "anonymous_id": ["anon", blank]})
    first, second = map(json.loads, texts(frame))
    assert "userId" not in first
    assert "anonymousId" not in second


@pytest.mark.parametrize("text", ["\\n", "n", "\\u001f", "a\n"])
def test_an_id_that_only_looks_blank_is_sent(text):
    assert json.loads(texts(pd.DataFrame({"user_id": [text]}))[0])["userId"] == text


class Kind(enum.Enum):
    NONE = None
    FREE = "free"


@pytest.mark.parametrize(
    ("cell", "expected"), [(uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"), (Kind.FREE, "free")]
)
def test_uuids_and_enums_are_ids(cell, expected):
    assert one(cell, "anonymous_id") == expected


@pytest.mark.parametrize(
    "cell", [True, b"ada", ["ada"], {"id": 1}, dt.date(2026, 1, 1), pd.Timestamp(0), decimal.Decimal("Infinity"), 1.5]
)
def test_what_is_no_text_and_no_whole_number_is_no_id(cell):
    assert one(cell, "anonymous_id").startswith(("anonymous_id: must be text",))


def test_a_time_is_no_id_however_far_it_lies():
    column = arrow([-62_135_596_800_296], pa.timestamp("ms"))
    assert field(column, "anonymous_id").startswith("anonymous_id: must be text")


# Text


def test_text_goes_out_as_it_is():
    text = 'say "hi" \\ \x00\x1f\b\f\n\r\t / \x7f \u2028\u2029 é 日本 😀 𝒳 <&>'
    for column in ([text, "plain"], pd.Series([text, 1], dtype=object), pd.Series([text, "plain"], dtype="category")):
        assert json.loads(texts(pd.DataFrame({"user_id": "u", "x": column}))[0])["traits"]["x"] == text
    assert written(pd.Series(['"\\\n\x01\u2028😀'])) == ['"\\"\\\\\\n\\u0001\u2028😀"']


def test_half_a_surrogate_pair_holds_only_its_own_row_back():
    frame = pd.DataFrame({"user_id": "u", "x": pd.Series(["ok", "\ud800", {"k": "\udc00"}], dtype=object)})
    result = dry(frame)
    assert result["status"].tolist() == ["ready", "invalid", "invalid"]
    assert result["reason"].iloc[1].startswith("x: half a surrogate pair is not Unicode text")


# Objects and lists


def test_nulls_of_every_kind_are_left_out_of_dicts_and_kept_in_lists():
    nulls = [
        None,
        np.nan,
        pd.NaT,
        pd.NA,
        decimal.Decimal("NaN"),
        np.datetime64("NaT"),
        np.timedelta64("NaT"),
        Kind.NONE,
    ]
    cells = [*nulls, {"a": {"b": nulls, "c": np.nan}}, [{"a": None}], decimal.Decimal("sNaN")]
    expected = [None] * 8 + ['{"a":{"b":[null,null,null,null,null,null,null,null]}}', "[{}]", None]
    assert written(pd.Series(cells, dtype=object)) == expected


def test_nulls_are_sent_among_traits_only_and_only_if_asked_for():
    frame = pd.DataFrame(
        {
            "user_id": ["u"],
            "anonymous_id": [None],
            "timestamp": [pd.NaT],
            "context": pd.Series([{"ip": None, "app": {"name": None}}], dtype=object),
            "plan": [None],
            "address.city": [None],
            "deep": pd.Series([{"a": [None], "b": None}], dtype=object),
        }
    )
    assert reference.read(texts(frame, nulls="send")[0]) | {"messageId": ""} == {
        "type": "identify",
        "userId": "u",
        "context": {"app": {}},
        "traits": {"plan": None, "address": {"city": None}, "deep": {"a": [None], "b": None}},
        "messageId": "",
    }


def test_an_object_of_dotted_columns_with_nothing_in_it_is_left_out_and_an_empty_dict_is_kept():
    frame = pd.DataFrame(
        {
            "user_id": ["u", "v"],
            "address.city": [None, "Ulm"],
            "properties.a": [None, 1.5],
            "traits.b.c": [None, 2.5],
            "context.app.name": [None, "shop"],
            "empty": pd.Series([{}, {"a": None}], dtype=object),
            "message_id": "m",
        }
    )
    first, second = texts(frame)
    assert first == '{"type":"identify","userId":"u","traits":{"empty":{}},"messageId":"m"}'
    assert json.loads(second) == {
        "type": "identify",
        "userId": "v",
        "context": {"app": {"name": "shop"}},
        "traits": {"address": {"city": "Ulm"}, "properties": {"a": 1.5}, "traits": {"b": {"c": 2.5}}, "empty": {}},
        "messageId": "m",
    }


def test_a_call_without_traits_has_empty_ones():
    assert texts(pd.DataFrame({"user_id": ["u"], "message_id": ["m"]})) == [
        '{"type":"identify","userId":"u","traits":{},"messageId":"m"}'
    ]


def test_arrow_structs_drop_null_members_and_lists_keep_them():
    kind = pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])
    cells = [{"a": None, "b": ["x", None]}, {"a": 1, "b": None}, {"a": None, "b": None}, None]
    assert written(arrow(cells, kind)) == ['{"b":["x",null]}', '{"a":1}', "{}", None]
    assert written(arrow([[cells[1], None], [], None], pa.list_(kind))) == ['[{"a":1},null]', "[]", None]


def test_arrow_maps_are_objects_at_any_depth():
    kind = pa.map_(pa.string(), pa.map_(pa.int32(), pa.int64()))
    assert written(arrow([[("a", [(1, 2), (3, None)])], [('q"', None)], None], kind)) == ['{"a":{"1":2}}', "{}", None]


def test_a_struct_with_a_name_twice_holds_its_rows_back():
    twice = pa.StructArray.from_arrays(
        [pa.array([1, None]), pa.array([2, None])], ["k", "k"], mask=pa.array([False, True])
    )
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "x": pd.Series(twice, dtype=pd.ArrowDtype(twice.type))})
    assert dry(frame)["reason"].fillna("").tolist() == ["x: two keys are the same as text; rename one", ""]


def test_an_interval_of_months_days_and_nanoseconds_has_no_form():
    kind = pa.month_day_nano_interval()
    frame = pd.DataFrame({"user_id": ["ada"], "x": pd.Series(pa.array([(1, 2, 3)], kind), dtype=pd.ArrowDtype(kind))})
    assert dry(frame)["reason"].tolist()[0].startswith("x: a timedelta has no form in JSON")


NOTHING = [
    pa.struct([("x", pa.int64()), ("n", pa.null())]),
    pa.struct([("n", pa.null())]),
    pa.list_(pa.null()),
    pa.map_(pa.string(), pa.null()),
    pa.list_(pa.null(), 2),
]


@pytest.mark.parametrize("kind", NOTHING, ids=str)
def test_maps_of_what_is_of_no_type_are_written_in_every_slice(monkeypatch, kind):
    monkeypatch.setattr("cio_frames.pipeline.prepared.SLICE_ROWS", 1)
    cell = {"struct": {"n": None}, "list": [None, None], "map": [("m", None)], "fixed_size_list": [None, None]}
    value = cell[str(kind).partition("<")[0]]
    whole = pa.array([[(f"k{row}", value)] for row in range(4)], pa.map_(pa.string(), kind))
    column = pd.Series(whole.slice(1), dtype=pd.ArrowDtype(whole.type))
    found = [list(json.loads(text)["traits"]["m"]) for text in texts(pd.DataFrame({"user_id": "ada", "m": column}))]
    assert found == [["k1"], ["k2"], ["k3"]]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([{"a": 0, 1: "a", "1": "b"}], dtype=object),
        arrow([[("b", 1), ('q"', 1), ('q"', 2)]], pa.map_(pa.string(), pa.int64())),
        pd.Series([{-(10**50): "a", str(-(10**50)): "b"}], dtype=object),
    ],
)
def test_a_key_that_stands_twice_holds_the_row_back_and_is_not_shown(column):
    assert field(column) == "x: two keys are the same as text; rename one"


def test_only_maps_that_have_a_key_twice_are_held_back():
    rows = [[("a", 1), ("a", 2)], [("a", 1), ("b", 2)], [("b", 1), ("b", 1), ("b", 1)], None]
    result = dry(pd.DataFrame({"user_id": "u", "x": arrow(rows, pa.map_(pa.string(), pa.int64()))}))
    assert result["status"].tolist() == ["invalid", "ready", "invalid", "ready"]


def test_a_date_of_milliseconds_that_is_no_whole_day_is_its_day():
    half = pa.Array.from_buffers(pa.date64(), 1, [None, pa.py_buffer(np.array([1_500 * 86_400_000 + 5]))])
    assert field(pd.Series(half, dtype=pd.ArrowDtype(pa.date64()))) == "1974-02-09"


def test_a_fault_in_a_list_a_map_or_a_struct_is_told_on_its_own_row():
    lists = arrow([[1.0], [], None, [np.inf, 2.0], [], [3.0, np.inf, np.inf]], pa.list_(pa.float64()))
    maps = arrow(
        [[("a", 1.0)], [], None, [("a", np.inf)], [], [("a", 1.0), ("b", np.inf)]], pa.map_(pa.string(), pa.float64())
    )
    structs = arrow(
        [{"a": 1.0}, {"a": None}, None, {"a": np.inf}, {}, {"a": -np.inf}], pa.struct([("a", pa.float64())])
    )
    for column in (lists, maps, structs, lists.astype(object)):
        result = dry(pd.DataFrame({"user_id": "u", "x": column}))
        assert result["status"].tolist() == ["ready", "ready", "ready", "invalid", "ready", "invalid"]
        assert result["reason"].iloc[5] == "x: infinity is not a valid JSON number; replace it with null or a number"


@pytest.mark.parametrize("key", [1.5, None, True, ("a",)])
def test_a_key_that_is_no_text_holds_the_row_back(key):
    assert one({"deep": [{key: 1}]}).startswith("x: a key of type")


def test_a_key_with_a_dot_in_a_dict_does_not_nest():
    assert written(pd.Series([{"a.b": {"c.d": 1}}], dtype=object)) == ['{"a.b":{"c.d":1}}']


def test_sets_are_sorted():
    cells = [{10, 9}, frozenset({"b", "a"}), {1, "a"}]
    assert written(pd.Series(cells, dtype=object)) == ["[9,10]", '["a","b"]', '["a",1]']


@pytest.mark.parametrize("innermost", [1, None, np.int8(1)])
def test_a_hundred_levels_are_sent_and_more_are_not(innermost):
    def nested(levels):
        cell = innermost
        for _ in range(levels):
            cell = [cell]
        return cell

    cells = pd.Series([nested(100), nested(101), nested(5000)], dtype=object)
    result = dry(pd.DataFrame({"user_id": "u", "x": cells}))
    assert result["status"].tolist() == ["ready", "invalid", "invalid"]
    assert (
        result["reason"].iloc[1]
        == "x: nested too deep for JSON; send the inner part as text, for example with json.dumps()"
    )


def test_a_list_that_holds_itself_is_nested_too_deep():
    endless = []
    endless.append(endless)
    assert one(endless) == "x: nested too deep for JSON; send the inner part as text, for example with json.dumps()"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (b"x", "bytes have no form in JSON"),
        (pd.Timedelta(1), "a timedelta has no form in JSON"),
        (np.timedelta64(1, "s"), "a timedelta has no form in JSON"),
        (pd.Period("2026"), "a period has no form in JSON"),
        (pd.Interval(0, 1), "an interval has no form in JSON"),
        (1j, "a complex number has no form in JSON"),
        (object(), "a cell of type object has no form in JSON"),
    ],
)
def test_what_has_no_form_in_json_holds_its_row_back_alone_or_deep_inside(cell, reason):
    for column in (pd.Series([cell]), pd.Series([{"a": [cell]}], dtype=object), pd.Series([cell, "x"], dtype=object)):
        assert field(column, row=0).startswith(f"x: {reason}")


def test_categories_that_are_intervals_hold_their_rows_back():
    column = pd.Series(pd.cut([1, 5], bins=[0, 2]))
    result = dry(pd.DataFrame({"user_id": "u", "x": column}))
    assert result["status"].tolist() == ["invalid", "ready"]


# Whole frames


def test_a_constant_context_is_written_by_the_same_rules():
    frame = pd.DataFrame({"user_id": ["u"], "message_id": ["m"]})
    context = {"n": np.int64(1), "t": dt.datetime(2026, 7, 1, 14), "none": None, "s": {2, 1}, "app": {"name": None}}
    assert texts(frame, context=context, timezone="Europe/Berlin", nulls="send") == [
        '{"type":"identify","context":{"n":1,"t":"2026-07-01T12:00:00.000Z","s":[1,2],"app":{}},'
        '"userId":"u","traits":{},"messageId":"m"}'
    ]


def test_a_constant_context_that_json_cannot_say_is_refused():
    with pytest.raises(
        FrameError,
        match=r"^context\.ip: infinity is not a valid JSON number; .*\. Give another value, or",
    ):
        texts(pd.DataFrame({"user_id": ["u"]}), context={"ip": np.inf})


def test_a_cell_of_33_kb_is_too_large_and_its_neighbours_are_sent():
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "x": ["", "é" * 16_500, ""]})
    result = dry(frame)
    assert result["status"].tolist() == ["ready", "too_large", "ready"]
    assert pd.isna(texts(frame)[1])


def test_500_columns_are_500_traits_in_their_order():
    frame = pd.DataFrame({"user_id": ["u"]} | {f"t{number:03}": [number] for number in range(500)})
    assert list(json.loads(texts(frame)[0])["traits"].items()) == [(f"t{number:03}", number) for number in range(500)]


@pytest.mark.parametrize("label", ["type", "cio", 0, "index", "size"])
def test_a_column_may_be_called_what_pandas_or_the_wire_have_other_uses_for(label):
    frame = pd.DataFrame({"user_id": ["u"], label: ["x"]})
    read = json.loads(texts(frame)[0])
    assert read["type"] == "identify"
    assert read["traits"] == {str(label): "x"}


@pytest.mark.parametrize("call", CALLS)
def test_a_frame_without_rows_has_no_payloads(call):
    labels = {"userId": "user_id", "previousId": "previous_id", "groupId": "group_id", "event": "event"}
    needed = [labels[sorted(wires)[-1]] for wires in reference.NEEDED[call]]
    event = "Signed Up" if call == "track" else None
    for dtype in (object, "float64", "datetime64[ns]"):
        frame = pd.DataFrame({label: pd.Series(dtype=dtype) for label in [*needed, "x"] if label != "event"})
        assert texts(frame, call, event) == []
        assert len(dry(frame, call, event)) == 0


def test_a_slice_of_a_frame_says_what_its_rows_say():
    frame = pd.DataFrame(
        {
            "user_id": [f"u{row}" for row in range(12)],
            "text": pd.Series([f'"{row}' for row in range(12)], dtype="string[pyarrow]"),
            "kind": pd.Categorical(list("abcabcabcabc")),
            "when": pd.date_range("2026-01-01", periods=12),
            "tags": arrow([[str(row)] * (row % 3) for row in range(12)], pa.list_(pa.string())),
            "size": pd.array([None, *range(11)], dtype="Int64"),
        }
    )
    assert texts(frame.iloc[5:9]) == texts(frame)[5:9]
    assert texts(frame.iloc[::-3]) == texts(frame)[::-3]


def test_chunks_of_an_arrow_column_make_no_difference():
    kinds = {
        "text": (['"a', None, "b", "c"], pa.string()),
        "tags": ([["x"], None, [], ["y", None]], pa.list_(pa.string())),
        "size": ([{"a": 1}, {"a": None}, None, {"a": 4}], pa.struct([("a", pa.int64())])),
        "word": (["a", "b", None, "a"], pa.dictionary(pa.int8(), pa.string())),
        "map": ([[("a", 1)], [], None, [("b", None)]], pa.map_(pa.string(), pa.int8())),
    }

    def frame(*cuts):
        columns = {
            name: pd.arrays.ArrowExtensionArray(
                pa.chunked_array([pa.array(cells[start:stop], kind) for start, stop in cuts], kind)
            )
            for name, (cells, kind) in kinds.items()
        }
        return pd.DataFrame({"user_id": list("abcd")} | columns)

    assert texts(frame((0, 1), (1, 1), (1, 4))) == texts(frame((0, 4)))


def test_each_row_of_a_category_is_written_and_each_fault_is_told_on_its_rows():
    column = pd.Series(pd.Categorical.from_codes([1, 0, -1, 1], categories=pd.Index([1.5, np.inf, 2.5])))
    result = dry(pd.DataFrame({"user_id": "u", "x": column}))
    assert result["status"].tolist() == ["invalid", "ready", "ready", "invalid"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cio_frames.pipeline.prepared.SLICE_ROWS", 3)
        assert dry(pd.DataFrame({"user_id": "u", "x": column}))["status"].tolist() == result["status"].tolist()


def test_a_row_gives_all_its_reasons():
    frame = pd.DataFrame({"user_id": [None], "x": pd.Series([np.inf], dtype=object), "y": pd.Series([1j])})
    assert dry(frame)["reason"].iloc[0] == (
        "x: infinity is not a valid JSON number; replace it with null or a number; "
        "y: a complex number has no form in JSON; send its two parts; "
        "user_id: required value is missing"
    )
