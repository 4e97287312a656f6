import decimal

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.validation.members import find_mistake


def reasons(frame, event="Order Completed", **options):
    cases = cio.validate(frame, "track", event, **options).failure_cases
    return list(zip(cases["position"], cases["reason"], strict=True))


def orders(**columns):
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)], **columns})


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


def test_a_property_that_the_event_cannot_do_without_must_be_a_column():
    with pytest.raises(cio.MissingColumnsError, match=r"needs column 'email_id'.*Did you mean 'email_ids'"):
        cio.validate(orders(email_ids=["a"]), "track", "Email Opened")


def test_a_property_that_the_event_cannot_do_without_must_be_in_every_row():
    assert reasons(orders(email_id=["a", None]), "Email Opened") == [(1, "email_id: required value is missing")]


def test_an_email_has_an_at_between_two_parts():
    people = orders(email=["ada@example.com", "ada", "@example.com", "a b@example.com", None])
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["position"]) == [1, 2, 3]
    assert set(cases["reason"]) == {"email: must be an email address"}


@pytest.mark.parametrize(
    "index", [[7, 7, 7], pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)]), ["x", None, "x"]]
)
def test_failure_cases_are_tied_to_positions_even_where_labels_repeat(index):
    frame = orders(total=[1, "x", 2]).set_axis(index)
    report = cio.validate(frame, "track", "Order Completed")
    assert list(report.failure_cases["position"]) == [1]
    assert len(report.invalid(frame)) == 1
    assert report.invalid(frame)["total"].tolist() == ["x"]


def test_one_bad_cell_does_not_hide_another_rows_fault():
    schema = pandera.DataFrameSchema({"total": pandera.Column(float, pandera.Check.ge(0), coerce=True, nullable=True)})
    frame = orders(total=pd.Series(["free", -1, 3, None], dtype=object))
    assert reasons(frame, schema=schema) == [
        (0, "total: not valid as float64"),
        (1, "total: greater_than_or_equal_to(0)"),
    ]


def test_a_schema_can_be_extended_and_passed_back():
    schema = cio.schema("track", "Order Completed").update_column(
        "total", checks=[pandera.Check.ge(0, error="must not be negative")]
    )
    assert reasons(orders(total=[1, -1]), schema=schema) == [(1, "total: must not be negative")]


def test_a_schema_may_name_a_column_as_the_frame_does():
    schema = pandera.DataFrameSchema({"customer": pandera.Column(checks=pandera.Check.str_startswith("c"))})
    frame = pd.DataFrame({"customer": ["c1", "x2"]})
    assert reasons(frame, schema=schema, user_id="customer") == [(1, "customer: str_startswith('c')")]


def test_a_schema_names_renamed_columns_by_field_and_the_report_by_column():
    schema = pandera.DataFrameSchema(
        {"total": pandera.Column(checks=pandera.Check.ge(0, error="must not be negative"))}
    )
    frame = orders(sum=[1, -1])
    assert reasons(frame, schema=schema, properties={"sum": "total"}) == [(1, "sum: must not be negative")]


def test_a_check_of_whole_rows_is_one_failure_a_row():
    schema = pandera.DataFrameSchema(checks=pandera.Check(lambda df: df["total"] >= df["tax"], error="tax above total"))
    frame = orders(total=[2, 1], tax=[1, 2])
    assert reasons(frame, schema=schema) == [(1, "tax above total")]


def test_a_pandera_model_is_a_schema_too():
    class Order(pandera.DataFrameModel):
        total: float = pandera.Field(ge=0, coerce=True)

    assert reasons(orders(total=[1.0, -1.0]), schema=Order) == [(1, "total: greater_than_or_equal_to(0)")]


def test_a_schema_asking_for_a_column_that_is_not_there_is_refused():
    schema = pandera.DataFrameSchema({"tax": pandera.Column()})
    with pytest.raises(cio.MissingColumnsError, match="needs column 'tax'"):
        cio.validate(orders(total=[1]), "track", "Order Completed", schema=schema)


def test_what_is_no_schema_is_refused():
    with pytest.raises(cio.FrameError, match="schema= must be"):
        cio.validate(orders(total=[1]), "track", "Order Completed", schema=7)


