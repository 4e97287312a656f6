"""What the API takes and does not keep as it is: counted, and sent all the same."""

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

import cio_frames as cio


def warnings_of(frame, call="track", event="Order Completed", **options):
    """The warnings of rows: position, column, reason."""
    cases = cio.validate(frame, call, event if call == "track" else None, **options).failure_cases
    assert set(cases["severity"]) <= {"warning"}
    return list(zip(cases["position"], cases["column"], cases["reason"], strict=True))


def column_warnings_of(frame, call="track", event="Order Completed", **options):
    """The warnings about columns: how many rows they concern, column, reason."""
    report = cio.validate(frame, call, event if call == "track" else None, **options)
    assert len(report.failure_cases) == 0
    return [(each.rows, each.column, each.reason) for each in report.warnings if each.scope == "column"]


ULID = "01HWT6Z5G0ABCDEFGHJKMNPQRS"
OTHER_ULID = "01HWT6Z5G0CBADEFGHJKMNPQRS"


def orders(**columns):
    return pd.DataFrame({"user_id": ["ada"] * len(next(iter(columns.values()))), **columns})


def people(**columns):
    return orders(**columns)


@pytest.mark.parametrize("dtype", [object, "str", "string", "category", pd.ArrowDtype(pa.string())])
def test_a_trait_longer_than_journeys_keeps_is_a_warning_whatever_holds_it(dtype):
    frame = people(bio=pd.Series(["a" * 1000, "a" * 1001, None], dtype=dtype))
    reason = "bio: attribute value is longer than the 1,000 bytes that Journeys keeps"
    assert warnings_of(frame, "identify") == [(1, "bio", reason)]


def test_bytes_are_counted_and_not_characters():
    assert [position for position, *_ in warnings_of(people(bio=["\u00e9" * 500, "\u00e9" * 501]), "identify")] == [1]


def test_properties_have_no_limit_of_their_own():
    assert warnings_of(orders(coupon=["a" * 1001])) == []


@pytest.mark.parametrize(
    ("call", "columns"),
    [
        ("identify", {"user_id": "u"}),
        ("identify", {"anonymous_id": "u"}),
        ("group", {"user_id": "ada", "group_id": "u"}),
        ("alias", {"user_id": "ada", "previous_id": "u"}),
    ],
)
def test_an_id_longer_than_journeys_keeps_is_a_warning(call, columns):
    label = next(name for name, value in columns.items() if value == "u")
    frame = pd.DataFrame([columns | {label: "u" * 150}, columns | {label: "u" * 151}])
    assert warnings_of(frame, call) == [(1, label, f"{label}: id is longer than the 150 bytes that Journeys keeps")]


def test_the_id_of_an_object_that_is_deleted_counts_as_an_id():
    frame = pd.DataFrame({"anonymousId": ["x"], "objectId": ["o" * 151]})
    ((_, label, _),) = warnings_of(frame, event="Object Deleted")
    assert label == "objectId"


def test_the_name_of_a_trait_is_measured_where_a_row_has_it():
    name = "n" * 151
    frame = people(**{name: [1, None]})
    reason = f"{name}: attribute name is longer than the 150 bytes that Journeys keeps"
    assert column_warnings_of(frame, "identify") == [(1, name, reason)]


def test_attributes_are_counted_row_by_row():
    traits = {f"t{number}": [1.0, 1.0 if number < 300 else np.nan] for number in range(301)}
    assert warnings_of(people(**traits), "identify") == [
        (0, None, "call has more than the 300 attributes that Journeys keeps")
    ]


def test_a_nested_trait_is_one_attribute():
    assert warnings_of(people(**{f"address.t{number}": [1] for number in range(301)}), "identify") == []


def test_the_name_of_an_event_is_measured_in_a_column_and_given_once():
    reason = "event name is longer than the 100 bytes that Journeys keeps"
    frame = orders(action=["e" * 100, "e" * 101])
    assert warnings_of(frame, event=None, event_column="action") == [(1, "action", f"action: {reason}")]
    assert column_warnings_of(orders(total=[1, 2]), event="e" * 101) == [(2, "event", f"event: {reason}")]


