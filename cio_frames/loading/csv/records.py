"""CSV text cut into whole records, strictly: a quote where none may be is refused with its line.

Nothing here looks at cells, and nothing loops over rows: quotes, separators and line ends are found in all of a block
at once. A quoted cell begins and ends with a quote, and a quote inside it is written twice or escaped. What other
readers guess about quotes elsewhere swallows rows without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cio_frames._util.arrays import Bools, Ints
from cio_frames.errors import FrameError
from cio_frames.loading.csv.options import csv_option

# So much of a file is read at once.
READ_BYTES = 8_000_000
# A row, line ends in its cells and all, must not be longer than this.
MAX_RECORD_BYTES = 32_000_000

_QUOTE, _LF, _CR, _SPACE, _TAB = b'"\n\r \t'


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """The marks of a CSV file.

    Attributes
    ----------
    delimiter : bytes
        What separates cells: one byte.
    escape : bytes or None
        What makes a quote inside quotes part of the cell, besides another quote.
    """

    delimiter: bytes
    escape: bytes | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """Some whole records.

    Attributes
    ----------
    content : bytes
        Their text, each with its line end.
    starts, ends : numpy array of int64, shape (n,)
        Where each begins and ends.
    fields : numpy array of int64, shape (n,)
        How many cells each has.
    first_line : int
        The line of the file that the first begins in, from 1.
    """

    content: bytes
    starts: Ints
    ends: Ints
    fields: Ints
    first_line: int

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, record: int) -> int:
        """Return the line of the file that a record begins in, from 1."""
        return self.first_line + line_ends(self.content[: self.starts[record]])

    def blank(self) -> Bools:
        """Return which records have nothing but white space."""
        data = np.frombuffer(self.content, np.uint8)
        if not len(self):
            return np.zeros(0, dtype=bool)
        lone = np.flatnonzero(self.fields == 1)
        found = np.zeros(len(self), dtype=bool)
        if len(lone):
            solid = (data != _SPACE) & (data != _TAB) & (data != _CR) & (data != _LF)
            found[lone] = np.add.reduceat(solid, self.starts, dtype=np.int64)[lone] == 0
        return found

    def kept(self, rows: Bools) -> tuple[bytes, Ints]:
        """Return the text of some records, and which they are."""
        if rows.all():
            return self.content, np.arange(len(self))
        data = np.frombuffer(self.content, np.uint8)
        return data[np.repeat(rows, self.ends - self.starts)].tobytes(), np.flatnonzero(rows)


def read_records(blocks: Iterable[bytes], dialect: CsvDialect, name: str) -> Iterator[Records]:
    r"""Yield the records of a CSV file, some at a time, blank lines included.

    Parameters
    ----------
    blocks : iterable of bytes
        The file's text in UTF-8, cut anywhere.
    dialect : CsvDialect
        Its marks.
    name : str
        What errors call the file.

    Raises
    ------
    FrameError
        A quote is neither at the beginning nor at the end of a cell, or is never closed; a record is too long.

    Examples
    --------
    >>> first, second = read_records([b"a,b\n1,", b'"x\ny"\n'], CsvDialect(b","), "a.csv")
    >>> first.fields.tolist(), second.content, second.first_line
    ([2], b'1,"x\ny"\n', 2)
    >>> list(read_records([b'a\nBo "x"\n'], CsvDialect(b","), "a.csv"))
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: Cannot read a.csv: line 2 has a quote inside a cell that does not begin with ...
    """
    rest, line = b"", 1
    for block in blocks:
        rest += block
        found = _scan(rest, dialect, name, line)
        if len(found):
            yield found
            line += line_ends(found.content)
            rest = rest[len(found.content) :]
        if len(rest) > MAX_RECORD_BYTES:
            raise _too_long(rest, dialect, name, line)
    if rest:
        if not rest.endswith((b"\n", b"\r")):
            rest += b"\n"
        found = _scan(rest, dialect, name, line, is_last=True)
        if len(found.content) < len(rest):
            raise _never_closed(rest, dialect, name, line)
        yield found


def line_ends(content: bytes) -> int:
    r"""Return how many lines end in a text.

    >>> line_ends(b"a\nb\r\nc\r")
    3
    """
    return content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")


def _scan(content: bytes, dialect: CsvDialect, name: str, line: int, *, is_last: bool = False) -> Records:
    """Return the whole records at the beginning of a text."""
    data = np.frombuffer(content, np.uint8)
    ends_line = data == _LF
    if b"\r" in content:
        ends_line |= _lone_returns(data, is_last)
    marks = ends_line | (data == dialect.delimiter[0])
    quotes = _quotes(content, dialect)
    if quotes is not None:
        marks &= ~_inside(quotes)
    places = np.flatnonzero(marks)
    last_marks = np.flatnonzero(ends_line[places])
    ends = places[last_marks] + 1
    whole = content[: ends[-1]] if len(ends) else b""
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    found = Records(whole, starts, ends, np.diff(last_marks, prepend=-1), line)
    if quotes is not None:
        _refuse_stray_quotes(content, np.flatnonzero(quotes[: len(whole)]), dialect, name, line)
        if dialect.escape is not None:
            _refuse_stray_escapes(found, dialect, quotes, name)
    elif dialect.escape is not None and dialect.escape in whole:
        _refuse_stray_escapes(found, dialect, np.zeros(len(data), dtype=bool), name)
    return found


def _lone_returns(data: npt.NDArray[np.uint8], is_last: bool) -> Bools:
    """Return which carriage returns end a line of their own; of one at the end more may come."""
    found: Bools = data == _CR
    found[:-1] &= data[1:] != _LF
    found[-1:] &= is_last
    return found


def _quotes(content: bytes, dialect: CsvDialect) -> Bools | None:
    """Return which bytes are quotes that open or close; None where there are none."""
    if b'"' not in content:
        return None
    quotes: Bools = np.frombuffer(content, np.uint8) == _QUOTE
    if dialect.escape is not None and dialect.escape in content:
        escaped = _escapes(content, dialect.escape) + 1
        quotes[escaped[escaped < len(quotes)]] = False
    return quotes


def _inside(quotes: Bools) -> Bools:
    """Return which bytes are inside quotes, where none is before."""
    found: Bools = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(bool)
    return found


def _escapes(content: bytes, escape: bytes) -> Ints:
    """Return where escape characters stand that are not escaped themselves."""
    places = np.flatnonzero(np.frombuffer(content, np.uint8) == escape[0])
    begins = np.diff(places, prepend=-2) != 1
    run = np.maximum.accumulate(np.where(begins, np.arange(len(places)), 0))
    found: Ints = places[(np.arange(len(places)) - run) % 2 == 0]
    return found


def _refuse_stray_quotes(content: bytes, places: Ints, dialect: CsvDialect, name: str, line: int) -> None:
    """Refuse a quote that opens inside a cell, or closes one in its middle; quotes open and close by turns."""
    data = np.frombuffer(content, np.uint8)
    beside = np.zeros(256, dtype=bool)
    beside[[dialect.delimiter[0], _LF, _CR, _QUOTE]] = True
    opens, closes = places[0::2], places[1::2]
    opens_inside = opens[(opens > 0) & ~beside[data[opens - 1]]][:1]
    closes_inside = closes[~beside[data[closes + 1]]][:1]
    stray = np.concatenate([opens_inside, closes_inside])
    if not len(stray):
        return
    place = int(stray.min())
    before = content[place - 1 : place]
    at = line + line_ends(content[:place])
    if before == b"\\" and dialect.escape is None:
        raise FrameError(
            f"Cannot read {name}: line {at} has a quote with a backslash before it. If backslashes escape quotes here, "
            f"pass {csv_option('escape_char', chr(92))}; if not, write quotes inside cells twice."
        )
    if place in opens_inside:
        why = (
            f"line {at} has a quote after a space, which does not begin a cell. Leave out spaces beside separators."
            if content[max(place - 2, 0) : place] in (dialect.delimiter + b" ", b"\n ", b" ")
            else f"line {at} has a quote inside a cell that does not begin with one. Write such a cell in quotes, and "
            "its own quotes twice."
        )
        raise FrameError(f"Cannot read {name}: {why}")
    opened = line + line_ends(content[: places[np.searchsorted(places, place) - 1]])
    since = f" that was opened in line {opened}" if opened != at else ""
    raise FrameError(
        f"Cannot read {name}: line {at} has more text after a closing quote{since}. Write quotes inside cells twice, "
        "and check that every quote is closed."
    )


def _refuse_stray_escapes(records: Records, dialect: CsvDialect, quotes: Bools, name: str) -> None:
    """Refuse escapes outside quotes: some programs mean them so, and others mean what stands there."""
    data = np.frombuffer(records.content, np.uint8)
    places = _escapes(records.content, dialect.escape or b"")
    outside = places[~_inside(quotes)[places]]
    special = np.zeros(256, dtype=bool)
    special[[dialect.delimiter[0], _LF, _CR, _QUOTE, (dialect.escape or b"\0")[0]]] = True
    stray = outside[special[data[outside + 1]]]
    if len(stray):
        at = records.first_line + line_ends(records.content[: stray[0]])
        raise FrameError(
            f"Cannot read {name}: line {at} has an escape in a cell without quotes, which programs read in different "
            "ways. Write the file with quotes around all cells (Spark: quoteAll; Redshift: ADDQUOTES)."
        )


def undo_escapes(content: bytes, dialect: CsvDialect) -> bytes:
    r"""Return text in which every escape character that is part of a cell is escaped itself, as Arrow wants it.

    Spark writes ``C:\dir`` as it is where it needs no quotes.

    >>> undo_escapes(rb'C:\dir,"say \"hi\""', CsvDialect(b",", b"\\")).decode()
    'C:\\\\dir,"say \\"hi\\""'
    """
    if dialect.escape is None or dialect.escape not in content:
        return content
    data = np.frombuffer(content, np.uint8)
    special = np.zeros(256, dtype=bool)
    special[[dialect.delimiter[0], _LF, _CR, _QUOTE, dialect.escape[0]]] = True
    places = _escapes(content, dialect.escape)
    followers = data[np.minimum(places + 1, len(data) - 1)]
    return np.insert(data, places[~special[followers]], dialect.escape[0]).tobytes()


def _too_long(rest: bytes, dialect: CsvDialect, name: str, line: int) -> FrameError:
    quotes = _quotes(rest, dialect)
    if quotes is not None and quotes.sum() % 2:
        return _never_closed(rest, dialect, name, line)
    return FrameError(
        f"Cannot read {name}: the row in line {line} is longer than {MAX_RECORD_BYTES:,} bytes. Is the file CSV?"
    )


def _never_closed(rest: bytes, dialect: CsvDialect, name: str, line: int) -> FrameError:
    quotes = _quotes(rest, dialect)
    places = np.flatnonzero(quotes) if quotes is not None else np.zeros(1, dtype=np.int64)
    _refuse_stray_quotes(rest, places, dialect, name, line)
    opened = line + line_ends(rest[: places[-1]])
    return FrameError(
        f"Cannot read {name}: the quote that opens in line {opened} is never closed. The file may be incomplete; write "
        "quotes inside cells twice."
    )
