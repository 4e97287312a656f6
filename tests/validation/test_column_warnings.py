"""Warnings about columns: one line for a column, however many rows it has."""

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio


def found(frame, call="identify", event=None, **options):
    """The warnings about columns: check, column, how many rows."""
    report = cio.validate(frame, call, event, **options)
    return [(each.check, each.column, each.rows) for each in report.warnings if each.scope == "column"]


def people(count=None, **columns):
    rows = count or len(next(iter(columns.values())))
    return pd.DataFrame({"user_id": [f"u{number}" for number in range(rows)], **columns})


def test_columns_with_one_warning_share_a_line():
    frame = people(items=[1, 2], store=["a", None], _internal_margin=[0.1, 0.2])
    report = frame.cio.validate("track", "Order Completed")
    assert report.warning_lines() == [
        "3 columns are not known properties of Order Completed: items, _internal_margin, store",
        "_internal_margin: name begins with an underscore, and the column is sent; leave it out if it is internal "
        "(2 rows)",
    ]
    assert (report.rows_with_warnings, len(report.failure_cases)) == (0, 0)
    assert repr(report) == (
        "<ValidationReport of track 'Order Completed': all 2 rows can be sent; 4 warnings about columns or all rows>"
    )


def test_the_summary_of_a_report_has_a_line_for_each_column():
    summary = people(items=[1, None]).cio.validate("track", "Order Completed").summary()
    assert summary.columns.tolist() == [
        "column", "check", "severity", "rows", "share", "first_positions", "first_reason",
    ]  # fmt: skip
    assert summary.to_dict("records") == [
        {
            "column": "items",
            "check": "unknown_property",
            "severity": "warning",
            "rows": 1,
            "share": 0.5,
            "first_positions": [0],
            "first_reason": "items: not a known property of Order Completed",
        }
    ]


def test_many_columns_are_counted_and_the_first_are_named():
    frame = people(1, **{f"own_{number}": [1] for number in range(30)})
    (line,) = frame.cio.validate("track", "Order Completed").warning_lines()
    assert line.startswith("30 columns are not known properties of Order Completed: own_0, own_1,")
    assert line.endswith("own_9 and 20 more")


@pytest.mark.parametrize("name", ["id", "cio_id", "anonymous_id"])
def test_a_trait_with_a_reserved_name_has_a_warning(name):
    frame = people(x=[5, None])
    assert found(frame, traits={"x": name}) == [("reserved_trait", "x", 1)]


def test_an_anonymous_id_is_a_field_and_not_a_trait():
    assert found(people(anonymous_id=["a"])) == []
    assert found(people(id=[1]), "track", "Seen") == []


def test_a_column_that_is_chosen_by_name_is_meant():
    frame = people(_margin=[1])
    assert found(frame) == [("private_name", "_margin", 1)]
    assert found(frame, traits=["_margin"]) == []
    assert found(frame, "page", properties={"_margin": "_margin"}) == []


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 3_level_1", "__index_level_0__", "_c0", "?column?", ""])
def test_a_name_that_a_program_made_up_has_a_warning(name):
    assert found(people(**{name: [1]})) == [("unnamed_column", name, 1)]


@pytest.mark.parametrize("name", ["timestamp", "message_id", "messageId", "anonymous_id"])
def test_an_index_with_the_name_of_a_field_has_a_warning(name):
    frame = people(x=[1]).set_axis(pd.Index(["a"], name=name))
    assert found(frame) == [("index_name", name, 1)]
    assert "reset_index" in frame.cio.validate("identify").warning_lines()[0]
    levels = people(x=[1]).set_axis(pd.MultiIndex.from_tuples([("a", 1)], names=[name, None]))
    assert found(levels) == [("index_name", name, 1)]


def test_an_index_whose_field_a_column_feeds_has_no_warning():
    frame = people(timestamp=["2020-01-01"]).set_axis(pd.Index(["a"], name="timestamp"))
    assert found(frame) == []
    assert found(people(x=[1]).rename_axis("row")) == []


TIMES = [
    (1_700_000_000_000, "milliseconds"),
    (1_700_000_000_000_000, "microseconds"),
    (1_700_000_000_000_000_000, "nanoseconds"),
    (45_293, "days of a spreadsheet"),
]


@pytest.mark.parametrize(("value", "unit"), TIMES)
@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", object, "str", pd.ArrowDtype(pa.int64())])
def test_created_at_in_another_unit_has_a_warning(value, unit, dtype):
    cells = [str(value), "1700000000"] if dtype == "str" else [value, 1_700_000_000]
    report = people(created_at=pd.Series(cells, dtype=dtype)).cio.validate("identify")
    assert [(each.check, each.rows) for each in report.warnings] == [("created_at", 1)]
    assert unit in report.warning_lines()[0]


