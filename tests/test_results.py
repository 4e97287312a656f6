"""The result frame: its rows, columns and dtypes."""

import pandas as pd

from cio_frames.results import Outcomes


def test_the_result_frame_has_its_dtypes_also_without_rows_and_keeps_any_index():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)], names=["shop", "day"])
    for labels in (index, pd.Index(["x", "x", "y"]), pd.RangeIndex(0)):
        frame = Outcomes(len(labels)).frame(labels)
        assert frame.index.equals(labels)
        assert frame["status"].tolist() == ["unsent"] * len(labels)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
            "status": "category",
            "reason": "string",
            "warning": "string",
            "message_id": "string",
            "bytes": "Int64",
            "batch": "Int64",
            "http_status": "Int64",
            "attempts": "Int64",
        }