def test_properties_of_more_than_journeys_keeps_are_held_back_where_warnings_are():
    client = cio.Client(write_key="k", max_call_bytes=200_000, max_body_bytes=475_000)
    frame = orders(coupon=["a" * 99_000, "a" * 101_000])
    reason = "properties are larger than the 100,000 bytes that Journeys keeps"
    report = cio.validate(frame, "track", "Order Completed", strict_schema=True, client=client)
    assert report.failure_cases[["position", "check", "severity", "reason"]].values.tolist() == [
        [1, "journeys_event_bytes", "error", reason]
    ]
    assert (len(report), len(report.facts.bodies)) == (1, 1)
    result = frame.cio.track("Order Completed", strict_schema=True, client=client, dry_run=True)
    assert result[["status", "reason"]].astype(object).where(result.notna(), None).values.tolist() == [
        ["ready", None],
        ["invalid", reason],
    ]
    payloads = frame.cio.payloads("track", "Order Completed", strict_schema=True, client=client)
    assert payloads.notna().tolist() == [True, False]
    free = cio.validate(frame, "track", "Order Completed", strict_schema=True, schema=None, client=client)
    assert free.failure_cases.empty


def test_properties_of_more_than_journeys_keeps_where_a_call_may_be_that_large():
    client = cio.Client(write_key="k", max_call_bytes=200_000, max_body_bytes=475_000)
    frame = orders(coupon=["a" * 99_000, "a" * 101_000])
    assert warnings_of(frame, client=client) == [
        (1, None, "properties are larger than the 100,000 bytes that Journeys keeps")
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("order_ID", "order_id"), ("orderId", "order_id"), ("Total", "total"), ("curency", "currency")],
)
def test_an_unknown_property_has_a_warning_with_the_closest_known_one(name, meant):
    reason = f"{name}: not a known property of Order Completed; did you mean {meant!r}?"
    assert column_warnings_of(orders(**{name: ["1", None]})) == [(1, name, reason)]


def test_an_unknown_property_without_a_close_one_has_a_warning_too():
    assert column_warnings_of(orders(own_thing=[1])) == [
        (1, "own_thing", "own_thing: not a known property of Order Completed")
    ]


PRODUCTS = [[{"price": 1, "prize": 2}, {"prize": 3}], [{"price": 1}], None]


@pytest.mark.parametrize("arrow", [False, True])
def test_unknown_members_have_warnings_by_their_place(arrow):
    kind = pa.list_(pa.struct([("price", pa.int64()), ("prize", pa.int64())]))
    cells = pd.array(pa.array(PRODUCTS, kind), dtype=pd.ArrowDtype(kind)) if arrow else PRODUCTS
    name = "products[].prize"
    # An Arrow type is of all cells: what it names is looked for in none of them.
    assert column_warnings_of(orders(products=cells)) == [
        (2 if arrow else 1, name, f"{name}: not a known property of Order Completed; did you mean 'price'?")
    ]


@pytest.mark.parametrize("event", ["Signed Up", "Device Created or Updated"])
def test_events_whose_properties_are_free_know_no_unknown_one(event):
    frame = orders(anything=[1])
    frame["context.device.token"], frame["context.device.type"] = "t", "ios"
    assert warnings_of(frame, event=event) == []


def test_traits_of_people_are_free():
    assert warnings_of(people(Emial=["a"], e=["b"], email_address=["c"]), "identify") == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Email", "email"),
        ("E-mail", "email"),
        ("EMAIL", "email"),
        ("CreatedAt", "createdAt"),
        ("un_subscribed", "unsubscribed"),
    ],
)
def test_a_trait_that_customerio_knows_by_another_spelling_has_a_warning(name, meant):
    reason = f"{name}: becomes a new trait; did you mean {meant!r}?"
    assert column_warnings_of(people(**{name: ["x", None]}), "identify") == [(1, name, reason)]


def test_a_trait_has_a_warning_by_the_name_that_it_is_sent_under():
    frame = people(Email=["ada@example.com"], address=["bob@example.com"])
    assert warnings_of(frame[["user_id", "Email"]], "identify", traits={"Email": "email"}) == []
    reason = "address: becomes a new trait 'E-Mail'; did you mean 'email'?"
    assert column_warnings_of(frame, "identify", traits={"address": "E-Mail"}) == [(1, "address", reason)]


def test_a_second_spelling_beside_the_known_one_is_meant():
    assert warnings_of(people(Email=["ADA@example.com"], email=["ada@example.com"]), "identify") == []


def test_journeys_own_name_of_a_trait_is_no_slip():
    assert warnings_of(people(created_at=["2025-01-01"]), "identify") == []


def test_what_a_group_knows_by_another_spelling_has_a_warning():
    frame = people(group_id=["acme"], **{"relationship_attributes.role": ["owner"], "object_type_id": ["1"]})
    label = "relationship_attributes.role"
    reason = f"{label}: becomes a new trait 'relationship_attributes'; did you mean 'relationshipAttributes'?"
    assert column_warnings_of(frame, "group") == [(1, label, reason)]


