"""One frame beside the state: its rows encoded, their subjects and contents compared, what is invalid held back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash

from cio_frames import spec
from cio_frames._util.arrays import Bools, Ints, UInts
from cio_frames.arrow.buffers import TEXT, offsets_of
from cio_frames.client import Client
from cio_frames.columns import Path, resolve
from cio_frames.encoding import NO_TIME
from cio_frames.encoding.text import JsonText, unescape_json
from cio_frames.errors import FrameError, parameter
from cio_frames.loading.source import Source
from cio_frames.pipeline import CallSpec, EncodedSlice, EncodeRun, Prepared
from cio_frames.pipeline.message_ids import MessageIds, Seen
from cio_frames.syncing.compare import Actions, Comparison, compare
from cio_frames.syncing.digests import SubjectContent, field_name
from cio_frames.syncing.index import StateIndex
from cio_frames.syncing.options import SyncOptions
from cio_frames.syncing.records import SubjectRecords
from cio_frames.syncing.state import State
from cio_frames.syncing.subject_keys import group_subjects, person_subjects
from cio_frames.validation import PeopleRows, WarningCount

_UNTIMED = "timestamp: required value is missing; a sync of events needs the time of each"
_NO_TEXT = pa.array([], TEXT)
_NO_SUBJECT = "no id to know the subject by"


@dataclass(frozen=True, slots=True)
class Examined:
    """The rows of a frame beside the state.

    Attributes
    ----------
    keys : pyarrow.LargeStringArray
        The subject of each row; null where there is none.
    digests : numpy array of uint64, shape (rows, 2)
        The content of each row.
    comparison : Comparison
        What has to be done about each row.
    held_back : pandas.DataFrame
        Status, reason and bytes of the rows that cannot be sent, by position.
    sizes : numpy array of int64
        The bytes of each call.
    canonical : pyarrow.LargeStringArray
        The content of each row as JSON; empty unless it was asked for.
    warnings : list of WarningCount
        What is probably not meant, although it is sent.
    people : PeopleRows or None
        Whom the valid rows are about; None if nothing is checked.
    """

    keys: pa.Array
    digests: UInts
    comparison: Comparison
    held_back: pd.DataFrame
    sizes: Ints
    canonical: pa.Array
    warnings: list[WarningCount]
    people: PeopleRows | None

    @property
    def actions(self) -> Actions:
        """What has to be done about each row."""
        return self.comparison.actions


class _Piece(NamedTuple):
    """What came of a slice."""

    keys: pa.Array
    digests: UInts
    comparison: Comparison
    canonical: pa.Array


class Examiner:
    """Compares frames of one call with a state.

    Parameters
    ----------
    call_spec : CallSpec
        One call; ``fields`` are those of all frames, sorted.
    """

    def __init__(
        self, call_spec: CallSpec, client: Client, fields: Sequence[str], state: State, index: StateIndex,
        options: SyncOptions, *, with_values: bool = False,
    ) -> None:  # fmt: skip
        self._with_values = with_values
        self.fields = tuple(fields)
        self._call_spec = call_spec
        self._client = client
        self._state = state
        self._index = index
        self._options = options
        self._is_event = call_spec.call in spec.EVENT_CALLS
        # Identical events of one source get distinct ids, over all of its frames.
        self._message_ids = self._shared_message_ids()
        self._message_ids_of_keys = self._shared_message_ids()
        self._hash = xxhash.xxh3_128()

    def _shared_message_ids(self) -> MessageIds | None:
        return MessageIds(None, Seen()) if self._is_event else None

    @property
    def frame_digest(self) -> str:
        """What tells the frames that were examined from others: a hash of all calls, in order."""
        return str(self._hash.hexdigest())

    def examine(self, prepared: Prepared) -> Examined:
        """Encode the rows and compare them with the state."""
        encode_run = EncodeRun(prepared, self._client, message_ids=self._message_ids)
        pieces = list(self._pieces(prepared, encode_run))
        sizes = encode_run.outcomes.frame(pd.RangeIndex(prepared.rows))
        held_back = sizes[sizes["status"].isin(("invalid", "too_large"))][["status", "reason", "bytes"]]
        keys = pa.chunked_array([piece.keys for piece in pieces], TEXT).combine_chunks()
        return Examined(
            keys=keys,
            digests=np.concatenate([*(piece.digests for piece in pieces), np.empty((0, 2), dtype=np.uint64)]),
            comparison=join_comparisons([piece.comparison for piece in pieces], len(self.fields)),
            held_back=held_back,
            sizes=sizes["bytes"].to_numpy(dtype=np.int64, na_value=0),
            canonical=pa.chunked_array([piece.canonical for piece in pieces], TEXT).combine_chunks(),
            warnings=encode_run.warning_counts(),
            people=encode_run.people_rows(),
        )

    def keys_of(self, prepared: Prepared) -> pa.Array:
        """Return the subject of each row, and compare nothing; call it for each frame of the source, in order."""
        encode_run = EncodeRun(prepared, self._client, message_ids=self._message_ids_of_keys)
        keys = [self._keys(encoded) for encoded in encode_run.encoded_slices()]
        return pa.chunked_array(keys, TEXT).combine_chunks()

    def _pieces(self, prepared: Prepared, encode_run: EncodeRun) -> Iterator[_Piece]:
        for encoded in encode_run.encoded_slices():
            sendable = np.asarray(encoded.payloads.is_valid())
            self._hash.update(offsets_of(encoded.payloads).tobytes())
            self._hash.update(encoded.payloads.buffers()[2] or b"")
            keys = self._keys(encoded)
            for lacking, reason in self._lacking(encoded, keys):
                rows = np.flatnonzero(sendable & lacking)
                if len(rows):
                    encode_run.outcomes.record(encoded.start + rows, "invalid", reason=reason)
                    sendable = sendable & ~lacking
            content = self._content(prepared, encoded)
            comparison = compare(content, keys, sendable, self.fields, self._state, self._index, self._options.compare)
            # Not the content itself, which holds the text of every field.
            canonical = content.canonical if self._with_values else _NO_TEXT
            yield _Piece(keys, content.digests, comparison, canonical)

    def _lacking(self, encoded: EncodedSlice, keys: pa.Array) -> Iterator[tuple[Bools, str]]:
        if self._is_event:
            yield encoded.timestamp_ms == NO_TIME, _UNTIMED
        yield np.asarray(keys.is_null()), _NO_SUBJECT

    def _keys(self, encoded: EncodedSlice) -> pa.Array:
        rows = len(encoded.sizes)
        if self._is_event:
            return unescape_json(encoded.message_ids)
        subjects = group_subjects if self._call_spec.call == "group" else person_subjects
        return subjects(encoded.fields, rows)

    def _content(self, prepared: Prepared, encoded: EncodedSlice) -> SubjectContent:
        texts: dict[Path, JsonText] = {}
        # An event is the same where its id is: the id is made from its content.
        if not self._is_event:
            (group,) = prepared.call_groups
            stop = encoded.start + len(encoded.sizes)
            texts = {**encoded.fields, **group.encoder.sorted_fields(encoded.start, stop)}
        counted = set(self.fields)
        return SubjectContent(
            {path: text for path, text in texts.items() if path[0] == "traits" and field_name(path) in counted},
            len(encoded.sizes),
        )


def fields_of(source: Source, call_spec: CallSpec, ignore: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all fields that count, sorted.

    Raises
    ------
    FrameError
        A name in ``ignore`` is not a field of the source.
    """
    if call_spec.call in spec.EVENT_CALLS:
        return ()
    call = call_spec.tracking_plan.calls[call_spec.call]
    found: set[str] = set()
    for _, labels in source.labels():
        paths = (each.path for each in resolve(labels, call, call_spec.mapping).sources)
        found |= {field_name(path) for path in paths if path[0] == "traits"}
    unknown = [name for name in ignore if name not in found]
    if unknown and found:
        raise FrameError(
            f"{parameter('ignore')} names {', '.join(map(repr, unknown))}, which is not a field of this source. Its "
            f"fields are {', '.join(sorted(found)[:20])}."
        )
    return tuple(sorted(found - set(ignore)))


def join_comparisons(pieces: Sequence[Comparison], width: int) -> Comparison:
    """Return comparisons of consecutive rows as one."""
    if len(pieces) == 1:
        return pieces[0]
    starts = np.cumsum([0, *(len(piece.actions) for piece in pieces)])
    shape = (0, width)
    return Comparison(
        actions=np.concatenate([np.empty(0, dtype=np.int8), *(piece.actions for piece in pieces)]),
        rows=np.concatenate(
            [np.empty(0, dtype=np.int64), *(start + piece.rows for start, piece in zip(starts, pieces, strict=False))]
        ),
        records=SubjectRecords.concat([piece.records for piece in pieces]),
        hashes=np.concatenate([np.empty(shape, dtype=np.uint64), *(piece.hashes for piece in pieces)]),
        changed=np.concatenate([np.empty(shape, dtype=bool), *(piece.changed for piece in pieces)]),
        cleared=np.concatenate([np.empty(shape, dtype=bool), *(piece.cleared for piece in pieces)]),
        gained=np.concatenate([np.empty(0, dtype=bool), *(piece.gained for piece in pieces)]),
        lost=np.concatenate([np.empty(0, dtype=bool), *(piece.lost for piece in pieces)]),
    )
