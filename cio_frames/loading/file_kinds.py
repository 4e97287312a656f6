"""What a file is by its first bytes, for files whose extension says something else."""

from __future__ import annotations

from dataclasses import dataclass

from cio_frames.errors import FrameError

# Enough to find the names of the parts of an Excel file, most of the time.
SNIFFED_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file.

    Attributes
    ----------
    name : str
        What people call it, with an article.
    remedy : str
        What to do so that it can be loaded; a sentence.
    """

    name: str
    remedy: str


_EXCEL = FileKind("an Excel file", "Save the sheet as CSV, or read it with pandas.read_excel(...).")
_PARQUET = FileKind("a Parquet file", "Name it .parquet.")
_ZIP = FileKind("a zip archive", "Extract it.")
_HTML = FileKind("an HTML page", "It may be the error page of a download; download the file again.")
_XML = FileKind("an XML file", "It may be the error message of a download; download the file again.")
# What files begin with.
_SIGNATURES: tuple[tuple[bytes, FileKind], ...] = (
    (b"PAR1", _PARQUET),
    (b"PARE", FileKind("an encrypted Parquet file", "Decrypt it.")),
    (b"\x1f\x8b", FileKind("compressed with gzip", "Name it .csv.gz or .jsonl.gz, or decompress it.")),
    (b"\x28\xb5\x2f\xfd", FileKind("compressed with zstd", "Name it .csv.zst or .jsonl.zst, or decompress it.")),
    (b"BZh", FileKind("compressed with bzip2", "Decompress it.")),
    (b"\xfd7zXZ\x00", FileKind("compressed with xz", "Decompress it.")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", "Extract it.")),
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", FileKind("an empty zip archive", "Look for the file that was meant.")),
    (b"\xd0\xcf\x11\xe0", _EXCEL),
    (b"ARROW1", FileKind("an Arrow or Feather file", "Read it with pyarrow.feather.read_table(...).")),
    (b"ORC", FileKind("an ORC file", "Read it with pyarrow.orc.read_table(...).")),
    (b"Obj\x01", FileKind("an Avro file", "Convert it to Parquet.")),
    (b"SQLite format 3\x00", FileKind("a SQLite database", "Read it with pandas.read_sql(...).")),
    (b"%PDF", FileKind("a PDF document", "Look for the file that was meant.")),
    (
        b"version https://git-lfs.github.com/spec/",
        FileKind("a Git LFS pointer, not the file itself", "Fetch the file with git lfs pull."),
    ),
)
_JSON_TEXT = FileKind("JSON", "Write one object per line, and name it .jsonl.")


def kind_of_file(start: bytes) -> FileKind | None:
    """Return what a file is by its first bytes; None for text of any kind, and for what is not known.

    >>> kind_of_file(b"<!DOCTYPE html>").name
    'an HTML page'
    >>> kind_of_file(b"user_id,plan") is None
    True
    """
    for mark, kind in _SIGNATURES:
        if start.startswith(mark):
            return _EXCEL if kind is _ZIP and (b"xl/" in start or b"[Content_Types].xml" in start) else kind
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _HTML
    if text.startswith((b"<?xml", b"<error")):
        return _HTML if b"<html" in text else _XML
    return _JSON_TEXT if text.startswith((b'{"', b"[{", b"{\n", b"{\r")) else None


def refuse_other_kind(path: str, expected: str, start: bytes) -> None:
    r"""Refuse a file that is not what its extension says.

    Parameters
    ----------
    path : str
        The file.
    expected : {"CSV", "JSON Lines", "Parquet", "gzip", "zstd"}
        What its extension says.
    start : bytes
        Its first bytes, as many as :data:`SNIFFED_BYTES` if it has them.

    Examples
    --------
    >>> refuse_other_kind("orders.csv", "CSV", b"PK\x03\x04 [Content_Types].xml")
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: orders.csv is an Excel file, not CSV. Save the sheet as CSV, or ...
    """
    if not start:
        raise FrameError(f"{path} is empty (0 bytes). Delete it, or name the files to load by a pattern.")
    kind = kind_of_file(start)
    if kind is None and expected in ("gzip", "zstd", "Parquet"):
        kind = FileKind("damaged", "Write it again.")
        if all(byte > 31 or byte in b"\t\r\n" for byte in start[:100]):
            kind = FileKind("plain text", "Name it .csv, .tsv or .jsonl.")
    if kind is None or _is_expected(kind, expected):
        return
    raise FrameError(f"{path} is {kind.name}, not {expected}. {kind.remedy}")


def _is_expected(kind: FileKind, expected: str) -> bool:
    if kind is _JSON_TEXT or kind is _PARQUET:
        return expected == ("JSON Lines" if kind is _JSON_TEXT else "Parquet")
    return expected in ("gzip", "zstd") and expected in kind.name
