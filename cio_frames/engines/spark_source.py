"""``sdf.write.format("customerio")``: to write is to stage, to commit is to load.

Spark runs the tasks of a write again, and copies of slow ones at the same time; it commits one attempt of each. So
tasks only freeze rows, and a job that fails sends nothing. After the last task, the process that Spark starts for the
commit exchanges the rows and sends them, as ``cio_frames.load`` does.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage

from cio_frames.arrow.tables import frame_of_table
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.engines.driver import make_run
from cio_frames.engines.engine import LocalEngine, TaskError, catch_errors
from cio_frames.engines.request import build_request, check_call
from cio_frames.engines.sending import EngineRun
from cio_frames.engines.stage import FrozenPart, freeze_partition
from cio_frames.errors import CioFramesError, DeliveryError, FrameError
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.pipeline import build_call_spec
from cio_frames.pipeline.call_spec import OnUndelivered
from cio_frames.results import raise_for_status

# Options of the client; the write key comes from the environment by default.
_CLIENT = ("write_key", "region", "endpoint")
_FLAGS = ("allow_campaigns", "fresh", "strict_schema", "exact_ids")
_LISTS = ("traits", "properties", "keep", "order_by")
_REQUEST = (
    "output", "fresh", "order_by", "keep", "buckets", "on_invalid", "on_undelivered", "allow_campaigns", "as_of",
)  # fmt: skip
_PARAMETERS = (*inspect.signature(build_call_spec).parameters, *(each.name for each in fields(ColumnMapping)))
_NAMES = frozenset((*_CLIENT, *_REQUEST, *_PARAMETERS)) - {"columns", "fields", "constants"}
# How many partitions a frame has is not known when a write begins.
_PARTITIONS = 16
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


def make_writer(texts: Mapping[str, str], labels: list[str], *, overwrite: bool) -> CustomerIoWriter:
    """Return what writes a frame with these columns, after everything that can be checked without rows."""
    if overwrite:
        raise FrameError(
            'mode("overwrite") is not supported: what was sent cannot be replaced. Write with mode("append").'
        )
    with _in_words_of_options():
        return CustomerIoWriter(*_begin_run(read_options(texts), labels))


def _begin_run(options: dict[str, Any], labels: list[str]) -> tuple[EngineRun, OnUndelivered]:
    client = {name: options.pop(name) for name in _CLIENT if name in options}
    request = {name: options.pop(name) for name in _REQUEST if name in options}
    call_spec = build_call_spec(options.pop("call"), options.pop("event", None), **options)
    engine = LabelsOnly(labels)
    check_call(engine, call_spec)
    request = {"allow_campaigns": False, "progress": False, "client": _make_client(client), **request}
    with masked_errors(request.get("output")):
        complete = build_request(**request)
        run = make_run(engine, call_spec, complete)
        run.begin()
    return run, complete.on_undelivered


@contextmanager
def _in_words_of_options() -> Iterator[None]:
    """Let errors name options of the write instead of parameters; Spark prints them."""
    try:
        yield
    except CioFramesError as error:
        error.door = "spark options"
        raise


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
        if name not in _NAMES:
            known = difflib.get_close_matches(name, _NAMES, 1)
            hint = f"Did you mean {known[0]!r}?" if known else f"Options are {', '.join(sorted(_NAMES))}."
            raise FrameError(f"option {name!r} is not known. {hint}")
        found[name] = _read_option(name, text)
    if "call" not in found:
        raise FrameError("option 'call' is required: one of identify, track, page, screen, group, alias, batch.")
    return found


def _read_option(name: str, text: str) -> Any:
    if name in _FLAGS:
        if text.lower() not in (*_TRUE, *_FALSE):
            raise FrameError(f"option {name!r} must be true or false, got {text!r}.")
        return text.lower() in _TRUE
    if text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError as error:
            raise FrameError(f"option {name!r} is not valid JSON: {error}.") from error
    if name in _LISTS:
        return [each.strip() for each in text.split(",")]
    if name == "buckets":
        if not text.strip().isdecimal():
            raise FrameError(f"option 'buckets' must be a whole number of at least 1, got {text!r}.")
        return int(text)
    return text


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

    def __init__(self, run: EngineRun, on_undelivered: OnUndelivered) -> None:
        self._run = run
        self._on_undelivered = on_undelivered

    def write(self, iterator: Iterator[pa.RecordBatch]) -> FrozenMessage:
        """Freeze the rows of one task; nothing is sent."""
        context = TaskContext.get()
        frames = (frame_of_table(pa.Table.from_batches([batch])) for batch in iterator)
        partition = 0 if context is None else context.partitionId()
        return FrozenMessage(catch_errors(freeze_partition, self._run.plan, frames, partition))

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Send what all tasks have frozen; a write that ends well has sent all rows that can be sent."""
        engine = LocalEngine()
        frozen = [message.parts for message in messages if isinstance(message, FrozenMessage)]
        with _in_words_of_options(), masked_errors(self._run.store.root):
            result = self._run.finish(engine, frozen).result
            # Nobody sees the counts: Spark reports a write as done unless it raises.
            if result.phase == "stopped":
                raise DeliveryError(result.unrendered_why, result)
            if self._on_undelivered == "raise":
                raise_for_status(result)

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Remove what tasks have frozen; nothing was sent."""
        if not self._run.has_begun():
            self._run.clear()
