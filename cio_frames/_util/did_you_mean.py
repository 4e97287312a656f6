"""The name that was most likely meant, without regard to case and separators."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from difflib import get_close_matches
from typing import TypeVar

Label = TypeVar("Label", bound=Hashable)


def normalize_name(name: str) -> str:
    """Return a name without case and separators.

    >>> normalize_name("Order_ID") == normalize_name("order id")
    True
    """
    return "".join(filter(str.isalnum, name)).casefold()


def closest_name(name: str, known: Iterable[Label], cutoff: float = 0.7) -> Label | None:
    """Return the known name, or column label, that was most likely meant by another name, or None.

    ``cutoff`` is the least similarity: with 1, only case and separators may differ.

    >>> closest_name("customerID", ["total", "customer_id"]), closest_name("costumer", ["customer"], cutoff=1)
    ('customer_id', None)
    >>> closest_name("0", [0, 1])
    0
    """
    by_normalized: dict[str, Label] = {}
    for each in known:
        by_normalized.setdefault(normalize_name(str(each)), each)
    close = get_close_matches(normalize_name(name), by_normalized.keys() - {""}, n=1, cutoff=cutoff)
    return by_normalized[close[0]] if close else None
