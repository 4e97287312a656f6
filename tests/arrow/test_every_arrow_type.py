"""Every Arrow type, on its own and inside of lists, structs and maps, by both doors: sent as what it means, or refused.

Beside it stand a null, an invalid row, a row that is too large and one that the API refuses, so that the rows that are
not delivered are written too.
"""

import datetime as dt
import decimal
import json
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from tests.faults import Answer, FaultServer

REFUSED = object()
TEXT = "longer than twelve characters"
ADA = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def extension(array, name):
    """An array whose extension type nobody has registered: only the field knows its name."""
    return array, {"ARROW:extension:name": name}


def union(kind):
    codes = pa.array([0, 1], pa.int8())
    if kind == "sparse":
        return pa.UnionArray.from_sparse(codes, [pa.array([1, None]), pa.array([None, "a"])])
    return pa.UnionArray.from_dense(codes, pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["a"])])


def times_of_day(count, kind):
    return pa.array([count, None], pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


def optional(name, *arguments):
    """A type that not every version of pyarrow has."""
    return getattr(pa, name)(*arguments) if hasattr(pa, name) else None


def of_type(cell, kind):
    return None if kind is None else pa.array([cell, None], kind)


def runs(values):
    return pa.RunEndEncodedArray.from_arrays(pa.array(range(1, len(values) + 1), pa.int32()), values)


# By name: an array of one value and a null, or of two values; and what the first is in JSON.
CASES = {
    "null": (pa.nulls(2), None),
    "bool": (pa.array([True, None]), True),
    "int8": (pa.array([-5, None], pa.int8()), -5),
    "int64": (pa.array([2**53 + 1, None]), 2**53 + 1),
    "uint64": (pa.array([2**64 - 1, None], pa.uint64()), 2**64 - 1),
    "float16": (pa.array([np.float16(0.5), None], pa.float16()), 0.5),
    "float32": (pa.array([7.0, None], pa.float32()), 7),
    "float64": (pa.array([-0.0, None]), 0),
    "string": (pa.array([TEXT, None]), TEXT),
    "large_string": (pa.array([TEXT, None], pa.large_string()), TEXT),
    "string_view": (of_type(TEXT, optional("string_view")), TEXT),
    "binary": (pa.array([b"a", None]), REFUSED),
    "large_binary": (pa.array([b"a", None], pa.large_binary()), REFUSED),
    "fixed_size_binary": (pa.array([b"abcd", None], pa.binary(4)), REFUSED),
    "binary_view": (of_type(b"a", optional("binary_view")), REFUSED),
    "decimal32": (of_type(decimal.Decimal("1.50"), optional("decimal32", 5, 2)), 1.5),
    "decimal64": (of_type(decimal.Decimal("1.50"), optional("decimal64", 5, 2)), 1.5),
    "decimal128": (pa.array([decimal.Decimal("1.50"), None], pa.decimal128(5, 2)), 1.5),
    "decimal256": (pa.array([decimal.Decimal("-2.00"), None], pa.decimal256(50, 2)), -2),
    "date32": (pa.array([dt.date(2026, 1, 2), None]), "2026-01-02"),
    "date64": (pa.array([dt.date(2026, 1, 2), None], pa.date64()), "2026-01-02"),
    "timestamp, naive": (pa.array([dt.datetime(2026, 1, 2), None], pa.timestamp("s")), "2026-01-02T00:00:00.000Z"),
    "timestamp": (pa.array([0, None], pa.timestamp("ns", "Europe/Berlin")), "1970-01-01T00:00:00.000Z"),
    "timestamp of no year": (pa.array([2**61, None], pa.timestamp("s")), REFUSED),
    "time32": (pa.array([dt.time(9, 30), None], pa.time32("s")), "09:30:00.000"),
    "time64": (pa.array([dt.time(9, 30), None], pa.time64("us")), "09:30:00.000"),
    "time32 of 24:00": (times_of_day(86_400, pa.time32("s")), REFUSED),
    "time64 before 00:00": (times_of_day(-1, pa.time64("us")), REFUSED),
    "duration": (pa.array([dt.timedelta(1), None], pa.duration("ms")), REFUSED),
    "month_day_nano_interval": (pa.array([(1, 2, 3), None], pa.month_day_nano_interval()), REFUSED),
    "dictionary of text": (pa.array([TEXT, None]).dictionary_encode(), TEXT),
    "dictionary of floats": (pa.array([7.0, None]).dictionary_encode(), 7),
    "runs of text": (runs(pa.array([TEXT, None])), TEXT),
    "runs of lists": (runs(pa.array([[1], None])), [1]),
    "sparse union": (union("sparse"), REFUSED),
    "dense union": (union("dense"), REFUSED),
    "list": (pa.array([[1, None], None]), [1, None]),
    "large_list": (pa.array([[1.0], None], pa.large_list(pa.float64())), [1]),
    "fixed_size_list": (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), [1, 2]),
    "list_view": (of_type([1], optional("list_view", pa.int64())), [1]),
    "large_list_view": (of_type(["a"], optional("large_list_view", pa.string())), ["a"]),
    "struct": (pa.array([{"a": 1, "b": None}, None]), {"a": 1}),
    "map": (pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), {"a": 1}),
    "map with a key twice": (pa.array([[("a", 1), ("a", 2)], None], pa.map_(pa.string(), pa.int64())), REFUSED),
    "uuid": (extension(pa.array([ADA.bytes, None], pa.binary(16)), "arrow.uuid"), str(ADA)),
    "json": (extension(pa.array(['{"a": [1.0, "x"]}', None]), "arrow.json"), {"a": [1, "x"]}),
    "json, invalid": (extension(pa.array(["{", None]), "arrow.json"), REFUSED),
    "json, a key twice": (extension(pa.array(['{"a": 1, "a": 2}', None]), "arrow.json"), REFUSED),
    "bool8": (extension(pa.array([2, None], pa.int8()), "arrow.bool8"), True),
    "opaque": (extension(pa.array([b"a", None]), "arrow.opaque"), REFUSED),
    "geometry": (extension(pa.array([b"a", None]), "geoarrow.wkb"), REFUSED),
    "tensor": (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), [1, 2]),
    "extension of a stranger": (extension(pa.array(["a", None]), "acme.money"), REFUSED),
    "BigQuery's time": (
        extension(pa.array([0, None], pa.timestamp("us")), "google:sqlType:datetime"),
        "1970-01-01T00:00:00.000Z",
    ),
}
CASES["tensor"] = (
    pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int64(), [2]), CASES["tensor"][0]),
    REFUSED,
)
CASES = {name: (array, expected) for name, (array, expected) in CASES.items() if array is not None}


