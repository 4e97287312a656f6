"""Ids that are nobody's: words for a missing value, white space around an id, several forms of one id.

Where a call merges, deletes, suppresses, or is about a device, such a row is invalid: its effect cannot be taken back,
or it looks done and is not. Elsewhere it is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames import spec
from cio_frames._util.arrays import Bools, Ints
from cio_frames.arrow.buffers import TEXT, content_bytes, offsets_of
from cio_frames.columns import Columns, FieldSource, Path
from cio_frames.validation import cells
from cio_frames.validation.checks import CHECKS
from cio_frames.validation.column_reader import ColumnReader, as_bools, matches
from cio_frames.validation.failures import Severity, failure_cases

# Events that Customer.io acts on and does not keep.
_ACTING_EVENTS = "customerio"
_EXACT = "; with exact_ids it is sent as it is"

_PEOPLE_PATHS: frozenset[Path] = frozenset({(spec.USER_ID,), (spec.ANONYMOUS_ID,), (spec.PREVIOUS_ID,)})
_TOKEN_PATH: Path = ("context", "device", "token")
_OBJECT_PATHS: frozenset[Path] = frozenset({(spec.GROUP_ID,), _TOKEN_PATH})

# What pandas, Python, JavaScript, SQL, Postgres, MySQL, Snowflake and spreadsheets write for a missing value, in any
# case of letters.
_WORDS = pa.array(
    ["#n/a", "(null)", "<na>", "<null>", "\\n", "n/a", "nan", "nat", "nil", "none", "null", "undefined"], TEXT
)
# R's word, in capitals only, and of people only: an object may be North America.
_WORDS_OF_PEOPLE = pa.array(["NA"], TEXT)

# White space of Unicode, controls, and characters without width or without any sign, such as U+200B and U+FEFF.
_SPACES = (
    r"\x{00}-\x{20}\x{7F}-\x{A0}\x{AD}\x{1680}\x{180E}\x{2000}-\x{200F}\x{2028}-\x{202F}"
    r"\x{205F}-\x{206F}\x{3000}\x{FEFF}"
)
_SPACE_AROUND = f"^[{_SPACES}]|[{_SPACES}]$"
# Such an id is missing, which the encoder finds.
_BLANK_ID = r"^[\s\p{Z}\x{0B}\x{1C}-\x{1F}\x{85}]*$"
_NUMBER_ID = r"^[0-9]+(?:\.0+)?$"


def is_final(columns: Columns) -> bool:
    """Return whether a call merges or acts, so that a wrong id is an error.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> is_final(resolve(["user_id"], spec.calls()["identify"], ColumnMapping()))
    False
    >>> is_final(resolve(["user_id"], spec.calls()["track"], ColumnMapping(), spec.semantic_event("User Deleted")))
    True
    """
    return columns.call.name == "alias" or (columns.event is not None and columns.event.family == _ACTING_EVENTS)


def id_cases(reader: ColumnReader, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases for ids that are probably nobody's.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada", "nan", "bob "]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [(cases["check"][0], cases["position"].tolist()) for cases in id_cases(ColumnReader(people), columns)]
    [('id_word', [1]), ('id_white_space', [2])]
    """
    severity: Severity = "error" if is_final(columns) else "warning"
    for source in _id_sources(columns):
        texts = reader.texts(source)
        if texts is not None:
            edges = _Edges(texts)
            for check, rows in (
                ("id_word", _spell_missing(texts, edges, source)),
                ("id_white_space", _have_space_around(texts, edges)),
            ):
                yield from _cases(reader, source, check, rows, severity)
            yield from _cases(reader, source, "id_forms", _form_rows(reader, source, texts, edges), severity)


def _id_sources(columns: Columns) -> Iterator[FieldSource]:
    acts = columns.event is not None and columns.event.family == _ACTING_EVENTS
    for source in columns.sources:
        is_object_id = acts and source.path == ("properties", spec.OBJECT_ID)
        if is_object_id or source.path in _PEOPLE_PATHS or source.path in _OBJECT_PATHS:
            yield source


def _cases(
    reader: ColumnReader, source: FieldSource, check: str, rows: Ints, severity: Severity
) -> Iterator[pd.DataFrame]:
    if len(rows):
        reason = f"{source.label}: {CHECKS[check]}{_EXACT if severity == 'error' else ''}"
        values = reader.values(source, rows)
        yield failure_cases(rows, source.label, check, reason, severity=severity, values=values)


class _Edges:
    """The first and the last byte of each text, which tell at once that most ids are fine."""

    def __init__(self, texts: pa.Array) -> None:
        offsets, content = offsets_of(texts), content_bytes(texts)
        starts, ends = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
        self.lengths: Ints = ends - starts
        # An empty text has no bytes; whatever is there instead does not count.
        content = content if len(content) else np.zeros(1, dtype=np.uint8)
        self._content = content
        self._ends = ends
        self.first = content[np.minimum(starts, len(content) - 1)]
        self.last = content[np.maximum(ends - 1, 0)]
        self.filled = self.lengths > 0
        if texts.null_count:
            self.filled &= np.asarray(texts.is_valid())

    def last_but_one(self) -> Any:
        """Return the byte before the last one."""
        return self._content[np.maximum(self._ends - 2, 0)]


def _bytes_table(*values: int) -> Bools:
    table = np.zeros(256, dtype=bool)
    table[list(values)] = True
    return table


# First bytes of the words above, and of white space in UTF-8; last bytes of white space.
_WORD_FIRST = _bytes_table(*b"#(<\\nNuU")
_SPACE_FIRST = _bytes_table(*range(0x21), 0x7F, 0xC2, 0xE1, 0xE2, 0xE3, 0xEF)
_SPACE_LAST = _bytes_table(*range(0x21), 0x7F, *range(0x80, 0xC0))


