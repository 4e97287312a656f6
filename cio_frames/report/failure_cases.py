"""Failure cases as a Parquet file, written as they come."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from types import TracebackType

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cio_frames._util.own_files import is_own_table, refuse_to_replace
from cio_frames._util.private_files import make_private

_TEXTS = ("index", "column", "check", "severity", "value", "reason")
_SCHEMA = pa.schema([("position", pa.int64()), *((name, pa.string()) for name in _TEXTS)])
# Failing cells, and labels of their rows, may be people's data.
_PRIVATE = ("index", "value")


class FailureCasesFile:
    """Writes failure cases to a Parquet file, part by part, with columns, index labels and values as text.

    Parameters
    ----------
    path : path-like
        Where to write them.
    show_values : bool
        Whether to include failing cells and the index labels of their rows. Then only the owner may read the file.

    Examples
    --------
    >>> import tempfile
    >>> cases = pd.DataFrame({"position": [7], "column": "n", "check": "number", "severity": "error", "value": 1j})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with FailureCasesFile(f"{folder}/cases.parquet", show_values=False) as file:
    ...         file.add(cases.assign(reason="n: must be a number"))
    ...     pd.read_parquet(f"{folder}/cases.parquet")[["position", "column"]].to_numpy().tolist()
    [[7, 'n']]

    Raises
    ------
    ConfigurationError
        The path is one of a file that is no table of failure cases.
    """

    def __init__(self, path: str | PathLike[str], *, show_values: bool) -> None:
        refuse_to_replace(path, is_own_cases)
        if show_values:
            make_private(Path(path))
        self._show_values = show_values
        self._writer = pq.ParquetWriter(path, _SCHEMA)

    def add(self, cases: pd.DataFrame) -> None:
        """Write the cases of some rows; without index labels, rows have their positions as labels."""
        columns = {"position": pa.array(cases["position"].to_numpy(dtype="int64"))}
        for name in _TEXTS:
            if name in _PRIVATE and not self._show_values:
                columns[name] = pa.nulls(len(cases), pa.string())
                continue
            cells = cases[name if name in cases.columns else "position"]
            columns[name] = pa.array(
                [None if _is_missing_cell(cell) else encodable_text(cell) for cell in cells], pa.string()
            )
        self._writer.write_table(pa.table(columns, schema=_SCHEMA))

    def __enter__(self) -> FailureCasesFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def is_own_cases(path: Path) -> bool:
    """Return whether a file holds failure cases."""
    return is_own_table(path, _SCHEMA.names)


def _is_missing_cell(cell: object) -> bool:
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))  # type: ignore[call-overload]


def encodable_text(thing: object) -> str:
    r"""Return text that a file can hold: lone surrogates become question marks.

    >>> encodable_text("half \ud83d")
    'half ?'
    """
    return str(thing).encode("utf-8", "replace").decode()
