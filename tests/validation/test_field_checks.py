"""Types, formats and bounds of fields."""

import decimal
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.validation.type_checks import FORMAT_CHECKS
from tests.validation.checked_orders import orders, reasons

ODD_COLUMNS = [
    pd.array(pa.array([-(2**62)], pa.timestamp("s")), dtype=pd.ArrowDtype(pa.timestamp("s"))),
    pd.array(pa.array([[("a", -(10**9) * 86_400_000)]], pa.map_(pa.string(), pa.date64())),
             dtype=pd.ArrowDtype(pa.map_(pa.string(), pa.date64()))),
    pd.Series([[1]]),
    pd.Series([{"a": 1}]),
    pd.Series([decimal.Decimal("Infinity")]),
    pd.Categorical([decimal.Decimal(1)]),
    np.array(["0000-12-31"], dtype="datetime64[s]"),
]  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        [1.5, None],
        np.array([1, 2], dtype="uint8"),
        pd.array([1, None], dtype="Int64"),
        pd.array([1.5, None], dtype="double[pyarrow]"),
        [decimal.Decimal("1.50"), 2],
        pd.Categorical([1, 2]),
        [None, None],
    ],
)
def test_a_number_may_be_of_any_numeric_kind(values):
    assert reasons(orders(total=values)) == []


@pytest.mark.parametrize("value", ["12.50", True, [1], {"a": 1}, pd.Timestamp("2026-01-01")])
def test_what_is_no_number_is_held_back(value):
    assert reasons(orders(total=pd.Series([1.5, value], dtype=object))) == [(1, "total: must be a number")]


@pytest.mark.parametrize("values", [["a", "007"], [7, 8], [7.0, None], pd.Categorical(["a", "b"]), ["a", 7]])
def test_text_may_be_text_or_whole_numbers(values):
    assert reasons(orders(order_id=values)) == []


@pytest.mark.parametrize("value", [1.5, True, ["a"], b"a"])
def test_what_cannot_be_text_is_held_back(value):
    (found,) = reasons(orders(order_id=pd.Series(["a", value], dtype=object)))
    assert found[0] == 1
    assert found[1].startswith("order_id: must be text, found ")


def test_an_integer_may_be_a_whole_float_and_nothing_else():
    frame = orders(step=[1.0, 1.5, None])
    assert reasons(frame, "Checkout Step Viewed") == [(1, "step: must be a whole number")]


def test_an_array_is_a_list_in_any_dress():
    frame = orders(
        products=pd.Series([[{"price": 1}], ({"price": 2},), np.array([{"price": 3}]), "no", {"a": 1}], dtype=object)
    )
    assert reasons(frame) == [(3, "products: must be a list"), (4, "products: must be a list")]


def test_an_enum_names_what_it_allows():
    frame = pd.DataFrame({"deliveryId": ["d", "d"], "metric": ["opened", "eaten"]})
    ((position, reason),) = reasons(frame, "Report Delivery Event")
    assert position == 1
    assert reason.startswith("metric: must be one of delivered, clicked, converted, opened")


def test_an_email_has_an_at_between_two_parts():
    people = orders(email=["ada@example.com", "ada", "@example.com", "a b@example.com", None])
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["position"]) == [1, 2, 3]
    assert set(cases["reason"]) == {"email: must be an email address"}


@settings(deadline=None, derandomize=True)
@given(st.lists(st.none() | st.text("a@ \n\xa0\xe9.", max_size=4), min_size=1), st.integers(0, 2))
def test_emails_that_are_checked_as_a_whole_are_those_that_a_pattern_finds(texts, start):
    column = pd.Series(pd.array(pa.array(texts, pa.large_string()), dtype=pd.ArrowDtype(pa.large_string())))[start:]
    expected = [text is None or bool(re.fullmatch(r"[^@ \n]+@[^@ \n]+", text)) for text in texts[start:]]
    assert FORMAT_CHECKS["email"](column).tolist() == expected


