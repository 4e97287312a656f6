"""Files that a user names to write to: only those that cio_frames wrote are replaced.

So no report takes the place of the file that was checked or sent, whatever its path, also through a link.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from os import PathLike
from pathlib import Path

from cio_frames.errors import ConfigurationError

# Where a page names what wrote it. A summary in JSON begins with what it is about.
PAGE_MARK = '<meta name="generator" content="cio_frames">'
_SUMMARY_START = b'{\n  "what": "'
_BYTES_WITH_MARK = 2_000


def write_own_text(path: str | PathLike[str], text: str) -> None:
    r"""Write a page or a summary in JSON.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report, orders = Path(folder) / "report.json", Path(folder) / "orders.csv"
    ...     for _ in range(2):
    ...         write_own_text(report, '{\n  "what": "identify"\n}')
    ...     _ = orders.write_text("user_id")
    ...     try:
    ...         write_own_text(orders, '{\n  "what": "identify"\n}')
    ...     except ConfigurationError as error:
    ...         print(str(error).partition("it: ")[2])
    it is not replaced. Name another path, or move the file away.

    Raises
    ------
    ConfigurationError
        Another file has this path; it is left as it is.
    """
    refuse_to_replace(path, is_own_text)
    Path(path).write_text(text, encoding="utf-8")


def is_own_text(path: Path) -> bool:
    """Return whether a file is a page or a summary in JSON that cio_frames wrote."""
    with path.open("rb") as file:
        start = file.read(_BYTES_WITH_MARK)
    return PAGE_MARK.encode() in start or start.startswith(_SUMMARY_START)


def is_own_table(path: Path, columns: Collection[str]) -> bool:
    """Return whether a Parquet file has just these columns, which no other table has."""
    # Help of the command line is quick without it.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow takes a relative path with a colon for a URL.
        return list(pq.read_schema(path.absolute()).names) == list(columns)
    except (OSError, pa.ArrowException):
        return False


def refuse_to_replace(path: str | PathLike[str], is_own: Callable[[Path], bool]) -> None:
    """Refuse a path of a file that cio_frames did not write; empty files, devices and pipes are written to.

    Parameters
    ----------
    path : path
        Where something is about to be written.
    is_own : callable
        Tells by the content whether a file is of the kind that would replace it.

    Raises
    ------
    ConfigurationError
        Another file has this path.
    """
    file = Path(path)
    if file.is_file() and file.stat().st_size and not is_own(file):
        raise ConfigurationError(
            f"{path} exists, and cio_frames did not write it: it is not replaced. Name another path, or move the file "
            "away."
        )
