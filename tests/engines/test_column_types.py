"""Columns of every kind, in partitions of different types: what is sent is what one plain call sends."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.encoding import EncodeOptions
from cio_frames.engines.stage import table_of
from cio_frames.engines.staged_columns import concat_staged, is_json_field
from tests.engines.helpers import orders_spec, run_locally

UTC, EAST = dt.UTC, dt.timezone(dt.timedelta(hours=2))
NOON = dt.datetime(2024, 5, 1, 12)
# One row for each of three partitions.
CELLS = {
    "dicts_with_different_keys": [{"a": 1}, {"z": "x", "n": None}, {}],
    "dicts_with_different_types": [{"a": 1}, {"a": "x"}, None],
    "dicts_of_dicts": [{"a": {"b": [1, {"c": 2}]}}, {"a": {}}, None],
    "dicts_with_numbers_as_keys": [{1: "a"}, {2: "b"}, None],
    "dicts_with_times": [{"at": NOON}, {"at": NOON.replace(tzinfo=EAST)}, {"total": Decimal("1.50")}],
    "lists_of_dicts": [[{"a": 1}, {"b": 2}], [], None],
    "lists_of_several_types": [[1, "a", None], [2.5], None],
    "arrays": [np.array([1, 2]), np.array([]), None],
    "naive_and_aware_times": [NOON, NOON.replace(tzinfo=UTC), None],
    "times_of_several_zones": [NOON.replace(tzinfo=EAST), NOON.replace(tzinfo=UTC), None],
    "decimals": [Decimal("1.10"), Decimal("12345678901234567890.12345"), Decimal("1E+3")],
    "text_and_numbers": ["7", 7, 7.5],
    "numbers": [1, 2.5, 2**53 + 1],
    "large_numbers": [2**70, 1, None],
    "flags_and_numbers": [True, 1, None],
    "dates": [dt.date(2024, 5, 1), None, dt.datetime(2024, 5, 1, 7)],
}
FRAME = pd.DataFrame({"customer": ["ada", "bob", "cy"], "at": pd.date_range("2024-05-01", periods=3, tz="UTC")})
TYPES = {
    "integers_and_floats": [pd.array([1]), pd.array([2.5]), pd.array([None], dtype="Int64")],
    "large_integers_and_floats": [pd.array([2**53 + 1]), pd.array([2.5]), pd.array([3], dtype="int8")],
    "times": [
        pd.array(["2024-05-01T10:00:00"], dtype="datetime64[s]"),
        pd.array(["2024-05-01T10:00:00.123456"], dtype="datetime64[us]"),
        pd.array(["2024-05-01T10:00:00Z"], dtype="datetime64[ns, UTC]"),
    ],
    "text": [pd.array(["x"], dtype=object), pd.array(["y"], dtype="string"), pd.Categorical(["z"])],
    "structs": [
        pd.array([{"a": 1}], dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())]))),
        pd.array([{"b": "x"}], dtype=pd.ArrowDtype(pa.struct([("b", pa.string())]))),
        pd.array([None], dtype=pd.ArrowDtype(pa.null())),
    ],
    "lists_of_nothing": [
        pd.array([[]], dtype=pd.ArrowDtype(pa.list_(pa.null()))),
        pd.array([[1]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        pd.array([None], dtype=object),
    ],
}


def objects(cells):
    found = pd.Series([None] * len(cells), dtype=object)
    for row, cell in enumerate(cells):
        found[row] = cell
    return found


@pytest.mark.parametrize("options", [{}, {"nulls": "send", "timezone": "Europe/Berlin"}], ids=["omit", "send"])
@pytest.mark.parametrize("way", [{}, {"order_by": "at"}, {"senders": 2, "buckets": 1}], ids=["1", "by", "2"])
def test_python_objects_are_sent_as_by_one_plain_call(sandbox, tmp_path, options, way):
    frame = FRAME.assign(**{name: objects(cells) for name, cells in CELLS.items()})
    plain = cio.track(frame, "Order Placed", user_id="customer", timestamp="at", client=sandbox.client, **options)
    expected = sandbox.calls()
    for number, parts in enumerate(([frame], [frame[:1], frame[1:2], frame[2:]])):
        before = len(sandbox.calls())
        _, answers = run_locally(parts, tmp_path / str(number), sandbox.client, call_spec=orders_spec(**options), **way)
        calls = sandbox.calls().iloc[before:].sort_values("timestamp")
        for name in CELLS:
            sent = [call.get(name, "omitted") for call in calls["properties"]]
            assert sent == [call.get(name, "omitted") for call in expected["properties"]], name
        assert answers["message_id"].tolist() == plain["message_id"].tolist()


@pytest.mark.parametrize("way", [{}, {"order_by": "at"}], ids=["in order", "by"])
def test_a_column_may_have_another_type_in_each_partition(sandbox, tmp_path, way):
    parts = [
        FRAME[row : row + 1].assign(**{name: pd.Series(types[row], index=[row]) for name, types in TYPES.items()})
        for row in range(3)
    ]
    expected = [
        cio.track(part, "Order Placed", user_id="customer", timestamp="at", dry_run=True)["message_id"].iloc[0]
        for part in parts
    ]
    _, answers = run_locally(parts, tmp_path, sandbox.client, **way)
    assert answers["message_id"].tolist() == expected


def test_types_are_widened_only_if_no_value_changes():
    options = EncodeOptions()
    tables = [table_of(pd.DataFrame({"n": pd.array([2**53 + 1])})), table_of(pd.DataFrame({"n": [0.5]}))]
    found = concat_staged(tables, options)
    assert is_json_field(found.schema.field("n"))
    assert found["n"].to_pylist()[0] in (str(2**53 + 1), 2**53 + 1)


@pytest.mark.parametrize("cells", [["b", 1], [NOON, NOON.replace(tzinfo=UTC)], [{"a": 1}, {"b": 1}]])
@pytest.mark.parametrize("cuts", [[0, 2], [0, 1, 2]])
def test_a_column_without_an_order_cannot_decide_the_order(sandbox, tmp_path, cells, cuts):
    frame = FRAME[:2].assign(rank=objects(cells))
    parts = [frame[start:stop] for start, stop in pairwise(cuts)]
    with pytest.raises(cio.FrameError, match=r"order_by=.*(no order|different types)"):
        run_locally(parts, tmp_path, sandbox.client, order_by="rank", buckets=1)
    assert len(sandbox.requests()) == 0


def test_cells_without_a_form_in_json_are_an_error_that_names_them(sandbox, tmp_path):
    with pytest.raises(cio.FrameError, match="Column 'v' has cells that have no JSON form, and is not staged"):
        run_locally([FRAME.assign(v=objects([1j, "a", None]))], tmp_path, sandbox.client)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
