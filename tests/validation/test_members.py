"""What is inside lists and objects is checked by its path."""

import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.validation.members import find_mistake
from tests.validation.checked_orders import NULLS, orders, reasons

PRODUCTS = [
    [{"product_id": "p", "price": 1.5, "quantity": 2}],
    [{"price": 1}, {"price": 2}, {"price": "free"}],
    [{"quantity": 1.5}],
    [7],
    [],
    None,
    [{"price": None, "own": object}],
    [{"product_id": 7, "quantity": 2.0}],
]
HUGE = [10**400, decimal.Decimal("1E+400"), decimal.Decimal("1E+999999999")]


def test_a_member_that_does_not_fit_is_named_with_its_place():
    frame = orders(products=pd.Series(PRODUCTS, dtype=object))
    assert reasons(frame, schema="spec")[:3] == [
        (1, "products[2].price: must be a number"),
        (2, "products[0].quantity: must be a whole number"),
        (3, "products[0]: must be an object (dict)"),
    ]


def test_a_member_in_an_arrow_column_is_named_the_same_way():
    cells = pa.array([[{"price": "1"}], [{"price": None}], None, [{"price": "x"}]])
    frame = orders(products=pd.array(cells, dtype=pd.ArrowDtype(cells.type)))
    assert reasons(frame) == [
        (0, "products[0].price: must be a number"),
        (3, "products[0].price: must be a number"),
    ]


def test_a_nested_trait_is_looked_into():
    people = orders(cio_subscription_preferences=[{"topics": {"topic_1": True}}, {"topics": "all"}])
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["reason"]) == ["cio_subscription_preferences.topics: must be an object (dict)"]


def test_members_of_any_name_are_checked_too():
    people = orders(cio_subscription_preferences=[{"topics": {"topic_1": True}}, {"topics": {"topic_1": "yes"}}])
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["reason"]) == ["cio_subscription_preferences.topics.topic_1: must be true or false"]


@pytest.mark.parametrize("null", NULLS, ids=lambda null: f"{type(null).__name__} {null}")
@pytest.mark.parametrize("member", ["coupon", "quantity", "price"])
def test_a_null_of_any_kind_inside_a_list_of_objects_is_missing_and_holds_nothing_back(null, member):
    frame = orders(products=pd.Series([[{member: null, "sku": "a"}], [null], null], dtype=object))
    assert reasons(frame) == []
    payloads = cio.payloads(frame, "track", "Order Completed")
    assert ['"products":[{"sku":"a"}]' in payloads[0], '"products":[null]' in payloads[1]] == [True, True]
    assert '"products"' not in payloads[2]


@pytest.mark.parametrize("null", NULLS, ids=lambda null: f"{type(null).__name__} {null}")
def test_a_null_of_any_kind_inside_an_object_is_missing_and_holds_nothing_back(null):
    people = pd.DataFrame(
        {
            "user_id": ["ada"],
            "cio_subscription_preferences": [{"topics": {"topic_1": null}, "channels": null}],
            "context": [{"ip": null, "app": {"version": null}}],
        }
    )
    assert cio.validate(people, "identify").failure_cases["reason"].tolist() == []
    assert cio.identify(people, dry_run=True)["status"].tolist() == ["ready"]


@pytest.mark.parametrize("label", ["total", "order_id", "products", "timestamp", "own"])
def test_a_signalling_nan_is_missing_like_any_other(label):
    frame = orders(**{label: pd.Series([decimal.Decimal("sNaN"), None], dtype=object)})
    assert reasons(frame) == []
    assert frame.cio.track("Order Completed", dry_run=True)["status"].tolist() == ["ready", "ready"]
    report = cio.validate(frame.assign(Email=frame[label]), "identify")
    assert report.failure_cases["severity"].eq("warning").all()


