"""A progress bar on a terminal and in a notebook, a line a minute in the log elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

from tqdm import tqdm

from cio_frames._util.terminal_text import clean_text, is_terminal

progress_log = logging.getLogger("cio_frames.progress")

_SECONDS_BETWEEN_LINES = 60.0


def bar(total: int | None, wanted: bool | None, what: str) -> tqdm[Any]:
    """Return a bar that counts rows on stderr; ``None`` shows it on a terminal and in a notebook.

    >>> with bar(3, False, "track") as rows:
    ...     _ = rows.update(3)
    """
    shown = _is_interactive() if wanted is None else wanted
    # Programs without a console have no stderr.
    shown = shown and sys.stderr is not None
    # Where a bar cannot be drawn over itself, each change of it may be a line of a log.
    interval = 0.1 if is_terminal(sys.stderr) else 1.0
    return _RowBar(
        total=total, desc=clean_text(what), disable=not shown, file=_TolerantStream(sys.stderr), mininterval=interval,
        dynamic_ncols=True,
    )  # fmt: skip


# Below the first, words are short; below the second, there is no room for bytes and requests.
_NARROW, _WIDE = 80, 110
_NARROW_NAME = 12


class _RowBar(tqdm):  # type: ignore[type-arg]
    """A bar with whole numbers: rows, share, rate and time left, as far as they are known and fit."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        # Some pseudo terminals say that they have no lines, and a bar below the last line is not shown.
        self.nrows: int = max(self.nrows or 0, 2)
        super().display(msg, pos)

    @property
    def format_dict(self) -> Any:
        facts = super().format_dict
        # Some pseudo terminals say that they have no columns either, and nothing can be trimmed to that.
        if (facts["ncols"] or 0) < 1:
            facts["ncols"] = None
        columns, name = facts["ncols"] or _WIDE, facts["prefix"]
        is_narrow = columns < _NARROW
        if is_narrow and len(name) > _NARROW_NAME:
            facts["prefix"] = f"{name[: _NARROW_NAME - 1]}\u2026"
        counted = f"{self.n:,}"
        if self.total:
            counted += f"{'/' if is_narrow else ' of '}{self.total:,}"
        details = [counted if is_narrow and self.total else f"{counted} rows"]
        seconds = facts["elapsed"]
        rate = facts["rate"] or ((self.n - self.initial) / seconds if seconds else 0)
        if rate:
            details.append(f"{rate:,.0f}/s" if is_narrow else f"{rate:,.0f} rows/s")
        if self.total and self.n >= self.total:
            details.append(f"in {self.format_interval(seconds)}")
        elif self.total and rate:
            details.append(f"{self.format_interval((self.total - self.n) / rate)} left")
        if self.postfix and columns >= _WIDE:
            details.append(str(self.postfix))
        facts["details"] = ", ".join(details)
        facts["bar_format"] = "{desc}: {percentage:3.0f}%|{bar}| {details}" if self.total else "{desc}: {details}"
        return facts


class _TolerantStream:
    """A stream to which a failed write does nothing: a bar must not stop what it shows."""

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError, AttributeError):
            self._stream.write(text)  # type: ignore[union-attr]
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()  # type: ignore[union-attr]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def color_bar(shown: tqdm[Any], *, good: int, rows: int) -> None:
    """Give a bar the color of the outcome: green if all rows are good, red if none is, yellow if some are.

    >>> with bar(3, False, "track") as rows:
    ...     color_bar(rows, good=2, rows=3)
    """
    if shown.disable or os.environ.get("NO_COLOR") or not _is_interactive():
        return
    shown.colour = "green" if good == rows else "yellow" if good else "red"
    shown.refresh()


def print_counts(what: str, counts: Mapping[str, int], wanted: bool | None, *, remarks: Sequence[str] = ()) -> None:
    """End an interactive call with one line on stderr: how many rows have each status.

    ``wanted`` is as for :func:`bar`.
    """
    if sys.stderr is None or not (_is_interactive() if wanted is None else wanted):
        return
    counted = ", ".join(f"{rows:,} {status}" for status, rows in counts.items() if rows) or "no rows"
    stream = _TolerantStream(sys.stderr)
    stream.write("; ".join([clean_text(f"{what}: {counted}"), *remarks]) + "\n")
    stream.flush()


class LoadProgress:
    """Shows rows, bytes, requests, rate and time left of a load.

    >>> with LoadProgress(10, False, "track") as progress:
    ...     progress.update(10, 1_000, 1)
    """

    def __init__(
        self,
        total: int | None,
        wanted: bool | None,
        what: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        seconds_between_lines: float | None = None,
    ) -> None:
        self._bar = bar(total, wanted, what)
        self._total = total
        self._what = what
        self._clock = clock
        self._seconds_between_lines = _SECONDS_BETWEEN_LINES if seconds_between_lines is None else seconds_between_lines
        self._started = self._last_line = clock()
        self._rows = self._earlier_rows = self._bytes = self._requests = 0
        # Lanes count as they send.
        self._lock = threading.Lock()

    def __enter__(self) -> LoadProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def color(self, *, good: int, rows: int) -> None:
        """Give the bar the color of the outcome."""
        with self._lock:
            color_bar(self._bar, good=good, rows=rows)

    def set_total(self, total: int | None) -> None:
        """Say how many rows there are, once that is known."""
        with self._lock:
            if self._total is None and total is not None:
                self._total = self._bar.total = total

    @property
    def rows(self) -> int:
        """How many rows this run has finished."""
        return self._rows

    def add_earlier_rows(self, rows: int) -> None:
        """Count rows that an earlier run has finished; they do not enter the rate."""
        with self._lock:
            self._earlier_rows += rows
            if not self._bar.disable:
                self._bar.initial += rows
                self._bar.n += rows
                self._bar.last_print_n += rows
                self._bar.refresh()

    def update(self, rows: int, bytes_: int = 0, requests: int = 0) -> None:
        """Count rows that are finished, and what carried them."""
        with self._lock:
            self._rows += rows
            self._bytes += bytes_
            self._requests += requests
            self._bar.set_postfix_str(f"{self._bytes / 1e6:,.1f} MB, {self._requests:,} requests", refresh=False)
            self._bar.update(rows)
            now = self._clock()
            if self._bar.disable and now - self._last_line >= self._seconds_between_lines:
                self._last_line = now
                progress_log.info(self._line(now))

    def _line(self, now: float) -> str:
        rate = self._rows / max(now - self._started, 1e-9)
        finished = self._earlier_rows + self._rows
        of = f" of {self._total:,}" if self._total else ""
        left = f", {(self._total - finished) / rate / 60:,.0f} minutes left" if self._total and rate else ""
        return (
            f"{self._what}: {finished:,}{of} rows, {self._bytes:,} bytes, {self._requests:,} requests, "
            f"{rate:,.0f} rows per second{left}"
        )


def _is_interactive() -> bool:
    # A notebook has made IPython's shell; that its package was imported says nothing.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return is_terminal(sys.stderr) or shell is not None
