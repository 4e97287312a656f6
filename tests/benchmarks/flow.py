"""The whole flow over loopback, beside the two official clients, and where the time goes.

``python -m tests.benchmarks.flow ADDRESS FRAME.parquet ROWS WAY`` measures one way and prints JSON.
"""

import contextlib
import importlib
import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pyarrow.parquet as pq
import requests

import cio_frames as cio
from cio_frames.client import Client
from cio_frames.delivery.connection import ApiConnection
from cio_frames.pipeline import CallSpec, EncodeRun, Prepared, encode_run, prepared
from cio_frames.pipeline.as_of import AsOf
from cio_frames.pipeline.message_ids import MessageIds

from . import datasets, encode, measure

SENT_BY_CLIENTS = 10
VALIDATED, UNCHECKED = "cio_frames, validation on", "cio_frames, schema=None"
CUSTOMERIO, SEGMENT = "customerio-cdp-analytics", "segment-analytics-python"
CLIENTS = {CUSTOMERIO: "customerio.analytics", SEGMENT: "segment.analytics"}
WAYS = [VALIDATED, UNCHECKED, *CLIENTS, *(f"{name}, default settings" for name in CLIENTS)]
LATENCY_SECONDS = 0.1
# Rows of one person, where people come back.
CALLS_PER_PERSON = 4
STAGES = ["validation", "columns", "encoding", "ids", "batching", "sending", "result frame"]
# Functions that run within other stages, by stage.
INSIDE = [
    ("validation", prepared, "_failures_of_group"),
    ("encoding", prepared, "_merge_calls"),
    ("ids", prepared, "digests"),
    ("ids", MessageIds, "of"),
    ("ids", encode_run, "write_message_ids"),
]


def send(address: str, frame: pd.DataFrame, schema: str | None) -> int:
    """Send a frame with cio_frames; return how many rows arrived."""
    client = Client(write_key="benchmark", endpoint=address, requests_per_second=100_000)
    result = cio.identify(frame, client=client, schema=schema, progress=False)
    return int(result["status"].eq("delivered").sum())


def send_with_client(address: str, frame: pd.DataFrame, name: str, settings: dict[str, Any]) -> int:
    """Send a frame with an official client, row by row; return how many rows arrived."""
    client_module, consumer = (importlib.import_module(f"{CLIENTS[name]}.{part}") for part in ("client", "consumer"))
    arrived: Counter[str] = Counter()
    post = consumer.post

    def counting_post(*args: Any, **keywords: Any) -> Any:
        answer = post(*args, **keywords)
        arrived["rows"] += len(keywords["batch"])
        return answer

    consumer.post = counting_post
    client = client_module.Client("benchmark", host=address, **settings)
    traits = [label for label in frame.columns if label != "user_id"]
    columns = [frame[label].astype(object).where(frame[label].notna(), None).tolist() for label in traits]
    for user, *cells in zip(frame["user_id"].tolist(), *columns, strict=True):
        client.identify(user, {label: cell for label, cell in zip(traits, cells, strict=True) if cell is not None})
    client.join() if settings == {} else client.flush()
    client.join()
    consumer.post = post
    return arrived["rows"]


