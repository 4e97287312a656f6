"""What deliveries have learned about the other end, kept from one delivery of a load to the next."""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass

endpoint_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RefusedSize:
    """The size of a body that was refused as too large, and how many of its halves were accepted."""

    size_bytes: int
    accepted_halves: int = 0


class EndpointState:
    """What is known of the other end so far; all lanes share it.

    Attributes
    ----------
    reached : bool
        Whether any byte of any request has left this machine.
    key_accepted : bool
        Whether the API has accepted calls with this key, now or in an earlier run.
    any_accepted : bool
        Whether it has accepted any call now.
    gzip_refused : bool
        Whether it has refused a compressed body.
    consecutive_failures : int
        How many batches in a row have an outcome that stays open; a chunk may have fewer than what stops a delivery.

    Examples
    --------
    >>> endpoint = EndpointState()
    >>> refused = RefusedSize(400_000)
    >>> endpoint.accept_size(200_000, refused), endpoint.accept_size(200_000, refused)
    (None, None)
    >>> endpoint.is_too_large(90_000), endpoint.is_too_large(400_000)
    (False, True)
    """

    def __init__(self, *, key_accepted: bool = False) -> None:
        self.reached = False
        self.key_accepted = key_accepted
        self.any_accepted = False
        self.gzip_refused = False
        self.consecutive_failures = 0
        self._lock = threading.Lock()
        self._smallest_refused = math.inf
        self._largest_accepted = 0

    def accept_size(self, size_bytes: int, refused: RefusedSize | None = None) -> None:
        """Note that a body was accepted, and of which body, refused as too large, it is a half."""
        is_first = False
        with self._lock:
            self._largest_accepted = max(self._largest_accepted, size_bytes)
            if refused is not None:
                refused.accepted_halves += 1
                # If both halves are accepted, it was the size of the whole; else a call of its own may be too large.
                if refused.accepted_halves == 2:
                    is_first = math.isinf(self._smallest_refused)
                    self._smallest_refused = min(self._smallest_refused, refused.size_bytes)
        if refused is not None and is_first:
            endpoint_log.warning(
                "bodies of %d bytes are refused as too large (413), and halves of them accepted; larger ones are split "
                "before they are sent from now on. A lower max_body_bytes saves the attempts.",
                refused.size_bytes,
            )

    def is_too_large(self, size_bytes: int) -> bool:
        """Return whether a body as large as this was refused, and none was accepted."""
        return size_bytes >= self._smallest_refused and size_bytes > self._largest_accepted

    def refuse_gzip(self) -> None:
        """Note that a compressed body was refused."""
        with self._lock:
            is_first, self.gzip_refused = not self.gzip_refused, True
        if is_first:
            endpoint_log.warning(
                "the API does not accept compressed bodies (415); they are sent uncompressed. Leave out gzip=True."
            )