def test_without_a_schema_only_what_cannot_be_sent_is_held_back():
    frame = orders(total=pd.Series(["text", float("inf"), 1.0], dtype=object))
    assert reasons(frame, schema=None) == [
        (1, "total: infinity is not a valid JSON number; replace it with null or a number")
    ]


def test_a_report_counts_and_sums_up():
    report = cio.validate(orders(total=["x", 1, "y", 2]), "track", "Order Completed")
    assert (report.ok, len(report), report.rows) == (False, 2, 4)
    assert report.summary().to_dict("records") == [
        {
            "column": "total",
            "check": "number",
            "severity": "error",
            "rows": 2,
            "share": 0.5,
            "first_positions": [0, 2],
            "first_reason": "total: must be a number",
        }
    ]


def test_a_summary_has_the_first_reason_of_each_check():
    frame = pd.DataFrame({"user_id": ["ada"], "Email": ["ada@example.com"], "since": [float("inf")]})
    summary = frame.cio.validate("identify").summary()
    assert summary[["check", "first_reason"]].to_numpy().tolist() == [
        ["infinity", "since: infinity is not a valid JSON number; replace it with null or a number"],
        ["misspelled_name", "Email: becomes a new trait; did you mean 'email'?"],
    ]
    page = frame.cio.validate("identify")._repr_html_()
    assert all(reason.replace("'", "&#x27;") in page or reason in page for reason in summary["first_reason"])


def test_a_report_in_a_notebook_shows_no_value_and_escapes_labels():
    frame = orders(**{"<b>": [float("inf")], "total": ["secret"]})
    page = cio.validate(frame, "track", "Order Completed")._repr_html_()
    assert "secret" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_a_report_does_not_pretend_to_be_true_or_false():
    with pytest.raises(TypeError, match=r"report\.ok"):
        bool(cio.validate(orders(total=[1]), "track", "Order Completed"))


def test_a_frame_without_rows_is_valid():
    report = cio.validate(pd.DataFrame({"user_id": []}), "identify")
    assert (report.ok, len(report), report.rows) == (True, 0, 0)


def test_the_frame_is_left_as_it_was():
    frame = orders(total=["x", 1.0]).set_axis([5, 5])
    before = frame.copy(deep=True)
    cio.validate(frame, "track", "Order Completed")
    pd.testing.assert_frame_equal(frame, before)


def test_the_schema_of_an_event_knows_its_fields_and_their_checks():
    schema = cio.schema("track", "Order Completed")
    assert {"user_id", "timestamp", "order_id", "total", "products", "context.ip"} <= set(schema.columns)
    assert not schema.columns["total"].required
    assert schema.columns["event"].nullable is False


def test_the_schema_of_ones_own_event_has_the_fields_of_every_track():
    assert "total" not in cio.schema("track", "My Own").columns


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


def test_an_arrow_column_whose_type_fits_has_no_failures():
    cells = pa.array([[{"price": 1.5, "quantity": 1, "product_id": "p"}], None])
    assert reasons(orders(products=pd.array(cells, dtype=pd.ArrowDtype(cells.type)))) == []


def test_a_nested_trait_is_looked_into():
    people = orders(cio_subscription_preferences=[{"topics": {"topic_1": True}}, {"topics": "all"}])
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["reason"]) == ["cio_subscription_preferences.topics: must be an object (dict)"]


def test_a_schema_that_hides_invalid_rows_is_refused():
    schema = pandera.DataFrameSchema({"total": pandera.Column(checks=pandera.Check.ge(0))}, drop_invalid_rows=True)
    with pytest.raises(cio.FrameError, match="drop_invalid_rows"):
        reasons(orders(total=[-1]), schema=schema)


@pytest.mark.parametrize("setting", [{"validation_enabled": False}, {"validation_depth": "SCHEMA_ONLY"}])
def test_switches_of_pandera_in_the_environment_do_not_turn_checks_off(setting):
    from pandera.config import ValidationDepth, config_context

    setting = {name: ValidationDepth[value] if value == "SCHEMA_ONLY" else value for name, value in setting.items()}
    with config_context(**setting):
        assert reasons(orders(total=["x"])) == [(0, "total: must be a number")]


