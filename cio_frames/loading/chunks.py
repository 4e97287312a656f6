"""A source's chunks, ready to be sent: their columns resolved and their rows checked."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import pandas as pd

from cio_frames._util.prefetch import prefetch
from cio_frames.errors import FrameError
from cio_frames.loading.fingerprint import wanted_columns
from cio_frames.loading.outputs import MESSAGE_ID
from cio_frames.loading.parquet import RESERVED_PREFIX
from cio_frames.loading.source import Chunk, Source
from cio_frames.pipeline import CallSpec, Prepared, types_of
from cio_frames.pipeline.campaigns import (
    CampaignRows,
    campaign_columns,
    campaigns_error,
    count_campaign_rows,
    makes_events,
)


def use_stored_message_ids(source: Source, call_spec: CallSpec) -> CallSpec:
    """Return a call that gives the undelivered rows of an earlier load the message ids that they had."""
    labels = {label for _, labels in source.labels() for label in labels}
    has_own = call_spec.mapping.message_id is not None or {"message_id", "messageId"} & labels
    if MESSAGE_ID not in labels or has_own:
        return call_spec
    return replace(call_spec, mapping=replace(call_spec.mapping, message_id=MESSAGE_ID))


def require_columns(source: Source, call_spec: CallSpec) -> None:
    """Raise if a file's columns cannot make the call, before anything is sent."""
    checked: set[tuple[Hashable, ...]] = set()
    for name, labels in source.labels():
        # Frames and files mostly have the same columns.
        if tuple(labels) in checked:
            continue
        checked.add(tuple(labels))
        # With the labels as they are, since a repeated one must be reported too.
        empty = pd.DataFrame(columns=pd.Index(labels, dtype=object, tupleize_cols=False), dtype=object)
        with _naming(name):
            Prepared(_without_reserved_columns(empty, call_spec), call_spec)


def refuse_campaigns(source: Source, call_spec: CallSpec, now: pd.Timestamp) -> None:
    """Raise if a source has rows that can start campaigns; of files only the columns that tell are read."""
    if not makes_events(call_spec):
        return
    read: set[Hashable] = set()
    for name, labels in source.labels():
        with _naming(name):
            read.update(campaign_columns(labels, call_spec))
    rows = source.rows()
    found = CampaignRows(untimed=rows or 0)
    if read or rows is None or call_spec.call == "batch":
        found = CampaignRows()
        chunks = source.chunks(
            types_of=lambda labels: types_of(labels, call_spec),
            wanted=lambda labels: [label for label in labels if label in read],
        )
        for chunk in chunks:
            with _naming(chunk.where):
                found += count_campaign_rows(chunk.frame, call_spec, now)
    if found:
        first = next(iter(source.chunks(types_of=lambda labels: types_of(labels, call_spec))), None)
        raise campaigns_error(found, pd.DataFrame() if first is None else first.frame, call_spec)


def read_ahead(
    source: Source,
    call_spec: CallSpec,
    *,
    done: frozenset[int] = frozenset(),
    refuse_campaigns_at: pd.Timestamp | None = None,
) -> AbstractContextManager[Iterator[tuple[Chunk, Prepared]]]:
    """Yield the chunks with their prepared rows; of files only those that are not done.

    The next chunk is read meanwhile, in a thread. Generators are not: a cursor behind one may be bound to the thread
    that made it, as those of sqlite3 are.

    ``refuse_campaigns_at`` is the time of a check for campaigns, if that was not possible before.
    """
    chunks = _prepare_chunks(source, call_spec, done, refuse_campaigns_at)
    return prefetch(chunks) if source.repeatable else nullcontext(chunks)


def read_frames(
    source: Source, call_spec: CallSpec, *, done: frozenset[int] = frozenset()
) -> AbstractContextManager[Iterator[tuple[Chunk, pd.DataFrame]]]:
    """Yield the chunks with the columns that are sent, and check nothing; else as :func:`read_ahead`."""
    chunks = _read_chunks(source, call_spec, done)
    frames = ((chunk, _without_reserved_columns(chunk.frame, call_spec)) for chunk in chunks)
    return prefetch(frames) if source.repeatable else nullcontext(frames)


def _read_chunks(source: Source, call_spec: CallSpec, done: frozenset[int]) -> Iterator[Chunk]:
    return source.chunks(
        done=done,
        types_of=lambda labels: types_of(labels, call_spec),
        wanted=lambda labels: wanted_columns(labels, call_spec),
    )


def _prepare_chunks(
    source: Source, call_spec: CallSpec, done: frozenset[int], refuse_campaigns_at: pd.Timestamp | None
) -> Iterator[tuple[Chunk, Prepared]]:
    for chunk in _read_chunks(source, call_spec, done):
        with _naming(chunk.where):
            prepared = Prepared(_without_reserved_columns(chunk.frame, call_spec), call_spec)
            found = CampaignRows()
            if refuse_campaigns_at is not None and chunk.number not in done:
                found = count_campaign_rows(chunk.frame, call_spec, refuse_campaigns_at, invalid=prepared.invalid_rows)
        if found:
            raise campaigns_error(found, chunk.frame, call_spec, chunk.first_row)
        yield chunk, prepared


def _without_reserved_columns(frame: pd.DataFrame, call_spec: CallSpec) -> pd.DataFrame:
    """Leave out the columns that an earlier load has added to its undelivered rows."""
    reserved = [
        label
        for label in frame.columns
        if isinstance(label, str) and label.startswith(RESERVED_PREFIX) and label != call_spec.mapping.message_id
    ]
    return frame.drop(columns=reserved) if reserved else frame


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Name the file or the frame in an error about it."""
    try:
        yield
    except FrameError as error:
        raise error.at(where) from error
