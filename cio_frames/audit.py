"""A trail of what was done to whom: one JSON line per affected row, on disk before the call returns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import pandas as pd

from cio_frames.errors import ConfigurationError, DeliveryError

# Rows of any other status never came near the API.
_AFFECTED = ("delivered", "acknowledged", "rejected", "unknown", "unsent")


class Trail:
    """An open audit file, or none."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file

    def append(self, operation: str, ids: pd.DataFrame, result: pd.DataFrame) -> None:
        """Append the affected rows, and wait until they are on the disk.

        Parameters
        ----------
        operation : str
            For example ``"delete_people"``.
        ids : pandas.DataFrame
            Who or what each row is about: one column per kind of id, in the order of ``result``.
        result : pandas.DataFrame
            The result frame.

        Raises
        ------
        DeliveryError
            The file cannot be written any more, and rows were sent; the result is on the error.
        """
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        affected = result["status"].isin(_AFFECTED).to_numpy()
        rows = zip(ids[affected].to_dict("records"), result[affected].to_dict("records"), strict=True)
        try:
            self._file.writelines(orjson.dumps(_line(now, operation, who, row)) + b"\n" for who, row in rows)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DeliveryError(
                f"The audit file {self._file.name} cannot be written any more: {error.strerror}. Keep .result in its "
                "place.",
                result,
            ) from error


def _line(now: str, operation: str, who: Mapping[Any, Any], row: Mapping[Any, Any]) -> dict[str, Any]:
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
def opened(path: str | Path | None) -> Iterator[Trail]:
    """Open an audit file before anything is sent, so that nothing is done that cannot be written down.

    >>> with opened(None) as trail:
    ...     trail.append("delete_people", pd.DataFrame(), pd.DataFrame())

    Raises
    ------
    ConfigurationError
        The file cannot be written.
    """
    if path is None:
        yield Trail(None)
        return
    try:
        file = Path(path).open("ab")  # noqa: SIM115 -- closed below; what is sent meanwhile has errors of its own
    except OSError as error:
        raise ConfigurationError(
            f"The audit file {path} cannot be written: {error.strerror}. Nothing was sent; name another with audit=."
        ) from error
    try:
        yield Trail(file)
    finally:
        # What could not be written was told when it was appended.
        with suppress(OSError):
            file.close()