@pytest.mark.parametrize("call", ["batch", "sing"])
def test_there_are_schemas_of_the_six_calls_only(call):
    with pytest.raises(cio.FrameError, match="Unknown call"):
        cio.schema(call)


def test_a_column_that_is_sent_under_another_name_or_not_at_all_is_not_checked_by_its_own():
    frame = orders(total=["free"], discount=["none"])
    assert reasons(frame, properties={"total": "price_tag"})[0][1].startswith("total: not a known property")
    assert frame.cio.track("Order Completed", properties={"total": "x"}, dry_run=True)["status"].tolist() == ["ready"]


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


def refused(schema, frame=None):
    with pytest.raises(cio.FrameError) as refusal:
        reasons(orders(total_eur=[1], total_usd=[2]) if frame is None else frame, "Mine", schema=schema)
    return str(refusal.value)


def test_a_pattern_for_columns_checks_all_that_match():
    positive = pandera.Column(checks=pandera.Check.ge(0, error="negative"), regex=True)
    frame = orders(total_eur=[1, -1], total_usd=[-1, 1], discount=[-1, -1])
    found = [(1, "total_eur: negative"), (0, "total_usd: negative")]
    assert sorted(reasons(frame, "Mine", schema=pandera.DataFrameSchema({"total_.*": positive}))) == sorted(found)


def test_a_schema_of_ones_own_is_left_as_it_was():
    much = pandera.Check.lt(100, error="much", raise_warning=True)
    schema = pandera.DataFrameSchema(
        {"total": pandera.Column(checks=much), "d.*": pandera.Column(regex=True)}, ordered=True
    )
    for _ in range(2):
        cases = cio.validate(orders(total=[101], day=[1]), "track", "Mine", schema=schema).failure_cases
        assert cases[["severity", "reason"]].values.tolist() == [["warning", "total: much"]]
    assert (schema.ordered, list(schema.columns), schema.columns["d.*"].regex) == (True, ["total", "d.*"], True)
    assert schema.columns["total"].checks[0].raise_warning is True


def test_a_pattern_that_no_column_matches_is_missed():
    said = refused(pandera.DataFrameSchema({"sum_.*": pandera.Column(regex=True)}))
    assert "needs column 'sum_.*', and this frame has 'user_id', 'total_eur', 'total_usd'" in said


def test_a_strict_schema_names_what_it_does_not_know_and_what_to_do():
    said = refused(pandera.DataFrameSchema({"user_id": pandera.Column()}, strict=True))
    assert "not in it: 'total_eur', 'total_usd'. Add them to the schema, choose columns with traits=" in said


def test_a_strict_schema_that_knows_all_is_content():
    columns = {"user_id": pandera.Column(), "t.*": pandera.Column(regex=True)}
    schema = pandera.DataFrameSchema(columns, strict=True)
    assert reasons(orders(total=[1]), "Mine", schema=schema) == []


@pytest.mark.parametrize("of_frame", [False, True])
def test_a_check_that_says_no_to_all_rows_at_once_holds_all_back(of_frame):
    check = pandera.Check(lambda rows: len(rows) > 5, error="too few rows")
    columns = {} if of_frame else {"total": pandera.Column(checks=check)}
    schema = pandera.DataFrameSchema(columns, checks=check if of_frame else None)
    words = "too few rows" if of_frame else "total: too few rows"
    assert reasons(orders(total=[1, 2]), "Mine", schema=schema) == [(0, words), (1, words)]
    assert reasons(orders(total=[1] * 6), "Mine", schema=schema) == []
    assert reasons(orders(total=[1])[:0], "Mine", schema=schema) == []


def test_a_check_that_raises_is_an_error_and_not_a_failure():
    broken = pandera.Check(lambda rows: rows["nowhere"] > 0, error="positive")
    said = refused(pandera.DataFrameSchema({}, checks=broken))
    assert "The check 'positive' of the frame as a whole raised an error of its own" in said


