"""A progress bar where somebody is looking, a line a minute in the log where nobody is."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm

log = logging.getLogger("cio_frames.progress")

_SECONDS_BETWEEN_LINES = 60.0


def bar(total: int | None, wanted: bool | None, what: str) -> tqdm[Any]:
    """Return a bar that counts rows, on stderr; ``None`` means where there is a terminal or a notebook.

    >>> with bar(3, False, "track") as rows:
    ...     _ = rows.update(3)
    """
    shown = _somebody_looks() if wanted is None else wanted
    return tqdm(total=total, desc=what, unit=" rows", unit_scale=True, disable=not shown, file=sys.stderr)


class LoadProgress:
    """How far a load is: rows, bytes, requests, rate and time left.

    >>> with LoadProgress(10, False, "track") as progress:
    ...     progress.update(10, 1_000, 1)
    """

    def __init__(
        self, total: int | None, wanted: bool | None, what: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bar = bar(total, wanted, what)
        self._total = total
        self._what = what
        self._clock = clock
        self._begun = self._told = clock()
        self._rows = self._before = self._bytes = self._requests = 0
        # Lanes count as they send.
        self._lock = threading.Lock()

    def __enter__(self) -> LoadProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    @property
    def rows(self) -> int:
        """How many rows went through now."""
        return self._rows

    def already(self, rows: int) -> None:
        """Count rows that an earlier run has settled: they say nothing about the rate."""
        with self._lock:
            self._before += rows
            if not self._bar.disable:
                self._bar.initial += rows
                self._bar.n += rows
                self._bar.last_print_n += rows
                self._bar.refresh()

    def update(self, rows: int, bytes_: int = 0, requests: int = 0) -> None:
        """Count rows that are through, and what carried them."""
        with self._lock:
            self._rows += rows
            self._bytes += bytes_
            self._requests += requests
            self._bar.set_postfix_str(f"{self._bytes / 1e6:,.1f} MB, {self._requests:,} requests", refresh=False)
            self._bar.update(rows)
            now = self._clock()
            if self._bar.disable and now - self._told >= _SECONDS_BETWEEN_LINES:
                self._told = now
                log.info(self._line(now))

    def _line(self, now: float) -> str:
        rate = self._rows / max(now - self._begun, 1e-9)
        through = self._before + self._rows
        of = f" of {self._total:,}" if self._total else ""
        left = f", {(self._total - through) / rate / 60:,.0f} minutes left" if self._total and rate else ""
        return (
            f"{self._what}: {through:,}{of} rows, {self._bytes:,} bytes, {self._requests:,} requests, "
            f"{rate:,.0f} rows a second{left}"
        )


def _somebody_looks() -> bool:
    # A notebook has made IPython's shell; that its package was imported says nothing.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr.isatty() or shell is not None
