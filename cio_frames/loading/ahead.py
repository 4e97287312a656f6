"""One item made ahead, in a thread: reading and checking go on while the item before is sent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_END = object()


@contextmanager
def ahead(items: Iterator[_Item]) -> Iterator[Iterator[_Item]]:
    """Yield an iterator over the same items, of which the next is made meanwhile.

    What fails while an item is made fails where the item is asked for.

    >>> with ahead(iter([1, 2])) as found:
    ...     list(found)
    [1, 2]
    """
    waiting: queue.Queue[tuple[object, BaseException | None]] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def put(item: object, error: BaseException | None = None) -> bool:
        while not stop.is_set():
            try:
                waiting.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(_END, error)

    def taken() -> Iterator[_Item]:
        while True:
            try:
                # In short turns, since a thread that waits for good does not hear Ctrl-C everywhere.
                item, error = waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]

    maker = threading.Thread(target=make, name="cio-frames-reader", daemon=True)
    maker.start()
    try:
        yield taken()
    finally:
        stop.set()
        maker.join(timeout=5.0)
