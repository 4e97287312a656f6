"""The text of a CSV file in UTF-8, whatever encoding the caller names; no encoding is guessed."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO

from cio_frames.errors import FrameError
from cio_frames.loading.csv.options import csv_option
from cio_frames.loading.csv.records import READ_BYTES, Records, line_ends
from cio_frames.loading.file_kinds import SNIFFED_BYTES, refuse_other_kind

_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def utf8_blocks(file: IO[bytes], encoding: str, name: str) -> Iterator[bytes]:
    r"""Yield a file's text in UTF-8, without a byte order mark.

    >>> import io
    >>> list(utf8_blocks(io.BytesIO("José".encode("cp1252")), "cp1252", "people.csv"))
    [b'Jos\xc3\xa9', b'']
    """
    first = file.read(READ_BYTES)
    if first:
        refuse_other_kind(name, "CSV", first[:SNIFFED_BYTES])
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        _refuse_utf_16(first, name)
        yield first.removeprefix(codecs.BOM_UTF8)
        while block := file.read(READ_BYTES):
            yield block
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    block, line = first, 1
    while True:
        try:
            text = decoder.decode(block, final=not block).encode()
        except UnicodeDecodeError as error:
            raise FrameError(
                f"{name} is not {encoding} text (near line {line}). Pass the encoding it was "
                f"saved with: {csv_option('encoding')}."
            ) from error
        yield text.removeprefix(codecs.BOM_UTF8) if block is first else text
        line += line_ends(text)
        if not block:
            return
        block = file.read(READ_BYTES)


def refuse_other_encoding(records: Records, name: str) -> None:
    """Refuse text that is not UTF-8."""
    if records.content.isascii():
        return
    try:
        records.content.decode()
    except UnicodeDecodeError as error:
        line = records.first_line + line_ends(records.content[: error.start])
        raise FrameError(
            f"{name} is not UTF-8 text (line {line}). Pass the encoding it was saved with, such as "
            f"{csv_option('encoding', 'cp1252')} for a file from Excel on Windows, or save it as UTF-8."
        ) from error


def _refuse_utf_16(first: bytes, name: str) -> None:
    """Refuse UTF-16, which has a mark, or in a plain first line a zero in every other byte."""
    marked = _BYTE_ORDER_MARKS.get(first[:2])
    start = first[:100]
    unmarked = "utf-16-le" if start[1::2].count(0) > len(start) / 4 else None
    unmarked = "utf-16-be" if start[0::2].count(0) > len(start) / 4 else unmarked
    if marked or unmarked:
        raise FrameError(f"{name} is UTF-16 text, not UTF-8. Pass {csv_option('encoding', marked or unmarked)}.")
