"""What a report says of the checks."""

import pandas as pd
import pandera.pandas as pandera
import pytest

import cio_frames as cio
from tests.validation.checked_orders import orders, reasons


@pytest.mark.parametrize(
    "index", [[7, 7, 7], pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)]), ["x", None, "x"]]
)
def test_failure_cases_are_tied_to_positions_even_where_labels_repeat(index):
    frame = orders(total=[1, "x", 2]).set_axis(index)
    report = cio.validate(frame, "track", "Order Completed")
    assert list(report.failure_cases["position"]) == [1]
    assert len(report.invalid(frame)) == 1
    assert report.invalid(frame)["total"].tolist() == ["x"]


def test_a_schema_names_renamed_columns_by_field_and_the_report_by_column():
    schema = pandera.DataFrameSchema(
        {"total": pandera.Column(checks=pandera.Check.ge(0, error="must not be negative"))}
    )
    frame = orders(sum=[1, -1])
    assert reasons(frame, schema=schema, properties={"sum": "total"}) == [(1, "sum: must not be negative")]


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
