"""How many rows may stay undelivered before a command exits with 1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from cio_frames.errors import ConfigurationError, parameter


class _Counts(Protocol):
    """What is read of the result of a load."""

    @property
    def phase(self) -> str: ...

    @property
    def rows(self) -> int: ...

    @property
    def undelivered_rows(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MaxUndelivered:
    """A limit for rows that are not delivered: a number, or a share of all rows.

    >>> read_max_undelivered("1%"), read_max_undelivered("20")
    (MaxUndelivered(rows=0, percent=1.0), MaxUndelivered(rows=20, percent=0.0))

    Attributes
    ----------
    rows : int
        So many rows, whatever their share.
    percent : float
        So many of a hundred rows.
    """

    rows: int = 0
    percent: float = 0.0

    def allows(self, loaded: _Counts) -> bool:
        """Return whether a load is good enough; one that stopped is not, since the rest of its rows can be sent."""
        limit = max(self.rows, self.percent / 100 * loaded.rows)
        return loaded.phase != "stopped" and loaded.undelivered_rows <= limit


def read_max_undelivered(text: str) -> MaxUndelivered:
    """Return a limit from a number such as ``20``, or a share such as ``1%``.

    Raises
    ------
    ConfigurationError
        The text is neither.
    """
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d+)?)\s*(%?)\s*", text, re.ASCII)
    if found is not None and found[2] and float(found[1]) <= 100:
        return MaxUndelivered(percent=float(found[1]))
    if found is not None and not found[2] and found[1].isdigit():
        return MaxUndelivered(rows=int(found[1]))
    raise ConfigurationError(
        f"{parameter('max_undelivered')} must be a number of rows such as 20, or a share such as 1%, got {text!r}."
    )
