"""Standard input as a file: written to a private one, so that it can be read twice."""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import tempfile
from collections.abc import Collection, Hashable
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.fs as pafs

from cio_frames.errors import FrameError
from cio_frames.loading.file_kinds import SNIFFED_BYTES
from cio_frames.loading.file_source import Files
from cio_frames.loading.files import DataFile
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.read_options import ReadOptions

# What users call it, and its name in ledgers.
STANDARD_INPUT_PATH = "-"
STANDARD_INPUT = "standard input"


class SpooledInput:
    """Standard input in a temporary file, which only this user can read and which ends with this object.

    Attributes
    ----------
    path : Path
        The file; its extension says what is in it by its first bytes: Parquet, JSON Lines, or CSV.
    """

    def __init__(self, stream: IO[bytes] | None = None) -> None:
        stream = stream or _binary_input()
        start = _first_bytes(stream)
        if not start:
            raise FrameError("Standard input is empty. Pipe a file into it, such as: gunzip -c orders.csv.gz | ...")
        # Files of this kind are made with the permissions 0600.
        self._file = tempfile.NamedTemporaryFile(prefix="cio-frames-", suffix=_extension(start))  # noqa: SIM115 -- for as long as this
        self._file.write(start)
        shutil.copyfileobj(stream, self._file, 1 << 20)
        self._file.flush()
        self.path = Path(self._file.name)


class StandardInput(Files):
    """The rows of standard input. A load of it is not resumable: nobody can read it once more."""

    resumable = False

    def __init__(self, options: ReadOptions, keep: Collection[Hashable], chunk_rows: int) -> None:
        # Kept for as long as this source: the file ends with it.
        self._spooled = SpooledInput()
        file = DataFile(self._spooled.path.as_posix(), pafs.LocalFileSystem())
        super().__init__(STANDARD_INPUT, [file], chunk_rows, options, keep=keep)

    def notes(self) -> SourceNotes:
        """Return what a user should know of it."""
        found = super().notes()
        found.is_standard_input = True
        return found


def _binary_input() -> IO[bytes]:
    if sys.stdin is None or sys.stdin.isatty():
        raise FrameError("Standard input is closed or a terminal. Pipe a file into it, or name one.")
    return sys.stdin.buffer


def _first_bytes(stream: IO[bytes]) -> bytes:
    start = b""
    while len(start) < SNIFFED_BYTES and (more := stream.read(SNIFFED_BYTES - len(start))):
        start += more
    return start


def _extension(start: bytes) -> str:
    r"""Return the extension of a file that begins so.

    >>> [_extension(start) for start in (b"PAR1", b'{"user_id": 1}\n', b"user_id,plan\n", gzip.compress(b"user_id\n"))]
    ['.parquet', '.jsonl', '.csv', '.csv.gz']
    """
    if start.startswith(b"PAR1"):
        return ".parquet"
    packed = {b"\x1f\x8b": ".gz", b"\x28\xb5": ".zst"}.get(start[:2], "")
    try:
        plain = _decompress_start(start, packed)
    except (OSError, EOFError):
        plain = b""
    return f"{'.jsonl' if plain.lstrip().startswith(b'{') else '.csv'}{packed}"


def _decompress_start(start: bytes, packed: str) -> bytes:
    if packed == ".gz":
        return gzip.GzipFile(fileobj=io.BytesIO(start)).read1(100)
    if packed == ".zst":
        return bytes(pa.CompressedInputStream(pa.BufferReader(start), "zstd").read(100))
    return start
