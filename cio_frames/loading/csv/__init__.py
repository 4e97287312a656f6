"""CSV files, read strictly: what a file does not say is not guessed."""

from cio_frames.loading.csv.file import CsvFile, CsvSurvey
from cio_frames.loading.csv.options import CsvOptions, csv_options_from

__all__ = ["CsvFile", "CsvOptions", "CsvSurvey", "csv_options_from"]
