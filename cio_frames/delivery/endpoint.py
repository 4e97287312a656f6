"""What deliveries have learned about the other end, kept from one delivery of a load to the next."""

from __future__ import annotations

import logging
import math
import threading

endpoint_log = logging.getLogger(__name__)


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

    Examples
    --------
    >>> endpoint = EndpointState()
    >>> endpoint.refuse_size(400_000), endpoint.accept_size(100_000)
    (None, None)
    >>> endpoint.is_too_large(90_000), endpoint.is_too_large(400_000)
    (False, True)
    """

    def __init__(self, *, key_accepted: bool = False) -> None:
        self.reached = False
        self.key_accepted = key_accepted
        self.any_accepted = False
        self.gzip_refused = False
        self._lock = threading.Lock()
        self._smallest_refused = math.inf
        self._largest_accepted = 0

    def refuse_size(self, size_bytes: int) -> None:
        """Note that a body was refused as too large."""
        with self._lock:
            is_first = math.isinf(self._smallest_refused)
            self._smallest_refused = min(self._smallest_refused, size_bytes)
        if is_first:
            endpoint_log.warning(
                "a body of %d bytes was refused as too large (413); smaller ones are sent from now on. "
                "A lower max_body_bytes saves the attempts.",
                size_bytes,
            )

    def accept_size(self, size_bytes: int) -> None:
        """Note that a body was accepted."""
        with self._lock:
            self._largest_accepted = max(self._largest_accepted, size_bytes)

    def is_too_large(self, size_bytes: int) -> bool:
        """Return whether a body as large as this was refused, and none was accepted."""
        # A small body may have been refused for one call in it; then larger ones are accepted.
        return size_bytes >= self._smallest_refused and size_bytes > self._largest_accepted

    def refuse_gzip(self) -> None:
        """Note that a compressed body was refused."""
        with self._lock:
            is_first, self.gzip_refused = not self.gzip_refused, True
        if is_first:
            endpoint_log.warning(
                "the API does not accept compressed bodies (415); they are sent uncompressed. Leave out gzip=True."
            )
