"""Files of any size through the one flow, in loads that can be resumed after they stopped or were killed."""

from cio_frames.loading.csv import CsvOptions
from cio_frames.loading.ledger_list import loads_in
from cio_frames.loading.load import folder_name, load, load_source
from cio_frames.loading.reading import read
from cio_frames.loading.result import LoadResult

__all__ = ["CsvOptions", "LoadResult", "folder_name", "load", "load_source", "loads_in", "read"]
