"""Payloads are, to the last byte, what the plain encoder in :mod:`tests.reference` says they must be."""

import datetime as dt
import decimal
import enum
import json
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.errors import FrameError

from . import frames, reference

CALLS = ("identify", "track", "page", "screen", "group", "alias")
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
BAG_LABELS = ("email", "createdAt", "object_type_id", "title", "position", "plan", "address.city", "address.zip",
              "properties.a", "traits.b", "type", "cio", "x.", 0, 'k"', "deep.er.still")  # fmt: skip


def examples(count):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
    )


@st.composite
def requests(draw):
    """A frame, and what is asked of it."""
    call = draw(st.sampled_from(CALLS))
    event = draw(st.sampled_from([None, "Video Playback Started", 'My "own"'])) if call == "track" else None
    count = draw(st.integers(1, 4))
    labels = [label for label in reference.FIELDS[call] if label != "event" or event is None]
    needed = {label for label in labels if label not in ("anonymous_id", "name")}
    columns = {label: frames.id_columns(count) for label in labels if label in needed or draw(st.booleans())}
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
    frame = pd.DataFrame({label: draw(columns[label]) for label in order}, columns=order)
    asked = {"timezone": draw(st.sampled_from(ZONES)), "nulls": draw(st.sampled_from(["omit", "send"]))}
    return frame, call, event, asked


def dry(frame, call, event=None, **asked):
    events = [event] if call == "track" else []
    return getattr(cio, call)(frame, *events, schema=None, dry_run=True, **asked)


def texts(frame, call="identify", event=None, **asked):
    return cio.payloads(frame, call, event, schema=None, **asked).tolist()


def check(frame, call, event=None, **asked):
    """Compare every row with the reference."""
    before = snapshot(frame)
    payloads = cio.payloads(frame, call, event, schema=None, **asked)
    result = dry(frame, call, event, **asked)
    assert snapshot(frame) == before
    rows = zip(payloads, result.itertuples(), reference.calls(frame, call, event, **asked), strict=True)
    for payload, told, expected in rows:
        if isinstance(expected, reference.Faulty):
            assert pd.isna(payload), (payload, expected)
            assert told.status == "invalid"
            assert any(str(label) in told.reason for label in expected), (told.reason, expected)
            continue
        assert told.status == "ready", (told.reason, expected)
        assert told.bytes == len(payload.encode("utf-8"))
        found = reference.read(payload)
        given_id = expected.setdefault("messageId", told.message_id)
        assert given_id == told.message_id
        assert reference.says(found, expected), (payload, expected)


def snapshot(frame):
    """What a frame holds, as far as it could be changed."""
    columns = [frame.iloc[:, at] for at in range(frame.shape[1])]
    return [list(frame.columns), list(frame.index)] + [
        list(map(repr, column)) if column.dtype == object else pd.util.hash_pandas_object(column).tolist()
        for column in columns
        if column.dtype == object or isinstance(column.dtype, np.dtype)
    ]


@examples(220)
@given(requests())
def test_every_call_says_what_the_reference_says(request):
    frame, call, event, asked = request
    check(frame, call, event, **asked)


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


@examples(60)
@given(requests(), st.integers(1, 3))
def test_slices_change_nothing(request, size):
    frame, call, event, asked = request
    whole = texts(frame, call, event, **asked), dry(frame, call, event, **asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cio_frames.pipeline.SLICE_ROWS", size)
        assert texts(frame, call, event, **asked) == whole[0]
        cut = dry(frame, call, event, **asked)
    kept = ["status", "reason", "message_id", "bytes"]
    pd.testing.assert_frame_equal(cut[kept], whole[1][kept])