def test_a_frame_without_rows_is_valid():
    report = cio.validate(pd.DataFrame({"user_id": []}), "identify")
    assert (report.ok, len(report), report.rows) == (True, 0, 0)


def test_the_frame_is_left_as_it_was():
    frame = orders(total=["x", 1.0]).set_axis([5, 5])
    before = frame.copy(deep=True)
    cio.validate(frame, "track", "Order Completed")
    pd.testing.assert_frame_equal(frame, before)


def test_an_arrow_column_whose_type_fits_has_no_failures():
    cells = pa.array([[{"price": 1.5, "quantity": 1, "product_id": "p"}], None])
    assert reasons(orders(products=pd.array(cells, dtype=pd.ArrowDtype(cells.type)))) == []


@pytest.mark.parametrize("dtype", ["object", "string[python]"])
def test_half_a_surrogate_pair_holds_its_row_back_and_no_other(dtype):
    frame = orders(order_id=pd.Series(["fine", "\ud800"], dtype=dtype))
    remedy = ".str.encode('utf-16', 'surrogatepass').str.decode('utf-16', 'replace')"
    why = f"text has a lone surrogate, which is not valid Unicode; repair it with {remedy}"
    assert reasons(frame) == [(1, f"order_id: {why}")]
    mended = frame["order_id"].str.encode("utf-16", "surrogatepass").str.decode("utf-16", "replace")
    assert reasons(frame.assign(order_id=mended)) == []
    own = orders(note=pd.Series(["fine", "\ud800"], dtype=dtype))
    assert own.cio.track("Mine", dry_run=True)["reason"].iloc[1] == f"note: {why}"


def test_bytes_are_no_text_and_no_half_a_surrogate_pair():
    frame = orders(order_id=pd.Series(["\ud800", b"secret"], dtype=object))
    assert reasons(frame)[1][0] == 1
    assert reasons(frame)[1][1].startswith("order_id: must be text, found ")


@pytest.mark.parametrize("values", [[0, 100, None], [0.0, 100.0], [decimal.Decimal(5), 7]])
def test_a_number_within_its_bounds_passes(values):
    assert reasons(orders(sound=values), "Video Playback Started") == []


@pytest.mark.parametrize(
    "values", [[-1, 50, 101], pd.array([-1, None, 101], dtype="Int64"), pd.Series([-1, None, 101], dtype=object)]
)
def test_a_number_beyond_its_bounds_is_held_back(values):
    reason = "sound: must be from 0 to 100"
    assert reasons(orders(sound=values), "Video Playback Started") == [(0, reason), (2, reason)]


def test_a_blank_id_is_missing_and_not_too_short():
    assert reasons(pd.DataFrame({"user_id": ["a", ""]}), "Signed Up") == [(1, "user_id: required value is missing")]


@pytest.mark.parametrize("label", ["order_id", "total", "timestamp", "own"])
def test_half_a_surrogate_pair_in_a_category_holds_its_rows_back_and_no_other(label):
    column = pd.Categorical.from_codes([0, 1, 0, -1], categories=pd.Index(["\ud800", "2026-01-01"], dtype=object))
    result = orders(**{label: column}).cio.track("Order Completed", dry_run=True)
    assert result["status"].tolist()[::3] == ["invalid", "ready"]
    assert result["reason"].iloc[0].startswith(f"{label}: ")


@pytest.mark.parametrize(
    "column", ODD_COLUMNS, ids=["years", "maps", "lists", "dicts", "infinity", "category", "year 0"]
)
@pytest.mark.parametrize("label", ["ad_type", "sound", "user_id", "timestamp"])
def test_a_column_of_any_dtype_can_be_asked_whether_it_is_among_some_or_within_bounds(column, label):
    found = reasons(orders(**{label: column}), "Video Playback Started")
    assert all(reason.startswith(f"{label}: ") for _, reason in found)