def measure_one(address: str, path: str, rows: str, way: str) -> dict[str, float]:
    """Measure one way to send."""
    name, _, how = way.partition(", ")
    official = name in CLIENTS
    count = int(rows) // SENT_BY_CLIENTS if official else int(rows)
    frame = datasets.to_frame(pq.read_table(path), "people").iloc[:count]
    settings = {} if how else {"max_queue_size": count + 1, "upload_size": 500, "thread": 2}
    schema = None if way == UNCHECKED else "spec"

    def send_all(frame: pd.DataFrame) -> int:
        return send_with_client(address, frame, name, settings) if official else send(address, frame, schema)

    # Not measured: what a process does once, such as imports.
    send_all(frame.head(100))
    arrived, figures = measure.measure(lambda: send_all(frame))
    if not how or not official:
        assert arrived == count, f"{way}: {arrived} of {count} rows arrived"
    return {
        "us": figures["seconds"] / count * 1e6,
        "processor_us": figures["processor_seconds"] / count * 1e6,
        "lost": 1 - arrived / count,
    }


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table; ratios are to the faster official client that drops nothing."""
    fastest = {figure: min(found[name][figure] for name in CLIENTS) for figure in ("us", "processor_us")}
    rows = [
        [
            way,
            f"{1e3 / run['us']:,.0f}",
            *("" if run["lost"] else f"{least / run[figure]:.1f}" for figure, least in fastest.items()),
            f"{run['lost']:.0%}",
        ]
        for way, run in found.items()
    ]
    head = ["whole flow to nginx", "thousand rows/s", "times the faster client", "in processor time", "rows dropped"]
    return measure.markdown_table(head, rows)


def latency_ratio(
    address: str, rows: int, *, workers: int, calls_per_person: int = 1, folder: Path | None = None
) -> float:
    """Return how long sending takes with slow answers, as a multiple of what the connections can carry.

    Their capacity is measured right after: the same calls in as few bodies as can be, sent by as many threads with
    ``requests``. With a folder, it is a load of a file, in chunks.
    """
    frame = datasets.to_frame(datasets.people(rows), "people")
    if calls_per_person > 1:
        people = max(rows // calls_per_person, 1)
        frame["user_id"] = frame["user_id"].to_numpy()[[row % people for row in range(rows)]]
    client = Client(write_key="benchmark", endpoint=address, workers=workers)
    seconds = _time_of_sending(frame, client) if folder is None else _time_of_loading(frame, client, folder)
    bodies = list(encode.bodies(datasets.to_frame(datasets.people(rows), "people"), "people", encoders=1))

    def post(bodies: list[bytes]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for body in bodies:
                assert session.post(f"{address}/v1/batch", data=body, timeout=30).status_code == 200

    threads = [threading.Thread(target=post, args=(bodies[lane::workers],)) for lane in range(workers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds / (time.perf_counter() - start)


def _time_of_sending(frame: pd.DataFrame, client: Client) -> float:
    start = time.perf_counter()
    result = cio.identify(frame, client=client, schema=None, progress=False)
    seconds = time.perf_counter() - start
    assert result["status"].eq("delivered").all()
    return seconds


def _time_of_loading(frame: pd.DataFrame, client: Client, folder: Path) -> float:
    path = folder / "people.parquet"
    frame.to_parquet(path, row_group_size=100_000)
    start = time.perf_counter()
    loaded = cio.load(path, "identify", client=client, schema=None, output=folder / "out", fresh=True, progress=False)
    seconds = time.perf_counter() - start
    assert loaded.statuses == {"delivered": len(frame)}
    return seconds


def sending_cost(address: str, bodies: int) -> dict[str, float]:
    """Return the processor time of sending one full body, in microseconds: with the connection, and by hand."""
    body = b'{"batch":[' + b"x" * 474_988 + b"]}"
    connection = ApiConnection(Client(write_key="benchmark", endpoint=address))
    session, adapter = requests.Session(), requests.adapters.HTTPAdapter()
    session.trust_env = False
    request = requests.Request("POST", f"{address}/v1/batch", data=body, auth=("benchmark", "")).prepare()
    ways: dict[str, Callable[[], Any]] = {
        "ApiConnection.post": lambda: connection.post(body),
        "HTTPAdapter.send, prepared once": lambda: adapter.send(request).content,
        "Session.post": lambda: session.post(f"{address}/v1/batch", data=body, timeout=30),
    }
    found = {}
    for name, send_one in ways.items():
        send_one()
        spent = time.process_time()
        for _ in range(bodies):
            send_one()
        found[name] = (time.process_time() - spent) / bodies * 1e6
    return found


def stage_times(address: str, rows: int) -> dict[str, float]:
    """Return how long each stage takes, one after the other in one thread, in microseconds a row."""
    frame = datasets.to_frame(datasets.people(rows), "people")
    # Not measured: what a process does once, such as reading the spec.
    cio.identify(frame.head(100), dry_run=True)
    spent: Counter[str] = Counter()

    def timed_stage(stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*args, **keywords)
            finally:
                spent[stage] += time.perf_counter() - start

        return timed

    with contextlib.ExitStack() as stack:
        for stage, owner, name in INSIDE:
            stack.enter_context(mock.patch.object(owner, name, timed_stage(stage, getattr(owner, name))))
        client = Client(write_key="benchmark", endpoint=address)
        connection = ApiConnection(client)
        request = CallSpec("identify", encode.REQUESTS["people"].mapping)
        run = timed_stage(
            "columns", lambda: EncodeRun(Prepared(frame, request), client, message_ids=MessageIds(AsOf(0)), encoders=1)
        )()
        spent["columns"] -= spent["validation"]
        batches = run.batches()
        while (batch := timed_stage("batching", lambda: next(batches, None))()) is not None:
            body = timed_stage("batching", lambda some=batch[1]: some.body)()
            assert timed_stage("sending", connection.post)(body).status == 200
            run.outcomes.record(batch[1].rows, "delivered", batch=0, http_status=200, attempts=1)
        spent["batching"] -= spent["encoding"] + spent["ids"]
        timed_stage("result frame", run.outcomes.frame)(frame.index)
    return {stage: spent[stage] / rows * 1e6 for stage in STAGES}


def tasks(address: str, folder: Path, rows: int) -> dict[str, list[str]]:
    """Make the frame, and return what to run for each way."""
    path = folder / "flow.parquet"
    pq.write_table(datasets.people(rows), path)
    return {way: [__name__, address, str(path), str(rows), way] for way in WAYS}


if __name__ == "__main__":
    # The official clients log every row that they drop.
    logging.disable()
    print(json.dumps(measure_one(*sys.argv[1:])))
