"""A schema reaches a worker process, and checks the same rows there."""

import pickle

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames import spec


@pytest.mark.parametrize("call", spec.CALL_NAMES)
def test_the_schema_of_a_call_survives_pickling(call):
    schema = cio.schema(call)
    again = pickle.loads(pickle.dumps(schema))
    assert list(again.columns) == list(schema.columns)


def test_a_pickled_schema_holds_back_the_same_rows():
    orders = pd.DataFrame(
        {
            "user_id": ["ada"] * 4,
            "total": [1.5, "free", 2, 3],
            "products": [[{"price": 1}], [], [{"price": "x"}], "none"],
            "email": ["ada@example.com", None, "x", None],
        }
    )
    schema = cio.schema("track", "Order Completed")
    reports = [
        orders.cio.validate("track", "Order Completed", schema=each).failure_cases[["position", "column", "check"]]
        for each in (schema, pickle.loads(pickle.dumps(schema)))
    ]
    pd.testing.assert_frame_equal(*reports)
    assert len(reports[0]) >= 3
