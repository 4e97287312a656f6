"""A frame to request bodies: cio_frames beside the other ways there are.

``python -m tests.benchmarks.encode FRAME.parquet people polars`` measures one of them and prints JSON.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# Before they are imported: one thread each.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.pipeline import CallSpec, EncodeRun, Prepared
from cio_frames.pipeline.as_of import AsOf
from cio_frames.pipeline.message_ids import MessageIds

from . import alternatives, datasets, measure

Contenders = Mapping[str, Callable[[pd.DataFrame, str], Iterable[bytes]]]

CIO_FRAMES = {"cio_frames, 1 thread": 1, "cio_frames, 2 threads": 2}
KEPT = "cio_frames, all bodies kept"
FLOOR = "orjson.dumps of one list"
# The slow ones get fewer rows; what counts is the time a row.
FEWER_ROWS = {"to_dict + orjson": 5, "iterrows + json": 10}
REQUESTS = {
    "people": CallSpec("identify", ColumnMapping(), schema=None),
    "orders": CallSpec("track", ColumnMapping(timestamp="ordered_at"), alternatives.EVENT, schema=None),
}


def bodies(frame: pd.DataFrame, kind: str, *, encoders: int) -> Iterator[bytes]:
    """Return the request bodies that cio_frames makes of a frame, message ids and all."""
    encode_run = EncodeRun(
        Prepared(frame, REQUESTS[kind]), Client(write_key="none"), message_ids=MessageIds(AsOf(0)), encoders=encoders
    )
    return (batch.body for _, batch in encode_run.batches())


def calls_in(found: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield every call of some bodies, and fail where a body is over its limit."""
    for body in found:
        assert len(body) <= alternatives.MAX_BODY_BYTES, len(body)
        yield from json.loads(body)["batch"]


def same_calls(found: Iterable[bytes], expected: Iterable[bytes]) -> None:
    """Fail where two lists of bodies do not hold the same calls, times compared as moments."""
    one, other = ({call["messageId"]: _with_moments(call) for call in calls_in(bodies)} for bodies in (found, expected))
    assert len(one) == len(other), (len(one), len(other))
    for message_id, call in one.items():
        assert call == other[message_id], (call, other[message_id])


def _with_moments(call: dict[str, Any]) -> dict[str, Any]:
    for holder in (call, call.get("traits", {})):
        for name in ("timestamp", "created_at"):
            if name in holder:
                holder[name] = np.datetime64(pd.Timestamp(holder[name]).tz_convert("UTC").tz_localize(None), "ms")
    return call


def with_ids(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return a frame with a column of the ids that cio_frames makes."""
    encode_run = EncodeRun(Prepared(frame, REQUESTS[kind]), Client(write_key="none"), message_ids=MessageIds(AsOf(0)))
    for _ in encode_run.encoded_slices():
        pass
    ids = pa.array(encode_run.outcomes.frame(frame.index)["message_id"])
    text = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    return frame.assign(message_id=pd.array(text.cast(pa.string()), dtype=pd.ArrowDtype(pa.string())))


def read(path: str, kind: str) -> pd.DataFrame:
    """Return the frame that a file was made for."""
    return datasets.to_frame(pq.read_table(path), kind)


def tasks(folder: Path, kind: str, rows: int) -> dict[str, list[str]]:
    """Make the frames, and return what to run for each contender."""
    pa.set_cpu_count(1)
    path, named = folder / f"{kind}.parquet", folder / f"{kind}-named.parquet"
    table = datasets.DATASETS[kind](rows)
    pq.write_table(table, path)
    ids = with_ids(datasets.to_frame(table, kind), kind)["message_id"]
    pq.write_table(table.append_column("message_id", pa.array(ids)), named)
    names = [*CIO_FRAMES, *alternatives.ALTERNATIVES, FLOOR, KEPT]
    return {name: [__name__, str(path if name.startswith("cio_frames") else named), kind, name] for name in names}


def check(kind: str, rows: int, contenders: Contenders = alternatives.ALTERNATIVES) -> None:
    """Fail if a contender makes other calls than cio_frames."""
    frame = datasets.to_frame(datasets.DATASETS[kind](rows), kind)
    expected = list(bodies(frame, kind, encoders=2))
    same_calls(bodies(frame, kind, encoders=1), expected)
    named = with_ids(frame, kind)
    for name, contender in contenders.items():
        try:
            same_calls(contender(named, kind), expected)
        except AssertionError as error:
            raise SystemExit(f"{name} makes other calls of {kind} than cio_frames: {error}") from None


def way(name: str) -> Callable[[pd.DataFrame, str], Iterable[bytes]]:
    """Return what turns a frame into bodies."""
    if name == KEPT:
        return lambda frame, kind: list(bodies(frame, kind, encoders=1))
    if name in CIO_FRAMES:
        return lambda frame, kind: bodies(frame, kind, encoders=CIO_FRAMES[name])
    return alternatives.ALTERNATIVES[name]


def size_of(found: Iterable[bytes]) -> int:
    """Take bodies one by one, as a sender would, and return their bytes."""
    return sum(map(len, found))


def measure_one(path: str, kind: str, name: str) -> dict[str, float]:
    """Measure one contender."""
    pa.set_cpu_count(1)
    frame = read(path, kind)
    if name in FEWER_ROWS:
        frame = frame.iloc[: len(frame) // FEWER_ROWS[name]]
    if name == FLOOR:
        calls = [call for body in alternatives.lists_orjson(frame, kind) for call in orjson.loads(body)["batch"]]
        size, figures = measure.measure(lambda: len(orjson.dumps(calls)))
    else:
        work = way(name)
        # Not measured: what a process does once, such as reading the spec.
        size_of(work(frame.head(200), kind))
        size, figures = measure.measure(lambda: size_of(work(frame, kind)))
    return {
        "us": figures["seconds"] / len(frame) * 1e6,
        "processor_us": figures["processor_seconds"] / len(frame) * 1e6,
        "peak": figures["peak_bytes"] / size,
        "bytes": size / len(frame),
    }


def format_table(kind: str, found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table; every ratio is to cio_frames on one thread.

    All but two threads of ours use one processor at a time: theirs is the processor's time to compare, which other
    work on the machine changes less than the clock's.
    """
    ours = found[next(iter(CIO_FRAMES))]
    rows = [
        [
            name,
            f"{1e3 / run['us']:,.0f}",
            f"{run['us'] / ours['us']:.2f}",
            f"{run['processor_us'] / ours['processor_us']:.2f}",
            f"{run['processor_us']:.2f}",
            f"{run['peak']:.1f}",
        ]
        for name, run in found.items()
    ]
    head = [kind, "thousand rows/s", "time / ours", "processor time / ours", "processor us/row", "peak memory / bytes"]
    return measure.markdown_table(head, rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
