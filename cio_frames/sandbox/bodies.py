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
# Where what travels is measured, what it decompresses to still has to fit somewhere.
_UNZIPPED_BYTES = 16 * 1024 * 1024


class Body(NamedTuple):
    """What a request carried, decompressed.

    Attributes
    ----------
    content : bytes or None
        The body, cut off a little above the limit; None where gzip was announced and did not come.
    size : int
        Its length; of a compressed body over the limit, only that it is over.
    measured : int
        What is held against the limits.
    """

    content: bytes | None
    size: int
    measured: int


async def read(chunks: AsyncIterator[bytes], encoding: str, max_bytes: int, *, on_wire: bool = False) -> Body:
    """Read a body, of which no more than about ``max_bytes`` are kept.

    Parameters
    ----------
    chunks
        The body as it comes.
    encoding
        The header Content-Encoding.
    max_bytes
        The limit.
    on_wire
        Whether the limit is for what travels, and not for what that decompresses to.
    """
    content, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        if len(content) <= max_bytes:
            content += chunk
        if size > max_bytes + _DISCARDED_BYTES:
            break
    # A body that is over the limit before it is decompressed is over it.
    if size > max_bytes or encoding.strip().lower() != "gzip":
        return Body(bytes(content), size, size)
    plain = _unzipped(bytes(content), _UNZIPPED_BYTES if on_wire else max_bytes)
    if plain is None:
        return Body(None, size, size)
    return Body(plain, len(plain), size if on_wire and len(plain) <= _UNZIPPED_BYTES else len(plain))


def _unzipped(content: bytes, max_bytes: int) -> bytes | None:
    """Decompress up to one byte over the limit, so that a zip bomb does not go off.

    >>> _unzipped(gzip.compress(b"{}"), max_bytes=10)
    b'{}'
    >>> len(_unzipped(gzip.compress(bytes(10_000_000)), max_bytes=10))
    11
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            return file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error):
        return None