@pytest.mark.parametrize("odd", [*HUGE, np.complex64(1j), np.timedelta64(1, "s")], ids=repr)
def test_an_odd_cell_in_an_integer_field_holds_back_no_other_row(odd):
    frame = orders(step=pd.Series([1, "x", odd, 2.0], dtype=object))
    result = frame.cio.track("Checkout Step Viewed", dry_run=True)
    assert result["status"].tolist()[:2] == ["ready", "invalid"]
    assert result["status"].iloc[3] == "ready"
    assert result["status"].iloc[2] == "ready" or result["reason"].iloc[2].startswith("step: ")


@pytest.mark.parametrize("odd", [*HUGE, float("inf"), np.complex64(1j), np.array(7), np.array("a")], ids=repr)
@pytest.mark.parametrize("member", ["quantity", "sku", "price"])
def test_an_odd_member_holds_back_no_other_row(odd, member):
    cells = [[{member: odd}], [{"price": "free"}], [{"price": 1}]]
    result = orders(products=pd.Series(cells, dtype=object)).cio.track("Order Completed", dry_run=True)
    assert result["status"].tolist()[1:] == ["invalid", "ready"]
    assert result["status"].iloc[0] == "ready" or result["reason"].iloc[0].startswith("products")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([[1], None, []], pa.list_(pa.int64())),
        ([{"a": 1}, None, {"a": None}], pa.struct([("a", pa.int64())])),
        ([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        ([[{"a": -(2**62)}], None, []], pa.list_(pa.struct([("a", pa.timestamp("s"))]))),
    ],
    ids=["list", "struct", "map", "times"],
)
@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("user_id", "must be text"),
        ("total", "must be a number"),
        ("email", "must be text"),
        ("timestamp", "must be a time"),
    ],
)
def test_a_nested_arrow_column_in_a_plain_field_holds_its_rows_back(cells, kind, label, reason):
    frame = orders(**{label: pd.array(pa.array(cells, kind), dtype=pd.ArrowDtype(kind))})
    call = ("track", "Order Completed") if label == "total" else ("identify",)
    cases = cio.validate(frame, *call).failure_cases
    held_back = cases[cases["severity"].eq("error")]
    assert sorted(set(held_back["position"])) == ([0, 1, 2] if label == "user_id" else [0, 2])
    assert held_back["reason"].iloc[0].startswith(f"{label}: {reason}")


def test_a_map_in_arrow_is_an_object_to_look_into():
    kind = pa.map_(pa.string(), pa.map_(pa.string(), pa.string()))
    cells = pa.array([[("topics", [("topic_1", "yes")])], [("topics", [])], None], kind)
    people = orders(cio_subscription_preferences=pd.array(cells, dtype=pd.ArrowDtype(kind)))
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["reason"]) == ["cio_subscription_preferences.topics.topic_1: must be true or false"]


def test_a_member_that_an_object_needs_is_missing_where_it_is_nan(tmp_path):
    from cio_frames import spec

    line = spec.Field("object", required=("sku",), properties={"sku": spec.Field("string")})
    found = [find_mistake([{"sku": null}], spec.Field("array", items=line)) for null in NULLS]
    assert found == ["[0].sku: required value is missing"] * len(NULLS)
    assert find_mistake([{"sku": "a"}], spec.Field("array", items=line)) is None


@pytest.mark.parametrize("number", [2.0**53, 1e20, np.float32(2**24)], ids=repr)
def test_an_id_inside_that_has_lost_its_last_digits_is_held_back(number):
    kind = pa.float32() if isinstance(number, np.float32) else pa.float64()
    cells = pa.array([[{"sku": number}], [{"sku": 7.0}]], pa.list_(pa.struct([("sku", kind)])))
    why = "must be text, found a float too large to keep its last digits; read the column as text or Int64"
    for column in (pd.Series([[{"sku": number}], [{"sku": 7.0}]]), pd.array(cells, dtype=pd.ArrowDtype(cells.type))):
        assert reasons(orders(products=column)) == [(0, f"products[0].sku: {why}")]
