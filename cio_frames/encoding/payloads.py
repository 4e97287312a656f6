"""Columns to payloads: one JSON text per row, a slice of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import spec
from cio_frames._util.arrays import Bools, Cells, Ints
from cio_frames.arrow.buffers import TEXT, content_bytes, offsets_of
from cio_frames.arrow.normalize import ColumnSlice, column_of, slice_of
from cio_frames.columns import Columns, FieldSource, Path, field_of
from cio_frames.encoding.arrays import instants_of, json_text
from cio_frames.encoding.cells import cells_as_json
from cio_frames.encoding.encode_error import ENCODE_CHECKS, EncodeError
from cio_frames.encoding.nested import member_pieces
from cio_frames.encoding.options import EncodeOptions
from cio_frames.encoding.text import JsonPieces, JsonText, join, object_pieces, unescape_json
from cio_frames.errors import FrameError

NO_TIME = np.iinfo(np.int64).min
# How a call ends, and the placeholder of a message id that is not made yet: as many characters as a ULID has.
_BEFORE_ID, NO_ID, _AFTER_ID = f',"{spec.MESSAGE_ID}":"', "0" * 26, '"},'
# How a call ends that has no id yet.
ID_PLACEHOLDER = f'{_BEFORE_ID}{NO_ID}"}}'
_BAGS = ("traits", "properties")
# What Python's str.strip() removes, escaped or not.
_BLANK = r"^(?:[\s\p{Z}\x{85}]|\\[tnrf]|\\u00(?:0b|1[c-f]))*$"
# Blank text in these fields is a missing value.
_BLANK_IS_MISSING = frozenset(
    (spec.USER_ID, spec.ANONYMOUS_ID, spec.PREVIOUS_ID, spec.GROUP_ID, spec.MESSAGE_ID, spec.EVENT)
)


@dataclass(frozen=True, slots=True)
class Calls:
    """Some rows as calls.

    Attributes
    ----------
    texts : pyarrow.LargeStringArray
        Each call's JSON with a comma after it. Its message id is NO_ID, except for rows that have their own.
    message_ids : pyarrow.LargeStringArray or None
        Ids of a column; null for a row without one.
    timestamps_ms : numpy array of int64
        The calls' timestamps in milliseconds, NO_TIME for a call without one.
    encode_errors : list of EncodeError
        Rows that cannot be sent, each with its reason.
    """

    texts: pa.Array
    message_ids: pa.Array | None
    timestamps_ms: Ints
    encode_errors: list[EncodeError]

    @property
    def end_bytes(self) -> Ints | int:
        """How many bytes at the end of each call are its message id, its key and quotes."""
        around = len(_BEFORE_ID + _AFTER_ID)
        if self.message_ids is None:
            return around + len(NO_ID)
        lengths = pc.binary_length(pc.fill_null(self.message_ids, NO_ID))
        return around + np.asarray(lengths, dtype=np.int64)


class Encoder:
    """Turns the rows of one frame into calls of one kind.

    >>> from cio_frames import spec
    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> frame = pd.DataFrame({"user_id": ["ada"], "plan": ["free"]})
    >>> columns = resolve(frame.columns, spec.calls()["identify"], ColumnMapping())
    >>> Encoder(frame, columns, EncodeOptions()).calls(0, 1).texts.to_pylist()
    ['{"type":"identify","userId":"ada","traits":{"plan":"free"},"messageId":"00000000000000000000000000"},']
    """

    def __init__(self, frame: pd.DataFrame, columns: Columns, options: EncodeOptions) -> None:
        self._rows = len(frame)
        self._columns = columns
        self._options = options
        self._constants = dict(_write_constants(columns, options))
        # By position, since labels may repeat; one column after the other is quicker than iloc for each.
        series = [column for _, column in frame.items()]
        self._sources = {source.path: (source, column_of(series[source.position])) for source in columns.sources}

    def calls(self, start: int, stop: int) -> Calls:
        """Return the calls of rows ``start`` to ``stop``."""
        cells = {path: slice_of(column, start, stop) for path, (_, column) in self._sources.items()}
        texts = {path: self._field_text(source, cells[path]) for path, (source, _) in self._sources.items()}
        encode_errors = [
            error._replace(reason=f"{source.label}: {error.reason}", label=source.label)
            for path, (source, _) in self._sources.items()
            for error in texts[path].encode_errors
        ]
        encode_errors += self._missing_value_errors(texts, stop - start)
        own = texts.pop((spec.MESSAGE_ID,), None)
        message_ids = own.values if own else None
        return Calls(
            texts=self._join_calls(texts, message_ids, stop - start),
            message_ids=message_ids,
            timestamps_ms=self._timestamps_of(cells.get((spec.TIMESTAMP,)), stop - start),
            encode_errors=encode_errors,
        )

    def ids(self, *path: str) -> pa.Array | None:
        """Return all rows' ids of one kind as text, or None where no column has them."""
        if path not in self._sources:
            return None
        source, column = self._sources[path]
        return unescape_json(self._field_text(source, slice_of(column, 0, len(column))).values)

    def column(self, source: FieldSource) -> pa.ChunkedArray | Cells:
        """Return the column that feeds a field, as it is encoded."""
        return self._sources[source.path][1]

    def timestamps_ms(self) -> Ints:
        """Return all rows' timestamps in milliseconds, NO_TIME for rows without one and for columns slow to read."""
        _, column = self._sources.get((spec.TIMESTAMP,), (None, None))
        if not isinstance(column, pa.ChunkedArray) or not pa.types.is_timestamp(column.type):
            return np.full(self._rows, NO_TIME)
        return self._timestamps_of(slice_of(column, 0, self._rows), self._rows)

    def _field_text(self, source: FieldSource, cells: ColumnSlice) -> JsonText:
        text = json_text(cells, source.field, self._options_of(source.path))
        if source.path[0] not in _BLANK_IS_MISSING or not _may_be_blank(text.values):
            return text
        blank = pc.match_substring_regex(text.values, _BLANK)
        if pc.any(blank).as_py():
            text = text._replace(values=pc.if_else(blank, pa.scalar(None, TEXT), text.values))
        return text

    def _options_of(self, path: Path) -> EncodeOptions:
        """Return how a field is written: nulls are sent among traits and properties only."""
        return self._options if path[0] in _BAGS else replace(self._options, send_nulls=False)

    def _timestamps_of(self, cells: ColumnSlice | None, count: int) -> Ints:
        if cells is None:
            return np.full(count, NO_TIME)
        instants, _ = instants_of(cells, self._options)
        known = ~(instants.missing | instants.unreadable | instants.ambiguous)
        return np.where(known, instants.ms, NO_TIME)

    def _missing_value_errors(self, texts: Mapping[Path, JsonText], count: int) -> Iterator[EncodeError]:
        """Find rows without a value that the call requires."""
        required = [(wire,) for wire in self._columns.call.required] + (
            [self._columns.ids] if self._columns.ids else []
        )
        for wires in required:
            if any((wire,) in self._columns.constants for wire in wires):
                continue
            is_missing = np.ones(count, dtype=bool)
            for wire in wires:
                if (wire,) in texts:
                    is_missing &= np.asarray(pc.is_null(texts[(wire,)].values))
            # A value that cannot be written has an error of its own.
            for wire in wires:
                for encode_error in texts[(wire,)].encode_errors if (wire,) in texts else ():
                    is_missing[encode_error.rows] = False
            if is_missing.any():
                labels = [self._sources[(wire,)][0].label for wire in wires if (wire,) in self._sources]
                reason, label = ENCODE_CHECKS["not_nullable"], labels[0] if len(labels) == 1 else None
                names = " or ".join(map(str, labels))
                yield EncodeError(np.flatnonzero(is_missing), f"{names}: {reason}", label, "not_nullable")

    def _join_calls(self, texts: Mapping[Path, JsonText], message_ids: pa.Array | None, count: int) -> pa.Array:
        """Join all fields of every row at once."""
        columns = self._columns
        tree: dict[str, Any] = {}
        for path, value in self._constants.items():
            _add_to_tree(tree, path, JsonPieces([value], optional=False))
        for path, text in texts.items():
            _add_to_tree(tree, path, member_pieces(text, send_null=self._options_of(path).send_nulls))
        if columns.call.bag:
            tree.setdefault(columns.call.bag, {})
        pieces = _join_object(tree, keep_empty=True, keep_within=_BAGS).pieces[:-1]
        pieces += [_BEFORE_ID, NO_ID if message_ids is None else pc.fill_null(message_ids, NO_ID), _AFTER_ID]
        if all(isinstance(piece, str) for piece in pieces):
            return pa.repeat(pa.scalar("".join(map(str, pieces)), TEXT), count)
        return join(pieces, skip_nulls=True)


