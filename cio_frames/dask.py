"""Registers ``ddf.cio``, the accessor of Dask frames: ``import cio_frames.dask``.

The functions of :mod:`cio_frames` take Dask frames without it.
"""

from __future__ import annotations

from cio_frames.accessor import CioAccessor
from cio_frames.errors import ConfigurationError

try:
    from dask.dataframe.extensions import register_dataframe_accessor
except ImportError as error:
    raise ConfigurationError("dask is not installed. Install it with pip install 'cio-frames[dask]'.") from error


@register_dataframe_accessor("cio")
class DaskCioAccessor(CioAccessor):
    """Send the rows of this Dask frame to Customer.io, at once; ``output=`` is required."""

    def __repr__(self) -> str:
        return f"<ddf.cio: {self._frame.npartitions:,} partitions, {len(self._frame.columns):,} columns>"
