"""``sdf.write.format("customerio")``: to write is to stage, to commit is to load.

Spark runs the tasks of a write again, and copies of slow ones at the same time; it commits one attempt of each. So
tasks only freeze rows, and a job that fails sends nothing. After the last task, the process that Spark starts for the
commit exchanges the rows and sends them, as ``cio_frames.load`` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage

from cio_frames.arrow.tables import frame_of_table
from cio_frames.client import Client
from cio_frames.engines.driver import make_run
from cio_frames.engines.engine import LocalEngine, TaskError, catch_errors
from cio_frames.engines.request import build_request, check_call
from cio_frames.engines.sending import EngineRun
from cio_frames.engines.stage import FrozenPart, freeze_partition
from cio_frames.errors import FrameError
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.pipeline import build_call_spec

# Options of the client; the write key comes from the environment by default.
_CLIENT = ("write_key", "region", "endpoint")
_FLAGS = ("allow_campaigns", "fresh", "strict_schema", "exact_ids")
_LISTS = ("traits", "properties", "keep", "order_by")
_REQUEST = ("output", "order_by", "keep", "buckets", "on_invalid", "allow_campaigns", "fresh", "as_of")
# How many partitions a frame has is not known when a write begins.
_PARTITIONS = 16
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


def make_writer(texts: Mapping[str, str], labels: list[str], *, overwrite: bool) -> CustomerIoWriter:
    """Return what writes a frame with these columns, after everything that can be checked without rows."""
    if overwrite:
        raise FrameError(
            'mode("overwrite") is not supported: what was sent cannot be replaced. Write with mode("append").'
        )
    options = read_options(texts)
    client = {name: options.pop(name) for name in _CLIENT if name in options}
    request = {name: options.pop(name) for name in _REQUEST if name in options}
    call_spec = build_call_spec(options.pop("call"), options.pop("event", None), **options)
    engine = LabelsOnly(labels)
    check_call(engine, call_spec)
    request = {"allow_campaigns": False, "progress": False, "client": _make_client(client), **request}
    with masked_errors(request.get("output")):
        run = make_run(engine, call_spec, build_request(**request))
        run.begin()
    return CustomerIoWriter(run)


def read_options(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the options of a write as parameters; Spark may have made their names lower case.

    >>> read_options({"call": "track", "keep": "a, b", "Allow_Campaigns": "true", "buckets": "8"})
    {'call': 'track', 'keep': ['a', 'b'], 'allow_campaigns': True, 'buckets': 8}
    """
    found: dict[str, Any] = {}
    for given, text in texts.items():
        name = given.lower()
        if name in ("path", "senders"):
            raise FrameError(f"option {name!r} is not supported; name the folder with option 'output'.")
        if name in _FLAGS:
            if text.lower() not in (*_TRUE, *_FALSE):
                raise FrameError(f"option {name!r} must be true or false, got {text!r}.")
            found[name] = text.lower() in _TRUE
        elif name in _LISTS:
            is_json = text.lstrip().startswith(("[", "{"))
            found[name] = json.loads(text) if is_json else [each.strip() for each in text.split(",")]
        else:
            found[name] = int(text) if name == "buckets" else text
    if "call" not in found:
        raise FrameError("option 'call' is required: one of identify, track, page, screen, group, alias, batch.")
    return found


def _make_client(options: Mapping[str, str]) -> Client | None:
    if not options:
        return None
    settings: dict[str, Any] = dict(options)
    if "write_key" not in settings:
        return replace(Client.from_env(), **settings)
    return Client(**settings)


class LabelsOnly(LocalEngine):
    """A Spark frame of which only the columns are known here; tasks write its rows."""

    name = "Spark"
    keeps_order = False

    def __init__(self, labels: list[str]) -> None:
        super().__init__()
        self.labels = labels
        self.partition_hint = _PARTITIONS


@dataclass
class FrozenMessage(WriterCommitMessage):  # type: ignore[misc]
    """What a task has frozen, or why it could not."""

    parts: list[FrozenPart] | TaskError


class CustomerIoWriter(DataSourceArrowWriter):  # type: ignore[misc]
    """Freezes rows in tasks, and sends them when all tasks are committed."""

    def __init__(self, run: EngineRun) -> None:
        self._run = run

    def write(self, iterator: Iterator[pa.RecordBatch]) -> FrozenMessage:
        """Freeze the rows of one task; nothing is sent."""
        context = TaskContext.get()
        frames = (frame_of_table(pa.Table.from_batches([batch])) for batch in iterator)
        partition = 0 if context is None else context.partitionId()
        return FrozenMessage(catch_errors(freeze_partition, self._run.plan, frames, partition))

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Send what all tasks have frozen."""
        engine = LocalEngine()
        frozen = [message.parts for message in messages if isinstance(message, FrozenMessage)]
        with masked_errors(self._run.store.root):
            self._run.finish(engine, frozen)

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Remove what tasks have frozen; nothing was sent."""
        if not self._run.has_begun():
            self._run.clear()
