"""Read the body of a request in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from typing import NamedTuple

# Bytes over the limit are read and discarded: a client whose connection closes while it sends cannot read the
# response.
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
# Where the compressed size counts, the decompressed body still has to fit into memory.
_MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024


class RequestBody(NamedTuple):
    """The decompressed body of a request.

    Attributes
    ----------
    content : bytes or None
        The body, truncated a little above the limit; None if it is not the gzip that its header announces.
    size : int
        Its length; for a compressed body over the limit, a number over the limit.
    measured : int
        The size that the limit applies to.
    """

    content: bytes | None
    size: int
    measured: int


async def read_request_body(
    chunks: AsyncIterator[bytes], encoding: str, max_bytes: int, *, measure_compressed: bool = False
) -> RequestBody:
    """Read a body, of which at most about ``max_bytes`` are kept.

    Parameters
    ----------
    chunks
        The body as it arrives.
    encoding
        The header Content-Encoding.
    max_bytes
        The limit.
    measure_compressed
        Whether the limit applies to the compressed size.
    """
    content, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        if len(content) <= max_bytes:
            content += chunk
        if size > max_bytes + _MAX_DISCARDED_BYTES:
            break
    # A body that is over the limit before decompression is over it afterwards.
    if size > max_bytes or encoding.strip().lower() != "gzip":
        return RequestBody(bytes(content), size, size)
    plain = _decompress(bytes(content), _MAX_DECOMPRESSED_BYTES if measure_compressed else max_bytes)
    if plain is None:
        return RequestBody(None, size, size)
    fits = measure_compressed and len(plain) <= _MAX_DECOMPRESSED_BYTES
    return RequestBody(plain, len(plain), size if fits else len(plain))


def _decompress(content: bytes, max_bytes: int) -> bytes | None:
    """Decompress up to one byte over the limit, so that a decompression bomb stays small.

    >>> _decompress(gzip.compress(b"{}"), max_bytes=10)
    b'{}'
    >>> len(_decompress(gzip.compress(bytes(10_000_000)), max_bytes=10))
    11
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            return file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error):
        return None
