"""Schemas of one's own: pandera checks whole frames, patterns and strictness."""

import pandas as pd
import pandera.pandas as pandera
import pytest

import cio_frames as cio
from tests.validation.checked_orders import orders, reasons, refused


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
    with pytest.raises(cio.MissingColumnsError, match="requires column 'tax', which is missing"):
        cio.validate(orders(total=[1]), "track", "Order Completed", schema=schema)


def test_what_is_no_schema_is_refused():
    with pytest.raises(cio.FrameError, match="schema= must be"):
        cio.validate(orders(total=[1]), "track", "Order Completed", schema=7)


def test_without_a_schema_only_what_cannot_be_sent_is_held_back():
    frame = orders(total=pd.Series(["text", float("inf"), 1.0], dtype=object))
    assert reasons(frame, schema=None) == [
        (1, "total: infinity is not a valid JSON number; replace it with null or a number")
    ]


def test_the_schema_of_an_event_knows_its_fields_and_their_checks():
    schema = cio.schema("track", "Order Completed")
    assert {"user_id", "timestamp", "order_id", "total", "products", "context.ip"} <= set(schema.columns)
    assert not schema.columns["total"].required
    assert schema.columns["event"].nullable is False


def test_the_schema_of_ones_own_event_has_the_fields_of_every_track():
    assert "total" not in cio.schema("track", "My Own").columns


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
    assert "requires column 'sum_.*', which is missing. Columns found: 'user_id', 'total_eur', 'total_usd'" in said


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
