"""What a command does once a load has ended: summaries, undelivered rows as CSV, the one line of a quiet run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cio_frames.cli.printing import out, print_error
from cio_frames.errors import ConfigurationError, Door, render

if TYPE_CHECKING:
    from cio_frames.loading import LoadResult
    from cio_frames.loading.undelivered_csv import CsvRemarks
    from cio_frames.pipeline import CallSpec


def write_report(loaded: LoadResult, path: Path) -> None:
    """Write the summary of a load; that it cannot be written does not change what became of the rows."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        loaded.to_report(path)
    except OSError as error:
        print_error(f"cannot write the summary to {path}: {error.strerror}.")
    except ConfigurationError as error:
        # Somebody else wrote a file there meanwhile.
        print_error(error.text("command line"))


def undelivered_sentence(loaded: LoadResult) -> str:
    """Return how many rows were not delivered, as the one line of a quiet run."""
    from cio_frames.results import GOOD

    rows = [f"{count:,} {status}" for status, count in loaded.statuses.items() if status not in GOOD]
    where = f" See {loaded.undelivered}." if loaded.undelivered else ""
    return f"{loaded.undelivered_rows:,} of {loaded.rows:,} rows were not delivered: {', '.join(rows)}.{where}"


def export_undelivered(loaded: LoadResult, path: Path, call_spec: CallSpec, door: Door) -> CsvRemarks | None:
    """Write undelivered rows as CSV; that it cannot be written does not change what became of the rows."""
    from cio_frames.loading.undelivered_csv import write_undelivered_csv

    try:
        undelivered = None if loaded.undelivered is None else Path(loaded.undelivered)
        return write_undelivered_csv(undelivered, path, call_spec)
    except ConfigurationError as error:
        print_error(error.text(door))
        return None


def print_csv_remarks(remarks: CsvRemarks, path: Path | None, door: Door) -> None:
    """Print where undelivered rows are as CSV, and what is to be known to load them again."""
    options = " ".join(render(each, door) for each in remarks.options)
    out.print(f"Undelivered as CSV: {path}{f' (load it with {options})' if options else ''}")
    for change in remarks.changes:
        out.print(f"     {change}")
