"""Files of any size into the one flow, and a load that survives being killed."""

from cio_frames.loading.reading import read

__all__ = ["read"]
