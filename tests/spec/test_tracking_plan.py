"""A tracking plan of one's own, on top of the API's spec."""

import pandas as pd
import pytest

import cio_frames as cio

PLAN = """\
title: Our tea house

$defs:
  tea: {type: string, enum: [assam, darjeeling]}

events:
  Tea Ordered:
    required: [tea]
    properties:
      tea: {$ref: "#/$defs/tea"}
      grams: {type: number, minimum: 1}
      note: {type: string, minLength: 2}
      link: {type: string, format: uri}
      cups: {type: array, items: {type: object, properties: {size: {type: integer}}}}
  Order Completed:
    properties:
      house: {type: string}

properties:
  traits:
    type: object
    required: [favourite]
    properties:
      favourite: {$ref: "#/$defs/tea"}
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def reasons(frame, plan, call="track", event="Tea Ordered", **options):
    cases = cio.validate(frame, call, event, schema=plan, **options).failure_cases
    return list(zip(cases["position"], cases["severity"], cases["reason"], strict=True))


def test_events_of_ones_own_are_checked_like_the_built_in_ones(plan):
    frame = pd.DataFrame(
        {
            "user_id": "ada",
            "tea": ["assam", "coffee", None],
            "grams": [5, 5.5, 6],
            "cups": [[{"size": 1}], [{"size": "big"}], None],
        }
    )
    assert reasons(frame, plan) == [
        (1, "error", "tea: must be one of assam, darjeeling"),
        (1, "error", "cups[0].size: must be a whole number"),
        (2, "error", "tea: required value is missing"),
    ]


def test_bounds_and_formats_of_ones_own_are_checked(plan):
    frame = pd.DataFrame(
        {
            "user_id": "ada",
            "tea": "assam",
            "grams": [1, 0.5, 2],
            "note": ["ok", "", None],
            "link": ["https://example.com", "mailto:a@b.c", "no link"],
        }
    )
    assert reasons(frame, plan) == [
        (1, "error", "grams: must be 1 or more"),
        (1, "error", "note: must have at least 2 characters"),
        (2, "error", "link: must be a URI with a scheme, such as https://"),
    ]


def test_a_path_may_be_text(plan):
    frame = pd.DataFrame({"user_id": ["ada"], "tea": ["coffee"]})
    assert len(reasons(frame, str(plan))) == 1


def test_what_an_event_of_ones_own_needs_must_be_a_column(plan):
    with pytest.raises(cio.MissingColumnsError, match="requires column 'tea'"):
        reasons(pd.DataFrame({"user_id": ["ada"]}), plan)


def test_fields_are_written_in_the_type_that_the_plan_gives(plan):
    frame = pd.DataFrame({"user_id": ["ada"], "tea": ["assam"], "house": [7.0]})
    payload = frame.cio.payloads("track", "Order Completed", schema=plan).iloc[0]
    assert '"house":"7"' in payload


def test_an_unknown_property_of_ones_own_event_is_a_warning(plan):
    frame = pd.DataFrame({"user_id": ["ada"], "tea": ["assam"], "gram": [5]})
    summary = cio.validate(frame, "track", "Tea Ordered", schema=plan).summary()
    assert summary[["severity", "column"]].to_numpy().tolist() == [["warning", "gram"]]
    assert "not a known property of Tea Ordered; did you mean 'grams'?" in summary["first_reason"].iloc[0]


def test_a_built_in_event_keeps_its_own_properties_and_gets_the_plans(plan):
    frame = pd.DataFrame({"user_id": ["ada"], "house": ["north"], "total": ["free"]})
    assert reasons(frame, plan, event="Order Completed") == [(0, "error", "total: must be a number")]


def test_an_event_that_is_not_in_the_plan_is_a_warning(plan):
    frame = pd.DataFrame({"user_id": "ada", "event": ["Tea Orderd", "Left", "Tea Ordered"], "tea": "assam"})
    assert reasons(frame, plan, event=None) == [
        (0, "warning", "event: not a known event in plan.yaml; did you mean 'Tea Ordered'?"),
        (1, "warning", "event: not a known event in plan.yaml"),
    ]


def test_traits_are_checked_too(plan):
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "favourite": ["assam", "mint"], "email": ["a@b.c", "no"]})
    assert reasons(frame, plan, "identify", None) == [
        (1, "error", "email: must be an email address"),
        (1, "error", "favourite: must be one of assam, darjeeling"),
    ]


def test_what_is_sent_is_held_back_by_the_plan(plan, sandbox):
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "tea": ["assam", "coffee"]})
    result = frame.cio.track("Tea Ordered", schema=plan, allow_campaigns=True, client=sandbox.client)
    assert result["status"].tolist() == ["delivered", "invalid"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("events:\n  Tea Ordered:\n    propertys: {}\n", "line 3: unknown key 'propertys'"),
        ("events: {\n  a: b\n  c: d}\n", "is not valid YAML"),
    ],
)
def test_a_mistake_in_a_plan_is_told_with_its_line(tmp_path, text, words):
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cio.SpecError, match=words) as error:
        reasons(pd.DataFrame({"user_id": ["ada"]}), path)
    assert (error.value.path, error.value.line) == (path, 3)


@pytest.mark.parametrize("text", ["title: nothing else\n", "properties:\n  wishes: {type: object}\n"])
def test_a_plan_that_plans_nothing_is_refused(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cio.SpecError, match=r"plan.yaml.*A tracking plan is a YAML file"):
        reasons(pd.DataFrame({"user_id": ["ada"]}), path)


def test_a_plan_that_is_not_there_is_told_with_the_remedy():
    with pytest.raises(cio.SpecError, match=r"Cannot read specc: No such file.*A tracking plan is a YAML file"):
        reasons(pd.DataFrame({"user_id": ["ada"]}), "specc")