def test_checks_of_an_index_are_refused_and_the_order_of_columns_does_not_matter():
    said = refused(pandera.DataFrameSchema({}, index=pandera.Index(str)))
    assert "index= is not supported" in said
    backwards = pandera.DataFrameSchema({"total": pandera.Column(), "a": pandera.Column()}, ordered=True)
    assert reasons(orders(a=[1], total=[1]), "Mine", schema=backwards) == []


def test_a_combination_that_must_be_unique_has_a_reason():
    schema = pandera.DataFrameSchema({}, unique=["day", "till"])
    frame = orders(day=[1, 1, 1], till=[1, 2, 1])
    words = "combination of values occurs more than once and must be unique"
    assert reasons(frame, "Mine", schema=schema) == [(0, words), (2, words)]


def test_there_is_no_schema_of_an_event_but_for_track():
    with pytest.raises(cio.FrameError, match="event='Order Completed' is supported for track only, not for identify"):
        cio.schema("identify", "Order Completed")


@pytest.mark.parametrize("values", [[0, 100, None], [0.0, 100.0], [decimal.Decimal(5), 7]])
def test_a_number_within_its_bounds_passes(values):
    assert reasons(orders(sound=values), "Video Playback Started") == []


@pytest.mark.parametrize(
    "values", [[-1, 50, 101], pd.array([-1, None, 101], dtype="Int64"), pd.Series([-1, None, 101], dtype=object)]
)
def test_a_number_beyond_its_bounds_is_held_back(values):
    reason = "sound: must be from 0 to 100"
    assert reasons(orders(sound=values), "Video Playback Started") == [(0, reason), (2, reason)]


def test_members_of_any_name_are_checked_too():
    people = orders(cio_subscription_preferences=[{"topics": {"topic_1": True}}, {"topics": {"topic_1": "yes"}}])
    cases = cio.validate(people, "identify").failure_cases
    assert list(cases["reason"]) == ["cio_subscription_preferences.topics.topic_1: must be true or false"]


def test_a_blank_id_is_missing_and_not_too_short():
    assert reasons(pd.DataFrame({"user_id": ["a", ""]}), "Signed Up") == [(1, "user_id: required value is missing")]


def test_a_property_that_an_event_needs_and_no_column_has_is_told_with_what_to_do():
    opened = pd.DataFrame({"user_id": ["ada"], "letter": ["m-1"]})
    with pytest.raises(cio.MissingColumnsError) as error:
        opened.cio.track("Email Opened", dry_run=True)
    assert str(error.value) == (
        "Email Opened needs column 'email_id', and this frame has 'user_id', 'letter'. "
        "Add it, or rename yours: frame.rename(columns={'your_column': 'email_id'})."
    )
    assert opened.rename(columns={"letter": "email_id"}).cio.track("Email Opened", dry_run=True)["status"][0] == "ready"


def test_where_a_column_names_events_only_the_rows_of_one_suffer_from_its_missing_column():
    done = pd.DataFrame({"user_id": ["ada", "bob", "eve"], "action": ["Email Opened", "Signed Up", "Email Opened"]})
    result = done.cio.track(event_column="action", dry_run=True)
    assert result["status"].tolist() == ["invalid", "ready", "invalid"]
    assert result["reason"].tolist()[0] == "no column email_id, and Email Opened needs it"
    opened = done[done["action"] == "Email Opened"]
    assert opened.cio.track(event_column="action", dry_run=True)["status"].tolist() == ["invalid", "invalid"]
    report = done.cio.validate("track", event_column="action")
    assert report.invalid(done).index.tolist() == [0, 2]


def test_among_mixed_calls_only_the_rows_of_one_suffer_from_its_missing_column():
    mixed = pd.DataFrame({"type": ["alias", "identify", "group"], "userId": ["ada", "bob", "eve"]})
    result = mixed.cio.batch(dry_run=True)
    assert result["status"].tolist() == ["invalid", "ready", "invalid"]
    assert result["reason"].tolist()[::2] == [
        "no column previous_id, and alias needs it",
        "no column group_id, and group needs it",
    ]


