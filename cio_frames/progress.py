"""A progress bar where somebody is looking."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def bar(total: int, wanted: bool | None, what: str) -> tqdm[Any]:
    """Return a bar that counts rows, on stderr; ``None`` means where there is a terminal or a notebook.

    >>> with bar(3, False, "track") as rows:
    ...     _ = rows.update(3)
    """
    shown = _somebody_looks() if wanted is None else wanted
    return tqdm(total=total, desc=what, unit=" rows", unit_scale=True, disable=not shown, file=sys.stderr)


def _somebody_looks() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
