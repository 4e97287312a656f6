"""Lists, maps, structs, dicts and sets in payloads."""

import decimal
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests import reference
from tests.encoding.payload_texts import Kind, arrow, dry, encoded_in_slices, field, one, texts, written


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
    assert dry(frame)["reason"].fillna("").tolist() == ["x: two keys are the same text; rename one", ""]


def test_an_interval_of_months_days_and_nanoseconds_has_no_form():
    kind = pa.month_day_nano_interval()
    frame = pd.DataFrame({"user_id": ["ada"], "x": pd.Series(pa.array([(1, 2, 3)], kind), dtype=pd.ArrowDtype(kind))})
    assert dry(frame)["reason"].tolist()[0].startswith("x: interval of months and days is not supported in JSON")


NOTHING = [
    pa.struct([("x", pa.int64()), ("n", pa.null())]),
    pa.struct([("n", pa.null())]),
    pa.list_(pa.null()),
    pa.map_(pa.string(), pa.null()),
    pa.list_(pa.null(), 2),
]


@pytest.mark.parametrize("kind", NOTHING, ids=str)
def test_maps_of_what_is_of_no_type_are_written_in_every_slice(kind):
    cell = {"struct": {"n": None}, "list": [None, None], "map": [("m", None)], "fixed_size_list": [None, None]}
    value = cell[str(kind).partition("<")[0]]
    whole = pa.array([[(f"k{row}", value)] for row in range(4)], pa.map_(pa.string(), kind))
    column = pd.Series(whole.slice(1), dtype=pd.ArrowDtype(whole.type))
    calls, _ = encoded_in_slices(pd.DataFrame({"user_id": "ada", "m": column}), size=1)
    assert [list(json.loads(text[:-1])["traits"]["m"]) for text in calls] == [["k1"], ["k2"], ["k3"]]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([{"a": 0, 1: "a", "1": "b"}], dtype=object),
        arrow([[("b", 1), ('q"', 1), ('q"', 2)]], pa.map_(pa.string(), pa.int64())),
        pd.Series([{-(10**50): "a", str(-(10**50)): "b"}], dtype=object),
    ],
)
def test_a_key_that_stands_twice_holds_the_row_back_and_is_not_shown(column):
    assert field(column) == "x: two keys are the same text; rename one"


def test_only_maps_that_have_a_key_twice_are_held_back():
    rows = [[("a", 1), ("a", 2)], [("a", 1), ("b", 2)], [("b", 1), ("b", 1), ("b", 1)], None]
    result = dry(pd.DataFrame({"user_id": "u", "x": arrow(rows, pa.map_(pa.string(), pa.int64()))}))
    assert result["status"].tolist() == ["invalid", "ready", "invalid", "ready"]


def test_a_date_of_milliseconds_that_is_no_whole_day_is_its_day():
    half = pa.Array.from_buffers(pa.date64(), 1, [None, pa.py_buffer(np.array([1_500 * 86_400_000 + 5]))])
    assert field(pd.Series(half, dtype=pd.ArrowDtype(pa.date64()))) == "1974-02-09"


def test_an_error_in_a_list_a_map_or_a_struct_is_on_its_own_row():
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
    assert one({"deep": [{key: 1}]}).startswith("x: key of type")


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
    assert result["reason"].iloc[1] == "x: nested deeper than 100 levels; send the inner part as JSON text"


def test_a_list_that_holds_itself_is_nested_too_deep():
    endless = []
    endless.append(endless)
    assert one(endless) == "x: nested deeper than 100 levels; send the inner part as JSON text"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (b"x", "bytes are not supported in JSON"),
        (pd.Timedelta(1), "timedelta is not supported in JSON"),
        (np.timedelta64(1, "s"), "timedelta is not supported in JSON"),
        (pd.Period("2026"), "period is not supported in JSON"),
        (pd.Interval(0, 1), "interval is not supported in JSON"),
        (1j, "complex number is not supported in JSON"),
        (object(), "type object is not supported in JSON"),
    ],
)
def test_what_has_no_form_in_json_holds_its_row_back_alone_or_deep_inside(cell, reason):
    for column in (pd.Series([cell]), pd.Series([{"a": [cell]}], dtype=object), pd.Series([cell, "x"], dtype=object)):
        assert field(column, row=0).startswith(f"x: {reason}")


def test_categories_that_are_intervals_hold_their_rows_back():
    column = pd.Series(pd.cut([1, 5], bins=[0, 2]))
    result = dry(pd.DataFrame({"user_id": "u", "x": column}))
    assert result["status"].tolist() == ["invalid", "ready"]