def parts_of(given):
    return given if isinstance(given, tuple) else (given, None)


def alone(array, metadata, expected):
    return array, pa.field("x", array.type, metadata=metadata), expected


def in_list(array, metadata, expected):
    field = pa.field("item", array.type, metadata=metadata)
    lists = (
        pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), array).cast(pa.list_(field))
        if not metadata
        else (
            pa.Array.from_buffers(
                pa.list_(field), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32))], children=[array]
            )
        )
    )
    return lists, pa.field("x", lists.type), expected if expected is REFUSED else [expected]


def in_struct(array, metadata, expected):
    structs = pa.StructArray.from_arrays([array], fields=[pa.field("m", array.type, metadata=metadata)])
    found = {} if expected is None else {"m": expected}
    return structs, pa.field("x", structs.type), expected if expected is REFUSED else found


def in_map(array, metadata, expected):
    entries = pa.StructArray.from_arrays(
        [pa.array(["k", "k"]), array],
        fields=[pa.field("key", pa.string(), nullable=False), pa.field("value", array.type, metadata=metadata)],
    )
    kind = pa.map_(entries.type.field(0), entries.type.field(1))
    maps = pa.Array.from_buffers(kind, 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32))], children=[entries])
    found = {} if expected is None else {"k": expected}
    return maps, pa.field("x", maps.type), expected if expected is REFUSED else found


PLACES = {"alone": alone, "in a list": in_list, "in a struct": in_struct, "in a map": in_map}


def table_of(name, place):
    """One row with a value, one without, and three that are not delivered; and what the first is in JSON."""
    given, expected = CASES[name]
    array, field, expected = PLACES[place](*parts_of(given), expected)
    # Not by take: not every type can be taken from.
    chunks = [array, array.slice(0, 1), array.slice(0, 1), array.slice(0, 1)]
    column = pa.chunked_array(chunks, array.type)
    ids = pa.array(["good", "null", None, "large", "refused"])
    notes = pa.array(["", "", "", "n" * 40_000, ""])
    fields = [pa.field("user_id", ids.type), pa.field("note", notes.type), field]
    return pa.table([ids, notes, column], schema=pa.schema(fields)), expected


def refuse_one(request):
    """Answer 400 to every body with the call that the API refuses."""
    return Answer(400) if b'"userId":"refused"' in request.body else Answer()


def check_status(found, expected):
    """Compare statuses; None stands for any."""
    assert [one for one, other in zip(found, expected, strict=True) if other not in (None, one)] == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", CASES)
def test_a_type_means_the_same_in_a_frame_and_in_a_load(name, place, tmp_path):
    table, expected = table_of(name, place)
    expected_statuses = ["ready", "ready", "invalid", "too_large", "ready"]
    if expected is REFUSED:
        # A null inside of a list is written as null.
        expected_statuses = ["invalid", None if "union" in name else "ready", "invalid", "invalid", "invalid"]
    result = cio.identify(table, dry_run=True)
    check_status(result["status"], expected_statuses)
    payload = cio.payloads(table, "identify")[0]
    if expected is REFUSED:
        assert pd.isna(payload)
        assert result["reason"][0].startswith("x")
    else:
        assert json.loads(payload)["traits"].get("x") == expected
    with FaultServer(refuse_one) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        load = cio.load(table, "identify", client=client, output=tmp_path / "out")
    assert load.phase == "done"
    found = load.frame()
    sent = {"ready": "delivered"}
    check_status(found["status"][:4], result["status"].replace(sent)[:4])
    assert found["status"][4] == ("invalid" if expected is REFUSED else "rejected")
    undelivered = pq.read_table(load.undelivered)
    assert undelivered["_cio_row"].to_pylist() == np.flatnonzero(found["status"].ne("delivered")).tolist()
    again = cio.load(load.undelivered, "identify", dry_run=True)
    assert again.rows == undelivered.num_rows
