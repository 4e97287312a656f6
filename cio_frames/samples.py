"""The sample tables and the notebooks that ship with the package."""

from __future__ import annotations

import shutil
from os import PathLike
from pathlib import Path

import pandas as pd

from cio_frames._util.did_you_mean import closest_name
from cio_frames.errors import FrameError
from cio_frames.spec.package_data import package_folder

# If a table is in both forms, its name alone is the typed one.
_ENDINGS = (".parquet", ".csv")
# Of notebooks, their guides, and what they read.
_COPIED_ENDINGS = {*_ENDINGS, ".ipynb", ".md", ".png", ".py", ".yaml", ".yml"}


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


def notebooks(folder: str | PathLike[str] = "cio-notebooks") -> Path:
    """Copy the tutorial notebooks that ship with the package to a folder, with the sample tables that they read.

    They send to the sandbox only. Files that are in the folder already stay as they are.

    Parameters
    ----------
    folder : path, default "cio-notebooks"
        Where to copy them; it is created if it does not exist.

    Returns
    -------
    Path
        The folder with the notebooks. Open it: ``jupyter lab cio-notebooks/notebooks``. JupyterLab is in the extra
        ``cio-frames[notebooks]``.

    Raises
    ------
    FrameError
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     copied = notebooks(f"{home}/tour")
    ...     (copied / "00_setup_and_configuration.ipynb").exists()
    True
    """
    target = Path(folder)
    # Side by side, as in the repository: notebooks read ../sample_data.
    sources = [package_folder(name) for name in ("notebooks", "sample_data")]
    files = [
        (path, target / source.name / path.relative_to(source))
        for source in sources
        for path in sorted(source.rglob("*"))
        if path.is_file() and path.suffix in _COPIED_ENDINGS
    ]
    try:
        for path, copy in files:
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists():
                shutil.copyfile(path, copy)
    except OSError as error:
        raise FrameError(f"Cannot copy the notebooks to {target}: {error.strerror}. Name another folder.") from error
    return target / "notebooks"
