"""Names that were most likely meant: their case and separators do not count."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def plain(name: str) -> str:
    """Return a name without what people spell in different ways.

    >>> plain("Order_ID") == plain("order id")
    True
    """
    return "".join(filter(str.isalnum, name)).casefold()


def closest(name: str, known: Iterable[str], cutoff: float = 0.7) -> str | None:
    """Return the known name that was most likely meant by another, or None.

    ``cutoff`` is how alike they must be: with 1, only case and separators may differ.

    >>> closest("customerID", ["total", "customer_id"]), closest("costumer", ["customer"], cutoff=1)
    ('customer_id', None)
    """
    by_plain: dict[str, str] = {}
    for each in known:
        by_plain.setdefault(plain(each), each)
    close = get_close_matches(plain(name), by_plain.keys() - {""}, n=1, cutoff=cutoff)
    return by_plain[close[0]] if close else None
