"""What the command line prints: results to stdout, remarks and errors to stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from cio_frames._util.terminal_text import clean_text
from cio_frames.errors import CioFramesError, Door, GuardError, InvalidRowsError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from cio_frames.loading import LoadResult
    from cio_frames.loading.notes import SourceNotes


class SafeConsole(Console):
    """A console that prints text from files and servers as it is: no markup, no emoji codes, no control characters.

    Output that cannot be printed changes no exit status: the rest of it is dropped, and stderr says so once.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(soft_wrap=True, highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print objects; text without its control characters."""
        safe = (clean_text(each) if isinstance(each, str) else each for each in objects)
        try:
            super().print(*safe, **options)
        except (OSError, ValueError) as error:
            self._drop_output(error)

    def on_broken_pipe(self) -> None:
        """Drop what nobody reads any more."""
        self._drop_output(None)

    def _drop_output(self, error: OSError | ValueError | None) -> None:
        self.quiet = True
        drop_stream(sys.stderr if self.stderr else sys.stdout)
        if error is not None and not self.stderr:
            err.print(f"cio-frames: cannot print the output: {getattr(error, 'strerror', None) or error}.")


def drop_unprintable() -> None:
    """Drop what cannot be printed, such as warnings of libraries to a full disk; Python would end with status 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            drop_stream(stream)


def drop_stream(stream: IO[str] | None) -> None:
    """Let a stream that is not writable any more swallow what is still in its buffer, also when Python ends."""
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[union-attr]
        os.close(null)


out = SafeConsole()
err = SafeConsole(stderr=True)

# Programs and files have no edge at which a name would have to be cut.
_PIPE_WIDTH = 10_000
_REASONS_PRINTED = 10
_ROWS_PRINTED = 10
# By outcome; a console without colors, as with NO_COLOR and in pipes, leaves them out.
_COLORS = {
    **dict.fromkeys(("delivered", "acknowledged", "ready"), "green"),
    **dict.fromkeys(("invalid", "too_large", "rejected"), "red"),
    **dict.fromkeys(("unknown", "unsent"), "yellow"),
}


@contextmanager
def quiet_output(quiet: bool) -> Iterator[None]:
    """Print nothing to stdout and log no progress inside the block, if so wanted; errors are still printed."""
    log = logging.getLogger("cio_frames.progress")
    before = out.quiet, log.disabled
    out.quiet, log.disabled = out.quiet or quiet, log.disabled or quiet
    try:
        yield
    finally:
        out.quiet, log.disabled = before


def print_error(text: str) -> None:
    """Print a sentence about what is wrong to stderr, after the name of the program."""
    _print_remark("cio-frames:", "bold red", text)


def _print_remark(label: str, style: str, text: str) -> None:
    """Print sentences after a label to stderr; in a terminal no line ends within a word."""
    lines = f"{label} {clean_text(text)}".split("\n")
    if err.is_terminal:
        lines = [_wrap(line, err.width) for line in lines]
    printed = Text("\n".join(lines))
    printed.stylize(style, 0, len(label))
    err.print(printed)


def _wrap(line: str, width: int) -> str:
    """Return a line with line ends between its words; those of a list item are indented like it.

    >>> print(_wrap("  - --workers must be greater than 0", 24))
      - --workers must be
        greater than 0
    """
    indent = "    " if line.startswith("  - ") else ""
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def print_status(rows: int, status: str, reason: str | None = None) -> None:
    """Print how many rows have a status, in its color, and the reason."""
    line = Text(f"{rows:>12,} ")
    line.append(clean_text(status), _COLORS.get(status))
    line.append(f"  {clean_text(reason)}" if reason else "")
    out.print(line)


def print_json(facts: Any) -> None:
    """Print facts as JSON, for programs."""
    if out.quiet:
        return
    # Not through the console: JSON has its own way to write control characters, and is not wrapped.
    try:
        print(json.dumps(facts, indent=2, ensure_ascii=False), flush=True)  # noqa: T201
    except (OSError, ValueError) as error:
        drop_stream(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            err.print(f"cio-frames: cannot print the output: {getattr(error, 'strerror', None) or error}.")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of JSON as they come, until nobody reads them any more."""
    try:
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        drop_stream(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            err.print(f"cio-frames: cannot print the output: {getattr(error, 'strerror', None) or error}.")


def print_frame(frame: pd.DataFrame) -> None:
    """Print a frame as a table, without its index."""
    from rich.table import Table

    table = Table(*map(_clean_cell, frame.columns), box=None, header_style="bold")
    for row in frame.itertuples(index=False):
        table.add_row(*(_clean_cell(cell) for cell in row))
    print_table(table)


def _clean_cell(cell: object) -> str:
    # A line end would make a row of its own.
    return clean_text(str(cell)).replace("\n", "\\n")


def print_table(table: Table) -> None:
    """Print a table: cut to the width of a terminal, whole in pipes and files."""
    console = out if out.is_terminal or out.quiet else SafeConsole(width=_PIPE_WIDTH)
    console.print(table)


@contextmanager
def exit_on_error(door: Door = "command line") -> Iterator[None]:
    """Print an error of cio_frames in the words of a door and exit, instead of a traceback.

    The exit status is 1 if rows are invalid, 3 if a guard tripped, and 2 for mistakes in the command.
    """
    try:
        yield
    except CioFramesError as error:
        print_error(error.text(door))
        sys.exit(1 if isinstance(error, InvalidRowsError) else 3 if isinstance(error, GuardError) else 2)


def log_progress() -> None:
    """Write the progress log to stderr, for runs without a terminal to show a bar on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("cio_frames.progress")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)


def print_notes(notes: SourceNotes, door: Door = "command line") -> None:
    """Print what was left out of a source, and what is not sent as it stands there, to stderr."""
    for sentence in notes.sentences(door):
        _print_remark("Note:", "cyan", sentence)


def print_load_result(loaded: LoadResult) -> None:
    """Print counts by status and reason, totals, and the paths of the files that a load wrote."""
    from cio_frames.results import GOOD
    from cio_frames.validation import warning_lines

    counts = sorted(merge_sizes(loaded.reasons).items(), key=lambda count: (count[0][0] not in GOOD, -count[1]))
    for (status, reason), rows in counts[:_REASONS_PRINTED]:
        print_status(rows, status, reason)
    if len(counts) > _REASONS_PRINTED:
        out.print(f"{'':>12} and {len(counts) - _REASONS_PRINTED:,} more reasons")
    rows_read = sum(loaded.reasons.values())
    if loaded.rows > rows_read:
        print_status(loaded.rows - rows_read, "unsent", "not read yet")
    print_warning_lines(warning_lines(loaded.warnings))
    rate = f", {loaded.rows_now / loaded.seconds:,.0f} rows per second" if loaded.seconds else ""
    out.print(
        f"{loaded.rows:,} rows, {loaded.bytes:,} bytes, {loaded.requests:,} requests, {loaded.seconds:.2f} s{rate}"
    )
    if loaded.phase == "dry run":
        _print_dry_run(loaded)
    if loaded.resent:
        out.print(f"{loaded.resent:,} rows were sent again with the same message ids: the earlier run got no answer.")
    if loaded.results:
        out.print(f"Results: {loaded.results}")
    if loaded.undelivered:
        out.print(f"Undelivered: {loaded.undelivered}")


def print_warning_lines(lines: Sequence[str]) -> None:
    """Print warnings, one line each."""
    for line in lines[:_REASONS_PRINTED]:
        out.print(Text.assemble("     ", ("warning:", "yellow"), f" {clean_text(line)}"))
    if len(lines) > _REASONS_PRINTED:
        out.print(f"{'':>12} and {len(lines) - _REASONS_PRINTED:,} more warnings")


def merge_sizes(reasons: Mapping[tuple[str, str | None], int]) -> dict[tuple[str, str | None], int]:
    """Return the counts with one line for all rows that are too large: their reasons differ by the size alone.

    >>> merge_sizes({("too_large", "33,000 bytes"): 2, ("too_large", "34,000 bytes"): 1, ("delivered", None): 4})
    {('delivered', None): 4, ('too_large', '33,000 bytes, and 1 other sizes'): 3}
    """
    sizes = {reason: rows for (status, reason), rows in reasons.items() if status == "too_large"}
    others = {key: rows for key, rows in reasons.items() if key[0] != "too_large"}
    if not sizes:
        return others
    more = f", and {len(sizes) - 1:,} other sizes" if len(sizes) > 1 else ""
    return others | {("too_large", f"{max(sizes, key=lambda reason: sizes[reason])}{more}"): sum(sizes.values())}


def _print_dry_run(loaded: LoadResult) -> None:
    out.print(f"At the rate limit, the requests take at least {loaded.least_seconds:,.2f} s.")
    if loaded.earliest is not None and loaded.latest is not None:
        out.print(f"Timestamps from {loaded.earliest.isoformat()} to {loaded.latest.isoformat()}.")
    print_campaign_rows(sum(loaded.recent.values()))
    if loaded.first_held_back:
        out.print("First rows of each reason that cannot be sent (counted from 0):")
    places: dict[tuple[str | None, str | None], list[int]] = {}
    for row in loaded.first_held_back:
        places.setdefault((row.file, row.reason), []).append(row.row)
    for (file, reason), rows in list(places.items())[:_ROWS_PRINTED]:
        named = f"row {rows[0]}" if len(rows) == 1 else f"rows {', '.join(map(str, rows))}"
        out.print(f"  {named}{f' of {file}' if file else ''}: {reason}")


def print_campaign_rows(rows: int) -> None:
    """Print how many rows can start campaigns."""
    if rows:
        out.print(f"{rows:,} rows are events younger than 72 hours, or without a time, and can start campaigns.")
    else:
        out.print("No row can start campaigns.")
