"""Adds ``sdf.cio``, the accessor of Spark frames: ``import cio_frames.spark``.

The functions of :mod:`cio_frames` take Spark frames without it.
"""

from __future__ import annotations

from typing import Any

from cio_frames.accessor import CioAccessor
from cio_frames.errors import ConfigurationError

try:
    from pyspark.sql import DataFrame
except ImportError as error:
    raise ConfigurationError("pyspark is not installed. Install it with pip install 'cio-frames[spark]'.") from error


class SparkCioAccessor(CioAccessor):
    """Send the rows of this Spark frame to Customer.io, at once; ``output=`` is required."""

    def __repr__(self) -> str:
        return f"<sdf.cio: {len(self._frame.columns):,} columns>"


def _accessor(frame: Any) -> SparkCioAccessor:
    return SparkCioAccessor(frame)


def add_accessor(frames: type) -> None:
    """Add the accessor to a class of Spark frames, unless it is there."""
    if not hasattr(frames, "cio"):
        frames.cio = property(_accessor)  # type: ignore[attr-defined]


# The classic frame derives from this class, and so does that of Spark Connect.
add_accessor(DataFrame)
