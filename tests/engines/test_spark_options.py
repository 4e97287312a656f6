"""Options of ``sdf.write.format("customerio")``, without a session: what is said, and in whose words."""

import pickle
from functools import partial

import pyarrow as pa
import pytest

import cio_frames as cio
from cio_frames.engines.driver import make_run
from tests.engines.clusters import import_or_skip
from tests.engines.helpers import FAST, split_frame
from tests.engines.rows import repeated_orders
from tests.faults import Answer, FaultServer

cloudpickle = import_or_skip("pyspark.cloudpickle", "spark")
spark_source = import_or_skip("cio_frames.engines.spark_source", "spark")
ORDERS = repeated_orders(rows=300, people=30)
OPTIONS = {"call": "track", "event": "Order Placed", "user_id": "customer", "timestamp": "at", "write_key": "k"}


def make_writer(output, frame=ORDERS, **options):
    return spark_source.make_writer({**OPTIONS, "output": str(output), **options}, list(frame.columns), overwrite=False)


def write(output, endpoint, frame=ORDERS, **options):
    """Do what Spark does: write in tasks, and commit what they return."""
    writer = make_writer(output, frame, endpoint=endpoint, **options)
    messages = []
    for part in split_frame(frame, 2):
        # The task of a cluster has a copy of the writer.
        task = cloudpickle.loads(cloudpickle.dumps(writer))
        table = pa.Table.from_pandas(part, preserve_index=False)
        messages.append(pickle.loads(pickle.dumps(task.write(iter(table.to_batches())))))
    writer.commit(messages)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evnt": "x"}, "option 'evnt' is not known. Did you mean 'event'?"),
        ({"audience": "x"}, "option 'audience' is not known. Options are allow_campaigns, "),
        ({"buckets": "two"}, "option 'buckets' must be a whole number of at least 1, got 'two'."),
        ({"buckets": "0"}, "option 'buckets' must be a whole number of at least 1, got 0."),
        ({"properties": '{"total": '}, "option 'properties' is not valid JSON"),
        ({"fresh": "maybe"}, "option 'fresh' must be true or false, got 'maybe'."),
        ({"keep": "ordr"}, "option 'keep': column 'ordr' is missing. Did you mean 'order'?"),
        ({"user_id": "custmer"}, "Did you mean"),
        ({"on_invalid": "rais"}, "option 'on_invalid' must be 'skip' or 'raise'"),
    ],
)
def test_an_option_that_is_wrong_is_named_as_an_option(tmp_path, options, message):
    with pytest.raises(cio.CioFramesError) as error:
        make_writer(tmp_path, **options)
    assert message in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_output_is_named_as_an_option():
    with pytest.raises(cio.FrameError, match=r"^option 'output' is required for a Spark frame"):
        spark_source.make_writer(OPTIONS, list(ORDERS.columns), overwrite=False)


def test_other_rows_in_the_same_folder_are_refused_and_the_option_fresh_sends_them(sandbox, tmp_path):
    key = {"write_key": sandbox.client.write_key}
    write(tmp_path, sandbox.url, **key)
    write(tmp_path, sandbox.url, **key)
    assert len(sandbox.calls()) == len(ORDERS)
    with pytest.raises(cio.ConfigurationError) as error:
        write(tmp_path, sandbox.url, ORDERS.iloc[1:], **key)
    remedy = 'Name another folder with option \'output\', or start over with option("fresh", "true")'
    assert remedy in str(error.value)
    with pytest.raises(cio.ConfigurationError, match=r'keep \[\] -> \[\'order\'\].*option\("fresh", "true"\)'):
        write(tmp_path, sandbox.url, **key, keep="order")
    assert len(sandbox.calls()) == len(ORDERS)
    write(tmp_path, sandbox.url, ORDERS.iloc[1:], **key, fresh="true")
    assert len(sandbox.calls()) == 2 * len(ORDERS) - 1


def test_a_write_whose_load_stops_is_not_done_and_the_same_write_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr(spark_source, "make_run", partial(make_run, tuning=FAST))
    with FaultServer([Answer(429)]) as server:
        with pytest.raises(cio.DeliveryError) as error:
            write(tmp_path, server.url)
        assert "Write it again with the same options to resume." in str(error.value)
        assert str(error.value).endswith("The answers of all rows are in option 'output'.")
    with FaultServer(port=server.port) as again:
        write(tmp_path, again.url)
        assert sum(len(request.calls) for request in again.received) == len(ORDERS)


def test_undelivered_rows_end_a_write_with_an_error_on_request(sandbox, tmp_path):
    frame = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 10 != 0))
    key = {"write_key": sandbox.client.write_key}
    write(tmp_path / "a", sandbox.url, frame, **key)
    with pytest.raises(cio.UndeliveredError, match="rows were not delivered"):
        write(tmp_path / "b", sandbox.url, frame, **key, on_undelivered="raise")
