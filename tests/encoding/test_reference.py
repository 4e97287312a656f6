"""Every payload says what a second, slow encoder says: see tests/reference.py."""

import json

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import cio_frames as cio
from tests import frames, reference
from tests.encoding.payload_texts import dry, encoded_in_slices, examples

CALLS = ("identify", "track", "page", "screen", "group", "alias")
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
BAG_LABELS = ("email", "createdAt", "object_type_id", "title", "position", "plan", "address.city", "address.zip",
              "properties.a", "traits.b", "type", "cio", "x.", 0, 'k"', "deep.er.still")  # fmt: skip
LENGTH_OF_ID = len(',"messageId":""') + 26


@st.composite
def requests(draw):
    """A frame, and the options of the call."""
    call = draw(st.sampled_from(CALLS))
    event = draw(st.sampled_from([None, "Video Playback Started", 'My "own"'])) if call == "track" else None
    count = draw(st.integers(1, 4))
    labels = [label for label in reference.FIELDS[call] if label != "event" or event is None]
    needed = {label for label in labels if label not in ("anonymous_id", "name")}
    columns = {label: frames.id_columns(count) for label in labels if label in needed or draw(st.booleans())}
    if "event" in columns:
        columns["event"] = frames.object_columns(count, frames.ids | frames.nulls | frames.integers)
    optional = {
        "timestamp": frames.time_columns(count),
        "message_id": frames.id_columns(count),
        "context": frames.object_columns(count, frames.mappings),
        "context.ip": frames.id_columns(count),
        "integrations.All": frames.columns(count),
    }
    columns |= {label: optional[label] for label in draw(st.sets(st.sampled_from(sorted(optional)), max_size=2))}
    if "context" in columns:
        columns.pop("context.ip", None)
    for label in draw(st.lists(st.sampled_from(BAG_LABELS), max_size=4, unique=True)):
        strategy = frames.time_columns if label == "createdAt" else frames.columns
        columns[label] = strategy(count)
    order = draw(st.permutations(list(columns)))
    # Not with columns=: pandas 2.2 would make objects of every column then, and pyarrow 17 cannot of all of them.
    frame = pd.DataFrame({label: draw(columns[label]) for label in order})
    options = {"timezone": draw(st.sampled_from(ZONES)), "nulls": draw(st.sampled_from(["omit", "send"]))}
    return frame, call, event, options


def check(frame, call, event=None, **options):
    """Compare every row with the reference."""
    before = snapshot(frame)
    payloads = cio.payloads(frame, call, event, schema=None, **options)
    result = dry(frame, call, event, **options)
    assert snapshot(frame) == before
    rows = zip(payloads, result.itertuples(), reference.calls(frame, call, event, **options), strict=True)
    for payload, row, expected in rows:
        if isinstance(expected, reference.Faulty):
            assert pd.isna(payload), (payload, expected)
            assert row.status == "invalid"
            assert any(str(label) in row.reason for label in expected), (row.reason, expected)
            continue
        assert row.status == "ready", (row.reason, expected)
        found = reference.read(payload)
        # A call without a timestamp gets its id only when it is sent.
        has_id = "timestamp" in expected or "messageId" in expected
        assert has_id == (not pd.isna(row.message_id))
        assert row.bytes == len(payload.encode("utf-8")) + (0 if has_id else LENGTH_OF_ID)
        if has_id:
            expected.setdefault("messageId", row.message_id)
        assert json.loads(payload).get("messageId") == expected.get("messageId")
        assert reference.says(found, expected), (payload, expected)


def snapshot(frame):
    """What a frame holds, as far as it could be changed."""
    columns = [frame.iloc[:, at] for at in range(frame.shape[1])]
    return [list(frame.columns), list(frame.index)] + [(column.dtype, held(column)) for column in columns]


def held(column):
    """What a column holds, in words; Python's datetimes end before Arrow's timestamps do."""
    return str(pa.array(column)) if isinstance(column.dtype, pd.ArrowDtype) else list(map(repr, column))


@examples(220)
@given(requests())
def test_every_call_says_what_the_reference_says(request):
    frame, call, event, options = request
    check(frame, call, event, **options)


@examples(400)
@given(st.data(), st.sampled_from(ZONES), st.sampled_from(["omit", "send"]))
def test_a_column_of_any_dtype_says_what_the_reference_says(data, zone, nulls):
    column = data.draw(st.integers(1, 5).flatmap(frames.columns))
    frame = pd.DataFrame({"user_id": "u", "x": column})
    check(frame, "identify", timezone=zone, nulls=nulls)


@examples(150)
@given(st.integers(1, 4).flatmap(frames.time_columns), st.sampled_from(ZONES))
def test_a_timestamp_of_any_dtype_says_what_the_reference_says(column, zone):
    check(pd.DataFrame({"user_id": "u", "timestamp": column}), "identify", timezone=zone)


@examples(150)
@given(st.integers(1, 4).flatmap(frames.id_columns))
def test_an_id_of_any_dtype_says_what_the_reference_says(column):
    check(pd.DataFrame({"user_id": column}), "identify")


@examples(100)
@given(st.integers(1, 4).flatmap(frames.columns))
def test_an_integer_field_of_any_dtype_says_what_the_reference_says(column):
    check(pd.DataFrame({"user_id": "u", "position": column}), "track", "Video Playback Started")


@examples(200)
@given(st.integers(1, 4).flatmap(frames.product_columns), st.sampled_from(["omit", "send"]))
def test_what_is_inside_lists_and_objects_is_in_the_types_of_the_spec(column, nulls):
    check(pd.DataFrame({"user_id": "u", "products": column}), "track", "Order Completed", nulls=nulls)
    check(pd.DataFrame({"user_id": "u", "content_asset_ids": column}), "track", "Video Playback Started", nulls=nulls)


@examples(60)
@given(requests(), st.integers(1, 3))
def test_slices_change_nothing(request, size):
    frame, call, event, options = request
    assert encoded_in_slices(frame, call, event, size, **options) == encoded_in_slices(
        frame, call, event, len(frame), **options
    )
