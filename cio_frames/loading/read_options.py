"""How a source is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cio_frames.loading.csv.options import CsvOptions


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read.

    Attributes
    ----------
    csv : CsvOptions
        How CSV files are written.
    partitions : bool
        Whether folders such as ``country=de`` directly above a file become columns.
    """

    csv: CsvOptions = field(default_factory=CsvOptions)
    partitions: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, ready for JSON.

        >>> ReadOptions(partitions=False).as_dict()
        {'partitions': False}
        """
        csv = self.csv.as_dict()
        return ({"csv": csv} if csv else {}) | ({} if self.partitions else {"partitions": False})
