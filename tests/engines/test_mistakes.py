"""Mistakes with Dask frames, and frames whose partitions differ: errors that name the remedy, and nothing lost."""

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.engines.stage import table_of
from cio_frames.engines.staged_columns import concat_staged
from tests.engines.clusters import import_or_skip

dd = import_or_skip("dask.dataframe", "dask")
dask = import_or_skip("dask", "dask")

ORDERS = pd.DataFrame(
    {
        "customer": [f"c{number % 3}" for number in range(12)],
        "at": pd.date_range("2024-05-01", periods=12, freq="h", tz="UTC"),
        "total": range(12),
    }
)
NAMES = {"user_id": "customer", "timestamp": "at", "progress": False}


@pytest.fixture(autouse=True)
def in_this_process():
    # Where other tests have started a cluster, Dask would choose the shuffle that needs one.
    with dask.config.set({"scheduler": "synchronous", "dataframe.shuffle.method": "tasks"}):
        yield


def frame_of(*parts):
    """Return a Dask frame of parts that need not be as the frame says."""
    return dd.from_delayed([dask.delayed(part) for part in parts], meta=ORDERS.iloc[:0], verify_meta=False)


def track(frame, sandbox, output, **options):
    return cio.track(frame, "Order Placed", **NAMES, client=sandbox.client, output=output, **options)


@pytest.mark.parametrize("way", [{}, {"senders": 2, "buckets": 1}], ids=["1", "2"])
@pytest.mark.parametrize(
    "second",
    [
        ORDERS[6:][["total", "at", "customer"]],
        ORDERS[6:].drop(columns="total"),
        ORDERS[6:].assign(note="x", total=None),
        ORDERS[6:].assign(total="many"),
    ],
    ids=["other order", "a column less", "a column more", "another type"],
)
def test_columns_of_partitions_are_matched_by_name(sandbox, tmp_path, way, second):
    plain = [
        cio.track(part, "Order Placed", **NAMES, dry_run=True)["message_id"].tolist() for part in (ORDERS[:6], second)
    ]
    answers = track(frame_of(ORDERS[:6], second), sandbox, tmp_path, **way).compute()
    assert answers["status"].tolist() == ["delivered"] * 12
    assert answers["message_id"].tolist() == plain[0] + plain[1]


def test_tables_have_the_columns_of_all():
    parts = [table_of(pd.DataFrame({"a": [1], "b": ["x"]})), table_of(pd.DataFrame({"b": ["y"], "c": [2.5]}))]
    found = concat_staged(parts, cio_options()).to_pydict()
    assert found == {"a": [1, None], "b": ["x", "y"], "c": [None, 2.5]}


def cio_options():
    from cio_frames.encoding import EncodeOptions

    return EncodeOptions()


@pytest.mark.parametrize("option", ["order_by", "keep"])
def test_a_partition_without_a_column_that_is_needed_is_an_error_before_anything_is_sent(sandbox, tmp_path, option):
    frame = frame_of(ORDERS[:6], ORDERS[6:].drop(columns="total"))
    with pytest.raises(cio.FrameError, match=f"{option}=: column 'total' is missing in partition 1, although"):
        track(frame, sandbox, tmp_path, **{option: "total"})
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("way", [{}, {"senders": 2, "buckets": 2}], ids=["1", "2"])
def test_a_frame_that_is_cut_otherwise_when_it_is_asked_again_has_the_answers_of_its_rows(sandbox, tmp_path, way):
    track(dd.from_pandas(ORDERS, npartitions=4), sandbox, tmp_path, keep="total", **way)
    for partitions in (2, 6):
        again = dd.from_pandas(ORDERS, npartitions=partitions)
        answers = track(again, sandbox, tmp_path, keep="total", **way)
        assert (answers.npartitions, answers.known_divisions) == (4, False)
        assert answers.compute()["total"].tolist() == ORDERS["total"].tolist()
    assert len(sandbox.calls()) == len(ORDERS)


def test_rows_that_cannot_be_sent_are_named_by_their_partition(sandbox, tmp_path):
    frame = dd.from_pandas(ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["total"] != 8)), npartitions=3)
    for way in ({}, {"senders": 2, "buckets": 1}):
        with pytest.raises(cio.InvalidRowsError, match="counted from 0, is row 0 of partition 2: customer: required"):
            track(frame, sandbox, tmp_path, on_invalid="raise", **way)
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "output= must be a folder, such as s3://bucket/orders, got ''"),
        (5, "output= must be a folder, such as s3://bucket/orders, got 5"),
        ("a file", "Cannot use the folder .* of output=: File exists"),
    ],
)
def test_an_output_that_is_no_folder_is_an_error(sandbox, tmp_path, output, message):
    if output == "a file":
        output = tmp_path / "file"
        output.write_text("")
    with pytest.raises(cio.CioFramesError, match=message):
        track(dd.from_pandas(ORDERS, npartitions=2), sandbox, output)
    assert len(sandbox.requests()) == 0


def test_a_single_column_and_a_delayed_frame_are_named_for_what_they_are(sandbox, tmp_path):
    frame = dd.from_pandas(ORDERS, npartitions=2)
    with pytest.raises(cio.FrameError, match=r"a Dask Series, which is a single column\. Take a frame: series\.to_fr"):
        track(frame["customer"], sandbox, tmp_path)
    with pytest.raises(cio.FrameError, match=r"df must be a pandas DataFrame, .*; got dask\.delayed"):
        track(dask.delayed(ORDERS), sandbox, tmp_path)
    with pytest.raises(cio.FrameError, match="csv= is about files, and not supported for Dask and Spark frames"):
        cio.load(frame, "track", "Order Placed", **NAMES, csv={"delimiter": ";"}, output=tmp_path)