@pytest.mark.parametrize("rows", [0, 2])
def test_where_cells_decide_and_no_call_has_its_columns_the_frame_is_refused(rows):
    mixed = pd.DataFrame({"type": ["identify", "track"], "customer": ["ada", "bob"]}).head(rows)
    with pytest.raises(cio.MissingColumnsError, match="needs column 'user_id' or 'anonymous_id'"):
        mixed.cio.batch(dry_run=True)
    done = pd.DataFrame({"customer": ["ada", "bob"], "action": ["Signed Up", "Email Opened"]}).head(rows)
    with pytest.raises(cio.MissingColumnsError, match="needs column 'user_id' or 'anonymous_id'"):
        done.cio.track(event_column="action", dry_run=True)


def test_a_column_that_is_named_for_mixed_calls_and_is_not_there_is_refused():
    mixed = pd.DataFrame({"type": ["identify"], "userId": ["ada"]})
    with pytest.raises(cio.MissingColumnsError, match="'old'"):
        mixed.cio.batch(previous_id="old", dry_run=True)


def test_a_column_that_a_schema_of_one_s_own_needs_is_needed_whatever_events_there_are():
    done = pd.DataFrame({"user_id": ["ada"], "action": ["Signed Up"]})
    own = pandera.DataFrameSchema({"plan": pandera.Column(str)})
    with pytest.raises(cio.MissingColumnsError, match="'plan'"):
        done.cio.track(event_column="action", schema=own, dry_run=True)


@pytest.mark.parametrize(
    "ids",
    [[2.0**53 + 2, 7.0], [7.5, 7.0], pd.Series([b"x", "a"], dtype=object), pd.Series([True, "a"], dtype=object),
     pd.to_datetime(["2020-01-01", None]), pd.Series(["\ud800", "a"], dtype=object), [[1], [2]]],
    ids=["long floats", "fractions", "bytes", "truth values", "times", "half pairs", "lists"],
)  # fmt: skip
def test_what_is_no_id_has_the_same_reason_with_a_schema_as_without_one(ids):
    frame = pd.DataFrame({"user_id": ids})
    with_schema, without = (cio.identify(frame, dry_run=True, schema=schema)["reason"] for schema in ("spec", None))
    # A column's type and a cell's have names of their own.
    assert with_schema[0].partition(", found ")[0] == without[0].partition(", found ")[0]
    assert "; " in with_schema[0]


NULLS = [None, float("nan"), pd.NaT, pd.NA, decimal.Decimal("NaN"), decimal.Decimal("sNaN"), np.datetime64("NaT"),
         np.timedelta64("NaT"), np.float32("nan")]  # fmt: skip


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


HUGE = [10**400, decimal.Decimal("1E+400"), decimal.Decimal("1E+999999999")]


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


@pytest.mark.parametrize("label", ["order_id", "total", "timestamp", "own"])
def test_half_a_surrogate_pair_in_a_category_holds_its_rows_back_and_no_other(label):
    column = pd.Categorical.from_codes([0, 1, 0, -1], categories=pd.Index(["\ud800", "2026-01-01"], dtype=object))
    result = orders(**{label: column}).cio.track("Order Completed", dry_run=True)
    assert result["status"].tolist()[::3] == ["invalid", "ready"]
    assert result["reason"].iloc[0].startswith(f"{label}: ")


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
    why = "a float of this size has lost its last digits; read the column as text or Int64"
    for column in (pd.Series([[{"sku": number}], [{"sku": 7.0}]]), pd.array(cells, dtype=pd.ArrowDtype(cells.type))):
        assert reasons(orders(products=column)) == [(0, f"products[0].sku: {why}")]


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
    "column", ODD_COLUMNS, ids=["years", "maps", "lists", "dicts", "infinity", "category", "year 0"]
)
@pytest.mark.parametrize("label", ["ad_type", "sound", "user_id", "timestamp"])
def test_a_column_of_any_dtype_can_be_asked_whether_it_is_among_some_or_within_bounds(column, label):
    found = reasons(orders(**{label: column}), "Video Playback Started")
    assert all(reason.startswith(f"{label}: ") for _, reason in found)
