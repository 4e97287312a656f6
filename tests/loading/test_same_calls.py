"""A frame and the files that pandas writes of it make the same calls, message ids and all."""

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cio_frames as cio
from tests import frames

QUIET = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)


@st.composite
def people(draw, columns):
    """People with a column of any dtype, one of them without an id."""
    column = draw(columns)
    ids = [f"u{row}" for row in range(len(column) - 1)] + [None]
    return pd.DataFrame({"user_id": pd.Series(ids, dtype="string"), "x": column})


def calls_of(source, sandbox, **options):
    """Return the calls of a load by their message ids, and the statuses of all rows."""
    seen = len(sandbox.calls())
    with tempfile.TemporaryDirectory() as folder:
        result = cio.load(source, "identify", client=sandbox.client, output=f"{folder}/out", fresh=True, **options)
        found = result.frame()
    calls = sandbox.calls().iloc[seen:]
    return dict(zip(calls["messageId"], calls["traits"], strict=True)), found["status"].tolist()


def written_to_parquet(frame, path):
    """Write a frame as pandas does; return whether Parquet can hold it, cell for cell."""
    try:
        frame.to_parquet(path)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, OSError):
        return False
    return True


@QUIET
@given(st.integers(2, 4).flatmap(lambda count: people(frames.storable_columns(count))))
def test_a_frame_and_its_parquet_file_make_the_same_calls(shared_sandbox, frame):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.parquet")
        if written_to_parquet(frame, path):
            assert calls_of(str(path), shared_sandbox, as_of="2026-01-01") == calls_of(
                frame, shared_sandbox, as_of="2026-01-01"
            )


@QUIET
@given(st.integers(2, 4).flatmap(lambda count: people(frames.csv_columns(count))))
def test_a_frame_and_its_csv_file_make_the_same_calls(shared_sandbox, frame):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        frame.to_csv(path, index=False)
        assert calls_of(str(path), shared_sandbox, as_of="2026-01-01") == calls_of(
            frame, shared_sandbox, as_of="2026-01-01"
        )