@pytest.mark.parametrize("name", ["order completed", "Order Completed ", "ORDER  COMPLETED", "order_completed"])
def test_an_event_that_is_known_by_another_spelling_has_a_warning(name):
    reason = "event: not a known event; did you mean 'Order Completed'?"
    assert column_warnings_of(orders(total=[1]), event=name) == [(1, "event", reason)]
    frame = orders(event=["Signed Up", name])
    assert warnings_of(frame, event=None) == [(1, "event", reason)]


def test_a_check_of_ones_own_may_be_a_warning():
    schema = pandera.DataFrameSchema(
        {
            "total": pandera.Column(
                checks=[
                    pandera.Check.lt(100, error="much", raise_warning=True),
                    pandera.Check.ge(0, error="negative"),
                ]
            )
        }
    )
    report = cio.validate(orders(total=[1, 101, -1]), "track", "Order Completed", schema=schema)
    assert report.failure_cases[["position", "severity", "reason"]].values.tolist() == [
        [1, "warning", "total: much"],
        [2, "error", "total: negative"],
    ]
    assert (report.rows_held_back, report.rows_with_warnings, report.ok) == (1, 1, False)


def test_a_warning_alone_lets_the_report_be_ok_and_the_row_go(sandbox):
    frame = orders(order_ID=["1"])
    report = frame.cio.validate("track", "Order Completed")
    assert (report.ok, len(report), report.rows_with_warnings, len(report.warnings)) == (True, 0, 0, 1)
    assert len(report.invalid(frame)) == 0
    assert frame.cio.track("Order Completed", client=sandbox.client)["status"].tolist() == ["delivered"]


def test_strict_schema_makes_warnings_errors(sandbox):
    frame = orders(order_ID=["1", None])
    report = frame.cio.validate("track", "Order Completed", strict_schema=True)
    assert set(report.failure_cases["severity"]) == {"error"}
    assert (len(report), report.rows_with_warnings) == (1, 0)
    result = frame.cio.track("Order Completed", client=sandbox.client, strict_schema=True)
    assert result["status"].tolist() == ["invalid", "delivered"]
    assert "did you mean 'order_id'" in result["reason"].iloc[0]


def test_without_a_schema_nothing_is_warned_of():
    assert warnings_of(orders(order_ID=["1"]), schema=None) == []


def test_a_message_id_that_an_earlier_row_has_has_a_warning_whatever_kind_of_call_has_it():
    frame = pd.DataFrame(
        {
            "user_id": "ada",
            "type": ["identify", "track", "track", "track", "track"],
            "event": [None, "Mine", "Mine", "Yours", "Yours"],
            "id": [ULID, OTHER_ULID, ULID, None, None],
        }
    )
    words = "id: duplicate ULID; Journeys ignores an event with the id of an earlier row"
    options = {"type_column": "type", "message_id": "id"}
    assert warnings_of(frame, "batch", **options) == [(2, "id", words)]
    assert warnings_of(frame, "batch", schema=None, **options) == []
    result = frame.cio.batch(message_id="id", strict_schema=True, dry_run=True)
    assert result["status"].tolist() == ["ready", "ready", "invalid", "ready", "ready"]


def test_message_ids_that_differ_have_no_warnings():
    assert warnings_of(orders(message_id=[ULID, OTHER_ULID, None, None])) == []


@pytest.mark.parametrize("dtype", [object, "str", "string", "category", pd.ArrowDtype(pa.string())])
def test_an_event_with_an_id_that_is_no_ulid_may_be_there_twice_once_it_is_sent_again(dtype):
    ids = pd.Series([ULID, ULID.lower(), ULID + "0", "8" + ULID[1:], "order-7", None], dtype=dtype)
    words = "message_id: not a ULID; Journeys may keep this event twice if a batch is sent again"
    frame = orders(message_id=ids).drop(index=1)
    assert column_warnings_of(frame) == [(3, "message_id", words)]
    assert len(cio.validate(frame, "track", "Order Completed").summary()) == 1
    # Nobody can mend a row whose id is the shop's own.
    assert frame.cio.track("Order Completed", strict_schema=True, dry_run=True)["status"].eq("ready").all()


@pytest.mark.parametrize("ids", [[7, 8], [7.0, 8.0], [{"a": 1}, 7]])
def test_an_id_that_is_no_text_is_no_ulid(ids):
    warnings = cio.validate(orders(message_id=ids), "page").warnings
    assert [(each.check, each.rows) for each in warnings if each.check == "no_ulid"] == [("no_ulid", 2)]


@pytest.mark.parametrize(("call", "event"), [("identify", None), ("track", "User Deleted")])
def test_what_may_be_said_twice_needs_no_ulid(call, event):
    assert warnings_of(people(message_id=["order-7"]), call, event) == []
