"""One file as one frame."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cio_frames.loading.source import TypesOf
from cio_frames.loading.sources import source_of


def read(path: str | Path, *, types_of: TypesOf = lambda labels: {}) -> pd.DataFrame:
    """Read Parquet or CSV files as one frame.

    Parquet keeps its own types. In a CSV file a column becomes numbers, or true and false, where every cell of it is
    plainly one; an id with leading zeros makes its column text. Empty cells are missing, and nothing else is: ``NA``
    stays text.

    Parameters
    ----------
    path : str or Path
        A file, a folder, or a pattern; names end in .parquet, .pq, .csv or .csv.gz.
    types_of : callable
        Given a CSV file's columns, returns the types that the spec has for them, in JSON Schema's words. Text stays
        text whatever it looks like; among numbers, a cell that is not one stays text, for validation to report.

    Raises
    ------
    FrameError
        The file is not found, its type is unsupported, or it cannot be read.

    Examples
    --------
    >>> from cio_frames.spec.package_data import package_folder
    >>> read(package_folder("sample_data") / "orders.csv")["customer_id"].iloc[0]
    '00004'
    """
    source = source_of(path)
    frames = [chunk.frame for chunk in source.chunks(types_of=types_of)]
    if not frames:
        labels = next(labels for _, labels in source.labels())
        return pd.DataFrame({label: pd.Series(dtype=object) for label in labels})
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
