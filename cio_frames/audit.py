"""The audit file of an operation: two JSON lines per row that leaves, on disk when they say they are.

A line with the status ``sending`` is on the disk before its batch leaves, and a line with the outcome once it is known.
A row with the first and without the second, as after a kill, may have been accepted.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import pandas as pd

from cio_frames._util.own_files import refuse_to_replace
from cio_frames._util.private_files import private_opener
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.outcomes import Outcome
from cio_frames.errors import ConfigurationError, by_door, parameter

_SENDING = "sending"
_RESULT = by_door(".result", "the results")
_LINE_START = re.compile(rb'\{"time":"[^"]*","operation":"')
_LINE_START_BYTES = 100


class AuditTrail(NullObserver):
    """Writes a line before a row leaves, and one with its outcome, and waits each time until they are on disk.

    Parameters
    ----------
    file : file opened in binary mode
        Where lines are appended.
    operation : str
        Name of the operation, for example ``"delete_people"``.
    ids : pandas.DataFrame
        The ids in each row: one column per kind of id.
    """

    def __init__(self, file: IO[bytes], operation: str, ids: pd.DataFrame) -> None:
        self._file = file
        self._operation = operation
        self._ids: Sequence[Mapping[Any, Any]] = ids.to_dict("records")
        self._message_ids: dict[int, str] = {}
        # Lanes write as they send.
        self._lock = threading.Lock()

    def before_send(self, batch: Batch) -> None:
        """Write that rows are about to leave; if that fails, they do not.

        Raises
        ------
        ConfigurationError
            The file is not writable any more.
        """
        rows = batch.rows.tolist()
        # Each payload has a comma behind it.
        payloads = (
            orjson.loads(batch.buffer[start : stop - 1])
            for start, stop in zip(batch.offsets[:-1].tolist(), batch.offsets[1:].tolist(), strict=True)
        )
        self._message_ids |= {row: payload["messageId"] for row, payload in zip(rows, payloads, strict=True)}
        self._append(rows, _SENDING, None, "The rows of this batch were not sent.")

    def on_outcome(self, outcome: Outcome) -> None:
        """Write the outcome of rows.

        Raises
        ------
        ConfigurationError
            The file is not writable any more.
        """
        self._append(
            outcome.rows.tolist(), outcome.status, outcome.http_status, f"Rows were sent; keep {_RESULT} instead."
        )

    def _append(self, rows: Sequence[int], status: str, http_status: int | None, consequence: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            with self._lock:
                self._file.writelines(
                    orjson.dumps(self._line(row, now, status, http_status), option=orjson.OPT_APPEND_NEWLINE)
                    for row in rows
                )
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigurationError(
                f"Cannot write the audit file {self._file.name} any more: {error.strerror}. {consequence}"
            ) from error

    def _line(self, row: int, now: str, status: str, http_status: int | None) -> dict[str, Any]:
        return {
            "time": now,
            "operation": self._operation,
            **{str(name): value for name, value in self._ids[row].items() if not pd.isna(value)},
            "message_id": self._message_ids[row],
            "status": status,
            "http_status": http_status,
        }


@contextmanager
def open_audit_file(path: str | Path | None) -> Iterator[IO[bytes] | None]:
    """Open an audit file before anything is sent, so that no row is affected without a line in it.

    A new file is readable by its owner only.

    >>> with open_audit_file(None) as file:
    ...     file is None
    True

    Raises
    ------
    ConfigurationError
        The file is not writable, or holds something else.
    """
    if path is None:
        yield None
        return
    refuse_to_replace(path, _is_audit_file)
    try:
        file = open(path, "ab", opener=private_opener)  # noqa: SIM115 -- closed below; needs an opener
        # A line that a kill has cut must not swallow the next one.
        if _has_cut_line(Path(path)):
            file.write(b"\n")
            file.flush()
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write the audit file {path}: {error.strerror}. Nothing was sent. Choose another file with "
            f"{parameter('audit')}."
        ) from error
    try:
        yield file
    finally:
        # A failed write was reported when its line was appended.
        with suppress(OSError):
            file.close()


def _is_audit_file(path: Path) -> bool:
    """Return whether a file begins as an audit trail does."""
    with path.open("rb") as file:
        return _LINE_START.match(file.read(_LINE_START_BYTES)) is not None


def _has_cut_line(path: Path) -> bool:
    """Return whether the last line of a file has no end."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
