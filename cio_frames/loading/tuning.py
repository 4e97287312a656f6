"""Sizes and waits of a load that are not for users to set, in one place, so that tests can use smaller ones."""

from __future__ import annotations

from dataclasses import dataclass

from cio_frames.delivery.retry import DEFAULT_BACKOFF, Backoff

CHUNK_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class LoadTuning:
    """Sizes and waits of a load.

    Attributes
    ----------
    chunk_rows : int
        Rows that are read, sent and answered for together. It decides the numbers of chunks, so that a load is resumed
        with the size it started with.
    reasons_listed : int
        Of how many reasons a dry run names the first rows.
    log_seconds : float or None
        Seconds between lines of progress in the log. Default is a minute.
    backoff : Backoff
        How long to wait between attempts.
    """

    chunk_rows: int = CHUNK_ROWS
    reasons_listed: int = 50
    log_seconds: float | None = None
    backoff: Backoff = DEFAULT_BACKOFF


DEFAULT_TUNING = LoadTuning()
