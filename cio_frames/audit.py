"""The audit file of an operation: one JSON line per affected row, on disk before the call returns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import pandas as pd

from cio_frames.errors import ConfigurationError, DeliveryError, parameter

# Rows of any other status never came near the API.
_AFFECTED = ("delivered", "acknowledged", "rejected", "unknown", "unsent")


class AuditFile:
    """An open audit file; without a file nothing is written."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file

    def append(self, operation: str, ids: pd.DataFrame, result: pd.DataFrame) -> None:
        """Append the affected rows, and wait until they are on disk.

        Parameters
        ----------
        operation : str
            Name of the operation, for example ``"delete_people"``.
        ids : pandas.DataFrame
            The ids in each row: one column per kind of id, in the order of ``result``.
        result : pandas.DataFrame
            The result frame.

        Raises
        ------
        DeliveryError
            Writing the file failed after rows were sent; the result is on the error.
        """
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        affected = result["status"].isin(_AFFECTED).to_numpy()
        rows = zip(ids[affected].to_dict("records"), result[affected].to_dict("records"), strict=True)
        try:
            self._file.writelines(orjson.dumps(_audit_line(now, operation, who, row)) + b"\n" for who, row in rows)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DeliveryError(
                f"Cannot write the audit file {self._file.name} any more: {error.strerror}. Rows were sent; keep "
                ".result instead.",
                result,
            ) from error


def _audit_line(now: str, operation: str, who: Mapping[Any, Any], row: Mapping[Any, Any]) -> dict[str, Any]:
    known = {str(name): value for name, value in who.items() if not pd.isna(value)}
    return {
        "time": now,
        "operation": operation,
        **known,
        "message_id": row["message_id"],
        "status": row["status"],
        "http_status": None if pd.isna(row["http_status"]) else int(row["http_status"]),
    }


@contextmanager
def open_audit_file(path: str | Path | None) -> Iterator[AuditFile]:
    """Open an audit file before anything is sent, so that no row is affected without a line in it.

    >>> with open_audit_file(None) as audit_file:
    ...     audit_file.append("delete_people", pd.DataFrame(), pd.DataFrame())

    Raises
    ------
    ConfigurationError
        The file is not writable.
    """
    if path is None:
        yield AuditFile(None)
        return
    try:
        file = Path(path).open("ab")  # noqa: SIM115 -- closed below; errors of the block are not this file's
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write the audit file {path}: {error.strerror}. Nothing was sent. Choose another file with "
            f"{parameter('audit')}."
        ) from error
    try:
        yield AuditFile(file)
    finally:
        # A failed write was reported when its line was appended.
        with suppress(OSError):
            file.close()
