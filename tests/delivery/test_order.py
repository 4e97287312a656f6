"""Every person's last call on the wire is their last row: over chunks, with any ids, whatever the other end does."""

import random
import threading

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.columns import ColumnMapping
from cio_frames.delivery.retry import Backoff
from cio_frames.loading.tuning import LoadTuning
from cio_frames.pipeline import CallSpec, run_call
from tests.faults import Answer, Fault, FaultServer
from tests.loading.helpers import load_rows

QUICK = Backoff(first_seconds=0.001, max_seconds=0.01)


def client(url, **settings):
    return cio.Client(
        write_key="a-key-for-tests", endpoint=url, **{"attempts": 100, "read_timeout_seconds": 5, **settings}
    )


class Moody:
    """Answers late, refuses, breaks and stays silent at random; keeps each accepted call in order of arrival."""

    def __init__(self, seed):
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.arrived = []

    def __call__(self, request):
        with self._lock:
            self.arrived += request.calls
            kind = self._chance.choices(["ok", "busy", "reset", "refused"], [10, 2, 1, 1])[0]
            delay = self._chance.random() * 0.004
        if kind == "reset":
            return Fault.RESET_AFTER_BODY
        if kind == "refused" and len(request.calls) > 1:
            return Answer(400, b'{"error":"no"}', after_seconds=delay)
        return Answer(503 if kind == "busy" else 200, after_seconds=delay)


def same_person(frame):
    """Return a number for the person of each row: rows that share an id, directly or by way of others, are one."""
    numbers = list(range(len(frame)))
    changed = True
    while changed:
        changed = False
        for column in ("user_id", "anonymous_id"):
            for _, rows in frame.groupby(frame[column].str.casefold()).groups.items():
                lowest = min(numbers[row] for row in rows)
                for row in rows:
                    changed |= numbers[row] != lowest
                    numbers[row] = lowest
    return np.array(numbers)


def assert_last_on_the_wire_is_last_in_the_frame(frame, arrived):
    last = {}
    person = same_person(frame)
    for call in arrived:
        n = call["properties"]["n"]
        last[person[n]] = n
    expected = {number: int(np.flatnonzero(person == number)[-1]) for number in set(person.tolist())}
    assert last == expected


rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["u1", "u2", "Ada@X.io", "ada@x.io", "ADA@x.io", "u3", "u4"]),
        st.none() | st.sampled_from(["a1", "a2", "a3", "u1"]),
    ).filter(any),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(rows, st.integers(0, 10**6), st.sampled_from([1, 3, 8]))
def test_of_a_frame(ids, seed, workers):
    frame = pd.DataFrame(ids, columns=["user_id", "anonymous_id"], dtype="str").assign(n=range(len(ids)))
    moody = Moody(seed)
    with FaultServer(moody) as server:
        spec = CallSpec("track", ColumnMapping(), "Seen")
        sizes = {"workers": workers, "max_call_bytes": 300, "max_body_bytes": 800}
        options = {"allow_campaigns": True, "progress": False, "backoff": QUICK}
        result = run_call(frame, spec, client=client(server.url, **sizes), **options)
    assert set(result["status"]) == {"delivered"}
    assert_last_on_the_wire_is_last_in_the_frame(frame, moody.arrived)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(rows, st.integers(0, 10**6), st.sampled_from([1, 3, 8]), st.sampled_from([2, 7, 20]))
# Ids that one chunk has joined, apart in the next; and ids that are joined while calls of both are on their way.
@example([("u1", "a1")] * 7 + [("u1", None), (None, "a2"), (None, "a1")] * 2, 0, 4, 7)
@example([("u1", None), (None, "a1")] * 5 + [("u1", "a1"), ("u2", "a2")], 1, 8, 5)
def test_over_the_chunks_of_a_load(tmp_path_factory, ids, seed, workers, chunk_rows):
    frame = pd.DataFrame(ids, columns=["user_id", "anonymous_id"], dtype="str").assign(n=range(len(ids)))
    moody = Moody(seed)
    with FaultServer(moody) as server:
        loaded = load_rows(
            [frame.iloc[start : start + 3] for start in range(0, len(frame), 3)],
            client(server.url, workers=workers, max_call_bytes=300, max_body_bytes=800),
            call="track",
            event="Seen",
            output=tmp_path_factory.mktemp("load"),
            tuning=LoadTuning(chunk_rows=chunk_rows, backoff=QUICK),
            allow_campaigns=True,
        )
    assert loaded.statuses == {"delivered": len(frame)}
    assert_last_on_the_wire_is_last_in_the_frame(frame, moody.arrived)


def test_the_chunks_of_a_load_share_their_connections(tmp_path):
    frames = [pd.DataFrame({"user_id": [f"u{row}" for row in range(200)], "n": range(200)}) for _ in range(5)]
    with FaultServer() as server:
        sizes = {"workers": 4, "max_call_bytes": 300, "max_body_bytes": 800}
        tuning = LoadTuning(chunk_rows=200)
        load_rows(frames, client(server.url, **sizes), output=tmp_path / "out", tuning=tuning)
        assert len(server.received) > 100
        assert server.connections == 4
