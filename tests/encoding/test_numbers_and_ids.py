"""Numbers in payloads, and ids, which are text."""

import datetime as dt
import decimal
import json
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.encoding.payload_texts import Kind, arrow, dry, field, one, texts, written


def test_integers_keep_every_digit():
    assert written(pd.Series([2**53 + 1, -(2**63)])) == ["9007199254740993", "-9223372036854775808"]
    assert written(pd.Series([2**53 + 1, None], dtype="Int64")) == ["9007199254740993", None]
    assert written(pd.Series([2**64 - 1], dtype="uint64")) == ["18446744073709551615"]
    assert written(pd.Series([2**70, -(2**70)], dtype=object)) == ["1180591620717411303424", "-1180591620717411303424"]
    assert written(pd.Series([10**5000], dtype=object)) == ["1" + "0" * 5000]


class Seats(int):
    """An int of a class of its own."""


def test_an_int_of_a_class_of_its_own_is_a_number():
    assert written(pd.Series([Seats(3), [Seats(4), None]], dtype=object)) == ["3", "[4,null]"]


def test_floats_are_written_in_their_shortest_form():
    floats = [1e16, 1e-7, 0.1, -0.0, 1.0, 5e-324, 1.7976931348623157e308]
    expected = ["1e16", "1e-7", "0.1", "0", "1", "5e-324", "1.7976931348623157e+308"]
    assert [float(text) for text in written(pd.Series(floats))] == floats
    assert written(pd.Series(floats))[2:5] == expected[2:5]
    assert written(pd.Series(floats)) == written(pd.Series([*floats, "text"], dtype=object))[:-1]


def test_a_float32_is_written_in_its_own_shortest_form():
    numbers = np.array([0.1, 1e30, 7], dtype=np.float32)
    expected = written(pd.Series(numbers))
    assert [expected[0], float(expected[1]), expected[2]] == ["0.1", 1e30, "7"]
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
        "user_id: must be text, found a float too large to keep its last digits; read the column as text or Int64",
        "user_id: must be text, found a number with a fraction; convert it to text",
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
    assert all("too large to keep its last digits" in reason for reason in found[2:])
    assert "too large to keep its last digits" in one(pd.Series([1e20]), "user_id")


def test_decimal_ids_are_digits_in_a_typed_column_too():
    column = arrow([decimal.Decimal(7), decimal.Decimal("7.5"), None], pa.decimal128(10, 2))
    frame = pd.DataFrame({"user_id": "u", "anonymous_id": column})
    assert json.loads(texts(frame)[0])["anonymousId"] == "7"
    assert dry(frame)["reason"].iloc[1].startswith("anonymous_id: must be text, found a number with a fraction")


@pytest.mark.parametrize("blank", ["", " ", "\n", "\t\r\v\f", "\u2003", "\x85", "\x1f"])
def test_a_blank_id_counts_as_missing(blank):
    frame = pd.DataFrame({"user_id": [blank, "ada"], "anonymous_id": ["anon", blank]})
    first, second = map(json.loads, texts(frame))
    assert "userId" not in first
    assert "anonymousId" not in second


@pytest.mark.parametrize("text", ["\\n", "n", "\\u001f", "a\n"])
def test_an_id_that_only_looks_blank_is_sent(text):
    assert json.loads(texts(pd.DataFrame({"user_id": [text]}))[0])["userId"] == text


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
