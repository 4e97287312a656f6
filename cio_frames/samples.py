"""The sample tables that ship with the package."""

from __future__ import annotations

import pandas as pd

from cio_frames._util.did_you_mean import closest_name
from cio_frames.errors import FrameError
from cio_frames.spec.package_data import package_folder

# If a table is in both forms, its name alone is the typed one.
_ENDINGS = (".parquet", ".csv")


def sample(name: str) -> pd.DataFrame:
    """Read a sample table that ships with the package.

    All tables are made up, but for ``orders`` and ``customers``, which are real and anonymous; those that begin with
    ``bad_`` have invalid rows on purpose. ``sample_data/README.md`` describes each.

    Parameters
    ----------
    name : str
        Name of the table, such as ``"orders"``, ``"people"`` or ``"page_views"``. With an ending it is that file:
        ``"orders.csv"``.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    FrameError
        There is no such table; the text lists all of them.

    Examples
    --------
    >>> orders = sample("orders")
    >>> len(orders), orders.columns.tolist()
    (6919, ['customer_id', 'ordered_on', 'items', 'total'])
    """
    from cio_frames.loading import read

    folder = package_folder("sample_data")
    files = {path.name: path for ending in _ENDINGS for path in sorted(folder.glob(f"*{ending}"))}
    by_name = {path.stem: path for path in reversed(files.values())} | files
    if name not in by_name:
        names = sorted({path.stem for path in files.values()})
        closest = closest_name(str(name), names)
        hint = f" Did you mean {closest!r}?" if closest else ""
        raise FrameError(f"Sample table {name!r} not found.{hint} The tables are {', '.join(names)}.")
    return read(by_name[name])
