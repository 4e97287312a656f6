"""A request's body off the wire, in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from typing import NamedTuple

# Beyond the limit a body is read and thrown away: a client that is cut off while it sends cannot read the
# answer.
_DISCARDED_BYTES = 64 * 1024 * 1024


class Body(NamedTuple):
    """What a request carried, decompressed.

    Attributes
    ----------
    content : bytes or None
        The body, cut off a little above the limit; None where gzip was announced and did not come.
    size : int
        Its length; of a compressed body over the limit, only that it is over.
    """

    content: bytes | None
    size: int


async def read(chunks: AsyncIterator[bytes], encoding: str, max_bytes: int) -> Body:
    """Read a body, of which no more than about ``max_bytes`` are kept."""
    content, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        if len(content) <= max_bytes:
            content += chunk
        if size > max_bytes + _DISCARDED_BYTES:
            break
    # Assumed: a body that is over the limit before it is decompressed is over it.
    if size <= max_bytes and encoding.strip().lower() == "gzip":
        return _unzipped(bytes(content), max_bytes)
    return Body(bytes(content), size)


def _unzipped(content: bytes, max_bytes: int) -> Body:
    """Decompress up to one byte over the limit, so that a zip bomb does not go off.

    >>> _unzipped(gzip.compress(b"{}"), max_bytes=10)
    Body(content=b'{}', size=2)
    >>> _unzipped(gzip.compress(bytes(10_000_000)), max_bytes=10).size
    11
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            plain = file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error):
        return Body(None, len(content))
    return Body(plain, len(plain))