def _spell_missing(texts: pa.Array, edges: _Edges, source: FieldSource) -> Ints:
    """Return the rows whose text is a word for a missing value, with or without white space around it."""
    rows = np.flatnonzero(edges.filled & (_WORD_FIRST[edges.first] | _SPACE_FIRST[edges.first]))
    if not len(rows):
        return rows
    found = pc.replace_substring_regex(texts.take(pa.array(rows)), f"^[{_SPACES}]+|[{_SPACES}]+$", "")
    is_word = as_bools(pc.is_in(pc.ascii_lower(found), _WORDS))
    if source.path in _PEOPLE_PATHS:
        is_word |= as_bools(pc.is_in(found, _WORDS_OF_PEOPLE))
    return rows[is_word]


def _have_space_around(texts: pa.Array, edges: _Edges) -> Ints:
    """Return the rows whose text begins or ends with white space, but has more than that."""
    rows = np.flatnonzero(edges.filled & (_SPACE_FIRST[edges.first] | _SPACE_LAST[edges.last]))
    if not len(rows):
        return rows
    found = texts.take(pa.array(rows))
    return rows[matches(found, _SPACE_AROUND, len(rows)) & ~matches(found, _BLANK_ID, len(rows))]


def _form_rows(reader: ColumnReader, source: FieldSource, texts: pa.Array, edges: _Edges) -> Ints:
    """Return the rows whose id occurs in several forms: 1, 001 and 1.0, or a number and its text."""
    column = reader.column(source)
    if not isinstance(column, np.ndarray):
        return _written_differently(texts, edges)
    sent = id_texts(reader, source)
    found = _written_differently(sent, _Edges(sent)) if sent is not None else np.empty(0, dtype=np.int64)
    is_text = np.fromiter((isinstance(cell, str) for cell in column), dtype=bool, count=len(column))
    if sent is None or is_text.all():
        return found
    numbers = sent.filter(pa.array(~is_text)).unique()
    both = pc.filter(numbers, pc.is_in(numbers, sent.filter(pa.array(is_text))))
    rows = np.flatnonzero(as_bools(pc.is_in(sent, both.drop_null()))) if len(both) else found
    return np.union1d(found, rows)


def _written_differently(texts: pa.Array, edges: _Edges) -> Ints:
    """Return the rows with whole numbers that differ only by zeros in front or ``.0`` at the end."""
    none = np.empty(0, dtype=np.int64)
    filled = edges.lengths[edges.filled]
    # Texts of one length that differ are different numbers.
    if not len(filled) or filled.min() == filled.max():
        return none
    odd = edges.filled & (edges.lengths > 1) & (edges.first == ord("0"))
    ends_in_zero = edges.filled & (edges.lengths > 2) & (edges.last == ord("0"))
    if ends_in_zero.any():
        odd |= ends_in_zero & (_may_have_decimals(texts, edges))
    if not odd.any():
        return none
    candidates = texts.filter(pa.array(odd)).unique()
    candidates = candidates.filter(pa.array(matches(candidates, _NUMBER_ID, len(candidates))))
    if not len(candidates):
        return none
    numbers = plain_numbers(candidates)
    distinct = texts.unique()
    repeated = pd.Series(numbers.to_numpy(zero_copy_only=False)).duplicated(keep=False).to_numpy(dtype=bool)
    conflict = as_bools(pc.is_in(numbers, distinct)) & np.asarray(pc.not_equal(numbers, candidates))
    conflict |= repeated
    if not conflict.any():
        return none
    several = pa.array(conflict)
    forms = pa.concat_arrays([candidates.filter(several), numbers.filter(several)])
    return np.flatnonzero(as_bools(pc.is_in(texts, forms)))


def _may_have_decimals(texts: pa.Array, edges: _Edges) -> Bools:
    """Return which texts that end in 0 may end in a point and zeros."""
    before = edges.last_but_one()
    return np.asarray((before == ord(".")) | (before == ord("0")), dtype=bool)


def plain_numbers(texts: pa.Array) -> pa.Array:
    """Return digits without zeros in front, and without a point and zeros at the end.

    >>> plain_numbers(pa.array(["001", "1.0", "0"], TEXT)).to_pylist()
    ['1', '1', '0']
    """
    return pc.replace_substring_regex(pc.replace_substring_regex(texts, r"\.0+$", ""), r"^0+([0-9])", r"\1")


def id_texts(reader: ColumnReader, source: FieldSource) -> pa.Array | None:
    """Return ids as the text that is sent, null for cells that are not sent as an id; None for other types.

    >>> numbers = pd.DataFrame({"user_id": ["ada", 7, 7.0, None]})
    >>> id_texts(ColumnReader(numbers), FieldSource(0, "user_id", ("userId",), spec.Field())).to_pylist()
    ['ada', '7', '7', None]
    """
    column = reader.column(source)
    if isinstance(column, np.ndarray):
        return pa.array([_id_text(cell) for cell in column], TEXT)
    texts = reader.texts(source)
    if texts is not None:
        return texts
    kind = column.type
    if pa_types.is_floating(kind):
        whole = pc.equal(pc.floor(column), column)
        column = pc.if_else(pc.and_(whole, pc.less(pc.abs(column), 2.0**53)), column, pa.scalar(None, kind))
        return column.cast(pa.int64()).cast(TEXT).combine_chunks()
    return column.cast(TEXT).combine_chunks() if pa_types.is_integer(kind) else None


def _id_text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell.encode("utf-8", "replace").decode()
    return str(int(cell)) if cells.is_whole_cell(cell) else None
