"""Whole frames as payloads."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cio_frames.errors import FrameError
from tests import reference
from tests.encoding.payload_texts import arrow, dry, encoded_in_slices, texts

CALLS = ("identify", "track", "page", "screen", "group", "alias")


def test_a_constant_context_is_written_by_the_same_rules():
    frame = pd.DataFrame({"user_id": ["u"], "message_id": ["m"]})
    context = {"n": np.int64(1), "t": dt.datetime(2026, 7, 1, 14), "none": None, "s": {2, 1}, "app": {"name": None}}
    assert texts(frame, context=context, timezone="Europe/Berlin", nulls="send") == [
        '{"type":"identify","context":{"n":1,"t":"2026-07-01T12:00:00.000Z","s":[1,2],"app":{}},'
        '"userId":"u","traits":{},"messageId":"m"}'
    ]


def test_a_constant_context_that_json_cannot_say_is_refused():
    with pytest.raises(
        FrameError,
        match=r"^context\.ip: infinity is not a valid JSON number; .*\. Pass another value, or",
    ):
        texts(pd.DataFrame({"user_id": ["u"]}), context={"ip": np.inf})


def test_a_cell_of_33_kb_is_too_large_and_its_neighbours_are_sent():
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "x": ["", "é" * 16_500, ""]})
    result = dry(frame)
    assert result["status"].tolist() == ["ready", "too_large", "ready"]
    assert pd.isna(texts(frame)[1])


def test_500_columns_are_500_traits_in_their_order():
    frame = pd.DataFrame({"user_id": ["u"]} | {f"t{number:03}": [number] for number in range(500)})
    assert list(json.loads(texts(frame)[0])["traits"].items()) == [(f"t{number:03}", number) for number in range(500)]


@pytest.mark.parametrize("label", ["type", "cio", 0, "index", "size"])
def test_a_column_may_be_called_what_pandas_or_the_wire_have_other_uses_for(label):
    frame = pd.DataFrame({"user_id": ["u"], label: ["x"]})
    read = json.loads(texts(frame)[0])
    assert read["type"] == "identify"
    assert read["traits"] == {str(label): "x"}


@pytest.mark.parametrize("call", CALLS)
def test_a_frame_without_rows_has_no_payloads(call):
    labels = {"userId": "user_id", "previousId": "previous_id", "groupId": "group_id", "event": "event"}
    needed = [labels[sorted(wires)[-1]] for wires in reference.NEEDED[call]]
    event = "Signed Up" if call == "track" else None
    for dtype in (object, "float64", "datetime64[ns]"):
        frame = pd.DataFrame({label: pd.Series(dtype=dtype) for label in [*needed, "x"] if label != "event"})
        assert texts(frame, call, event) == []
        assert len(dry(frame, call, event)) == 0


def test_a_slice_of_a_frame_says_what_its_rows_say():
    frame = pd.DataFrame(
        {
            "user_id": [f"u{row}" for row in range(12)],
            "text": pd.Series([f'"{row}' for row in range(12)], dtype="string[pyarrow]"),
            "kind": pd.Categorical(list("abcabcabcabc")),
            "when": pd.date_range("2026-01-01", periods=12),
            "tags": arrow([[str(row)] * (row % 3) for row in range(12)], pa.list_(pa.string())),
            "size": pd.array([None, *range(11)], dtype="Int64"),
        }
    )
    assert texts(frame.iloc[5:9]) == texts(frame)[5:9]
    assert texts(frame.iloc[::-3]) == texts(frame)[::-3]


def test_chunks_of_an_arrow_column_make_no_difference():
    kinds = {
        "text": (['"a', None, "b", "c"], pa.string()),
        "tags": ([["x"], None, [], ["y", None]], pa.list_(pa.string())),
        "size": ([{"a": 1}, {"a": None}, None, {"a": 4}], pa.struct([("a", pa.int64())])),
        "word": (["a", "b", None, "a"], pa.dictionary(pa.int8(), pa.string())),
        "map": ([[("a", 1)], [], None, [("b", None)]], pa.map_(pa.string(), pa.int8())),
    }

    def frame(*cuts):
        columns = {
            name: pd.arrays.ArrowExtensionArray(
                pa.chunked_array([pa.array(cells[start:stop], kind) for start, stop in cuts], kind)
            )
            for name, (cells, kind) in kinds.items()
        }
        return pd.DataFrame({"user_id": list("abcd")} | columns)

    assert texts(frame((0, 1), (1, 1), (1, 4))) == texts(frame((0, 4)))


def test_each_row_of_a_category_is_written_and_each_error_is_on_its_rows():
    column = pd.Series(pd.Categorical.from_codes([1, 0, -1, 1], categories=pd.Index([1.5, np.inf, 2.5])))
    result = dry(pd.DataFrame({"user_id": "u", "x": column}))
    assert result["status"].tolist() == ["invalid", "ready", "ready", "invalid"]
    _, reasons = encoded_in_slices(pd.DataFrame({"user_id": "u", "x": column}), size=3)
    assert sorted(reasons) == [0, 3]


def test_a_row_gives_all_its_reasons():
    frame = pd.DataFrame({"user_id": [None], "x": pd.Series([np.inf], dtype=object), "y": pd.Series([1j])})
    assert dry(frame)["reason"].iloc[0] == (
        "x: infinity is not a valid JSON number; replace it with null or a number; "
        "y: complex number is not supported in JSON; "
        "send its two parts; "
        "user_id: required value is missing"
    )
