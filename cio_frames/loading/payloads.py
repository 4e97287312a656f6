"""The calls of a source as they would be sent, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cio_frames.client import Client, offline_client
from cio_frames.loading.chunks import read_ahead, require_columns, use_stored_message_ids
from cio_frames.loading.load import mapped_labels, with_column_types
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.sources import source_of
from cio_frames.loading.tuning import CHUNK_ROWS
from cio_frames.pipeline import CallSpec, EncodeRun
from cio_frames.pipeline.as_of import AsOfValue, read_as_of
from cio_frames.pipeline.message_ids import MessageIds, Seen
from cio_frames.pipeline.running import whole_payloads


def iterate_payloads(
    given: Any,
    call_spec: CallSpec,
    client: Client | None = None,
    *,
    read_options: ReadOptions | None = None,
    exclude: Path | None = None,
    as_of: AsOfValue = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[str | None]:
    """Yield the JSON that each row of a source would send, and None for a row that is held back.

    Calls without a timestamp have a message id only if ``as_of`` is given: a load makes it when it starts.

    >>> import pandas as pd
    >>> from cio_frames.pipeline.call_spec import build_call_spec
    >>> people = pd.DataFrame({"user_id": ["ada", None], "plan": ["team", "free"]})
    >>> list(iterate_payloads(people, build_call_spec("identify")))
    ['{"type":"identify","userId":"ada","traits":{"plan":"team"}}', None]
    """
    call_spec = with_column_types(call_spec, read_options)
    keep = mapped_labels(call_spec.mapping)
    source = source_of(given, read_options, exclude=exclude, keep=keep, chunk_rows=chunk_rows)
    call_spec = use_stored_message_ids(source, call_spec)
    require_columns(source, call_spec)
    moment = None if as_of is None else read_as_of(as_of)
    seen = Seen()
    with read_ahead(source, call_spec) as chunks:
        for _, prepared in chunks:
            encode_run = EncodeRun(prepared, client or offline_client(), message_ids=MessageIds(moment, seen))
            for encoded in encode_run.encoded_slices():
                yield from whole_payloads(encoded).to_pylist()
