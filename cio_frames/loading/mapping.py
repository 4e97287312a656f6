"""Which columns of a source fed which fields."""

from __future__ import annotations

from cio_frames.pipeline import Prepared

_MAX_PAIRS = 1_000


class MappingSeen:
    """Collects the mapping of a source's chunks, which can have other columns than the first one."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], None] = {}

    def add(self, prepared: Prepared) -> None:
        """Add the mapping of one chunk."""
        for call_group in prepared.call_groups:
            for source in call_group.columns.sources:
                if len(self._pairs) < _MAX_PAIRS:
                    self._pairs.setdefault((str(source.label), ".".join(source.path)))

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return columns with their fields, each pair once."""
        return tuple(self._pairs)