@pytest.mark.parametrize("text", ["01/02/2024", "1.2.2024", "soon", "Jan 2, 2024"])
@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_created_at_as_text_that_is_no_iso_time_has_a_warning(text, dtype):
    frame = people(created_at=pd.Series(["2024-01-02", text, None], dtype=dtype))
    assert found(frame) == [("created_at", "created_at", 1)]


@pytest.mark.parametrize(
    "cells",
    [
        [1_700_000_000],
        ["2024-01-02T10:00:00Z"],
        [pd.Timestamp("2024-01-02", tz="UTC")],
        [dt.date(2024, 1, 2)],
        [""],
        [None],
        [-3_600],
        ["1700000000"],
    ],
)
def test_created_at_that_is_read_as_meant_has_none(cells):
    assert found(people(created_at=cells)) == []


@pytest.mark.parametrize("text", ["05/12/1995", "5.12.1995", "31-12-1999", "1/2/24", "05/12/1995 10:30"])
@pytest.mark.parametrize("dtype", [object, "str", "string", "category"])
def test_text_that_looks_like_day_month_year_has_a_warning(text, dtype):
    frame = people(birthday=pd.Series([text, None, "1995-12-05"], dtype=dtype))
    assert found(frame) == [("day_month_year", "birthday", 1)]
    assert found(frame, "track", "Seen") == [("day_month_year", "birthday", 1)]


@pytest.mark.parametrize("text", ["12,50", "1.234,5", "-3,1", "1.234.567,891"])
def test_text_that_looks_like_a_decimal_comma_has_a_warning(text):
    assert found(people(price=[text, "none"])) == [("decimal_comma", "price", 1)]


@pytest.mark.parametrize("text", ["1,000", "a,b", "1.5", "2024-01-02", "1/2", "192.168.1.1", "12,50 EUR", "1.2.3"])
def test_other_text_has_none(text):
    assert found(people(note=[text])) == []


def test_one_cell_among_many_is_found_where_the_sample_shows_its_kind():
    frame = people(10_000, price=["12,50"] * 9_999 + ["none"])
    assert found(frame) == [("decimal_comma", "price", 9_999)]


@pytest.mark.parametrize("word", ["\\N", "NULL", "<NA>", "nan"])
@pytest.mark.parametrize("dtype", [object, "str", "category", pd.ArrowDtype(pa.string())])
def test_a_word_for_a_missing_value_has_a_warning_as_a_trait(word, dtype):
    frame = people(plan=pd.Series(["free", word, None], dtype=dtype))
    assert found(frame) == [("null_text", "plan", 1)]
    assert found(people(plan=["None", "null", "n"])) == []


def test_a_column_of_several_types_has_a_warning_that_names_them():
    frame = people(newsletter=["yes", True, 1, None])
    assert found(frame) == [("mixed_types", "newsletter", 3)]
    assert "(numbers, text, true/false)" in frame.cio.validate("identify").warning_lines()[0]
    assert found(people(n=[1, 2.5, None])) == []
    assert found(people(d=[{"a": 1}, None])) == []


@pytest.mark.parametrize(
    ("call", "event", "label", "kind"),
    [
        ("track", "Order Completed", "products", "list"),
        ("identify", None, "cio_subscription_preferences", "object"),
    ],
)
@pytest.mark.parametrize("dtype", [object, "str", pd.ArrowDtype(pa.string())])
def test_json_text_where_a_list_or_an_object_is_needed_names_the_remedy(call, event, label, kind, dtype):
    text = "[1]" if kind == "list" else '{"topics": {}}'
    frame = people(**{label: pd.Series([text, "free"], dtype=dtype)})
    reasons = frame.cio.validate(call, event).failure_cases["reason"].tolist()
    assert f"must be {'a list' if kind == 'list' else 'an object (dict)'}, found JSON text" in reasons[0]
    assert "json.loads" in reasons[0]
    assert "json.loads" not in reasons[1]


def test_an_email_with_white_space_around_names_it():
    frame = people(email=[" USER9@Example.COM ", "nobody"])
    reasons = frame.cio.validate("identify").failure_cases["reason"].tolist()
    assert "white space" in reasons[0]
    assert "white space" not in reasons[1]


def test_strict_schema_holds_back_the_rows_that_have_a_value_in_the_column():
    frame = people(_margin=[1, None], id=[None, 5])
    result = frame.cio.identify(strict_schema=True, dry_run=True)
    assert result["status"].tolist() == ["invalid", "invalid"]
    assert result["reason"].str.contains("_margin|reserved").all()


def test_warnings_of_mixed_calls_are_counted_over_their_rows():
    frame = pd.DataFrame({"type": ["identify", "page", "identify"], "user_id": ["a", "b", "c"], "_x": [1, 2, None]})
    warnings = cio.validate(frame, "batch").warnings
    assert [(each.check, each.rows) for each in warnings if each.check == "private_name"] == [("private_name", 2)]
