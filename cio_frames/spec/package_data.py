"""Where the files that ship with the package are: ``schemas/``, ``sample_data/``, and ``notebooks/``."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def package_folder(folder: str) -> Path:
    """Return a shipped folder: inside an installed package, or at the top of a checkout.

    >>> sorted(path.name for path in package_folder("schemas").iterdir() if path.is_dir())
    ['calls', 'events']
    """
    installed = _PACKAGE / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder
