"""A load of frames of every dtype: each row is answered once, and what was not delivered is in undelivered.parquet."""

import tempfile

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cio_frames as cio
from tests import frames

LABELS = ("email", "created_at", "plan", "address.city", "name", "timestamp", 7, 'k"')


@st.composite
def sources(draw):
    """One to three frames, whose columns of one name need not be of one dtype."""
    labels = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=4, unique=True))
    return [draw(of_labels(labels)) for _ in range(draw(st.integers(1, 3)))]


@st.composite
def of_labels(draw, labels):
    count = draw(st.integers(1, 4))
    times = {"created_at": frames.time_columns, "timestamp": frames.time_columns}
    columns = {"user_id": draw(frames.id_columns(count))}
    columns |= {label: draw(times.get(label, frames.columns)(count)) for label in labels}
    return pd.DataFrame(columns)


def undelivered_rows(result):
    """Return the undelivered rows file by file, as the guide says to read them."""
    if result.undelivered is None:
        return []
    paths = sorted(result.undelivered.glob("*.parquet")) if result.undelivered.is_dir() else [result.undelivered]
    return [pd.read_parquet(path, dtype_backend="pyarrow") for path in paths]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)
@given(source=sources(), call=st.sampled_from(["identify", "page"]))
def test_each_row_of_frames_of_any_dtype_is_answered_once_and_undelivered_rows_are_kept(shared_sandbox, source, call):
    rows = sum(map(len, source))
    dry = cio.load(source, call, dry_run=True)
    with tempfile.TemporaryDirectory() as folder:
        result = cio.load(source, call, client=shared_sandbox.client, output=f"{folder}/out", allow_campaigns=True)
        answers, undelivered = result.frame(), undelivered_rows(result)
        if undelivered:
            again = cio.load(result.undelivered, call, dry_run=True, message_id="_cio_message_id")
            assert again.rows == sum(map(len, undelivered))
    assert result.phase == "done"
    assert answers["row"].tolist() == list(range(rows))
    assert (dry.rows, dry.rows_held_back) == (rows, result.rows_held_back)
    others = answers[answers["status"].ne("delivered")]
    assert sorted(row for some in undelivered for row in some["_cio_row"]) == others["row"].tolist()
    assert others["reason"].notna().all()
    held_back = others.loc[others["status"].isin(["invalid", "too_large"]), "row"].tolist()
    assert [row.row for row in dry.first_held_back][:1] == held_back[:1]
