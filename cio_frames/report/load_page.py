"""What a load came to, as one HTML page that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cio_frames.report.validation_page import environment

if TYPE_CHECKING:
    from cio_frames.loading.result import LoadResult

_REASONS_SHOWN = 500


def load_page(loaded: LoadResult) -> str:
    """Return the page; it holds counts and reasons, and no cell of any row."""
    reasons = sorted(
        ((status, reason, rows) for (status, reason), rows in loaded.reasons.items() if reason),
        key=lambda found: -found[2],
    )
    template = environment().get_template("load.html.j2")
    return template.render(loaded=loaded, reasons=reasons[:_REASONS_SHOWN], more_reasons=len(reasons[_REASONS_SHOWN:]))
