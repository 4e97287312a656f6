"""A part of a delivery: batches that have a common observer, such as those of one chunk of a load."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cio_frames.delivery.batching import Batch
from cio_frames.delivery.observer import Observer


@dataclass(frozen=True, slots=True)
class Part:
    """Batches that have a common observer.

    Attributes
    ----------
    batches : iterable of (lane, Batch)
        Consumed only as fast as they are sent. Batches of one lane go out in order, one at a time.
    observer : Observer
        Is notified of what happens to them.
    after : sequence of threading.Event
        What has to happen before the first batch is sent.
    """

    batches: Iterable[tuple[int, Batch]]
    observer: Observer
    after: Sequence[threading.Event] = ()
