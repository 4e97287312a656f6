"""Files of any size into the one flow, and a load that survives being killed."""

from cio_frames.loading.ledger import loads_in
from cio_frames.loading.load import folder_name, load, load_request
from cio_frames.loading.reading import read
from cio_frames.loading.result import LoadResult

__all__ = ["LoadResult", "folder_name", "load", "load_request", "loads_in", "read"]
