"""Columns of every dtype in the fields that the spec types: nothing raises, and every row has its one answer."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import cio_frames as cio
from tests import frames
from tests.encoding.payload_texts import examples

# Fields of text, numbers, integers, truth values, times, lists and objects, with what is said of their inside.
FIELDS = {
    "identify": (
        "user_id",
        "anonymous_id",
        "timestamp",
        "email",
        "createdAt",
        "cio_subscription_preferences",
        "context",
    ),
    "Order Completed": ("user_id", "timestamp", "order_id", "total", "currency", "products", "context.ip", "context"),
    "Video Playback Started": (
        "user_id",
        "position",
        "sound",
        "full_screen",
        "ad_type",
        "content_asset_ids",
        "livestream",
    ),
    "Report Delivery Event": ("user_id", "deliveryId", "metric", "message_id"),
}
STATUSES = {"ready", "invalid", "too_large"}


@st.composite
def requests(draw):
    """A frame, and the call that it is for."""
    name = draw(st.sampled_from(sorted(FIELDS)))
    count = draw(st.integers(1, 4))
    labels = draw(st.lists(st.sampled_from(FIELDS[name]), max_size=3, unique=True))
    if "context" in labels:
        labels = [label for label in labels if label != "context.ip"]
    columns = {label: draw(_column(count)) for label in labels}
    needed = {"user_id": "u"} | ({"deliveryId": "d", "metric": "opened"} if name == "Report Delivery Event" else {})
    frame = pd.DataFrame(columns, index=range(count))
    return frame.assign(**{label: cell for label, cell in needed.items() if label not in columns}), name


def _column(count):
    return st.one_of(
        frames.columns(count), frames.columns(count), frames.time_columns(count), frames.product_columns(count)
    )


@examples(100)
@given(requests(), st.sampled_from(["omit", "send"]))
def test_nothing_raises_and_every_row_has_its_answer(request, nulls):
    frame, name = request
    events = [] if name == "identify" else [name]
    call = cio.track if events else cio.identify
    result, plain = (call(frame, *events, dry_run=True, nulls=nulls, schema=schema) for schema in ("spec", None))
    cases = cio.validate(frame, "track" if events else "identify", *events, nulls=nulls).failure_cases

    assert len(result) == len(frame)
    assert set(result["status"]) <= STATUSES
    assert result["reason"].notna().tolist() == result["status"].ne("ready").tolist()
    assert all(reason.strip() for reason in result["reason"].dropna())
    held_back, without = (set(found.index[found["status"].eq("invalid")]) for found in (result, plain))
    assert without <= held_back, (plain, result)
    assert set(cases.loc[cases["severity"].eq("error"), "position"]) >= held_back
