"""Rows of one person end up in one place, however a frame is split."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_frames.arrow.buffers import TEXT
from cio_frames.engines.content import rows_hash
from cio_frames.engines.exchange import (
    Links,
    bucket_numbers,
    distinct_pairs,
    exchange_keys,
    id_hashes,
    join_pairs,
)
from cio_frames.engines.stage import (
    StagePlan,
    freeze_partition,
    gather_bucket,
    put_links,
    read_pairs,
    split_part,
    table_of,
)
from cio_frames.engines.store import RunStore
from cio_frames.errors import FrameError
from cio_frames.pipeline import Prepared
from cio_frames.pipeline.call_spec import build_call_spec
from tests.engines.helpers import split_frame


def key_of(cell, dtype=None):
    frame = pd.DataFrame({"user_id": pd.Series([cell], dtype=dtype)})
    ids = Prepared(frame, build_call_spec("identify")).person_ids()
    return exchange_keys(id_hashes(ids, 1), Links()).item()


@pytest.mark.parametrize(
    ("cell", "dtype"),
    [(7, "int64"), (7.0, "float64"), ("7", "str"), (7, "Int64"), ("7", "category"), ("7", "object"), (7, "int8")],
)
def test_an_id_has_the_same_key_in_every_type_that_goes_out_as_the_same_text(cell, dtype):
    assert key_of(cell, dtype) == key_of("7", "string")


def test_different_ids_have_different_keys():
    assert key_of("7") != key_of("07")


def test_ids_that_share_rows_are_one_person_through_chains_in_any_partition():
    pairs = [np.array([[1, 2]]), np.array([[3, 4], [5, 6]]), np.array([[2, 3]])]
    links = join_pairs(pairs)
    keys = exchange_keys(np.array([[1, 2, 3, 4, 5, 6, 7]]), links)
    assert len(set(keys[:4])) == 1
    assert keys[4] == keys[5]
    assert len({keys[0], keys[4], keys[6]}) == 3


def test_a_row_without_ids_has_no_pairs_and_some_bucket():
    hashes = id_hashes([pa.array(["a", None], TEXT), pa.array([None, None], TEXT)], 2)
    assert len(distinct_pairs(hashes)) == 0
    assert 0 <= bucket_numbers(exchange_keys(hashes, Links()), 5)[1] < 5


def test_buckets_and_lanes_are_independent():
    keys = exchange_keys(id_hashes([pa.array([f"u{number}" for number in range(20_000)], TEXT)], 20_000), Links())
    in_one_bucket = keys[bucket_numbers(keys, 8) == 3]
    assert 2_000 < len(in_one_bucket) < 3_000
    lanes = np.bincount(in_one_bucket % 4, minlength=4)
    assert lanes.min() > 0.8 * lanes.max()


def exchanged(frame, parts, folder, *, buckets=3, call="identify", **options):
    """Return the buckets of a frame that was split, as frames, with their positions."""
    call_spec = build_call_spec(call, **{name: options.pop(name) for name in ("timestamp",) if name in options})
    store = RunStore(str(folder))
    joins_ids = len(Prepared(frame.iloc[:0], call_spec).person_ids()) > 1
    plan = StagePlan(store, call_spec, buckets=buckets, joins_ids=joins_ids, part_rows=4, **options)
    store.put("asked.json", b"{}")
    frozen = [
        part
        for number, piece in enumerate(split_frame(frame, parts))
        for part in freeze_partition(plan, iter([piece]), number)
    ]
    if joins_ids:
        links = put_links(store, join_pairs(read_pairs(store, part.pairs) for part in frozen))
        frozen = [split_part(plan, links, part) for part in frozen]
    files = [gather_bucket(plan, frozen, bucket) for bucket in range(buckets)]
    return [(store.read_table(file.name).to_pandas(), store.read_table(file.positions).to_pandas()) for file in files]


people = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d", None]), st.sampled_from(["x", "y", "z", None]), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(rows=people, parts=st.integers(1, 4))
def test_every_person_is_in_one_bucket_in_the_order_of_their_rows(tmp_path_factory, rows, parts):
    frame = pd.DataFrame(rows, columns=["user_id", "anonymous_id", "n"]).astype(
        {"user_id": "str", "anonymous_id": "str"}
    )
    buckets = exchanged(frame, parts, tmp_path_factory.mktemp("exchange"))
    assert sum(len(rows) for rows, _ in buckets) == len(frame)
    homes = {}
    for number, (rows_there, positions) in enumerate(buckets):
        assert positions[["partition", "row"]].to_numpy().tolist() == sorted(
            positions[["partition", "row"]].to_numpy().tolist()
        )
        for name in ("user_id", "anonymous_id"):
            for who in rows_there[name].dropna():
                homes.setdefault(who, set()).add(number)
    assert all(len(home) == 1 for home in homes.values())


def test_rows_are_ordered_by_a_column_if_one_is_named_and_those_without_a_value_come_last(tmp_path):
    frame = pd.DataFrame({"user_id": ["a"] * 5, "at": [3.0, 1.0, None, 2.0, 1.0]})
    ((rows, positions),) = exchanged(frame, 2, tmp_path, buckets=1, order_by=("at",))
    assert rows["at"].tolist()[:4] == [1.0, 1.0, 2.0, 3.0]
    assert pd.isna(rows["at"].iloc[4])
    assert positions["index_0"].tolist() == [1, 4, 3, 0, 2]


def test_times_as_text_are_ordered_as_times(tmp_path):
    texts = ["2024-05-01T12:00:00+02:00", "2024-05-01T09:00:00Z", "2024-05-01T10:30:00Z"]
    frame = pd.DataFrame({"user_id": ["a"] * 3, "timestamp": texts})
    ((rows, _),) = exchanged(frame, 1, tmp_path, buckets=1, order_by=("timestamp",), call="page")
    assert rows["timestamp"].tolist() == [texts[1], texts[0], texts[2]]


def test_a_column_of_nulls_in_one_partition_takes_the_type_that_it_has_in_others(tmp_path):
    frame = pd.DataFrame({"user_id": ["a", "b"], "plan": [None, "team"]}, dtype=object)
    buckets = exchanged(frame, 2, tmp_path)
    assert sorted(str(plan) for rows, _ in buckets for plan in rows["plan"]) == ["None", "team"]


def test_a_column_that_occurs_twice_is_named():
    with pytest.raises(FrameError, match="Column 'n' occurs twice"):
        table_of(pd.DataFrame([[1, 2]], columns=["n", "n"]))


MIXED = pd.DataFrame(
    {
        "text": ["a", None, "b"],
        "number": [1.5, None, -0.0],
        "whole": pd.array([2**60, None, 1], dtype="Int64"),
        "when": pd.to_datetime(["2024-01-01", None, "2024-01-02"], format="ISO8601"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "list": [[1, 2], None, []],
        "dict": [{"a": 1}, None, {"a": 2}],
        "price": [None, __import__("decimal").Decimal("1.50"), None],
        "day": [None, pd.Timestamp("2024-01-01").date(), None],
    }
)


@pytest.mark.parametrize("column", MIXED.columns)
def test_the_hash_of_rows_depends_on_every_cell(column):
    changed = MIXED.copy()
    changed[column] = MIXED[column].iloc[[1, 0, 2]].to_numpy() if column != "whole" else pd.array([1, 2, 3], "Int64")
    assert rows_hash(table_of(changed)) != rows_hash(table_of(MIXED))


def test_the_hash_of_rows_does_not_depend_on_order_or_split():
    table = table_of(MIXED)
    parts = [table.take([2]), table.take([0, 1])]
    assert sum(map(rows_hash, parts)) % 2**64 == rows_hash(table)