def write_message_ids(texts: pa.Array, message_ids: pa.Array, rows: Bools) -> pa.Array:
    """Return calls with message ids in place of NO_ID, without a copy if the buffer is writable.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray
        Calls that nothing else refers to; their content changes.
    message_ids : pyarrow.LargeStringArray
        One for each call, each as long as NO_ID.
    rows : numpy array of bool
        Which calls get theirs.
    """
    if not rows.any():
        return texts
    content = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    if not content.flags.writeable:
        content = content.copy()
    width = f"V{len(NO_ID)}"
    places = offsets_of(texts)[1:][rows] - len(NO_ID + _AFTER_ID)
    # Every position in the buffer at which an id can start.
    windows = np.ndarray(len(content) - len(NO_ID) + 1, dtype=width, buffer=content, strides=(1,))
    windows[places] = content_bytes(message_ids).view(width)[rows]
    validity, offsets, _ = texts.buffers()
    return pa.LargeStringArray.from_buffers(
        len(texts), offsets, pa.py_buffer(content), validity, texts.null_count, texts.offset
    )


def _may_be_blank(array: pa.Array) -> bool:
    """Return whether any text is empty or begins as blank text can, which in most columns none does."""
    offsets, content = offsets_of(array), content_bytes(array)
    starts = offsets[:-1] - offsets[0]
    if (np.diff(offsets) == 0).any():
        return True
    first = content[starts]
    return bool(((first <= ord(" ")) | (first == ord("\\")) | (first >= 0x80)).any())


def _add_to_tree(tree: dict[str, Any], path: Path, members: JsonPieces) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = members


def _join_object(tree: Mapping[str, Any], *, keep_empty: bool, keep_within: Sequence[str] = ()) -> JsonPieces:
    """Return a tree of fields as one object; its named members are kept if empty."""
    members = [
        (name, _join_object(value, keep_empty=name in keep_within) if isinstance(value, dict) else value)
        for name, value in tree.items()
    ]
    return object_pieces(members, keep_empty=keep_empty)


def _write_constants(columns: Columns, options: EncodeOptions) -> Iterator[tuple[Path, str]]:
    """Yield the fields that are the same in every call, as JSON text."""
    for path, value in columns.constants.items():
        if type(value) is str and value.isascii():
            # The type of call, and most events.
            yield path, orjson.dumps(value).decode()
            continue
        cell = np.empty(1, dtype=object)
        cell[0] = value
        text = cells_as_json(cell, replace(options, send_nulls=False), field_of(columns.call, columns.event, path))
        for encode_error in text.encode_errors:
            raise FrameError(f"{'.'.join(path)}: {encode_error.reason}. Pass another value, or omit it.")
        if text.values[0].is_valid:
            yield path, text.values[0].as_py()
