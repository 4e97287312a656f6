"""The version of this package."""

from __future__ import annotations

import functools
from importlib.metadata import PackageNotFoundError, version


@functools.cache
def package_version() -> str:
    """Return the version of this package; of one that is not installed, "unknown".

    >>> package_version()[0].isdigit()
    True
    """
    try:
        return version("cio-frames")
    except PackageNotFoundError:
        return "unknown"
